"""Verbs and what they do: read, create, replace, patch, delete, ask, and all of them through POST."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
import pytest

from crossbar import Change, Delete, Document
from crossbar.resource import merged
from crossbar.testing import Client, Response

from .tools import ONE_STORE, SAMPLES, Home, Sample, ids, refused, wire

EACH = pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.noun)


# Creating and reading.


@EACH
async def test_put_creates(home: Home, sample: Sample) -> None:
    """PUT on the noun makes a document with an id of 32 hex digits; 201 and `Location` lead to it."""
    response = await home.put(f"/{sample.noun}", sample.body)
    assert 201 == response.status, response.body
    id = response.data["id"]
    assert (32, set()) == (len(id), set(id) - set("0123456789abcdef"))
    assert f"/v2{home.at()}/{sample.noun}/{id}" == response.headers["location"]
    read = await home.client.get("/" + response.headers["location"])
    shown = {key: value for key, value in response.data.items() if key != "secret"}  # a webhook's is shown once
    assert (200, shown) == (read.status, read.data)
    assert sample.body == {key: read.data[key] for key in sample.body}


async def test_location_works_below_a_parent(home: Home) -> None:
    """What is made below a user is found where `Location` says."""
    user = await home.made("/users", {"first_name": "Ada", "last_name": "Byron"})
    response = await home.put(f"/users/{user}/devices", {"name": "Desk"})
    assert f"/v2{home.at()}/users/{user}/devices/{response.data['id']}" == response.headers["location"]
    read = await home.client.get("/" + response.headers["location"])
    assert (200, user) == (read.status, read.data["owner_id"])


@pytest.mark.parametrize(
    ("path", "query"),
    [("/v2/account/devices/", ""), ("/v2/account/devices", "?verb=PUT"), ("/v1/account/devices", "")],
    ids=["alias-and-slash", "tunnelled", "v1"],
)
async def test_location_can_be_fetched(client: Client, path: str, query: str) -> None:
    """However the request was written, its `Location` leads to what it made."""
    response = await client.request("POST" if query else "PUT", "/" + path + query, {"name": "Desk"})
    assert 201 == response.status, response.body
    assert response.data["id"] == (await client.get("/" + response.headers["location"])).data["id"]


@EACH
async def test_get_lists_and_reads(home: Home, sample: Sample) -> None:
    """GET on the noun lists summaries that carry the id, GET on the id gives the whole document."""
    id = await home.made(f"/{sample.noun}", sample.with_(marker={"a": [1, {"b": None}]}))
    listed = await home.get(f"/{sample.noun}")
    assert [id] == ids(listed)
    assert "marker" not in listed.data[0]
    assert {"a": [1, {"b": None}]} == (await home.get(f"/{sample.noun}/{id}")).data["marker"]


# Replacing.


@EACH
async def test_post_replaces(home: Home, sample: Sample) -> None:
    """POST on the id puts the body in the place of the old one: a field that is missing is gone."""
    id = await home.made(f"/{sample.noun}", sample.with_(marker=1, other=2))
    response = await home.post(f"/{sample.noun}/{id}", sample.with_(other=3))
    assert 200 == response.status, response.body
    read = await home.get(f"/{sample.noun}/{id}")
    assert (response.data, id, 3, False) == (read.data, read.data["id"], read.data["other"], "marker" in read.data)


@EACH
async def test_post_validates_fully(home: Home, sample: Sample) -> None:
    """POST without a required field is refused, and the document stays as it is."""
    id = await home.made(f"/{sample.noun}", sample.body)
    before = await home.get(f"/{sample.noun}/{id}")
    without = {key: value for key, value in sample.body.items() if key != sample.required}
    assert {"required"} == set(refused(await home.post(f"/{sample.noun}/{id}", without), 400)[sample.required])
    after = await home.get(f"/{sample.noun}/{id}")
    assert (before.data, before.headers["etag"]) == (after.data, after.headers["etag"])


async def test_post_keeps_the_private_part(home: Home) -> None:
    """A replaced user can still log in: the private part is not the client's to lose."""
    body = {"first_name": "Ada", "last_name": "Byron", "username": "ada", "password": "analytical"}
    id = await home.made("/users", body)
    del body["password"]
    assert 200 == (await home.post(f"/users/{id}", body | {"last_name": "King"})).status
    client = Client(home.world.app)
    name = (await home.get()).data["name"]
    assert 201 == (await client.login(name, "ada", "analytical")).status


async def test_post_keeps_an_account_in_its_place(home: Home) -> None:
    """A replaced account stays where it is in the tree, keeps its realm, and its key still works."""
    key = (await home.get("/api_key")).data["api_key"]
    realm = (await home.get()).data["realm"]
    name = (await home.get()).data["name"]
    assert 200 == (await home.post("", {"name": f"{name} renamed"})).status
    assert realm == (await home.get()).data["realm"]
    assert home.id in ids(await home.client.get(f"/accounts/{home.world.reseller}/children?page_size=1000"))
    login = await Client(home.world.app).put("/api_auth", {"api_key": key})
    assert (201, home.id) == (login.status, login.data["account_id"])


# Patching.


@EACH
async def test_patch_merges(home: Home, sample: Sample) -> None:
    """PATCH merges at every depth: null removes, lists are replaced whole, all else stays."""
    marker = {"a": {"b": {"c": 1, "d": 2}}, "list": [1, 2, {"x": 1}], "gone": {"deep": True}, "kept": 0}
    id = await home.made(f"/{sample.noun}", sample.with_(marker=marker))
    patch = {
        "marker": {"a": {"b": {"c": None, "e": 3}}, "list": [{"y": None}], "gone": None, "new": {"n": {"m": None}}}
    }
    response = await home.patch(f"/{sample.noun}/{id}", patch)
    assert 200 == response.status, response.body
    expected = {"a": {"b": {"d": 2, "e": 3}}, "list": [{"y": None}], "kept": 0, "new": {"n": {}}}
    read = await home.get(f"/{sample.noun}/{id}")
    assert (expected, expected) == (response.data["marker"], read.data["marker"])
    assert sample.body == {key: read.data[key] for key in sample.body}


@EACH
async def test_patch_validates_the_merged_document(home: Home, sample: Sample) -> None:
    """PATCH cannot take away what is required; the document and its revision stay as they are."""
    id = await home.made(f"/{sample.noun}", sample.body)
    before = await home.get(f"/{sample.noun}/{id}")
    response = await home.patch(f"/{sample.noun}/{id}", {sample.required: None, "marker": 1})
    assert {"required"} == set(refused(response, 400)[sample.required])
    after = await home.get(f"/{sample.noun}/{id}")
    assert (before.data, before.headers["etag"]) == (after.data, after.headers["etag"])


async def test_patch_of_an_account(home: Home) -> None:
    """Accounts can be patched as all else."""
    assert 200 == (await home.patch("", {"caller_id": {"external": {"name": "Home", "number": "+1"}}})).status
    assert 200 == (await home.patch("", {"caller_id": {"external": {"name": None}}})).status
    assert {"external": {"number": "+1"}} == (await home.get()).data["caller_id"]


@EACH
async def test_an_empty_patch_changes_nothing_that_can_be_read(home: Home, sample: Sample) -> None:
    """PATCH with nothing in it is fine."""
    id = await home.made(f"/{sample.noun}", sample.with_(marker={"a": 1}))
    before = (await home.get(f"/{sample.noun}/{id}")).data
    assert (200, before) == ((response := await home.patch(f"/{sample.noun}/{id}", {})).status, response.data)


async def test_a_patched_id_changes_nothing(home: Home) -> None:
    """The id of a document is not the client's to change, by any verb."""
    id = await home.made("/devices", {"name": "Desk"})
    for method in ("POST", "PATCH"):
        response = await home.client.request(method, home.at(f"/devices/{id}"), {"id": "f" * 32, "name": "Hall"})
        assert (200, id) == (response.status, response.data["id"])
    assert [id] == ids(await home.get("/devices"))


# RFC 7396, appendix A: the original, the patch, the result.
APPENDIX_A: list[tuple[Any, Any, Any]] = [
    ({"a": "b"}, {"a": "c"}, {"a": "c"}),
    ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
    ({"a": "b"}, {"a": None}, {}),
    ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
    ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
    ({"a": "c"}, {"a": ["b"]}, {"a": ["b"]}),
    ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
    ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
    (["a", "b"], ["c", "d"], ["c", "d"]),
    ({"a": "b"}, ["c"], ["c"]),
    ({"a": "foo"}, None, None),
    ({"a": "foo"}, "bar", "bar"),
    ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
    ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
    ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
]
ROWS = pytest.mark.parametrize(
    ("original", "patch", "result"), APPENDIX_A, ids=[f"row-{row}" for row in range(1, len(APPENDIX_A) + 1)]
)


@ROWS
def test_rfc_7396_by_function(original: Any, patch: Any, result: Any) -> None:
    """Each row of appendix A holds for the function that merges."""
    assert result == merged(original, patch)


@ONE_STORE
@ROWS
async def test_rfc_7396_over_http(home: Home, original: Any, patch: Any, result: Any) -> None:
    """Each row of appendix A holds for a field of a document; one whose result is null is gone."""
    id = await home.made("/devices", {"name": "Desk", "field": original})
    response = await home.patch(f"/devices/{id}", {"field": patch})
    assert 200 == response.status, response.body
    assert result == (await home.get(f"/devices/{id}")).data.get("field")


@pytest.mark.parametrize(
    "patch", [[], ["c"], "bar", 1, None, True], ids=["list", "row-10", "row-12", "1", "null", "true"]
)
async def test_a_patch_that_is_no_object_is_refused(home: Home, patch: Any) -> None:
    """A document is an object, so a patch that would put something else in its place is a 400."""
    id = await home.made("/devices", {"name": "Desk"})
    body = orjson.dumps({"data": patch})
    refused(await home.client.request("PATCH", home.at(f"/devices/{id}"), body=body), 400)
    assert "Desk" == (await home.get(f"/devices/{id}")).data["name"]


# Deleting.


@EACH
async def test_delete_takes_away(home: Home, sample: Sample) -> None:
    """DELETE gives the document back once more; then it is gone from everywhere."""
    id = await home.made(f"/{sample.noun}", sample.with_(marker=1))
    response = await home.delete(f"/{sample.noun}/{id}")
    assert (200, 1, True) == (response.status, response.data["marker"], response.json()["metadata"]["deleted"])
    assert [] == ids(await home.get(f"/{sample.noun}"))
    for method, data in (("GET", None), ("POST", sample.body), ("PATCH", {}), ("DELETE", None)):
        refused(await home.client.request(method, home.at(f"/{sample.noun}/{id}"), data), 404, "bad_identifier")


@pytest.mark.parametrize(
    ("query", "envelope", "purged"),
    [
        pytest.param("", None, False, id="unsaid"),
        pytest.param("?should_soft_delete=true", None, False, id="soft"),
        pytest.param("?should_soft_delete=false", None, True, id="hard-by-query"),
        pytest.param("", {"data": {}, "should_soft_delete": False}, True, id="hard-by-envelope"),
        pytest.param("", {"data": {"should_soft_delete": False}}, False, id="inside-data"),
    ],
)
async def test_delete_is_soft_unless_told_otherwise(
    home: Home, monkeypatch: pytest.MonkeyPatch, query: str, envelope: Any, purged: bool
) -> None:
    """A deleted document is kept aside for an operator; `should_soft_delete=false` destroys it."""
    id = await home.made("/devices", {"name": "Desk"})
    purges: list[bool] = []
    store = home.world.app.store
    write = store.write

    async def watched(changes: Sequence[Change]) -> list[Document | None]:
        purges.extend(change.purge for change in changes if isinstance(change, Delete))
        return await write(changes)

    monkeypatch.setattr(store, "write", watched)
    body = orjson.dumps(envelope) if envelope else None
    response = await home.client.request("DELETE", home.at(f"/devices/{id}{query}"), body=body)
    assert (200, [purged]) == (response.status, purges)
    assert 404 == (await home.get(f"/devices/{id}")).status


@pytest.mark.parametrize(
    "body",
    [b"{}", b'{"auth_token":"%s"}', b'{"data":{}}', b'{"data":{},"verb":"delete"}'],
    ids=["empty-envelope", "token-only", "empty-data", "verb-again"],
)
async def test_delete_needs_no_data(home: Home, body: bytes) -> None:
    """There is nothing to say when deleting, so an envelope without `data` is good enough."""
    id = await home.made("/devices", {"name": "Desk"})
    body = body.replace(b"%s", (home.client.token or "").encode())
    assert 200 == (await home.client.request("DELETE", home.at(f"/devices/{id}"), body=body)).status


# Asking.


@pytest.mark.parametrize("path", ["", "/devices", "/devices?paginate=false", "/devices/{id}"])
async def test_head_is_get_without_the_body(home: Home, path: str) -> None:
    """HEAD has the status and the header fields of GET."""
    id = await home.made("/devices", {"name": "Desk"})
    fields = {"x-request-id": "same"}
    read = await home.get(path.format(id=id), headers=fields)
    asked = await home.client.request("HEAD", home.at(path.format(id=id)), headers=fields)
    assert (200, b"", read.headers) == (asked.status, asked.body, asked.headers)


OPTIONS: list[tuple[str, str]] = [
    ("/about", "GET, HEAD, OPTIONS"),
    ("/user_auth", "PUT, OPTIONS"),
    ("/token_auth", "GET, HEAD, DELETE, OPTIONS"),
    ("/accounts", "GET, HEAD, PUT, OPTIONS"),
    ("/accounts/{home}", "GET, HEAD, PUT, POST, PATCH, DELETE, OPTIONS"),
    ("/accounts/{home}/children", "GET, HEAD, OPTIONS"),
    ("/accounts/{home}/api_key", "GET, HEAD, PUT, OPTIONS"),
    ("/accounts/{home}/devices", "GET, HEAD, PUT, OPTIONS"),
    ("/accounts/{home}/devices/status", "GET, HEAD, OPTIONS"),
    ("/accounts/{home}/devices/x", "GET, HEAD, POST, PATCH, DELETE, OPTIONS"),
    ("/accounts/{home}/devices/x/sync", "POST, OPTIONS"),
    ("/accounts/{home}/cdrs", "GET, HEAD, OPTIONS"),
    ("/accounts/{home}/cdrs/interaction", "GET, HEAD, OPTIONS"),
    ("/accounts/{home}/cdrs/x", "GET, HEAD, OPTIONS"),
    ("/schemas", "GET, HEAD, OPTIONS"),
    ("/schemas/devices/validation", "PUT, OPTIONS"),
    ("/accounts/{home}/groups/x", "GET, HEAD, POST, PATCH, DELETE, OPTIONS"),
    ("/accounts/unheard-of/devices", "GET, HEAD, PUT, OPTIONS"),
]


@ONE_STORE
@pytest.mark.parametrize(("path", "allow"), OPTIONS, ids=[path for path, _ in OPTIONS])
async def test_options_needs_no_token(home: Home, path: str, allow: str) -> None:
    """OPTIONS tells anybody which verbs there are, from the same table as 405, and touches no document."""
    response = await Client(home.world.app).request("OPTIONS", path.format(home=home.id))
    assert (True, b"", allow) == (response.status in (200, 204), response.body, response.headers["allow"])


@pytest.mark.parametrize("path", ["/nothing", "/about/x", "/devices/x/y/z"])
async def test_options_of_nothing_is_a_404(home: Home, path: str) -> None:
    """OPTIONS of a path that no endpoint answers is refused like everything there."""
    refused(await Client(home.world.app).request("OPTIONS", path), 404)


@ONE_STORE
@pytest.mark.parametrize(("path", "allow"), OPTIONS, ids=[path for path, _ in OPTIONS])
async def test_405_says_what_is_allowed(home: Home, path: str, allow: str) -> None:
    """Each verb that is not there gives 405 with the same `Allow`."""
    verbs = set(allow.split(", "))
    for method in sorted({"GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "TRACE", "BREW"} - verbs):
        response = await home.client.request(method, path.format(home=home.id))
        assert (405, allow) == (response.status, response.headers["allow"]), method
        if method != "HEAD":
            assert allow == refused(response, 405, "invalid_method")["allow"]


@ONE_STORE
@pytest.mark.parametrize("path", ["", "/interaction", "/summary", "/x", "/legs/x"])
@pytest.mark.parametrize("method", ["PUT", "POST", "PATCH", "DELETE"])
async def test_call_records_are_read_only(home: Home, path: str, method: str) -> None:
    """No verb writes a call record."""
    refused(await home.client.request(method, home.at(f"/cdrs{path}"), {}), 405, "invalid_method")


# Tunnelling: all verbs through POST.


def spelt(verb: str) -> list[str]:
    """The verb as clients write it."""
    return [verb, verb.lower(), verb.capitalize()]


async def tunnelled(client: Client, where: str, verb: Any, path: str, data: Any = None) -> Response:
    """A POST that says its real verb in the query or in the envelope."""
    if where == "query":
        return await client.post(f"{path}{'&' if '?' in path else '?'}verb={verb}", {} if data is None else data)
    return await client.request("POST", path, body=orjson.dumps({"data": data or {}, "verb": verb}))


WHERE = pytest.mark.parametrize("where", ["query", "envelope"])


@ONE_STORE
@WHERE
@pytest.mark.parametrize("verb", spelt("PUT"))
async def test_tunnelled_put(home: Home, where: str, verb: str) -> None:
    """POST creates where its verb is PUT."""
    response = await tunnelled(home.client, where, verb, home.at("/devices"), {"name": "Desk"})
    assert (201, "Desk") == (response.status, response.data["name"])
    assert [response.data["id"]] == ids(await home.get("/devices"))
    assert f"/v2{home.at()}/devices/{response.data['id']}" == response.headers["location"]


@ONE_STORE
@WHERE
@pytest.mark.parametrize("verb", spelt("PATCH"))
async def test_tunnelled_patch(home: Home, where: str, verb: str) -> None:
    """POST merges where its verb is PATCH."""
    id = await home.made("/devices", {"name": "Desk", "marker": 1})
    response = await tunnelled(home.client, where, verb, home.at(f"/devices/{id}"), {"name": "Hall"})
    assert (200, "Hall", 1) == (response.status, response.data["name"], response.data["marker"])


@ONE_STORE
@WHERE
@pytest.mark.parametrize("verb", spelt("DELETE"))
async def test_tunnelled_delete(home: Home, where: str, verb: str) -> None:
    """POST deletes where its verb is DELETE."""
    id = await home.made("/devices", {"name": "Desk"})
    assert 200 == (await tunnelled(home.client, where, verb, home.at(f"/devices/{id}"))).status
    assert 404 == (await home.get(f"/devices/{id}")).status


@ONE_STORE
@WHERE
@pytest.mark.parametrize("verb", spelt("GET"))
async def test_tunnelled_get(home: Home, where: str, verb: str) -> None:
    """POST reads where its verb is GET."""
    id = await home.made("/devices", {"name": "Desk"})
    response = await tunnelled(home.client, where, verb, home.at(f"/devices/{id}"), {"name": "ignored"})
    assert (200, "Desk") == (response.status, response.data["name"])


@ONE_STORE
@WHERE
@pytest.mark.parametrize("verb", spelt("POST"))
async def test_tunnelled_post(home: Home, where: str, verb: str) -> None:
    """POST stays POST where it says so itself."""
    id = await home.made("/devices", {"name": "Desk", "marker": 1})
    response = await tunnelled(home.client, where, verb, home.at(f"/devices/{id}"), {"name": "Hall"})
    assert (200, "Hall", False) == (response.status, response.data["name"], "marker" in response.data)


@pytest.mark.parametrize("body", [b'{"verb":"delete"}', b'{"auth_token":"%s","verb":"DELETE"}'], ids=["bare", "token"])
async def test_tunnelled_delete_needs_no_data(home: Home, body: bytes) -> None:
    """The shortest envelope that a client can send deletes."""
    id = await home.made("/devices", {"name": "Desk"})
    body = body.replace(b"%s", (home.client.token or "").encode())
    assert 200 == (await home.client.request("POST", home.at(f"/devices/{id}"), body=body)).status


async def test_tunnelled_delete_without_a_body(home: Home) -> None:
    """POST with the verb in the query and no body at all deletes."""
    id = await home.made("/devices", {"name": "Desk"})
    assert 200 == (await home.client.post(home.at(f"/devices/{id}?verb=delete"))).status
    assert 404 == (await home.get(f"/devices/{id}")).status


@WHERE
async def test_a_tunnelled_verb_that_is_not_there(home: Home, where: str) -> None:
    """The tunnelled verb decides about 405, as the native one does."""
    response = await tunnelled(home.client, where, "DELETE", home.at("/devices"))
    assert "GET, HEAD, PUT, OPTIONS" == refused(response, 405)["allow"]


ODD = [
    *("", "OPTIONS", "HEAD", "TRACE", "CONNECT", "POST/admin", "DELETE ", " DELETE", "DELETE\0", "DEL", "delete\n"),
    *("DELETE,GET", "__init__", "delete_", "DELETE%00", "\u0130", "d\u00e9lete", "*"),
]


@ONE_STORE
@pytest.mark.parametrize("verb", ODD, ids=[ascii(verb) for verb in ODD])
async def test_odd_verbs_are_refused(home: Home, verb: str) -> None:
    """A verb that cannot be tunnelled is a 400 that names it, in either place, and nothing is changed."""
    id = await home.made("/devices", {"name": "Desk", "marker": 1})
    path = home.at(f"/devices/{id}")
    refused(await home.client.request("POST", path, {"name": "x"}, query={"verb": verb}), 400, "bad_verb")
    refused(await tunnelled(home.client, "envelope", verb, path, {"name": "x"}), 400, "bad_verb")
    assert {"name": "Desk", "marker": 1}.items() <= (await home.get(f"/devices/{id}")).data.items()


@ONE_STORE
@pytest.mark.parametrize("verb", [1, True, False, 1.5, [], ["DELETE"], {}, {"DELETE": 1}], ids=ascii)
async def test_verbs_that_are_no_text_are_refused(home: Home, verb: Any) -> None:
    """A verb in the envelope is text."""
    id = await home.made("/devices", {"name": "Desk"})
    refused(await tunnelled(home.client, "envelope", verb, home.at(f"/devices/{id}"), {"name": "x"}), 400, "bad_verb")
    assert "Desk" == (await home.get(f"/devices/{id}")).data["name"]


@ONE_STORE
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH"])
@pytest.mark.parametrize("verb", ["DELETE", "delete", "POST", "OPTIONS", "TRACE"])
async def test_only_post_can_carry_a_verb(home: Home, method: str, verb: str) -> None:
    """A link or a picture (GET) cannot delete: the request is refused, and nothing is changed."""
    id = await home.made("/devices", {"name": "Desk"})
    path = home.at(f"/devices/{id}?verb={verb}")
    response = await home.client.request(method, path, None if method in ("GET", "HEAD") else {"name": "x"})
    assert 400 == response.status
    assert "Desk" == (await home.get(f"/devices/{id}")).data["name"]


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
async def test_an_envelope_may_repeat_its_own_verb(home: Home, method: str) -> None:
    """A client that always writes the verb into the envelope is understood."""
    id = await home.made("/devices", {"name": "Desk"})
    path = home.at("/devices" if method == "PUT" else f"/devices/{id}")
    body = orjson.dumps({"data": {"name": "Hall"}, "verb": method.lower()})
    assert (await home.client.request(method, path, body=body)).status in (200, 201)


@pytest.mark.parametrize(
    ("query", "envelope"), [("PATCH", "DELETE"), ("DELETE", "PATCH"), ("POST", "DELETE"), ("GET", "DELETE")]
)
async def test_two_verbs_that_disagree(home: Home, query: str, envelope: str) -> None:
    """If query and envelope name different verbs, nobody guesses: the request is refused, and nothing is changed."""
    id = await home.made("/devices", {"name": "Desk"})
    body = orjson.dumps({"data": {"name": "Hall"}, "verb": envelope})
    response = await home.client.request("POST", home.at(f"/devices/{id}?verb={query}"), body=body)
    refused(response, 400, "bad_verb")
    assert "Desk" == (await home.get(f"/devices/{id}")).data["name"]


@pytest.mark.parametrize("envelope", [5, True, [], ["PATCH"], {}], ids=ascii)
async def test_a_verb_that_is_no_text_disagrees_with_any(home: Home, envelope: Any) -> None:
    """A verb in the envelope that is no text is refused, also if the query has a good one."""
    id = await home.made("/devices", {"name": "Desk"})
    body = orjson.dumps({"data": {"name": "Hall"}, "verb": envelope})
    refused(await home.client.request("POST", home.at(f"/devices/{id}?verb=PATCH"), body=body), 400, "bad_verb")
    assert "Desk" == (await home.get(f"/devices/{id}")).data["name"]


@pytest.mark.parametrize("verb", ["PATCH", "patch"])
async def test_two_verbs_that_agree(home: Home, verb: str) -> None:
    """A client that names its verb in both places is understood."""
    id = await home.made("/devices", {"name": "Desk"})
    body = orjson.dumps({"data": {"name": "Hall"}, "verb": verb})
    response = await home.client.request("POST", home.at(f"/devices/{id}?verb=Patch"), body=body)
    assert (200, "Hall") == (response.status, response.data["name"])


async def test_options_cannot_be_tunnelled_into(home: Home) -> None:
    """`verb` on an OPTIONS request opens nothing."""
    id = await home.made("/devices", {"name": "Desk"})
    response = await Client(home.world.app).request("OPTIONS", home.at(f"/devices/{id}?verb=DELETE"))
    assert b"Desk" not in response.body
    assert 200 == (await home.get(f"/devices/{id}")).status


async def test_control_words_inside_data_are_plain_fields(home: Home) -> None:
    """What stands inside `data` belongs to the document, whatever it is called."""
    words: dict[str, Any] = {
        "verb": "DELETE",
        "accept": "csv",
        "auth_token": "someone-else",
        "page_size": 1,
        "paginate": False,
        "start_key": "x",
        "pretty_print": True,
        "should_soft_delete": False,
        "fields": ["x"],
        "created_from": "never",
    }
    response = await home.put("/devices", {"name": "Desk"} | words)
    assert (201, "application/json", False) == (
        response.status,
        response.headers["content-type"],
        b"\n" in response.body,
    )
    path = f"/devices/{response.data['id']}"
    assert words.items() <= (await home.get(path)).data.items()
    assert 200 == (await home.post(path, {"name": "Hall"} | words)).status
    assert 200 == (await home.patch(path, words)).status
    assert words.items() <= (await home.get(path)).data.items()
    deleted = await home.client.request("DELETE", home.at(path), {"verb": "GET"})
    assert (200, 404) == (deleted.status, (await home.get(path)).status)


async def test_control_words_beside_data_are_no_fields(home: Home) -> None:
    """What stands beside `data` is never stored."""
    body = orjson.dumps({"data": {"name": "Desk"}, "verb": "PUT", "ui_metadata": 1, "name": "Evil", "extra": True})
    response = await home.client.request("POST", home.at("/devices"), body=body)
    assert (201, "Desk") == (response.status, response.data["name"])
    assert set() == {"verb", "extra", "ui_metadata"} & set((await home.get(f"/devices/{response.data['id']}")).data)


@pytest.mark.parametrize("name", ["VERB", "Verb", "verb"])
async def test_envelope_keys_are_read_in_any_letter_case(home: Home, name: str) -> None:
    """Keys of the envelope are lower case with underscores once read, as Kazoo has them."""
    body = orjson.dumps({"Data": {"name": "Desk"}, name: "put", "Auth-Token": home.client.token})
    assert 201 == (await Client(home.world.app).request("POST", home.at("/devices"), body=body)).status


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
async def test_a_body_that_belongs_nowhere_is_not_read(home: Home, method: str) -> None:
    """GET, HEAD and OPTIONS have no use for a body, so nothing in it counts."""
    id = await home.made("/devices", {"name": "Desk"})
    headers = [(b"x-auth-token", (home.client.token or "").encode()), (b"content-length", b"17")]
    target = f"/v2{home.at()}/devices/{id}".encode()
    response = await wire(home.world.app, method, target, headers, [b'{"verb":"DELETE"}'])
    assert response.status in (200, 204)
    assert 200 == (await home.get(f"/devices/{id}")).status
