"""Corner cases of JSON over the walk: what is valid comes back as it was sent, what is not is a 400, never a 5xx."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest

from crossbar.testing import Response

from .json_corners import DECIDED, INVALID, REFUSED, VALID
from .tools import Home

Wrong = list[tuple[bytes, int, bytes]]


def in_data(text: bytes) -> bytes:
    """An envelope that has the text as a value in its data."""
    return b'{"data":{"name":"corner","v":' + text + b"}}"


def short(response: Response, text: bytes) -> tuple[bytes, int, bytes]:
    """What to show of an answer that was not expected."""
    return text[:60], response.status, response.body[:200]


def is_refusal(response: Response) -> bool:
    """Whether this is a 400 in an envelope that says what is wrong with the body."""
    envelope = response.json()
    told = (response.status, envelope["error"], envelope["status"], envelope["message"])
    return told == (400, "400", "error", "invalid request envelope") and bool(envelope["data"])


def without_nulls(value: Any) -> Any:
    """What a patch leaves where there was nothing (RFC 7396): objects lose what is null, lists do not."""
    if not isinstance(value, dict):
        return value
    return {key: without_nulls(inner) for key, inner in value.items() if inner is not None}


def equal(expected: Any, found: Any) -> bool:
    """Whether two values are the same JSON: of the same types, in the same order, with the sign of a zero."""
    return orjson.dumps(expected) == orjson.dumps(found)


async def kept(home: Home, method: str, text: bytes) -> tuple[Response, Any]:
    """Send the text inside of data, and read back what is kept of it: the answer, and the value or None."""
    path = home.at("/menus")
    if method == "PATCH":
        path += "/" + await home.made("/menus", {"name": "before"})
    response = await home.client.request(method, path, body=in_data(text))
    if response.status >= 400:
        return response, None
    return response, (await home.get(f"/menus/{response.data['id']}")).data.get("v")


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
@pytest.mark.parametrize("name", VALID)
async def test_what_is_json(home: Home, method: str, name: str) -> None:
    """Every valid value is stored, and comes back equal."""
    wrong: list[Any] = []
    for text in VALID[name]:
        response, found = await kept(home, method, text)
        expected = json.loads(text)
        expected = without_nulls(expected) if method == "PATCH" else expected
        if response.status not in (200, 201) or not equal(expected, found):
            wrong.append((*short(response, text), found))
    assert [] == wrong


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
@pytest.mark.parametrize("name", INVALID)
async def test_what_is_none(home: Home, method: str, name: str) -> None:
    """What is no JSON is refused, as the whole body and inside of data, and nothing changes."""
    one = await home.made("/menus", {"name": "before"})
    path = home.at("/menus" if method == "PUT" else f"/menus/{one}")
    wrong: Wrong = []
    for text in INVALID[name]:
        for body in (text, in_data(text), b'{"data":{"name":"corner"},"v":' + text + b"}"):
            response = await home.client.request(method, path, body=body)
            if not is_refusal(response):
                wrong.append(short(response, body))
    assert [] == wrong
    assert [(one, "before")] == [(row["id"], row["name"]) for row in (await home.get("/menus")).data]


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
@pytest.mark.parametrize("name", DECIDED)
async def test_what_is_ours_to_decide(home: Home, method: str, name: str) -> None:
    """Where RFC 8259 leaves it to the reader, the table says what we do."""
    text, decision = DECIDED[name]
    response, found = await kept(home, method, text)
    if decision is REFUSED:
        assert is_refusal(response), short(response, text)
    else:
        assert response.status in (200, 201), short(response, text)
        assert equal(decision, found), found


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
async def test_json_that_is_no_envelope(home: Home, method: str) -> None:
    """A valid text that is no object with `data` in it is refused as an envelope."""
    one = await home.made("/menus", {"name": "before"})
    path = home.at("/menus" if method == "PUT" else f"/menus/{one}")
    wrong: Wrong = []
    for text in [text for texts in VALID.values() for text in texts]:
        response = await home.client.request(method, path, body=text)
        if not is_refusal(response):
            wrong.append(short(response, text))
    assert [] == wrong


async def test_depth_of_the_whole_body(home: Home) -> None:
    """The envelope's own two levels count: 62 are left for a value, in lists and in objects."""
    for levels, status in ((61, 201), (62, 201), (63, 400), (64, 400)):
        for opening, closing in ((b"[", b"]"), (b'{"a":', b"}")):
            inner = b"1" if opening != b"[" else b""
            response, _ = await kept(home, "PUT", opening * levels + inner + closing * levels)
            assert status == response.status, (levels, opening, response.body[:200])


def test_the_tables_are_as_large_as_others() -> None:
    """There are at least as many texts as in the best known collection: 95 valid, 188 invalid, 35 to be decided."""
    counts = [len({text for texts in table.values() for text in texts}) for table in (VALID, INVALID)]
    assert (True, True, True) == (counts[0] >= 95, counts[1] >= 188, len(DECIDED) >= 35), counts
