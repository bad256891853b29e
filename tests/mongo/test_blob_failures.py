"""Blobs when something fails or ends early: no bytes that nobody would ever look for, none too few for a reader."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from gridfs import GridFSBucket

from crossbar.errors import BlobMissing, StoreError, StoreUnavailable
from crossbar.stores import Delete, Drop, Insert, Keep, StoredBlob
from crossbar.stores.mongo import MongoStore
from crossbar.stores.mongo.blobs import CHUNK
from crossbar.stores.mongo.kept_blobs import CHUNKS, FILES, LINGERS, LOOSE, WAITS

from ..contract.blobs import content, finished, kept, noted, purge, read
from ..contract.documents import Clock, document, insert
from .lines import WAIT, opened, outcome, together
from .servers import Server, failpoint, with_options

IMPATIENT = True  # it is about servers that do not answer in time

NAME = "blobs"
LATE = 15 * 60
"""Seconds after which a write that got no answer does not arrive any more."""
WHOLE = content(6 * CHUNK + 5)


@pytest.fixture
def clock() -> Clock:
    """A clock that stands still."""
    return Clock()


@pytest.fixture
async def store(mongo_database: str, clock: Clock) -> AsyncIterator[MongoStore]:
    """A store with a note in it."""
    async with opened(with_options(mongo_database, appName=NAME), clock=clock) as made:
        await insert(made, document("notes", "n1"))
        yield made


async def left(store: MongoStore) -> tuple[int, int, int]:
    """How many files, chunks and entries of blobs that nobody has there are."""
    database = store._opened().database
    files, chunks, loose = [await database[name].count_documents({}) for name in (FILES, CHUNKS, LOOSE)]
    return files, chunks, loose


async def test_a_blob_is_what_others_take_for_one(mongo_server: Server, store: MongoStore) -> None:
    """Any GridFS client reads it, from the bucket `blobs`."""
    blob = await kept(store, WHOLE)
    bucket = GridFSBucket(mongo_server.client[store._opened().database.name], "blobs")
    with bucket.open_download_stream(blob.id) as stream:
        assert WHOLE == stream.read()
        assert (len(WHOLE), CHUNK, blob.id) == (stream.length, stream.chunk_size, stream.filename)


async def test_nothing_is_there_before_there_is_something_to_write(store: MongoStore) -> None:
    """A blob that was begun and left costs nothing; one of no bytes is one all the same."""
    writer = await store.new_blob()
    await writer.write(b"not yet")
    await writer.discard()
    assert (0, 0, 0) == await left(store)
    assert b"" == await read(store, await noted(store, id="n2"))


async def test_a_discarded_blob_is_gone_at_once(store: MongoStore) -> None:
    """Finished or not; discarding it again does nothing."""
    for whole in (True, False):
        writer = await store.new_blob()
        await writer.write(WHOLE)
        if whole:
            await writer.finish()
        await writer.discard()
        await writer.discard()
        assert (0, 0, 0) == await left(store)
        with pytest.raises(StoreError):
            await writer.write(b"more")


@pytest.mark.parametrize("gone", ["cancelled", "no answer"])
async def test_a_write_that_arrives_late_is_found(
    mongo_server: Server, store: MongoStore, clock: Clock, gone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The blob was discarded while a piece of it was on its way: a quarter of an hour later all of it is destroyed."""
    writer = await store.new_blob()
    await writer.write(WHOLE[: 4 * CHUNK])
    if gone == "no answer":
        monkeypatch.setattr("crossbar.stores.mongo.connection._BYTES_WITHIN", 0.2)
    slow = {"blockConnection": True, "blockTimeMS": 1000, "appName": NAME}
    with failpoint(mongo_server, failCommands=["insert"], times=1, **slow):
        with pytest.raises((TimeoutError, StoreUnavailable)):
            await asyncio.wait_for(writer.write(WHOLE[: 4 * CHUNK]), 0.4)
        await writer.discard()
    await arrived(store, 8)
    clock.now += LATE
    await store.tidy()
    assert (0, 0, 0) == await left(store)


async def arrived(store: MongoStore, most: int) -> None:
    """Wait for chunks that are late, or until they would have come."""
    for _ in range(100):
        if (await left(store))[1] == most:
            return
        await asyncio.sleep(0.02)


async def test_what_nobody_kept_is_destroyed_in_time(store: MongoStore, clock: Clock) -> None:
    """Finished or half, a day later, whoever wrote it is long gone; until then it can be kept."""
    patient, half = await finished(store, WHOLE), await store.new_blob()
    await half.write(WHOLE)
    clock.now += WAITS - 1
    await store.tidy()
    assert (1, 11, 2) == await left(store)
    clock.now += 1
    await store.tidy()
    assert (0, 0, 0) == await left(store)
    with pytest.raises(StoreError, match="cannot be kept"):
        await store.write([Keep(patient, "acme", "notes", "n1")])


async def test_a_sweep_that_breaks_off_is_gone_on_with(mongo_server: Server, store: MongoStore, clock: Clock) -> None:
    """A server that is lost in the middle of it leaves what the next one finds."""
    for n in range(3):
        await finished(store, content(CHUNK + n))
    clock.now += WAITS
    with failpoint(mongo_server, failCommands=["delete"], errorCode=13, appName=NAME), pytest.raises(StoreUnavailable):
        await store.tidy()
    assert 3 == (await left(store))[2]
    await together(store.tidy() for _ in range(3))
    assert (0, 0, 0) == await left(store)


async def test_keeping_and_discarding_at_once(store: MongoStore) -> None:
    """It is kept whole, or gone and cannot be kept; never kept without its bytes."""

    async def one(n: int) -> None:
        id = f"both{n}"
        await insert(store, document("notes", id))
        writer = await store.new_blob()
        await writer.write(WHOLE)
        blob = await writer.finish()
        keeping = outcome(store.write([Keep(blob, "acme", "notes", id)]))
        said, _ = await asyncio.gather(keeping, writer.discard())
        assert (WHOLE if said == "done" else None) == await read(store, blob)

    await together(one(n) for n in range(8))
    files, chunks, loose = await left(store)
    assert (7 * files, 0) == (chunks, loose)


async def test_one_blob_for_two_documents(store: MongoStore, mongo_database: str) -> None:
    """Over two clients, one of them gets it, and the other is told that it is kept already."""
    async with opened(mongo_database) as other:
        for n in range(6):
            for side in "ab":
                await insert(store, document("notes", f"{side}{n}"))
            blob = await finished(store, b"mine")
            said = await together(
                outcome(each.write([Keep(blob, "acme", "notes", f"{side}{n}")]))
                for each, side in ((store, "a"), (other, "b"))
            )
            assert ["StoreError", "done"] == sorted(said)
            assert b"mine" == await read(store, blob)


@pytest.mark.parametrize("how", ["drop", "purge", "expiry"])
async def test_a_reader_gets_all_bytes_or_an_error(store: MongoStore, clock: Clock, how: str) -> None:
    """Whatever destroys the blob, and however slow the reader is."""
    id = "late" if how == "expiry" else "n1"
    if how == "expiry":
        await insert(store, document("notes", "late", expires=clock.now + 100))
    blob = await kept(store, content(12 * CHUNK), id=id)
    pieces = store.read_blob("acme", blob.id)
    got = bytearray(await anext(pieces))
    if how == "drop":
        await store.write([Drop("acme", blob.id)])
    elif how == "purge":
        await purge(store)
    clock.now += 100
    await store.tidy()
    assert (await left(store))[1] in (0, 12)
    clock.now += LINGERS
    await store.tidy()
    assert (0, 0, 0) == await left(store)

    async def rest() -> None:
        async for piece in pieces:
            got.extend(piece)

    with pytest.raises(StoreUnavailable, match="was destroyed"):
        await rest()
    assert content(12 * CHUNK).startswith(got)
    assert len(got) < blob.size
    with pytest.raises(BlobMissing):
        await anext(store.read_blob("acme", blob.id))


async def test_readers_while_it_is_destroyed(store: MongoStore, clock: Clock, mongo_database: str) -> None:
    """Many at once, through two clients: all bytes, an error, or nothing to be found; never some of them."""

    async def reading(each: MongoStore, blob: StoredBlob) -> None:
        try:
            assert WHOLE == b"".join([piece async for piece in each.read_blob("acme", blob.id)])
        except (BlobMissing, StoreUnavailable):
            return

    async def destroying(each: MongoStore) -> None:
        await each.write([Delete("acme", "notes", "n1", purge=True), Insert(document("notes", "n1"))])
        clock.now += LINGERS
        await together([each.tidy(), store.tidy()])

    async with opened(mongo_database, clock=clock) as other:
        for _ in range(3):
            blob = await kept(store, WHOLE)
            readers = [reading(each, blob) for each in (store, other) for _ in range(6)]
            await asyncio.wait_for(together([*readers, destroying(other)]), WAIT)
            assert None is await read(store, blob)


async def test_many_uploads_leave_room_for_documents(store: MongoStore) -> None:
    """While twenty blobs are written, a document is read in between; few pieces are on their way at once."""
    done = False

    async def looking() -> Any:
        seen = 0
        while not done:
            assert await store.get("acme", "notes", "n1") is not None
            seen += 1
        return seen

    watching = asyncio.create_task(looking())
    await together(finished(store, WHOLE) for _ in range(20))
    done = True
    assert await watching > 10
