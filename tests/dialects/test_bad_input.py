"""Bad input in each dialect: whatever is wrong, it is refused in the dialect's own form and words."""

from __future__ import annotations

from typing import Any

import pytest

from crossbar import Noun
from crossbar.testing import Client

from .people import SPEECHES, Town
from .wrongs import refused

EACH = pytest.mark.parametrize("dialect", SPEECHES)
FOREIGN = pytest.mark.parametrize("dialect", [name for name in SPEECHES if name != "crossbar"])
DEVICES = (Noun("devices"),)
CREATE = {name: speech.call("create", DEVICES, None).verb for name, speech in SPEECHES.items()}
UPDATE = {name: speech.call("patch", DEVICES, None).verb for name, speech in SPEECHES.items()}
MIB = 1024 * 1024


def enveloped(dialect: str, body: bytes) -> bytes:
    """The JSON as the dialect sends it."""
    return b'{"data":' + body + b"}" if dialect == "crossbar" else body


async def written(town: Town, dialect: str, body: bytes, *, create: bool = True, **headers: str) -> Any:
    """Send bytes to create or change a device."""
    client = await town.client(dialect)
    path = town.path(dialect, "accounts:{mine} devices" + ("" if create else ":{device}"))
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return await client.request((CREATE if create else UPDATE)[dialect], path, body=body, headers=fields)


async def names(town: Town) -> list[str]:
    """What the devices of the account are called."""
    client = await town.client("crossbar")
    return sorted(row["name"] for row in await client.every(*town.nouns("accounts:{mine} devices", "self")))


# Bodies.

NOT_JSON: dict[str, bytes] = {
    "brace": b"{",
    "word": b"name",
    "single-quotes": b"{'name':'x'}",
    "comma": b'{"name":"x",}',
    "comment": b'{"name":"x"} // x',
    "two": b'{"name":"x"}{"name":"x"}',
    "blank": b"  ",
    "nul": b"\0",
    "nul-after": b'{"name":"x"}\0',
    "bom": b'\xef\xbb\xbf{"name":"x"}',
    "utf-16": '{"name":"x"}'.encode("utf-16"),
    "latin-1": '{"name":"\u00e4"}'.encode("latin-1"),
    "bad-utf-8": b'{"name":"\xff"}',
    "lone-surrogate": b'{"name":"\\ud800"}',
    "raw-surrogate": b'{"name":"\xed\xa0\x80"}',
    "control-character": b'{"name":"a\nb"}',
    "nan": b'{"name":"x","n":NaN}',
    "leading-zero": b'{"name":"x","n":01}',
    "xml": b"<name/>",
    "form": b"name=Desk",
    "huge-number": b'{"name":"x","n":1e999}',
    "big-integer": b'{"name":"x","n":18446744073709551616}',
}


@EACH
@pytest.mark.parametrize("body", NOT_JSON.values(), ids=NOT_JSON)
@pytest.mark.parametrize("create", [True, False], ids=["create", "change"])
async def test_what_is_not_json(town: Town, dialect: str, body: bytes, create: bool) -> None:
    """A body that is not JSON is a 400, and nothing is stored or changed."""
    before = await names(town)
    response = await written(town, dialect, body, create=create)
    told = refused(dialect, response, 400)
    if dialect == "realm" and "number" not in str(told) and b'"n":1' not in body:
        assert ["Bad Request"] == told
    assert before == await names(town)


@EACH
@pytest.mark.parametrize("body", [b"[]", b'"x"', b"1", b"null", b"true", b'[{"name":"x"}]'])
@pytest.mark.parametrize("create", [True, False], ids=["create", "change"])
async def test_json_that_is_no_object(town: Town, dialect: str, body: bytes, create: bool) -> None:
    """JSON that is no object is a 400."""
    before = await names(town)
    refused(dialect, await written(town, dialect, enveloped(dialect, body), create=create), 400)
    assert before == await names(town)


@EACH
@pytest.mark.parametrize("depth", [70, 1000, 100_000])
@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")], ids=["lists", "objects"])
async def test_what_is_nested_too_deeply(town: Town, dialect: str, depth: int, opening: bytes, closing: bytes) -> None:
    """A body that is nested too deeply is a 400."""
    body = enveloped(dialect, b'{"name":"x","deep":' + opening * depth + b"1" + closing * depth + b"}")
    refused(dialect, await written(town, dialect, body), 400)


@EACH
async def test_what_is_too_wide(town: Town, dialect: str) -> None:
    """Too many fields in an object are a 400."""
    fields = b",".join(b'"k%d":1' % number for number in range(1100))
    refused(dialect, await written(town, dialect, enveloped(dialect, b'{"name":"x",' + fields + b"}")), 400)


@EACH
async def test_what_is_too_large(town: Town, dialect: str) -> None:
    """A body over the limit is a 413, whether it says its length ahead or not."""
    body = enveloped(dialect, b'{"name":"' + b"x" * 2 * MIB + b'"}')
    refused(dialect, await written(town, dialect, body), 413)
    client = await town.client(dialect)
    pieces = [body[begin : begin + 65_536] for begin in range(0, len(body), 65_536)]
    path = town.path(dialect, "accounts:{mine} devices")
    refused(dialect, await client.request(CREATE[dialect], path, body=pieces), 413)


@EACH
@pytest.mark.parametrize(
    "media_type",
    ["text/plain", "multipart/form-data; boundary=x", "multipart/mixed", "image/png", "application/xml", "x", "*/*"],
)
async def test_other_media_types(town: Town, dialect: str, media_type: str) -> None:
    """A body of another type is a 415, also if it is JSON, and so is one that was compressed."""
    body = enveloped(dialect, b'{"name":"x"}')
    refused(dialect, await written(town, dialect, body, content_type=media_type), 415)
    refused(dialect, await written(town, dialect, body, content_encoding="gzip"), 415)


@EACH
@pytest.mark.parametrize("accept", ["image/png", "text/html", "application/xml;q=1", "application/json;q=0"])
async def test_media_types_that_there_are_not(town: Town, dialect: str, accept: str) -> None:
    """What cannot be answered as it is wanted is a 406."""
    client = await town.client(dialect)
    path = town.path(dialect, "accounts:{mine} devices")
    refused(dialect, await client.get(path, headers={"accept": accept}), 406)


@FOREIGN
@pytest.mark.parametrize("headers", [{}, {"content-type": "application/json"}, {"content-type": "text/plain"}])
async def test_no_body(town: Town, dialect: str, headers: dict[str, str]) -> None:
    """An empty body is none, whatever it says that it is: what is missing is named, and a change changes nothing."""
    client = await town.client(dialect)
    fields = {"content-length": "0", **headers}
    people = town.path(dialect, "accounts:{mine} extensions")
    told = refused(dialect, await client.request("POST", people, headers=fields), 400)
    assert "required" in str(told)
    device = town.path(dialect, "accounts:{mine} devices:{device}")
    assert "Desk of self" == (await client.request("PUT", device, headers=fields)).document["name"]
    for method in ("GET", "DELETE"):
        assert (await client.request(method, device, headers=fields)).status in (200, 204)


@EACH
async def test_several_fields_that_are_wrong(town: Town, dialect: str) -> None:
    """Each field that is wrong is named as the dialect names it."""
    body = {
        "crossbar": {"number": "x", "first_name": 1, "enabled": "x"},
        "ringcentral": {"extensionNumber": "x", "contact": {"firstName": 1}, "status": "x"},
        "realm": {"name": "x", "first_name": 1, "status": "x"},
    }[dialect]
    client = await town.client(dialect)
    response = await client.create(*town.nouns("accounts:{mine} extensions", "self"), body=body)
    refused(dialect, response, 400)
    assert any(name.encode() in response.body for name in body)
    if dialect != "crossbar":
        assert not [word for word in (b"extension_type", b'"number', b"first_name") if word in response.body] or (
            dialect == "realm"
        )


MULTIPART: dict[str, tuple[str, bytes]] = {
    "no-boundary": ("multipart/form-data", b"--x\r\n\r\n--x--\r\n"),
    "empty": ("multipart/form-data; boundary=x", b""),
    "no-end": ("multipart/form-data; boundary=x", b"--x\r\ncontent-disposition: form-data; name=json\r\n\r\n{}"),
    "no-head": ("multipart/form-data; boundary=x", b"--x\r\nbroken"),
    "other-boundary": ("multipart/form-data; boundary=x", b"--y\r\n\r\n--y--\r\n"),
    "junk": ("multipart/form-data; boundary=x", b"\0\xff" * 50),
    "broken-json": (
        "multipart/form-data; boundary=x",
        b'--x\r\ncontent-disposition: form-data; name="json"\r\ncontent-type: application/json\r\n\r\n{\r\n--x--\r\n',
    ),
}


@EACH
@pytest.mark.parametrize("sent", MULTIPART.values(), ids=MULTIPART)
async def test_broken_multipart(town: Town, dialect: str, sent: tuple[str, bytes]) -> None:
    """A multipart body that is broken is a 400 where files are taken, and leaves nothing."""
    media_type, body = sent
    client = await town.client(dialect)
    path = town.path(dialect, "accounts:{mine} extensions:{user} faxes")
    refused(dialect, await client.request(CREATE[dialect], path, body=body, headers={"content-type": media_type}), 400)
    assert [] == await client.every(*town.nouns("accounts:{mine} faxes", "self"))


# Paths.


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
