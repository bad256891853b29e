"""Blobs in SQLite and MongoDB against blobs in memory: whatever becomes of them, the same is read in all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from crossbar.errors import StoreError
from crossbar.stores import Change, Delete, Drop, Guard, Insert, Keep, Query, Replace, Store, StoredBlob
from crossbar.stores.mongo.blobs import CHUNK

from .blobs import content, finished, read
from .documents import KINDS, NOW, document
from .trio import PATIENCE, PROFILE, Trio, opened

pytestmark = pytest.mark.timeout(PATIENCE)

MANY = 4  # blobs that a story is about
SIZES = st.sampled_from(
    [0, 1, 65_536, 65_537, CHUNK - 1, CHUNK, CHUNK + 1, 262_144, 262_145, 1_048_575, 1_048_576, 1_048_577, 1_400_000]
)


@pytest.fixture(scope="module")
def trio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trio]:
    with opened(tmp_path_factory.mktemp("trio") / "store.db", KINDS) as trio:
        yield trio


@settings(max_examples=15 * PROFILE, deadline=None)
@given(
    st.lists(SIZES | st.integers(0, 400_000), max_size=6),
    st.lists(st.tuples(st.integers(0, 3_000_000), st.none() | st.integers(0, 3_000_000)), max_size=6),
)
def test_any_pieces_and_any_ranges(trio: Trio, sizes: list[int], ranges: list[tuple[int, int | None]]) -> None:
    """What comes back of a range is the slice of what the pieces make."""
    tenant = f"pieces{next(trio.numbers)}"
    pieces = [content(size, seed) for seed, size in enumerate(sizes)]
    whole = b"".join(pieces)

    async def compare() -> None:
        for store in trio.stores:
            await store.write([Insert(document("notes", "n", tenant=tenant))])
            blob = await finished(store, *pieces)
            await store.write([Keep(blob, tenant, "notes", "n")])
            for start, length in [(0, None), *ranges]:
                end = None if length is None else start + length
                assert whole[start:end] == await read(store, blob, start, length, tenant=tenant)

    trio.run(compare())


blobs = st.integers(0, MANY - 1)
notes = st.sampled_from("ab")
changes: st.SearchStrategy[Any] = st.one_of(
    st.tuples(st.just("keep"), blobs, notes),
    st.tuples(st.just("drop"), blobs),
    st.tuples(st.just("delete"), notes, st.booleans()),
    st.tuples(st.just("insert"), notes, st.none() | st.integers(1, 3)),
    st.tuples(st.just("replace"), notes, st.none() | st.integers(1, 3)),
    st.tuples(st.just("guard"), st.booleans()),
)
steps = st.one_of(
    st.lists(changes, min_size=1, max_size=3),
    st.tuples(st.just("discard"), blobs),
    st.tuples(st.just("wait"), st.integers(1, 2)),
)


@settings(max_examples=20 * PROFILE, deadline=None)
@given(st.lists(steps, max_size=20))
@example([[("insert", "a", None), ("keep", 0, "a")], [("delete", "a", False)], [("insert", "a", None)]])
@example([[("insert", "a", 1), ("keep", 0, "a")], ("wait", 1), [("insert", "a", None)], [("keep", 0, "a")]])
def test_blobs_come_and_go_with_their_documents(trio: Trio, story: list[Any]) -> None:
    """A story of writes, discards and passing time: the same outcomes, and the same blobs to read at every point."""
    tenant = f"story{next(trio.numbers)}"

    async def told(store: Store) -> list[Any]:
        writers = [await store.new_blob() for _ in range(MANY)]
        for n, writer in enumerate(writers):
            await writer.write(content(10 + n, n))
        known = [await writer.finish() for writer in writers]
        trio.clock.now = NOW
        outcomes: list[Any] = []
        for step in story:
            if step[0] == "wait":
                trio.clock.now += step[1]
            elif step[0] == "discard":
                await writers[step[1]].discard()
            else:
                outcomes.append(await _outcome(store, [_change(each, tenant, known) for each in step]))
            outcomes.append([await read(store, blob, tenant=tenant) for blob in known])
        for writer in writers:
            await writer.discard()
        return outcomes

    memory, *others = (trio.run(told(store)) for store in trio.stores)
    for store, outcomes in zip(trio.stores[1:], others, strict=True):
        assert memory == outcomes, f"{type(store).__name__} differs from memory"
    trio.clock.now = NOW


def _change(step: tuple[Any, ...], tenant: str, known: list[StoredBlob]) -> Change:
    match step:
        case "keep", n, id:
            return Keep(known[n], tenant, "notes", id)
        case "drop", n:
            return Drop(tenant, known[n].id)
        case "delete", id, purge:
            return Delete(tenant, "notes", id, purge=purge)
        case "insert", id, seconds:
            return Insert(document("notes", id, tenant=tenant, expires=seconds and NOW + seconds))
        case "replace", id, revision:
            return Replace(replace(document("notes", id, tenant=tenant), revision=revision or 1))
        case _:
            return Guard(Query(tenant, "notes"), finds=step[1])


async def _outcome(store: Store, changes: list[Change]) -> Any:
    try:
        return await store.write(changes)
    except StoreError as error:
        return type(error)
