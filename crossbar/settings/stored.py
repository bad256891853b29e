"""What settings that are kept in the store may say: what a server can take over while it runs, and nothing else."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from typing import Any

from ..errors import SettingsError
from .tables import Modules, Settings

SOURCE = "the settings in the store"
"""What messages call them."""
GATEWAY = ("gateway", "upstream", "provider", "route")
"""The tables of the gateway."""
TABLES = (*GATEWAY, "plugins", "modules")
"""The tables that they may have; of `modules`, only `disabled`."""
MOST = 1_048_576
"""The bytes that they have at most."""


def stored_tables(text: str, source: str = SOURCE) -> dict[str, Any]:
    """The tables of a TOML text that is in the store, or is to get there.

    SettingsError for what is no TOML, for more than 1 MiB of it, and for all that counts from the next start only. Its
    values are not looked at; `laid_over` does.
    """
    tables, faults = sorted_tables(text, source)
    if faults:
        raise SettingsError(faults, source)
    return tables


def sorted_tables(text: str, source: str = SOURCE) -> tuple[dict[str, Any], list[str]]:
    """The same tables without what counts from the next start only, and a sentence for each thing that does.

    SettingsError for what is no TOML, and for more than 1 MiB of it.
    """
    size = len(text.encode())
    if size > MOST:
        raise SettingsError([f"they have {size} bytes; the store takes {MOST}"], source)
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError([f"not TOML: {error}"], source) from None
    return _without_waiting(tables), [*_waiting(tables)]


def _without_waiting(tables: Mapping[str, Any]) -> dict[str, Any]:
    kept = {name: table for name, table in tables.items() if not _waits(name)}
    modules = kept.get("modules")
    if isinstance(modules, dict):
        kept["modules"] = {key: value for key, value in modules.items() if not _waits("modules", key)}
    return kept


def _waits(name: str, key: str = "disabled") -> bool:
    """Whether this is a setting, and no running server takes it over."""
    if name != "modules":
        return name in Settings.__struct_fields__ and name not in TABLES
    return key in Modules.__struct_fields__ and key != "disabled"


def _waiting(tables: Mapping[str, Any]) -> Iterator[str]:
    """What no running server takes over; what is no setting at all is told by whoever looks at all values."""
    also = f"keep it in the file of each server; the store takes {', '.join(GATEWAY)}, plugins, modules.disabled"
    for name in tables:
        if _waits(name):
            yield f"{name}: it counts from the next start of a server on: {also}"
    modules = tables.get("modules", {})
    for key in modules if isinstance(modules, dict) else ():
        if _waits("modules", key):
            yield f"modules.{key}: it counts from the next start of a server on: {also}"
