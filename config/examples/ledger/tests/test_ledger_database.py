"""The ledger's own database: locked, away, older, newer, broken, and there again."""

import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, closing
from pathlib import Path

import pytest
from crossbar_ledger import Ledger
from crossbar_ledger.migrations import MIGRATIONS
from msgspec.structs import replace

from crossbar.settings import Modules
from crossbar.testing import QUICK, Client, Response, small_world

ENTRY = {"amount": 1, "currency": "EUR", "text": "paper"}
Served = Callable[[Path], Awaitable[Client]]


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    """Serve a ledger over a file, to a client who never waits for a lock."""
    async with AsyncExitStack() as closing_all:

        async def serve(file: Path) -> Client:
            settings = replace(
                QUICK,
                modules=Modules(installed=False),
                plugins={"ledger": {"file": str(file), "patience": 0}},
            )
            world = await small_world(settings=settings, endpoints=[Ledger()])
            closing_all.push_async_callback(world.app.stop)
            return await world.client("customer")

        yield serve


def refused(response: Response, word: str, retry: str) -> None:
    """Make sure that the ledger is not available, and says for how long."""
    told = (response.status, response.word, response.headers["retry-after"])
    assert (503, word, retry) == told


async def test_it_is_kept(served: Served, tmp_path: Path) -> None:
    """What was booked is there after a restart, and in another server at the same file."""
    first = await served(tmp_path / "ledger.db")
    await first.put("/account/ledger", ENTRY)
    second = await served(tmp_path / "ledger.db")
    assert "2" == (await second.put("/account/ledger", ENTRY)).data["id"]
    await first.app.stop()
    again = await served(tmp_path / "ledger.db")
    assert ["2", "1"] == [row["id"] for row in (await again.get("/account/ledger")).data]


async def test_locked(served: Served, tmp_path: Path) -> None:
    """While another process holds the file the answer is a 503, and nothing of the request is left behind."""
    client = await served(tmp_path / "ledger.db")
    with closing(sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        refused(await client.put("/account/ledger", ENTRY), "ledger_busy", "1")
        assert [] == (await client.get("/account/ledger")).data
        other.execute("COMMIT")
        other.execute("BEGIN EXCLUSIVE")
        for path in ("", "/1", "/balance", "/export"):
            refused(await client.get(f"/account/ledger{path}"), "ledger_busy", "1")
    assert "1" == (await client.put("/account/ledger", ENTRY)).data["id"]


async def test_away_and_there_again(served: Served, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A server whose ledger is away answers for everything else, and for the ledger as soon as that is there."""
    file = tmp_path / "disk" / "ledger.db"
    client = await served(file)
    assert str(file) in caplog.text
    assert "[plugins.ledger] file" in caplog.text
    refused(await client.get("/account/ledger"), "ledger_unreachable", "30")
    assert 200 == (await client.get("/account/users")).status
    file.parent.mkdir()
    assert 201 == (await client.put("/account/ledger", ENTRY)).status


async def test_a_file_that_is_no_database(served: Served, tmp_path: Path) -> None:
    """A file that is no database is a 503, until there is a database in its place."""
    file = tmp_path / "ledger.db"
    file.write_bytes(b"no database" * 1000)
    client = await served(file)
    refused(await client.put("/account/ledger", ENTRY), "ledger_unreachable", "30")
    file.unlink()
    assert 201 == (await client.put("/account/ledger", ENTRY)).status


async def test_a_file_that_breaks_while_it_is_used(served: Served, tmp_path: Path) -> None:
    """A database that is destroyed under the server is a 503, until there is another one in its place."""
    file = tmp_path / "ledger.db"
    client = await served(file)
    assert 201 == (await client.put("/account/ledger", ENTRY)).status
    file.write_bytes(b"no database" * 1000)
    refused(await client.put("/account/ledger", ENTRY), "ledger_unreachable", "30")
    file.unlink()
    assert "1" == (await client.put("/account/ledger", ENTRY)).data["id"]


async def test_an_older_file(served: Served, tmp_path: Path) -> None:
    """A file from before reversals keeps its entries, and they can be reversed."""
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as old, old:
        for statement in MIGRATIONS[0]:
            old.execute(statement)
        row = ("c0" * 16, 1, 1_780_000_000, 5, "EUR", "old", "r")
        old.execute("INSERT INTO entries VALUES (?, ?, ?, ?, ?, ?, ?)", row)
        old.execute("PRAGMA user_version = 1")
    client = await served(tmp_path / "ledger.db")
    old_entry = (await client.get("/account/ledger/1")).data
    assert ("old", None) == (old_entry["text"], old_entry["reverses"])
    assert 201 == (await client.post("/account/ledger/1/reverse")).status


async def test_a_newer_file(served: Served, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A file that a later version has changed is left alone."""
    with closing(sqlite3.connect(tmp_path / "ledger.db")) as newer:
        newer.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    client = await served(tmp_path / "ledger.db")
    refused(await client.get("/account/ledger"), "ledger_unreachable", "30")
    assert "install a newer one" in caplog.text
