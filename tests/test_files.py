"""The files of documents in the hands of modules: keeping, copying and taking them away."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from crossbar import (
    Attachment,
    Delete,
    Document,
    Insert,
    Replace,
    Store,
    blob_of,
    copy_files,
    drop_files,
    files_of,
    keep_file,
)
from crossbar.errors import BlobMissing, NotFound
from crossbar.stores import Kind, StoredBlob
from crossbar.testing import NOW, make_store

ONE, MANY = Attachment("plan"), Attachment("photos", many=True)
LARGE = bytes(range(256)) * 2_500


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """Run on asyncio, which is what the servers run on."""
    return "asyncio"


@pytest.fixture(params=["memory", "sqlite"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    """A store of each sort."""
    made = make_store(request.param, tmp_path)
    await made.open([Kind("things")])
    yield made
    await made.close()


async def blob(store: Store, content: bytes) -> StoredBlob:
    """Put bytes into the store."""
    writer = await store.new_blob()
    await writer.write(content)
    return await writer.finish()


async def filed(store: Store, id: str = "a") -> Document:
    """A stored document with a plan and two photos."""
    document = Document.of("t", "things", id, {"name": id}, NOW, {"secret": 1})
    changes = []
    for slot, name, content in ((ONE, "plan.pdf", LARGE), (MANY, "a.png", b"a"), (MANY, "b.png", b"b")):
        facts = {"name": name, "content_type": "x/y"}
        document, keep = keep_file(document, slot, await blob(store, content), modified=NOW, **facts)
        changes.append(keep)
    await store.write([Insert(document), *changes])
    return document


async def content(store: Store, document: Document, slot: Attachment, file: str = "") -> bytes:
    """The bytes of a file."""
    found = blob_of(store, document, slot, file).content
    assert not isinstance(found, bytes)
    return b"".join([piece async for piece in found.read(0, found.size)])


async def test_keeping(store: Store) -> None:
    """A document knows its files, with all that there is to say of them, and nobody else's secret is lost."""
    document = await filed(store)
    assert (LARGE, b"b") == (await content(store, document, ONE), await content(store, document, MANY, "b.png"))
    assert {"plan": len(LARGE)} == {name: each["size"] for name, each in files_of(document, ONE).items()}
    assert ["a.png", "b.png"] == list(files_of(document, MANY))
    assert 1 == document.secrets()["secret"]
    about = blob_of(store, document, ONE)
    assert ("plan.pdf", "x/y", NOW) == (about.name, about.content_type, about.modified)
    with pytest.raises(NotFound):
        blob_of(store, document, MANY, "c.png")


async def test_copying(store: Store) -> None:
    """The copy has bytes of its own, in all slots, and outlives its source; its own secrets stay."""
    source = await filed(store)
    blank = Document.of("t", "things", "copy", {}, NOW, {"own": 2})
    copy, changes = await copy_files(store, source, blank)
    await store.write([Insert(copy), *changes])
    assert ({"own", "attachments"}, 3) == (set(copy.secrets()), len(changes))
    await store.write([Delete("t", "things", source.id, purge=True)])
    assert (LARGE, b"a") == (await content(store, copy, ONE), await content(store, copy, MANY, "a.png"))
    with pytest.raises(BlobMissing):
        await content(store, source, ONE)


async def test_copying_nothing(store: Store) -> None:
    """A document without files is copied as it is."""
    bare, blank = (Document.of("t", "things", id, {}, NOW) for id in "ab")
    assert (blank, ()) == await copy_files(store, bare, blank)


async def test_copying_what_is_gone(store: Store) -> None:
    """There is no copy with half of the files."""
    source = await filed(store)
    await store.write([Delete("t", "things", source.id, purge=True)])
    with pytest.raises(BlobMissing):
        await copy_files(store, source, Document.of("t", "things", "copy", {}, NOW))


async def test_taking_away(store: Store) -> None:
    """All files of one slot go, and those of the others stay."""
    document = await filed(store)
    changed, changes = drop_files(document, MANY)
    await store.write([Replace(changed), *changes])
    assert ({}, LARGE) == (files_of(changed, MANY), await content(store, changed, ONE))
    with pytest.raises(BlobMissing):
        await content(store, document, MANY, "a.png")
    assert (changed, ()) == drop_files(changed, MANY)
