"""Names that lead where nothing may be sent, and name servers that do not answer."""

from __future__ import annotations

import socket
import threading
from typing import Any

import pytest

from crossbar.stores.sqlite import SqliteStore
from tests.clocks import pass_by

from .tools import Clock, Receiver, at_home, restarted


class Names:
    """A name server that says what it is told to, and counts how often it is asked."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses
        self.asked: list[str] = []

    def __call__(self, host: str, port: int, *args: Any, **options: Any) -> list[Any]:
        """Answer as `getaddrinfo` does; the last answer for ever."""
        self.asked.append(host)
        given = self.addresses[min(len(self.asked), len(self.addresses)) - 1]
        found = []
        for address in given.split():
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            found.append((family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, port)))
        return found


@pytest.mark.parametrize("given", ["127.0.0.1", "::1 127.0.0.1", "::ffff:127.0.0.1", "169.254.169.254", "10.0.0.1"])
async def test_a_name_for_an_address_that_is_not_public(
    clock: Clock, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    """A harmless name that leads to this machine or its network is found out when it is connected to."""
    names = Names(given)
    async with at_home(clock=clock, allow_private=False) as home:
        monkeypatch.setattr(socket, "getaddrinfo", names)
        hook = await home.hook(receiver, uri=f"http://hooks.example.com:{receiver.port}/hook", retries=0)
        await home.device()
        [made] = await home.settled(1, hook)
        assert ("failure", "refused address") == (made["result"], made["reason"])
        assert "allow_private" in made["client_error"]
        assert ([], ["hooks.example.com"]) == (receiver.received, names.asked)


async def test_a_name_that_changes_its_mind(clock: Clock, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name is looked up once for an attempt, and the address that was checked is the one that is connected to."""
    # The first answer is allowed and has nobody listening; every later one would lead to the receiver.
    with socket.socket() as taken:
        taken.bind(("127.0.0.2", 0))
        names = Names("127.0.0.2", "127.0.0.1")
        async with at_home(clock=clock) as home:
            monkeypatch.setattr(socket, "getaddrinfo", names)
            await home.hook(receiver, uri=f"http://hooks.example.com:{taken.getsockname()[1]}/hook", retries=0)
            await home.device()
            [made] = await home.settled(1)
            assert ("no connection", 1) == (made["reason"], len(names.asked))


async def test_a_literal_that_was_allowed_before(clock: Clock, receiver: Receiver, tmp_path: Any) -> None:
    """A webhook that was made while private addresses were allowed gets nothing once they are not."""
    path = tmp_path / "store.db"
    async with at_home(SqliteStore(path, clock=clock), clock) as home:
        hook = await home.hook(receiver, retries=0)
    async with restarted(SqliteStore(path, clock=clock), clock, allow_private=False) as home:
        await home.device()
        [made] = await home.settled(1, hook)
        assert ("refused address", []) == (made["reason"], receiver.received)


async def test_a_name_server_that_hangs(clock: Clock, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names that nobody can look up in time fail in time, and other receivers and requests do not wait for them."""
    real = socket.getaddrinfo
    over = threading.Event()

    def slow(host: Any, *args: Any, **options: Any) -> Any:
        if str(host).endswith(".example.com"):
            over.wait(30)
            raise OSError("too late")
        return real(host, *args, **options)

    async with at_home(clock=clock, timeout=15, connect_timeout=15, concurrency=64, per_host=8) as home:
        monkeypatch.setattr(socket, "getaddrinfo", slow)
        for number in range(12):
            await home.hook(receiver, uri=f"http://hooks{number}.example.com/", retries=0)
        good = await home.hook(receiver, uri=f"http://localhost:{receiver.port}/")
        await home.device()
        await home.settled(1, good)
        assert (1, True) == (len(receiver.received), bool(await home.outstanding()))
        pass_by(15)
        made = await home.settled(13)
        assert 12 == [each.get("reason") for each in made].count("timeout")
        over.set()
