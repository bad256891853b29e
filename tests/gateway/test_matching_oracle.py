"""The tree of routes against a plain list of them: whatever the rules, both find the same."""

from __future__ import annotations

import contextlib
from typing import Any
from urllib.parse import unquote_to_bytes

from hypothesis import event, given
from hypothesis import strategies as st

from crossbar.gateway.matching import Clash, Found, Missed, RouteTable, Rule
from crossbar.gateway.patterns import Pattern

Request = tuple[str, str, str, dict[str, str]]

hosts = st.lists(st.sampled_from(["a.b", "A.b", "*.b", "*.a.b"]), max_size=2).map(tuple)
segments = st.lists(st.sampled_from(["a", "%61", "{}", "{}", "c%2Fd"]), max_size=3)
fields = st.dictionaries(st.sampled_from("xy"), st.sampled_from("12"), max_size=2)
methods = st.lists(st.sampled_from(["GET", "HEAD", "POST"]), max_size=2, unique=True).map(tuple)


@st.composite
def rules(draw: st.DrawFn) -> Rule[int]:
    """Make any rule; what it is for is set later."""
    named = (f"{{p{at}}}" if each == "{}" else each for at, each in enumerate(draw(segments)))
    path = "".join(f"/{each}" for each in named) + draw(st.sampled_from(["", "/", "/**"]))
    return Rule(Pattern.parse(path or "/"), draw(hosts), draw(methods), draw(fields), 0, "r")


requests = st.tuples(
    st.sampled_from(["a.b", "x.a.b:80", "y.x.A.b", "c"]),
    st.lists(st.sampled_from(["a", "a", "%61", "c%2fd", "c", ""]), max_size=4).map(lambda parts: "/" + "/".join(parts)),
    st.sampled_from(["GET", "HEAD", "POST", "PUT"]),
    fields,
)


def parts_of(rule: Rule[int], path: str) -> tuple[dict[str, bytes], bytes] | None:
    """Hold one template against one path, the long way."""
    raw = path.encode().split(b"/")[1:]
    wanted, names, found = rule.pattern.segments, iter(rule.pattern.parameters), {}
    if len(raw) < len(wanted) or (len(raw) > len(wanted) and not rule.pattern.rest):
        return None
    for segment, part in zip(wanted, raw, strict=False):
        if segment is None and part:
            found[next(names)] = part
        elif segment is None or segment.encode() != unquote_to_bytes(part):
            return None
    return found, b"".join(b"/" + part for part in raw[len(wanted) :])


def host_rank(rule: Rule[int], host: str) -> int | None:
    """How specific the best host of a rule is, None if it has none for this one."""
    name = host.partition(":")[0].lower()
    ranks = [1000 if each.lower() == name else len(each) for each in rule.hosts if suits(each.lower(), name)]
    return max(ranks, default=None) if rule.hosts else 0


def suits(host: str, name: str) -> bool:
    """Whether a host of a rule is that of a request."""
    return name == host or (host[0] == "*" and name.endswith(host[1:]) and len(name) >= len(host))


def rank(rule: Rule[int], host: str, method: str) -> tuple[Any, ...]:
    """Where a rule that matches stands among the others."""
    shape = (*(3 if segment is not None else 2 for segment in rule.pattern.segments), 0 if rule.pattern.rest else 1)
    named = method in rule.methods
    return host_rank(rule, host), shape, len(rule.headers), bool(rule.methods), named


def search(all_rules: list[Rule[int]], request: Request) -> Found[int] | Missed | None:
    """Look at every rule, and take the best."""
    host, path, method, headers = request
    fits = [
        rule
        for rule in all_rules
        if host_rank(rule, host) is not None
        and parts_of(rule, path) is not None
        and rule.headers.items() <= headers.items()
    ]
    takes = [(rule, {*rule.methods} | ({"HEAD"} if "GET" in rule.methods else set())) for rule in fits]
    right = [rule for rule, taken in takes if not taken or method in taken]
    if not right:
        return Missed(tuple(sorted(set().union(*(taken for _, taken in takes))))) if fits else None
    ranks = {rank(rule, host, method): rule for rule in right}
    assert len(right) == len(ranks), "a tie that nobody told of"
    best = ranks[max(ranks)]
    parts = parts_of(best, path)
    assert parts is not None
    return Found(best.what, *parts)


@given(st.lists(rules(), max_size=12), st.lists(requests, min_size=1, max_size=12))
def test_a_tree_finds_what_a_list_finds(made: list[Rule[int]], asked: list[Request]) -> None:
    """The same rule, parameters and rest; the same methods of a 405; the same nothing, every time."""
    kept: list[Rule[int]] = []
    for rule in made:
        numbered = Rule(rule.pattern, rule.hosts, rule.methods, rule.headers, len(kept), f"r{len(kept)}")
        try:
            RouteTable([*kept, numbered])
        except Clash:
            continue
        kept.append(numbered)
    table, backwards = RouteTable(kept), RouteTable(kept[::-1])
    for request in asked:
        host, path, method, headers = request
        query = host.encode(), path.encode(), method, {name.encode(): value.encode() for name, value in headers.items()}
        expected = search(kept, request)
        event(type(expected).__name__)
        assert expected == table.find(*query) == table.find(*query) == backwards.find(*query)


def meeting(one: Rule[int], other: Rule[int]) -> Request:
    """Make the request that two rules which clash both match."""
    shared = {each.lower() for each in one.hosts} & {each.lower() for each in other.hosts}
    path = "".join("/" + ("z" if segment is None else segment.replace("/", "%2F")) for segment in one.pattern.segments)
    both = [method for method in one.methods if method in other.methods]
    headers = {**one.headers, **other.headers}
    return min(shared, default="z").replace("*", "z"), path or "/", both[0] if both else "PUT", headers


@given(rules(), st.data())
def test_a_clash_is_no_false_alarm(one: Rule[int], data: st.DataObject) -> None:
    """Where a table is refused, there is a request that both rules match equally well."""
    drawn = data.draw(rules())
    # Mostly of the same shape, or hardly any two would ever clash.
    pattern = data.draw(st.sampled_from([one.pattern, one.pattern, drawn.pattern]))
    other = Rule(pattern, drawn.hosts, drawn.methods, drawn.headers, 1, "r1")
    with contextlib.suppress(Clash):
        RouteTable([one, other])
        event("no clash")
        return
    event("clash")
    host, path, method, headers = meeting(one, other)
    for rule in (one, other):
        assert isinstance(search([rule], (host, path, method, headers)), Found)
    assert rank(one, host, method) == rank(other, host, method)
