"""Filters, time windows, fields and whole documents in listings."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from crossbar.dates import gregorian
from crossbar.testing import NOW, Clock, World

from .tools import ONE_STORE, Home, ids, leg, made, refused

ROWS: list[dict[str, Any]] = [
    {
        "id": "a",
        "name": "a",
        "tag": "x",
        "number": 5,
        "flag": True,
        "list": ["x", "y"],
        "deep": {"key": "v", "er": {"still": "v"}},
        "empty": "",
        "no_items": [],
        "no_keys": {},
    },
    {
        "id": "b",
        "name": "b",
        "tag": "y",
        "number": 7.5,
        "flag": False,
        "list": ["y", "z"],
        "deep": {"key": "w"},
        "empty": "0",
        "no_items": [None],
        "no_keys": {"k": None},
    },
    {"id": "c", "name": "c", "nothing": None, "object": {"k": 1, "l": [2]}, "numbers": [1, 2], "tag ged": "x"},
]

# Crossbar reference, section 6: the query, and who is kept.
FILTERS: dict[str, str] = {
    "filter_tag=x": "a",
    "filter_tag=X": "",
    "filter_tag=": "c",
    "filter_tag=unheard": "",
    "filter_number=5": "a",
    "filter_number=7.5": "b",
    "filter_number=5.0": "",
    "filter_flag=true": "a",
    "filter_flag=false": "b",
    "filter_flag=True": "",
    "filter_deep.key=v": "a",
    "filter_deep.er.still=v": "a",
    "filter_deep.key.deeper=v": "",
    "filter_list=x": "a",
    "filter_list=y": "ab",
    "filter_list=q": "",
    'filter_list=["x","y"]': "a",
    'filter_list=["x", "y"]': "a",
    'filter_list=["y","x"]': "",
    'filter_object={"k":1,"l":[2]}': "c",
    'filter_object={"k": 1, "l": [2]}': "c",
    "filter_numbers=1": "c",
    "filter_tag%20ged=x": "c",
    "filter_not_tag=x": "bc",
    "filter_not_tag=": "ab",
    "filter_not_number=5": "bc",
    "filter_not_flag=true": "bc",
    "filter_not_list=x": "bc",
    "filter_not_list=y": "c",
    "filter_not_deep.key=v": "bc",
    "has_key=tag": "ab",
    "has_key=nothing": "",
    "has_key=deep.er": "a",
    "has_key=empty": "ab",
    "key_missing=tag": "c",
    "key_missing=nothing": "abc",
    "key_missing=deep.er": "bc",
    "has_value=tag": "ab",
    "has_value=flag": "ab",
    "has_value=empty": "b",
    "has_value=no_items": "b",
    "has_value=no_keys": "b",
    "value_missing=empty": "ac",
    "value_missing=no_items": "ac",
    "value_missing=tag": "c",
    "missing_value=tag": "c",
    'filter_any_list=["x","q"]': "a",
    'filter_any_list=["q"]': "",
    "filter_any_list=[]": "",
    'filter_any_tag=["x","y"]': "ab",
    "filter_any_number=[5]": "a",
    'filter_any_number=["5"]': "a",
    'filter_none_list=["x"]': "bc",
    "filter_none_list=[]": "abc",
    'filter_array_intersect_all_list=["y","z"]': "b",
    'filter_array_intersect_all_list=["y"]': "ab",
    "filter_array_intersect_all_numbers=[1,2]": "c",
    'filter_array_intersect_any_list=["x","z"]': "ab",
    'filter_array_intersect_none_list=["x"]': "bc",
    "filter_tag=x&filter_flag=true": "a",
    "filter_tag=x&filter_flag=false": "",
    "has_key=tag&filter_not_tag=x": "b",
    "filter_tag=x&filter_tag=y": "b",
    "_=1700000000000": "abc",
    "unknown=1&other": "abc",
    "Filter_tag=x": "abc",
}


@pytest.mark.parametrize(("query", "kept"), FILTERS.items(), ids=FILTERS)
@pytest.mark.parametrize("form", ["", "&paginate=false", "&full_docs=true"], ids=["page", "stream", "full"])
async def test_each_filter(home: Home, query: str, kept: str, form: str) -> None:
    """Each filter keeps what the reference says, paged or not; it looks at the whole document, not at the summary."""
    await home.stored("devices", ROWS)
    response = await home.get(f"/devices?ascending=true{form}&{query}")
    assert (200, list(kept)) == (response.status, ids(response))


@pytest.mark.parametrize("query", ["filter_tag=x", "has_key=even", 'filter_any_tag=["x","q"]', "filter_not_tag=y"])
@pytest.mark.parametrize("order", ["true", "false"])
async def test_filtered_pages_are_full(home: Home, query: str, order: str) -> None:
    """A page has as many rows as asked for, however many are passed over on the way."""
    rows = [{"name": "n", "tag": "x" if n % 7 == 0 else "y"} | ({"even": 1} if n % 7 == 0 else {}) for n in range(70)]
    expected = [id for n, id in enumerate(await home.stored("devices", rows)) if n % 7 == 0]
    pages, start = [], ""
    while start is not None:
        page = await home.get(f"/devices?page_size=3&ascending={order}&{query}{start}")
        pages.append(ids(page))
        key = page.json().get("next_start_key")
        if key is None:
            break
        start = f"&start_key={key}"
    assert [3, 3, 3, 1] == [len(page) for page in pages]
    assert (expected if order == "true" else expected[::-1]) == [id for page in pages for id in page]


MALFORMED: dict[str, str] = {
    "filter_=x": "filter_",
    "filter_not_=x": "filter_not_",
    "filter_.a=x": "filter_.a",
    "filter_a.=x": "filter_a.",
    "filter_a..b=x": "filter_a..b",
    'filter_a"b=x': 'filter_a"b',
    "filter_a%00b=x": "filter_a",
    "has_key=": "has_key",
    "has_key": "has_key",
    "has_key=.": "has_key",
    "key_missing=a..b": "key_missing",
    "has_value=": "has_value",
    "value_missing=": "value_missing",
    "missing_value=": "missing_value",
    "filter_any_tag=x": "filter_any_tag",
    "filter_any_tag=": "filter_any_tag",
    "filter_any_tag=5": "filter_any_tag",
    'filter_any_tag={"a":1}': "filter_any_tag",
    "filter_any_tag=[": "filter_any_tag",
    "filter_none_tag=x": "filter_none_tag",
    "filter_array_intersect_all_list=x": "filter_array_intersect_all_list",
    "created_from=abc": "created_from",
    "created_from=": "created_from",
    "created_from=-1": "created_from",
    "created_from=%2B5": "created_from",
    "created_from=1.5": "created_from",
    "created_from=1e5": "created_from",
    "created_from=1_0": "created_from",
    "created_from=%D9%A5": "created_from",
    "created_from=9999999999999999999999": "created_from",
    "created_to=abc": "created_to",
    "modified_from=abc": "modified_from",
    "modified_to=null": "modified_to",
    "fields=[": "fields",
    "fields=[]": "fields",
    "fields=[1]": "fields",
    'fields=[""]': "fields",
    'fields={"a":false}': "fields",
    "fields=a,,b": "fields",
    "fields=a..b": "fields",
    'fields="a': "fields",
}


@ONE_STORE
@pytest.mark.parametrize(("query", "name"), MALFORMED.items(), ids=MALFORMED)
@pytest.mark.parametrize("form", ["", "&paginate=false", "&accept=csv"], ids=["page", "stream", "csv"])
async def test_what_is_malformed_is_named(home: Home, query: str, name: str, form: str) -> None:
    """A value that means nothing is a 400 that names its parameter; nothing is silently left out."""
    response = await home.get(f"/devices?{query}{form}")
    data = refused(response, 400)
    assert name in data.get("message", "") or name in data


@pytest.mark.parametrize(
    "query", ["created_from=0", "created_to=999999999999999", "created_from=62167219200", "modified_to=999999999999999"]
)
async def test_times_far_away(home: Home, query: str) -> None:
    """Times long before and after everything keep everything."""
    await home.stored("devices", ROWS)
    assert ["a", "b", "c"] == ids(await home.get(f"/devices?ascending=true&{query}"))


@pytest.mark.parametrize("query", ["created_to=0", "created_from=999999999999999", "modified_from=999999999999999"])
async def test_times_that_nothing_reaches(home: Home, query: str) -> None:
    """Windows in which nothing happened are empty."""
    await home.stored("devices", ROWS)
    assert [] == ids(await home.get(f"/devices?{query}"))


@pytest.mark.parametrize("noun", ["devices", "cdrs"])
@pytest.mark.parametrize(("begin", "end"), [(0, 9), (3, 6), (3, 3), (9, 9), (3, None), (None, 6), (20, None)])
async def test_windows_include_both_ends(home: Home, noun: str, begin: int | None, end: int | None) -> None:
    """`created_from` and `created_to` are Gregorian seconds, and both ends belong to the window."""
    rows = [leg(n) if noun == "cdrs" else {"name": "x"} for n in range(10)]
    expected = (await home.stored(noun, rows))[begin or 0 : None if end is None else end + 1]
    words = {"created_from": begin, "created_to": end}
    query = {name: str(gregorian(NOW + at)) for name, at in words.items() if at is not None}
    assert expected == ids(await home.get(f"/{noun}?ascending=true", query=query))


async def test_modified_windows_include_both_ends(own_world: World, own_clock: Clock) -> None:
    """`modified_from` and `modified_to` go by the last change."""
    client = await own_world.client("customer")
    expected = [await made(client, "/account/devices", {"name": "x"}) for _ in range(4)]
    for second, id in enumerate(expected):
        own_clock.now = NOW + 200_000 + second
        client = await own_world.client("customer")
        assert 200 == (await client.patch(f"/account/devices/{id}", {"name": "y"})).status
    for begin, end in ((0, 3), (1, 2), (2, 2), (4, 9)):
        window = f"modified_from={gregorian(NOW + 200_000 + begin)}&modified_to={gregorian(NOW + 200_000 + end)}"
        found = ids(await client.get(f"/account/devices?ascending=true&{window}"))
        assert sorted(expected[begin : end + 1]) == sorted(found)


@pytest.mark.parametrize("word", ["created", "modified"])
async def test_a_window_that_ends_before_it_begins(home: Home, word: str) -> None:
    """Such a window is a 400 in the shape of a validation error, with the time as the client wrote it."""
    begin = gregorian(NOW)
    response = await home.get(f"/cdrs?{word}_from={begin}&{word}_to={begin - 1}")
    told = refused(response, 400)[f"{word}_from"]["date_range"]
    assert str(begin) == str(told["cause"])


# What a row shows.

PROJECTIONS: dict[str, dict[str, Any]] = {
    'fields=["name","deep.key"]': {"id": "a", "name": "a", "deep": {"key": "v"}},
    "fields=name,deep.key": {"id": "a", "name": "a", "deep": {"key": "v"}},
    'fields={"name":true,"tag":false}': {"id": "a", "name": "a"},
    "fields=tag": {"id": "a", "tag": "x"},
    "fields=id": {"id": "a"},
    "fields=unheard": {"id": "a"},
    "fields=deep": {"id": "a", "deep": {"key": "v", "er": {"still": "v"}}},
    "fields=deep,deep.key": {"id": "a", "deep": {"key": "v", "er": {"still": "v"}}},
    "fields=deep.key,deep": {"id": "a", "deep": {"key": "v", "er": {"still": "v"}}},
    "fields=tag,tag": {"id": "a", "tag": "x"},
    "fields=flag,empty,list": {"id": "a", "flag": True, "empty": "", "list": ["x", "y"]},
    "full_docs=true": ROWS[0],
    "full_docs=true&fields=tag": {"id": "a", "tag": "x"},
    "full_docs=false": {"id": "a", "name": "a"},
    "": {"id": "a", "name": "a"},
}


@pytest.mark.parametrize(("query", "row"), PROJECTIONS.items(), ids=PROJECTIONS)
@pytest.mark.parametrize("form", ["", "paginate=false&"], ids=["page", "stream"])
async def test_fields_and_whole_documents(home: Home, query: str, row: dict[str, Any], form: str) -> None:
    """`fields` cuts rows down to some fields and the id, `full_docs` shows whole documents."""
    await home.stored("devices", ROWS[:1])
    assert [row] == (await home.get(f"/devices?{form}{query}")).data


async def test_fields_never_show_what_is_private(home: Home) -> None:
    """The private part cannot be named."""
    await home.stored("devices", [{"name": "x", "_private": {"identity": "canary", "credentials": {"md5": "canary"}}}])
    for query in ("fields=identity,credentials.md5,pvt_identity,private", "full_docs=true", "fields=*"):
        assert b"canary" not in (await home.get(f"/devices?{query}")).body


async def test_fields_in_the_envelope(home: Home) -> None:
    """A tunnelled GET may carry `fields` as JSON in its envelope."""
    await home.stored("devices", ROWS[:1])
    body = orjson.dumps({"data": {}, "verb": "GET", "fields": ["tag"]})
    assert [{"id": "a", "tag": "x"}] == (await home.client.request("POST", home.at("/devices"), body=body)).data


async def test_a_filter_on_a_child_list(home: Home) -> None:
    """Filters work in every listing, also of accounts."""
    for name in ("one", "two"):
        await made(home.client, home.at(), {"name": f"{name} {home.id}", "tag": name})
    for path in ("/children", "/descendants"):
        assert [f"two {home.id}"] == [row["name"] for row in (await home.get(f"{path}?filter_tag=two")).data]
