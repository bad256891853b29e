"""The rules of `allow`: what they say of a request, and what is no rule."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossbar.gateway.policy import MOST_CHARACTERS, MOST_LEVELS, PolicyError, compile_policy

FACTS: dict[str, Any] = {
    "claims": {
        "account": "a1",
        "roles": ["admin", "billing"],
        "scope": "read write:all",
        "level": 3,
        "ratio": 0.5,
        "zero": 0,
        "on": True,
        "off": False,
        "said": "true",
        "nothing": None,
        "https://x/roles": ["root"],
        "realm": {"roles": ["r"], "id": 1},
        "small": {"id": 1},
        "groups": [{"name": "g0"}, "g1"],
        "ints": [1, 2],
        "nulls": [None],
        "bools": [True],
    },
    "path": {"account": "a1", "item": "7"},
    "principal": {"account": "a1", "user": "u", "role": "user", "provider": "staff"},
    "request": {"method": "GET", "host": "h", "address": "::1"},
}


def says(text: str, facts: dict[str, Any] = FACTS) -> bool:
    """What a rule says of the facts above, or of others."""
    return compile_policy(text, ("account", "item"))(facts)


TRUE = [
    *("true", "True", "not false", "not not true", "true and true", "false or true", "not (false or false)"),
    *("claims.account == path.account", "claims.account == 'a1' and path.item != '8'", "claims['account'] == 'a1'"),
    *("'admin' in claims.roles", "'admin' in claims.roles or false", "'user' not in claims.roles"),
    *("principal.role == 'user'", "request.method in ['GET', 'HEAD']", "request.method in ('GET',)", "'x' not in []"),
    *("'read' in claims.scope", "'write:all' in claims.scope", "'write' not in claims.scope", "'b' in 'a b c'"),
    *("claims.level == 3", "claims.level == 3.0", "claims.level >= 3", "2 < claims.level < 4", "claims.zero > -1"),
    *("claims.level <= 3",),
    *("claims.ratio == .5", "0 <= claims.ratio <= 1 != 2", "claims.account < 'b'", "claims.zero == -0", "0x3 == 3"),
    *("claims.on", "not claims.off", "not claims.nothing", "not claims.missing", "claims.on == true"),
    *("claims.off == False",),
    *("claims.missing == null", "claims.nothing == None", "null == claims.missing", "claims.zero != null"),
    *("null == null",),
    *("claims.missing == null or claims.missing != 'a'", "not claims.missing != null", "not (null != null)"),
    *("not claims.level == 4", "not (3 < claims.level < 9)", "not (claims.level < 3 < claims.missing)"),
    *("not 'x' in claims.scope", "not 'admin' not in claims.roles"),
    *("'root' in claims['https://x/roles']", "'r' in claims.realm.roles", "claims.groups[0].name == 'g0'"),
    *("claims.groups[1] == 'g1'", "claims.groups[2] == null", "claims.account[0] == null", "claims.account.x == null"),
    *("claims.realm['roles'][0] == 'r'", "claims.roles == ['admin', 'billing']", "claims.ints == (1, 2.0)"),
    *("claims.realm == claims.realm", "claims.small != claims.realm", "claims.roles != ['admin']", "1 in claims.ints"),
    *("1.0 in claims.ints",),
    *("true in claims.bools", "claims.account == 'a' '1'", "claims['__x'] == null"),
    *("\n  true\n", "(\n claims.on\n and true\n)", "(true and\r\ntrue)", "'é' == '\\u00e9'", "'#' == '#'"),
]
FALSE = [
    *("false", "not true", "true and false", "false or false", "not (true or false)", "not not false"),
    *("claims.account == 'A1'", "claims.account != 'a1'", "path.item == 7", "'7' == 7", "claims.level == '3'"),
    *("'admin' in 'administrators'", "'admin' in claims.scope", "'write' in claims.scope", "'' in claims.scope"),
    *("'' in ''",),
    *("'read write:all' in claims.scope", "' ' in claims.scope", "'adm' in claims.roles", "'a' in []"),
    *("'admin' in claims.missing", "'admin' in null", "claims.missing in claims.nulls", "claims.missing in ['a']"),
    *("claims.missing < 3", "claims.missing >= 0", "null < 1", "claims.missing > 'a'", "claims.missing == 'null'"),
    *("null == claims.zero", "claims.missing != 'a'", "not claims.missing == 'a'", "not claims.missing != 'a'"),
    *("claims.missing not in ['a']", "not claims.missing in ['a']", "not claims.missing not in ['a']"),
    *("'a' not in claims.missing", "not 'a' in claims.missing", "not (claims.missing < 3)", "not claims.missing >= 3"),
    *("not (claims.missing == claims.nothing)", "not (2 < claims.level < claims.missing)", "not (claims.level < '4')"),
    *("not 3 in claims.level", "not (claims.missing == 'a' or claims.level == 4)"),
    *("claims.missing == claims.nothing", "claims.missing != claims.nothing", "claims.nothing == claims.nothing"),
    *("claims.level < '4'", "claims.account < 4", "claims.on < 2", "claims.on >= true", "claims.roles < claims.roles"),
    *("claims.level < 3", "claims.level > 3"),
    *("claims.on == 1", "claims.off == 0", "claims.zero == false", "claims.off == null", "1 in claims.bools"),
    *("claims.bools == [1]", "true in claims.ints", "claims.said", "claims.level", "claims.roles", "claims.zero"),
    *("not claims.said", "not claims.level", "not claims.zero", "not (claims.said or false)", "not not claims.said"),
    *("3 in claims.level", "3 not in claims.level", "'id' in claims.realm", "'id' not in claims.realm"),
    *("3 in claims.scope", "3 not in claims.scope", "'a' in true", "'a' not in claims.on", "2 < claims.level < 3"),
    *("claims.groups[1].name == 'g1'", "claims.realm.id.x != null", "claims.realm == claims.roles", "claims.nothing"),
]


@pytest.mark.parametrize("text", TRUE)
def test_what_is_so(text: str) -> None:
    """Each of these is true of the facts above."""
    assert says(text)


@pytest.mark.parametrize("text", FALSE)
def test_what_is_not_so(text: str) -> None:
    """Each of these is false, and what does not fit together is."""
    assert not says(text)


@pytest.mark.parametrize(
    "facts", [{}, {"claims": None, "path": "x"}, {"claims": [], "path": {}, "principal": 1}], ids=repr
)
def test_facts_that_are_missing(facts: dict[str, Any]) -> None:
    """Where a whole group is missing, so is all that is in it."""
    assert not says("claims.account == path.account", facts)
    assert says("claims.account == null and path.item == null and principal.user == null", facts)


def test_claims_of_great_depth() -> None:
    """What is too deep to compare is neither the same nor different."""
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    facts = {"claims": {"a": deep, "b": [*deep]}}
    assert [False, False] == [says("claims.a == claims.b", facts), says("claims.a != claims.b", facts)]
    assert "claims.a is [[[" in compile_policy("claims.a == 1", ()).why(facts)
    while deep:
        deep = deep.pop()


# What is no rule.

FAULTS: list[tuple[str, int, str]] = [
    ("", 1, "a rule is empty"),
    (" \n ", 1, "a rule is empty"),
    ("claim.account == 'a'", 1, "there is no 'claim', did you mean 'claims'?; a text stands in quotes"),
    ("principal.role == admin", 19, "there is no 'admin': there is claims, path, principal, request; a text stands"),
    ("  principal.rule == 'a'", 3, "principal has no 'rule', did you mean 'role'?"),
    ("true and path.acount == 'a'", 10, "path has no 'acount', did you mean 'account'?"),
    ("path['x'] == 'a'", 1, "path has no 'x': there is account, item"),
    ("path[0] == 'a'", 1, "path has no 0"),
    ("path.account.x == 'a'", 1, "path.account is a text, and has nothing in it"),
    ("query.x == 'a'", 1, "there is no 'query'"),
    ("claims == null", 1, "say what of it: claims.NAME"),
    ("claims", 1, "say what of it: claims.NAME"),
    ("claims.a.__class__ == 1", 1, "'__class__' is no name"),
    ("claims.__class__.x == 1", 1, "'__class__' is no name"),
    ("claims[path.account] == 1", 8, "in brackets stands a text, or a place in a list"),
    ("claims[-1] == 1", 8, "in brackets"),
    ("claims[1:2] == 1", 8, "in brackets"),
    ("claims[True] == 1", 8, "in brackets"),
    ("claims[1.0] == 1", 8, "in brackets"),
    ("'a'.x == 1", 1, "has no part in a rule"),
    ("f(claims.a)", 1, "'f(claims.a)' has no part in a rule"),
    ("claims.a.lower() == 'a'", 1, "has no part in a rule"),
    ("f().a == 1", 1, "'f()' has no part in a rule"),
    ("lambda: true", 1, "has no part in a rule"),
    ("[x for x in claims.a] == 1", 1, "has no part in a rule"),
    ("claims.a + 1 == 2", 1, "'claims.a + 1' has no part in a rule"),
    ("claims.a if true else false", 1, "has no part in a rule"),
    ("(x := claims.a) == 1", 2, "has no part in a rule"),
    ("f'{claims.a}' == 'a'", 1, "has no part in a rule"),
    ("{'a': 1} == claims.a", 1, "has no part in a rule"),
    ("{'a'} == claims.a", 1, "has no part in a rule"),
    ("'a' in [claims.a]", 9, "'claims.a' has no part in a rule"),
    ("'a' in [['a']]", 9, "\"['a']\" has no part in a rule"),
    ("claims.a in ['a', null]", 13, "there is a null in a list"),
    ("[*claims.a] == 1", 2, "has no part in a rule"),
    ("(claims.a == 1) == true", 2, "'claims.a == 1' has no part in a rule"),
    ("claims.a is null", 1, "'is' is not known here"),
    ("claims.a is not null", 1, "'is' is not known here"),
    ("claims.a == ~1", 13, "'~1' has no part in a rule"),
    ("claims.a == -'x'", 14, "has no part in a rule"),
    ("claims.a == -true", 14, "has no part in a rule"),
    ("claims.a == b'x'", 13, "has no part in a rule"),
    ("claims.a == ...", 13, "has no part in a rule"),
    ("claims.a == 3j", 13, "has no part in a rule"),
    ("claims.a == 9007199254740993", 13, "this number is larger than 9007199254740992"),
    ("claims.a == 1e999", 13, "this number is larger"),
    ("'é' in claims.a and x", 21, "there is no 'x'"),
    ("(true and\n claims.a == x)", 24, "there is no 'x'"),
    ("'yes'", 1, "\"'yes'\" is neither true nor false: compare it with something"),
    ("claims.a == 1 and 1", 19, "'1' is neither true nor false"),
    ("null", 1, "'null' is neither true nor false"),
    ("not 0", 5, "'0' is neither true nor false"),
    ("['a']", 1, "has no part in a rule"),
    ("not " * (MOST_LEVELS + 1) + "true", 205, "this is nested more than 50 levels deep"),
    ("claims" + ".a" * (MOST_LEVELS + 1) + " == 1", 1, "this name goes more than 50 levels deep"),
    ("true and " * 222 + "x", 1999, "there is no 'x'"),
    ("true and " * 222 + "x == 1", MOST_CHARACTERS + 1, "a rule has at most 2000 characters"),
]


@pytest.mark.parametrize(
    ("text", "position", "message"), FAULTS, ids=[f"{text[:30]!r} {position}" for text, position, _ in FAULTS]
)
def test_what_is_no_rule(text: str, position: int, message: str) -> None:
    """The message says where, and what; nothing of it is ever executed."""
    with pytest.raises(PolicyError) as told:
        compile_policy(text, ["account", "item"])
    assert (position, True) == (told.value.position, str(told.value).startswith(f"character {position}: "))
    assert message in str(told.value)


UNREADABLE = {
    "claims.a = 1": 10,
    "claims.a ==": 12,
    "true && true": 7,
    "(true and\n = true)": 12,
    "true and\ntrue": 9,
    "claims.a == 'x": 13,
    "true; true": 5,
    "'\\d' in claims.a": 1,
    "'\0' == 'a'": 1,
    "  '\ud800' == 'a'": 3,
}


@pytest.mark.parametrize(("text", "position"), UNREADABLE.items(), ids=ascii)
def test_what_cannot_be_read(text: str, position: int) -> None:
    """What Python cannot read either, in its own words, with its place."""
    with pytest.raises(PolicyError, match=f"^character {position}: this cannot be read"):
        compile_policy(text, ())


@pytest.mark.parametrize(
    "text",
    ["-" * 1_999 + "1", "not " * 498 + "true", "~" * 1_000 + "1", "claims" + ".a" * 990, "[" * 1_900, "-1" * 900],
)
def test_a_text_that_is_hard_on_python(text: str) -> None:
    """Whatever its parser makes of it, the caller gets a PolicyError."""
    with pytest.raises(PolicyError):
        compile_policy(text, ())


SIGNS = [*"()[]{}.,:;=<>!~+-*/@%&|^#\\'\"\n\t", "==", ":=", " ", " ", " ", "é", "\0", "f'", "1", "1e9", "0x"]
WORDS = ["and", "or", "not", "in", "is", "if", "lambda", "await", "claims", "path", "true", "null", "a", "__class__"]


@given(st.lists(st.sampled_from(SIGNS + WORDS), max_size=20).map("".join) | st.text(max_size=30))
def test_any_text_is_a_rule_or_an_error_with_a_place(text: str) -> None:
    """Nothing but PolicyError, whose place is in the text; and what is a rule says yes or no."""
    try:
        policy = compile_policy(text, ("a",))
    except PolicyError as error:
        assert 1 <= error.position <= len(text) + 1  # noqa: PT017
    else:
        assert isinstance(policy(FACTS), bool)
        assert isinstance(policy.why(FACTS), str)


# What is told of it.


def test_why() -> None:
    """Each part with its answer and the values it looked at; long ones are cut."""
    text = "claims.account == path.item and ('admin' in claims.roles or not claims.said) and true"
    policy = compile_policy(text, ["item"])
    assert text == policy.text
    assert (
        "claims.account == path.item: no (claims.account is 'a1', path.item is '7'); "
        "'admin' in claims.roles: yes (claims.roles is ['admin', 'billing']); claims.said: no (claims.said is 'true')"
    ) == policy.why(FACTS)
    assert "1 < 2: yes; claims.x == null: yes (claims.x is null)" == compile_policy(
        "1 < 2 and claims.x == null", ()
    ).why({})
    assert len(compile_policy("claims.x == 1", ()).why({"claims": {"x": "y" * 9_999}})) < 100
    assert "claims.x: yes (claims.x is true)" == compile_policy("claims.x", ()).why({"claims": {"x": True}})
