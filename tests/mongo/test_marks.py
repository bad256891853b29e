"""Marks: what they find is what the filters mean, and what they are made of cannot be made to mean anything else.

The conditions are carried out here, over the handful of MongoDB's words that they may have, so that no server is
needed; that the server takes them in the same way is what `tests/contract` shows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from crossbar.filters import OPERATORS, Filter, matches, text_of, where
from crossbar.stores import Query
from crossbar.stores.mongo.layout import Shelf
from crossbar.stores.mongo.listings import asked
from crossbar.stores.mongo.marks import ALL, MOST_ELEMENTS, MOST_MARKS, decides, marks_of, place, selection
from tests.contract.documents import DEVICES, device
from tests.contract.test_store_properties import KEYS, SCALARS, bodies, filters, keys

SHELF = Shelf(DEVICES)
FOUND = [*SCALARS, [], {}, [[]], [{}], {"a": 1}, {"": 1, "$": 2, "0": 3}, [1, "a"], [True], ["x" * 300]]


def holds(record: Mapping[str, Any], condition: Mapping[str, Any]) -> bool:
    """Whether MongoDB finds the record by this condition; it has to be made of values and these words."""
    for name, wanted in condition.items():
        if name in ("$and", "$or"):
            outcomes = [holds(record, each) for each in wanted]
            if not (all(outcomes) if name == "$and" else any(outcomes)):
                return False
            continue
        if name not in ("marks", "fields"):
            top, _, below = name.partition(".")
            there = record.get(top)
            value = there.get(below) if isinstance(there, dict) else there
            if value not in (wanted["$in"] if isinstance(wanted, dict) else [wanted]):
                return False
            continue
        # NOTE: an array is found by what it has, and not found by what it lacks; one that is missing lacks all.
        there = set(record.get(name) or ())
        ((word, value),) = wanted.items()
        sought = {value} if word == "$ne" else set(value)
        assert word in ("$in", "$nin", "$ne"), word
        assert all(type(each) is str for each in sought), sought
        if (word == "$in") == there.isdisjoint(sought):
            return False
    return True


def found(body: Mapping[str, Any], private: Mapping[str, Any] | None, *wanted: Filter) -> bool:
    """Whether a listing has the document: by what MongoDB is asked, and by looking into it where that is said."""
    document = device("d", private=private, **{key: value for key, value in body.items() if key != "id"})
    record = {name: value for name, value in SHELF.record(document, 0).items() if value is not None}
    told = asked(Query("acme", "devices", wanted), SHELF, 0)
    if told is None:
        return False
    condition = {name: value for name, value in told.condition.items() if name not in ("tenant", "deleted", "until")}
    if not holds(record, condition):
        return False
    if told.undecided or record.get("wide"):
        return meant(document.data(), document.secrets(), *wanted)
    return True


def meant(body: Any, private: Any, *wanted: Filter) -> bool:
    """Whether the filters keep the document, by what they mean."""
    return all(matches(each, private if each.private else body) for each in wanted)


@settings(max_examples=150, deadline=None)
@given(bodies, st.none() | bodies, st.lists(st.lists(filters(), min_size=1, max_size=3), min_size=1, max_size=20))
def test_random_filters(body: dict[str, Any], private: dict[str, Any] | None, some: list[list[Filter]]) -> None:
    """Whatever is asked of whatever is stored, the same documents are found as by reading all of them."""
    body = {"id": "d"} | {key: value for key, value in body.items() if key != "id"}
    for wanted in some:
        assert meant(body, private or {}, *wanted) == found(body, private, *wanted), wanted


@pytest.mark.parametrize("operator", OPERATORS)
@pytest.mark.parametrize("path", ["name", "owner_id", "mac"], ids=["any field", "a declared field", "a unique field"])
def test_each_value_by_each_operator(path: str, operator: str) -> None:
    """All pairs of values, alone and in arrays, along either index."""
    records = [{path: value} for value in FOUND] + [{path: [None, value]} for value in FOUND] + [{}]
    for value in FOUND:
        sought = value if operator in ("is", "contains") else text_of(value)
        wanted = Filter(operator, (path,), (sought,) if operator in ("any", "none", "all") else sought)
        for body in records:
            assert meant(body, {}, wanted) == found(body, None, wanted), (wanted, body)


@pytest.mark.parametrize("private", [False, True], ids=["body", "private part"])
def test_each_key(private: bool) -> None:
    """Keys that hold what marks are made of are found where they are, and nowhere else."""
    paths = [(one,) for one in KEYS] + [(one, other) for one in KEYS for other in KEYS]
    for key in KEYS:
        part = {key: {key: "v"}}
        body, secrets = ({}, part) if private else (part, None)
        for path in paths:
            wanted = Filter("has_key", path, None, private)
            assert meant(body, part, wanted) == found(body, secrets, wanted), (part, path)


@settings(max_examples=200)
@given(st.lists(keys | st.text(max_size=4), max_size=4), st.lists(keys | st.text(max_size=4), max_size=4))
@example(["a", "b"], ["a.b"])
@example(["a\\", "b"], ["a\\.b"])
@example(["a\\"], ["a\\\\"])
def test_no_two_paths_have_the_same_place(one: list[str], other: list[str]) -> None:
    """Whatever the keys are, dots and backslashes in them are no borders between them."""
    assert (one == other) == (place(":", tuple(one)) == place(":", tuple(other))) or {(), ("",)} == {
        tuple(one),
        tuple(other),
    }


@settings(max_examples=80, deadline=None)
@given(bodies, st.none() | bodies)
def test_a_mark_says_one_thing(body: dict[str, Any], private: dict[str, Any] | None) -> None:
    """Marks are texts that begin with `:` or `~`, no two of a document are the same, and none is `*`."""
    marks = marks_of(body, private)
    assert sorted(set(marks)) == sorted(marks)
    assert all(mark[0] in ":~" for mark in marks)
    assert all(len(mark) < 1000 for mark in marks)


def test_half_a_surrogate_pair_finds_nothing() -> None:
    """No stored key can have it, and asking for it is no error."""
    for operator in ("has_key", "is", "contains"):
        wanted = Filter(operator, ("a\ud800",), "b")
        assert not found({"a": "b"}, None, wanted)
    assert found({"a": "b"}, None, Filter("key_missing", ("a\ud800",)))


def test_the_filter_that_leaves_least_is_read_along() -> None:
    """An id or a unique value before one of many, and that before a truth value, which half of all may have."""
    half = where("token", True, private=True)
    many, few, one = where("owner_id", "o"), where("mac", "m"), where("id", "d")
    for wanted, along, condition in (
        ((half,), "fields", {"fields": {"$in": ["~token=true"]}}),
        ((half, many), "fields", {"fields": {"$in": [':owner_id="o"']}}),
        ((half, many, few), "unique mac", {"unique.mac": {"$in": ['"m"']}}),
        ((many, one), "id", {"id": "d"}),
    ):
        for order in (wanted, wanted[::-1]):
            told = asked(Query("acme", "devices", order), SHELF, 0)
            assert told is not None
            assert along == told.along
            assert condition.items() <= told.condition.items()
            assert len(wanted) - 1 == len(told.condition.get("$and", ()))


# -- too many of them ---------------------------------------------------------------------------------------


def wide(count: int) -> dict[str, Any]:
    """A body with so many fields, of which each has two marks; `id` has two more."""
    return {f"f{n}": n for n in range(count)}


@pytest.mark.parametrize("more", [-1, 0, 1], ids=["one less", "as many as may be", "one more"])
def test_a_document_with_too_many_marks(more: int) -> None:
    """It is marked as such, filters let it pass, and it is looked into."""
    body = wide(MOST_MARKS // 2 - 1 + more)
    record = SHELF.record(device("d", **body), 0)
    assert ([ALL] == record["marks"]) == (more > 0)
    assert (True if more > 0 else None) == record["wide"]
    for wanted in questions("f5", 5):
        assert meant(body, {}, *wanted) == found(body, None, *wanted), wanted


@pytest.mark.parametrize("count", [MOST_ELEMENTS - 1, MOST_ELEMENTS, MOST_ELEMENTS + 1, MOST_MARKS])
@pytest.mark.parametrize("field", ["owner_id", "name"], ids=["declared", "any field"])
def test_an_array_with_too_many_elements(field: str, count: int) -> None:
    """What an index cannot hold is found all the same, and what is not in it is not."""
    body = {field: [f"e{n}" for n in range(count)]}
    for sought in ("e0", f"e{count - 1}", f"e{count}", text_of(body[field])):
        for wanted in questions(field, sought):
            assert meant(body, {}, *wanted) == found(body, None, *wanted), wanted


def questions(field: str, value: Any) -> Iterator[list[Filter]]:
    """Every operator with that value, alone and beside one on a declared field."""
    for operator in OPERATORS:
        sought = value if operator in ("is", "contains") else text_of(value)
        wanted = Filter(operator, (field,), (sought,) if operator in ("any", "none", "all") else sought)
        yield [wanted]
        yield [wanted, where("sip.realm", "no")]


def nested(depth: int, key: str, inner: Any) -> Any:
    """Objects in each other, so deep."""
    for _ in range(depth):
        inner = {key: inner}
    return inner


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(nested(252, "k", 1), id="deep"),
        pytest.param(nested(252, "k" * 1000, 1), id="deep, with long names"),
        pytest.param(nested(200, "k", "v" * 1_000_000), id="deep, with much at the bottom"),
        pytest.param({"a": ["v" * 100] * 10_000}, id="many elements"),
    ],
)
def test_marks_take_little_room(body: dict[str, Any]) -> None:
    """A document that fits into a request fits into the database too, whatever its shape."""
    text = orjson.dumps(body)
    marks = marks_of(body, None)
    assert sum(map(len, marks)) < 2 * len(text) + 1_000_000
    key = next(iter(body))
    for operator in ("has_key", "has_value"):
        assert found(body, None, Filter(operator, (key,)))
        assert not found(body, None, Filter(operator, ("nothing",)))


def test_what_marks_cannot_decide() -> None:
    """Objects and arrays are the same in more ways than their texts."""
    one = Filter("is", ("name",), {"a": 1, "b": 2})
    assert not decides(one)
    assert {"marks": {"$in": [":name?", ALL]}} == selection(one)
    assert found({"name": {"b": 2, "a": 1}}, None, one)
    assert not found({"name": {"b": 2}}, None, one)
