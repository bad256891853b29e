"""The services behind the demo gateway: which there are, on which ports, and the file that leads to them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path

from ..settings import Route, Settings, load
from .billing import Billing
from .echo import echo
from .plain import App, Receive, Scope, Send
from .recipe import Recipe

PORTS = (9001, 9002, 9003)
"""Where `gateway.toml` has them: two processes of `billing`, and `echo`."""
_LOCAL = re.compile(r"(?<=^http://127\.0\.0\.1:)([0-9]+)")


def gateway_file() -> Path:
    """The configuration of the demo gateway."""
    return Path(str(files("crossbar.defaults").joinpath("gateway.toml")))


def is_demo_gateway(routes: Sequence[Route]) -> bool:
    """Whether routes are those of the demo gateway."""
    return bool(routes) and tuple(routes) == load(gateway_file()).route


def demo_services(recipe: Recipe, ports: Mapping[int, int]) -> App:
    """All of them as one application, which tells them apart by the port that was called.

    `ports` are those that are really listened on, by those of `PORTS`.
    """
    billing = Billing(recipe)
    services = dict(
        zip(
            (ports[port] for port in PORTS),
            (billing.target("billing-1"), billing.target("billing-2"), echo),
            strict=True,
        )
    )

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await services[scope["server"][1]](scope, receive, send)

    return app


def moved(settings: Settings, ports: Mapping[int, int]) -> dict[str, list[str]]:
    """The targets of upstreams that lead to a port of the demo which has become another one, as overrides."""

    def target(text: str) -> str:
        return _LOCAL.sub(lambda found: str(ports.get(int(found[0]), found[0])), text)

    found = {name: [target(text) for text in upstream.targets] for name, upstream in settings.upstream.items()}
    return {
        f"upstream.{name}.targets": targets
        for name, targets in found.items()
        if tuple(targets) != settings.upstream[name].targets
    }
