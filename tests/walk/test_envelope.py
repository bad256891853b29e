"""The envelope around every answer and every refusal."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import orjson
import pytest

from crossbar.dates import gregorian
from crossbar.testing import Client, Clock, Response, World

from .tools import ONE_STORE, Home, body_fields, ids, refused, token_field, wire, wrapped

pytestmark = ONE_STORE

TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")

# Crossbar reference, 3.2: key, type. `version` and `auth_token` belong to callers who are known.
ALWAYS: dict[str, type] = {"data": object, "status": str, "request_id": str, "node": str, "timestamp": str}
KNOWN: dict[str, type] = {"auth_token": str, "version": str}
ERROR: dict[str, type] = {"error": str, "message": str}
DOCUMENT: dict[str, type] = {"revision": str, "metadata": dict}
LISTING: dict[str, type] = {"revision": str, "page_size": int, "start_key": str, "next_start_key": str}


def wrong_keys(envelope: dict[str, Any], *tables: dict[str, type]) -> list[str]:
    """The keys that are missing, of another type than the tables say, or in no table."""
    wanted = {key: kind for table in tables for key, kind in table.items()}
    wrong = [key for key, kind in wanted.items() if key not in envelope or not isinstance(envelope[key], kind)]
    # NOTE: `tokens` belongs to the rate limiter; it may be there and has a test of its own.
    return wrong + sorted(set(envelope) - set(wanted) - {"tokens"})


async def test_the_envelope_of_a_document_has_every_key(home: Home) -> None:
    """A document comes with data, status, the request's id and time, revision, metadata, token and version."""
    id = await home.made("/devices", {"name": "Desk"})
    envelope = (await home.get(f"/devices/{id}")).json()
    assert [] == wrong_keys(envelope, ALWAYS, KNOWN, DOCUMENT)
    assert "success" == envelope["status"]
    assert home.client.token == envelope["auth_token"]
    assert TIMESTAMP.fullmatch(envelope["timestamp"])
    assert {"id": id} == {key: envelope["data"][key] for key in ("id",)}
    assert {"id", "created", "modified"} <= set(envelope["metadata"])


async def test_the_envelope_of_a_listing_has_every_key(home: Home) -> None:
    """A page comes with the number of its rows and the keys of this page and the next one."""
    for name in ("one", "two"):
        await home.made("/devices", {"name": name})
    envelope = (await home.get("/devices?page_size=1")).json()
    assert [] == wrong_keys(envelope, ALWAYS, KNOWN, LISTING)
    assert 1 == envelope["page_size"] == len(envelope["data"])


async def test_the_envelope_of_a_created_document_has_every_key(home: Home) -> None:
    """What was made comes back like what is read."""
    envelope = (await home.put("/devices", {"name": "Desk"})).json()
    assert [] == wrong_keys(envelope, ALWAYS, KNOWN, DOCUMENT)


async def test_the_envelope_of_a_deleted_document_has_every_key(home: Home) -> None:
    """What was deleted comes back once more, and its metadata says that it is gone."""
    id = await home.made("/devices", {"name": "Desk"})
    response = await home.delete(f"/devices/{id}")
    assert 200 == response.status
    assert [] == wrong_keys(response.json(), ALWAYS, KNOWN, DOCUMENT)
    assert "Desk" == response.data["name"]
    assert response.json()["metadata"]["deleted"] is True


async def test_the_envelope_of_an_error_has_every_key(home: Home) -> None:
    """A refusal comes with the status as text and a machine word."""
    envelope = (await home.get("/devices/nobody")).json()
    assert [] == wrong_keys(envelope, ALWAYS, KNOWN, ERROR)
    assert ("error", "404", "bad_identifier") == (envelope["status"], envelope["error"], envelope["message"])
    assert "nobody" == envelope["data"]["cause"]


async def test_the_envelope_of_an_unknown_caller_has_no_version_and_no_token(world: World) -> None:
    """Who is not known learns neither the server's version nor anything about a token."""
    envelope = (await Client(world.app).get("/about")).json()
    assert [] == wrong_keys(envelope, ALWAYS, ERROR)


async def test_the_envelope_of_a_login_has_every_key(world: World) -> None:
    """A login comes with the new token, and with the account and user that it stands for."""
    client = Client(world.app)
    response = await client.login("reseller", "admin", "crossbar")
    envelope = response.json()
    assert [] == wrong_keys(envelope, ALWAYS, {"auth_token": str}, {"version": str} if "version" in envelope else {})
    assert {"account_id": str, "owner_id": str, "account_name": str, "language": str, "reseller_id": str} == {
        key: type(response.data[key]) for key in ("account_id", "owner_id", "account_name", "language", "reseller_id")
    }
    assert (bool, list) == (type(response.data["is_reseller"]), type(response.data["apps"]))


async def test_metadata_and_revision_follow_a_document(home: Home, clock: Clock) -> None:
    """The revision changes with each write; metadata keeps the creation time, in Gregorian seconds as filters do."""
    first = await home.put("/devices", {"name": "Desk"})
    path = f"/devices/{first.data['id']}"
    second = await home.patch(path, {"name": "Hall"})
    third = await home.get(path)
    revisions = [response.json()["revision"] for response in (first, second, third)]
    assert revisions[0] != revisions[1] == revisions[2]
    created = [response.json()["metadata"]["created"] for response in (first, second, third)]
    # A client that takes `created` out of one answer and sends it as `created_to` must find the document again.
    assert [gregorian(int(clock.now))] * 3 == created
    assert [first.data["id"]] == ids(await home.get(f"/devices?created_from={created[0]}&created_to={created[0]}"))


async def test_the_metadata_of_a_deleted_document_keeps_its_times(home: Home) -> None:
    """A deletion says when the document was made, in the same unit as everywhere else."""
    first = await home.put("/devices", {"name": "Desk"})
    gone = await home.delete(f"/devices/{first.data['id']}")
    assert first.json()["metadata"]["created"] == gone.json()["metadata"]["created"]
    assert gone.json()["metadata"]["modified"] >= first.json()["metadata"]["modified"]


REFUSALS: list[Any] = [
    pytest.param(404, "not_found", "GET", "/v2/nothing", b"", (), id="404-unknown-endpoint"),
    pytest.param(404, "not_found", "GET", "/nothing", b"", (), id="404-no-version"),
    pytest.param(404, "not_found", "GET", "/", b"", (), id="404-root"),
    pytest.param(404, "bad_identifier", "GET", "{home}/devices/x", b"", (), id="404-unknown-id"),
    pytest.param(404, "not_found", "GET", "{home}/devices/x/y/z", b"", (), id="404-arity"),
    pytest.param(405, "invalid_method", "DELETE", "{home}/devices", b"", (), id="405"),
    pytest.param(405, "invalid_method", "BREW", "{home}/devices", b"", (), id="405-unheard-of"),
    pytest.param(406, "not_acceptable", "GET", "{home}/devices", b"", ((b"accept", b"image/png"),), id="406"),
    pytest.param(413, "content_too_large", "PUT", "{home}/devices", b" " * 2_000_000, (), id="413"),
    pytest.param(414, "uri_too_long", "GET", "{home}/devices?x=" + "y" * 9000, b"", (), id="414"),
    pytest.param(
        415, "unsupported_media_type", "PUT", "{home}/devices", b"<a/>", ((b"content-type", b"text/xml"),), id="415"
    ),
    pytest.param(
        431, "headers_too_large", "GET", "/v2/about", b"", tuple((b"x-%d" % n, b"1") for n in range(200)), id="431-many"
    ),
    pytest.param(431, "headers_too_large", "GET", "/v2/about", b"", ((b"x-long", b"1" * 20_000),), id="431-long"),
    pytest.param(400, "invalid request envelope", "PUT", "{home}/devices", b"{", (), id="400-not-json"),
    pytest.param(400, "validation error", "PUT", "{home}/devices", b'{"data":{}}', (), id="400-validation"),
    pytest.param(400, "bad_verb", "GET", "{home}/devices?verb=DELETE", b"", (), id="400-verb"),
    pytest.param(400, "bad_path", "GET", "/v2/%zz", b"", (), id="400-path"),
    pytest.param(400, "bad_query", "GET", "/v2/about?%ff", b"", (), id="400-query"),
    pytest.param(400, "bad_page_size", "GET", "{home}/devices?page_size=0", b"", (), id="400-page-size"),
    pytest.param(401, "invalid_credentials", "GET", "/v2/about", b"", ((b"x-auth-token", b"nonsense"),), id="401"),
    pytest.param(403, "forbidden", "DELETE", "/v2/account", b"", (), id="403"),
    pytest.param(403, "forbidden", "GET", "/v2/devices", b"", (), id="403-no-account"),
    pytest.param(409, "account_has_descendants", "DELETE", "{customer}", b"", (), id="409"),
    pytest.param(412, "precondition_failed", "DELETE", "{home}", b"", ((b"if-match", b'"0"'),), id="412"),
    pytest.param(500, "unspecified_fault", "GET", "/v2/crashing", b"", (), id="500"),
    pytest.param(500, "unspecified_fault", "PUT", "/v2/crashing", b"", (), id="500-while-rendering"),
    pytest.param(503, "unavailable", "GET", "/v2/away", b"", (), id="503"),
]


async def sent(
    home: Home, method: str, target: str, body: bytes, fields: Sequence[tuple[bytes, bytes]], *more: tuple[bytes, bytes]
) -> Response:
    """Send one request of the table."""
    target = target.format(home=f"/v2/accounts/{home.id}", customer=f"/v2/accounts/{home.world.customer}")
    names = {name for name, _ in fields}
    headers = [field for field in (token_field(home.client), *more) if field[0] not in names]
    if body:
        headers += [field for field in body_fields(body) if field[0] not in names]
    return await wire(home.world.app, method, target.encode(), [*headers, *fields], [body])


@pytest.mark.parametrize(("status", "message", "method", "target", "body", "fields"), REFUSALS)
async def test_every_refusal_has_the_envelope(
    home: Home,
    status: int,
    message: str,
    method: str,
    target: str,
    body: bytes,
    fields: tuple[tuple[bytes, bytes], ...],
) -> None:
    """Each way to be refused gives the envelope as exactly application/json, with its status as text and its word."""
    response = await sent(home, method, target, body, fields, (b"x-request-id", b"my-request.1"))
    data = refused(response, status, message)
    assert "my-request.1" == response.json()["request_id"]
    assert str(len(response.body)) == response.headers["content-length"]
    assert [] == [key for key in ALWAYS if key not in response.json()]
    # A violation stands under its field, everything else has a sentence.
    assert data.get("message") or all(isinstance(codes, dict) for codes in data.values())


@pytest.mark.parametrize(
    ("status", "message", "method", "target", "body", "fields"), [row for row in REFUSALS if row.values[2] == "GET"]
)
async def test_a_refusal_of_head_has_no_body(
    home: Home,
    status: int,
    message: str,
    method: str,
    target: str,
    body: bytes,
    fields: tuple[tuple[bytes, bytes], ...],
) -> None:
    """HEAD is refused like GET, without the body."""
    response = await sent(home, "HEAD", target, body, fields)
    assert (status, b"", "application/json") == (response.status, response.body, response.headers["content-type"])


async def test_a_refusal_says_retry_after_when_it_is_worth_it(client: Client) -> None:
    """A 503 says when to come back."""
    response = await client.get("/away")
    assert response.headers["retry-after"].isdigit()


@pytest.mark.parametrize(
    "sane",
    ["a", "req-1", "A.b_c-9", "0" * 64, "3f2504e0-4f89-11d3-9a0c-0305e82c3301"],
    ids=["short", "words", "marks", "longest", "uuid"],
)
@pytest.mark.parametrize("path", ["/v2/about", "/v2/nothing", "/x"], ids=["success", "error", "no-api"])
async def test_a_sane_request_id_is_echoed(client: Client, sane: str, path: str) -> None:
    """The client's own id of a request comes back in header and body."""
    response = await wire(client.app, "GET", path.encode(), [token_field(client), (b"x-request-id", sane.encode())])
    assert (sane, sane) == (response.headers["x-request-id"], response.json()["request_id"])


INSANE = {
    "empty": b"",
    "blank": b" ",
    "too-long": b"0" * 65,
    "blank-inside": b"a b",
    "tab": b"a\tb",
    "crlf": b"a\r\nx-evil: 1",
    "line-end": b"a\n",
    "markup": b"<script>",
    "slash": b"a/b",
    "quote": b'a"b',
    "semicolon": b"a;b",
    "latin": b"\xe4",
    "emoji": b"\xf0\x9f\x98\x80",
    "nul": b"a\0b",
}


@pytest.mark.parametrize("insane", INSANE.values(), ids=INSANE)
async def test_an_insane_request_id_is_replaced(client: Client, insane: bytes) -> None:
    """What could forge a log line or a header is replaced by an id of ours, the same in header and body."""
    response = await wire(client.app, "GET", b"/v2/about", [token_field(client), (b"x-request-id", insane)])
    id = response.headers["x-request-id"]
    assert id == response.json()["request_id"]
    assert REQUEST_ID.fullmatch(id)
    assert insane.decode("latin-1") != id


async def test_request_ids_made_here_differ(client: Client) -> None:
    """Two requests without an id of their own get different ones."""
    first, second = await client.get("/about"), await client.get("/about")
    assert first.headers["x-request-id"] != second.headers["x-request-id"]


async def test_a_crash_is_fatal_and_nothing_leaks(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    """A crashing endpoint gives `fatal` without a word about the fault, which the log has under the request's id."""
    response = await client.get("/crashing")
    refused(response, 500, "unspecified_fault")
    for secret in (b"secret", b"/etc", b"RuntimeError", b"Traceback", b"crashing"):
        assert secret not in response.body
    assert response.headers["x-request-id"] in caplog.text
    assert "RuntimeError" in caplog.text


async def test_other_requests_go_on_after_a_crash(home: Home) -> None:
    """A crash is the matter of one request only."""
    refused(await home.client.get("/crashing"), 500)
    assert 200 == (await home.get("/devices")).status


async def test_a_crash_in_finish_does_not_reach_the_client(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    """What an endpoint does after the response can only end in the log."""
    response = await client.get("/late")
    assert (200, {"fine": True}) == (response.status, response.data)
    assert "too late" in caplog.text


@pytest.mark.parametrize(
    ("query", "fields", "envelope"),
    [
        pytest.param("?pretty_print=true", {}, None, id="query"),
        pytest.param("", {"X-Pretty-Print": "true"}, None, id="header"),
        pytest.param("", {"x-pretty-print": "true"}, None, id="header-in-small-letters"),
        pytest.param("", {}, {"pretty_print": True}, id="envelope"),
    ],
)
async def test_pretty_print(home: Home, query: str, fields: dict[str, str], envelope: dict[str, Any] | None) -> None:
    """The answer is indented if header, query or envelope ask for it, and says the same."""
    if envelope is None:
        response = await home.get(query, headers=fields)
    else:
        body = orjson.dumps({"data": {}, "verb": "GET", **envelope})
        response = await home.client.request("POST", home.at(), body=body)
    assert 200 == response.status
    assert response.body.startswith(b'{\n  "data": {\n    "')
    plain = (await home.get("")).json()
    same = response.json()
    for each in (plain, same):
        del each["request_id"]
    assert plain == same


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        pytest.param("", {}, id="unasked"),
        pytest.param("?pretty_print=false", {}, id="query-false"),
        pytest.param("?pretty_print=", {}, id="query-empty"),
        pytest.param("", {"X-Pretty-Print": "false"}, id="header-false"),
        pytest.param("", {"X-Pretty-Print": "yes"}, id="header-yes"),
    ],
)
async def test_no_pretty_print(home: Home, query: str, fields: dict[str, str]) -> None:
    """Only `true` is true: everything else leaves the answer in one line."""
    assert b"\n" not in (await home.get(query, headers=fields)).body


async def test_pretty_print_does_not_blow_up_an_answer(home: Home) -> None:
    """A document that would become many times its size by indentation is sent as it is."""
    deep: Any = [0] * 50_000
    for _ in range(50):
        deep = [deep]
    id = await home.made("/devices", {"name": "Desk", "deep": deep})
    compact = await home.get(f"/devices/{id}")
    indented = await home.get(f"/devices/{id}?pretty_print=true")
    assert compact.data == indented.data
    assert len(indented.body) <= 1024 * 1024


async def test_there_is_no_jsonp(home: Home) -> None:
    """`jsonp` is passed over: an answer is never a script."""
    response = await home.get("?jsonp=alert")
    assert ("application/json", True) == (response.headers["content-type"], response.body.startswith(b'{"data":'))


@pytest.mark.parametrize("path", ["", "/devices", "/devices?accept=csv", "/devices?paginate=false", "/devices/x"])
async def test_no_answer_is_sniffed_or_kept(home: Home, path: str) -> None:
    """Browsers may not guess another type, and caches may not keep what belongs to one account."""
    headers = (await home.get(path)).headers
    assert ("nosniff", "no-store") == (headers["x-content-type-options"], headers["cache-control"])


async def test_refusals_are_pretty_too(home: Home) -> None:
    """A refusal is indented like an answer."""
    assert b'{\n  "data": {\n' == (await home.get("/devices/x?pretty_print=true")).body[:14]


async def test_etag_is_the_quoted_revision(home: Home) -> None:
    """A document's ETag is strong, quoted, and says the same as `revision`."""
    id = await home.made("/devices", {"name": "Desk"})
    response = await home.get(f"/devices/{id}")
    assert f'"{response.json()["revision"]}"' == response.headers["etag"]


@pytest.mark.parametrize("form", ["{tag}", "W/{tag}", '"x", {tag}', "*"], ids=["same", "weak", "one-of", "any"])
async def test_if_none_match_spares_the_body(home: Home, form: str) -> None:
    """Who has the present revision gets 304 without a body (RFC 9110, 13.1.2 compares weakly)."""
    id = await home.made("/devices", {"name": "Desk"})
    tag = (await home.get(f"/devices/{id}")).headers["etag"]
    response = await home.get(f"/devices/{id}", headers={"If-None-Match": form.format(tag=tag)})
    assert (304, b"", tag) == (response.status, response.body, response.headers["etag"])


async def test_if_none_match_of_an_old_revision_gives_the_document(home: Home) -> None:
    """Who has an older revision gets the new one."""
    first = await home.put("/devices", {"name": "Desk"})
    path = f"/devices/{first.data['id']}"
    await home.patch(path, {"name": "Hall"})
    response = await home.get(path, headers={"If-None-Match": first.headers["etag"]})
    assert (200, "Hall") == (response.status, response.data["name"])


async def test_if_none_match_is_for_readers_only(home: Home) -> None:
    """A write is not spared."""
    first = await home.put("/devices", {"name": "Desk"})
    path = f"/devices/{first.data['id']}"
    response = await home.patch(path, {"name": "Hall"}, headers={"If-None-Match": first.headers["etag"]})
    assert (200, "Hall") == (response.status, response.data["name"])


WRITES: list[Any] = [("POST", {"name": "Hall"}), ("PATCH", {"name": "Hall"}), ("DELETE", None)]


@pytest.mark.parametrize(("method", "data"), WRITES, ids=["replace", "patch", "delete"])
@pytest.mark.parametrize("form", ["{tag}", '"x", {tag}', "*"], ids=["same", "one-of", "any"])
async def test_if_match_of_the_present_revision_lets_the_write_through(
    home: Home, method: str, data: Any, form: str
) -> None:
    """Who read the present revision may write."""
    first = await home.put("/devices", {"name": "Desk"})
    headers = {"If-Match": form.format(tag=first.headers["etag"])}
    response = await home.client.request(method, home.at(f"/devices/{first.data['id']}"), data, headers=headers)
    assert 200 == response.status


@pytest.mark.parametrize(("method", "data"), WRITES, ids=["replace", "patch", "delete"])
@pytest.mark.parametrize("form", ['"0"', "W/{tag}", "{old}", "nonsense"], ids=["unheard", "weak", "old", "unquoted"])
async def test_if_match_of_another_revision_changes_nothing(home: Home, method: str, data: Any, form: str) -> None:
    """Who read another revision is told so, and the document stays as it is; weak tags never match (13.1.1)."""
    first = await home.put("/devices", {"name": "Desk"})
    path = f"/devices/{first.data['id']}"
    second = await home.patch(path, {"name": "Door"})
    headers = {"If-Match": form.format(tag=second.headers["etag"], old=first.headers["etag"])}
    response = await home.client.request(method, home.at(path), data, headers=headers)
    refused(response, 412, "precondition_failed")
    assert "Door" == (await home.get(path)).data["name"]


async def test_a_listing_has_the_same_revision_for_the_same_rows(home: Home) -> None:
    """The revision of a page follows its rows, and nothing else."""
    await home.made("/devices", {"name": "Desk"})
    first, second = await home.get("/devices"), await home.get("/devices")
    await home.made("/devices", {"name": "Hall"})
    third = await home.get("/devices")
    revisions = [response.json()["revision"] for response in (first, second, third)]
    assert revisions[0] == revisions[1] != revisions[2]


async def test_the_token_in_the_envelope_is_the_one_that_was_sent(home: Home) -> None:
    """However the token came, the envelope repeats it."""
    assert home.client.token is not None
    body = wrapped({"name": "Desk"}, auth_token=home.client.token)
    response = await Client(home.world.app).request("PUT", home.at("/devices"), body=body)
    assert (201, home.client.token) == (response.status, response.json()["auth_token"])
