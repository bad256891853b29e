"""How much of a merge may be in memory: 8 MiB for all of its parts together."""

from __future__ import annotations

import pytest

from crossbar.gateway.calling import Room
from crossbar.gateway.passage import MOST_OPENED

from .gateways import A, chunked, gateway
from .misbehaving import Peer, scripted
from .test_merging import JSON, PATH, merging

PIECE = b"1" * 65_536


async def _sized(peer: Peer) -> None:
    """Answer `/N` with a JSON of N bytes, in chunks; `/long` announces too much, and sends nothing of it."""
    while True:
        head, _ = await peer.request()
        name = head.split(b" ")[1][1:]
        if name == b"long":
            await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % (MOST_OPENED + 1))
            await peer.gone()
            return
        size = int(name)
        await peer.send(chunked(b'"', *[PIECE] * (size // len(PIECE)), b'"', fields=(JSON,)))


@pytest.mark.parametrize(
    ("parts", "missing"),
    [
        pytest.param((5_000_000, 5_000_000), 1, id="two that are too much together"),
        pytest.param((5_000_000, 5_000_000, 5_000_000), 2, id="three of which one has room"),
        pytest.param((2_000_000, 2_000_000, 2_000_000), 0, id="three that have room"),
    ],
)
async def test_all_parts_share_the_room(parts: tuple[int, ...], missing: int) -> None:
    """Those that do not fit are missing, and what they have taken is there for the others again."""
    rule = merging(**{f"part{number}": f"up:/{size}" for number, size in enumerate(parts)})
    async with scripted(_sized) as port, gateway(rule, up=port) as served:
        answer = await served.ask(f"GET {PATH}", account=A)
        data = answer.json["data"]
        assert (200, missing) == (answer.status, len(data.get("incomplete", ())))
        assert len(parts) - missing == sum(name.startswith("part") for name in data)


async def test_one_that_fails_with_the_reason() -> None:
    """It is `upstream_garbled`, as of a part that is too long on its own."""
    rule = merging(missing="fail", one="up:/5000000", two="up:/5000000")
    async with scripted(_sized) as port, gateway(rule, up=port) as served:
        answer = await served.ask(f"GET {PATH}", account=A)
        assert (502, "upstream_garbled") == (answer.status, (await served.line_of(answer))["reason"])


async def test_one_that_says_that_it_is_too_long_takes_no_room() -> None:
    """It is missing before anything of it is read, and the others are there."""
    rule = merging(long="up:/long", one="up:/5000000")
    async with scripted(_sized) as port, gateway(rule, up=port) as served:
        answer = await served.ask(f"GET {PATH}", account=A)
        assert ["long"] == answer.json["data"]["incomplete"]


def test_what_is_given_back_is_free_again() -> None:
    """And it is in nobody's memory any more, whoever remembers the list."""
    room = Room(10)
    pieces = [b"1234", b"567"]
    assert [True, True, False] == [room.take(4), room.take(3), room.take(4)]
    room.left += 4
    room.give_back(pieces)
    assert (10, []) == (room.left, pieces)
