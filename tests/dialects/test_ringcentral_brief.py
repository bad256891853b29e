"""Every example that RingCentral's own guides print, sent as it is printed there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import quote

import pytest

from crossbar.dates import from_iso, gregorian
from crossbar.testing import World, small_world

from .ringcentral_desk import PDF, ROOT, Desk, code, desk_in, settings

DAY = from_iso("2012-08-26")


@pytest.fixture(scope="module")
async def desk(world: World) -> Desk:
    """An account for the tests of this file, with calls and messages in it."""
    desk = await desk_in(world)
    await desk.call("1" * 32, DAY + 5)
    await desk.call("2" * 32, DAY - 5)
    now = int(world.app.clock())
    await desk.message("a1" * 16, now - 60)
    await desk.message("a2" * 16, now - 50, type="pager")
    await desk.message("a3" * 16, now - 40, type="fax")
    return desk


@pytest.fixture(scope="module")
async def open_world() -> AsyncIterator[World]:
    """An application that takes tokens out of the query of files."""
    made = await small_world(settings=settings(query_token=True))
    yield made
    await made.app.stop()


async def test_the_uri_of_a_call_log(desk: Desk) -> None:
    """Explicit ids and `~` lead to the same list, from the day that `dateFrom` names on."""
    explicit = f"/restapi/v1.0/account/{desk.account}/extension/{desk.extension}/call-log?dateFrom=2012-08-26"
    spoken = "/restapi/v1.0/account/~/extension/~/call-log?dateFrom=2012-08-26"
    assert ["1" * 32] == await desk.ids(explicit) == await desk.ids(spoken)
    uris = {(await desk.get(path)).json()["uri"] for path in (explicit, spoken)}
    assert uris == {f"{ROOT}{explicit}&page=1&perPage=100"}


async def test_service_plan_information(desk: Desk) -> None:
    """`/restapi/v1.0/account/~/service-info`: there is one for an account, and no id leads to it."""
    answer = await desk.get("/restapi/v1.0/account/~/service-info")
    assert answer.status == 200
    assert answer.json()["uri"] == f"{ROOT}/restapi/v1.0/account/{desk.account}/service-info"


async def test_messages_by_their_type(desk: Desk) -> None:
    """One value of `messageType`, several, and none."""
    texts = f"/restapi/v1.0/account/~/extension/{desk.extension}/message-store?messageType=SMS"
    both = "/restapi/v1.0/account/~/extension/~/message-store?messageType=SMS&messageType=Pager"
    assert await desk.ids(texts) == ["a1" * 16]
    assert await desk.ids(both) == ["a2" * 16, "a1" * 16]
    assert len(await desk.ids("/account/~/extension/~/message-store")) == 3


async def test_the_versions(desk: Desk) -> None:
    """`GET /restapi/v1.0` has the shape that is printed, and more."""
    answer = await desk.get("/restapi/v1.0", {"accept": "application/json"})
    told = answer.json()
    assert {"uri", "apiVersions", "serverVersion", "serverRevision"} <= told.keys()
    assert told["uri"] == f"{ROOT}/restapi/"
    first = told["apiVersions"][0]
    assert first.keys() == {"uri", "versionString", "releaseDate", "uriString"}
    assert (first["uri"], first["uriString"]) == (f"{ROOT}/restapi/v1.0", "v1.0")
    from_iso(first["releaseDate"])


@pytest.mark.parametrize(
    ("query", "headers"),
    [
        pytest.param("", {"X-HTTP-Method-Override": "DELETE"}, id="the-header"),
        pytest.param("?_method=DELETE", {}, id="the-query"),
        pytest.param("?_method=DELETE", {"X-HTTP-Method-Override": "DELETE"}, id="both-the-same"),
    ],
)
async def test_tunnelled_methods(desk: Desk, query: str, headers: dict[str, str]) -> None:
    """A POST that stands for DELETE."""
    id = "4084362008"
    await desk.message(id)
    answer = await desk.ask("POST", f"/account/~/extension/~/message-store/{id}{query}", headers=headers)
    assert (answer.status, answer.body) == (204, b"")
    assert await desk.kept("messages", id) is None


@pytest.mark.parametrize(
    ("query", "header", "about"),
    [
        pytest.param("?_method=DELETE", "PUT", "_method", id="different"),
        pytest.param("?_method=GET", "", "_method", id="get"),
        pytest.param("?_method=BREW", "", "_method", id="unknown"),
        pytest.param("", "TRACE", "X-HTTP-Method-Override", id="unknown-header"),
    ],
)
async def test_tunnels_that_lead_nowhere(desk: Desk, query: str, header: str, about: str) -> None:
    """Header and query that contradict each other, and methods that cannot be tunnelled, are 400."""
    path = f"/account/~/extension/~/message-store/{'a1' * 16}{query}"
    answer = await desk.ask("POST", path, headers={"X-HTTP-Method-Override": header})
    assert code(answer) == (400, "CMN-101", about)
    assert await desk.kept("messages", "a1" * 16) is not None


async def test_what_is_no_post_is_not_tunnelled(desk: Desk) -> None:
    """Clients add `_method` to every request."""
    answer = await desk.get("/account/~?_method=DELETE", {"X-HTTP-Method-Override": "PUT"})
    assert (answer.status, answer.json()["id"]) == (200, desk.account)


@pytest.mark.parametrize(
    "agent",
    [
        "RCMobile/3.6.0 (RingCentral; Android/2.6; rev.12345)",
        "RCMobile/3.6.1 (OfficeAtHand; iOS/6.0; rev.987654)",
        "Softphone/6.2.0.11632",
    ],
)
@pytest.mark.parametrize("header", ["user-agent", "x-user-agent"])
async def test_user_agents(desk: Desk, agent: str, header: str) -> None:
    """Each of the printed names is welcome, in either header field."""
    assert (await desk.get("/account/~", {header: agent})).status == 200


async def test_the_message_store_as_it_is_printed(world: World) -> None:
    """The list of faxes: its URI with what took effect, and the keys of its records."""
    desk = await desk_in(world)
    sent = await fax_of(desk)
    listed = "/account/~/extension/~/message-store?messageType=Fax&availability=Alive&dateFrom=2018-10-07T09:19:00.000Z"
    answer = (await desk.get(listed)).json()
    home = f"{ROOT}/restapi/v1.0/account/{desk.account}/extension/{desk.extension}/message-store"
    query = "messageType=Fax&availability=Alive&dateFrom=2018-10-07T09:19:00.000Z&page=1&perPage=100"
    assert answer["uri"] == f"{home}?{query}"
    assert answer.keys() == {"uri", "records", "paging", "navigation"}
    [record] = answer["records"]
    assert record.keys() >= {
        *("uri", "id", "from", "type", "creationTime", "readStatus", "priority", "attachments"),
        *("direction", "availability", "messageStatus", "faxPageCount"),
    }
    assert (record["uri"], record["type"], record["from"]) == (
        f"{home}/{sent}",
        "Fax",
        {"phoneNumber": "+12125557464"},
    )
    [file] = record["attachments"]
    assert (file["uri"], file["type"], file["contentType"]) == (
        f"{home}/{sent}/content/{quote(file['id'], safe='')}",
        "RenderedDocument",
        "application/pdf",
    )
    assert (await desk.get(file["uri"].removeprefix(ROOT))).body == PDF


async def test_only_a_part_of_a_file(desk: Desk) -> None:
    """`Range: bytes=0-1023` is 206, with as much as there is; a range behind the end is 416."""
    id = await fax_of(desk)
    [file] = (await desk.get(f"/account/~/extension/~/message-store/{id}")).json()["attachments"]
    path = file["uri"].removeprefix(ROOT)
    answer = await desk.get(path, {"range": "bytes=0-1023"})
    assert (answer.status, answer.body) == (206, PDF)
    assert (await desk.get(path, {"range": "bytes=0-9"})).body == PDF[:10]
    assert code(await desk.get(path, {"range": "bytes=5000-"})) == (416, "CMN-107", None)


async def test_the_token_in_the_query(desk: Desk, open_world: World) -> None:
    """`?access_token=` opens files, and nothing else, and that only where the settings say so."""
    for each, opens in ((desk, False), (await desk_in(open_world), True)):
        id = await fax_of(each)
        [file] = (await each.get(f"/account/~/extension/~/message-store/{id}")).json()["attachments"]
        path = file["uri"].removeprefix(ROOT)
        token = each.client.headers["authorization"].partition(" ")[2]
        nobody = {"authorization": ""}
        answer = await each.get(f"{path}?access_token={token}", nobody)
        assert (answer.status, answer.body == PDF) == ((200, True) if opens else (401, False))
        assert (await each.get(f"/account/{each.account}?access_token={token}", nobody)).status == 401
        gone = await each.ask("DELETE", f"/account/~/extension/~/message-store/{id}?access_token={token}", None, nobody)
        assert gone.status == 401


@pytest.mark.parametrize(
    ("form", "from_then"),
    [
        pytest.param("2012", "2012-01-01T00:00:00Z", id="year"),
        pytest.param("2012-07", "2012-07-01T00:00:00Z", id="year-and-month"),
        pytest.param("2012-07-16", "2012-07-16T00:00:00Z", id="date"),
        pytest.param("2012-07-16T23:12Z", "2012-07-16T23:12:00Z", id="minutes"),
        pytest.param("2012-07-16T23:12:30", "2012-07-16T23:12:30Z", id="without-zone"),
        pytest.param("2012-07-16T23:12:30Z", "2012-07-16T23:12:30Z", id="seconds"),
        pytest.param("2012-07-16T23:12:30+04:00", "2012-07-16T19:12:30Z", id="raw-plus"),
        pytest.param("2012-07-16T23:12:30%2B04:00", "2012-07-16T19:12:30Z", id="encoded-plus"),
        pytest.param("2012-07-16T23:12:30.45Z", "2012-07-16T23:12:30Z", id="fraction"),
    ],
)
async def test_forms_of_dates(world: World, form: str, from_then: str) -> None:
    """Every printed form; a call of that very second is in the list, one of the second before is not."""
    desk = await desk_in(world)
    at = from_iso(from_then)
    await desk.call("1" * 32, at)
    await desk.call("2" * 32, at - 1)
    assert await desk.ids(f"/account/~/call-log?dateFrom={form}") == ["1" * 32]


async def test_fractions_of_bounds_are_cut_off(world: World) -> None:
    """`23:12:30.45` and `23:12:30` are the same bound, at either end."""
    desk = await desk_in(world)
    at = from_iso("2012-07-16T23:12:30Z")
    await desk.call("1" * 32, at)
    await desk.call("2" * 32, at + 1)
    for text in ("2012-07-16T23:12:30.45Z", "2012-07-16T23:12:30Z"):
        assert await desk.ids(f"/account/~/call-log?dateFrom=2012&dateTo={text}") == ["1" * 32]
    [record] = (await desk.get("/account/~/call-log?dateFrom=2012&dateTo=2012-07-16T23:12:30Z")).json()["records"]
    assert record["startTime"] == "2012-07-16T23:12:30.000Z"


@pytest.mark.parametrize("text", ["yesterday", "2012-13", "2012-07-16T25:00Z", "16.07.2012", ""])
@pytest.mark.parametrize("word", ["dateFrom", "dateTo"])
async def test_what_is_no_date(desk: Desk, word: str, text: str) -> None:
    """Anything else is refused by the name of the parameter."""
    assert code(await desk.get(f"/account/~/call-log?{word}={text}")) == (400, "CMN-101", word)


async def fax_of(desk: Desk) -> str:
    """A fax with one document, which the extension has sent."""
    numbers = {"from": {"phoneNumber": "+12125557464"}, "to": [{"phoneNumber": "+12125559976"}]}
    facts = {"faxPageCount": 1, "timestamp": gregorian(int(desk.world.app.clock()))}
    id = str((await desk.made("/account/~/extension/~/fax", numbers | facts))["id"])
    sent = await desk.ask(
        "POST",
        f"/account/~/extension/~/fax/{id}/attachments",
        body=PDF,
        headers={"content-type": "application/pdf", "x-file-name": "letter, first.pdf"},
    )
    assert sent.status in (200, 201), sent.body
    return id
