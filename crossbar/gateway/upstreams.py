"""One upstream while the gateway runs: its pool of targets, the transport to them, and what bounds its calls."""

from __future__ import annotations

import logging
import random
import ssl
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

from ..settings import Upstream
from ..settings.gateway import seconds, size
from .checks import Check, Checker
from .identity import SignedIdentity
from .pool import Ejection, Pool, Target
from .retries import Retry, RetryBudget
from .transport import Transport

logger = logging.getLogger("crossbar")


class Service:
    """An upstream as the settings describe it. ValueError, in one sentence, for what is wrong with them.

    It is opened once and used by requests until it is retired: when the last of them is done with it, it is closed.
    """

    def __init__(self, name: str, settings: Upstream, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.name = name
        self.settings = settings
        self.timeout = settings.timeout
        self.targets = tuple(map(Target.parse, settings.targets))
        if len({target.text for target in self.targets}) < len(self.targets):
            raise ValueError("targets: the same target stands there twice; give it a weight instead")
        self.pool = Pool(self.targets, Ejection.parse(settings.eject), clock, random.Random())  # noqa: S311
        self.retry = Retry.parse(settings.retry)
        self.budget = RetryBudget()
        self.check = Check.parse(settings.health) if settings.health else None
        self.tls = tls_of(settings) if any(target.secure for target in self.targets) else None
        self.signer: SignedIdentity | None = None
        if settings.identity == "signed":
            try:
                self.signer = SignedIdentity(settings.secret.encode(), name)
            except ValueError as error:
                raise ValueError(f"secret: {error}") from None
        self.active = 0
        self.transport: Transport = _transport(settings, self.tls)
        self._opened: AsyncExitStack | None = None
        self._retired = False

    async def open(self) -> None:
        """Make the connections possible, and begin to check the targets."""
        if self._opened is not None:
            return
        async with AsyncExitStack() as opening:
            await self.transport.open()
            opening.push_async_callback(self.transport.close)
            if self.check is not None:
                checker = Checker(self.pool, self.check, self.transport, self._tell)
                await opening.enter_async_context(checker.running())
            self._opened = opening.pop_all()

    async def close(self) -> None:
        """Close all connections."""
        opened, self._opened = self._opened, None
        if opened is not None:
            await opened.aclose()

    async def retire(self) -> None:
        """Close it as soon as no request uses it any more; no new one does."""
        self._retired = True
        if not self.active:
            await self.close()

    def begin(self) -> None:
        """Count a call that is under way."""
        self.active += 1

    async def end(self) -> None:
        """Count it no more; the last one of a retired upstream closes it."""
        self.active -= 1
        if self._retired and not self.active:
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


def tls_of(settings: Upstream) -> ssl.SSLContext:
    """How targets with https are known, and as whom they are called; ValueError for files that cannot be used."""
    tls = settings.tls
    try:
        context = ssl.create_default_context(cafile=tls.ca or None)
    except OSError as error:
        raise ValueError(f"tls.ca: cannot use {tls.ca}: {error.strerror or error}") from None
    if tls.cert:
        try:
            context.load_cert_chain(tls.cert, tls.key or None)
        except OSError as error:
            raise ValueError(f"tls.cert: cannot use {tls.cert}: {error.strerror or error}") from None
    return context


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
