"""What a request costs that is passed on: by nginx, HAProxy, the smallest proxy on aiohttp, and Crossbar's gateway."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from http.client import HTTPConnection
from pathlib import Path
from tempfile import TemporaryDirectory

from .load import DISTINCT, Load, check, drive
from .proxies import (
    KEY,
    KEY_FIELD,
    Proxy,
    aiohttp_proxy,
    bare_gateway,
    constant_upstream,
    full_gateway,
    haproxy_proxy,
    nginx_proxy,
)
from .rounds import alternate, figure
from .rows import GATEWAY_AIM, Figure, Sample
from .server import HOST, Server, Unmeasured
from .upstream import CONSTANT

CONNECTIONS = 32
_WARM_UP_SECONDS = 1
_LOAD = Load(tuple(f"/invoices/{number:08x}" for number in range(DISTINCT)), token=KEY, field=KEY_FIELD)

FULL, BARE, SMALLEST = "full", "bare", "aiohttp"
PROXIES: dict[str, tuple[str, Proxy]] = {
    "nginx": ("nginx", nginx_proxy),
    "haproxy": ("HAProxy", haproxy_proxy),
    SMALLEST: ("the smallest aiohttp proxy", aiohttp_proxy),
    BARE: ("Crossbar's gateway, bare", bare_gateway),
    FULL: ("Crossbar's gateway, all on", full_gateway),
}
"""What is measured, in this order: by name, what it is called, and how it is started."""

RATIOS = ((FULL, SMALLEST), (BARE, SMALLEST), (FULL, BARE), (FULL, "nginx"), (FULL, "haproxy"))
"""Whose cost is told beside whose."""

Note = Callable[[str, Exception], None]
"""Told the name of what could not be measured, and why."""


def gateway_cost(seconds: int, rounds: int, note: Note) -> list[Figure]:
    """Microseconds of CPU a request that is passed on with an answer of 1 KiB, and their ratios within a round.

    A proxy that cannot be measured is told to `note`, and the others go on.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        upstream = stack.enter_context(constant_upstream(folder))
        servers = started(PROXIES, upstream, stack, note)

        def sample(name: str, seconds: int = seconds) -> float | None:
            try:
                return _driven(servers[name], seconds, folder).cpu_us
            except Unmeasured as reason:
                note(f"gateway-{name}", reason)
                return None

        ready = [name for name in servers if sample(name, _WARM_UP_SECONDS) is not None]
        taken = alternate(ready, rounds, sample)
    whole = {
        name: [each for each in costs if each is not None]
        for name, costs in zip(ready, taken, strict=True)
        if None not in costs
    }
    return gateway_figures(whole)


def gateway_figures(costs: Mapping[str, Sequence[float]]) -> list[Figure]:
    """The figures of what was measured: the costs by proxy, round by round, then those that are told beside others."""
    return [
        *(figure(f"gateway-{name}", f"passed on by {PROXIES[name][0]}", "µs of CPU", costs[name]) for name in costs),
        *_ratios(costs),
    ]


def started(names: Iterable[str], upstream: Server, stack: ExitStack, note: Note) -> dict[str, Server]:
    """The proxies that run and pass an answer on as the upstream gave it, until the stack closes; why others do not."""
    folder = Path(stack.enter_context(TemporaryDirectory()))
    found: dict[str, Server] = {}
    for name in names:
        try:
            server = stack.enter_context(PROXIES[name][1](f"http://{HOST}:{upstream.port}", folder))
            _check(server)
        except Exception as reason:
            note(f"gateway-{name}", reason)
        else:
            found[name] = server
    return found


def _ratios(costs: Mapping[str, Sequence[float]]) -> Iterator[Figure]:
    for one, other in RATIOS:
        if one in costs and other in costs:
            yield figure(
                f"gateway-{one}-{other}",
                f"{PROXIES[one][0]} : {PROXIES[other][0]}",
                "times",
                [above / below for above, below in zip(costs[one], costs[other], strict=True)],
                GATEWAY_AIM if (one, other) == (FULL, SMALLEST) else None,
            )


def _driven(server: Server, seconds: int, folder: Path) -> Sample:
    sample = drive(_LOAD, server, seconds, folder, CONNECTIONS)
    if sample.unexpected:
        raise Unmeasured(f"{sample.unexpected} of {sample.requests} answers were not as the upstream gave them")
    return sample


def _check(server: Server) -> None:
    """Return if the answer of the upstream comes as it is, with its type."""
    check(_LOAD, server)
    with closing(HTTPConnection(HOST, server.port, timeout=10)) as connection:
        connection.request("GET", _LOAD.paths[0], headers=_LOAD.headers)
        answer = connection.getresponse()
        said = answer.read()
    if (said, answer.getheader("content-type")) != (CONSTANT, "application/json"):
        raise Unmeasured(f"the answer of the upstream did not come as it is: {said[:200]!r}")
