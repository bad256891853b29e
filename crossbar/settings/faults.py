"""What is wrong with settings, in words: each fault with its key, what would be right, and where it comes from."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import isfinite
from typing import Any

import msgspec

from .shape import Node, alternatives, node_at, nodes, shape, types_of

Path = Sequence[str | int]

SECRET = frozenset({"secret", "sha256"})
"""Settings whose values are never repeated; where a hash should be, somebody may have written what it is made of."""
PLUGINS = "plugins"
"""The table whose tables belong to plugins, which check them themselves."""
_KINDS = {dict: "a table", list: "a list", float: "a float", bool: "a boolean"}
_LONGEST = 80


class Faults:
    """Tells what is wrong with merged settings.

    `origins` are the sources of the values by their dotted keys, `known` the keys that everybody's settings have.
    """

    def __init__(self, value: dict[str, Any], origins: Mapping[str, str], known: Sequence[str]) -> None:
        self._value = value
        self._origins = origins
        self._known = known

    def told(self) -> list[str]:
        """Every fault as a sentence that begins with the key. What JSON cannot hold is taken out of the settings."""
        import jsonschema_rs

        tables = {table: value for table, value in self._value.items() if table != PLUGINS}
        odd = dict(_out_of_place(tables, ()))
        validator = jsonschema_rs.Draft202012Validator(shape(), offline=True)
        others = [
            (path, what)
            for path, what in self._all(validator.iter_errors(msgspec.to_builtins(self._value | tables)))
            if tuple(path) not in odd
        ]
        return sorted(self.sentence(path, what) for path, what in [*odd.items(), *others])

    def sentence(self, path: Path, what: str) -> str:
        """What is wrong at a place, with the place before it and its source after it."""
        remarks = [f"route {name!r}"] if (name := self._route(path)) else []
        origin = next((self._origins[key] for key in _upward(path) if key in self._origins), "")
        if origin:
            remarks.append(f"from {origin}")
        return f"{dotted(path)}: {what}" + (f" ({', '.join(remarks)})" if remarks else "")

    def _all(self, errors: Iterable[Any]) -> Iterator[tuple[Path, str]]:
        for error in errors:
            yield from self._one(error)

    def _one(self, error: Any) -> Iterator[tuple[Path, str]]:
        """What an error of the validator means, with its place; one error may be about several places."""
        path: list[str | int] = list(error.instance_path)
        details = error.kind.as_dict()
        match error.kind.name:
            case "additionalProperties":
                for name in details["unexpected"]:
                    yield (*path, name), f"no such setting{self._nearest(path, name)}"
            case "propertyNames" if details["error"].kind.name == "enum":
                name = details["error"].instance
                yield (*path, name), f"no such setting{self._nearest(path, name)}"
            case "propertyNames":
                yield (*path, details["error"].instance), f"the name {_said(path, details['error'])}"
            case "required":
                place = (*path, details["property"])
                yield place, f"is missing{_for_instance(node_at(place))}"
            case "anyOf":
                yield from self._any(path, error)
            case _:
                yield path, _said(path, error)

    def _any(self, path: Path, error: Any) -> Iterator[tuple[Path, str]]:
        """What is wrong where several sorts of values can stand: with the sort that was meant, if that shows."""
        branches = error.kind.as_dict()["context"]
        deeper = [branch for branch in branches if any(len(each.instance_path) > len(path) for each in branch)]
        if deeper:
            yield from self._all(deeper[0])
            return
        wanted = " or ".join(f'"{each}"' for each in sorted(types_of(node_at(path) or {})))
        yield path, f"{_shown(path, error.instance)} is not of type {wanted}"

    def _nearest(self, path: Path, name: str) -> str:
        """The setting or the table that may have been meant by a name."""
        node = node_at(path) or {}
        known: Sequence[str] = [*node.get("properties", ()), *node.get("propertyNames", {}).get("enum", ())]
        if path and any(dotted((*path, each)) in self._known for each in known):
            name, known = dotted((*path, name)), self._known
        near = difflib.get_close_matches(name, known, 1, 0.5)
        return f"; did you mean {near[0]!r}?" if near else ""

    def _route(self, path: Path) -> str:
        """The name of the route that a place belongs to, empty if there is none: who counts routes counts from 1."""
        routes = self._value.get("route")
        if len(path) < 2 or path[0] != "route" or not isinstance(routes, list):
            return ""
        route = routes[int(path[1])]
        return str(route.get("name") or route.get("path") or "") if isinstance(route, dict) else ""


def dotted(path: Path) -> str:
    """The key of a place, such as `route.3.path`."""
    return ".".join(map(str, path))


def _out_of_place(value: Any, path: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """What TOML has and JSON has not, or takes for something else: dates, times, and floats; null takes their place.

    Floats stay where a number or anything may stand; those that are none, `nan` and `inf`, do not count as numbers.
    """
    members: Iterable[tuple[Any, Any]] = value.items() if isinstance(value, dict) else enumerate(value)
    for key, each in list(members):
        place = (*path, key)
        if isinstance(each, dict | list):
            yield from _out_of_place(each, place)
        elif not isinstance(each, str | int):
            node = node_at(place)
            wanted = sorted(types_of(node)) if node is not None else []
            if isinstance(each, float) and node is not None and (not wanted or ("number" in wanted and isfinite(each))):
                continue
            # NOTE: JSON Schema takes 8000.0 for an integer, and the typed settings do not.
            usual = "integer" if isinstance(each, float) else "string"
            named = f"{each}" if isinstance(each, float) and not isfinite(each) else f"a {type(each).__name__}"
            yield place, f'{named} is not of type "{" or ".join(wanted) or usual}"'
            value[key] = None


def _said(path: Path, error: Any) -> str:
    """What is wrong with one value."""
    details = error.kind.as_dict()
    match error.kind.name:
        case "pattern":
            return f"{_shown(path, error.instance)} is not {likeness(details['pattern'])}"
        case "enum":
            near = difflib.get_close_matches(str(error.instance), details["options"], 1, 0.5)
            meant = f"; did you mean {near[0]!r}?" if near else ""
            return f"must be one of {', '.join(map(str, details['options']))}{meant}"
        case "type":
            wanted = " or ".join(f'"{each}"' for each in details["types"])
            remedy = _remedy(path, error.instance, wanted) or _for_instance(node_at(path))
            return f"{_shown(path, error.instance)} is not of type {wanted}{remedy}"
        case "minItems":
            return f"is empty{_for_instance(node_at((*path, 0)))}"
    return str(error.message)


def _shown(path: Path, value: Any) -> str:
    """A value as a message may repeat it."""
    if set(path) & SECRET:
        return "what stands here"
    if type(value) in _KINDS and not isinstance(value, bool):
        return _KINDS[type(value)]
    text = str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _remedy(path: Path, value: Any, wanted: str) -> str:
    """The way out of the mistakes with brackets that everybody makes."""
    if wanted == '"array"' and isinstance(value, str) and "string" in types_of(node_at((*path, 0)) or {}):
        return f'; write ["{value}"]' if len(value) <= _LONGEST else ""
    if wanted == '"array"' and isinstance(value, dict):
        return f"; write [[{dotted(path)}]], with two brackets"
    if wanted == '"object"' and isinstance(value, list):
        return f"; write [{dotted(path)}{'.NAME' if 'additionalProperties' in (node_at(path) or {}) else ''}]"
    return ""


def _for_instance(node: Node | None) -> str:
    found = [each for one in alternatives(node or {}) for each in one.get("examples", ())]
    return f"; write something like {_quoted(found[:1])}" if found else ""


def likeness(pattern: str) -> str:
    """What a text must look like, as the declarations of settings tell it of a pattern."""
    found = next((node for node in nodes(shape()) if node.get("pattern") == pattern), {})
    if "examples" in found:
        return f"like {_quoted(found['examples'])}"
    described: str = found.get("description", f"of the form {pattern}")
    return described[:1].lower() + described[1:].removesuffix(".")


def _quoted(texts: Sequence[str]) -> str:
    """Examples as a settings file has them."""
    return " or ".join(f'"{text}"' for text in texts[:2])


def _upward(path: Path) -> Iterator[str]:
    """The key of a place, and of the tables around it."""
    for length in range(len(path), 0, -1):
        yield dotted(path[:length])
