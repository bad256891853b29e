"""Filters: what each operator keeps, and how query words become filters."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossbar import BadRequest, Filter, holding, where
from crossbar.filters import OPERATORS, PREFIXES, WORDS, field_at, matches, parse_filters, path_of, text_of
from crossbar.testing import Client, World, small_world

DEEP = "[" * 300 + "]" * 300


def kept(name: str, value: str, body: Any) -> bool:
    """Give whether one query word keeps a document."""
    [filter] = parse_filters([(name, value)])
    return matches(filter, body)


@pytest.mark.parametrize(
    ("name", "value", "keeps", "drops"),
    [
        pytest.param(
            "filter_x", "a", ["a", ["a"], ["b", "a"]], ["b", "A", "", None, ["b"], {"a": "a"}, [["a"]]], id="text"
        ),
        pytest.param("filter_x", "5", [5, "5", [5], ["5"]], [5.0, "5.0", 55, True, None], id="a number as text"),
        pytest.param("filter_x", "5.0", [5.0, "5.0"], [5, "5"], id="a fraction as text"),
        pytest.param("filter_x", "-1", [-1, "-1"], [1, "1"], id="a negative number"),
        pytest.param("filter_x", "true", [True, "true", [True]], [False, 1, "True", "yes"], id="true"),
        pytest.param("filter_x", "false", [False, "false"], [True, 0, None, ""], id="false"),
        pytest.param("filter_x", "", [None, "", [""]], ["a", 0, False, [], {}], id="nothing is the same as missing"),
        pytest.param("filter_x", "null", ["null"], [None, ""], id="the word null"),
        pytest.param("filter_x", "[1,2]", [[1, 2], "[1,2]"], [[2, 1], [1], 1], id="a list"),
        pytest.param("filter_x", " [1, 2]", [" [1, 2]"], [[1, 2]], id="a list after a blank is text"),
        pytest.param("filter_x", "[1, 2 ]", [[1, 2]], [[1], "[1, 2 ]"], id="a list with blanks in it"),
        pytest.param("filter_x", '{"a": 1}', [{"a": 1}], [{"a": 2}, {"a": 1, "b": 2}, {}], id="an object"),
        pytest.param("filter_x", "[]", [[]], [None, "", {}], id="an empty list"),
        pytest.param("filter_x", "{}", [{}], [None, "", []], id="an empty object"),
        pytest.param("filter_x", "[a", ["[a"], ["a", None], id="text that begins like a list"),
        pytest.param("filter_x", "{", ["{"], [None, {}], id="text that begins like an object"),
        pytest.param("filter_x", '"a"', ['"a"'], ["a"], id="quoted text is not unquoted"),
        pytest.param("filter_x", "Köln", ["Köln", ["Köln"]], ["K", "Koln"], id="letters beyond ASCII"),
        pytest.param("filter_not_x", "a", ["b", None, "", ["b"], 5], ["a", ["a"], ["b", "a"]], id="not text"),
        pytest.param("filter_not_x", "1", [None, 2, "2", [2]], [1, "1", [1]], id="not a number"),
        pytest.param("filter_not_x", "", ["a", 0], [None, ""], id="not nothing"),
        pytest.param("has_key", "x", ["", 0, False, [], {}, "a"], [None], id="has_key"),
        pytest.param("key_missing", "x", [None], ["", 0, False, [], {}, "a"], id="key_missing"),
        pytest.param("has_value", "x", [0, False, "a", [0], {"a": None}, " "], [None, "", [], {}], id="has_value"),
        pytest.param("value_missing", "x", [None, "", [], {}], [0, False, "a", [0]], id="value_missing"),
        pytest.param("missing_value", "x", [None, "", [], {}], [0, False, "a", [0]], id="missing_value"),
        pytest.param("filter_any_x", '["a","5"]', ["a", 5, ["c", "a"], [5]], ["c", None, [], "", ["c"]], id="any"),
        pytest.param(
            "filter_any_x", "[1,true]", [1, "1", True, "true", [True]], [2, False, None], id="any of no texts"
        ),
        pytest.param("filter_any_x", "[]", [], ["a", None, [], ""], id="any of nothing"),
        pytest.param("filter_none_x", '["a","5"]', ["c", None, [], ["c"]], ["a", 5, ["c", "a"]], id="none"),
        pytest.param("filter_none_x", "[]", ["a", None, []], [], id="none of nothing"),
        pytest.param(
            "filter_array_intersect_any_x", '["a"]', ["a", ["a", "b"]], ["b", [], None], id="array_intersect_any"
        ),
        pytest.param(
            "filter_array_intersect_all_x", '["a",2]', [["a", 2, 3], ["2", "a"]], ["a", ["a"], [], None], id="all"
        ),
        pytest.param("filter_array_intersect_all_x", '["a"]', ["a", ["a"]], [None, "b"], id="all of one"),
        pytest.param("filter_array_intersect_all_x", "[]", ["a", [], None], [], id="all of nothing"),
        pytest.param(
            "filter_array_intersect_none_x",
            '["a","b"]',
            [["c"], [], None],
            [["a"], ["a", "b"], "a"],
            id="not any of them",
        ),
    ],
)
def test_query_words(name: str, value: str, keeps: list[Any], drops: list[Any]) -> None:
    """Each row of the reference's section 6: what the word keeps, and what it does not."""
    assert [] == [found for found in keeps if not kept(name, value, {"x": found})]
    assert [] == [found for found in drops if kept(name, value, {"x": found})]


@pytest.mark.parametrize(
    ("name", "value", "keeps"),
    [
        ("filter_x", "a", False),
        ("filter_x", "", True),
        ("filter_not_x", "a", True),
        ("filter_not_x", "", False),
        ("has_key", "x", False),
        ("key_missing", "x", True),
        ("has_value", "x", False),
        ("value_missing", "x", True),
        ("filter_any_x", '["a"]', False),
        ("filter_none_x", '["a"]', True),
        ("filter_array_intersect_all_x", '["a"]', False),
    ],
)
@pytest.mark.parametrize("body", [{}, {"x": None}, {"y": "a"}, {"xx": "a"}, {"X": "a"}], ids=str)
def test_a_missing_key_is_like_null(name: str, value: str, keeps: bool, body: dict[str, Any]) -> None:
    """A field that is not there is the empty text, and the same as null."""
    assert keeps is kept(name, value, body)


@pytest.mark.parametrize(
    ("name", "path"),
    [
        pytest.param("filter_a", ("a",), id="one key"),
        pytest.param("filter_a.b.c", ("a", "b", "c"), id="three keys"),
        pytest.param("filter_not_a.b", ("a", "b"), id="after filter_not"),
        pytest.param("filter_not", ("not",), id="a field called not"),
        pytest.param("filter_any", ("any",), id="a field called any"),
        pytest.param("filter_nothing", ("nothing",), id="a field that begins like not"),
        pytest.param("filter_0", ("0",), id="a number"),
        pytest.param("filter_a b", ("a b",), id="a blank"),
        pytest.param("filter_$where", ("$where",), id="a dollar is a letter like any other"),
        pytest.param("filter_a'b", ("a'b",), id="a quotation mark"),
        pytest.param("filter_Köln", ("Köln",), id="beyond ASCII"),
        pytest.param("filter__id", ("_id",), id="an underscore"),
    ],
)
def test_paths(name: str, path: tuple[str, ...]) -> None:
    """What follows the prefix is a dotted path; of the prefixes the longest wins."""
    [filter] = parse_filters([(name, "v")])
    assert path == filter.path


def test_dotted_paths_lead_into_objects() -> None:
    """A path goes through objects only, not through lists or text."""
    body = {"a": {"b": [{"c": 1}], "d": {"e": 5}}, "a.b": "flat"}
    paths = ["a.d.e", "a.b", "a.b.0", "a.b.c", "a.d.e.f", "a.x", "x.y"]
    assert [5, [{"c": 1}], None, None, None, None, None] == [field_at(body, tuple(path.split("."))) for path in paths]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(
            pytest.param(name, "5", id=f"{name} with a number")
            for name, _ in PREFIXES
            if name not in ("filter_", "filter_not_")
        ),
        pytest.param("filter_any_", "[1]", id="no field"),
        pytest.param("filter_any_x", "", id="nothing for a list"),
        pytest.param("filter_any_x", "a,b", id="text for a list"),
        pytest.param("filter_any_x", '{"a":1}', id="an object for a list"),
        pytest.param("filter_any_x", "[1", id="half a list"),
        pytest.param("filter_any_x", "[NaN]", id="no JSON"),
        pytest.param("filter_none_x", "null", id="null for a list"),
        pytest.param("filter_", "a", id="filter_ alone"),
        pytest.param("filter_not_", "a", id="filter_not_ alone"),
        pytest.param("filter_a..b", "a", id="an empty key inside"),
        pytest.param("filter_.a", "a", id="an empty key first"),
        pytest.param("filter_a.", "a", id="an empty key last"),
        pytest.param('filter_a"b', "a", id="a double quotation mark"),
        pytest.param("filter_a\\b", "a", id="a backslash"),
        pytest.param("filter_a\0b", "a", id="NUL"),
        pytest.param("filter_a\nb", "a", id="a line end"),
        *(pytest.param(name, "", id=f"{name} without a field") for name in WORDS),
        *(pytest.param(name, "a..b", id=f"{name} with an empty key") for name in WORDS),
    ],
)
def test_malformed_words(name: str, value: str) -> None:
    """A filter that cannot be meant is a 400 whose message begins with the parameter, never an empty listing."""
    with pytest.raises(BadRequest) as refused:
        parse_filters([(name, value)])
    assert (400, name) == (refused.value.status, refused.value.message[: len(name)])


@pytest.mark.parametrize("name", ["filter_x", "filter_any_x"])
@pytest.mark.parametrize(
    "value",
    [
        pytest.param(DEEP, id="300 lists"),
        pytest.param(f"[{DEEP}]", id="300 lists in a list"),
        pytest.param('{"a":' * 300 + "1" + "}" * 300, id="300 objects"),
        pytest.param("[" * 2000 + "]" * 2000, id="2000 lists"),
        pytest.param("[1e999]", id="beyond a double"),
        pytest.param("[123456789012345678901234567890]", id="beyond 64 bits"),
        pytest.param('["\\ud800"]', id="a lone surrogate"),
    ],
)
def test_hostile_values_never_crash(name: str, value: str) -> None:
    """A value that JSON can barely hold becomes a filter like any other or a 400, never a crash."""
    with suppress(BadRequest):
        [filter] = parse_filters([(name, value)])
        assert ("not" in name) is matches(filter, {"x": "a"})


def test_other_words_are_left_alone() -> None:
    """Words that are no filters are somebody else's: paging, a browser's time stamp, anything."""
    words = ["page_size", "start_key", "_", "filter", "filters_x", "Filter_x", "has_keys", "created_from", "fields", ""]
    assert () == parse_filters([(word, "1") for word in words])


def test_all_filters_are_combined() -> None:
    """Each word gives one filter, and a document must pass them all."""
    filters = parse_filters([("filter_a", "1"), ("has_key", "b"), ("filter_not_c", "3")])
    bodies = [{"a": 1, "b": 2}, {"a": 1, "b": 2, "c": 3}, {"a": 2, "b": 2}, {"a": 1}]
    assert [True, False, False, False] == [all(matches(filter, body) for filter in filters) for body in bodies]


def test_the_order_of_words_does_not_matter() -> None:
    """The same words in any order give the same filters."""
    words = [("filter_b", "1"), ("has_key", "a"), ("filter_a", "2"), ("filter_not_a", "[1]"), ("filter_any_a", "[1]")]
    assert parse_filters(words) == parse_filters(words[::-1])


# The typed operators, which modules use.


@pytest.mark.parametrize(
    ("wanted", "keeps", "drops"),
    [
        pytest.param("1", ["1"], [1, True, None, ["1"]], id="text"),
        pytest.param(1, [1], ["1", True, None, [1]], id="a number"),
        pytest.param(True, [True], [1, "true", None], id="true"),
        pytest.param(False, [False], [0, "", None], id="false"),
        pytest.param("", [""], [None, [], 0], id="empty text"),
    ],
)
def test_where(wanted: str | int | bool, keeps: list[Any], drops: list[Any]) -> None:
    """`where` keeps exactly the value, of the same JSON type."""
    filter = where("a.b", wanted)
    assert [] == [found for found in keeps if not matches(filter, {"a": {"b": found}})]
    assert [] == [found for found in drops if matches(filter, {"a": {"b": found}})]


@pytest.mark.parametrize(
    ("wanted", "keeps", "drops"),
    [
        pytest.param("a", [["a"], ["b", "a"]], ["a", ["b"], [], None, [["a"]], {"a": 1}], id="text"),
        pytest.param(1, [[1]], [["1"], [True], 1, [1.0]], id="a number"),
    ],
)
def test_holding(wanted: str | int, keeps: list[Any], drops: list[Any]) -> None:
    """`holding` keeps lists with the element, of the same JSON type."""
    filter = holding("tree", wanted)
    assert [] == [found for found in keeps if not matches(filter, {"tree": found})]
    assert [] == [found for found in drops if matches(filter, {"tree": found})]


def test_private_fields_are_for_modules_only() -> None:
    """Modules may ask for the private part; no query word can."""
    asked = parse_filters([(f"filter_{name}", "x") for name in ("pvt_tree", "private.tree", "credentials.md5")])
    assert (True, True, []) == (
        where("tree", "x", private=True).private,
        holding("tree", "x", private=True).private,
        [filter for filter in asked if filter.private],
    )


# Laws.

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3),
    max_leaves=6,
)
OPPOSITES = [
    ("filter_x", "filter_not_x"),
    ("filter_any_x", "filter_none_x"),
    ("filter_array_intersect_any_x", "filter_array_intersect_none_x"),
]


@settings(max_examples=200, deadline=None)
@given(found=JSON, wanted=JSON)
def test_opposites(found: Any, wanted: Any) -> None:
    """Of a word and its opposite exactly one keeps any document, whatever is asked."""
    value = orjson.dumps(wanted if isinstance(wanted, list) else [wanted]).decode()
    body = {"x": found}
    assert [] == [pair for pair in OPPOSITES if kept(pair[0], value, body) == kept(pair[1], value, body)]
    assert [True, True] == [
        kept("has_key", "x", body) != kept("key_missing", "x", body),
        kept("has_value", "x", body) != kept("value_missing", "x", body),
    ]


@settings(max_examples=200, deadline=None)
@given(found=JSON)
def test_a_document_is_found_by_its_own_value(found: Any) -> None:
    """The text of a value, sent as a filter, keeps the document that has it."""
    assert kept("filter_x", text_of(found), {"x": found})


@settings(max_examples=200, deadline=None)
@given(found=JSON, wanted=st.text(max_size=4))
def test_nothing_raises(found: Any, wanted: str) -> None:
    """No operator fails on any value of any document."""
    for name, operator in OPERATORS.items():
        value: Any = (wanted,) if name in ("any", "none", "all") else wanted
        assert operator.keeps(found, value) in (True, False)


def test_every_word_has_an_operator() -> None:
    """Every prefix and every word leads to an operator, and longer prefixes come before those that they begin with."""
    names = [name for name, _ in PREFIXES]
    assert {operator for _, operator in PREFIXES} | set(WORDS.values()) <= set(OPERATORS)
    assert [] == [late for n, late in enumerate(names) if any(late.startswith(early) for early in names[:n])]


def test_path_of_names_the_parameter() -> None:
    """A path that is none is refused in the name of the parameter that it came with."""
    with pytest.raises(BadRequest, match=r"^fields: 'a\.\.b'"):
        path_of("fields", "a..b")


def test_filters_are_values() -> None:
    """Equal filters are equal, so that a listing can be bound to them."""
    assert Filter("is", ("a",), 1) == where("a", 1)


# Over the wire.


@pytest.fixture(scope="module")
async def world() -> World:
    """Give a small world."""
    return await small_world()


@pytest.fixture(scope="module")
async def client(world: World) -> Client:
    """Give a client that is logged in at the top."""
    return await world.client()


@pytest.mark.parametrize(
    ("query", "status"),
    [
        pytest.param("filter_name=a", 200, id="a filter"),
        pytest.param("_=1780000000", 200, id="an unknown word"),
        pytest.param(f"filter_any_name={DEEP}", 400, id="300 lists for a list"),
        pytest.param(f"fields={DEEP}", 400, id="300 lists for fields"),
        pytest.param("filter_any_name=a", 400, id="no list"),
        pytest.param("filter[$ne]=", 200, id="the brackets of another framework"),
        pytest.param("filter_password[$gt]=", 200, id="an operator of a database is part of a name"),
        pytest.param("filter_$where=sleep(9e9)", 200, id="a script is text"),
        pytest.param("created_from=abc", 400, id="a time that is none"),
        pytest.param("created_from=" + "9" * 15, 200, id="a far time"),
        pytest.param("created_from=64000000001&created_to=64000000000", 400, id="a time before another"),
    ],
)
async def test_over_the_wire(world: World, client: Client, query: str, status: int) -> None:
    """A good filter is a 200 and a bad one a 400 in an envelope that names it, never an empty success or a crash."""
    response = await client.get(f"/accounts/{world.master}/menus?{query}")
    assert (status, status == 200) == (response.status, response.json()["status"] == "success")
