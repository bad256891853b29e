"""The settings that are in force, every one of them with its value, as a file that could be theirs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from ..redaction import HIDDEN, redacted
from ..settings import PLUGINS, Settings
from .output import shown
from .toml_text import toml_of


def in_force(settings: Settings) -> str:
    """The text of the file; passwords in URLs and secrets are hidden, and so is what plugins call by such a name."""
    return toml_of(hidden(msgspec.to_builtins(settings, str_keys=True)))


def hidden(tables: Mapping[str, Any]) -> dict[str, Any]:
    """Tables of settings without what nobody should read on a screen."""
    return {name: _hidden(table, foreign=name == PLUGINS) for name, table in tables.items()}


def _hidden(value: Any, key: str = "", *, foreign: bool) -> Any:
    """The value without what nobody should read on a screen."""
    if isinstance(value, dict):
        return {name: _hidden(each, name, foreign=foreign) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_hidden(each, key, foreign=foreign) for each in value]
    if not isinstance(value, str) or not value:
        return value
    is_secret = key == "secret" or (foreign and HIDDEN in redacted(f"{key}={value}"))
    return HIDDEN if is_secret else shown(value)
