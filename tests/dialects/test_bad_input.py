"""Bad input in each dialect: whatever is wrong, it is refused in the dialect's own form and words."""

from __future__ import annotations

from typing import Any

import pytest

from crossbar import Noun

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


WRONG: dict[str, tuple[dict[str, Any], list[str]]] = {
    "crossbar": ({"number": "x", "first_name": 1}, ["first_name", "last_name", "number"]),
    "ringcentral": (
        {"extensionNumber": "x", "contact": {"firstName": 1}},
        ["contact.firstName", "contact.lastName", "extensionNumber"],
    ),
    "realm": ({"name": "x", "first_name": 1}, ["first_name", "name"]),
}


@EACH
async def test_several_fields_that_are_wrong(town: Town, dialect: str) -> None:
    """Each field that is wrong is named as the dialect names it, all of them at once."""
    body, wrong = WRONG[dialect]
    client = await town.client(dialect)
    response = await client.create(*town.nouns("accounts:{mine} extensions", "self"), body=body)
    told = refused(dialect, response, 400)
    if dialect == "realm":
        named = [sentence.partition(":")[0] for sentence in told[0].split("; ")]
    elif dialect == "ringcentral":
        named = [error["parameterName"] for error in response.json()["errors"]]
    else:
        named = [*response.json()["data"]]
    assert wrong == sorted(named)


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
