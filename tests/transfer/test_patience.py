"""A move whose store is lost on the way and comes back: it waits, and nothing is there twice or missing."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from crossbar.errors import RevisionConflict, StoreError, StoreOverdue, StoreUnavailable
from crossbar.stores import Change, Document
from crossbar.stores.memory import MemoryStore
from crossbar.stores.sqlite import SqliteStore
from crossbar.stores.whole import Stored, Stretch
from crossbar.transfer import patience as patience_module
from crossbar.transfer.manifest import ArchiveError
from crossbar.transfer.marker import Marker
from crossbar.transfer.patience import Patience
from tests.contract.documents import Clock

from .filling import KINDS, bytes_of, everything, export, fill, load
from .test_tree import fill as fill_tree

LOST = StoreUnavailable("the store is lost")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have nobody wait, and everything done in small steps."""
    monkeypatch.setattr(patience_module, "_PAUSE", 0.0)
    monkeypatch.setattr("crossbar.transfer.archive.BATCH", 3)
    monkeypatch.setattr("crossbar.transfer.exporting.BATCH", 3)
    monkeypatch.setattr("crossbar.transfer.marker._EVERY", 0)


class Flickering(SqliteStore):
    """A store of whose three pieces of work of a sort one is refused, one is done and nobody knows, and one is done."""

    flickers = False

    def __init__(self, path: Path, clock: Clock) -> None:
        super().__init__(path, clock=clock)
        self.asked: Counter[str] = Counter()

    def _turn(self, sort: str) -> int:
        """Refuse the first of three; which one it is."""
        if not self.flickers:
            return 2
        turn = self.asked[sort] % 3
        self.asked[sort] += 1
        if turn == 0:
            raise LOST
        return turn

    async def get(self, tenant: str, kind: str, id: str) -> Document | None:
        """The document, or StoreUnavailable."""
        self._known(self._turn("get"))
        return await super().get(tenant, kind, id)

    async def write(self, changes: Sequence[Change]) -> list[Document | None]:
        """Carry out the changes, or not, or raise StoreUnavailable after that."""
        turn = self._turn("write")
        done = await super().write(changes)
        self._known(turn)
        return done

    async def tally(self, kind: str, tenants: Sequence[str] | None = None) -> int:
        """How many there are, or StoreUnavailable."""
        self._known(self._turn("tally"))
        return await super().tally(kind, tenants)

    async def walk(self, kind: str, after: str | None, limit: int, tenants: Sequence[str] | None = None) -> Stretch:
        """The next documents, or StoreUnavailable."""
        self._known(self._turn("walk"))
        return await super().walk(kind, after, limit, tenants)

    async def held(self, some: Sequence[Stored]) -> list[Stored | None]:
        """What is there, or StoreUnavailable."""
        self._known(self._turn("held"))
        return await super().held(some)

    async def restore(self, some: Sequence[Stored]) -> int:
        """Put documents there, or not, or raise StoreUnavailable after that."""
        turn = self._turn("restore")
        done = await super().restore(some)
        self._known(turn)
        return done

    async def read_stored_blob(self, id: str) -> AsyncIterator[bytes]:
        """The bytes, or fewer of them before StoreUnavailable."""
        turn = self._turn("read")
        async for piece in super().read_stored_blob(id):
            yield piece[:1] if turn == 1 else piece
            self._known(turn)

    def _known(self, turn: int) -> None:
        if turn == 1:
            raise LOST


async def test_a_store_that_flickers(tmp_path: Path, clock: Clock) -> None:
    """An export and an import to the end, one after the other, in spite of everything."""
    source, target = (Flickering(tmp_path / f"{name}.db", clock) for name in ("source", "target"))
    await fill(source, clock)
    waits: list[StoreError] = []
    source.flickers = True
    await export(source, tmp_path / "archive", clock, patience=Patience(30, waits.append))
    assert {"walk", "tally", "read"} <= source.asked.keys()
    source.flickers = False
    await target.open(KINDS)
    target.flickers = True
    done = await load(target, tmp_path / "archive", clock, patience=Patience(30, waits.append))
    assert {"get", "write", "held", "restore", "read"} <= target.asked.keys()
    target.flickers = False
    assert {LOST} == {*waits}
    there = await everything(target)
    assert await everything(source) == there
    assert await bytes_of(source, there) == await bytes_of(target, there)
    assert (len(there), None) == (done.documents, done.restored)
    for store in (source, target):
        await store.close()


async def test_an_account_tree_of_a_store_that_flickers(tmp_path: Path, clock: Clock) -> None:
    """Who is asked for one account is as patient."""
    source = Flickering(tmp_path / "source.db", clock)
    await fill_tree(source)
    sure = await export(source, tmp_path / "sure", clock, "reseller")
    source.flickers = True
    source.asked["get"] = 2  # whether there is such an account is asked for before anything is done
    found = await export(source, tmp_path / "archive", clock, "reseller", patience=Patience(30))
    assert [part.sum for part in sure.kinds] == [part.sum for part in found.kinds]
    await source.close()


class Doubtful(MemoryStore):
    """A store whose last write was done or not, without anybody knowing."""

    lost = ""

    async def write(self, changes: Sequence[Change]) -> list[Document | None]:
        """Carry out the changes before or after StoreUnavailable, if any."""
        lost, self.lost = self.lost, ""
        if lost == "before":
            raise LOST
        done = await super().write(changes)
        if lost:
            raise LOST
        return done


@pytest.mark.parametrize("noted", [False, True], ids=["first note", "later note"])
@pytest.mark.parametrize("lost", ["before", "after"])
@pytest.mark.parametrize("other", [False, True], ids=["alone", "beside another"])
async def test_a_note_that_is_lost(noted: bool, lost: str, other: bool, clock: Clock) -> None:
    """It is noted again, written or not; but what another import has noted meanwhile is not taken for one's own."""
    store = Doubtful(clock)
    await store.open(KINDS)
    one, two = Marker(store, "a", clock), Marker(store, "a", clock)
    if noted:
        await one.keep("notes", 1, 1)
    store.lost = lost
    with pytest.raises(StoreUnavailable):
        await one.keep("notes", 2, 2)
    if other:
        await two.find()
        await two.keep("plain", 7, 7)
        with pytest.raises(ArchiveError, match="another process imports this archive"):
            await one.keep("notes", 3, 3)
    else:
        await one.keep("notes", 3, 3)
        await one.keep("notes", 4, 4)
        await two.find()
        assert {"notes": (4, 4)} == two.places


@pytest.mark.parametrize("error", [LOST, StoreOverdue("too slow")], ids=["lost", "slow"])
async def test_it_is_asked_again(error: StoreError) -> None:
    """Until it is there; who waits beside is told nothing more, and the next time something is lost it is told anew."""
    waits: list[StoreError] = []
    patience = Patience(30, waits.append)

    async def asked(failures: list[StoreError]) -> str:
        await asyncio.sleep(0)
        if failures:
            raise failures.pop()
        return "there"

    async def three() -> list[str]:
        return await asyncio.gather(*[patience(lambda some=[error] * n: asked(some)) for n in (0, 3, 5)])  # type: ignore[misc]

    for times in (1, 2):
        assert ["there"] * 3 == await three()
        assert [error] * times == waits


async def test_what_is_no_loss_is_told_at_once() -> None:
    """A store that is there and says no says so again."""
    waits: list[StoreError] = []
    for error in (StoreError("no"), RevisionConflict("notes", "n1", 1, 2), OSError("disk")):

        async def asked(error: Any = error) -> None:
            raise error

        with pytest.raises(type(error)):
            await Patience(30, waits.append)(asked)
    assert [] == waits


@pytest.mark.parametrize(("seconds", "tries", "told"), [(0, 1, 0), (5, 6, 1)], ids=["none", "some"])
async def test_it_ends(seconds: float, tries: int, told: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """So many seconds after the first failure; without any, at once and with no word."""
    now = 100.0
    waits: list[StoreError] = []
    asked: list[float] = []
    monkeypatch.setattr(patience_module, "monotonic", lambda: now)

    async def ask() -> None:
        nonlocal now
        asked.append(now)
        now += 1
        raise LOST

    with pytest.raises(StoreUnavailable):
        await Patience(seconds, waits.append)(ask)
    assert (tries, [LOST] * told) == (len(asked), waits)
