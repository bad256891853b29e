"""The rules of `allow` against a second reading of their own: every expression, over every kind of value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from hypothesis import event, given
from hypothesis import strategies as st

from crossbar.gateway.policy import compile_policy

Facts = dict[str, Any]


class Term(NamedTuple):
    """Something that can be compared: how it is written, and what it is."""

    text: str
    value: Callable[[Facts], Any]
    is_null: bool = False


class Logic(NamedTuple):
    """A rule: how it is written, whether it is so, and whether the opposite of it is."""

    text: str
    yes: Callable[[Facts], bool]
    no: Callable[[Facts], bool]


scalars = st.sampled_from([None, True, False, 0, 1, 2.5, -1, "", "a", "b", "a b", "1"])
values = scalars | st.lists(scalars, max_size=3) | st.dictionaries(st.sampled_from("ab"), scalars, max_size=2)
claims = st.dictionaries(st.sampled_from("abc"), values, max_size=3)


def written(value: Any) -> str:
    """Write a constant in the language."""
    return {"null": "null", "boolean": str(value).lower()}.get(kind(value), repr(value))


def constant(value: Any) -> Term:
    """A constant as a term."""
    return Term(written(value), lambda facts: value, value is None)


def listed(items: list[Any]) -> Term:
    """A list of constants as a term."""
    return Term(f"[{', '.join(map(written, items))}]", lambda facts: items)


def name(key: str) -> Term:
    """A claim as a term."""
    return Term(f"claims.{key}", lambda facts: facts["claims"].get(key))


def kind(value: Any) -> str:
    """Name what a value is in JSON."""
    kinds = {bool: "boolean", int: "number", float: "number", str: "text", list: "list", dict: "object"}
    return "null" if value is None else kinds[type(value)]


def told(value: Any) -> Any:
    """A value with its kind, all the way down, so that Python compares as JSON does."""
    if isinstance(value, list):
        return ("list", [told(each) for each in value])
    if isinstance(value, dict):
        return ("object", {key: told(each) for key, each in value.items()})
    return (kind(value), value)


def compare(left: Term, sign: str, right: Term, facts: Facts) -> bool | None:
    """What a comparison says, by the words of the documentation; None where nobody can say."""
    one, other = left.value(facts), right.value(facts)
    kinds = (kind(one), kind(other))
    if sign in ("==", "!="):
        if "null" in kinds and not (left.is_null or right.is_null):
            return None
        return (told(one) == told(other)) is (sign == "==")
    if sign in ("in", "not in"):
        if kinds[0] == "null" or kinds[1] not in ("list", "text") or (kinds[1] == "text" and kinds[0] != "text"):
            return None
        held = {"list": other, "text": str(other).split()}[kinds[1]]
        return (told(one) in [told(each) for each in held]) is (sign == "in")
    if kinds not in (("number", "number"), ("text", "text")):
        return None
    return bool({"<": one < other, "<=": one <= other, ">": one > other, ">=": one >= other}[sign])


def comparison(left: Term, sign: str, right: Term) -> Logic:
    """A comparison as a rule: where nobody can say, neither it nor its opposite is so."""
    return Logic(
        f"{left.text} {sign} {right.text}",
        lambda facts: compare(left, sign, right, facts) is True,
        lambda facts: compare(left, sign, right, facts) is False,
    )


def alone(term: Term) -> Logic:
    """A name that stands alone."""
    return Logic(
        term.text,
        lambda facts: term.value(facts) is True,
        lambda facts: kind(term.value(facts)) in ("null", "boolean") and not term.value(facts),
    )


def joined(rules: list[Logic], word: str) -> Logic:
    """Rules joined by a word."""
    text = f" {word} ".join(f"({rule.text})" for rule in rules)
    if word == "and":
        return Logic(text, lambda f: all(r.yes(f) for r in rules), lambda f: any(r.no(f) for r in rules))
    return Logic(text, lambda f: any(r.yes(f) for r in rules), lambda f: all(r.no(f) for r in rules))


def denied(rule: Logic) -> Logic:
    """The opposite of a rule."""
    return Logic(f"not ({rule.text})", rule.no, rule.yes)


names = st.sampled_from("abcd").map(name)
terms = (
    names
    | names
    | scalars.map(constant)
    | st.lists(scalars.filter(lambda value: value is not None), max_size=2).map(listed)
)
signs = st.sampled_from(["==", "!=", "<", "<=", ">", ">=", "in", "not in"])
parts = st.builds(comparison, terms, signs, terms) | st.builds(comparison, terms, signs, terms) | names.map(alone)
rules = st.recursive(
    parts,
    lambda inner: (
        st.builds(joined, st.lists(inner, min_size=2, max_size=3), st.sampled_from(["and", "or"])) | inner.map(denied)
    ),
    max_leaves=6,
)


@given(rules, claims)
def test_every_rule_means_what_is_written(rule: Logic, found: Facts) -> None:
    """A rule and its opposite say what the documentation says they do."""
    facts = {"claims": found}
    said = compile_policy(rule.text, ())(facts)
    event(str(said))
    assert rule.yes(facts) is said
    assert rule.no(facts) is compile_policy(f"not ({rule.text})", ())(facts)
    assert not (rule.yes(facts) and rule.no(facts))


@given(terms, signs, terms, signs, terms, claims)
def test_a_chain_is_all_of_its_links(one: Term, first: str, two: Term, second: str, three: Term, found: Facts) -> None:
    """`a < b < c` is `a < b and b < c`."""
    facts = {"claims": found}
    chain = compile_policy(f"{one.text} {first} {two.text} {second} {three.text}", ())
    links = compile_policy(f"{one.text} {first} {two.text} and {two.text} {second} {three.text}", ())
    assert links(facts) is chain(facts)
