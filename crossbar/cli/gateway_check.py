"""What `crossbar check` looks at in the configuration of a gateway."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from msgspec.structs import replace

from ..app import Crossbar
from ..dialects import Dialect
from ..gateway.assembly import Gateway
from ..gateway.doubts import Doubt, doubts, subject_of
from ..gateway.keeping import keeper_of
from ..gateway.trying import Trial, names, trials
from ..settings import Settings


def without_gateway(settings: Settings) -> Settings:
    """The settings of the same server, if it were no gateway."""
    return replace(settings, gateway=type(settings.gateway)(), upstream={}, provider={}, route=())


def told_apart(faults: Sequence[str]) -> list[Doubt]:
    """Faults of settings, each with what it is about."""
    return [(subject_of(fault), fault) for fault in faults]


def gateway_in(app: Crossbar) -> Gateway:
    """The gateway of an application, also if its settings have nothing but providers; SettingsError for these."""
    return (app.gateway or keeper_of(app)).current


def looked_at(gateway: Gateway, dialects: Sequence[Dialect]) -> tuple[list[Doubt], list[Doubt]]:
    """The names that cannot be resolved, and what is possible and odd."""
    found = asyncio.run(names(gateway))
    return found.faults, [*doubts(gateway, dialects), *found.doubts]


def tried(gateway: Gateway) -> list[Trial]:
    """What becomes of a try of each target and each issuer."""
    return asyncio.run(trials(gateway))
