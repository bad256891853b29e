"""The words of a dialect: what it calls nouns, fields and values, from `words.toml` and from the settings over it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from copy import deepcopy
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import Struct

from ..errors import DefinitionError, SettingsError
from ..target import Noun, chain
from .rules import RuleWords

if TYPE_CHECKING:
    from ..registry import Registry

_FIELD = re.compile(r"\{([a-z_]+)\}")


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
        return msgspec.convert(merged, Words)
    except msgspec.ValidationError as error:
        raise SettingsError([f"dialects.{dialect}.words: {error}"]) from None


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
