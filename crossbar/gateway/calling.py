"""One call of an upstream while it is under way: who is called, how it goes, and what a failure becomes."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from ..errors import Refusal, TimedOut
from .guard import TOTAL, Guard, Overdue
from .pool import Target
from .refusals import BadGateway
from .transport import Answer, Broken, NotConnected, NotInTime, TransportError
from .transport import Fields as Raw

if TYPE_CHECKING:
    from ..context import Context
    from .matched import Matched
    from .upstreams import Service

logger = logging.getLogger("crossbar")

SICK = frozenset({502, 503, 504})
"""Statuses that say of a target that it is not well, and not that something is wrong with a request."""
_TOLD = {"connect": "cannot be reached", "reset": "ended without an answer", "garbled": "gave no proper answer"}


class Room:
    """How many bytes of bodies may be in memory together, at `most`, and how many of them are `left`."""

    __slots__ = ("left", "most")

    def __init__(self, most: int) -> None:
        self.most = self.left = most

    def take(self, size: int) -> bool:
        """Take so many bytes; False if there were not so many."""
        self.left -= size
        return self.left >= 0

    def give_back(self, pieces: list[bytes]) -> None:
        """Let go of bytes that were taken."""
        self.left += sum(map(len, pieces))
        # NOTE: the error that follows remembers where it was raised, and with that place all that was known there.
        pieces.clear()


class Calling:
    """A call with all its tries: its guard, the target of the moment, and the books that are kept of it.

    It keeps its service open until `end`, and counts as a call under way from `enter` on.
    """

    def __init__(self, ctx: Context, matched: Matched, service: Service, guard: Guard) -> None:
        self.ctx = ctx
        self.matched = matched
        self.service = service
        self.guard = guard
        self.informs = "http.response.early_hint" in ctx.scope.get("extensions", ())
        self._answer: Answer | None = None
        self._target: Target | None = None
        self._began = 0.0
        self._again = self._ended = self._entered = False
        service.begin()

    @property
    def answer(self) -> Answer:
        """The answer; only to be asked for when there is one."""
        assert self._answer is not None, "the relay has an answer, or raises"
        return self._answer

    def enter(self) -> None:
        """Count as a call that is under way."""
        self._entered = True
        self.service.active += 1

    def begin(self, target: Target) -> None:
        """A target was chosen, which is called now."""
        self._target = target
        target.active += 1
        matched = self.matched
        matched.tries += 1
        matched.target = target.text
        self._began = time.perf_counter()

    def failed(self, told: str, why: str, *, blamed: bool = True) -> None:
        """The try came to nothing, as `told` to whoever operates the gateway; unless `blamed`, not for the target."""
        target = self._target
        assert target is not None, "what fails has begun"
        if blamed:
            self.service.pool.failed(target, told)
        self._count(0, why)
        self._leave()

    def answered(self, answer: Answer) -> None:
        """The head of a response is there."""
        self._answer = answer
        self.judge(answer.status)
        self._count(answer.status, "")
        self._settle()

    def judge(self, status: int) -> None:
        """Note what a status says of the target."""
        target = self._target
        assert target is not None, "what answers was called"
        if status in SICK:
            self.service.pool.failed(target, f"it answered {status}")
        else:
            self.service.pool.succeeded(target)

    def opened(self, status: int) -> None:
        """A handshake was answered, with 101 or a refusal."""
        self.judge(status)
        self._count(status, "")

    def broke(self, error: TransportError | Overdue) -> None:
        """The response broke off behind its head."""
        if self._target is not None and str(error) != TOTAL:
            self.service.pool.failed(self._target, f"its response broke off: {self.told(error)}")

    def again(self) -> None:
        """Another try follows, which counts against the budget until it is answered or has failed."""
        self._again = True
        self.service.budget.begin()
        if self.ctx.app.metrics is not None:
            self.ctx.app.metrics.retried(self.service.name)

    def put_away(self) -> None:
        """Let go of an answer that is not passed on."""
        if self._answer is not None:
            self._answer.release()
            self._answer = None
        self._leave()

    async def informed(self, status: int, fields: Raw) -> None:
        """Pass on the links of an early hint (RFC 8297); no other interim response means anything to a client."""
        links = [value for name, value in fields if name == b"link"]
        if status == 103 and links:
            await self.ctx.send({"type": "http.response.early_hint", "links": links})

    async def collected(self, room: Room) -> bytes:
        """All of the body, as far as there is room; a refusal if there is more, or no proper end of it."""
        answer = self.answer
        pieces = [answer.whole or b""]
        size = len(pieces[0])
        # NOTE: what says that it is too long takes no room from the others that are read at the same time.
        fits = room.take(size) and (answer.length or 0) <= room.left + size
        try:
            while answer.whole is None and fits:
                self.guard.within(self.matched.route.times.idle, "idle")
                piece: bytes = await self.guard.call(answer.piece())
                if not piece:
                    break
                pieces.append(piece)
                fits = room.take(len(piece))
        except (TransportError, Overdue) as error:
            room.give_back(pieces)
            self.broke(error)
            raise self.refusal(error) from None
        if not fits:
            room.give_back(pieces)
            raise self.garbled(f"more than {room.most} bytes, which were to be opened")
        return b"".join(pieces)

    def refusal(self, error: TransportError | Overdue) -> Refusal:
        """What a client is told of a failure; the log hears where and why."""
        name = self.service.name
        self._warn(self.told(error))
        if isinstance(error, NotInTime):
            return TimedOut(f"the service {name!r} took too long to connect", word="upstream_timeout")
        if isinstance(error, Overdue):
            return TimedOut(f"the service {name!r} did not answer in time", word="upstream_timeout")
        why = word_of(error)
        return BadGateway(f"the service {name!r} {_TOLD[why]}", word=f"upstream_{why}")

    def garbled(self, why: str) -> BadGateway:
        """The refusal of a response that cannot be passed on; the log hears why."""
        self._warn(why)
        return BadGateway(f"the service {self.service.name!r} gave no proper answer", word="upstream_garbled")

    def told(self, error: TransportError | Overdue) -> str:
        """What whoever operates the gateway is told of a failure; a time limit is told with its setting and value."""
        if not isinstance(error, Overdue):
            return str(error)
        return f"timeout.{error} of {getattr(self.matched.route.times, str(error)):g} s is over"

    async def end(self) -> None:
        """Let go of everything; a second call does nothing."""
        if self._ended:
            return
        self._ended = True
        if self._entered:
            self.service.active -= 1
        self.guard.end()
        if self._answer is not None:
            self._answer.release()
        elif self._target is not None and not self.matched.seconds:
            self.matched.seconds = time.perf_counter() - self._began
        self._leave()
        await self.service.end()

    def _warn(self, why: str) -> None:
        service, target = self.service.name, self.matched.target
        logger.warning("upstream %s, %s: %s (request %s)", service, target, why, self.ctx.request_id)

    def _count(self, status: int, error: str) -> None:
        self.matched.seconds = seconds = time.perf_counter() - self._began
        metrics = self.ctx.app.metrics
        if metrics is not None:
            metrics.called(self.service.name, status, error, seconds)

    def _settle(self) -> None:
        if self._again:
            self._again = False
            self.service.budget.end()

    def _leave(self) -> None:
        self._settle()
        if self._target is not None:
            self._target.active -= 1
            self._target = None


def word_of(error: TransportError) -> str:
    """What a failure is called in `retry`, in metrics and in reasons."""
    if isinstance(error, NotConnected):
        return "connect"
    return "reset" if isinstance(error, Broken) else "garbled"


def leaving(ctx: Context) -> str:
    """Why a client gets no more of an answer: `client_gone`, or `stopped` if it is this server that goes."""
    return "stopped" if ctx.app.draining else "client_gone"
