"""Every store: blobs are written by pieces, belong to one document, and are read whole or in part."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator
from typing import cast

import pytest

from crossbar.errors import BlobMissing, StoreError
from crossbar.stores import BLOB_PIECE, Drop, Keep, Store, StoredBlob

from .blobs import BORDERS, content, finished, kept, noted, read
from .documents import Clock, document, insert, replace

pytestmark = pytest.mark.anyio

SIZE = 2 * 4 * BLOB_PIECE + 12_345


# -- reading what was written -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sizes",
    [(), (0,), (1,), (0, 0, 5, 0), (7,) * 999, (1 << 20,), ((1 << 20) - 1, 1, 1), (300_000,) * 9, (3_000_001, 1)],
    ids=lambda sizes: f"{len(sizes)} pieces, {sum(sizes)} bytes",
)
async def test_pieces_of_any_size_make_one_blob(store: Store, sizes: tuple[int, ...]) -> None:
    """The blob is what the pieces are one after another; size and SHA-256 are those of the whole."""
    pieces = [content(size, seed) for seed, size in enumerate(sizes)]
    whole = b"".join(pieces)
    blob = await noted(store, *pieces)
    assert (len(whole), hashlib.sha256(whole).hexdigest()) == (blob.size, blob.sha256)
    assert whole == await read(store, blob)


async def test_pieces_are_taken_as_they_are_when_given(store: Store) -> None:
    """A buffer that the caller fills again does not change what was written."""
    await insert(store, document("notes", "n1"))
    writer, buffer = await store.new_blob(), bytearray(b"first")
    await writer.write(cast(bytes, buffer))
    buffer[:] = b"again"
    await writer.write(bytes(buffer))
    blob = await writer.finish()
    await store.write([Keep(blob, "acme", "notes", "n1")])
    assert b"firstagain" == await read(store, blob)


async def test_finishing_twice_gives_the_same_blob(store: Store) -> None:
    """The second call changes nothing, and the ids of two blobs with the same bytes differ."""
    writer = await store.new_blob()
    await writer.write(b"x")
    blob = await writer.finish()
    assert blob == await writer.finish()
    assert blob.id != (await finished(store, b"x")).id


@pytest.mark.parametrize("start", [0, 1, *BORDERS, *(each - 1 for each in BORDERS), SIZE - 1, SIZE, SIZE + 1])
async def test_a_range_is_a_slice(store: Store, start: int) -> None:
    """From `start` on, `length` bytes or all, as far as there are any; no piece has more than 256 KiB or none."""
    whole = content(SIZE)
    blob = await noted(store, whole)
    for length in (0, 1, *BORDERS, *(each + 1 for each in BORDERS), SIZE, SIZE + 1, None):
        pieces = [piece async for piece in store.read_blob("acme", blob.id, start, length)]
        assert whole[start : None if length is None else start + length] == b"".join(pieces)
        assert all(0 < len(piece) <= BLOB_PIECE for piece in pieces)


@pytest.mark.parametrize("size", [0, 1, *(border + more for border in BORDERS for more in (-1, 0, 1))])
async def test_sizes_at_every_border(store: Store, size: int) -> None:
    """A blob that ends where a piece does, or just beside it, comes back whole."""
    assert content(size) == await read(store, await noted(store, content(size)))


async def test_many_are_written_and_read_at_once(store: Store) -> None:
    """Writers and readers do not get into each other's blobs."""
    await insert(store, document("notes", "n1"))

    async def both(seed: int) -> bool:
        pieces = [content(size, seed) for size in (50_000, 700_000, 600_000, seed)]
        writer = await store.new_blob()
        for piece in pieces:
            await writer.write(piece)
            await asyncio.sleep(0)
        blob = await writer.finish()
        await store.write([Keep(blob, "acme", "notes", "n1")])
        return b"".join(pieces) == await read(store, blob)

    assert [True] * 40 == await asyncio.gather(*(both(seed) for seed in range(40)))


# -- who may read it, and when ------------------------------------------------------------------------------


async def test_nobody_reads_a_blob_that_is_not_kept(store: Store) -> None:
    """It is as good as not there, finished or not, for the tenant whose it is to be too."""
    blob = await finished(store, b"secret")
    assert None is await read(store, blob)
    assert None is await read(store, StoredBlob("0" * 32, 0, ""))


async def test_only_its_tenant_reads_or_drops_it(store: Store) -> None:
    """The id of another tenant's blob is of no use."""
    blob = await noted(store, b"secret")
    await noted(store, b"other", tenant="other")
    assert None is await read(store, blob, tenant="other")
    await store.write([Drop("other", blob.id)])
    assert b"secret" == await read(store, blob)


async def test_a_missing_blob_is_told_with_the_first_piece(store: Store) -> None:
    """Asking for it raises nothing yet, so that a response can be made before it is read."""
    pieces = store.read_blob("acme", "0" * 32, 5, 0)
    with pytest.raises(BlobMissing, match="no blob '000") as caught:
        await anext(pieces)
    assert ("acme", "0" * 32) == (caught.value.tenant, caught.value.id)


@pytest.mark.parametrize("id", ["", "../../store.db", "a/b", "\0", "%", "é", "x" * 10_000])
async def test_strange_ids_name_no_blob(store: Store, id: str) -> None:
    """An id is looked up and compared, and never becomes a path."""
    await insert(store, document("notes", "n1"))
    assert None is await read(store, StoredBlob(id, 0, ""))
    await store.write([Drop("acme", id)])
    with pytest.raises(StoreError, match="cannot be kept"):
        await store.write([Keep(StoredBlob(id, 0, ""), "acme", "notes", "n1")])


# -- discarding ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("sizes", [(), (5,), (2 << 20,), (1 << 20, 5)], ids=str)
@pytest.mark.parametrize("ended", [False, True])
async def test_a_discarded_blob_cannot_be_kept(store: Store, sizes: tuple[int, ...], ended: bool) -> None:
    """At whatever moment; it takes no more pieces, cannot be finished, and may be discarded again."""
    await insert(store, document("notes", "n1"))
    writer = await store.new_blob()
    for size in sizes:
        await writer.write(content(size))
    blob = await writer.finish() if ended else None
    for _ in range(3):
        await writer.discard()
    with pytest.raises(StoreError, match="takes no more"):
        await writer.write(b"x")
    with pytest.raises(StoreError, match="cannot be finished"):
        await writer.finish()
    if blob is not None:
        with pytest.raises(StoreError, match="cannot be kept"):
            await store.write([Keep(blob, "acme", "notes", "n1")])
        assert None is await read(store, blob)


async def test_a_finished_blob_takes_no_more(store: Store) -> None:
    """What is written after the end is refused, and the blob is as it was."""
    await insert(store, document("notes", "n1"))
    writer = await store.new_blob()
    await writer.write(b"all")
    blob = await writer.finish()
    with pytest.raises(StoreError, match="takes no more"):
        await writer.write(b"more")
    await store.write([Keep(blob, "acme", "notes", "n1")])
    assert b"all" == await read(store, blob)


async def test_discarding_a_kept_blob_leaves_it(store: Store) -> None:
    """Whoever wrote it can always discard it in the end, whatever became of it."""
    await insert(store, document("notes", "n1"))
    writer = await store.new_blob()
    await writer.write(b"kept")
    blob = await writer.finish()
    await store.write([Keep(blob, "acme", "notes", "n1")])
    await writer.discard()
    await writer.discard()
    assert b"kept" == await read(store, blob)


async def test_discarding_behind_a_cancelled_write_is_safe(store: Store) -> None:
    """The write may be carried out all the same: then the blob stays, else it goes, never something between."""
    for n in range(30):
        await insert(store, document("notes", f"n{n}"))
        writer = await store.new_blob()
        blob = await writer.finish()
        keeping = asyncio.create_task(store.write([Keep(blob, "acme", "notes", f"n{n}")]))
        for _ in range(n % 5):
            await asyncio.sleep(0)
        keeping.cancel()
        await asyncio.wait([keeping])
        await writer.discard()
        if await read(store, blob) is None:
            with pytest.raises(StoreError, match="cannot be kept"):
                await store.write([Keep(blob, "acme", "notes", f"n{n}")])


async def test_a_blob_waits_for_its_document_for_hours_only(store: Store, clock: Clock) -> None:
    """An upload may take long, and its blob be kept an hour later, whatever else is written meanwhile."""
    await insert(store, document("notes", "n1"))
    blob = await finished(store, b"patient")
    clock.now += 3600
    await kept(store, b"other")
    await store.write([Keep(blob, "acme", "notes", "n1")])
    assert b"patient" == await read(store, blob)


# -- reading while it goes ----------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [100, 5 << 20])
async def test_what_is_read_while_it_is_dropped_comes_whole(store: Store, size: int) -> None:
    """A download that has begun goes on to its end."""
    blob = await noted(store, content(size))
    pieces = store.read_blob("acme", blob.id)
    found = await anext(pieces)
    await store.write([Drop("acme", blob.id)])
    await store.write([Drop("acme", blob.id)])
    assert None is await read(store, blob)
    assert content(size) == found + b"".join([piece async for piece in pieces])


async def test_a_reading_may_be_given_up_at_any_time(store: Store) -> None:
    """Before the first piece, between two, while one is read, and twice."""
    blob = await noted(store, content(3 << 20))
    for taken in (0, 1, 3, 5):
        pieces = cast(AsyncGenerator[bytes, None], store.read_blob("acme", blob.id))
        for _ in range(taken):
            await anext(pieces)
        await pieces.aclose()
        await pieces.aclose()
        assert [] == [piece async for piece in pieces]
    for turns in range(4):
        reading = asyncio.ensure_future(read(store, blob))
        for _ in range(turns):
            await asyncio.sleep(0)
        reading.cancel()
        await asyncio.wait([reading])
    assert content(3 << 20) == await read(store, blob)


async def test_replacing_a_document_keeps_its_blobs(store: Store) -> None:
    """They belong to the document, not to a revision of it."""
    blob = await noted(store, b"stays")
    await replace(store, document("notes", "n1"), name="new")
    assert b"stays" == await read(store, blob)
