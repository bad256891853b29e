"""Bodies that are wrong in every way that one can think of: each is answered, and none of them breaks anything."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from crossbar.testing import Response

from .tools import ONE_STORE, Home, body_fields, ids, refused, token_field, wire

WRITES = ("PUT", "POST", "PATCH")


async def written(home: Home, body: bytes, method: str = "PUT", **options: Any) -> Response:
    """Send bytes to create, replace or patch a device."""
    path = "/devices" if method == "PUT" else f"/devices/{await home.made('/devices', {'name': 'Desk'})}"
    return await home.client.request(method, home.at(path), body=body, **options)


# Bodies that are no envelope.

NOT_JSON: dict[str, bytes] = {
    "brace": b"{",
    "word": b"name",
    "single-quotes": b"{'data':{}}",
    "no-value": b'{"data":}',
    "comma": b'{"data":{"name":"x",}}',
    "comment": b'{"data":{"name":"x"}} // x',
    "two": b'{"data":{}}{"data":{}}',
    "blank": b"  ",
    "nul": b"\0",
    "nul-after": b'{"data":{"name":"x"}}\0',
    "bom": b'\xef\xbb\xbf{"data":{"name":"x"}}',
    "utf-16": '{"data":{"name":"x"}}'.encode("utf-16"),
    "utf-32": '{"data":{"name":"x"}}'.encode("utf-32"),
    "latin-1": '{"data":{"name":"\u00e4"}}'.encode("latin-1"),
    "bad-utf-8": b'{"data":{"name":"\xff"}}',
    "overlong": b'{"data":{"name":"\xc0\xaf"}}',
    "raw-surrogate": b'{"data":{"name":"\xed\xa0\x80"}}',
    "lone-surrogate": b'{"data":{"name":"\\ud800"}}',
    "lone-low-surrogate": b'{"data":{"name":"\\udc00 x"}}',
    "surrogate-in-key": b'{"data":{"name":"x","\\ud800":1}}',
    "control-character": b'{"data":{"name":"a\nb"}}',
    "nan": b'{"data":{"name":"x","n":NaN}}',
    "infinity": b'{"data":{"name":"x","n":Infinity}}',
    "minus-infinity": b'{"data":{"name":"x","n":-Infinity}}',
    "leading-zero": b'{"data":{"name":"x","n":01}}',
    "plus": b'{"data":{"name":"x","n":+1}}',
    "hex": b'{"data":{"name":"x","n":0x1}}',
    "gzip": b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03",
    "xml": b"<data/>",
    "form": b"name=Desk",
}


@ONE_STORE
@pytest.mark.parametrize("body", NOT_JSON.values(), ids=NOT_JSON)
@pytest.mark.parametrize("method", WRITES)
async def test_what_is_not_json(home: Home, body: bytes, method: str) -> None:
    """A body that is not JSON is a 400 that says so, and nothing is stored or changed."""
    response = await written(home, body, method)
    assert {"json"} == set(refused(response, 400))
    assert ([] if method == "PUT" else ["Desk"]) == [row["name"] for row in (await home.get("/devices")).data]


@ONE_STORE
@pytest.mark.parametrize("body", [b"[]", b'"data"', b"1", b"null", b"true", b'[{"data":{}}]', b"1.5"])
@pytest.mark.parametrize("method", WRITES)
async def test_json_that_is_no_object(home: Home, body: bytes, method: str) -> None:
    """JSON that is no object is a 400 that says so."""
    assert ["invalid"] == list(refused(await written(home, body, method), 400)["json"])


@ONE_STORE
@pytest.mark.parametrize("body", [b"{}", b'{"name":"Desk"}', b'{"verb":"PUT"}', b'{"dataa":{}}', b'{"data ":{}}'])
async def test_an_envelope_without_data(home: Home, body: bytes) -> None:
    """An envelope without `data` is a 400 that names what is missing."""
    response = await home.client.request("POST" if b"verb" in body else "PUT", home.at("/devices"), body=body)
    data = refused(response, 400)
    assert "required" in data.get("data", data.get("name", {}))


@ONE_STORE
@pytest.mark.parametrize("data", [[], ["x"], "x", "", 1, 0, 1.5, True, False, None], ids=ascii)
@pytest.mark.parametrize("method", WRITES)
async def test_data_of_the_wrong_type(home: Home, data: Any, method: str) -> None:
    """`data` that is no object is a 400 that says so; null is not an empty object."""
    response = await written(home, orjson.dumps({"data": data}), method)
    assert ["type"] == list(refused(response, 400)["data"])


@pytest.mark.parametrize("method", WRITES)
async def test_no_body_where_one_is_needed(home: Home, method: str) -> None:
    """Without a body there is nothing to store: what is missing is named; a patch without a body changes nothing."""
    response = await written(home, b"", method)
    if method == "PATCH":
        assert response.status in (200, 400)
        assert "Desk" == (await home.get("/devices")).data[0]["name"]
    else:
        assert "name" in refused(response, 400)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "identity, gzip", "x"])
async def test_an_encoded_body(home: Home, encoding: str) -> None:
    """A body that was compressed is refused as such: nothing here unpacks it."""
    response = await written(home, gzip.compress(b'{"data":{"name":"x"}}'), headers={"content-encoding": encoding})
    refused(response, 415, "unsupported_media_type")


async def test_a_body_that_is_not_encoded(home: Home) -> None:
    """`identity` means that nothing was done to the body (RFC 9110, 12.5.3)."""
    assert 201 == (await written(home, b'{"data":{"name":"x"}}', headers={"content-encoding": "identity"})).status


# Bodies that are too much.


def nested(depth: int, kind: str) -> bytes:
    """A body that is nested so deeply."""
    opening, closing = {"list": (b"[", b"]"), "object": (b'{"a":', b"}"), "mixed": (b'{"a":[', b"]}")}[kind]
    times = depth // 2 if kind == "mixed" else depth
    return b'{"data":{"name":"x","deep":' + opening * times + b"1" + closing * times + b"}}"


@ONE_STORE
@pytest.mark.parametrize("kind", ["list", "object", "mixed"])
@pytest.mark.parametrize("depth", [100, 200, 254, 1000, 1024, 1025, 10_000, 100_000])
@pytest.mark.parametrize("method", WRITES)
async def test_nesting_beyond_the_limit(home: Home, kind: str, depth: int, method: str) -> None:
    """Whatever is nested more than 64 levels deep is refused."""
    refused(await written(home, nested(depth, kind), method), 400)


@ONE_STORE
@pytest.mark.parametrize("where", ["verb", "accept", "auth_token", "page_size", "start_key", "unknown"])
async def test_nesting_beside_data(home: Home, where: str) -> None:
    """The limit holds for the whole envelope."""
    body = b'{"data":{"name":"x"},"' + where.encode() + b'":' + b"[" * 5000 + b"]" * 5000 + b"}"
    refused(await written(home, body), 400)


async def test_what_is_accepted_can_be_sent_back(home: Home) -> None:
    """At whatever depth the limit stands, a document that was stored can be read, listed and stored again."""
    accepted = []
    for depth in range(56, 70):
        response = await written(home, nested(depth, "list"))
        if response.status == 201:
            accepted.append(depth)
            path = f"/devices/{response.data['id']}"
            whole = (await home.get(path)).data
            assert 200 == (await home.post(path, whole)).status
            assert 200 == (await home.patch(path, {"deep": whole["deep"]})).status
        else:
            refused(response, 400)
    assert list(range(56, accepted[-1] + 1)) == accepted
    assert accepted[-1] < 66
    for query in ("", "?full_docs=true", "?paginate=false&full_docs=true", "?full_docs=true&pretty_print=true"):
        assert len(accepted) == len((await home.get(f"/devices{query}")).data)
    assert 200 == (await home.get("/devices?full_docs=true", headers={"Accept": "text/csv"})).status


async def test_of_duplicate_keys_the_last_one_wins(home: Home) -> None:
    """Only what was read is stored, encoded by us: one key, one value, for every reader."""
    body = (
        b'{"data":{"name":"no"},"data":{"name":"first","name":"last","a":{"b":1,"b":2},"mac_address":"x",'
        b'"mac_address":"02005e005301"}}'
    )
    response = await written(home, body)
    assert (201, "last", {"b": 2}) == (response.status, response.data["name"], response.data["a"])
    document = await home.world.app.store.get(home.id, "devices", response.data["id"])
    assert document is not None
    assert (1, 1) == (document.body.count(b'"name"'), document.body.count(b'"mac_address"'))
    assert [response.data["id"]] == ids(await home.get("/devices?filter_name=last&filter_mac_address=02005e005301"))
    assert [] == ids(await home.get("/devices?filter_name=first"))


GOOD_NUMBERS = [0, -1, 2**31, 2**53, 2**53 + 1, 2**63 - 1, -(2**63), 1.5, -0.5, 1e308, 5e-324, 1e15]


@pytest.mark.parametrize("number", GOOD_NUMBERS, ids=str)
async def test_numbers_that_can_be_kept(home: Home, number: float) -> None:
    """A number that every store can keep comes back as it was sent."""
    id = await home.made("/devices", {"name": "x", "n": number, "list": [number]})
    read = (await home.get(f"/devices/{id}")).data
    assert (number, type(number), [number]) == (read["n"], type(read["n"]), read["list"])
    assert [id] == ids(await home.get("/devices", query={"filter_n": orjson.dumps(number).decode()}))


BAD_NUMBERS = [
    *(str(2**63), str(2**63 + 1), str(2**64 - 1), str(2**64), str(-(2**63) - 1), "1" + "0" * 30, "9" * 400, "9" * 5000),
    *("1e999", "-1e999", "1" * 320 + ".0"),
]


@ONE_STORE
@pytest.mark.parametrize("number", BAD_NUMBERS, ids=[f"{number[:20]}-{len(number)}" for number in BAD_NUMBERS])
@pytest.mark.parametrize("place", ['"n":%s', '"l":[1,%s]', '"o":{"o":{"n":%s}}', '"sip":{"expire_seconds":%s}'])
async def test_numbers_that_cannot_be_kept(home: Home, number: str, place: str) -> None:
    """A number that would come back as another one is refused, wherever it stands."""
    response = await written(home, f'{{"data":{{"name":"x",{place.replace("%s", number)}}}}}'.encode())
    refused(response, 400)
    assert [] == ids(await home.get("/devices"))


@pytest.mark.parametrize("text", [str(2**64), "9" * 100, '\\"' + "9" * 30, "1e999"])
async def test_digits_inside_text_are_no_number(home: Home, text: str) -> None:
    """Text may hold as many digits as it likes."""
    response = await written(home, f'{{"data":{{"name":"{text}"}}}}'.encode())
    assert (201, text.replace("\\", "")) == (response.status, response.data["name"])


@pytest.mark.parametrize("text", ["9" * 19, "9" * 400, "1e999", "-9223372036854775809", "9" * 5000])
async def test_text_that_spells_such_a_number(home: Home, text: str) -> None:
    """Text is not converted into a number that cannot be kept."""
    response = await home.put("/devices", {"name": "x", "sip": {"expire_seconds": text}})
    assert {"sip.expire_seconds"} == set(refused(response, 400, "validation error"))
    response = await home.patch("", {"notifications": {"low_balance": {"threshold": text}}})
    assert {"notifications.low_balance.threshold"} == set(refused(response, 400, "validation error"))


KEYS = ["", "\0", "a\0b", "$ne", "a.b", "constructor", "x" * 257, "x" * 100_000, " ", "\U0001f600", '"', "\\"]


@pytest.mark.parametrize("key", KEYS, ids=[f"{ascii(key)[:16]}-{len(key)}" for key in KEYS])
async def test_odd_keys(home: Home, key: str) -> None:
    """A key is kept as it is or refused; it never breaks anything."""
    response = await home.put("/devices", {"name": "x", key: 1, "deep": [{key: {key: 1}}]})
    if response.status == 400:
        refused(response, 400)
    else:
        assert (201, 1) == (response.status, (await home.get(f"/devices/{response.data['id']}")).data[key])
        assert 200 == (await home.get("/devices?full_docs=true&accept=csv")).status


@ONE_STORE
@pytest.mark.parametrize(
    "wide",
    [{f"k{n}": 1 for n in range(1001)}, {"l": [0] * 100_001}, {"l": [[]] * 100_001}],
    ids=["keys", "items", "lists"],
)
async def test_too_wide(home: Home, wide: dict[str, Any]) -> None:
    """Too many keys in one object, or too many values in all, are refused."""
    refused(await home.put("/devices", {"name": "x"} | wide), 400)


MIB = 1024 * 1024


@ONE_STORE
async def test_a_body_of_two_mebibytes(home: Home) -> None:
    """A body over the limit is refused from its announced length, before it is read."""
    body = b'{"data":{"name":"' + b"x" * (2 * MIB) + b'"}}'
    target = f"/v2{home.at()}/devices".encode()
    for method in (*WRITES, "DELETE"):
        response = await wire(home.world.app, method, target, [token_field(home.client), *body_fields(body)], [body])
        refused(response, 413, "content_too_large")


@ONE_STORE
@pytest.mark.parametrize("piece", [1024, 65_536, 3 * MIB], ids=["small-pieces", "pieces", "one-piece"])
async def test_a_body_of_unknown_length(home: Home, piece: int) -> None:
    """A chunked body over the limit is refused as soon as it is over the limit; the rest is not waited for."""
    body = b" " * (2 * MIB)
    pieces = [body[begin : begin + piece] for begin in range(0, len(body), piece)]
    waiting = list(pieces)
    fields = [token_field(home.client), (b"transfer-encoding", b"chunked"), (b"content-type", b"application/json")]
    response = await wire(home.world.app, "PUT", f"/v2{home.at()}/devices".encode(), fields, waiting)
    refused(response, 413, "content_too_large")


async def test_a_chunked_body_below_the_limit(home: Home) -> None:
    """A body that comes in many pieces, some of them empty, is put together."""
    body = orjson.dumps({"data": {"name": "Desk", "note": "\u20ac" * 1000}})
    pieces = [piece for begin in range(0, len(body), 7) for piece in (body[begin : begin + 7], b"")]
    fields = [token_field(home.client), (b"transfer-encoding", b"chunked"), (b"content-type", b"application/json")]
    response = await wire(home.world.app, "PUT", f"/v2{home.at()}/devices".encode(), fields, pieces)
    assert (201, "\u20ac" * 1000) == (response.status, response.data["note"])


async def test_a_body_that_is_exactly_at_the_limit(home: Home) -> None:
    """One mebibyte is fine, one byte more is not."""
    frame = len(orjson.dumps({"data": {"name": "x", "note": ""}}))
    for size, status in ((MIB, 201), (MIB + 1, 413)):
        body = orjson.dumps({"data": {"name": "x", "note": "n" * (size - frame)}})
        assert (size, status) == (len(body), (await written(home, body)).status)


@ONE_STORE
@pytest.mark.parametrize("announced", [b"abc", b"-1", b"+5", b"1_0", b"9" * 30, b"9" * 5000, b"\xb2", b"0x10", b""])
async def test_an_odd_length(home: Home, announced: bytes) -> None:
    """Whatever stands in Content-Length, there is an answer."""
    fields = [token_field(home.client), (b"content-length", announced), (b"content-type", b"application/json")]
    response = await wire(home.world.app, "PUT", f"/v2{home.at()}/devices".encode(), fields, [b'{"data":{"name":"x"}}'])
    assert response.status < 500


async def test_a_client_that_goes_away_in_the_middle(home: Home) -> None:
    """A connection that closes before the body is there leaves nothing behind."""

    def half() -> Iterator[bytes]:
        yield b'{"data":{"na'
        raise ConnectionError

    refused(await home.client.request("PUT", home.at("/devices"), body=half()), 408)
    assert [] == ids(await home.get("/devices"))


@ONE_STORE
@pytest.mark.parametrize(
    "media_type",
    [
        *("text/plain", "text/html", "multipart/form-data; boundary=x", "application/xml"),
        *("application/octet-stream", "x", "application/jsonx", "text/json", "*/*", "application/", "image/png"),
    ],
)
async def test_other_content_types(home: Home, media_type: str) -> None:
    """A body of another type is refused, though it be JSON."""
    response = await written(home, b'{"data":{"name":"x"}}', headers={"content-type": media_type})
    refused(response, 415, "unsupported_media_type")
    assert [] == ids(await home.get("/devices"))


@ONE_STORE
@pytest.mark.parametrize(
    "media_type",
    [
        *("application/json", "application/json; charset=utf-8", "APPLICATION/JSON"),
        *("application/json;charset=UTF-8", "application/x-json", "application/merge-patch+json"),
        *("application/vnd.api+json", ""),
    ],
)
async def test_json_content_types(home: Home, media_type: str) -> None:
    """JSON under all its names is taken, and so is a body that says nothing about itself."""
    response = await written(home, b'{"data":{"name":"x"}}', headers={"content-type": media_type})
    assert 201 == response.status
