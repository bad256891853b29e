"""Active checks: asking each target of an upstream in turn whether it is well, whether it is called or not."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from .._version import __version__
from ..settings.gateway import seconds
from .pool import Pool, Target
from .transport import Call, Transport, TransportError

logger = logging.getLogger("crossbar")

SICK_AFTER = 2
"""Failed checks in a row that make a target sick; one is enough at the start, when nothing good is known of it."""
WELL_AFTER = 1
"""Good checks in a row that make a sick target well."""
USUAL_WITHIN = 2.0
"""Seconds that a check may take if the settings do not say, and the interval is no shorter."""
MOST_BODY = 64 * 1024
"""Bytes of an answer that are read, so that its connection can be kept; a longer one costs a connection."""
AGENT = f"crossbar-health/{__version__}".encode()
"""The `User-Agent` of a check."""

Tell = Callable[[Target, bool, str], None]
"""Is told which target has changed, whether it is well now, and why not."""

_SPAN = r"([0-9]+(?:\.[0-9]+)?(?:ms|s|min|h))"
_CHECK = re.compile(rf"(GET|HEAD) (/[!-\"$-~]*) every {_SPAN}(?: within {_SPAN})?")


@dataclass(frozen=True, slots=True)
class Check:
    """What is asked: the method and the raw path behind the base of a target, how often, and how long it may take."""

    method: str
    path: bytes
    every: float
    within: float

    @classmethod
    def parse(cls, text: str) -> Check:
        """The check in words, `GET /readyz every 5s within 2s`, with or without its end; ValueError if it is none."""
        found = _CHECK.fullmatch(text)
        if found is None:
            raise ValueError(f'{text!r} is no health check: write "GET /readyz every 5s within 2s"')
        every = seconds(found[3])
        within = seconds(found[4]) if found[4] else min(every, USUAL_WITHIN)
        if not 0 < within <= every:
            raise ValueError(f"{text!r}: a check has some time, and at most that until the next one")
        return cls(found[1], found[2].encode(), every, within)


class Checker:
    """Checks the targets of a pool while it is `running`: the pool learns what is found, and `tell` what has changed.

    A status from 200 to 399 within the time is well, and everything else is not.
    """

    def __init__(
        self,
        pool: Pool,
        check: Check,
        transport: Transport,
        tell: Tell,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._pool = pool
        self._check = check
        self._transport = transport
        self._tell = tell
        self._clock = clock
        self._sleep = sleep

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Check all targets at once, and then each of them again and again, until this is left.

        The second checks begin at different times, evenly spread, so that the later ones do as well.
        """
        targets = self._pool.targets
        tasks = [
            asyncio.create_task(
                self._watch(target, self._check.every * place / len(targets)), name=f"check {target.text}"
            )
            for place, target in enumerate(targets, 1)
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _watch(self, target: Target, interval: float) -> None:
        """Check one target for ever; `interval` is the time from its first check to the second."""
        against = SICK_AFTER - 1
        while True:
            begun = self._clock()
            why = await self._ask(target)
            against = 0 if bool(why) == target.sick else against + 1
            if against >= (WELL_AFTER if target.sick else SICK_AFTER):
                against = 0
                self._change(target, why)
            await self._sleep(max(begun + interval - self._clock(), 0.0))
            interval = self._check.every

    def _change(self, target: Target, why: str) -> None:
        """Let the pool know that a target has turned well or sick, and whoever wants to be told."""
        self._pool.found(target, not why, why)
        try:
            self._tell(target, not why, why)
        except Exception:
            logger.exception("nobody could be told how %s is; its checks go on", target.text)

    async def _ask(self, target: Target) -> str:
        """Check a target once: why it is not well, empty if it is."""
        try:
            async with asyncio.timeout(self._check.within):
                status = await self._status(target)
        except TimeoutError:
            return f"no answer within {self._check.within:g} seconds"
        except TransportError as error:
            return str(error) or type(error).__name__
        except Exception as error:
            # NOTE: nothing that goes wrong with one check may end the checking.
            return f"the check crashed: {error!r}"
        return "" if 200 <= status <= 399 else f"it answers {self._check.method} with {status}"

    async def _status(self, target: Target) -> int:
        """The status of an answer that has come in full, or as far as MOST_BODY."""
        fields = ((b"host", target.host_field), (b"user-agent", AGENT))
        answer = await self._transport.request(
            Call(self._check.method, target.origin, target.base + self._check.path, fields)
        )
        try:
            left = MOST_BODY if answer.whole is None else 0
            while left > 0 and (piece := await answer.piece()):
                left -= len(piece)
        finally:
            answer.release()
        return answer.status
