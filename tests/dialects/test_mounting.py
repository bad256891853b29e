"""Which dialects stand side by side: what would hide another one, or be hidden, is refused before anybody is served."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from crossbar import Crossbar, Plain, Settings
from crossbar.dialects.words import doubts, words_of
from crossbar.errors import SettingsError
from crossbar.settings import Dialects, Realm, RingCentral
from crossbar.stores.memory import MemoryStore


class Shop(Plain):
    """A dialect of a plugin."""

    name: ClassVar[str] = "shop"


class Kiosk(Plain):
    """A dialect of another plugin."""

    name: ClassVar[str] = "kiosk"


def faults(*plugins: Plain, **options: Any) -> tuple[str, ...]:
    """What is wrong with an application with these dialects, nothing if it comes up."""
    try:
        app = Crossbar(Settings(dialects=Dialects(**options)), store=MemoryStore(), dialects=plugins)
    except SettingsError as error:
        return error.faults
    assert app.dialects[len(app.dialects) - len(plugins) :] == plugins
    return ()


def test_none_at_all() -> None:
    """Without any dialect nothing could be said to anybody; one of a plugin will do."""
    assert faults(mounted=()) == (
        "dialects.mounted: no dialect is mounted, and no plugin brings one: name one of crossbar, ringcentral, realm",
    )
    assert faults(Shop(["/shop"]), mounted=()) == ()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"realm": Realm(prefixes=("/restapi",))}, "dialects.realm.prefixes: /restapi is a prefix of ringcentral"),
        ({"realm": Realm(prefixes=("/restapi/v9",))}, "dialects.realm.prefixes: /restapi/v9 lies below /restapi"),
        ({"realm": Realm(prefixes=("/v1",))}, "dialects.realm.prefixes: paths that begin with /v1 are those of"),
        ({"ringcentral": RingCentral(prefixes=("/v20/x",))}, "dialects.ringcentral.prefixes: paths that begin with"),
        ({"realm": Realm(prefixes=("/livez",))}, "dialects.realm.prefixes: /livez is where servers are asked"),
        ({"realm": Realm(oauth="/readyz/x")}, "dialects.realm.oauth: /readyz is where servers are asked"),
        ({"realm": Realm(oauth="/restapi/oauth")}, "dialects.realm.oauth: /restapi/oauth lies below /restapi"),
        ({"realm": Realm(oauth="/v2")}, "dialects.realm.oauth: paths that begin with /v2 are those of crossbar"),
        ({"realm": Realm(oauth="/api/ver1.0")}, "dialects.realm.oauth: /api/ver1.0, which is a prefix of realm"),
        ({"realm": Realm(oauth="/api")}, "dialects.realm.oauth: /api/ver1.0, which is a prefix of realm"),
        (
            {"realm": Realm(oauth="/rc"), "ringcentral": RingCentral(prefixes=("/rc/v1",))},
            "dialects.realm.oauth: /rc/v1, a prefix of ringcentral, lies below /rc",
        ),
    ],
)
def test_bundled_ones(options: dict[str, Any], says: str) -> None:
    """A prefix that hides another one, or that another one hides, is told with its key."""
    assert [True] == [fault.startswith(says) for fault in faults(**options)], faults(**options)


@pytest.mark.parametrize(
    "options",
    [
        {"realm": Realm(oauth="/api/ver1.0/oauth")},
        {"realm": Realm(prefixes=("/v2",)), "mounted": ("realm",)},
        {"realm": Realm(prefixes=("/restapi",)), "mounted": ("crossbar", "realm")},
        {"realm": Realm(prefixes=("/restapi/v9",)), "mounted": ("realm", "ringcentral")},
        {"realm": Realm(prefixes=("/vendor", "/restapis", "/v")), "mounted": ("realm", "ringcentral", "crossbar")},
    ],
)
def test_what_stands_side_by_side(options: dict[str, Any]) -> None:
    """A longer prefix may be below a shorter one that is asked later; what is not mounted is in nobody's way."""
    assert faults(**options) == ()


@pytest.mark.parametrize(
    ("prefix", "says"),
    [
        ("/restapi", "the dialect shop: /restapi is a prefix of ringcentral"),
        ("/api/ver1.0/shop", "the dialect shop: /api/ver1.0/shop lies below /api/ver1.0, a prefix of realm"),
        ("/oauth", "the dialect shop: /oauth is a prefix of realm"),
        ("/v7", "the dialect shop: paths that begin with /v7 are those of crossbar"),
        ("/livez", "the dialect shop: /livez is where servers are asked"),
    ],
)
def test_those_of_plugins(prefix: str, says: str) -> None:
    """What a plugin brings is held against the bundled ones, and against other plugins."""
    assert [True] == [fault.startswith(says) for fault in faults(Shop([prefix]))]
    assert faults(Shop(["/shop"])) == ()
    assert faults(Shop(["/shop"]), Kiosk(["/shop"])) == (
        "the dialect kiosk: /shop is a prefix of shop: choose another one",
    )


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ({"nouns": {"a/b": "devices"}}, "nouns.a/b: 'a/b' is no word of a path"),
        ({"roots": {"a b": "devices"}}, "roots.a b: 'a b' is no word of a path"),
        ({"fields": {"devices": {"name": "title", "mac_address": "title"}}}, "fields.devices.mac_address: 'title' is"),
        ({"fields": {"devices": {"mac_address": "extension_id"}}}, "fields.devices.mac_address: 'extension_id' is"),
        ({"fields": {"cdrs": {"call_id": "duration.of"}}}, "fields.cdrs.call_id: 'duration.of' is what duration_sec"),
    ],
)
def test_words_that_cannot_be(words: dict[str, Any], says: str) -> None:
    """A word that no path can have, and two fields in one place, are refused with their key."""
    with pytest.raises(SettingsError) as refused:
        words_of("realm", words)
    assert [True] == [fault.startswith(f"dialects.realm.words.{says}") for fault in refused.value.faults]


def test_words_that_can_be() -> None:
    """A name that its field has given up is free; one may be shown and another one taken there."""
    words_of("realm", {"fields": {"devices": {"owner_id": "whose", "name": "extension_id"}}})
    words_of("realm", {"fields": {"lists": {"name": {"name": "x", "only": "in"}, "y": {"name": "x", "only": "out"}}}})
    assert "gerät" in words_of("realm", {"nouns": {"gerät": "devices"}}).nouns


def test_words_for_nothing() -> None:
    """A table for a noun that there is not is no fault, but told, with the noun that may be meant."""
    own = {"nouns": {"telephone": "devises", "gone": ""}, "fields": {"*": {}, "user": {}}, "groups": {"qqqqq": "x"}}
    assert doubts("realm", own, ["devices", "users"]) == [
        "dialects.realm.words.nouns.telephone: no endpoint is called 'devises'; did you mean 'devices'?",
        "dialects.realm.words.fields.user: no endpoint is called 'user'; did you mean 'users'?",
        "dialects.realm.words.groups.qqqqq: no endpoint is called 'qqqqq'",
    ]
