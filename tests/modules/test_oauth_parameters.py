"""Parameters within their bounds, the page about OAuth against the code, and what requests for tokens cost."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossbar import TokenRefused
from crossbar.settings import Auth, Log, Rate, RateGroup, Settings
from crossbar.testing import Client, Clock, World, small_world
from modules.oauth import OAuth
from modules.oauth.options import OAuthOptions
from modules.oauth.parameters import life, scope_of, text

from .oauth_desk import GRANTS, Desk, got

PAGE = (Path(__file__).parents[2] / "crossbar" / "docs" / "oauth.md").read_text(encoding="utf-8")
BOUNDS = st.integers(1, 10**6)


@given(asked=st.integers(), least=BOUNDS, most=BOUNDS, usual=BOUNDS)
def test_a_life_stays_within_its_bounds(asked: int, least: int, most: int, usual: int) -> None:
    """Whatever number is asked for, as a number or as text, the life is the nearest that can be had."""
    found = life({"ttl": asked}, "ttl", usual, least, most) if abs(asked) < 10**90 else most
    assert min(least, most) <= found <= most
    if least <= asked <= most:
        assert asked == found
    if abs(asked) < 10**90:
        assert found == life({"ttl": f" {asked} "}, "ttl", usual, least, most)


@pytest.mark.parametrize(("asked", "found"), [("9" * 4000, 20), ("-" + "9" * 200, 10), ("0" * 200 + "15", 15)])
def test_a_life_of_many_digits(asked: str, found: int) -> None:
    """It is a number all the same."""
    assert found == life({"ttl": asked}, "ttl", 12, 10, 20)


@given(least=BOUNDS, most=BOUNDS, usual=BOUNDS, absent=st.sampled_from([{}, {"ttl": ""}, {"ttl": None}]))
def test_a_life_that_nobody_asks_for(least: int, most: int, usual: int, absent: dict[str, Any]) -> None:
    """It is the usual one, which has to keep to the bounds as well."""
    assert max(min(usual, most), min(least, most)) == life(absent, "ttl", usual, least, most)


@given(
    st.one_of(
        st.text(min_size=1), st.floats(), st.booleans(), st.lists(st.integers()), st.dictionaries(st.text(), st.text())
    )
)
def test_a_life_that_is_no_number(asked: Any) -> None:
    """Anything but a whole number in ASCII digits is refused in words, and nothing crashes."""
    if isinstance(asked, str) and re.fullmatch(r"\s*([+-]?[0-9]+)?\s*", asked):
        return
    with pytest.raises(TokenRefused, match="ttl"):
        life({"ttl": asked}, "ttl", 1, 1, 2)


@given(st.text())
def test_texts(value: str) -> None:
    """A text comes as it is."""
    assert value == text({"name": value}, "name")


@given(offered=st.lists(st.sampled_from("abcdef"), unique=True), asked=st.lists(st.sampled_from("abcdefgh")))
def test_scopes(offered: list[str], asked: list[str]) -> None:
    """What is granted was asked for and is offered, each once; all that is offered if nothing was asked for."""
    body = {"scope": " ".join(asked)}
    if offered and not set(asked) <= set(offered):
        with pytest.raises(TokenRefused) as refused:
            scope_of(body, offered)
        assert "invalid_scope" == refused.value.word
    else:
        assert sorted(set(asked) if asked and offered else offered) == sorted(scope_of(body, offered).split())


# The page.


def test_the_options_on_the_page() -> None:
    """Each option is there with its default and its bounds, in their order."""
    schema = msgspec.json.schema(OAuthOptions)["$defs"]["OAuthOptions"]["properties"]
    table = PAGE[PAGE.index("## Options") :]
    rows = re.findall(r"^\| `(\w+)` \| (\d+) \| (\d+) to (\d+) \|", table, re.MULTILINE)
    expected = [(name, *(str(rule[key]) for key in ("default", "minimum", "maximum"))) for name, rule in schema.items()]
    assert expected == rows


def test_the_grants_on_the_page() -> None:
    """Every grant has its row, and the page knows no other."""
    table = PAGE[PAGE.index("## Grants") : PAGE.index("## The login page")]
    assert sorted(GRANTS) == sorted(re.findall(r"^\| `([\w:-]+)` \|", table, re.MULTILINE)[1:])
    assert sorted(GRANTS) == sorted(OAuth._grants)


# What it costs.


async def test_what_a_request_costs() -> None:
    """A token and a login on the page cost four, from a bucket of their own; the page costs one."""
    clock = Clock()
    quick = Settings(
        auth=Auth(hash_memory=8), rate=Rate(groups={"auth": RateGroup(size=6, refill=1)}), log=Log(access=False)
    )
    world: World = await small_world(settings=quick, clock=clock)
    desk, client = Desk(world, clock), Client(world.app)
    app = await desk.app()
    first = await desk.ask(app, "client_credentials")
    got(first)
    assert {"consumed": 4, "remaining": 2} == first.json()["tokens"]
    assert 400 == (await client.get("/oauth/authorize")).status
    limited = await desk.ask(app, "client_credentials")
    assert (429, True) == (limited.status, int(limited.headers["retry-after"]) >= 1)
    assert 200 == (await Client(world.app, first.data["access_token"]).get("/account")).status
    await world.app.stop()
