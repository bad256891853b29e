"""The table that finds a route: by host, path, method and header fields. Pure.

The most specific rule wins, whatever the order of declaration:

1. an exact host before `*.example.com`, of which the longer goes first, before any host;
2. segment by segment from the left, a literal before a parameter before the end or `**`, and the end before `**`;
3. more header conditions before fewer;
4. named methods before any method, and `HEAD` by its name before the `HEAD` that comes with `GET`.

A rule counts only if all of it matches: a request with another method goes on to the next rule that takes it. Two rules
of the same rank that one request can match are a clash, and no table is made of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar
from urllib.parse import unquote_to_bytes

from .patterns import Pattern

T = TypeVar("T")

MOST_HOSTS = 1024
"""Hosts of requests whose rules are remembered."""
MOST_KNOWN = 1024
"""Requests whose rule is remembered."""
LONGEST_KNOWN = 512
"""Bytes of host and path of such a request."""
LONGEST_HOST = 255
"""Bytes of a name in the DNS (RFC 1035, 3.1); what is longer is no name that a rule could have."""

_HOST = re.compile(r"(\*\.)?[0-9A-Za-z_-]+(\.[0-9A-Za-z_-]+)*|\[[0-9A-Fa-f:.]+\]")
_PORT = re.compile(r":[0-9]*$")


@dataclass(frozen=True, slots=True)
class Rule(Generic[T]):
    """What a request must look like, and what it is for: `what`, anything, and `label`, its name in messages.

    `hosts` are exact names or `*.example.com` for all names below one, without a port; `methods` and `headers`, each
    field with its whole value, are conditions too. Empty means any. ValueError for what no request can match.
    """

    pattern: Pattern
    hosts: tuple[str, ...]
    methods: tuple[str, ...]
    headers: Mapping[str, str]
    what: T
    label: str

    def __post_init__(self) -> None:
        for host in self.hosts:
            fault = _fault_of(host)
            if fault:
                raise ValueError(f"{self.label}: host {host!r} {fault}")
        names = [name.lower() for name in self.headers]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"{self.label}: the header {name!r} has two conditions: leave one of them out")


class Found(NamedTuple, Generic[T]):
    """The rule that a request matches: what it is for, the raw parameters, and the raw remainder with its slash."""

    what: T
    parameters: dict[str, bytes]
    rest: bytes


class Missed(NamedTuple):
    """Only the method is wrong; `allow` holds, sorted, those that are not (RFC 9110, 15.5.6)."""

    allow: tuple[str, ...]


class Clash(ValueError):
    """Rules that one request matches equally well; `faults` has a sentence for each two of them."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = tuple(faults)


class RouteTable(Generic[T]):
    """Finds the rule for a request, in a time that does not grow with the number of rules. Clash if there are ties."""

    def __init__(self, rules: Iterable[Rule[T]]) -> None:
        self._rules = tuple(rules)
        self._named: dict[bytes, _Node[T]] = {}
        self._any: _Node[T] = _Node()
        # Hosts of requests, with the roots that they are looked up in.
        self._known: dict[bytes, tuple[_Node[T], ...]] = {}
        # PERF: many clients ask for few paths. What a header decides is not remembered.
        self._found: dict[tuple[bytes, str, bytes], Found[T]] = {}
        # The fields that some rule has a condition on, in lower case.
        self.conditions = frozenset(name.lower().encode() for rule in self._rules for name in rule.headers)
        self._remembers = not self.conditions
        self._deepest = max((len(rule.pattern.segments) for rule in self._rules), default=0)
        clashes: dict[tuple[int, int], str] = {}
        for number, rule in enumerate(self._rules):
            leaf = _Leaf(rule, number)
            for host in sorted({host.lower() for host in rule.hosts}) or [""]:
                for other in self._put(host, leaf):
                    clashes.setdefault((other.number, number), _clash(other.rule, rule, host))
        if clashes:
            raise Clash([*clashes.values()])

    def find(
        self, host: bytes, raw_path: bytes, method: str, headers: Mapping[bytes, bytes]
    ) -> Found[T] | Missed | None:
        """The best rule for a request, Missed if only its method is wrong, None if there is none at all.

        `host` may have a port and be in any case; the names of `headers` are in lower case. A path that does not begin
        with a slash, such as `*`, matches nothing.
        """
        known = self._found.get((host, method, raw_path))
        if known is not None:
            return known
        if not raw_path.startswith(b"/"):
            return None
        # PERF: no more pieces than a rule can look at, however many slashes somebody sends.
        parts = raw_path.split(b"/", self._deepest + 1)
        asked = _Asked(parts, method, headers, set())
        for root in self._roots(host) if self._named else (self._any,):
            leaf = _seek(root, 1, asked)
            if leaf is not None:
                found = {name: parts[at] for name, at in leaf.places}
                left = parts[leaf.depth :] if leaf.rule.pattern.rest else ()
                made = Found(leaf.rule.what, found, b"/" + b"/".join(left) if left else b"")
                if self._remembers and len(raw_path) + len(host) <= LONGEST_KNOWN:
                    if len(self._found) >= MOST_KNOWN:
                        self._found.clear()
                    self._found[host, method, raw_path] = made
                return made
        return Missed(tuple(sorted(asked.allowed))) if asked.allowed else None

    def routes(self) -> list[T]:
        """What the rules are for, in the order in which they were declared."""
        return [rule.what for rule in self._rules]

    def _put(self, host: str, leaf: _Leaf[T]) -> list[_Leaf[T]]:
        """Put a rule where a request finds it; gives those that are there with the same rank."""
        node = self._named.setdefault(host.removeprefix("*").encode(), _Node()) if host else self._any
        for segment in leaf.rule.pattern.segments:
            if segment is None:
                node.parameter = node.parameter or _Node()
                node = node.parameter
            else:
                node = node.literals.setdefault(segment.encode(), _Node())
        leaves = node.rest if leaf.rule.pattern.rest else node.ends
        ties = [other for other in leaves if leaf.ties(other)]
        leaves.append(leaf)
        leaves.sort(key=_Leaf.rank)
        return ties

    def _roots(self, host: bytes) -> tuple[_Node[T], ...]:
        """Where the rules for a host are, the most specific ones first."""
        known = self._known.get(host)
        if known is not None:
            return known
        if len(host) > LONGEST_HOST:
            return (self._any,)
        bare = bare_host(host)
        names = [bare]
        dot = bare.find(b".", 1)
        while dot > 0:
            names.append(bare[dot:])
            dot = bare.find(b".", dot + 1)
        # NOTE: a wildcard is kept as `.example.com`, which must not be taken for what a client sends as its host.
        if bare.startswith(b"."):
            names.pop(0)
        roots = (*(self._named[name] for name in names if name in self._named), self._any)
        if len(self._known) >= MOST_HOSTS:
            self._known.clear()
        self._known[host] = roots
        return roots


def literal_prefix(pattern: Pattern) -> int:
    """How many segments at the begin of a template are literal; a trailing slash does not count."""
    count = 0
    for segment in pattern.segments:
        if not segment:
            break
        count += 1
    return count


class _Leaf(Generic[T]):
    """A rule in the form that requests are held against."""

    __slots__ = ("depth", "headers", "methods", "number", "places", "rule")

    def __init__(self, rule: Rule[T], number: int) -> None:
        self.rule = rule
        self.number = number
        self.methods = frozenset((*rule.methods, "HEAD") if "GET" in rule.methods else rule.methods)
        self.headers = tuple((name.lower().encode(), value.encode()) for name, value in rule.headers.items())
        segments = enumerate(rule.pattern.segments, 1)
        holes = (at for at, segment in segments if segment is None)
        self.places = tuple(zip(rule.pattern.parameters, holes, strict=True))
        self.depth = len(rule.pattern.segments) + 1

    def rank(self) -> tuple[int, bool, bool]:
        """Where it stands among the rules of the same host and shape, the best first."""
        return -len(self.headers), not self.methods, "HEAD" not in self.rule.methods

    def ties(self, other: _Leaf[T]) -> bool:
        """Whether a request can match both, and neither is better; host and shape are the same."""
        if len(self.headers) != len(other.headers):
            return False
        mine, theirs = self.rule.methods, other.rule.methods
        if not (set(mine) & set(theirs) if mine and theirs else mine == theirs):
            return False
        values = dict(other.headers)
        return all(values.get(name, value) == value for name, value in self.headers)


class _Node(Generic[T]):
    """A place in the tree of segments: rules that end here, rules that take the rest, and where it goes on."""

    __slots__ = ("ends", "literals", "parameter", "rest")

    def __init__(self) -> None:
        self.literals: dict[bytes, _Node[T]] = {}
        self.parameter: _Node[T] | None = None
        self.ends: list[_Leaf[T]] = []
        self.rest: list[_Leaf[T]] = []


class _Asked(NamedTuple):
    """A request: its raw segments, nothing before the first slash among them, and which methods would have done."""

    parts: list[bytes]
    method: str
    headers: Mapping[bytes, bytes]
    allowed: set[str]


def _seek(node: _Node[T], at: int, asked: _Asked) -> _Leaf[T] | None:
    """The best rule at or below a node; `at` is the segment that comes next."""
    if at == len(asked.parts):
        found = _choose(node.ends, asked)
    else:
        found, part = None, asked.parts[at]
        if node.literals:
            # NOTE: split first, then decoded once: an encoded slash never makes a segment.
            below = node.literals.get(unquote_to_bytes(part) if b"%" in part else part)
            if below is not None:
                found = _seek(below, at + 1, asked)
        if found is None and node.parameter is not None and part:
            found = _seek(node.parameter, at + 1, asked)
    return found or _choose(node.rest, asked)


def _choose(leaves: list[_Leaf[T]], asked: _Asked) -> _Leaf[T] | None:
    """The first rule whose fields and methods match."""
    for leaf in leaves:
        for name, value in leaf.headers:
            if asked.headers.get(name) != value:
                break
        else:
            if not leaf.methods or asked.method in leaf.methods:
                return leaf
            asked.allowed.update(leaf.methods)
    return None


def bare_host(host: bytes) -> bytes:
    """The host of a request without its port and the dot of the root, in lower case."""
    name, colon, port = host.rpartition(b":")
    if colon and (port.isdigit() or not port):
        host = name
    return host.lower().removesuffix(b".")


def _fault_of(host: str) -> str:
    """Why no request has such a host, empty if one may."""
    if host == "*":
        return "is any host: leave it out"
    if _HOST.fullmatch(host):
        return ""
    if _PORT.search(host) and _HOST.fullmatch(_PORT.sub("", host)):
        return "has a port: hosts are compared without it"
    if not host.isascii():
        return "is not written as clients send it: write an international name as xn--..."
    return "is no host: write a name such as api.example.com, or *.example.com for all names below one"


def _clash(one: Rule[T], other: Rule[T], host: str) -> str:
    """A sentence about two rules of the same rank."""
    methods = " ".join(method for method in one.methods if method in other.methods) or "any method"
    return (
        f"{one.label} and {other.label} match the same requests ({methods} of {host or 'any host'}, "
        f"{one.pattern.text} and {other.pattern.text}): make one of them more specific, or leave it out"
    )
