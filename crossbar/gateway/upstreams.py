"""One upstream while the gateway runs: its pool of targets, the transport to them, and what bounds its calls."""

from __future__ import annotations

import logging
import os
import random
import ssl
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial
from typing import Any, TypeVar

from ..errors import SettingsError
from ..settings import Upstream
from ..settings.gateway import seconds, size
from .checks import Check, Checker
from .identity import SignedIdentity
from .pool import Ejection, Pool, Target
from .retries import Retry, RetryBudget
from .transport import Transport

logger = logging.getLogger("crossbar")

T = TypeVar("T")


class Service:
    """An upstream as the settings describe it. SettingsError with all that is wrong, each fault with the key below it.

    It is opened once and used by requests until it is retired: when the last of them is done with it, it is closed.
    `held` counts those that use it, `active` the calls that are under way to a target, and `sockets` WebSockets.
    """

    def __init__(self, name: str, settings: Upstream, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.name = name
        self.settings = settings
        self.timeout = settings.timeout
        made = _Made()
        targets = [made.of("targets", partial(Target.parse, text)) for text in settings.targets]
        ejection = made.of("eject", partial(Ejection.parse, settings.eject))
        retry = made.of("retry", partial(Retry.parse, settings.retry))
        self.check = made.of("health", partial(Check.parse, settings.health)) if settings.health else None
        self.stamp = stamp_of(settings)
        secure = any(target is not None and target.secure for target in targets)
        self.tls = made.of("tls", partial(tls_of, settings)) if secure else None
        signs = settings.identity == "signed"
        self.signer = made.of("secret", partial(SignedIdentity, settings.secret.encode(), name)) if signs else None
        self.targets = tuple(target for target in targets if target is not None)
        pool = None
        if ejection is not None and len(self.targets) == len(targets):
            chance = random.Random()  # noqa: S311
            pool = made.of("targets", partial(Pool, self.targets, ejection, clock, chance))
        if made.faults or pool is None or retry is None:
            raise SettingsError(made.faults)
        self.pool, self.retry = pool, retry
        self.budget = RetryBudget()
        self.held = self.active = self.sockets = 0
        self.transport: Transport = _transport(settings, self.tls)
        self._opened: AsyncExitStack | None = None
        self._checking: AsyncExitStack | None = None
        self._retired = False

    def is_as(self, settings: Upstream) -> bool:
        """Whether it is what settings describe, with files that are what they were."""
        return self.settings == settings and self.stamp == stamp_of(settings)

    async def open(self) -> None:
        """Make the connections possible, and begin to check the targets."""
        if self._opened is not None:
            return
        async with AsyncExitStack() as opening:
            await self.transport.open()
            opening.push_async_callback(self.transport.close)
            if self.check is not None:
                checker = Checker(self.pool, self.check, self.transport, self._tell)
                checking = AsyncExitStack()
                await checking.enter_async_context(checker.running())
                self._checking = checking
            self._opened = opening.pop_all()

    async def close(self) -> None:
        """Check no more, and close all connections."""
        await self.leave_unchecked()
        opened, self._opened = self._opened, None
        if opened is not None:
            await opened.aclose()

    async def retire(self) -> None:
        """Check it no more, and close it as soon as no request uses it any more; no new one does."""
        self._retired = True
        await self.leave_unchecked()
        if not self.held:
            await self.close()

    async def leave_unchecked(self) -> None:
        """Check the targets no more; they stay as they are, for the requests that still use it."""
        checking, self._checking = self._checking, None
        if checking is not None:
            await checking.aclose()

    def begin(self) -> None:
        """Count a request that uses it."""
        self.held += 1

    async def end(self) -> None:
        """Count it no more; the last one of a retired upstream closes it."""
        self.held -= 1
        if self._retired and not self.held:
            await self.close()

    @property
    def retired(self) -> bool:
        """Whether another one has taken its place."""
        return self._retired

    def states(self) -> list[dict[str, Any]]:
        """What is known of the targets, for whoever operates the gateway."""
        return self.pool.states()

    def _tell(self, target: Target, well: bool, why: str) -> None:
        if well:
            logger.info("upstream %s: %s is well again", self.name, target.text)
        else:
            logger.warning("upstream %s: %s is sick: %s", self.name, target.text, why)


def stamp_of(settings: Upstream) -> tuple[tuple[int, int], ...]:
    """What changes when somebody puts other certificates or keys into the files of an upstream."""
    found = []
    for path in (settings.tls.ca, settings.tls.cert, settings.tls.key):
        try:
            told = os.stat(path) if path else None
        except OSError:
            told = None
        found.append((told.st_mtime_ns, told.st_ino) if told is not None else (0, 0))
    return tuple(found)


def tls_of(settings: Upstream) -> ssl.SSLContext:
    """How targets with https are known, and as whom they are called; ValueError for files that cannot be used."""
    tls = settings.tls
    try:
        context = ssl.create_default_context(cafile=tls.ca or None)
    except OSError as error:
        raise ValueError(f"ca: cannot use {tls.ca}: {_told(error)}") from None
    if tls.key and not tls.cert:
        raise ValueError("key: without a cert there is nothing that it belongs to")
    if tls.cert:
        try:
            # NOTE: without a password of ours, the library would ask whoever sits at the terminal for one.
            context.load_cert_chain(tls.cert, tls.key or None, password=lambda: "")
        except OSError as error:
            raise ValueError(f"cert: cannot use {tls.cert}: {_told(error)}") from None
    return context


def _told(error: OSError) -> str:
    """Why a file cannot be used."""
    if isinstance(error, ssl.SSLError):
        return (error.reason or "it is no PEM").replace("_", " ").lower()
    return error.strerror or str(error)


class _Made:
    """What is made of the settings of an upstream, and what is wrong with them."""

    def __init__(self) -> None:
        self.faults: list[str] = []

    def of(self, key: str, make: Callable[[], T]) -> T | None:
        """What is made of one setting, None if it cannot be."""
        try:
            return make()
        except ValueError as error:
            self.faults.append(f"{key}{'.' if key == 'tls' else ': '}{error}")
            return None


def _transport(settings: Upstream, tls: ssl.SSLContext | None) -> Transport:
    # PERF: the library is imported only where there is an upstream.
    from .aiohttp_transport import AiohttpTransport

    return AiohttpTransport(
        connect=seconds(settings.timeout.connect),
        keep=seconds(settings.keep),
        dns=seconds(settings.dns),
        head=size(settings.head),
        ssl=tls,
        server_name=settings.tls.name or None,
    )
