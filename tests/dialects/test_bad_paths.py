"""Bad paths, queries and header fields in each dialect: each is refused in the dialect's own form and words."""

from __future__ import annotations

import pytest

from crossbar.testing import Client

from .people import SPEECHES, Town
from .wrongs import refused

EACH = pytest.mark.parametrize("dialect", SPEECHES)
FOREIGN = pytest.mark.parametrize("dialect", [name for name in SPEECHES if name != "crossbar"])


@EACH
@pytest.mark.parametrize(
    ("junk", "statuses"),
    [
        ("/%00", (400,)),
        ("/%0a", (400,)),
        ("/%zz", (400,)),
        ("/%", (400,)),
        ("/%ff", (400,)),
        ("/%c0%ae", (400,)),
        ("/%ed%a0%80", (400,)),
        ("/" + "x" * 300, (400,)),
        ("/x" * 40, (400,)),
        ("/" + "x" * 9000, (414,)),
        ("/about?x=" + "x" * 9000, (414,)),
        ("/about?w=" + "x" * 3000, (400,)),
        ("/about?" + "&".join(f"w{n}=1" for n in range(101)), (400,)),
        ("/about?w=%ff", (400,)),
        ("/zzzzzz", (404,)),
        ("/about/x", (404,)),
        ("/about/about", (404,)),
        ("/../about", (404,)),
        ("/%2e%2e/about", (404,)),
        ("/about%2Fx", (404,)),
        ("/about;x=1", (404,)),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
async def test_junk_in_the_path(town: Town, dialect: str, junk: str, statuses: tuple[int, ...], method: str) -> None:
    """A path that is malformed, too long or leads nowhere is refused."""
    client = await town.client(dialect)
    refused(dialect, await client.request(method, junk), *statuses)


@EACH
@pytest.mark.parametrize(
    "word", ["page", "per_page", "perPage", "page_size", "dateFrom", "start_datetime", "start_key"]
)
@pytest.mark.parametrize("value", ["", "0", "-1", "x", "1e3", "9" * 30, "\u0661", "2026-13-01"])
async def test_words_of_the_query(town: Town, dialect: str, word: str, value: str) -> None:
    """A word of the query with a bad value is a 400 that names it; in another dialect it says nothing."""
    own = {
        "crossbar": {"page_size", "start_key"},
        "ringcentral": {"page", "perPage", "dateFrom"},
        "realm": {"page", "per_page", "start_datetime", "start_key"},
    }
    client = await town.client(dialect)
    response = await client.find(*town.nouns("accounts:{mine} devices", "self"), query={word: value})
    if word not in own[dialect]:
        assert (200, 2) == (response.status, len(response.documents))
    elif response.status != 200:
        refused(dialect, response, 400)
        assert word.encode() in response.body or dialect == "crossbar"
    else:
        assert (word, value) in {("start_key", ""), ("dateFrom", "0"), ("start_datetime", "0")} or dialect == "crossbar"


@FOREIGN
@pytest.mark.parametrize("word", ["page", "per_page", "perPage", "start_key", "pageToken", "access_token", "dateFrom"])
async def test_words_that_stand_twice(town: Town, dialect: str, word: str) -> None:
    """A word that says how to answer may stand once, a filter with several values."""
    once = {"ringcentral": {"page", "perPage", "pageToken", "access_token", "dateFrom"}}
    once["realm"] = {"page", "per_page", "start_key", "access_token"}
    client = await town.client(dialect)
    path = town.path(dialect, "accounts:{mine} devices")
    response = await client.get(f"{path}?{word}=1&{word}=1")
    if word in once[dialect]:
        assert word in str(refused(dialect, response, 400))
    else:
        assert 200 == response.status
    assert 0 == len((await client.get(f"{path}?name=a&name=b")).documents)


NEAREST: dict[str, dict[str, str]] = {
    "crossbar": {"acounts": "accounts", "devcies": "devices", "extnsions": "extensions", "webhook": "webhooks"},
    "ringcentral": {
        **{"acount": "account", "devcie": "device", "extenson": "extension", "call-logs": "call-log"},
        **{"message-stor": "message-store", "subscriptions": "subscription", "faxs": "fax"},
    },
    "realm": {
        **{"cliemt": "client", "phon": "phone", "extension_groups": "extension_group", "events": "event"},
        **{"call_histroy": "call_history", "devcie": "device", "recrod": "record", "limitz": "limit"},
    },
}


@pytest.mark.parametrize(
    ("dialect", "wrong", "nearest"),
    [pytest.param(name, *pair, id=f"{name}-{pair[0]}") for name, pairs in NEAREST.items() for pair in pairs.items()],
)
async def test_a_word_that_is_misspelt(town: Town, dialect: str, wrong: str, nearest: str) -> None:
    """A noun that there is not is a 404 with the nearest word of the dialect, at each place of a path."""
    client = await town.client(dialect)
    for path in (f"/{wrong}", f"/{wrong}/x", town.path(dialect, "accounts:{mine}") + f"/{wrong}/x"):
        told = refused(dialect, await client.get(path), 404)
        assert f"did you mean {nearest!r}" in told[0]


VERBS: dict[str, dict[str, str]] = {
    "crossbar": {
        "devices": "GET, HEAD, PUT, OPTIONS",
        "devices:{device}": "GET, HEAD, POST, PATCH, DELETE, OPTIONS",
        "cdrs": "GET, HEAD, OPTIONS",
    },
    "ringcentral": {
        "devices": "GET, HEAD, POST, OPTIONS",
        "devices:{device}": "GET, HEAD, PUT, PATCH, DELETE, OPTIONS",
        "cdrs": "GET, HEAD, OPTIONS",
    },
    "realm": {
        "devices": "GET, HEAD, POST, OPTIONS",
        "devices:{device}": "GET, HEAD, PUT, DELETE, OPTIONS",
        "cdrs": "GET, HEAD, OPTIONS",
    },
}


@pytest.mark.parametrize(
    ("dialect", "noun", "allow"),
    [pytest.param(name, *pair, id=f"{name}-{pair[0]}") for name, pairs in VERBS.items() for pair in pairs.items()],
)
async def test_methods_that_there_are_not(town: Town, dialect: str, noun: str, allow: str) -> None:
    """A method that nothing answers is a 405 with the verbs of the dialect in `Allow`, which OPTIONS tells anybody."""
    client = await town.client(dialect)
    path = town.path(dialect, f"accounts:{{mine}} {noun}")
    for method in ("GET", "PUT", "POST", "PATCH", "DELETE", "TRACE", "BREW"):
        if method in allow.split(", "):
            continue
        response = await client.request(method, path)
        refused(dialect, response, 405)
        assert allow == response.headers["allow"]
    asked = await Client(town.world.app, speech=SPEECHES[dialect]).request("OPTIONS", path)
    assert (204, b"", allow) == (asked.status, asked.body, asked.headers["allow"])


@EACH
async def test_head(town: Town, dialect: str) -> None:
    """HEAD is GET without the body, also where GET is refused."""
    client = await town.client(dialect)
    for text in ("accounts:{mine} devices", "accounts:{mine} devices:{device}", "accounts:{mine} devices:nowhere"):
        path = town.path(dialect, text)
        whole, head = [
            await client.request(method, path, headers={"x-request-id": "same"}) for method in ("GET", "HEAD")
        ]
        assert (whole.status, b"") == (head.status, head.body)
        assert whole.headers.keys() == head.headers.keys()


@EACH
async def test_header_fields(town: Town, dialect: str) -> None:
    """Too many header fields, or too long ones, are a 431, and who is asking may be said once."""
    client = await town.client(dialect)
    refused(dialect, await client.get("/about", headers={f"x-{n}": "1" for n in range(120)}), 431)
    refused(dialect, await client.get("/about", headers={"x": "1" * 20_000}), 431)


@EACH
@pytest.mark.parametrize(
    "name", ["range", "accept", "content-type", "if-match", "if-none-match", "expect", "x-request-id"]
)
@pytest.mark.parametrize("value", ["\xff\xfe;q=x,,;", "*", ",,,", "bytes=9-1", "application/json;q=nan", '"' * 50])
async def test_odd_header_fields(town: Town, dialect: str, name: str, value: str) -> None:
    """A header field that makes no sense never breaks anything."""
    client = await town.client(dialect)
    for text in ("devices", "devices:{device}"):
        path = town.path(dialect, f"accounts:{{mine}} {text}")
        for method in ("GET", "PUT", "DELETE"):
            response = await client.request(method, path, body=b"{" if method == "PUT" else b"", headers={name: value})
            assert response.status < 500
            if response.status >= 400:
                refused(dialect, response)


@FOREIGN
@pytest.mark.parametrize(
    "noun", ["token_restrictions", "limits", "webhooks:x", "accounts:x:children", "devices:x:sync"]
)
async def test_hints_are_in_the_words_of_the_dialect(town: Town, dialect: str, noun: str) -> None:
    """Whatever modules say, it has no word of another dialect in it."""
    boss, user = await town.client(dialect), await town.client(dialect, boss=False)
    for client in (boss, user):
        for text in (noun, f"accounts:{{mine}} {noun}", f"accounts:{{mine}} extensions:{{user}} {noun}"):
            path = town.path(dialect, text)
            for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
                response = await client.request(method, path, {"x": 1} if method != "GET" else None)
                if response.status >= 400:
                    refused(dialect, response)
