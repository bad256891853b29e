"""SQLite and MongoDB against memory: whatever is written and asked, all give the same answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from crossbar.filters import OPERATORS, Filter, text_of
from crossbar.stores import Change, Delete, Document, Drop, Guard, Insert, Keep, Query, Replace

from .documents import KINDS, NOW, device
from .trio import PATIENCE, PROFILE, Trio, opened

pytestmark = pytest.mark.timeout(PATIENCE)


@pytest.fixture(scope="module")
def trio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trio]:
    with opened(tmp_path_factory.mktemp("trio") / "store.db", KINDS) as trio:
        yield trio


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trio]:
    # PERF: the stand-in takes its time; `tests/mongo/test_marks.py` puts the same questions to marks without a server.
    with opened(tmp_path_factory.mktemp("quick") / "store.db", KINDS, quick=True) as trio:
        yield trio


# -- filters ------------------------------------------------------------------------------------------------

SCALARS: list[Any] = [
    *(None, True, False, 0, 1, -1, 5, 2**53 + 1, 2**63, 2**64 - 1, -(2**63)),
    *(0.0, -0.0, 1.0, 0.1, 1e20, 1e-7, 5e-324, 1.7976931348623157e308, 12345678901234567890.0),
    *("", "a", "b", "1", "1.0", "0.0", "-0.0", "true", "null", "[]", "{}", "[1]", '["a"]', '{"a":1}', '"a"', "1e20"),
    *("x" * 126, "x" * 127, "x" * 300, "y" * 300),
    *("a\0b", "a\0", "5\0", "é", "\U0001f600", "\u2028", "\x7f", "\x1f", 'q"q', "b\\b", "a/b", "%", "'", "A"),
]
# Some cannot be named by an SQLite path, others are what MongoDB's paths and our marks are made of. `owner_id` and
# `sip.realm` are declared, `token` privately.
KEYS = ["owner_id", "sip", "realm", "token", "name", "0", "", "é", "a b", "a[0]", "#", "$", "'", 'q"q', "b\\b", "t\tt"]
KEYS += [".", "sip.realm", "$gt", "$where", "=", "a=", "?", "realm?", "[]", "*", "a\0b", "\\", "\\.", ":", "~"]

scalars = st.sampled_from(SCALARS)
keys = st.sampled_from(KEYS)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=3), max_leaves=6
)
bodies = st.dictionaries(keys, values, max_size=5)
paths = st.one_of(
    st.sampled_from([("owner_id",), ("sip", "realm"), ("token",), ("id",), ("mac",), ("sip", "username")]),
    st.lists(keys, min_size=1, max_size=3).map(tuple),
)
texts = values.map(text_of) | st.text(max_size=3)
SOUGHT: dict[str, st.SearchStrategy[Any]] = {
    "is": values,
    "contains": values,
    "equals": texts,
    "differs": texts,
    "any": st.lists(texts, max_size=3).map(tuple),
    "none": st.lists(texts, max_size=3).map(tuple),
    "all": st.lists(texts, max_size=3).map(tuple),
}


@st.composite
def filters(draw: st.DrawFn) -> Filter:
    operator = draw(st.sampled_from(sorted(OPERATORS)))
    return Filter(operator, draw(paths), draw(SOUGHT.get(operator, st.none())), draw(st.booleans()))


@settings(max_examples=40 * PROFILE, deadline=None)
@given(
    st.lists(st.tuples(bodies, st.none() | bodies), min_size=1, max_size=8),
    st.lists(st.lists(filters(), min_size=1, max_size=2), min_size=1, max_size=12),
)
@example([({"owner_id": value}, None) for value in SCALARS], [[Filter("equals", ("owner_id",), "[1]")]])
def test_filters_mean_the_same(
    trio: Trio, stored: list[tuple[dict[str, Any], dict[str, Any] | None]], asked: list[list[Filter]]
) -> None:
    """Random filters on random documents keep the same ones, by the index or without it, in both directions."""

    async def compare() -> None:
        tenant = f"filters{next(trio.numbers)}"
        documents = [
            device(f"d{n}", NOW + n, tenant=tenant, private=private, **{key: body[key] for key in body if key != "id"})
            for n, (body, private) in enumerate(stored)
        ]
        await trio.same("write", [Insert(each) for each in documents])
        for n, some in enumerate(asked):
            query = Query(tenant, "devices", tuple(some), descending=n % 2 == 0, limit=1 + n % 3 * 3, full=True)
            await trio.same("page", query)
            await trio.same("find", query)
            await trio.same("count", query)

    trio.run(compare())


def test_each_value_is_found_by_each_operator(quick: Trio) -> None:
    """All pairs of values and operators that a filter can be made of, in a field, in an array and in the index."""

    async def compare() -> None:
        found = [*SCALARS, [], {}, [[]], [{}], {"a": 1}, {"": 1, "$": 2, "0": 3}, [1, "a"], [True], ["x" * 300]]
        alone = [device(f"v{n}", tenant="all", name=value, owner_id=value) for n, value in enumerate(found)]
        within = [device(f"a{n}", tenant="all", name=[None, value]) for n, value in enumerate(found)]
        await quick.same("write", [Insert(each) for each in alone + within])
        for operator in OPERATORS:
            for value in SCALARS:
                sought = value if operator in ("is", "contains") else text_of(value)
                for path in ("name", "owner_id"):
                    asked = Filter(operator, (path,), (sought,) if operator in ("any", "none", "all") else sought)
                    query = Query("all", "devices", (asked,), limit=1000)
                    await quick.same("page", query)

    quick.run(compare())


def test_each_key_is_found(quick: Trio) -> None:
    """Keys that mean something in an SQLite path, or cannot be written in one, in the body and in objects in it."""

    async def compare() -> None:
        documents = []
        for n, key in enumerate(KEYS):
            body: dict[str, Any] = {"sip": {key: {key: n}}, key: n}
            documents.append(device(f"d{n}", tenant="keys", private={key: n}, **body))
        await quick.same("write", [Insert(each) for each in documents])
        for n, key in enumerate(KEYS):
            for path in ((key,), ("sip", key), ("sip", key, key)):
                for private in (False, True):
                    for asked in (Filter("has_key", path, None, private), Filter("equals", path, str(n), private)):
                        await quick.same("page", Query("keys", "devices", (asked,)))

    quick.run(compare())


# -- writes -------------------------------------------------------------------------------------------------

some_ids = st.sampled_from(["a", "b", "c", "d", "e"])
revisions = st.sampled_from([1, 1, 1, 2, 2, 3])
unique_values = st.sampled_from([None, "m", "n", 1, 1.0, True, "1", [], ["m"], "m" * 300, "m" * 299 + "n"])


@st.composite
def documents(draw: st.DrawFn) -> Document:
    body: dict[str, Any] = draw(st.fixed_dictionaries({}, optional={"name": scalars, "owner_id": scalars}))
    body |= draw(st.fixed_dictionaries({}, optional={"mac": unique_values}))
    if draw(st.booleans()):
        body["sip"] = {"username": draw(unique_values)}
    expires = draw(st.none() | st.none() | st.integers(NOW - 5, NOW + 300))
    private = draw(st.none() | st.just({"token": "t"}))
    created = NOW + draw(st.integers(-3, 3))
    return device(draw(some_ids), created, private=private, expires=expires, revision=draw(revisions), **body)


times = st.none() | st.integers(NOW - 4, NOW + 4)
queries = st.builds(
    Query,
    st.just("acme"),
    st.just("devices"),
    st.lists(filters(), max_size=1).map(tuple),
    descending=st.booleans(),
    start=st.none() | st.builds(lambda at, id: f"{at:012d}{id}", st.integers(NOW - 4, NOW + 4), st.just("") | some_ids),
    limit=st.integers(1, 6),
    full=st.booleans(),
    created_from=times,
    created_to=times,
    modified_from=times,
    modified_to=times,
    skip=st.just(0) | st.integers(0, 4),
)
changes: st.SearchStrategy[Change] = st.one_of(
    documents().map(Insert),
    documents().map(Replace),
    st.builds(Delete, st.just("acme"), st.just("devices"), some_ids, st.none() | revisions, st.booleans()),
    st.builds(Guard, queries, st.booleans()),
)
steps = st.one_of(st.lists(changes, max_size=4), st.lists(changes, min_size=1, max_size=1), queries, st.integers(1, 90))


@settings(max_examples=30 * PROFILE, deadline=None)
@given(st.lists(steps, max_size=30))
def test_writes_have_the_same_effect(trio: Trio, story: list[list[Change] | Query | int]) -> None:
    """A story of writes, questions and passing time: the same results, errors and listings at every point."""

    async def compare() -> None:
        tenant = f"writes{next(trio.numbers)}"
        whole = Query(tenant, "devices", limit=100)
        trio.clock.now = NOW
        for step in story:
            if isinstance(step, int):
                trio.clock.now += step
            elif isinstance(step, Query):
                await trio.same("page", replace(step, tenant=tenant))
                await trio.same("count", replace(step, tenant=tenant))
            else:
                await trio.same("write", [_in_tenant(change, tenant) for change in step])
            await trio.same("find", whole)
        for id in "abcde":
            await trio.same("get", tenant, "devices", id)

    trio.run(compare())
    trio.clock.now = NOW


def _in_tenant(change: Change, tenant: str) -> Change:
    if isinstance(change, Guard):
        return replace(change, query=replace(change.query, tenant=tenant))
    if isinstance(change, Delete | Keep | Drop):
        return replace(change, tenant=tenant)
    return type(change)(replace(change.document, tenant=tenant))
