"""Tokens over all dialects: who is asking, where that may be said, when it ends, and what a token is restricted to."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest
from msgspec.structs import replace

from crossbar import Principal
from crossbar.passwords import wire_credentials
from crossbar.testing import Client, Clock, small_world
from tests.walk.tools import SETTINGS

from .people import SAME, SPEECHES, Town, settled

EACH = pytest.mark.parametrize("dialect", SPEECHES)
FOREIGN = pytest.mark.parametrize("dialect", [name for name in SPEECHES if name != "crossbar"])


# Tokens.


@EACH
async def test_a_token_is_good_in_each_dialect(town: Town, dialect: str) -> None:
    """A token stands for the same principal wherever it is sent."""
    seen: list[Principal] = []

    async def watching(ctx: Any) -> None:
        assert ctx.principal is not None
        seen.append(ctx.principal)

    app = town.world.app
    kept, app.authorizers = app.authorizers, (*app.authorizers, watching)
    try:
        for boss in (True, False):
            token = await town.token(boss=boss)
            for name in ("crossbar", dialect):
                client = Client(app, token, speech=SPEECHES[name])
                assert 200 == (await client.read(*town.nouns("accounts:{mine}", "self"))).status
            assert seen[-1] == seen[-2]
            assert (town.accounts["self"], (town.bosses if boss else town.users)["self"]) == (
                seen[-1].account_id,
                seen[-1].user_id,
            )
    finally:
        app.authorizers = kept


ODD: dict[str, dict[str, str]] = {
    "none": {},
    "nonsense": {"authorization": "Bearer nonsense"},
    "empty": {"authorization": "Bearer "},
    "no-scheme": {"authorization": "{token}"},
    "digest": {"authorization": "Digest {token}"},
    "basic": {"authorization": "Basic {token}"},
    "cut-off": {"authorization": "Bearer {token}x"},
    "header-of-crossbar": {"x-auth-token": "{token}"},
}


@FOREIGN
@pytest.mark.parametrize("headers", ODD.values(), ids=ODD)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "BREW"])
async def test_a_stranger_learns_nothing(town: Town, dialect: str, headers: dict[str, str], method: str) -> None:
    """Without a good token where the dialect has it, each path gives the same 401, also one that leads nowhere."""
    token = await town.token()
    caller = Client(town.world.app, speech=SPEECHES[dialect])
    sent = {name: value.replace("{token}", token) for name, value in headers.items()} | SAME
    answers = set()
    for text in (
        "accounts:{account}",
        "accounts:{account} devices:{device}",
        "nowhere",
        "accounts:{account} nowhere:x",
    ):
        for who in ("self", "nonexistent"):
            response = await caller.request(method, town.path(dialect, text, who), headers=sent)
            assert 401 == response.status, response.body
            answers.add(response.body)
    assert 1 == len(answers)


@FOREIGN
@pytest.mark.parametrize("word", ["access_token", "auth_token", "token", "accessToken"])
async def test_tokens_in_the_query(town: Town, dialect: str, word: str) -> None:
    """No word of the query, nor of the body, carries a token unless settings say so."""
    caller = Client(town.world.app, speech=SPEECHES[dialect])
    token = await town.token()
    for text in ("accounts:{account}", "accounts:{account} extensions:{user}:photo"):
        path = town.path(dialect, text)
        assert 401 == (await caller.get(path, query={word: token})).status
        assert 401 == (await caller.request("PUT", path, {word: token})).status


async def test_tokens_in_the_query_of_files() -> None:
    """Where RingCentral's settings allow it, a token in the query opens files, and nothing else."""
    dialects = replace(SETTINGS.dialects, ringcentral=replace(SETTINGS.dialects.ringcentral, query_token=True))
    world = await small_world(settings=replace(SETTINGS, dialects=dialects))
    town = await settled(world)
    boss, caller = await town.client("ringcentral"), Client(world.app, speech=SPEECHES["ringcentral"])
    photo, query = town.path("ringcentral", "accounts:{account} extensions:{user}:photo"), {"access_token": boss.token}
    png = b"\x89PNG\r\n\x1a\n"
    assert 2 == (await boss.request("PUT", photo, body=png, headers={"content-type": "image/png"})).status // 100
    query = {"access_token": boss.token or ""}
    assert (200, png) == ((got := await caller.get(photo, query=query)).status, got.body)
    assert 401 == (await caller.delete(photo, query=query)).status
    assert 401 == (await caller.post(photo, query={**query, "_method": "DELETE"})).status
    assert 401 == (await caller.get(town.path("ringcentral", "accounts:{account}"), query=query)).status
    other = await town.token("stranger")
    assert 404 == (await caller.get(photo, query={"access_token": other})).status
    assert 401 == (await caller.get(photo, query=query, headers={"authorization": "Bearer bad"})).status
    await world.app.stop()


@EACH
async def test_basic_credentials(town: Town, dialect: str) -> None:
    """Basic credentials stand for the same user in each dialect, with the same rights."""
    world = town.world
    md5, _ = wire_credentials("admin", "crossbar")
    field = b64encode(f"{world.customer}:{md5}".encode()).decode()
    caller = Client(world.app, speech=SPEECHES[dialect], headers={"authorization": f"Basic {field}"})
    statuses = {
        name: (await caller.read(("accounts", world.id(name)))).status
        for name in ("customer", "department", "reseller", "stranger")
    }
    assert {"customer": 200, "department": 200, "reseller": 404, "stranger": 404} == statuses


@EACH
@pytest.mark.parametrize("end", ["expired", "password", "deleted", "other key"])
async def test_tokens_that_have_ended(dialect: str, end: str) -> None:
    """A token that has ended is good in no dialect."""
    clock = Clock()
    world = await small_world(settings=SETTINGS, clock=clock)
    town = await settled(world)
    user, boss = await town.client(dialect, boss=False), await town.client("crossbar")
    own = town.nouns("accounts:{mine} extensions:{user}", "self")
    assert 200 == (await user.read(*own)).status
    if end == "expired":
        clock.now += world.app.settings.auth.token_life + 1
    elif end == "password":
        body = {"username": "ada", "password": "analytical-engine"}
        assert 200 == (await boss.patch(*own, body=body)).status
    elif end == "deleted":
        assert 200 == (await boss.delete(*own)).status
    else:
        assert user.token is not None
        user.token = user.token[:-6] + "AAAAAA"
    response = await user.read(*own)
    assert 401 == response.status, response.body
    await world.app.stop()


# Token restrictions.

RULES: dict[str, Any] = {"devices": [{"rules": {"/": ["GET"], "#": ["GET"]}}]}


@EACH
async def test_token_restrictions(town: Town, dialect: str) -> None:
    """Restrictions name Crossbar's nouns and the verbs that were sent, and hold for every word of a dialect."""
    token = await town.token(restrictions=[RULES])
    client = Client(town.world.app, token, speech=SPEECHES[dialect])
    assert 200 == (await client.find(*town.nouns("accounts:{mine} devices", "self"))).status
    assert 200 == (await client.read(*town.nouns("accounts:{mine} devices:{device}", "self"))).status
    for name, text, data in (
        ("patch", "accounts:{mine} devices:{device}", {"name": "x"}),
        ("delete", "accounts:{mine} devices:{device}", None),
        ("create", "accounts:{mine} devices", {"name": "x"}),
        ("find", "accounts:{mine} extensions", None),
        ("read", "accounts:{mine}", None),
        ("find", "accounts:{mine} limits", None),
    ):
        response = await client.operate(name, *town.nouns(text, "self"), body=data)
        assert 403 == response.status, response.body
    word = SPEECHES[dialect]
    for text in ("accounts:{mine} devices:{device}",):
        path = town.path(dialect, text)
        for query in ({"_method": "DELETE"}, {"verb": "DELETE"}):
            assert (await client.request("POST", path, {}, query=query)).status in (403, 405), word
    assert await town.world.app.store.get(town.accounts["self"], "devices", town.devices["self"]) is not None


async def test_the_versions_are_for_anybody(town: Town) -> None:
    """Clients ask for them with whatever token they have."""
    token = await town.token(restrictions=[RULES])
    client = Client(town.world.app, token, speech=SPEECHES["ringcentral"], prefix="")
    for path in ("/restapi", "/restapi/v1.0"):
        assert 200 == (await client.get(path)).status
