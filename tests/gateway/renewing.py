"""Applications whose gateway is renewed, in front of upstreams that only exist in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import msgspec
import pytest
from msgspec.structs import replace

from crossbar import Crossbar
from crossbar.gateway import upstreams
from crossbar.gateway.keeping import Keeper
from crossbar.gateway.transport import Answer, Broken, Call, Socket
from crossbar.gateway.upstreams import Service
from crossbar.settings import Settings
from crossbar.testing import make_app

from .asking import scope_of

QUIET: dict[str, Any] = {"auth": {"hash_memory": 8}, "rate": {"enabled": False}, "metrics": {"enabled": False}}


class Said:
    """An answer that says which upstream it is of; with `held`, its body does not end before that is set."""

    status = 200

    def __init__(self, text: bytes, held: asyncio.Event | None) -> None:
        self.fields = [(b"content-type", b"text/plain")]
        self.length: int | None = None if held is not None else len(text)
        self.whole: bytes | None = None if held is not None else text
        self._text, self._held = [text], held

    async def piece(self) -> bytes:
        """The text, and then the end, when it may be."""
        if self._text:
            return self._text.pop()
        assert self._held is not None
        await self._held.wait()
        return b""

    def release(self) -> None:
        """Nothing is to be done."""


class Line:
    """A transport that tells how often it was opened and closed, and answers with the host of its target.

    `fault` is raised when it is opened; `held` holds the bodies of its answers back; the origins in `sick` break.
    """

    def __init__(self, fault: Exception | None, sick: set[str]) -> None:
        self.opened = self.closed = self.asked = 0
        self.fault = fault
        self.held: asyncio.Event | None = None
        self.sick = sick

    async def open(self) -> None:
        """Count, and let others run."""
        await asyncio.sleep(0)
        if self.fault is not None:
            raise self.fault
        self.opened += 1

    async def close(self) -> None:
        """Count, and let others run."""
        await asyncio.sleep(0)
        self.closed += 1

    async def request(self, call: Call) -> Answer:
        """Answer, if it is open, and the target is not sick."""
        self.asked += 1
        if self.opened != self.closed + 1 or call.origin in self.sick:
            raise Broken("it is closed")
        return Said(call.origin.removeprefix("http://").encode(), self.held)

    async def websocket(self, call: Call, subprotocols: Sequence[str], most: int) -> Socket:
        """Nobody opens one here."""
        raise NotImplementedError


class Lines:
    """All transports that were made, in their order; `faults` and `sick` are for the next ones."""

    def __init__(self) -> None:
        self.made: list[Line] = []
        self.faults: list[Exception | None] = []
        self.sick: set[str] = set()

    def make(self, *_: object) -> Line:
        """A new one."""
        self.made.append(Line(self.faults.pop(0) if self.faults else None, self.sick))
        return self.made[-1]

    @property
    def counts(self) -> list[tuple[int, int]]:
        """How often each was opened and closed, of those that ever were."""
        return [(each.opened, each.closed) for each in self.made if each.opened]


def watched(monkeypatch: pytest.MonkeyPatch) -> Lines:
    """Have every upstream use such a transport."""
    lines = Lines()
    monkeypatch.setattr(upstreams, "_transport", lines.make)
    return lines


def route(path: str, to: str, **more: Any) -> dict[str, Any]:
    """A plain route that is open to everybody, or a noun."""
    return {"path": path, "to": to, "auth": "crossbar" if path.startswith("/v2/") else "none"} | more


def tables(*routes: dict[str, Any], **services: dict[str, Any] | str) -> dict[str, Any]:
    """The tables of a gateway: upstreams by their names, each with its settings, or the URL of its only target."""
    said = {name: {"targets": [each]} if isinstance(each, str) else each for name, each in services.items()}
    return {"upstream": said, "route": [*routes]}


def said(*routes: dict[str, Any], **services: dict[str, Any] | str) -> Settings:
    """Settings with such a gateway."""
    return msgspec.convert(QUIET | tables(*routes, **services), Settings)


def simple(upstream: dict[str, Any] | str, **more: Any) -> Settings:
    """Settings with one upstream, and a route to it."""
    return replace(said(route("/x/**", "up"), up=upstream), **more)


def keeper(app: Crossbar) -> Keeper:
    """The keeper of an application that has a gateway."""
    assert app.gateway is not None
    return app.gateway


def service(app: Crossbar, name: str = "up") -> Service:
    """An upstream of an application."""
    return keeper(app).current.services[name]


class Told(NamedTuple):
    """What an application sent."""

    status: int
    body: bytes


async def ask(app: Any, path: str, method: str = "GET", headers: Mapping[str, str] | None = None) -> Told:
    """The answer to a request whose client stays to the end."""
    coming = [{"type": "http.request", "body": b"", "more_body": False}]
    sent: list[Any] = []

    async def receive() -> Any:
        if not coming:
            await asyncio.Event().wait()
        return coming.pop()

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope_of(method, path, dict(headers or {})), receive, send)
    start, *pieces = sent
    assert not pieces[-1].get("more_body"), "it has no end"
    return Told(start["status"], b"".join(piece["body"] for piece in pieces))


async def until(holds: Callable[[], bool]) -> None:
    """Let others run until something holds."""
    async with asyncio.timeout(20):
        while not holds():  # noqa: ASYNC110  # not all of it is told by an event
            await asyncio.sleep(0)


@asynccontextmanager
async def started(settings: Settings | None = None, **options: Any) -> AsyncIterator[Crossbar]:
    """An application that runs; no task of it is left in the end."""
    before = asyncio.all_tasks()
    app = make_app(settings or msgspec.convert(QUIET, Settings), **options)
    async with app.lifespan():
        yield app
    await asyncio.sleep(0)
    assert not [task for task in asyncio.all_tasks() - before if not task.done()]
