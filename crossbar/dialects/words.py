"""The words of a dialect: what it calls nouns, fields and values, from `words.toml` and from the settings over it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import deepcopy
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from itertools import combinations
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from ..errors import DefinitionError, SettingsError
from ..target import Noun, chain
from .rules import Rule, RuleWords

if TYPE_CHECKING:
    from ..registry import Registry

_FIELD = re.compile(r"\{([a-z_]+)\}")
_WORD = re.compile(r"[\w.~-]+")


class Words(Struct, frozen=True, forbid_unknown_fields=True):
    """What one dialect calls things; what it has no word of its own for is called by a rule.

    `nouns` are its words and the nouns that they stand for, the usual one first; `roots` are those that mean something
    else where a path begins. By noun, `fields` has the rules of fields (`*` for all nouns), `defaults` fields of ours
    that a new document gets where the client says nothing, `fixed` what every document has beside its own, and
    `filters` words of the query with the fields that they filter by. `groups` are the usage groups that requests are
    counted in, by noun, `*` for the others; `links` are fields with files, and where below the document they are.
    """

    nouns: dict[str, str] = {}
    roots: dict[str, str] = {}
    fields: dict[str, dict[str, str | RuleWords]] = {}
    defaults: dict[str, dict[str, Any]] = {}
    fixed: dict[str, dict[str, Any]] = {}
    filters: dict[str, dict[str, str]] = {}
    groups: dict[str, str] = {}
    links: dict[str, dict[str, str]] = {}

    @classmethod
    def of(cls, words: Mapping[str, Any]) -> Words:
        """Words out of nested tables, such as those of a TOML file; DefinitionError if they are not well formed."""
        try:
            return msgspec.convert(words, cls)
        except msgspec.ValidationError as error:
            raise DefinitionError(f"the words of a dialect are not well formed: {error}") from None


def words_of(dialect: str, own: Mapping[str, Any]) -> Words:
    """The words of a bundled dialect, with those of the settings over them; an empty name takes a word away.

    SettingsError, naming the key, for words that are not well formed.
    """
    merged = deepcopy(_bundled().get(dialect, {}))
    _merge(merged, own)
    merged["nouns"] = {word: noun for word, noun in merged.get("nouns", {}).items() if noun != ""}
    try:
        words = msgspec.convert(merged, Words)
    except msgspec.ValidationError as error:
        raise SettingsError([f"dialects.{dialect}.words: {error}"]) from None
    faults = [f"dialects.{dialect}.words.{fault}" for fault in (*_misspelt(words), *_alike(words, own))]
    if faults:
        raise SettingsError(faults)
    return words


def _misspelt(words: Words) -> Iterator[str]:
    """The words for nouns that cannot stand in a path as they are."""
    for table, told in (("nouns", words.nouns), ("roots", words.roots)):
        for word in told:
            if not _WORD.fullmatch(word):
                yield f"{table}.{word}: {word!r} is no word of a path: letters, digits, '.', '_', '~' and '-' are"


def _alike(words: Words, own: Mapping[str, Any]) -> Iterator[str]:
    """The fields of the settings that are where another field of the noun is, or inside of it."""
    common = words.fields.get("*", {})
    for noun, told in own.get("fields", {}).items():
        rules = {ours: Rule.of(ours, theirs) for ours, theirs in {**common, **words.fields[noun]}.items()}
        for ours, other in combinations(rules, 2):
            if not {ours, other} & {*told} or {rules[ours].only, rules[other].only} == {"in", "out"}:
                continue
            length = min(len(rules[ours].theirs), len(rules[other].theirs))
            if rules[ours].theirs[:length] == rules[other].theirs[:length]:
                field, present = (other, ours) if other in told else (ours, other)
                place = f"fields.{noun}.{field}: {rules[field].name!r}"
                yield f"{place} is what {present} is called, or inside of it: choose another name"


def doubts(dialect: str, own: Mapping[str, Any], names: Iterable[str]) -> list[str]:
    """What the words of the settings say of nouns that there are not, a sentence each.

    It is no error, since modules come and go; but a word that leads nowhere is often one that is misspelt.
    """
    known = [*names]
    told: list[tuple[str, str]] = []
    for table in ("nouns", "roots"):
        told += [(f"{table}.{word}", noun) for word, noun in own.get(table, {}).items() if noun != ""]
    for table in ("fields", "defaults", "fixed", "filters", "groups", "links"):
        told += [(f"{table}.{noun}", noun) for noun in own.get(table, {}) if noun != "*"]
    found = []
    for key, noun in told:
        if noun not in known:
            near = get_close_matches(noun, known, 1, 0.5)
            meant = f"; did you mean {near[0]!r}?" if near else ""
            found.append(f"dialects.{dialect}.words.{key}: no endpoint is called {noun!r}{meant}")
    return found


@cache
def _bundled() -> dict[str, Any]:
    return tomllib.loads(files("crossbar.defaults").joinpath("words.toml").read_text(encoding="utf-8"))


def filled(body: dict[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """The body of a new document with what it gets where the client says nothing.

    `{field}` in a text is another field of it; a text stays away if such a field is not there, or is no text.
    """
    for name, value in defaults.items():
        if body.get(name) is not None:
            continue
        if not isinstance(value, str):
            body[name] = deepcopy(value)
        elif all(isinstance(body.get(field), str) for field in _FIELD.findall(value)):
            body[name] = _FIELD.sub(lambda found: str(body[found[1]]), value)
    return body


def _merge(into: dict[str, Any], other: Mapping[str, Any]) -> None:
    for key, value in other.items():
        if isinstance(value, Mapping) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = value


class Lexicon:
    """The words of a dialect for the endpoints that there are: from tokens of a path to nouns."""

    def __init__(self, registry: Registry, words: Words, spell: Callable[[str], str]) -> None:
        self._names = registry.names
        self._greedy = registry.greedy
        self._own_literals = registry.literals
        self.opening = {spell(name): name for name in registry.names}
        self.opening |= {word: noun for word, noun in words.nouns.items() if noun in registry.names}
        self._roots = {word: noun for word, noun in words.roots.items() if noun in registry.names}
        self._literals = {name: _literals_of(registry, name, spell) for name in registry.names}

    def nouns(self, tokens: list[str]) -> tuple[Noun, ...]:
        """The nouns that tokens spell in the words of the dialect, empty if the first of them opens none."""
        translated = []
        name = ""
        for at, token in enumerate(tokens):
            noun = self.opening.get(token)
            if at == 0 and token in self._roots:
                noun = self._roots[token]
            if noun is not None:
                name = noun
                translated.append(noun)
                if noun in self._greedy:
                    translated += tokens[at + 1 :]
                    break
            else:
                literals = self._literals.get(name)
                translated.append(literals.get(token, token) if literals else token)
        return chain(translated, self._names, self._greedy, self._own_literals, None)


def _literals_of(registry: Registry, name: str, spell: Callable[[str], str]) -> dict[str, str]:
    """The words of an endpoint's actions that the dialect spells otherwise."""
    words = {part for route in registry.names[name].routes for part in route.pattern if part is not None}
    return {spell(word): word for word in words if spell(word) != word}
