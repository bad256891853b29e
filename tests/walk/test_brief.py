"""Every request that is printed in the API basics of Kazoo's Crossbar, as it is printed."""

from __future__ import annotations

import shlex
from typing import Any
from urllib.parse import urlsplit

import pytest

from crossbar import Noun, tokenize
from crossbar.testing import Client, Response, World

from .tools import ONE_STORE, Home, ids, leg, refused, wire

pytestmark = ONE_STORE

SERVER = "http://crossbar.server.com:8000"


async def curl(home: Home, command: str, **more: str) -> Response:
    """Send what a curl command would send, with the names in braces filled in."""
    for name, value in {"ACCOUNT_ID": home.id, "AUTH_TOKEN": home.client.token or "", **more}.items():
        command = command.replace(f"{{{name}}}", value)
    command = command.replace("http://crossbar.server.com:{PORT}", SERVER)
    command = command.replace("http://{SERVER_URL}:{PORT}", SERVER).replace("http://{SERVER}:{PORT}", SERVER)
    words = shlex.split(command.replace("\\\n", " "))
    method, url, body = "", "", b""
    headers = {"Accept": "*/*", "User-Agent": "curl/7.61.0"}
    arguments = iter(words[1:])
    for word in arguments:
        if word == "-X":
            method = next(arguments)
        elif word == "-H":
            name, _, value = next(arguments).partition(":")
            headers = {key: old for key, old in headers.items() if key.lower() != name.lower()}
            headers[name] = value.strip()
        elif word == "-d":
            body = next(arguments).encode()
        elif word != "-v":
            url = word
    if body:
        method = method or "POST"
        if "content-type" not in {name.lower() for name in headers}:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        headers["Content-Length"] = str(len(body))
    parts = urlsplit(url)
    target = f"{parts.path}{'?' if parts.query else ''}{parts.query}"
    fields = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    return await wire(home.world.app, method or "GET", target.encode(), fields, [body])


async def test_the_worked_example(world: World) -> None:
    """The URI of the five steps is `accounts` with an id, then `devices` with an id."""
    target = tokenize("/v2/accounts/{ACCOUNT_ID}/devices/{DEVICE_ID}", world.app.registry.names)
    assert ("v2", (Noun("accounts", ("{ACCOUNT_ID}",)), Noun("devices", ("{DEVICE_ID}",)))) == target


@pytest.mark.parametrize("version", ["v1", "v2"])
async def test_the_basic_structure(home: Home, version: str) -> None:
    """`/{VERSION}/accounts/{ACCOUNT_ID}/resources/{RESOURCE_ID}` in both versions."""
    id = await home.made("/devices", {"name": "Desk"})
    url = f"{SERVER}/{version}/accounts/{{ACCOUNT_ID}}/devices/{id}"
    response = await curl(home, f'curl -H "X-Auth-Token: {{AUTH_TOKEN}}" {url}')
    assert (200, "Desk") == (response.status, response.data["name"])


async def test_the_verbs(home: Home) -> None:
    """GET and PUT on the noun, GET, POST and DELETE on the id."""
    client, path = home.client, home.at("/devices")
    created = await client.put(path, {"name": "Desk"})
    item = f"{path}/{created.data['id']}"
    statuses = [
        (await client.get(path)).status,
        created.status,
        (await client.get(item)).status,
        (await client.post(item, {"name": "Hall"})).status,
        (await client.delete(item)).status,
    ]
    assert [200, 201, 200, 200, 200] == statuses


PATCH = """curl -v -X PATCH \\
   -H "Content-Type: application/json" \\
   -H "X-Auth-Token: {AUTH_TOKEN}" \\
   'http://crossbar.server.com:{PORT}/v2/accounts/{ACCOUNT_ID}/users/{USER_ID}' \\
   -d '{"data":{"vm_to_email_enabled":true}}'"""


async def test_patch(home: Home) -> None:
    """The printed PATCH sets one field of a user and leaves the others."""
    user = await home.made("/users", {"first_name": "Ada", "last_name": "Byron", "vm_to_email_enabled": False})
    response = await curl(home, PATCH, USER_ID=user)
    assert 200 == response.status, response.body
    read = (await home.get(f"/users/{user}")).data
    assert (True, "Ada", "Byron") == (read["vm_to_email_enabled"], read["first_name"], read["last_name"])


async def test_no_patch(home: Home) -> None:
    """Who does not support PATCH answers 405 Method Not Allowed."""
    refused(await curl(home, PATCH.replace("users/{USER_ID}", "cdrs/202605-1")), 405, "invalid_method")


async def test_a_verb_in_the_envelope(home: Home) -> None:
    """`{"data":{...}, "verb":"PUT"}` in a POST creates."""
    response = await curl(
        home,
        'curl -X POST -H "Content-Type: application/json" -H "X-Auth-Token: {AUTH_TOKEN}" '
        'http://{SERVER}:{PORT}/v2/accounts/{ACCOUNT_ID}/devices -d \'{"data":{"name":"Desk"}, "verb":"PUT"}\'',
    )
    assert (201, [response.data["id"]]) == (response.status, ids(await home.get("/devices")))


async def test_a_verb_in_the_query(home: Home) -> None:
    """`/v2/accounts/{ACCOUNT_ID}/resources?verb=PUT` with POST creates."""
    response = await curl(
        home,
        'curl -X POST -H "Content-Type: application/json" -H "X-Auth-Token: {AUTH_TOKEN}" '
        '\'http://{SERVER}:{PORT}/v2/accounts/{ACCOUNT_ID}/devices?verb=PUT\' -d \'{"data":{"name":"Desk"}}\'',
    )
    assert (201, [response.data["id"]]) == (response.status, ids(await home.get("/devices")))


@pytest.mark.parametrize("where", ["query", "body"])
@pytest.mark.parametrize(
    ("accept", "given"), [("text/html", "application/json"), ("csv", "text/csv"), ("text/csv", "text/csv")]
)
async def test_accept_in_query_or_body(home: Home, where: str, accept: str, given: str) -> None:
    """`accept=...` stands for the header; `csv` is understood as well, and a page in HTML there is none: it is JSON."""
    await home.made("/devices", {"name": "Desk"})
    if where == "query":
        response = await home.get("/devices", query={"accept": accept})
    else:
        response = await curl(
            home,
            'curl -X POST -H "Content-Type: application/json" -H "X-Auth-Token: {AUTH_TOKEN}" '
            "http://{SERVER}:{PORT}/v2/accounts/{ACCOUNT_ID}/devices "
            f'-d \'{{"data":{{}}, "verb":"get", "accept":"{accept}"}}\'',
        )
    assert (200, given) == (response.status, response.headers["content-type"].partition(";")[0])


async def test_the_sample_request_envelope(home: Home) -> None:
    """The printed envelope, with its token and `"verb": "delete"`, deletes what it is posted to."""
    id = await home.made("/devices", {"name": "Desk"})
    response = await curl(
        home,
        f'curl -X POST -H "Content-Type: application/json" {SERVER}/v2/accounts/{{ACCOUNT_ID}}/devices/{id} '
        '-d \'{\n    "data": {\n        "foo": "bar"\n    },\n    "auth_token": "{AUTH_TOKEN}",\n'
        '    "verb": "delete"\n}\'',
    )
    assert 200 == response.status, response.body
    assert 404 == (await home.get(f"/devices/{id}")).status


async def test_the_sample_request_data(home: Home) -> None:
    """The printed data sets `update` and removes `exists`."""
    id = await home.made("/devices", {"name": "Desk", "exists": True, "update": "that"})
    response = await curl(
        home,
        'curl -X PATCH -H "Content-Type: application/json" -H "X-Auth-Token: {AUTH_TOKEN}" '
        f"{SERVER}/v2/accounts/{{ACCOUNT_ID}}/devices/{id} "
        '-d \'{\n    "data": {\n        "update":"this",\n        "exists": null\n    }\n}\'',
    )
    assert (200, "this", False) == (response.status, response.data["update"], "exists" in response.data)


async def test_the_sample_response_envelope(home: Home) -> None:
    """The keys of the printed answer are there."""
    envelope = (await home.get()).json()
    assert {"data": dict, "auth_token": str, "status": str, "request_id": str} == {
        key: type(envelope[key]) for key in ("data", "auth_token", "status", "request_id")
    }


CDRS = """curl -v \\
    -H "X-Auth-Token: {AUTH_TOKEN}" \\
    -H "Content-Type: application/json" \\
    http://{SERVER_URL}:{PORT}/v2/accounts/{ACCOUNT_ID}/cdrs"""


async def with_calls(home: Home, number: int = 60) -> list[str]:
    """Store call records, and return their ids, the newest first."""
    return (await home.stored("cdrs", [leg(n) for n in range(number)]))[::-1]


async def test_pagination(home: Home) -> None:
    """The printed listing has 50 rows and the keys of the printed answer; a GET may have a Content-Type."""
    expected = await with_calls(home)
    response = await curl(home, CDRS)
    envelope = response.json()
    kinds = {
        "auth_token": str,
        "data": list,
        "next_start_key": str,
        "page_size": int,
        "request_id": str,
        "revision": str,
        "start_key": str,
        "status": str,
    }
    assert kinds == {key: type(envelope[key]) for key in kinds}
    assert (50, expected[:50]) == (envelope["page_size"], ids(response))


async def test_the_next_page(home: Home) -> None:
    """The `next_start_key` of a page leads to the next one, whose `start_key` it is; the last one has no next key."""
    expected = await with_calls(home)
    first = (await curl(home, CDRS)).json()
    response = await curl(home, f"{CDRS}?start_key={{KEY}}", KEY=first["next_start_key"])
    second = response.json()
    assert (expected[50:], first["next_start_key"]) == (ids(response), second["start_key"])
    assert "next_start_key" not in second
    same = await curl(home, f"{CDRS}?start_key={{KEY}}", KEY=first["start_key"])
    assert (expected[:50], first["start_key"]) == (ids(same), same.json()["start_key"])


async def test_page_size(home: Home) -> None:
    """`?page_size=25` gives 25 rows."""
    expected = await with_calls(home)
    assert expected[:25] == ids(await curl(home, f"{CDRS}?page_size=25"))


@pytest.mark.parametrize("query", ["ascending=true", "descending=false"])
async def test_sorting_order(home: Home, query: str) -> None:
    """Both ways to ask for the oldest first."""
    expected = await with_calls(home, 5)
    assert expected[::-1] == ids(await curl(home, f"{CDRS}?{query}"))


@pytest.mark.parametrize("query", ["", "ascending=false", "descending=true"])
async def test_descending_by_default(home: Home, query: str) -> None:
    """The newest come first."""
    expected = await with_calls(home, 5)
    assert expected == ids(await curl(home, f"{CDRS}?{query}"))


async def test_no_pagination(home: Home) -> None:
    """`paginate=false` gives everything."""
    expected = await with_calls(home)
    assert expected == ids(await curl(home, f"{CDRS}?paginate=false"))


@pytest.mark.parametrize(
    "query",
    [
        *("is_chunked=true", "is_chunked=false", "chunk_size=10", "is_chunked=true&chunk_size=50"),
        "is_chunked=true&paginate=false",
    ],
)
async def test_chunked(home: Home, query: str) -> None:
    """However the answer is sent, it holds the same rows in an envelope with the same keys."""
    expected = await with_calls(home, 5)
    response = await curl(home, f"{CDRS}?{query}")
    assert (200, expected, "success") == (response.status, ids(response), response.json()["status"])


PRETTY_HEADER = """curl -v \\
    -H "X-Auth-Token: {AUTH_TOKEN}" \\
    -H "Content-Type: application/json" \\
    -H "X-Pretty-Print:true" \\
    http://{SERVER_URL}:{PORT}/v2/accounts/{ACCOUNT_ID}/"""
PRETTY_QUERY = """curl -v \\
    -H "X-Auth-Token: {AUTH_TOKEN}" \\
    -H "Content-Type: application/json" \\
    http://{SERVER_URL}:{PORT}/v2/accounts/{ACCOUNT_ID}?pretty_print=true"""


@pytest.mark.parametrize("command", [PRETTY_HEADER, PRETTY_QUERY], ids=["header", "query"])
async def test_pretty_printing(home: Home, command: str) -> None:
    """Both printed requests, one with a slash at the end, give an indented account."""
    response = await curl(home, command)
    assert (200, home.id) == (response.status, response.data["id"])
    assert response.body.startswith(b'{\n  "data": {\n')


RANGE = """curl -v \\
    -H "X-Auth-Token: {AUTH_TOKEN}" \\
    -H "Content-Type: application/json" \\
    -H "Accept: audio/mpeg" \\
    -H "Range: bytes={START_BYTE}-{END_BYTE}" \\
    http://{SERVER_URL}:{PORT}/v2/accounts/{ACCOUNT_ID}/vmboxes/{VMBOX_ID}/messages/{MESSAGE_ID}/raw"""


async def test_a_range_of_a_voicemail(home: Home) -> None:
    """The sound of a message comes from byte to byte, in the type that it has."""
    box = await home.made("/vmboxes", {"name": "Sales", "mailbox": "3000"})
    message = await home.made(f"/vmboxes/{box}/messages", {"folder": "new"})
    sound = bytes(range(100))
    path = home.at(f"/vmboxes/{box}/messages/{message}/raw")
    sent = await home.client.request("PUT", path, body=sound, headers={"content-type": "audio/mp3"})
    assert 201 == sent.status
    response = await curl(home, RANGE, VMBOX_ID=box, MESSAGE_ID=message, START_BYTE="10", END_BYTE="19")
    assert (206, sound[10:20]) == (response.status, response.body)
    headers = ("content-type", "content-range", "content-length")
    assert ["audio/mpeg", "bytes 10-19/100", "10"] == [response.headers[name] for name in headers]


CSV_HEADER = """curl -v -X GET \\
    -H "Accept: text/csv" \\
    -H "X-Auth-Token: {AUTH_TOKEN}" \\
    -H "X-File-Name: {FILE_NAME}" \\
    http://{SERVER}:{PORT}/v2/accounts/{ACCOUNT_ID}/cdrs"""
CSV_QUERY = """curl -v -X GET \\
    -H "Accept: text/csv" \\
    -H "X-Auth-Token: {AUTH_TOKEN}" \\
    http://{SERVER}:{PORT}/v2/accounts/{ACCOUNT_ID}/cdrs?file_name={FILE_NAME}"""


@pytest.mark.parametrize("command", [CSV_HEADER, CSV_QUERY], ids=["header", "query"])
async def test_csv(home: Home, command: str) -> None:
    """Both printed requests give a file of the name that was asked for."""
    await with_calls(home, 3)
    response = await curl(home, command, FILE_NAME="calls.csv")
    assert (200, "text/csv") == (response.status, response.headers["content-type"].partition(";")[0])
    assert 'attachment; filename="calls.csv"' == response.headers["content-disposition"]
    assert 4 == response.body.count(b"\r\n")


LOGIN = """curl -X PUT {SERVER}/v2/user_auth \\
    -d '{"data":{"credentials":"0a1b2c3d4e5f60718293a4b5c6d7e8f9","account_name":"nobody at all"}}'"""
CREATE = """curl -X PUT -H "X-Auth-Token: {AUTH_TOKEN}" {SERVER}/v2/accounts/{ACCOUNT_ID}/devices \\
    -d '{"data":{"name":"Desk"}}'"""


async def test_curl_without_a_content_type(home: Home) -> None:
    """`curl -d` says that a body is a form; it is JSON all the same, and taken as such, as Kazoo does."""
    refused(await curl(home, LOGIN, SERVER=SERVER), 401, "invalid_credentials")
    response = await curl(home, CREATE, SERVER=SERVER)
    assert (201, "Desk") == (response.status, response.data["name"])


async def test_a_form_that_is_a_form(home: Home) -> None:
    """A body that really is a form is refused with a sentence, not taken for an empty one."""
    response = await curl(home, CREATE.replace('{"data":{"name":"Desk"}}', "name=Desk"), SERVER=SERVER)
    assert response.status in (400, 415)
    refused(response, response.status)
    assert [] == ids(await home.get("/devices"))


@pytest.mark.parametrize("slashes", ["", "/", "//", "///"])
async def test_slashes_at_the_end(home: Home, slashes: str) -> None:
    """All empty tokens at the end vanish, for reading and for writing."""
    for path in (home.at(), home.at("/devices"), "/about"):
        assert 200 == (await home.client.get(path + slashes)).status
    assert 201 == (await home.put(f"/devices{slashes}", {"name": "Desk"})).status


async def test_a_client_without_headers(home: Home) -> None:
    """A client that can send no header at all still gets everything in the envelope."""
    token: dict[str, Any] = {"auth_token": home.client.token}
    response = await Client(home.world.app).get(home.at("/devices"), query=token)
    assert {"status", "request_id", "auth_token", "data"} <= set(response.json())
