"""Words by which the realm style needs more than other names: open values, nulls, and what new documents get."""

from __future__ import annotations

from typing import Any

import pytest

from crossbar.dates import from_iso, iso
from crossbar.dialects.fields import Fields
from crossbar.dialects.rules import Rule, RuleWords, Times
from crossbar.dialects.words import filled, words_of
from crossbar.errors import SettingsError
from crossbar.settings import Realm
from crossbar.testing import World

TIMES = Times(iso, from_iso)
KINDS = {"channel_create": "dial-in", "channel_destroy": "hangup"}


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [("channel_create", "dial-in"), ("channel_destroy", "hangup"), ("dial-out", "dial-out"), ("x", "x"), (5, 5)],
)
def test_open_values(ours: Any, theirs: Any) -> None:
    """What the words do not exchange stays as it is, in both directions."""
    rule = Rule.of("hook", RuleWords("event_type", KINDS, open=True))
    assert (theirs, ours) == (rule.shown(ours, TIMES), rule.taken(theirs, TIMES))


def test_closed_values() -> None:
    """Without being open, there are the values of the words and no others."""
    rule = Rule.of("hook", RuleWords("event_type", KINDS))
    with pytest.raises(ValueError, match="must be one of dial-in, hangup"):
        rule.taken("dial-out", TIMES)


@pytest.mark.parametrize(
    "words", [RuleWords("a", KINDS), RuleWords("a", form="gregorian"), RuleWords("a", form="milliseconds"), "a"]
)
def test_null_is_no_value(words: RuleWords | str) -> None:
    """Null takes a value away, whatever the values are; it is neither a wrong one nor a time."""
    fields = Fields([Rule.of("ours", words)], TIMES)
    assert {"ours": None} == fields.into({"a": None})
    assert {"a": None} == fields.out({"ours": None})


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, {"first": "Extension", "list": []}),
        ({"number": "101"}, {"number": "101", "first": "Extension", "last": "No. 101", "list": []}),
        ({"first": "Ada", "last": "Byron", "list": [1]}, {"first": "Ada", "last": "Byron", "list": [1]}),
        ({"first": None, "number": 5}, {"first": "Extension", "number": 5, "list": []}),
        ({"first": ""}, {"first": "", "list": []}),
    ],
)
def test_what_new_documents_get(body: dict[str, Any], expected: dict[str, Any]) -> None:
    """Fields that the client has left out are filled in, perhaps from others; what it says stands."""
    assert expected == filled(body, {"first": "Extension", "last": "No. {number}", "list": []})


def test_defaults_are_not_shared() -> None:
    """A list out of the words belongs to the document that got it."""
    defaults: dict[str, Any] = {"endpoints": {}}
    filled({}, defaults)["endpoints"]["x"] = 1
    assert {"endpoints": {}} == defaults


def test_words_of_the_settings() -> None:
    """Settings may change what new documents get, and are told when a word is none."""
    words = words_of("realm", {"defaults": {"devices": {"name": "Telephone"}}})
    assert ("Telephone", "Event") == (words.defaults["devices"]["name"], words.defaults["webhooks"]["name"])
    with pytest.raises(SettingsError, match=r"dialects\.realm\.words"):
        words_of("realm", {"fields": {"devices": {"name": {"name": "x", "open": "yes"}}}})
    assert "/oauth" == Realm().oauth


def test_every_word_leads_somewhere(world: World) -> None:
    """Each noun in the words of the realm style is that of an endpoint."""
    words = words_of("realm", {})
    named = {*words.nouns.values(), *words.roots.values(), *words.fields, *words.defaults, *words.links}
    assert named <= {*world.app.registry.names, "*"}
