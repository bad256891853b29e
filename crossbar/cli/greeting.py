"""What a server says of itself when it begins to serve."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

from .._version import __version__
from ..app import Crossbar
from ..dialects.crossbar import CrossbarDialect
from ..settings import Settings


def limits_in_force(settings: Settings) -> str:
    """How often somebody may ask, how many logins may fail, and how large a file may be."""
    rate, auth = settings.rate, settings.auth
    asked = (
        f"{rate.size:,} requests and {rate.refill:,} more a {rate.per}" if rate.enabled else "any number of requests"
    )
    failed = f"{auth.login_failures} failed logins" if auth.login_failures else "any number of failed logins"
    return f"{asked}, {failed}, files of {settings.limits.upload:,} bytes"


def places(app: Crossbar) -> list[str]:
    """Where the dialects that are mounted answer, below the server's address."""
    found: list[str] = []
    for dialect in app.dialects:
        found += ["/v2"] if isinstance(dialect, CrossbarDialect) else getattr(dialect, "prefixes", ())
    return found


def modules_of(app: Crossbar) -> int:
    """How many modules there are, without the nouns of the gateway."""
    return len(app.registry) - (len(app.gateway.current.nouns) if app.gateway is not None else 0)


def gateway_of(app: Crossbar) -> str:
    """How many routes lead to how many upstreams, empty without a gateway."""
    if app.gateway is None:
        return ""
    routes, services = len(app.gateway.current.routes), len(app.gateway.current.services)
    return f"{routes} {'route' if routes == 1 else 'routes'} to {services} upstream{'' if services == 1 else 's'}"


def greeting(
    url: str,
    api: Sequence[str],
    store: str,
    limits: str,
    modules: int,
    faults: Sequence[str],
    workers: int,
    gateway: str = "",
) -> str:
    """Addresses, store, limits and modules, with a line for each module that is out of order."""
    facts = [
        *((name, place) for name, place in zip_longest(("API",), api, fillvalue="")),
        ("Alive", f"{url}/livez"),
        ("Ready", f"{url}/readyz"),
        ("Store", store),
        ("Limits", limits),
        ("Modules", f"{modules}, {len(faults)} out of order:" if faults else f"{modules}, all in order"),
        *(("", fault) for fault in faults),
    ]
    if gateway:
        facts.append(("Gateway", gateway))
    if workers > 1:
        facts.append(("Workers", str(workers)))
    told = "\n".join(f"  {name:<8} {value}" for name, value in facts)
    return f"Crossbar {__version__} serves until Ctrl+C\n\n{told}\n"
