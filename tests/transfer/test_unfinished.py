"""Imports that were interrupted, and servers that start on what they have left."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from crossbar import Crossbar
from crossbar.keys import SYSTEM
from crossbar.settings import Settings
from crossbar.stores import Document, Insert, Replace
from crossbar.stores.memory import MemoryStore
from crossbar.stores.sqlite import SqliteStore
from crossbar.stores.whole import WholeStore
from crossbar.tenants import ACCOUNTS
from crossbar.transfer.incidental import INCIDENTAL
from crossbar.transfer.manifest import ArchiveError, read_manifest
from crossbar.transfer.marker import MARK, unfinished
from crossbar.transfer.progress import Progress
from tests.contract.documents import NOW, Clock

from .filling import everything, export, load

((TENANT, STAMPS, STAMP),) = INCIDENTAL


class Stopped(Exception):
    """The end of an import before its time."""


def stop(progress: Progress) -> None:
    """Stop an import after the first documents."""
    if progress.doing == "import":
        raise Stopped


async def served(store: WholeStore) -> None:
    """Have an application start on a store and stop; the store is open after that."""
    app = Crossbar(Settings(), store=store)
    async with app.lifespan():
        pass
    await store.open(app.kinds())


async def stamp_in(store: WholeStore) -> Document | None:
    """What the module of webhooks makes when it starts."""
    return await store.get(TENANT, STAMPS, STAMP)


@pytest.fixture
async def archive(tmp_path: Path, clock: Clock) -> Path:
    """The archive of a store that was served, with an account."""
    store = MemoryStore(clock)
    await served(store)
    await store.write([Insert(Document.of("", ACCOUNTS.name, "a", {"name": "A"}, NOW))])
    await export(store, tmp_path / "archive", clock)
    return tmp_path / "archive"


async def test_a_server_on_half_an_import(archive: Path, target: WholeStore, clock: Clock) -> None:
    """It is known that there is one; what the server makes stays, and the import comes to its end."""
    with pytest.raises(Stopped):
        await load(target, archive, clock, tell=stop)
    manifest = read_manifest(archive)
    assert manifest is not None
    assert [manifest.id] == await unfinished(target)
    await served(target)
    made = await stamp_in(target)
    done = await load(target, archive, clock)
    assert ([], 3, 1) == (await unfinished(target), done.documents, done.restored)
    assert (True, True) == (made is not None, made == await stamp_in(target))
    assert await target.get("", ACCOUNTS.name, "a") is not None


async def test_a_stamp_that_was_imported_and_changed(archive: Path, clock: Clock) -> None:
    """A webhook that somebody adds after an import does not make its check fail."""
    store = MemoryStore(clock)
    await load(store, archive, clock)
    stamp = await stamp_in(store)
    assert stamp is not None
    await store.write([Replace(stamp.with_data({"value": "another"}))])
    assert (3, 0) == ((await load(store, archive, clock))[1:3])


async def test_other_documents_are_still_in_the_way(archive: Path, clock: Clock) -> None:
    """Only what is worth nothing may differ."""
    store = MemoryStore(clock)
    await load(store, archive, clock)
    account = await store.get("", ACCOUNTS.name, "a")
    assert account is not None
    await store.write([Replace(account.with_data({"name": "B"}))])
    with pytest.raises(ArchiveError, match="accounts 'a' of tenant '' already, and in another state"):
        await load(store, archive, clock)
    assert 1 == len(await unfinished(store))


async def test_what_a_server_makes_by_itself(clock: Clock) -> None:
    """In an empty store: keys, and what is in nobody's way."""
    store = MemoryStore(clock)
    await served(store)
    made = {(each.document.tenant, each.document.kind, each.document.id) for each in await everything(store)}
    assert {("", SYSTEM.name, "keys"), *INCIDENTAL} == made


async def test_many_documents_beside_the_mark(clock: Clock) -> None:
    """All marks are found, however much else there is of their kind."""
    store = MemoryStore(clock)
    await store.open([SYSTEM])
    for number in range(250):
        id = f"{MARK}{number}" if number in (0, 120, 249) else f"other-{number}"
        await store.write([Insert(Document.of("", SYSTEM.name, id, {}, NOW + number))])
    assert ["0", "120", "249"] == await unfinished(store)


async def test_a_store_that_is_not_made(tmp_path: Path, clock: Clock) -> None:
    """The tree of an account that lies below another one is refused before there is a file for it."""
    source, path = MemoryStore(clock), tmp_path / "new.db"
    await source.open([SYSTEM, ACCOUNTS])
    for id, parent in (("top", ""), ("below", "top")):
        private = {"parent": parent, "tree": [parent] if parent else []}
        await source.write([Insert(Document.of("", ACCOUNTS.name, id, {"name": id}, NOW, private))])
    await export(source, tmp_path / "below", clock, account="below")
    await export(source, tmp_path / "top", clock, account="top")
    target = SqliteStore(path, clock=clock)
    with pytest.raises(ArchiveError, match="lies below the account top, which this store does not have"):
        await load(target, tmp_path / "below", clock, is_new=True)
    assert {"below", "top"} == {*os.listdir(tmp_path)}
    assert 2 == (await load(target, tmp_path / "top", clock, is_new=True)).restored
    await target.close()
