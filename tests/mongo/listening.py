"""What the driver sends, as it was sent: a record of commands, and two questions to it.

commands = Commands()
client = AsyncMongoClient(uri, event_listeners=[commands])
...
assert [] == client_text_leaks(commands, ["$where", "it's"])
assert [] == unscoped(commands)
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from threading import Lock
from typing import Any, Literal

from bson.code import Code
from bson.regex import Regex
from pymongo.monitoring import CommandFailedEvent, CommandListener, CommandStartedEvent, CommandSucceededEvent

Mode = Literal["value", "filter", "update", "code", "commands"]


@dataclass(frozen=True, slots=True)
class Command:
    """One command: its name, the collection that it is about ("" if none), and all of it."""

    name: str
    collection: str
    whole: dict[str, Any]

    @property
    def pipeline(self) -> list[dict[str, Any]]:
        """The stages of an aggregation."""
        return list(self.whole.get("pipeline", ()))

    @property
    def filters(self) -> list[Mapping[str, Any]]:
        """What it looks for, once for each write that it holds; of an aggregation the `$match` that it begins with."""
        if self.name == "aggregate":
            return [(self.pipeline or [{}])[0].get("$match", {})]
        if self.name in ("update", "delete"):
            return [each["q"] for each in self.whole[f"{self.name}s"]]
        if self.name == "bulkWrite":
            return [each["filter"] for each in self.whole["ops"] if "filter" in each]
        if self.name in ("findAndModify", "count", "distinct"):
            return [self.whole.get("query", {})]
        return [self.whole.get("filter", {})] if self.name == "find" else []


class Commands(CommandListener):
    """All commands of the clients that it listens to, in their order; threads may share it."""

    def __init__(self) -> None:
        self._all: list[Command] = []
        self._lock = Lock()

    def started(self, event: CommandStartedEvent) -> None:
        """Write down what is about to be sent."""
        whole = deepcopy(dict(event.command))
        first = whole.get("collection") if event.command_name == "getMore" else whole.get(event.command_name)
        made = Command(event.command_name, first if isinstance(first, str) else "", whole)
        with self._lock:
            self._all.append(made)

    def succeeded(self, event: CommandSucceededEvent) -> None:
        """Take no notice: what was sent is what counts."""

    def failed(self, event: CommandFailedEvent) -> None:
        """Take no notice: what was sent is what counts."""

    def __iter__(self) -> Iterator[Command]:
        """All of them so far."""
        with self._lock:
            return iter(self._all.copy())

    def named(self, *names: str) -> list[Command]:
        """Those of these names."""
        return [each for each in self if each.name in names]

    def clear(self) -> None:
        """Forget all of them."""
        with self._lock:
            self._all.clear()


# How MongoDB reads an argument of a command. What is not here is code: no text of a client has business in it.
ARGUMENTS: dict[str, Mode] = {
    "filter": "filter",
    "query": "filter",
    "q": "filter",
    "arrayFilters": "filter",
    "document": "value",
    "documents": "value",
    "u": "update",
    "updateMods": "update",
    "updates": "commands",
    "deletes": "commands",
    "ops": "commands",
    "explain": "commands",
}
COMPARISONS = frozenset({"$eq", "$ne", "$gt", "$gte", "$lt", "$lte", "$in", "$nin", "$all"})
LOGIC = frozenset({"$and", "$or", "$nor", "$not", "$elemMatch"})
PLAIN_UPDATES = frozenset({"$set", "$setOnInsert", "$inc", "$min", "$max", "$unset", "$push", "$addToSet", "$pullAll"})


def client_text_leaks(commands: Commands, texts: Collection[str]) -> list[str]:
    """Where one of these texts, or one that holds it, is more than a value, as lines that say which and where.

    Values are what a field is compared with, alone, in a range or in an array, what is stored, and what stands in
    `$literal`. Everything else is MongoDB's language: keys, patterns, operators, expressions, names. The texts should
    be such as no command holds of itself.
    """
    walk = _Walk(texts)
    return [leak for each in commands for leak in walk.command(each.whole, each.name, each.name)]


def unscoped(commands: Commands, exceptions: Collection[str] = (), field: str = "tenant") -> list[str]:
    """The commands that search a collection without saying whose documents, as lines that show what they look for.

    A filter says so by `field`, equal to a value or in some, at its top, in its `$and` or in each branch of its `$or`.
    `exceptions` are collections ("blobs.chunks") or commands on one ("find keys") that need not.
    """
    return [
        f"{each.name} {each.collection}: {dict(filter)}"
        for each in commands
        if each.collection not in exceptions and f"{each.name} {each.collection}" not in exceptions
        for filter in each.filters
        if not _scoped(filter, field)
    ]


def _scoped(filter: Mapping[str, Any], field: str) -> bool:
    wanted = filter.get(field)
    if isinstance(wanted, str) or (isinstance(wanted, Mapping) and not wanted.keys().isdisjoint({"$eq", "$in"})):
        return True
    branches = filter.get("$or", ())
    return any(_scoped(each, field) for each in filter.get("$and", ())) or (
        bool(branches) and all(_scoped(each, field) for each in branches)
    )


class _Walk:
    """A walk over a command, in which each step knows how MongoDB reads what it stands before."""

    def __init__(self, texts: Collection[str]) -> None:
        self._texts = texts

    def command(self, whole: Mapping[str, Any], name: str, place: str) -> Iterator[str]:
        """What leaks from a command, or from one of the writes that it holds."""
        for key, value in whole.items():
            yield from self._key(key, place)
            mode: Mode = ARGUMENTS.get(key, "code")
            # NOTE: the command `update` names a collection by the word that `findAndModify` has for a change.
            if key == "update" and name == "findAndModify":
                mode = "update"
            yield from self._value(value, f"{place}.{key}", mode)

    def _value(self, value: Any, place: str, mode: Mode) -> Iterator[str]:
        if isinstance(value, Mapping):
            yield from self._mapping(value, place, mode)
        elif isinstance(value, list | tuple):
            inner: Mode = "code" if mode == "update" else mode  # a list of stages
            for index, each in enumerate(value):
                yield from self._value(each, f"{place}[{index}]", inner)
        elif isinstance(value, Regex | re.Pattern):
            yield from self._text(value.pattern, place, "a pattern")
        elif isinstance(value, Code) or (isinstance(value, str) and mode == "code"):
            yield from self._text(value, place, "code")

    def _mapping(self, value: Mapping[str, Any], place: str, mode: Mode) -> Iterator[str]:
        if mode == "commands":
            yield from self.command(value, next(iter(value), ""), place)
            return
        for key, each in value.items():
            yield from self._key(key, place)
            yield from self._value(each, f"{place}.{key}", _below(key, each, mode))

    def _key(self, key: str, place: str) -> Iterator[str]:
        yield from self._text(key, place, "a key")

    def _text(self, text: str | bytes, place: str, what: str) -> Iterator[str]:
        shown = text if isinstance(text, str) else text.decode("utf-8", "replace")
        yield from (f"{place} holds {each!r} in {what}: {shown!r}" for each in self._texts if each in shown)


def _below(key: str, value: Any, mode: Mode) -> Mode:
    """How MongoDB reads what stands below a key, by how it reads the mapping that the key is in."""
    if mode == "value" or key == "$literal":
        return "value"
    if mode == "filter":
        if key.startswith("$"):
            return "filter" if key in LOGIC else "value" if key in COMPARISONS else "code"
        return "filter" if isinstance(value, Mapping) and any(name.startswith("$") for name in value) else "value"
    if mode == "update" and (key in PLAIN_UPDATES or not key.startswith("$")):
        return "value"
    return "filter" if key == "$match" or (mode == "update" and key == "$pull") else "code"
