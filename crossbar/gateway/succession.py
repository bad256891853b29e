"""From one gateway to the next: what it hands on, and when the rest of it is closed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable, Iterator
from typing import NamedTuple

from ..registry import Registry
from .assembly import Gateway
from .providers import Source
from .upstreams import Service

logger = logging.getLogger("crossbar")


class _Leaving(NamedTuple):
    gateway: Gateway
    registries: tuple[Registry, ...]


class Predecessors:
    """The gateways that are not in force any more, as long as requests are under way that began with them.

    NOTE: a request that is still asked who it is, or for its body, is counted by no upstream yet; its registry counts
    it from beginning to end.
    """

    def __init__(self) -> None:
        self._leaving: list[_Leaving] = []
        self._current: Gateway | None = None
        self._closing: set[asyncio.Task[None]] = set()

    def leave(self, before: Gateway, carriers: Iterable[Registry], current: Gateway) -> None:
        """Let a gateway go, whose requests have these registries; `current` has taken its place."""
        self._current = current
        # NOTE: a stream may go on for hours, and needs connections for that, but nobody's health.
        parted = [each for name, each in before.services.items() if current.services.get(name) is not each]
        self._begin(_leave_unchecked(parted))
        busy = tuple(registry for registry in carriers if registry.active)
        self._leaving.append(_Leaving(before, busy))
        for registry in busy:
            registry.retired = _both(registry.retired, self._settle)
        self._settle()

    async def closed(self) -> None:
        """Wait until all is closed that nobody uses any more."""
        if self._closing:
            await asyncio.wait(self._closing)

    async def close(self) -> None:
        """Close all of them, used or not."""
        leaving, self._leaving = self._leaving, []
        for each in leaving:
            await each.gateway.close()
        await self.closed()

    def _settle(self) -> None:
        left: list[_Leaving] = []
        gone: list[_Leaving] = []
        for each in self._leaving:
            (left if any(registry.active for registry in each.registries) else gone).append(each)
        self._leaving = left
        staying = [each.gateway for each in left] + ([] if self._current is None else [self._current])
        used = {id(part) for gateway in staying for part in _parts(gateway)}
        unused = {id(part): part for each in gone for part in _parts(each.gateway) if id(part) not in used}
        if unused:
            self._begin(_close([*unused.values()]))

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        closing = asyncio.create_task(work)
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)


def hand_on(before: Gateway, made: Gateway) -> None:
    """Let the targets of upstreams that were changed be as well as they were: other settings tell nothing of that."""
    for name, service in made.services.items():
        old = before.services.get(name)
        if old is not None and old is not service:
            _hand_on(old, service)


def _hand_on(before: Service, service: Service) -> None:
    known = {(target.origin, target.base): target for target in before.targets}
    for target in service.targets:
        old = known.get((target.origin, target.base))
        if old is None:
            continue
        if old.sick or old.until:
            # NOTE: this tells the pool that a target of it may be out of order; what is wrong with it follows.
            service.pool.found(target, False)
        # What nobody checks any more could not turn well again, nor does an ejection end that is not to be.
        target.sick = old.sick and service.check is not None
        target.until, target.row = (old.until, old.row) if service.pool.ejection.failures else (0.0, 0)
        target.failures, target.recent, target.why = old.failures, old.recent.copy(), old.why


def _parts(gateway: Gateway) -> Iterator[Service | Source]:
    """Its upstreams and providers."""
    yield from gateway.services.values()
    yield from gateway.sources.values()


async def _leave_unchecked(services: Iterable[Service]) -> None:
    """End the checks of upstreams that no new request uses."""
    for service in services:
        await service.leave_unchecked()


async def _close(parts: Iterable[Service | Source]) -> None:
    """Close upstreams and providers that nobody uses any more, each for itself."""
    for part in parts:
        try:
            await (part.retire() if isinstance(part, Service) else part.close())
        except Exception:
            logger.exception("%s, which is not used any more, was not closed in order", part.name)


def _both(first: Callable[[], None] | None, second: Callable[[], None]) -> Callable[[], None]:
    """One call for two."""

    def call() -> None:
        if first is not None:
            first()
        second()

    return call
