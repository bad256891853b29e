"""What only the SQLite store promises: its commits, its threads, its tables."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from crossbar.errors import RevisionConflict, StoreUnavailable, UniqueConflict
from crossbar.stores import Delete, Insert, Kind, Replace
from crossbar.stores.sqlite import SqliteStore
from crossbar.stores.sqlite import store as sqlite_module
from crossbar.stores.sqlite.file import connect
from crossbar.stores.sqlite.tables import Table

from .documents import DEVICES, KINDS, NOW, Clock, device, devices, insert, kept, replace
from .hurrying import Lock

pytestmark = pytest.mark.anyio


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@asynccontextmanager
async def opened(path: Path, clock: Clock) -> AsyncIterator[SqliteStore]:
    store = SqliteStore(path, clock=clock)
    await store.open(KINDS)
    yield store
    await store.close()


@pytest.fixture
async def store(path: Path, clock: Clock) -> AsyncIterator[SqliteStore]:
    async with opened(path, clock) as store:
        yield store


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The SQL that stores opened from now on carry out."""
    found: list[str] = []

    def traced(path: Path, *, writes: bool = False, **options: object) -> sqlite3.Connection:
        connection = connect(path, writes=writes)
        connection.set_trace_callback(found.append)
        return connection

    monkeypatch.setattr(sqlite_module, "connect", traced)
    return found


# -- commits ------------------------------------------------------------------------------------------------


async def test_what_waits_together_is_committed_together(path: Path, statements: list[str]) -> None:
    """Many writes at once need few commits; each has its own outcome, and those that fail leave no trace."""
    store = SqliteStore(path)
    await store.open(KINDS)
    statements.clear()
    lock = Lock(path)
    writing = asyncio.gather(
        *(store.write([Insert(device(f"d{n:03d}")), Insert(device(f"e{n:03d}", mac=n // 2))]) for n in range(200)),
        return_exceptions=True,
    )
    await asyncio.sleep(0)  # now all of them wait
    lock.free()
    done = await writing
    assert statements.count("COMMIT") <= 6
    assert list(range(1, 200, 2)) == [n for n, each in enumerate(done) if isinstance(each, UniqueConflict)]
    expected = [f"{letter}{n:03d}" for letter in "de" for n in range(0, 200, 2)]
    assert expected == await kept(store, limit=1000)
    await store.close()


async def test_a_revision_is_replaced_once(store: SqliteStore) -> None:
    """Of a hundred writers at one revision exactly one wins; the others learn the present revision."""
    first = device("d1")
    await insert(store, first)
    done = await asyncio.gather(
        *(store.write([Replace(first.with_data({"id": "d1", "winner": n}))]) for n in range(100)),
        return_exceptions=True,
    )
    winners = [n for n, outcome in enumerate(done) if not isinstance(outcome, BaseException)]
    lost = [outcome for outcome in done if isinstance(outcome, RevisionConflict)]
    assert (1, 99) == (len(winners), len(lost))
    assert {2} == {each.current for each in lost}
    found = await store.get("acme", "devices", "d1")
    assert found is not None
    assert winners == [found.data()["winner"]]


async def test_no_increment_is_lost(store: SqliteStore) -> None:
    """Writers that try again on a conflict all get through, one revision each."""
    await insert(store, device("d1", counter=0))

    async def increment() -> None:
        while True:
            found = await store.get("acme", "devices", "d1")
            assert found is not None
            try:
                await replace(store, found, counter=found.data()["counter"] + 1)
                return
            except RevisionConflict:
                continue

    await asyncio.gather(*(increment() for _ in range(100)))
    found = await store.get("acme", "devices", "d1")
    assert found is not None
    assert (100, 101) == (found.data()["counter"], found.revision)


async def test_a_caller_who_leaves_takes_nobody_along(store: SqliteStore) -> None:
    """A cancelled write is written if it had begun, and the others of its group hear of theirs."""
    tasks = [asyncio.create_task(store.write([Insert(device(f"d{n}"))])) for n in range(10)]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    done = await asyncio.gather(*tasks, return_exceptions=True)
    assert [isinstance(outcome, asyncio.CancelledError) for outcome in done] == [n % 2 == 0 for n in range(10)]
    await insert(store, device("d10"))
    assert {"d1", "d3", "d5", "d7", "d9", "d10"} <= {*await kept(store)}


async def test_close_finishes_what_waits(path: Path) -> None:
    """Writes that were asked for before `close` are done; later ones are refused."""
    store = SqliteStore(path)
    await store.open(KINDS)
    tasks = [asyncio.create_task(store.write([Insert(device(f"d{n:03d}"))])) for n in range(200)]
    await asyncio.sleep(0)
    await store.close()
    await asyncio.gather(*tasks)
    with pytest.raises(StoreUnavailable, match="not open"):
        await insert(store, device("late"))
    await store.open(KINDS)
    assert 200 == len(await kept(store, limit=1000))
    await store.close()


async def test_a_store_leaves_nothing_running(path: Path) -> None:
    """Closing ends the threads and leaves one file, with nothing in a log beside it."""
    # Stores of other tests may still be open, and the event loop has threads of its own.
    before = {*threading.enumerate()}

    def running() -> list[str]:
        return [each.name for each in {*threading.enumerate()} - before if each.name.startswith("crossbar-sqlite")]

    store = SqliteStore(path, readers=2)
    await store.open(KINDS)
    await insert(store, device("d1"))
    assert 3 == len(running())
    await store.close()
    assert [] == running()
    assert [path] == list(path.parent.iterdir())


async def test_reads_do_not_wait_for_writes(store: SqliteStore, path: Path) -> None:
    """While somebody else holds the write lock, a write waits, and listings and look-ups do not."""
    await insert(store, device("d1"))
    lock = Lock(path)
    writing = asyncio.create_task(insert(store, device("d2")))
    await asyncio.sleep(0.05)
    assert ["d1"] == await kept(store)  # which has a limit of its own
    assert None is await store.get("acme", "devices", "d2")
    assert not writing.done()
    lock.free()
    await writing
    assert ["d1", "d2"] == await kept(store)


async def test_two_stores_see_each_other(store: SqliteStore, path: Path, clock: Clock) -> None:
    """What another connection writes is seen at once, and changes the version."""
    async with opened(path, clock) as other:
        before = store.version()
        await insert(other, device("d1"))
        assert before != store.version()
        assert None is not await store.get("acme", "devices", "d1")
        seen = store.version()
        await store.page(devices())
        assert seen == store.version()


# -- tables -------------------------------------------------------------------------------------------------


async def test_an_open_with_nothing_to_change_only_reads(path: Path, statements: list[str]) -> None:
    """A normal start makes no table and no index, and writes no row."""
    for _ in range(2):
        statements.clear()
        store = SqliteStore(path)
        await store.open(KINDS)
        await store.close()
    assert [] == [each for each in statements if each.startswith(("CREATE", "INSERT", "UPDATE", "DROP"))]


@pytest.mark.parametrize(
    "kind",
    [
        Kind("Devices"),
        Kind("d; DROP TABLE kinds"),
        Kind(""),
        Kind("1d"),
        Kind("é"),
        Kind("d", unique=("a'b",)),
        Kind("d", indexes=("a..b",)),
        Kind("d", indexes=('a"b',)),
        Kind("d", private_indexes=("",)),
    ],
    ids=repr,
)
async def test_names_are_checked(store: SqliteStore, kind: Kind) -> None:
    """A name that could mean something else in SQL is refused before any SQL is written."""
    with pytest.raises(StoreUnavailable, match="kind "):
        await store.open([kind])


async def test_indexes_follow_their_kind(store: SqliteStore, path: Path) -> None:
    """Indexes that are declared no more are dropped; names that differ in case only, or look alike, are two."""
    await store.open(
        [Kind("a", indexes=("b_c", "x.y", "ownerId", "ownerid")), Kind("a_b", indexes=("c",), unique=("ownerId",))]
    )
    await store.open([Kind("a", indexes=("x.y", "ownerid"), unique=("ownerId",))])
    connection = connect(path)
    rows = connection.execute(
        "SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name LIKE 'd\\_a%' ESCAPE '\\'"
    )
    names = {name.decode() for (name,) in rows if not name.startswith(b"sqlite_")}
    connection.close()
    assert {
        *("a id", "a expires", "a body x.y", "a body ownerid", "a unique owner^Id"),
        *("a_b id", "a_b expires", "a_b body c", "a_b unique owner^Id"),
    } == names


async def test_deleted_documents_are_kept_aside(store: SqliteStore, path: Path) -> None:
    """An operator finds them in the table `deleted`, except for those that were purged."""
    await insert(store, device("d1", name="n", private={"token": "t"}), device("d2"))
    await store.write([Delete("acme", "devices", "d1"), Delete("acme", "devices", "d2", purge=True)])
    connection = connect(path)
    rows = connection.execute("SELECT kind, tenant, id, deleted, revision, body, private FROM deleted").fetchall()
    connection.close()
    assert [(b"devices", b"acme", b"d1", NOW, 1, b'{"id":"d1","name":"n"}', b'{"token":"t"}')] == rows


async def test_expired_documents_are_destroyed(store: SqliteStore, path: Path, clock: Clock) -> None:
    """Once a minute, and while there are many after every write, a batch of them goes."""
    await store.load([device(f"d{n:04d}", expires=NOW + 5) for n in range(1100)])
    await insert(store, device("e1", expires=NOW + 500))
    clock.now += 100
    for n in range(4):
        await insert(store, device(f"f{n}"))
    await store.health()  # A round trip through the writer, after whose batches it sweeps.
    connection = connect(path)
    ((rest,),) = connection.execute("SELECT count(*) FROM d_devices").fetchall()
    connection.close()
    assert 5 == rest


async def test_a_file_of_a_newer_version_is_left_alone(path: Path, clock: Clock) -> None:
    """An older program does not write into tables that it does not know."""
    async with opened(path, clock):
        pass
    connection = connect(path, writes=True)
    connection.execute("PRAGMA user_version=99")
    connection.close()
    store = SqliteStore(path)
    with pytest.raises(StoreUnavailable, match="newer Crossbar"):
        await store.open(KINDS)
    await store.close()


async def test_a_file_of_another_program_is_left_alone(path: Path) -> None:
    """A wrong path must not put our tables among those of somebody else."""
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE bookmarks (url)")
    connection.close()
    store = SqliteStore(path)
    with pytest.raises(StoreUnavailable, match="another program"):
        await store.open(KINDS)
    await store.close()


def test_settings_are_checked(path: Path) -> None:
    """`OFF` would lose acknowledged documents."""
    with pytest.raises(ValueError, match="NORMAL, FULL, EXTRA"):
        SqliteStore(path, synchronous="OFF")


def test_the_row_has_the_columns_of_the_table() -> None:
    """The order in which a document is written is that of the INSERT."""
    row = Table(DEVICES).row(device("d1", name="n", private={}, expires=5))
    body = '{"id":"d1","name":"n"}'
    assert ("acme", f"{NOW:012d}d1", "d1", NOW, NOW, 1, 5, body, body, "{}") == row
