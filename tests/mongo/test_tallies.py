"""Notes of machines in MongoDB: written once, read by the others at once, and gone after a while."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest
from pymongo import AsyncMongoClient

from crossbar.errors import StoreUnavailable
from crossbar.limits.exchange import BRIEF, LASTING, Note
from crossbar.stores.mongo.connection import Database
from crossbar.stores.mongo.preparing import make_indexes
from crossbar.stores.mongo.tallies import COLLECTION, INDEXES, MongoTallies

from ..boards import ONCE, Board, Machine, told
from .fixtures import PATIENCE
from .listening import Commands
from .servers import Server, differs, failpoint, with_options

ONE, TWO = b"machine one.....", b"machine two....."


def note(number: int, *, writer: bytes = b"writer..", machine: bytes = ONE, lasting: bool = False) -> Note:
    """A note with something in it."""
    return Note(writer, number, machine, lasting, b"entries %d" % number)


@pytest.fixture
async def database(mongo_database: str) -> AsyncIterator[Database]:
    """Give a database with the indexes that notes have."""
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(with_options(mongo_database, appname="tallies"))
    found = client.get_default_database()
    await make_indexes(found, {COLLECTION: INDEXES})
    yield found
    await client.close()


@pytest.fixture
def tallies(database: Database) -> MongoTallies:
    """Give the notes in it."""
    return MongoTallies(database, "MongoDB store of a test", PATIENCE)


async def test_notes_come_back_as_they_were(tallies: MongoTallies) -> None:
    """Others read them, with how old they are; who wrote them does not, and neither does who has seen them."""
    notes = [note(1), note(2, lasting=True), note(2**62), note(1, writer=b"\x00\xff....!!", machine=TWO)]
    await tallies.push(notes)
    found = await tallies.pull(TWO, 60, [])
    assert notes[:3] == sorted((each._replace(age=0.0) for each in found), key=lambda each: each.number)
    assert all(0 <= each.age < 30 for each in found)
    assert [notes[3]] == [each._replace(age=0.0) for each in await tallies.pull(ONE, 60, [])]
    seen = [(each.writer, each.number) for each in notes[:2]]
    assert [2**62] == [each.number for each in await tallies.pull(TWO, 60, seen)]
    assert 4 == len(await tallies.pull(b"somebody else...", 60, []))


async def test_a_note_that_is_sent_again(tallies: MongoTallies) -> None:
    """It is there once, as it was the first time."""
    await tallies.push([note(1), note(2)])
    await tallies.push([note(1)._replace(entries=b"others"), note(3)])
    found = await tallies.pull(TWO, 60, [])
    assert [b"entries 1", b"entries 2", b"entries 3"] == sorted(each.entries for each in found)


async def test_old_notes_are_not_read(tallies: MongoTallies, database: Database) -> None:
    """How old a note is, the server says by its own clock, whatever the clocks of machines say."""
    await tallies.push([note(1), note(2)])
    earlier = [{"$set": {"at": {"$dateSubtract": {"startDate": "$at", "unit": "second", "amount": 100}}}}]
    await database[COLLECTION].update_one({"entries": b"entries 1"}, earlier)
    assert [2] == [each.number for each in await tallies.pull(TWO, 90, [])]
    ages = {each.number: each.age for each in await tallies.pull(TWO, 130, [])}
    assert 100 <= ages[1] < 130


async def test_old_notes_go(tallies: MongoTallies, database: Database) -> None:
    """The server removes them by two indexes, each of which has those notes that it is for."""
    await tallies.push([note(1), note(2, lasting=True)])
    brief, lasting = [record async for record in database[COLLECTION].find().sort("entries")]
    assert {"_id", "at", "brief", "machine", "entries"} == brief.keys()
    assert {"_id", "at", "lasting", "machine", "entries"} == lasting.keys()
    indexes = await database[COLLECTION].index_information()
    assert {"brief": BRIEF, "lasting": LASTING} == {
        name: facts["expireAfterSeconds"] for name, facts in indexes.items() if "expireAfterSeconds" in facts
    }


async def test_reading_costs_what_is_new(
    tallies: MongoTallies, database: Database, mongo_database: str, mongo_server: Server
) -> None:
    """The newest notes are found by an index, and not by looking at all."""
    await tallies.push([note(1)])
    commands = Commands()
    async with AsyncMongoClient[dict[str, Any]](mongo_database, event_listeners=[commands]) as client:
        await MongoTallies(client.get_default_database(), "MongoDB", PATIENCE).pull(TWO, 60, [(b"writer..", 1)])
    (find,) = commands.named("find")
    asked = {name: find.whole[name] for name in ("find", "filter", "sort", "limit", "hint")}
    plan = str(await database.command({"explain": asked, "verbosity": "queryPlanner"}))
    assert "IXSCAN" in plan
    assert "COLLSCAN" not in plan
    if not differs(mongo_server, "its plans have a SORT where an index has the order"):
        assert "'SORT'" not in plan


@pytest.mark.usefixtures("database")
async def test_what_is_asked_of_the_server(mongo_database: str) -> None:
    """Counts are written with w:1 and read from the primary, whose clock is asked now and then only."""
    commands = Commands()
    async with AsyncMongoClient[dict[str, Any]](mongo_database, event_listeners=[commands]) as client:
        tallies = MongoTallies(client.get_default_database(), "MongoDB", PATIENCE)
        await tallies.push([note(1)])
        for _ in range(5):
            await tallies.pull(TWO, 60, [])
    (update,), (find, *_) = commands.named("update"), commands.named("find")
    assert {"w": 1} == update.whole["writeConcern"]
    assert {"level": "local"} == find.whole["readConcern"]
    assert "primary" == find.whole.get("$readPreference", {"mode": "primary"})["mode"]
    assert 1 == len(commands.named("hello"))


async def test_a_server_that_fails(tallies: MongoTallies, mongo_server: Server) -> None:
    """Its faults are those of the port."""
    with failpoint(mongo_server, failCommands=["update", "find"], errorCode=13, appName="tallies"):
        with pytest.raises(StoreUnavailable, match="MongoDB store of a test"):
            await tallies.push([note(1)])
        with pytest.raises(StoreUnavailable, match="MongoDB store of a test"):
            await tallies.pull(TWO, 60, [])


@pytest.mark.parametrize("pushed", [1, 3], ids=["the first", "a later one"])
async def test_connections_that_break(tallies: MongoTallies, mongo_server: Server, pushed: int) -> None:
    """A note whose fate nobody knows is sent again, and is there once."""
    fault = {"failCommands": ["update"], "closeConnection": True, "appName": "tallies"}
    for number in range(1, pushed):
        await tallies.push([note(number)])
    with failpoint(mongo_server, times=2, **fault), suppress(StoreUnavailable):
        await tallies.push([note(pushed)])
    await tallies.push([note(pushed)])
    assert pushed == len(await tallies.pull(TWO, 60, []))


async def test_machines_count_together(tallies: MongoTallies) -> None:
    """Buckets and failed logins of two machines are those of one."""
    board = Board()
    one, two = Machine(board, tallies=tallies), Machine(board, tallies=tallies)
    assert 60 == one.take(60, ONCE)
    assert ["wrong"] * 10 == [await one.login(right=False) for _ in range(10)]
    await told(board, one, two)
    await told(board, one, two)
    assert 40 == two.take(100, ONCE)
    assert "refused" == await two.login("192.0.2.2", right=True)


async def test_many_writers_at_once(tallies: MongoTallies) -> None:
    """Twenty processes that write at the same time lose nothing, and nothing is there twice."""
    writers = [b"writer%02d" % number for number in range(20)]

    async def write(writer: bytes) -> None:
        for number in range(1, 6):
            await tallies.push([note(number, writer=writer)])

    await asyncio.gather(*map(write, writers))
    found = await tallies.pull(TWO, 60, [])
    expected = sorted((writer, number) for writer in writers for number in range(1, 6))
    assert expected == sorted((each.writer, each.number) for each in found)
