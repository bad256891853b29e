"""Versions by kind, where a store counts what it writes: what changes them, and what does not."""

from __future__ import annotations

import pytest

from crossbar.filters import where
from crossbar.stores import Change, Delete, Drop, Guard, Insert, Keep, Query, Replace, StoredBlob
from crossbar.stores.memory import MemoryStore
from crossbar.stores.versions import Versions, kinds_of

from .blobs import kept
from .documents import KINDS, device, document, insert

BLOB = StoredBlob("b" * 32, 1, "0" * 64)


@pytest.mark.parametrize(
    ("change", "kinds"),
    [
        (Insert(device("d1")), {"devices"}),
        (Replace(document("notes", "n1")), {"notes"}),
        (Delete("acme", "devices", "d1"), {"devices"}),
        (Delete("acme", "notes", "n1", purge=True), {"notes"}),
        (Keep(BLOB, "acme", "notes", "n1"), {"notes"}),
        (Drop("acme", BLOB.id), set()),
        (Guard(Query("acme", "devices", (where("id", "d1"),)), finds=True), set()),
    ],
    ids=["insert", "replace", "delete", "purge", "keep", "drop", "guard"],
)
def test_the_kinds_of_changes(change: Change, kinds: set[str]) -> None:
    """Those whose documents are other ones afterwards."""
    assert kinds == kinds_of([change])
    assert kinds | {"rooms"} == kinds_of([change, Insert(document("rooms", "r1")), change])


def test_only_what_was_written_has_another_version() -> None:
    """And everything once anybody may have written."""
    versions = Versions()
    groups = [(), ("devices",), ("notes",), ("devices", "notes"), ("rooms",)]

    def changed(since: list[int]) -> list[bool]:
        return [versions.of(group) != before for group, before in zip(groups, since, strict=True)]

    before = [versions.of(group) for group in groups]
    versions.wrote({"devices"})
    assert [True, True, False, True, False] == changed(before)
    before = [versions.of(group) for group in groups]
    versions.wrote(())
    assert [True, False, False, False, False] == changed(before)
    before = [versions.of(group) for group in groups]
    versions.renew()
    assert [True] * 5 == changed(before)


async def test_what_one_write_makes_of_it_another_does_not_take_back() -> None:
    """Versions only grow, so that no two states of some kinds have the same one."""
    versions, seen = Versions(), []
    for kinds in ({"a"}, {"b"}, {"a", "b"}, {"b"}, {"a"}):
        versions.wrote(kinds)
        versions.renew()
        seen.append(versions.of(["a", "b"]))
    assert sorted({*seen}) == seen


async def test_other_kinds_in_memory() -> None:
    """They keep theirs, whatever is done to documents and blobs of this one."""
    store = MemoryStore()
    await store.open(KINDS)
    await insert(store, device("d1"), document("notes", "n1"))
    before = store.version("devices")
    blob = await kept(store, b"x")
    await store.write([Replace(document("notes", "n1")), Drop("acme", blob.id)])
    await store.write([Delete("acme", "notes", "n1")])
    assert before == store.version("devices")
    await store.write([Guard(Query("acme", "notes"), finds=False), Delete("acme", "devices", "d1")])
    assert before != store.version("devices")
