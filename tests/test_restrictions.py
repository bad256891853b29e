"""Token restrictions: the table of the reference row by row, patterns against a tiny model, and what is malformed."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossbar import Restrictions
from crossbar.restrictions import MOST_BYTES, chosen, fits

OWN, CHILD, OTHER = "a" * 32, "b" * 32, "c" * 32
READ = [{"rules": {"#": ["GET"]}}]


def allows(rules: Any, path: str, verb: str = "GET", account: str | None = OWN) -> bool:
    """Whether RULES let a request to an endpoint pass; the path is the endpoint with its arguments."""
    endpoint, *args = path.split("/")
    return Restrictions(rules).allow(endpoint, args, verb, account, OWN)


# Endpoints.


@pytest.mark.parametrize(
    ("rules", "path", "allowed"),
    [
        ({}, "devices", False),
        ({"devices": READ}, "devices", True),
        ({"devices": READ}, "users", False),
        ({"_": READ}, "users", True),
        ({"devices": [], "_": READ}, "devices", False),
        ({"devices": [], "_": READ}, "users", True),
    ],
)
def test_endpoints(rules: Any, path: str, allowed: bool) -> None:
    """The name counts, else `_`; what is not there is denied, also by an empty list under the name."""
    assert allowed == allows(rules, path)


# Accounts.


@pytest.mark.parametrize(
    ("members", "own", "child", "nowhere"),
    [
        (None, True, True, True),
        (["_"], True, True, True),
        ([OTHER, "_"], True, True, True),
        (["{AUTH_ACCOUNT_ID}"], True, False, False),
        (["{DESCENDANT_ACCOUNT_ID}"], False, True, False),
        (["{AUTH_ACCOUNT_ID}", "{DESCENDANT_ACCOUNT_ID}"], True, True, False),
        ([OWN], True, False, False),
        ([CHILD], False, True, False),
        ([OTHER], False, False, False),
        ([], False, False, False),
    ],
)
def test_accounts(members: list[str] | None, own: bool, child: bool, nowhere: bool) -> None:
    """Without a list it is any account; a path without an account is met by `_` alone."""
    entry = {"rules": {"#": ["_"]}} | ({} if members is None else {"allowed_accounts": members})
    answers = [allows({"devices": [entry]}, "devices", account=account) for account in (OWN, CHILD, None)]
    assert [own, child, nowhere] == answers


def test_the_first_entry_for_the_account_decides() -> None:
    """What a later entry for the same account would allow does not count."""
    entries = [{"allowed_accounts": [CHILD], "rules": {"/": ["GET"]}}, {"rules": {"#": ["_"]}}]
    rules = {"devices": entries}
    assert [True, False, True] == [
        allows(rules, "devices", account=CHILD),
        allows(rules, "devices", "PUT", CHILD),
        allows(rules, "devices", "PUT", OWN),
    ]


# Arguments.

PATHS = ["devices", "devices/D", "devices/E", "devices/D/sync", "devices/D/a/b"]


@pytest.mark.parametrize(
    ("pattern", "allowed"),
    [
        ("/", [True, False, False, False, False]),
        ("*", [False, True, True, False, False]),
        ("*/*", [False, False, False, True, False]),
        ("*/*/*", [False, False, False, False, True]),
        ("#", [True, True, True, True, True]),
        ("D", [False, True, False, False, False]),
        ("D/#", [False, True, False, True, True]),
        ("D/sync", [False, False, False, True, False]),
        ("*/sync", [False, False, False, True, False]),
        ("#/sync", [False, False, False, True, False]),
        ("#/b", [False, False, False, False, True]),
        ("d", [False, False, False, False, False]),
    ],
)
def test_arguments(pattern: str, allowed: list[bool]) -> None:
    """`/` is none, `*` exactly one, `#` any number, also none; all else is itself, to the letter case."""
    assert allowed == [allows({"devices": [{"rules": {pattern: ["GET"]}}]}, path) for path in PATHS]


def modelled(pattern: tuple[str, ...], args: tuple[str, ...]) -> bool:
    """What a pattern means, said as simply as can be."""
    if not pattern:
        return not args
    if pattern[0] == "#":
        return any(modelled(pattern[1:], args[taken:]) for taken in range(len(args) + 1))
    return bool(args) and pattern[0] in ("*", args[0]) and modelled(pattern[1:], args[1:])


PARTS = st.lists(st.sampled_from(["*", "#", "a", "b"]), max_size=7).map(tuple)
ARGS = st.lists(st.sampled_from(["a", "b", "*", "#"]), max_size=7).map(tuple)


@given(PARTS, ARGS)
def test_any_pattern(pattern: tuple[str, ...], args: tuple[str, ...]) -> None:
    """Patterns fit what the model says that they fit."""
    assert modelled(pattern, args) == fits(pattern, args)


def test_a_pattern_that_is_hard() -> None:
    """What would keep a matcher busy that tries every way is answered at once."""
    assert not fits(("#", "a") * 200 + ("b",), ("a",) * 1000)


# Verbs, and which rule decides.


@pytest.mark.parametrize(
    ("verbs", "allowed"),
    [
        (["GET"], ["GET"]),
        (["get", "Put"], ["GET", "PUT"]),
        (["_"], ["GET", "PUT", "POST", "PATCH", "DELETE"]),
        (["GET", "_"], ["GET", "PUT", "POST", "PATCH", "DELETE"]),
        ([], []),
    ],
)
def test_verbs(verbs: list[str], allowed: list[str]) -> None:
    """Letter case does not matter, `_` is all of them, and an empty list none."""
    rules = {"devices": [{"rules": {"#": verbs}}]}
    passed = [verb for verb in ("GET", "PUT", "POST", "PATCH", "DELETE") if allows(rules, "devices", verb)]
    assert allowed == passed == [verb for verb in allowed if allows(rules, "devices", verb.lower())]


def test_the_first_rule_that_fits_decides() -> None:
    """Rules are tried in their order, and what a later one would allow does not count."""
    narrow_first = {"devices": [{"rules": {"D": ["GET"], "*": ["_"]}}]}
    wide_first = {"devices": [{"rules": {"*": ["_"], "D": ["GET"]}}]}
    assert [False, True, True] == [
        allows(narrow_first, "devices/D", "DELETE"),
        allows(narrow_first, "devices/E", "DELETE"),
        allows(wide_first, "devices/D", "DELETE"),
    ]


def test_several_must_all_allow() -> None:
    """Of restrictions from two sides the narrower one counts, whichever it is; without any, nothing is narrowed."""
    wide, narrow = {"_": [{"rules": {"#": ["_"]}}]}, {"devices": READ}
    for both in ((wide, narrow), (narrow, wide)):
        restrictions = Restrictions(*both)
        asked = [("devices", "GET"), ("devices", "PUT"), ("users", "GET")]
        assert [True, False, False] == [restrictions.allow(name, [], verb, OWN, OWN) for name, verb in asked]
    assert Restrictions().allow("users", [], "DELETE", OWN, OWN)


# Templates.

A, B, C, D = ({name: READ} for name in ("a", "b", "c", "d"))


@pytest.mark.parametrize(
    ("template", "found"),
    [
        ({}, []),
        ({"cb_user_auth": {"user": A, "_": B}, "_": {"user": C, "_": D}}, [A]),
        ({"cb_user_auth": {"admin": A, "_": B}, "_": {"user": C, "_": D}}, [B]),
        ({"cb_user_auth": {"admin": A}, "_": {"user": C, "_": D}}, [C]),
        ({"cb_api_auth": {"user": A}, "_": {"admin": C, "_": D}}, [D]),
        ({"cb_api_auth": {"user": A}, "_": {"admin": C}}, []),
        ({"_": {"user": {}}}, [{}]),
    ],
)
def test_what_holds_for_a_login(template: Any, found: list[Any]) -> None:
    """The most exact part: by method and level, by method, by level, for all; no part is no restriction."""
    assert found == chosen(template, "cb_user_auth", "user")


MALFORMED: list[tuple[Any, str]] = [
    (None, "restrictions: write an object"),
    ([], "restrictions: write an object"),
    ({"Cb": {}}, "'Cb' is no name"),
    ({"_": []}, "restrictions._: write an object"),
    ({"_": {"owner": {}}}, "'owner' is no priv_level"),
    ({"_": {"_": []}}, "restrictions._._: rules: write an object"),
    ({"_": {"_": {"a b": []}}}, "'a b' is no name"),
    ({"_": {"_": {"_": {}}}}, "write a list of objects"),
    ({"_": {"_": {"_": [[]]}}}, "_.0: write an object"),
    ({"_": {"_": {"_": [{}]}}}, "_.0: write rules"),
    ({"_": {"_": {"_": [{"rules": {}, "allowed_account": []}]}}}, "_.0: write rules"),
    ({"_": {"_": {"_": [{"rules": []}]}}}, "_.0.rules: write an object"),
    ({"_": {"_": {"_": [{"rules": {}, "allowed_accounts": "_"}]}}}, "allowed_accounts: write a list"),
    ({"_": {"_": {"_": [{"rules": {}, "allowed_accounts": [1]}]}}}, "allowed_accounts: write a list"),
    ({"_": {"_": {"_": [{"rules": {"": []}}]}}}, "write / for no arguments"),
    ({"_": {"_": {"_": [{"rules": {"/a": []}}]}}}, "write / for no arguments"),
    ({"_": {"_": {"_": [{"rules": {"a//b": []}}]}}}, "write / for no arguments"),
    ({"_": {"_": {"_": [{"rules": {"a/": []}}]}}}, "write / for no arguments"),
    ({"_": {"_": {"_": [{"rules": {"/": "GET"}}]}}}, "write a list of texts"),
    ({"_": {"_": {"_": [{"rules": {"/": [None]}}]}}}, "write a list of texts"),
    ({"_": {"_": {"_": [{"rules": {"/": ["TRACE"]}}]}}}, "TRACE: write"),
    ({"_": {"_": {"_": [{"rules": {"x" * MOST_BYTES: ["GET"]}}]}}}, f"may have {MOST_BYTES} bytes"),
]


@pytest.mark.parametrize(("template", "told"), MALFORMED)
def test_malformed_templates(template: Any, told: str) -> None:
    """What nobody could read is refused with its place, also where the login is not concerned by that part."""
    with pytest.raises(ValueError, match=re.escape(told)):
        Restrictions.check(template)
    if isinstance(template, dict):
        template = template | {"cb_user_auth": {"user": A}}
    with pytest.raises(ValueError, match=re.escape(told)):
        chosen(template, "cb_user_auth", "user")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(["_", "#", "/", "GET", "rules", "devices"]),
    lambda below: (
        st.lists(below, max_size=3)
        | st.dictionaries(st.sampled_from(["_", "#", "/", "rules", "allowed_accounts", "devices", "user"]), below)
    ),
    max_leaves=8,
)


@given(JSON)
def test_any_rules(rules: Any) -> None:
    """Any JSON is either RULES or refused; nothing that is refused ever allows, and nothing else is raised."""
    try:
        restrictions = Restrictions(rules)
    except ValueError:
        return
    assert restrictions.allow("devices", ["D"], "GET", OWN, OWN) in (True, False)


def test_the_size_is_that_of_all_together() -> None:
    """Two that are small enough alone may be too large for one token."""
    half = {"devices": [{"rules": {"x" * (MOST_BYTES // 2): ["GET"]}}]}
    Restrictions(half)
    with pytest.raises(ValueError, match="bytes as JSON"):
        Restrictions(half, half)
