"""The courier: finds what is due and has it carried to its receivers, as long as the server runs.

Deliveries take turns by their host: each host gets only so many attempts at a time, so that a slow one holds up nobody
else, however much waits for it. The courier keeps the hosts for which something may be **waiting**, and looks into the
store for these alone: when it is woken by a write of this process, and when an attempt has ended. Every few seconds it
looks around, for what other processes left and for what is due again. What it finds it claims, and has it carried in
a task of its own.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING

from crossbar import Crossbar, CrossbarError, Document

from .deliveries import Delivery, due_elsewhere, due_to
from .options import WebhookOptions

if TYPE_CHECKING:
    from .carrier import Carrier

logger = logging.getLogger("crossbar.webhooks")

LEASE_SPARE = 20
"""How much longer than an attempt a claim holds, in seconds, for writing down what became of it."""
AROUND = 100
"""How many deliveries are looked at when it looks around, and how often at most, until it knows all hosts."""
AROUND_AGAIN = 10
MOST_HOSTS = 1000
COMPLAINS_EVERY = 60.0
"""Seconds between two lines of the log on a store that is away."""
GRACE = 5.0
"""How long the attempts under way may go on when the server stops."""


class Courier:
    """Takes deliveries out of the store, and sees to it that they are carried."""

    def __init__(self, app: Crossbar, options: WebhookOptions) -> None:
        self._app = app
        self._options = options
        self._awake = asyncio.Event()
        self._under_way: dict[asyncio.Task[None], Delivery] = {}
        self._hosts: Counter[str] = Counter()
        self._waiting: dict[str, None] = {}
        self._around_at = self._complains_at = 0.0
        self._carrier: Carrier | None = None
        self._loading = asyncio.Lock()

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Send what is due, until the block is left; what is under way then may end, or is left to others."""
        looking = asyncio.create_task(self._look_out(), name="webhooks")
        try:
            yield
        finally:
            looking.cancel()
            await asyncio.wait({looking})
            await self._wind_up()

    def wake(self, hosts: Iterable[str] = ()) -> None:
        """Look at once what is due to these hosts; without any, look around."""
        for host in hosts:
            if len(self._waiting) < MOST_HOSTS:
                self._waiting.setdefault(host)
        if not hosts:
            self._around_at = 0.0
        self._awake.set()

    # Finding work.

    async def _look_out(self) -> None:
        clock = asyncio.get_running_loop().time
        # NOTE: not at once. A server with several workers starts one for a moment, to see whether it can.
        self._around_at = clock() + self._options.poll
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout_at(self._around_at):
                    await self._awake.wait()
            self._awake.clear()
            try:
                if around := clock() >= self._around_at:
                    self._around_at = clock() + self._options.poll
                    await self._look_around()
                while await self._look():
                    pass
                if around and self._complains_at:
                    self._complains_at = 0.0
                    logger.info("deliveries go on")
            except CrossbarError as error:
                self._complain(error, clock())
            except Exception:
                logger.exception("the courier stumbled, and goes on")

    def _complain(self, error: CrossbarError, now: float) -> None:
        """Log once a minute why nothing is delivered."""
        if now >= self._complains_at:
            self._complains_at = now + COMPLAINS_EVERY
            logger.warning("deliveries have to wait: %s", error)

    async def _look_around(self) -> None:
        """Find hosts for which something is due, beside those that are known to have something waiting."""
        for _ in range(AROUND_AGAIN):
            found = await self._app.store.find(due_elsewhere(self._waiting, self._now(), AROUND))
            for document in found:
                self._waiting.setdefault(Delivery.read(document).host)
            if len(found) < AROUND or len(self._waiting) >= MOST_HOSTS:
                return

    async def _look(self) -> bool:
        """Claim what there is room for; whether anything was claimed, so that there may be more."""
        found: list[Delivery] = []
        try:
            async for delivery in self._find():
                self._hosts[delivery.host] += 1
                found.append(delivery)
        finally:
            claimed = await asyncio.gather(*map(self._claim, found))
        return any(claimed)

    async def _find(self) -> AsyncIterator[Delivery]:
        """What is due and may be sent now, at the hosts that have something waiting."""
        options = self._options
        for host in list(self._waiting):
            free = options.concurrency - self._hosts.total()
            room = min(free, options.per_host - self._hosts[host])
            if room <= 0:
                continue
            # NOTE: taken out before the store is asked, so that who wakes us meanwhile puts it back.
            del self._waiting[host]
            found = await self._app.store.find(due_to(host, self._now(), room))
            if len(found) == room:
                self._waiting.setdefault(host)
            for document in found:
                yield Delivery.read(document)

    async def _claim(self, delivery: Delivery) -> bool:
        """Move a delivery to the end of a lease, which only one can do, and have it carried; whether it could be."""
        until = self._now() + self._options.timeout + LEASE_SPARE
        claimed: Document | None = None
        try:
            _, claimed = await self._app.store.write(delivery.moved(until))
        except CrossbarError:
            # Somebody else was faster. If it is the store that is away, the next look says so.
            return False
        finally:
            if claimed is None:
                self._release(delivery.host)
        assert claimed is not None
        mine = Delivery.read(claimed)
        task = asyncio.create_task(self._carry(mine), name=f"webhook delivery {mine.id}")
        self._under_way[task] = mine
        task.add_done_callback(self._ended)
        return True

    async def _carry(self, delivery: Delivery) -> None:
        try:
            async with self._loading:
                if self._carrier is None:
                    # PERF: it takes a fifth of a second to load the HTTP client: in a thread, so that requests are
                    # answered meanwhile, and with the first delivery, so that a server which has none never does.
                    self._carrier = (await asyncio.to_thread(_loaded))(self._app, self._options)
        except Exception:
            logger.exception("deliveries have to wait: what carries them cannot be loaded")
            return
        await self._carrier.carry(delivery)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._release(self._under_way.pop(task).host)
        if self._waiting:
            self._awake.set()

    def _release(self, host: str) -> None:
        self._hosts[host] -= 1
        if not self._hosts[host]:
            del self._hosts[host]

    # The end.

    async def _wind_up(self) -> None:
        """Let what is under way end for a moment; what has not ended is cancelled and is due again at once."""
        try:
            if self._under_way:
                await asyncio.wait(self._under_way, timeout=GRACE)
            left = dict(self._under_way)
            for task in left:
                task.cancel()
            if left:
                await asyncio.wait(left)
            for delivery in left.values():
                # It may just have been written what became of it.
                with suppress(CrossbarError):
                    await self._app.store.write(delivery.moved(self._now()))
        finally:
            if self._carrier is not None:
                await self._carrier.close()

    def _now(self) -> int:
        return int(self._app.clock())


def _loaded() -> type[Carrier]:
    from .carrier import Carrier

    return Carrier
