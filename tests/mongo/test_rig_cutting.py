"""The proxy that does harm: at which byte it cuts, what arrives before, and that it heals."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import AsyncIterator
from random import Random
from typing import Any

import bson
import pymongo
import pytest
from pymongo import AsyncMongoClient
from pymongo.errors import AutoReconnect, ConnectionFailure, PyMongoError

from .cutting import Cutting, Direction, How
from .servers import Server

WAIT = 10
"""Seconds that nothing here takes."""


def message(command: dict[str, Any]) -> bytes:
    """A command as it is on the wire."""
    body = struct.pack("<ib", 0, 0) + bson.encode(command)
    return struct.pack("<iiii", 16 + len(body), 1, 0, 2013) + body


PING = message({"ping": 1, "$db": "admin"})
HELLO = message({"hello": 1, "$db": "admin"})
OLD_HELLO = struct.pack("<iiii", 16 + 20, 1, 0, 2004) + bytes(20)
"""What a driver says before it knows its server: it is told by the sort of message alone."""


class Target:
    """A server that keeps what it gets, and says the same again."""

    def __init__(self) -> None:
        self.got = bytearray()
        self.ended = asyncio.Event()

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        while data := await reader.read(65_536):
            self.got += data
            writer.write(data)
        self.ended.set()
        writer.close()


@pytest.fixture
async def target() -> AsyncIterator[tuple[Target, Cutting]]:
    """Give a server that says everything again, and a proxy before it."""
    made = Target()
    server = await asyncio.start_server(made, "127.0.0.1", 0)
    async with Cutting(*server.sockets[0].getsockname()[:2]) as line:
        yield made, line
    server.close()


async def all_of(reader: asyncio.StreamReader) -> tuple[bytes, How]:
    """All that comes until the connection ends, and how it ends."""
    got = bytearray()
    try:
        while data := await asyncio.wait_for(reader.read(65_536), WAIT):
            got += data
    except ConnectionResetError:
        return bytes(got), "rst"
    return bytes(got), "fin"


@pytest.mark.parametrize("how", ["fin", "rst"])
@pytest.mark.parametrize("after", [0, 1, 15, 16, 30, len(PING) - 1, len(PING)])
async def test_cut_on_the_way_up(target: tuple[Target, Cutting], after: int, how: How) -> None:
    """The server gets exactly so many bytes of a command; the client sees the cut."""
    server, line = target
    line.cut(after=after, how=how)
    reader, writer = await asyncio.open_connection("127.0.0.1", line.port)
    writer.write(PING + PING)
    got, seen = await all_of(reader)
    await asyncio.wait_for(server.ended.wait(), WAIT)
    assert (PING + PING)[:after] == bytes(server.got)
    assert how == seen
    assert b"" == got
    assert (1, after) == (line.cuts, line.carried["up"])
    writer.close()


@pytest.mark.parametrize("after", [1, 20, len(PING)])
async def test_cut_on_the_way_down(target: tuple[Target, Cutting], after: int) -> None:
    """The client gets exactly so many bytes of the answer, after the server got all of the command."""
    server, line = target
    line.cut(after=after, direction="down", how="fin")
    reader, writer = await asyncio.open_connection("127.0.0.1", line.port)
    writer.write(PING)
    assert (PING[:after], "fin") == await all_of(reader)
    assert PING == bytes(server.got)
    writer.close()


async def test_watchers_are_not_counted(target: tuple[Target, Cutting]) -> None:
    """Bytes before the first command that works are no part of the count, neither way, in whatever pieces they come."""
    server, line = target
    line.cut(after=5, how="fin")
    reader, writer = await asyncio.open_connection("127.0.0.1", line.port)
    for byte in OLD_HELLO + HELLO:
        writer.write(bytes([byte]))
        await writer.drain()
    assert OLD_HELLO + HELLO == await asyncio.wait_for(reader.readexactly(len(OLD_HELLO + HELLO)), WAIT)
    assert (0, 0, 0) == (line.cuts, line.carried["up"], line.carried["down"])
    writer.write(PING)
    await all_of(reader)
    await asyncio.wait_for(server.ended.wait(), WAIT)
    assert OLD_HELLO + HELLO + PING[:5] == bytes(server.got)
    writer.close()


async def test_what_it_cannot_read_is_counted(target: tuple[Target, Cutting]) -> None:
    """Under TLS every byte is one of work."""
    server, line = target
    line.cut(after=20, how="fin")
    reader, writer = await asyncio.open_connection("127.0.0.1", line.port)
    writer.write(b"\x16\x03\x01" + bytes(60))
    await all_of(reader)
    await asyncio.wait_for(server.ended.wait(), WAIT)
    assert 20 == len(server.got)
    writer.close()


async def test_a_client_that_goes_is_gone_for_the_server(target: tuple[Target, Cutting]) -> None:
    """Ends are carried like everything else."""
    server, line = target
    reader, writer = await asyncio.open_connection("127.0.0.1", line.port)
    writer.write(PING)
    await reader.readexactly(len(PING))
    writer.write_eof()
    await asyncio.wait_for(server.ended.wait(), WAIT)
    assert (b"", "fin") == await all_of(reader)
    writer.close()


async def test_a_stall_holds_back_and_lets_go(target: tuple[Target, Cutting]) -> None:
    """Nothing moves and nothing is lost."""
    server, line = target
    reader, writer = await asyncio.open_connection("127.0.0.1", line.port)
    line.stall()
    writer.write(PING)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(reader.read(1), 0.05)
    assert b"" == bytes(server.got)
    await line.heal()
    assert PING == await asyncio.wait_for(reader.readexactly(len(PING)), WAIT)
    writer.close()


async def test_the_same_seed_cuts_the_same(target: tuple[Target, Cutting]) -> None:
    """Cuts are drawn anew after each, and end when it heals."""
    _, line = target
    drawn: list[list[int]] = []
    for _ in range(2):
        line.cut_at_random(Random(7), 3)
        drawn.append([])
        for _ in range(6):
            before = line.carried["up"]
            reader, writer = await asyncio.open_connection("127.0.0.1", line.port)
            writer.write(PING)
            await all_of(reader)
            drawn[-1].append(line.carried["up"] - before)
            writer.close()
    assert 12 == line.cuts
    assert drawn[0] == drawn[1]
    assert len(set(drawn[0])) > 2
    await line.heal()
    reader, writer = await asyncio.open_connection("127.0.0.1", line.port)
    writer.write(PING)
    assert PING == await asyncio.wait_for(reader.readexactly(len(PING)), WAIT)
    writer.close()


@pytest.mark.parametrize(("direction", "how"), [("up", "rst"), ("down", "fin")])
async def test_the_driver_repeats_a_write_once(
    mongo_server: Server, mongo_database: str, direction: Direction, how: How
) -> None:
    """A cut insert is sent again, is there once, and not at all where nobody may repeat it and it did not arrive."""
    async with Cutting(*mongo_server.address) as line:
        async with AsyncMongoClient[dict[str, int]](line.through(mongo_database)) as client:
            things = client.get_default_database().things
            await things.insert_one({"_id": 1})
            line.cut(after=30, direction=direction, how=how)
            await things.insert_one({"_id": 2})
            assert 1 == line.cuts
            assert [1, 2] == sorted([each["_id"] async for each in things.find()])
        async with AsyncMongoClient[dict[str, int]](line.through(mongo_database), retryWrites=False) as client:
            things = client.get_default_database().things
            await client.admin.command("ping")
            line.cut(after=30, direction=direction, how=how)
            with pytest.raises(AutoReconnect):
                await things.insert_one({"_id": 3})
            assert 2 == line.cuts
            assert (direction == "down") == (await things.find_one({"_id": 3}) is not None)


async def test_the_driver_waits_behind_a_stall(mongo_server: Server, mongo_database: str) -> None:
    """A client gives up after its own time, and goes on when the line is good again."""
    async with (
        Cutting(*mongo_server.address) as line,
        AsyncMongoClient[dict[str, int]](line.through(mongo_database)) as client,
    ):
        things = client.get_default_database().things
        await things.insert_one({"_id": 1})
        line.stall()
        with pytest.raises(PyMongoError) as error, pymongo.timeout(0.3):
            await things.find_one()
        assert error.value.timeout
        await line.heal()
        assert 1 == await things.count_documents({})


async def test_a_server_that_is_down_and_up_again(mongo_server: Server, mongo_database: str) -> None:
    """New connections are refused until it heals, and the driver finds the way back."""
    async with (
        Cutting(*mongo_server.address) as line,
        AsyncMongoClient[dict[str, int]](line.through(mongo_database)) as client,
    ):
        things = client.get_default_database().things
        await things.find_one()
        line.refuse()
        line.reset()
        with pytest.raises(ConnectionFailure), pymongo.timeout(0.6):
            await things.find_one()
        await line.heal()
        assert await things.find_one() is None
