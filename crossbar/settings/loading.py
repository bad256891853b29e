"""Settings out of their sources: a TOML file, the environment, the command line.

All faults of all sources are reported together, each with its key and, for an unknown key, the nearest name.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from ..errors import SettingsError
from .tables import Settings

ENVIRONMENT_PREFIX = "CROSSBAR__"


def load(
    path: str | Path | None = None,
    environment: Mapping[str, str] | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Settings:
    """The settings from a TOML file, environment variables and dotted overrides (`{"server.port": 9000}`).

    Raises SettingsError with every fault at once: a file that cannot be read or parsed, unknown keys, wrong types,
    values out of bounds.
    """
    merged: dict[str, Any] = {}
    origins: dict[str, str] = {}
    source = str(path) if path else "settings"
    if path is not None:
        _merge(merged, _read(Path(path)), origins, source)
    for name, text in (environment or {}).items():
        if name.startswith(ENVIRONMENT_PREFIX):
            keys = name.removeprefix(ENVIRONMENT_PREFIX).lower().split("__")
            value = _literal(text)
            # NOTE: which settings of plugins are text, only they know; a value that would not be spelled so again is.
            altered = keys[0] == PLUGINS and not isinstance(value, str | list | dict) and _spelled(value) != text
            if altered or (".".join(keys) in _TEXTS and not isinstance(value, str)):
                value = text
            _merge(merged, _nested(keys, value), origins, name)
    for dotted, value in (overrides or {}).items():
        if value is not None:
            _merge(merged, _nested(dotted.split("."), value), origins, f"option {dotted}")
    if not merged:
        return Settings()
    own = {table: value for table, value in merged.items() if table != PLUGINS}
    faults = _without_foreign(own, origins)
    merged = own | {table: value for table, value in merged.items() if table == PLUGINS}
    faults = sorted([*faults, *_faults(merged, origins)])
    if faults:
        raise SettingsError(faults, source)
    return msgspec.convert(merged, Settings)


def from_environment(path: str | Path | None = None, overrides: Mapping[str, Any] | None = None) -> Settings:
    """The settings of this process: `load` with its environment variables."""
    return load(path, os.environ, overrides)


PLUGINS = "plugins"
"""The table whose tables belong to plugins, which check them themselves."""


def _entries(of: Any, prefix: str = "") -> Iterator[tuple[str, msgspec.structs.FieldInfo]]:
    """The settings in a table and in the tables within it, by their dotted keys."""
    for entry in msgspec.structs.fields(of):
        if isinstance(entry.type, type) and issubclass(entry.type, msgspec.Struct):
            yield from _entries(entry.type, f"{prefix}{entry.name}.")
        elif prefix:
            yield f"{prefix}{entry.name}", entry


_ENTRIES = dict(_entries(Settings))

# Settings that are text: an environment variable that spells something else in TOML is taken as it stands.
_TEXTS = frozenset(key for key, entry in _ENTRIES.items() if isinstance(entry.default, str))


def known_keys() -> list[str]:
    """Every setting's dotted key, in the order of declaration; those of plugins are theirs to tell."""
    return list(_ENTRIES)


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError([f"cannot read the file: {error.strerror}"], str(path)) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError([f"not TOML: {error}"], str(path)) from None


def _literal(text: str) -> Any:
    """The text read as a TOML value, or the text itself if it is none."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _spelled(value: Any) -> str:
    """A number or a boolean as TOML has it; dates and times have many spellings."""
    return str(value).lower() if isinstance(value, int | float) else ""


def _nested(keys: list[str], value: Any) -> dict[str, Any]:
    for key in reversed(keys):
        value = {key: value}
    nested: dict[str, Any] = value
    return nested


def _merge(
    into: dict[str, Any], new: Mapping[str, Any], origins: dict[str, str], origin: str, prefix: str = ""
) -> None:
    for key, value in new.items():
        dotted = prefix + key
        origins[dotted] = origin
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value, origins, origin, dotted + ".")
        else:
            into[key] = value
            if isinstance(value, dict):
                into[key] = {}
                _merge(into[key], value, origins, origin, dotted + ".")


def _without_foreign(merged: dict[str, Any], origins: Mapping[str, str], prefix: str = "") -> list[str]:
    """Take out values that TOML knows and no setting can have, dates, times and floats, and say so."""
    faults: list[str] = []
    for key, value in list(merged.items()):
        if isinstance(value, dict):
            faults += _without_foreign(value, origins, f"{prefix}{key}.")
        elif not isinstance(value, str | int | list):
            # NOTE: JSON Schema takes 8000.0 for an integer; the typed settings do not, and none of them is a float.
            wanted = "integer" if isinstance(value, float) else "string"
            faults.append(_told(prefix + key, f'a {type(value).__name__} is not of type "{wanted}"', origins))
            del merged[key]
    return faults


def _faults(value: Mapping[str, Any], origins: Mapping[str, str]) -> list[str]:
    """Every fault as a sentence that begins with the key."""
    import jsonschema_rs

    validator = jsonschema_rs.Draft202012Validator(msgspec.json.schema(Settings), offline=True)
    faults = []
    for error in validator.iter_errors(value):
        path = list(map(str, error.instance_path))
        details = error.kind.as_dict()
        if error.kind.name == "additionalProperties":
            for name in details["unexpected"]:
                key = ".".join([*path, name])
                faults.append(_told(key, "no such setting" + _nearest(key), origins))
        elif error.kind.name == "enum":
            offered = ", ".join(map(str, details["options"]))
            faults.append(_told(".".join(path), f"must be one of {offered}", origins))
        else:
            faults.append(_told(".".join(path), error.message, origins))
    return sorted(faults)


def _told(key: str, what: str, origins: Mapping[str, str]) -> str:
    origin = origins.get(key)
    return f"{key}: {what} (from {origin})" if origin else f"{key}: {what}"


def _nearest(key: str) -> str:
    """The key or the table of the settings that may have been meant."""
    known = known_keys() if "." in key else [table.name for table in msgspec.structs.fields(Settings)]
    near = difflib.get_close_matches(key, known, 1, 0.5)
    return f"; did you mean {near[0]!r}?" if near else ""
