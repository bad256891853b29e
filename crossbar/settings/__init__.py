"""Typed settings, declared once: their names, defaults, bounds and meaning.

Order of precedence, the later wins: the defaults, a TOML file, the environment (`CROSSBAR__SERVER__PORT=9000`, read as
TOML, or as it stands where the setting is text), the command line, and what the store has for all processes
(`stored`). `tables` declares them, `loading` reads them.
"""

from .dialects import Dialects, Realm, RingCentral
from .gateway import FieldRules, Gateway, Jwt, Key, Provider, Route, RouteCors, Timeouts, Tls, Upstream
from .loading import PLUGINS, checked, from_environment, known_keys, laid_over, load, only_table
from .stored import sorted_tables, stored_tables
from .tables import (
    Auth,
    Compression,
    Cors,
    Limits,
    Log,
    Metrics,
    Modules,
    MongoSettings,
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
    "FieldRules",
    "Gateway",
    "Jwt",
    "Key",
    "Limits",
    "Log",
    "Metrics",
    "Modules",
    "MongoSettings",
    "Options",
    "Paging",
    "Provider",
    "Rate",
    "RateGroup",
    "Realm",
    "RingCentral",
    "Route",
    "RouteCors",
    "Server",
    "Settings",
    "StoreSettings",
    "Timeouts",
    "Tls",
    "Upstream",
    "checked",
    "from_environment",
    "known_keys",
    "laid_over",
    "load",
    "only_table",
    "sorted_tables",
    "stored_tables",
]
