"""The fields of one endpoint's documents as a dialect calls and writes them: bodies, names in errors, filters.

Names that the schema knows change their case, if the dialect has another one; names that only the client knows stay as
they are, so that whatever is stored through one dialect comes back unchanged through any other.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from ..errors import InvalidData, Violation
from ..schema import BASE, Schemas
from .rules import EACH, Path, Rule, Times, is_each, put, take

_NOTHING = object()
_DEEP = (dict, list)
_SEAM = re.compile(r"(?<=[a-z0-9])_([a-z0-9])")
_HUMP = re.compile(r"(?<=[a-z0-9])([A-Z])")


def camel(name: str) -> str:
    """`caller_id` as `callerId`."""
    return _SEAM.sub(lambda found: found[1].upper(), name) if "_" in name else name


def snake(name: str) -> str:
    """`callerId` as `caller_id`."""
    return _HUMP.sub(lambda found: f"_{found[1].lower()}", name)


def same(name: str) -> str:
    """The name as it is."""
    return name


class Fields:
    """One endpoint's fields, here and there.

    `known` are the names that change their case, None for all names; `fixed` are fields that every document has there,
    `dropped` those that clients send back though they are not theirs to set, and `top` ours at the top of a document.
    """

    def __init__(
        self,
        rules: Iterable[Rule],
        times: Times,
        known: frozenset[str] | None = frozenset(),
        case: Callable[[str], str] = same,
        fixed: Mapping[str, Any] | None = None,
        dropped: Iterable[str] = (),
        top: frozenset[str] = frozenset(),
    ) -> None:
        self._rules = tuple(rules)
        self._times = times
        self._fixed = dict(fixed or {})
        self._top = top
        self._dropped = (*dropped, *self._fixed)
        self._all = known is None
        self._out = {name: case(name) for name in known or () if case(name) != name}
        self._in = {there: here for here, there in self._out.items()}
        self._case = case
        self._outward = [rule for rule in self._rules if rule.only != "in"]
        flat = [rule for rule in self._outward if len(rule.ours) == 1]
        self._flat = [(rule.ours[0], rule.theirs, None if rule.is_name else rule) for rule in flat]
        self._nested = [rule for rule in self._outward if len(rule.ours) > 1]
        self._inward = [rule for rule in self._rules if rule.only != "out"]
        # What is shown there but not taken: clients send a whole representation back.
        taken = {rule.theirs for rule in self._inward}
        self._ignored = [rule.theirs for rule in self._outward if rule.theirs not in taken]
        self._names = {rule.name: rule for rule in reversed(self._rules)}
        self._paths = {rule.ours: rule for rule in reversed(self._rules)}

    def out(self, body: dict[str, Any]) -> dict[str, Any]:
        """A document's body, which is used up, as the dialect writes it."""
        moved = []
        # PERF: a page has many rows, and a row many fields; most of them are at the top here, and are not rewritten.
        for key, theirs, rule in self._flat:
            value = body.pop(key, _NOTHING)
            if value is not _NOTHING:
                moved.append((theirs, value if rule is None else rule.shown(value, self._times)))
        for rule in self._nested:
            found, value = take(body, rule.ours)
            if found:
                moved.append((rule.theirs, rule.shown(value, self._times)))
        shown: dict[str, Any] = body
        if self._all:
            shown = self.renamed(body)
        elif self._out:
            shown = {
                self._out.get(key, key): self.renamed(value) if type(value) in _DEEP and key in self._top else value
                for key, value in body.items()
            }
        for path, value in moved:
            if len(path) == 1:
                shown[path[0]] = value
            else:
                put(shown, path, value)
        for name, value in self._fixed.items():
            shown.setdefault(name, value)
        return shown

    def into(self, body: dict[str, Any], *, flat: bool = False) -> dict[str, Any]:
        """A body as a client sent it, which is used up, as it is kept here; InvalidData in the names of the client.

        Where it comes from the fields of a form, which cannot be nested, it is `flat`.
        """
        violations = [] if flat else [*self._misshapen(body)]
        moved = []
        for rule in () if violations else self._inward:
            found, value = take(body, rule.theirs)
            if not found:
                continue
            try:
                moved.append((rule.ours, self._value(rule, value)))
            except ValueError as error:
                violations.append(Violation(tuple(rule.name.split(".")), "invalid", str(error), value=value))
        if violations:
            raise InvalidData(violations)
        for path in self._ignored:
            take(body, path)
        for name in self._dropped:
            body.pop(name, None)
        kept = self._kept(body)
        for path, value in moved:
            put(kept, path, value)
        return kept

    def shown_only(self, body: dict[str, Any]) -> list[tuple[Path, Any]]:
        """The fields of a body here, which is used up, that are shown there but not taken, and their values."""
        taken = {rule.ours for rule in self._inward}
        found = [(rule.ours, take(body, rule.ours)) for rule in self._outward if rule.ours not in taken]
        return [(path, value) for path, (is_there, value) in found if is_there]

    def _misshapen(self, body: dict[str, Any]) -> Iterator[Violation]:
        """What is no object, or no list of them, where fields of ours are inside of one; null has all of them null."""
        nested = [rule for rule in self._inward if len(rule.theirs) > 1 and rule.theirs[0] in body]
        nulls = {rule.theirs[0] for rule in nested if body[rule.theirs[0]] is None}
        for rule in nested:
            key = rule.theirs[0]
            value = body[key]
            if key in nulls:
                put(body, rule.theirs, None)
            elif EACH not in rule.theirs and not isinstance(value, dict):
                yield Violation((key,), "type", "Value did not match type(s): object", target="object", value=value)
            elif EACH in rule.theirs and not is_each(value, rule.theirs[2:]):
                told = f"must be a list of objects, each of them with {'.'.join(rule.theirs[2:])}"
                yield Violation((key,), "type", told, target="array", value=value)

    def _kept(self, body: dict[str, Any]) -> dict[str, Any]:
        """A body in the names that fields have here; what a client has made up itself stays as it is, inside too."""
        if self._all:
            kept: dict[str, Any] = _renamed(body, self._in, snake if self._case is not same else None)
            return kept
        found = {}
        for key, value in body.items():
            ours = self._in.get(key, key)
            found[ours] = _renamed(value, self._in, None) if ours in self._top else value
        return found

    def renamed(self, value: Any) -> Any:
        """A JSON value with the names of its fields in the dialect's case."""
        return _renamed(value, self._out, self._case if self._all else None)

    def cased(self, value: Any) -> Any:
        """A JSON value that is no document, all of its names in the dialect's case."""
        return _renamed(value, self._out, self._case if self._case is not same else None)

    def name_of(self, path: Iterable[str | int]) -> str:
        """The dotted name there of a field here, for errors."""
        steps = tuple(path)
        for length in range(len(steps), 0, -1):
            rule = self._paths.get(tuple(map(str, steps[:length])))
            if rule is not None:
                return ".".join([rule.name, *map(str, steps[length:])])
        names = [self._case(str(step)) if self._all else self._out.get(str(step), str(step)) for step in steps]
        return ".".join(names)

    def filter_of(self, word: str) -> tuple[Path, Rule | None] | None:
        """The field that a word of the query filters by, and its rule; None if the word is none of a field."""
        rule = self._names.get(word)
        if rule is not None:
            return rule.ours, rule
        path = tuple(self._in.get(step, step) for step in word.split("."))
        if path in self._paths:  # it has another name there
            return None
        return (path, None) if path[0] in self._top else None

    def filter_by(self, ours: str) -> tuple[Path, Rule | None]:
        """The field of that dotted path, and its rule if it has one."""
        path = tuple(ours.split("."))
        return path, self._paths.get(path)

    def _value(self, rule: Rule, value: Any) -> Any:
        if EACH in rule.theirs and isinstance(value, list):
            return [rule.taken(each, self._times) for each in value]
        return rule.taken(value, self._times)


def _renamed(value: Any, names: Mapping[str, str], case: Callable[[str], str] | None) -> Any:
    if isinstance(value, dict):
        if case is not None:
            return {case(key): _renamed(each, names, case) for key, each in value.items()}
        return {names.get(key, key): _renamed(each, names, case) for key, each in value.items()}
    if isinstance(value, list):
        return [_renamed(each, names, case) for each in value]
    return value


def names_in(schemas: Schemas, name: str) -> tuple[frozenset[str], frozenset[str]]:
    """The names of all properties in a schema and in those that it refers to, and those at its top."""
    found: set[str] = set()
    seen: set[str] = set()
    document = schemas.document(name) if name else None
    if document is None:
        return frozenset(), frozenset()

    def walk(node: Any) -> None:
        if isinstance(node, list):
            for each in node:
                walk(each)
        if not isinstance(node, dict):
            return
        properties = node.get("properties")
        if isinstance(properties, dict):
            found.update(properties)
        target = node.get("$ref")
        if isinstance(target, str) and target.startswith(BASE) and target not in seen:
            seen.add(target)
            walk(schemas.document(target.removeprefix(BASE)))
        for key, each in node.items():
            if key not in ("examples", "default", "enum", "const"):
                walk(each)

    walk(document)
    return frozenset(found), frozenset(properties_of(schemas, name))


def properties_of(schemas: Schemas, name: str) -> dict[str, Any]:
    """The properties at the top of a schema, and of the one that it extends as a whole."""
    document = schemas.document(name) if name else None
    if document is None:
        return {}
    target = document.get("$ref")
    below = properties_of(schemas, target.removeprefix(BASE)) if isinstance(target, str) else {}
    return {**below, **document.get("properties", {})}
