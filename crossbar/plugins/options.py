"""A plugin's table of settings as the type that the plugin declares for it, or everything that is wrong with it."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any, TypeVar

import msgspec

from ..settings import Options

Wanted = TypeVar("Wanted", bound=Options)

_TYPES: dict[str, tuple[type, ...]] = {"integer": (int,), "number": (int, float), "boolean": (bool,)}
_MASK = "the value"  # it may be a secret, and what is told here ends in logs


def options(
    table: Mapping[str, Any], kind: type[Wanted], key: str, defaults: Options | None = None
) -> tuple[Wanted | None, list[str]]:
    """The table that stands at `key` as a plugin's own type, laid over its defaults; or None and every fault.

    Text that spells a number or a boolean is one where one is wanted, as in the environment, and the other way round.
    """
    try:
        whole = msgspec.to_builtins(defaults) if defaults is not None else {}
        _lay(msgspec.to_builtins(table), over=whole)
        schema: dict[str, Any] = msgspec.json.schema(kind)
        faults = list(_faults(whole, schema))
        mended = [_mended(whole, fault) for fault in faults]
        if any(mended):
            faults = list(_faults(whole, schema))
        if faults:
            return None, sorted(dict.fromkeys(_told(fault, key, schema) for fault in faults))
        return msgspec.convert(whole, kind, strict=False), []
    except msgspec.ValidationError as error:
        return None, [f"{key}: {error}"]
    except (TypeError, ValueError) as error:  # a type that no setting can have, or a number that is none
        return None, [f"{key}: {error}"]


def _lay(table: Mapping[str, Any], *, over: dict[str, Any]) -> None:
    for name, value in table.items():
        below = over.get(name)
        if isinstance(value, dict) and isinstance(below, dict):
            _lay(value, over=below)
        else:
            over[name] = value


def _faults(value: Any, schema: dict[str, Any]) -> Iterator[Any]:
    """Every fault there is; of alternatives, those of the one that was meant."""
    import jsonschema_rs

    for error in jsonschema_rs.Draft202012Validator(schema, offline=True, mask=_MASK).iter_errors(value):
        yield from _innermost(error)


def _innermost(error: Any) -> Iterator[Any]:
    """The faults of the alternative that is meant: the one that has the right type; the fault itself if none has."""
    if error.kind.name in ("anyOf", "oneOf"):
        for alternative in error.kind.as_dict()["context"]:
            if all(len(each.instance_path) > len(error.instance_path) or _is_inside(each) for each in alternative):
                for each in alternative:
                    yield from _innermost(each)
                return
    yield error


def _is_inside(error: Any) -> bool:
    return error.kind.name in ("additionalProperties", "required")


def _mended(whole: Any, error: Any) -> bool:
    """Whether a value of the wrong type spells one of the right type, and was replaced by it."""
    *above, last = error.instance_path or [None]
    types = _types(error)
    if last is None or not types:
        return False
    for step in above:
        whole = whole[step]
    value = whole[last]
    spelled: Any = None
    if "string" in types and isinstance(value, bool):
        spelled = str(value).lower()
    elif "string" in types and isinstance(value, int | float):
        spelled = str(value)
    elif isinstance(value, str):
        read = _read(value)
        # NOTE: in Python, a boolean is an integer.
        fits = [each for each in types if each in _TYPES and isinstance(read, _TYPES[each])]
        spelled = read if fits and isinstance(read, bool) == ("boolean" in fits) else None
    if spelled is not None:
        whole[last] = spelled
    return spelled is not None


def _types(error: Any) -> list[str]:
    """The types that would do, none if it is not the type that is wrong."""
    details = error.kind.as_dict()
    if error.kind.name == "type":
        return list(details["types"])
    if error.kind.name in ("anyOf", "oneOf"):
        return [name for alternative in details["context"] for each in alternative for name in _types(each)]
    return []


def _read(text: str) -> Any:
    """The text as a TOML value, None if it is none."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return None


def _told(error: Any, key: str, schema: Mapping[str, Any]) -> str:
    """One fault as a sentence that begins with the key, without the value."""
    place = ".".join([key, *map(str, error.instance_path)])
    details = error.kind.as_dict()
    match error.kind.name:
        case "additionalProperties":
            known = _fields(schema, list(error.instance_path))
            told = [f"{place}.{name}: no such setting{_nearest(name, known)}" for name in details["unexpected"]]
            return "; ".join(told)
        case "required":
            return f"{place}.{details['property']}: it has to be set"
        case "enum":
            return f"{place}: must be one of {', '.join(map(str, details['options']))}"
        case "type" | "anyOf" | "oneOf" if _types(error):
            return f"{place}: must be {' or '.join(dict.fromkeys(_types(error)))}"
    return f"{place}: {error.message}"


def _fields(schema: Mapping[str, Any], path: list[str | int]) -> list[str]:
    """The names of the settings in the table at a path."""
    definitions = schema.get("$defs", {})

    def tables(at: Any) -> Iterator[Any]:
        if "$ref" in at:
            yield from tables(definitions[at["$ref"].rpartition("/")[2]])
        for each in (*at.get("anyOf", ()), *at.get("oneOf", ())):
            yield from tables(each)
        yield at

    found = list(tables(schema))
    for step in path:
        name = "items" if isinstance(step, int) else step
        below = [each.get("items") if name == "items" else each.get("properties", {}).get(name) for each in found]
        found = [table for each in below if isinstance(each, dict) for table in tables(each)]
    return [name for each in found for name in each.get("properties", ())]


def _nearest(name: str, known: list[str]) -> str:
    near = get_close_matches(name, known, 1, 0.5)
    return f"; did you mean {near[0]!r}?" if near else ""
