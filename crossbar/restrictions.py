"""Token restrictions: what the bearer of one token may ask for. Pure (Crossbar reference, 8.3).

A **template** is what an account keeps: `{method or "_": {priv_level or "_": RULES}}`. At login one RULES is chosen and
frozen into the token: `{endpoint or "_": [{"allowed_accounts": [...], "rules": {pattern: [verbs]}}, ...]}`.

The last endpoint of the path finds its list, and `_` the lists of those that are not named; the first entry for the
account decides, in it the first pattern for the arguments, and with that the verbs. What nothing speaks of is denied.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson

ANY = "_"
SELF, BELOW = "{AUTH_ACCOUNT_ID}", "{DESCENDANT_ACCOUNT_ID}"
LEVELS = frozenset({ANY, "admin", "user"})
VERBS = frozenset({ANY, "GET", "PUT", "POST", "PATCH", "DELETE"})
MOST_BYTES = 4096
"""How large the restrictions of one token may be, as compact JSON; the token travels in a header field."""

_ONE, _MORE = "*", "#"
_NAME = re.compile(r"_|[a-z][a-z0-9_]{0,31}")


class _Entry(NamedTuple):
    """Rules for some accounts (None: for all), each with the verbs that it allows (None: all of them)."""

    accounts: frozenset[str] | None
    rules: tuple[tuple[tuple[str, ...], frozenset[str] | None], ...]


class Restrictions:
    """What the bearer of a token may ask for: what every one of its RULES allows.

    Raises ValueError, naming the place, for RULES that are malformed or over `MOST_BYTES` together.
    """

    __slots__ = ("_layers",)

    def __init__(self, *rules: Any) -> None:
        self._layers = tuple([_layer(each) for each in rules])
        size = len(orjson.dumps(rules))
        if size > MOST_BYTES:
            raise ValueError(f"the restrictions of a token may have {MOST_BYTES} bytes as JSON, not {size}")

    def allow(self, endpoint: str, args: Sequence[str], verb: str, account: str | None, own: str) -> bool:
        """Whether they let a request pass.

        `endpoint` and `args` are the last noun of the path, `account` is the account that the path leads into, which
        the caller may enter, and `own` the caller's.
        """
        return all(_allows(layer, endpoint, args, verb, account, own) for layer in self._layers)

    @staticmethod
    def check(template: Any) -> None:
        """Raise ValueError, naming the place, for a template of which any part is malformed or too large."""
        for method, levels in _object(template, "restrictions").items():
            place = _named(method, "restrictions")
            for level, rules in _object(levels, place).items():
                if level not in LEVELS:
                    raise ValueError(f"{place}: {level!r} is no priv_level: write {', '.join(sorted(LEVELS))}")
                try:
                    Restrictions(rules)
                except ValueError as error:
                    raise ValueError(f"{place}.{level}: {error}") from None


def chosen(template: Any, method: str, level: str) -> list[Any]:
    """The RULES of a template for a login, in a list that is empty if it has none for it.

    The method counts for more than the level, and a name for more than `_`. ValueError if the template is malformed.
    """
    Restrictions.check(template)
    for each in (method, ANY):
        levels = template.get(each, {})
        for name in (level, ANY):
            if name in levels:
                return [levels[name]]
    return []


def fits(pattern: tuple[str, ...], args: Sequence[str]) -> bool:
    """Whether arguments fit a pattern: `*` is exactly one of them, `#` any number, all else itself."""
    # PERF: going back to the last `#` alone is enough, and keeps the work below length times length.
    at = behind = resume = 0
    open_at = -1
    while at < len(args):
        if behind < len(pattern) and pattern[behind] == _MORE:
            open_at, resume = behind, at
            behind += 1
        elif behind < len(pattern) and pattern[behind] in (_ONE, args[at]):
            at += 1
            behind += 1
        elif open_at >= 0:
            resume += 1
            at, behind = resume, open_at + 1
        else:
            return False
    return all(each == _MORE for each in pattern[behind:])


def _allows(
    layer: dict[str, tuple[_Entry, ...]], endpoint: str, args: Sequence[str], verb: str, account: str | None, own: str
) -> bool:
    """Whether one RULES lets a request pass."""
    entries = layer[endpoint] if endpoint in layer else layer.get(ANY, ())
    called: set[str | None] = {account, SELF if account == own else BELOW} if account is not None else set()
    for entry in entries:
        if entry.accounts is None or not called.isdisjoint(entry.accounts):
            for pattern, verbs in entry.rules:
                if fits(pattern, args):
                    return verbs is None or verb.upper() in verbs
            return False
    return False


def _layer(rules: Any) -> dict[str, tuple[_Entry, ...]]:
    """One RULES, ready for use."""
    layer = {}
    for endpoint, entries in _object(rules, "rules").items():
        place = _named(endpoint, "")
        if not isinstance(entries, list):
            raise ValueError(f"{place}: write a list of objects with rules")
        layer[endpoint] = tuple([_entry(each, f"{place}.{number}") for number, each in enumerate(entries)])
    return layer


def _entry(entry: Any, place: str) -> _Entry:
    # NOTE: a misspelt `allowed_accounts` would let into every account.
    if set(_object(entry, place)) - {"allowed_accounts", "rules"} or "rules" not in entry:
        raise ValueError(f"{place}: write rules, and allowed_accounts if they are for some accounts only")
    accounts = None
    if "allowed_accounts" in entry:
        listed = frozenset(_texts(entry["allowed_accounts"], f"{place}.allowed_accounts"))
        accounts = None if ANY in listed else listed
    rules = []
    for pattern, verbs in _object(entry["rules"], f"{place}.rules").items():
        written = f"{place}.rules.{pattern}"
        parts = () if pattern == "/" else tuple(pattern.split("/"))
        if not all(parts):
            raise ValueError(f"{written}: write / for no arguments, or arguments with / between them")
        allowed = frozenset([verb if verb == ANY else verb.upper() for verb in _texts(verbs, written)])
        if not allowed <= VERBS:
            raise ValueError(f"{written}: {', '.join(sorted(allowed - VERBS))}: write {', '.join(sorted(VERBS))}")
        rules.append((parts, None if ANY in allowed else allowed))
    return _Entry(accounts, tuple(rules))


def _object(value: Any, place: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{place}: write an object")
    return value


def _texts(value: Any, place: str) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise ValueError(f"{place}: write a list of texts")
    return value


def _named(name: str, place: str) -> str:
    """The place of a name below a place; ValueError if nothing can have that name."""
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"{place or 'rules'}: {name[:40]!r} is no name: write {ANY}, or lower-case letters, digits and _"
        )
    return f"{place}.{name}" if place else name
