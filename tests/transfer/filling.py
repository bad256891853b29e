"""A store with all that is hard to move, and what is in a store, to be compared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from crossbar.keys import SYSTEM
from crossbar.stores import Delete, Document, Insert, Keep, Kind, Replace, Store, StoredBlob
from crossbar.stores.whole import Stored, WholeStore
from crossbar.tenants import ACCOUNTS
from crossbar.transfer.exporting import export_store
from crossbar.transfer.importing import Imported, import_archive
from crossbar.transfer.manifest import Manifest
from tests.contract.blobs import content
from tests.contract.documents import NOW, Clock

NOTES = Kind("notes", summary=("title",), unique=("serial",), indexes=("title",), private_indexes=("token",))
KINDS = (NOTES, Kind("plain"), SYSTEM, ACCOUNTS)

# What parsers and writers of JSON like to change.
NASTY = (
    b'{"id":"n0","number":1,"float":1.0,"zero":-0.0,"small":1e-7,"large":1e20}',
    b'{"id":"n1","whole":18446744073709551615,"least":-9223372036854775808,"long":0.1000000000000000055511151231257827}',
    b'{"id":"n2","nul":"a\\u0000b","slash":"\\/","same":"\\u00e9","pair":"\\ud83d\\ude00"}',
    b'{"id":"n3","":{"$where":1,"a.b":2,"\\u0000":3},"a":1,"deep":[[[[[{}]]]]]}',
    '{"id":"n4","text":"Ünïcödé \u2028 \u2029 \U0001f600 \ufeff","title":"\x7f"}'.encode(),
    b'{"id":"n5"}',
)


async def blob(store: Store, bytes: bytes) -> StoredBlob:
    """A blob that no document has yet."""
    writer = await store.new_blob()
    await writer.write(bytes)
    return await writer.finish()


async def fill(store: Store, clock: Clock) -> None:
    """Put into a store documents of several tenants with odd bodies, times, private parts and files, some set aside."""
    await store.open(KINDS)
    keys = Document.of("", SYSTEM.name, "keys", {}, NOW, {"signing": "00" * 32, "sealing": "11" * 32})
    await store.write([Insert(keys)])
    for tenant in ("", "acme", "Ünder/..\\", "zz"):
        for number, body in enumerate(NASTY):
            private = b'{"token":1.0}' if number % 2 else None
            document = Document(tenant, "notes", f"n{number}", body, NOW - number, NOW, number + 1, private)
            await store.write([Insert(document)])
    await store.write([Insert(Document("acme", "plain", "$odd. id", b'{"id":"$odd. id"}', -5, 0, 7))])
    expiring = Document("acme", "notes", "later", b'{"id":"later"}', NOW, NOW, expires=NOW + 3600)
    gone = Document("acme", "plain", "gone", b'{"id":"gone"}', NOW, NOW, expires=NOW + 1)
    await store.write([Insert(expiring), Insert(gone)])
    await store.write([Keep(await blob(store, b"expires"), "acme", "notes", "later")])
    clock.now += 1
    for number, size in enumerate((0, 1, 300_000)):
        await store.write([Keep(await blob(store, content(size, number)), "acme", "notes", f"n{number % 2}")])
    note = await store.get("acme", "notes", "n2")
    assert note is not None
    await store.write([Replace(note.with_data({"serial": 5, "title": "again"}))])
    await _set_aside_twice(store, clock)


async def _set_aside_twice(store: Store, clock: Clock) -> None:
    """A document that was deleted, made again under its id, deleted, and made again; each had a file."""
    for number in range(3):
        again = Document.of("acme", "notes", "again", {"serial": "s", "round": number}, clock.now)
        await store.write(
            [Insert(again), Keep(await blob(store, content(1000, 10 + number)), "acme", "notes", "again")]
        )
        if number < 2:
            clock.now += 1
            await store.write([Delete("acme", "notes", "again")])
            clock.now += 1


async def everything(store: WholeStore, limit: int = 100, tenants: list[str] | None = None) -> list[Stored]:
    """All that a store holds, in an order of ours."""
    found: list[Stored] = []
    for kind in await store.kinds():
        after = None
        while True:
            documents, after = await store.walk(kind.name, after, limit, tenants)
            assert len(documents) <= limit
            found += documents
            if after is None:
                break
    return sorted(found, key=repr)


async def bytes_of(store: WholeStore, found: list[Stored]) -> dict[str, bytes]:
    """The bytes of all blobs of these documents."""
    ids = [blob.id for stored in found for blob in stored.blobs]
    return {id: b"".join([piece async for piece in store.read_stored_blob(id)]) for id in ids}


async def export(store: WholeStore, folder: Path, clock: Clock, account: str | None = None, **how: Any) -> Manifest:
    """Export a store that is open."""
    return await export_store(store, folder, account=account, source="a store", clock=clock, **how)


async def load(store: WholeStore, folder: Path, clock: Clock, *, is_new: bool = False, **how: Any) -> Imported:
    """Import into a store that is open."""

    async def opened() -> None:
        await store.open(KINDS)

    return await import_archive(store, folder, open_store=opened, clock=clock, is_new=is_new, **how)
