"""What goes out of one store and into another is the same there, whatever the stores are."""

from __future__ import annotations

import asyncio
import stat
from collections.abc import AsyncIterator, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossbar.errors import StoreUnavailable
from crossbar.stores import Document, Insert, Kind
from crossbar.stores.memory import MemoryStore
from crossbar.stores.sqlite import SqliteStore
from crossbar.stores.whole import Stored, Stretch, WholeStore
from crossbar.transfer.importing import import_archive
from crossbar.transfer.lines import Sum, line_of, stored_of
from crossbar.transfer.progress import Progress
from tests.contract.blobs import files
from tests.contract.documents import NOW, Clock

from .filling import KINDS, bytes_of, everything, export, fill, load


async def test_all_of_a_store_is_the_same_in_another(
    source: WholeStore, target: WholeStore, tmp_path: Path, clock: Clock
) -> None:
    """Bodies byte for byte, times, revisions, private parts, expiry, what was set aside, and every file.

    What the other store has besides stays; the same import again finds all there, and puts nothing there twice.
    """
    own = Document.of("acme", "plain", "own", {}, NOW)
    await target.write([Insert(own)])
    there = await everything(source)
    manifest = await export(source, tmp_path / "archive", clock)
    done = await load(target, tmp_path / "archive", clock)
    found = await everything(target)
    assert sorted([*there, Stored(own)], key=repr) == found
    assert await bytes_of(source, there) == await bytes_of(target, found)
    assert (len(there), 7) == manifest.total()
    assert (len(there), len(there), 0, 7) == (done.documents, done.restored, done.expired, done.blobs)
    again = await load(target, tmp_path / "archive", clock)
    assert (len(there), 0) == (again.documents, again.restored)
    assert found == await everything(target)


async def test_the_digests_do_not_depend_on_the_store(source: WholeStore, tmp_path: Path, clock: Clock) -> None:
    """The same documents have the same digests in an archive of any store."""
    memory = MemoryStore(clock)
    first = await export(source, tmp_path / "archive", clock)
    await load(memory, tmp_path / "archive", clock)
    second = await export(memory, tmp_path / "other", clock)
    assert {part.kind: part.sum for part in first.kinds} == {part.kind: part.sum for part in second.kinds}


@pytest.fixture
async def filled(tmp_path: Path, clock: Clock) -> AsyncIterator[Losing]:
    """A store in a file, with all that is hard to move."""
    store = Losing(tmp_path / "filled.db", clock=clock)
    await fill(store, clock)
    yield store
    await store.close()


async def test_nobody_else_may_read_an_archive(filled: WholeStore, tmp_path: Path, clock: Clock) -> None:
    """There are hashes of passwords and keys in it."""
    folder = tmp_path / "archive"
    await export(filled, folder, clock)
    paths = [folder, *folder.rglob("*")]
    assert {0o700} == {stat.S_IMODE(path.stat().st_mode) for path in paths if path.is_dir()}
    assert {0o600} == {stat.S_IMODE(path.stat().st_mode) for path in paths if path.is_file()}


async def test_what_expires_meanwhile_is_left_out(filled: WholeStore, tmp_path: Path, clock: Clock) -> None:
    """An import says how many documents have expired since the export."""
    await export(filled, tmp_path / "archive", clock)
    clock.now += 3601
    target = SqliteStore(tmp_path / "target.db", clock=clock)
    done = await load(target, tmp_path / "archive", clock)
    there = await everything(target)
    assert (1, 6, 6) == (done.expired, done.blobs, len(files(target)))
    assert "later" not in {stored.document.id for stored in there}
    await target.close()


async def test_kinds_that_no_module_opens_any_more(filled: WholeStore, tmp_path: Path, clock: Clock) -> None:
    """Documents of modules that are not installed move too, and their kinds stay what they were."""
    await filled.close()
    await filled.open([])
    await export(filled, tmp_path / "archive", clock)
    target = MemoryStore(clock)
    await import_archive(target, tmp_path / "archive", open_store=partial(target.open, []), clock=clock)
    assert sorted(KINDS) == await target.kinds()


class Losing(SqliteStore):
    """A store that is lost after so many pieces of work."""

    left = 10**9

    def _spend(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise StoreUnavailable("the store is lost")

    async def walk(self, kind: str, after: str | None, limit: int, tenants: Sequence[str] | None = None) -> Stretch:
        """The next documents, or StoreUnavailable."""
        self._spend()
        return await super().walk(kind, after, limit, tenants)

    async def restore(self, some: Sequence[Stored]) -> int:
        """Put documents there, or StoreUnavailable."""
        self._spend()
        return await super().restore(some)


@pytest.mark.parametrize("left", [0, 1, 4, 7])
async def test_a_store_that_is_lost_during_an_export(filled: Losing, left: int, tmp_path: Path, clock: Clock) -> None:
    """The same export goes on where it ended."""
    filled.left = left
    with pytest.raises(StoreUnavailable, match="lost"):
        await export(filled, tmp_path / "archive", clock)
    filled.left = 10**9
    await export(filled, tmp_path / "archive", clock)
    target = MemoryStore(clock)
    await load(target, tmp_path / "archive", clock)
    assert await everything(filled) == await everything(target)


@pytest.mark.parametrize("left", [0, 1, 2])
async def test_a_store_that_is_lost_during_an_import(
    filled: Losing, left: int, tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same import goes on where it ended."""
    monkeypatch.setattr("crossbar.transfer.marker._EVERY", 0)
    told: list[Progress] = []
    await export(filled, tmp_path / "archive", clock)
    target = Losing(tmp_path / "target.db", clock=clock)
    target.left = left
    with pytest.raises(StoreUnavailable, match="lost"):
        await load(target, tmp_path / "archive", clock)
    target.left = 10**9
    await load(target, tmp_path / "archive", clock, tell=told.append)
    assert await everything(filled) == await everything(target)
    # The kind `system` has one document, `notes` the most, and `plain` the last one.
    importing = [progress for progress in told if progress.doing == "import"]
    assert {(0, 1, 29)[left]} == {progress.before for progress in importing}
    assert ["system", "notes", "plain"][left:] == [progress.kind for progress in importing]
    assert (30, 30) == (importing[-1].documents, importing[-1].total)
    await target.close()


json = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
stored = st.builds(
    Stored,
    st.builds(
        lambda tenant, id, body, private, created, revision: Document(
            tenant, "plain", id, orjson.dumps({**body, "id": id}), created, created, revision, private
        ),
        texts.filter(lambda text: "\0" not in text),
        texts.filter(lambda text: "\0" not in text),
        st.dictionaries(texts, json, max_size=4),
        st.none() | st.dictionaries(texts, json, max_size=2).map(orjson.dumps),
        st.integers(0, 10**11),
        st.integers(1, 2**31),
    ),
    st.none() | st.integers(NOW - 10, NOW),
)


@given(stored)
def test_a_line_is_read_as_it_was_written(one: Stored) -> None:
    """Any document, and one line for it."""
    line = line_of(one)
    assert b"\n" not in line
    assert one == stored_of(line)
    assert line == line_of(stored_of(line))


@settings(max_examples=30)
@given(st.lists(stored, max_size=6), st.randoms())
def test_the_digest_is_the_same_in_any_order(some: list[Stored], random: object) -> None:
    """Sums of lines do not depend on their order, and differ if one is missing."""
    one, two = Sum(), Sum()
    for each in some:
        one.add(each, line_of(each))
    random.shuffle(some)  # type: ignore[attr-defined]
    for each in some:
        two.add(each, line_of(each))
    assert one == two
    if some:
        two = Sum()
        for each in some[1:]:
            two.add(each, line_of(each))
        assert one.digest != two.digest


@pytest.mark.parametrize("body", [b'{"id":"x",\n"a":1}', b' {"id":"x"}', b'{"id":"x"}\n', b'{"a" : [1,\r\n2]}'])
def test_a_body_that_is_not_compact(body: bytes) -> None:
    """What somebody else has written into a store comes back byte for byte, in one line."""
    one = Stored(Document("t", "plain", "x", body, NOW, NOW, private=body))
    assert b"\n" not in line_of(one)
    assert one == stored_of(line_of(one))


@settings(max_examples=10, deadline=None)
@given(
    st.lists(stored, min_size=5, max_size=30, unique_by=lambda one: (one.document.tenant, one.document.id, one.deleted))
)
def test_any_documents_move(some: list[Stored]) -> None:
    """From memory through an archive into SQLite, and back."""

    async def there_and_back(folder: Path) -> None:
        clock = Clock()
        one, three = MemoryStore(clock), MemoryStore(clock)
        two = SqliteStore(folder / "s.db", synchronous="NORMAL", clock=clock)
        await one.open([Kind("plain")])
        assert len(some) == await one.restore(some)
        await export(one, folder / "first", clock)
        await import_archive(two, folder / "first", open_store=partial(two.open, []), clock=clock)
        await export(two, folder / "second", clock)
        await import_archive(three, folder / "second", open_store=partial(three.open, []), clock=clock)
        assert sorted(some, key=repr) == await everything(two) == await everything(three)
        await two.close()

    with TemporaryDirectory() as folder:
        asyncio.run(there_and_back(Path(folder)))
