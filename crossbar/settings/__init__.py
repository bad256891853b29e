"""Typed settings, declared once: their names, defaults, bounds and meaning.

Order of precedence, the later wins: the defaults, a TOML file, the environment (`CROSSBAR__SERVER__PORT=9000`, read as
TOML, or as it stands where the setting is text), the command line. `tables` declares them, `loading` reads them.
"""

from .dialects import Dialects, Realm, RingCentral
from .loading import PLUGINS, from_environment, known_keys, load
from .tables import (
    Auth,
    Compression,
    Cors,
    Limits,
    Log,
    Modules,
    Options,
    Paging,
    Rate,
    RateGroup,
    Server,
    Settings,
    StoreSettings,
)

__all__ = [
    "PLUGINS",
    "Auth",
    "Compression",
    "Cors",
    "Dialects",
    "Limits",
    "Log",
    "Modules",
    "Options",
    "Paging",
    "Rate",
    "RateGroup",
    "Realm",
    "RingCentral",
    "Server",
    "Settings",
    "StoreSettings",
    "from_environment",
    "known_keys",
    "load",
]
