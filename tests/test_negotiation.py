"""Negotiation: which media type goes out, and which one came in."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossbar.negotiation import CSV, JSON, choose, essence, is_json, named
from crossbar.testing import Client, World, small_world

BOTH = (JSON, CSV)
MEDIA = (JSON, "audio/mpeg", "audio/wav", CSV)


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        pytest.param("", JSON, id="nothing"),
        pytest.param(" , ,", JSON, id="commas only"),
        pytest.param("*/*", JSON, id="anything"),
        pytest.param("application/json", JSON, id="JSON"),
        pytest.param("text/csv", CSV, id="CSV"),
        pytest.param("TEXT/CSV", CSV, id="case does not matter"),
        pytest.param("text/csv, application/json", JSON, id="equal wishes leave it to the server"),
        pytest.param("text/csv, application/json;q=0.9", CSV, id="quality decides"),
        pytest.param("text/csv;q=0.1, application/json;q=0.2", JSON, id="low qualities decide too"),
        pytest.param("text/*", CSV, id="a range of types"),
        pytest.param("text/*, */*;q=0.5", CSV, id="a range before anything"),
        pytest.param("*/*, text/csv", CSV, id="the more specific of equal quality"),
        pytest.param("*/*;q=0.1, text/csv", CSV, id="anything else at need"),
        pytest.param("application/json;q=0, */*", CSV, id="not JSON"),
        pytest.param("application/json;q=0.0, */*;q=0.5", CSV, id="not JSON, written out"),
        pytest.param("*/*;q=0", None, id="nothing at all"),
        pytest.param("text/*;q=0, text/csv", CSV, id="the specific one beats its range"),
        pytest.param("text/html", None, id="a type that is not offered"),
        pytest.param("text/html, */*;q=0.1", JSON, id="a browser"),
        pytest.param(
            "text/html,application/xhtml+xml,application/xml;q=0.9,image/webp,*/*;q=0.8", JSON, id="a whole browser"
        ),
        pytest.param("audio/mpeg", None, id="audio where there is none"),
        pytest.param("text/csv;header=present", CSV, id="a parameter"),
        pytest.param(
            "text/csv;header=present;q=0.1, application/json;q=0.5", JSON, id="a parameter before the quality"
        ),
        pytest.param("text/csv ; q=0.1 , application/json ; q=0.5", JSON, id="blanks"),
        pytest.param("text/csv;Q=0.1, application/json;q=0.5", JSON, id="Q in capitals"),
        pytest.param("text/csv;q=, application/json;q=0.1", JSON, id="an empty quality"),
        pytest.param("text/csv;q=high, application/json;q=0.1", JSON, id="a quality that is none"),
        pytest.param("text/csv;q=nan, application/json;q=0.1", JSON, id="no number"),
        pytest.param("text/csv;q=-1, application/json;q=0.1", JSON, id="a negative quality excludes"),
        pytest.param("text/csv;q=5", CSV, id="a quality above one"),
        pytest.param("application/x-json", JSON, id="Kazoo's other JSON"),
        pytest.param("text/comma-separated-values", CSV, id="Kazoo's other CSV"),
        pytest.param("json", JSON, id="json"),
        pytest.param("csv", CSV, id="csv"),
        pytest.param("applicationjson", None, id="a word"),
        pytest.param("/", None, id="a slash"),
        pytest.param(";;;", JSON, id="semicolons"),
    ],
)
def test_choose(accept: str, expected: str | None) -> None:
    """Quality first, then the more specific range, then the server's order; q=0 excludes (RFC 9110, 12.5.1)."""
    assert expected == choose(accept, BOTH)


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("audio/*", "audio/mpeg"),
        ("audio/*;q=0.5, audio/wav", "audio/wav"),
        ("audio/mpeg;q=0, audio/*", "audio/wav"),
        ("audio/mpeg;q=0.1, audio/*", "audio/wav"),
        ("*/*, audio/*", "audio/mpeg"),
        ("video/*", None),
    ],
)
def test_choose_among_many(accept: str, expected: str | None) -> None:
    """A range of types takes the server's favourite of the types that it has not ranked lower."""
    assert expected == choose(accept, MEDIA)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from([*"abq=;,./* 01", "text/csv", JSON, "*/*", "q=0"]), max_size=12).map("".join))
def test_what_is_chosen_is_offered(accept: str) -> None:
    """Whatever a client writes, the choice is one of the offer or none."""
    assert choose(accept, BOTH) in (JSON, CSV, None)


def test_nothing_is_chosen_from_nothing() -> None:
    """An endpoint that offers nothing has nothing to choose from."""
    assert None is choose("*/*", ())


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("csv", CSV),
        ("CSV", CSV),
        (" csv ", CSV),
        ("json", JSON),
        ("text/csv", CSV),
        ("text/html", "text/html"),
        ("", ""),
    ],
)
def test_named(word: str, expected: str) -> None:
    """A tunnelled word is a short name or a media type."""
    assert expected == named(word)


@pytest.mark.parametrize(
    ("content_type", "expected", "json"),
    [
        ("application/json", "application/json", True),
        ("application/json; charset=utf-8", "application/json", True),
        ("Application/JSON ;charset=UTF-8", "application/json", True),
        ("application/x-json", "application/x-json", True),
        ("application/merge-patch+json", "application/merge-patch+json", True),
        ("application/jsonp", "application/jsonp", False),
        ("text/plain", "text/plain", False),
        ("text/json", "text/json", False),
        ("", "", False),
        (";", "", False),
    ],
)
def test_the_type_of_a_body(content_type: str, expected: str, json: bool) -> None:
    """A body's type is told without its parameters, and JSON is known by each of its names."""
    assert (expected, json) == (essence(content_type), is_json(essence(content_type)))


# Over the wire.


@pytest.fixture(scope="module")
async def world() -> World:
    """Give a small world with a menu in it."""
    world = await small_world()
    await (await world.client()).put(f"/accounts/{world.master}/menus", {"name": "a"})
    return world


@pytest.fixture(scope="module")
async def client(world: World) -> Client:
    """Give a client that is logged in at the top."""
    return await world.client()


@pytest.mark.parametrize(
    ("query", "headers", "status", "content_type"),
    [
        pytest.param("", {}, 200, JSON, id="nothing asked"),
        pytest.param("", {"accept": "text/csv"}, 200, "text/csv; charset=utf-8", id="Accept"),
        pytest.param("accept=csv", {}, 200, "text/csv; charset=utf-8", id="accept=csv"),
        pytest.param("accept=text/csv", {}, 200, "text/csv; charset=utf-8", id="accept=text/csv"),
        pytest.param("accept=csv", {"accept": JSON}, 200, "text/csv; charset=utf-8", id="the word beats the header"),
        pytest.param(
            "accept=application/json", {"accept": "text/csv"}, 200, JSON, id="the word beats the header again"
        ),
        pytest.param("", {"accept": "text/html"}, 406, JSON, id="a type that is not offered"),
        pytest.param("", {"accept": "text/html, */*;q=0.1"}, 200, JSON, id="a browser"),
    ],
)
async def test_over_the_wire(
    world: World, client: Client, query: str, headers: dict[str, str], status: int, content_type: str
) -> None:
    """The header or the tunnelled word decides; a refusal is an envelope in JSON whose type is exactly that."""
    response = await client.get(f"/accounts/{world.master}/menus?{query}", headers=headers)
    assert (status, content_type) == (response.status, response.headers["content-type"])


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        (JSON, 201),
        ("application/json; charset=utf-8", 201),
        ("application/x-json", 201),
        ("application/x-www-form-urlencoded", 201),
        ("text/plain", 415),
        ("multipart/form-data; boundary=x", 415),
        ("application/xml", 415),
    ],
)
async def test_what_a_body_may_be(world: World, client: Client, content_type: str, status: int) -> None:
    """A body is JSON under one of its names, or under the type that curl sends by itself; all else is a 415."""
    path = f"/accounts/{world.master}/menus"
    response = await client.put(path, {"name": content_type}, headers={"content-type": content_type})
    assert (status, status == 201) == (response.status, response.json()["status"] == "success")
