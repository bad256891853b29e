"""Matched: what one request has led to in the gateway: its route, the parts of its path, and what came of the calls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .passage import Passage
    from .providers import Identity
    from .routes import Routed


class Matched:
    """One request in the gateway. `parameters` and `rest` are parts of the raw path, as the client wrote them.

    `identity` is who asks, if one of the route's providers knows them; `consumer` whom limits per consumer count, empty
    for nobody. The others tell the log of the last call: its upstream and target, how many tries there were, how many
    seconds it took to the head of the response, and how many bytes its body had.
    """

    __slots__ = (
        "bytes",
        "consumer",
        "identity",
        "parameters",
        "passage",
        "provider",
        "rest",
        "route",
        "seconds",
        "target",
        "trace",
        "tries",
        "upstream",
    )

    def __init__(self, route: Routed, parameters: Mapping[str, bytes], rest: bytes) -> None:
        self.route = route
        self.parameters = parameters
        self.rest = rest
        self.identity: Identity | None = None
        self.consumer = ""
        self.provider = ""
        self.upstream = ""
        self.target = ""
        self.tries = 0
        self.seconds = 0.0
        self.bytes = 0
        self.trace = ""
        self.passage: Passage | None = None

    async def end(self) -> None:
        """Let go of the call, if one was made and nobody has let go of it."""
        # PERF: it knows the request, which knows this: all of them would live on until they are collected.
        passage, self.passage = self.passage, None
        if passage is not None:
            await passage.end()

    def told(self) -> dict[str, Any]:
        """The facts for the access log."""
        told: dict[str, Any] = {"route": self.route.name}
        if self.consumer:
            told["consumer"] = self.consumer
        if self.upstream:
            told |= {"upstream": self.upstream, "tries": self.tries, "upstream_seconds": round(self.seconds, 6)}
            told |= {"target": self.target or None, "bytes": self.bytes, "trace_id": self.trace or None}
        return told
