"""Several ids in one path: what each leads to, told together as multipart or as JSON."""

from __future__ import annotations

from typing import Any

import pytest

from crossbar.testing import World

from .ringcentral_desk import BOUNDARY, NOWHERE, ROOT, Desk, code, desk_in, multipart, parts

VENDOR = "application/vnd.ringcentral.multipart+json"
DEVICES = "/account/~/extension/~/device"


@pytest.fixture
async def desk(world: World) -> Desk:
    """An account of one test's own."""
    return await desk_in(world)


async def test_two_devices(desk: Desk) -> None:
    """Each has its state and its own part, in the order of the ids."""
    one, two = await desk.device("One"), await desk.device("Two")
    states, bodies = parts(await desk.get(f"{DEVICES}/{two},{one}"))
    assert [body["name"] for body in bodies] == ["Two", "One"]
    home = f"{ROOT}/restapi/v1.0/account/{desk.account}/extension/{desk.extension}/device"
    assert states == [{"href": f"{home}/{id}", "status": 200, "responseDescription": "OK"} for id in (two, one)]
    assert bodies == [(await desk.get(f"{DEVICES}/{id}")).json() for id in (two, one)]


async def test_one_of_them_is_not_there(desk: Desk) -> None:
    """It has a state and an error of its own."""
    one = await desk.device()
    states, bodies = parts(await desk.get(f"{DEVICES}/{one},{NOWHERE}"))
    assert [(state["status"], state["responseDescription"]) for state in states] == [(200, "OK"), (404, "Not Found")]
    assert (bodies[1]["errorCode"], bodies[1]["parameterName"]) == ("CMN-102", "deviceId")
    assert states[1]["href"].endswith(f"/device/{NOWHERE}")


@pytest.mark.parametrize("written", ["{0}", "{0},", ",{0}", "{0},{0}", "{0}%2C{0}"])
async def test_a_single_id_is_answered_as_ever(desk: Desk, written: str) -> None:
    """One id is 200 and plain, however many commas there are; an id that stands there twice counts once."""
    one = await desk.device()
    answer = await desk.get(f"{DEVICES}/{written.format(one)}")
    assert (answer.status, answer.json()["id"]) == (200, one)


async def test_encoded_commas(desk: Desk) -> None:
    """A comma that is encoded stands between ids as well: there is no id with one."""
    one, two = await desk.device("One"), await desk.device("Two")
    assert len(parts(await desk.get(f"{DEVICES}/{one}%2C{two}"))[1]) == 2


async def test_nothing_but_commas(desk: Desk) -> None:
    """That is no id at all."""
    assert code(await desk.get(f"{DEVICES}/,")) == (404, "CMN-102", "deviceId")


async def test_in_the_middle_of_a_path(desk: Desk) -> None:
    """The lists of several extensions, each with the window that took effect in its own URI."""
    other, _ = await desk.person(number="102")
    third, _ = await desk.person(number="103")
    device = await desk.device()
    ids = f"{desk.extension},{other},{third}"
    states, bodies = parts(await desk.get(f"/account/~/extension/{ids}/device"))
    assert [[record["id"] for record in body["records"]] for body in bodies] == [[device], [], []]
    assert [state["href"].split("/")[-2] for state in states] == ids.split(",")
    _, logs = parts(await desk.get(f"/account/~/extension/~,{other}/call-log"))
    assert all("dateFrom=" in log["uri"] for log in logs)
    assert f"/extension/{desk.extension}/call-log" in logs[0]["uri"]


async def test_as_json(desk: Desk) -> None:
    """Clients that accept it get an array, with the ids as they were asked for."""
    one = await desk.device()
    answer = await desk.get(f"{DEVICES}/{one},{NOWHERE}", {"accept": VENDOR})
    assert (answer.status, answer.headers["content-type"]) == (207, VENDOR)
    rows = answer.json()
    assert [(row["resourceId"], row["status"]) for row in rows] == [(one, 200), (NOWHERE, 404)]
    assert (rows[0]["body"]["id"], rows[1]["body"]["errorCode"]) == (one, "CMN-102")


@pytest.mark.parametrize(
    ("accept", "shape"),
    [
        pytest.param("", "multipart/mixed", id="nothing"),
        pytest.param("*/*", "multipart/mixed", id="all"),
        pytest.param("application/json", "multipart/mixed", id="json"),
        pytest.param("application/json, text/plain, */*", "multipart/mixed", id="a-known-client"),
        pytest.param("multipart/mixed", "multipart/mixed", id="multipart"),
        pytest.param(f"{VENDOR}, multipart/mixed;q=0.5", VENDOR, id="rather-json"),
        pytest.param(f"multipart/mixed, {VENDOR};q=0.5", "multipart/mixed", id="rather-multipart"),
    ],
)
async def test_what_the_client_accepts(desk: Desk, accept: str, shape: str) -> None:
    """The forms by what clients say; for a single id each of them means JSON."""
    one, two = await desk.device("One"), await desk.device("Two")
    many = await desk.get(f"{DEVICES}/{one},{two}", {"accept": accept})
    assert many.headers["content-type"].partition(";")[0] == shape
    assert (await desk.get(f"{DEVICES}/{one}", {"accept": accept})).json()["id"] == one


async def test_what_there_is_not(desk: Desk) -> None:
    """Other forms are 406."""
    one, two = await desk.device("One"), await desk.device("Two")
    answer = await desk.get(f"{DEVICES}/{one},{two}", {"accept": "text/csv"})
    assert code(answer) == (406, "CMN-407", None)


# Changes.


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
async def test_one_body_for_all(desk: Desk, method: str) -> None:
    """A plain object is meant for each of the ids."""
    ids = [await desk.device("One"), await desk.device("Two")]
    _, bodies = parts(await desk.ask(method, f"{DEVICES}/{','.join(ids)}", {"status": "Offline"}))
    assert [(body["name"], body["status"]) for body in bodies] == [("One", "Offline"), ("Two", "Offline")]
    assert [(await desk.kept("devices", id))["enabled"] for id in ids] == [False, False]


async def test_a_body_for_each_as_multipart(desk: Desk) -> None:
    """One part for each id, in their order."""
    ids = [await desk.device("One"), await desk.device("Two")]
    body = multipart(
        ("Content-Type: application/json", b'{"name": "Uno"}'), ("Content-Type: application/json", b'{"name": 5}')
    )
    headers = {"content-type": f"multipart/mixed; boundary={BOUNDARY}"}
    states, bodies = parts(await desk.ask("PUT", f"{DEVICES}/{','.join(ids)}", headers=headers, body=body))
    assert [state["status"] for state in states] == [200, 400]
    assert (bodies[0]["name"], bodies[1]["parameterName"]) == ("Uno", "name")
    assert [(await desk.kept("devices", id))["name"] for id in ids] == ["Uno", "Two"]


async def test_messages_as_multipart(desk: Desk) -> None:
    """Where a body of that type would be a file, it is bodies all the same if there are several ids."""
    for id in ("a1" * 16, "a2" * 16):
        await desk.message(id)
    part = ("Content-Type: application/json", b'{"readStatus": "Read"}')
    headers = {"content-type": f"multipart/mixed; boundary={BOUNDARY}"}
    path = f"/account/~/extension/~/message-store/{'a1' * 16},{'a2' * 16}"
    _, bodies = parts(await desk.ask("PUT", path, headers=headers, body=multipart(part, part)))
    assert [body["readStatus"] for body in bodies] == ["Read", "Read"]


@pytest.mark.parametrize("content_type", [VENDOR, "application/json"])
async def test_a_body_for_each_as_json(desk: Desk, content_type: str) -> None:
    """An array with a body for each id."""
    ids = [await desk.device("One"), await desk.device("Two")]
    sent = [{"body": {"name": "Uno"}}, {"body": {"name": "Due"}, "resourceId": ids[1]}]
    answer = await desk.ask("PATCH", f"{DEVICES}/{','.join(ids)}", sent, {"content-type": content_type})
    assert [body["name"] for body in parts(answer)[1]] == ["Uno", "Due"]


async def test_ids_in_the_body(desk: Desk) -> None:
    """`*` in the path, and each id beside its body."""
    ids = [await desk.device("One"), await desk.device("Two")]
    sent = [{"resourceId": id, "body": {"name": f"Device {at}"}} for at, id in enumerate(ids)]
    answer = await desk.ask("PUT", f"{DEVICES}/*", sent, {"accept": VENDOR})
    assert [(row["resourceId"], row["body"]["name"]) for row in answer.json()] == [
        (ids[0], "Device 0"),
        (ids[1], "Device 1"),
    ]


async def test_deletion(desk: Desk) -> None:
    """204 if all went well, else 207 with the state of each; those that are there go in any case."""
    ids = [await desk.device(name) for name in ("One", "Two", "Three")]
    gone = await desk.ask("DELETE", f"{DEVICES}/{ids[0]},{ids[1]}")
    assert (gone.status, gone.body) == (204, b"")
    states, bodies = parts(await desk.ask("DELETE", f"{DEVICES}/{ids[0]},{ids[2]}"))
    assert [state["status"] for state in states] == [404, 204]
    assert (bodies[0]["errorCode"], bodies[1]) == ("CMN-102", {})
    assert await desk.ids(DEVICES) == []


async def test_deletion_with_ids_in_the_body(desk: Desk) -> None:
    """`*` in the path, an array of ids in the body, also behind a POST."""
    ids = [await desk.device("One"), await desk.device("Two")]
    override = {"x-http-method-override": "DELETE"}
    assert (await desk.ask("POST", f"{DEVICES}/*", [*ids, ids[0]], override)).status == 204
    assert await desk.ids(DEVICES) == []


@pytest.mark.parametrize("id", ["x" * 257, "a\r\nX: b", "", None, True, {}])
async def test_what_is_no_id_in_a_body(desk: Desk, id: Any) -> None:
    """What could not stand in a path is none in a body either."""
    refused = await desk.ask("DELETE", "/account/~/device/*", [id])
    assert (400, "CMN-103") == (refused.status, refused.json()["errorCode"])
