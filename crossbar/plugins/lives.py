"""The lifespans of endpoints: those that run, and those that requests under way still need."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from ..endpoint import Endpoint
from ..errors import PluginError
from .found import Found
from .lifetime import Lifetime

if TYPE_CHECKING:
    from ..app import Crossbar
    from ..registry import Registry


class _Life(NamedTuple):
    endpoint: Endpoint
    lifetime: Lifetime


class Lives:
    """Begins the lifespans of endpoints, and ends each as soon as nobody uses its endpoint any more.

    `ended` is told of an endpoint whose lifespan is over before its time, and why. Nothing begins before `open`.
    """

    def __init__(self, app: Crossbar, seconds: float, ended: Callable[[Endpoint, str], None]) -> None:
        self._app = app
        self._seconds = seconds
        self._ended = ended
        # By the identity of the endpoint, which may compare as it likes.
        self._lives: dict[int, _Life] = {}
        self._retiring: list[Registry] = []
        self._ending: dict[int, asyncio.Task[None]] = {}
        self._open = False

    def open(self) -> None:
        """From now on lifespans run."""
        self._open = True

    async def begin(self, found: Found) -> bool:
        """Begin the lifespan of an endpoint, if it has one and it does not run; whether it has begun now.

        PluginError, naming the endpoint, if it fails or takes too long.
        """
        endpoint = found.endpoint
        if not self._open or endpoint is None or type(endpoint).lifespan is Endpoint.lifespan:
            return False
        while id(endpoint) in self._ending:
            await asyncio.wait({self._ending[id(endpoint)]})
        if id(endpoint) in self._lives:
            return False
        of = f"endpoint {found.name} ({found.origin})"
        try:
            manager = endpoint.lifespan(self._app)
        except Exception as error:
            raise PluginError(f"{of}: its lifespan failed: {type(error).__name__}: {error}") from error
        lifetime = Lifetime(manager, of, lambda why: self._over(endpoint, why))
        await lifetime.begin(self._seconds)
        self._lives[id(endpoint)] = _Life(endpoint, lifetime)
        return True

    async def end(self, endpoint: Endpoint) -> None:
        """End the lifespan of an endpoint, if it runs."""
        life = self._lives.pop(id(endpoint), None)
        if life is not None:
            await life.lifetime.end(self._seconds)

    async def close(self) -> None:
        """End all of them, the last one first."""
        self._open = False
        self._retiring.clear()
        for life in reversed([*self._lives.values()]):
            await self.end(life.endpoint)
        if self._ending:
            await asyncio.wait(self._ending.values())

    def retire(self, registry: Registry) -> None:
        """Let go of what only this registry's requests use, when the last of them has ended."""
        registry.retired = self.settle
        self._retiring.append(registry)
        self.settle()

    def settle(self) -> None:
        """End the lifespans that nobody uses any more."""
        self._retiring = [registry for registry in self._retiring if registry.active]
        used = {id(endpoint) for each in (self._app.registry, *self._retiring) for endpoint in each.names.values()}
        for life in [life for key, life in self._lives.items() if key not in used]:
            self._let_go(life.endpoint)

    def _let_go(self, endpoint: Endpoint) -> None:
        lifetime = self._lives.pop(id(endpoint)).lifetime
        ending = asyncio.create_task(lifetime.end(self._seconds))
        self._ending[id(endpoint)] = ending
        ending.add_done_callback(lambda _: self._ending.pop(id(endpoint), None))

    def _over(self, endpoint: Endpoint, why: str) -> None:
        if self._lives.pop(id(endpoint), None) is not None:
            self._ended(endpoint, why)
