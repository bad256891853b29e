"""Sessions: refresh tokens that are good once, how long they are good, and what ends a session."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from crossbar import Query
from crossbar.testing import Client

from .oauth_desk import LOGIN, App, Desk, at_desk, got, refused

GRACE = 10


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    """A desk of the test's own."""
    async with at_desk() as made:
        yield made


async def sessions(desk: Desk) -> int:
    """How many sessions there are."""
    return len(await desk.world.app.store.find(Query("", "oauth_sessions", limit=1000)))


# Refresh tokens.


async def test_another_pair(desk: Desk) -> None:
    """A refresh token brings another pair, and the old access token ends at once."""
    app = await desk.app()
    tokens = await desk.login(app)
    for _ in range(5):
        desk.clock.now += 100
        following = got(await desk.refresh(app, tokens))
        assert not {tokens[each] for each in ("access_token", "refresh_token")} & set(following.values())
        assert (tokens["session_id"], 3600) == (following["session_id"], following["expires_in"])
        assert [False, True] == [await desk.works(each) for each in (tokens, following)]
        tokens = following


async def test_the_same_pair_for_a_while(desk: Desk) -> None:
    """A client whose answer got lost asks again, and gets what it would have got."""
    app = await desk.app()
    tokens = await desk.login(app)
    first = got(await desk.refresh(app, tokens))
    desk.clock.now += GRACE - 1
    second = got(await desk.refresh(app, tokens, access_token_ttl=600))
    pair = ("access_token", "refresh_token")
    assert [first[each] for each in pair] == [second[each] for each in pair]
    assert 3600 - GRACE + 1 == second["expires_in"]
    assert await desk.works(first)


@pytest.mark.parametrize("age", ["after the grace", "two before"])
async def test_an_old_refresh_token_ends_the_session(desk: Desk, age: str) -> None:
    """Whoever has it has stolen it, or was stolen from: nobody goes on."""
    app = await desk.app()
    tokens = await desk.login(app)
    following = got(await desk.refresh(app, tokens))
    if age == "two before":
        following = got(await desk.refresh(app, following))
    else:
        desk.clock.now += GRACE
    assert await desk.works(following)
    refused(await desk.refresh(app, tokens), "invalid_grant")
    refused(await desk.refresh(app, following), "invalid_grant")
    assert (False, 0) == (await desk.works(following), await sessions(desk))


async def test_without_a_grace() -> None:
    """With the option at 0, the second use ends the session even in the same moment."""
    async with at_desk(grace=0) as desk:
        app = await desk.app()
        tokens = await desk.login(app)
        following = got(await desk.refresh(app, tokens))
        refused(await desk.refresh(app, tokens), "invalid_grant")
        assert not await desk.works(following)


async def test_fifty_at_once(desk: Desk) -> None:
    """Workers of one client that refresh together all get one pair."""
    app = await desk.app()
    tokens = await desk.login(app)
    answers = [got(each) for each in await asyncio.gather(*[desk.refresh(app, tokens) for _ in range(50)])]
    assert 1 == len({(each["access_token"], each["refresh_token"]) for each in answers})
    assert (True, 1) == (await desk.works(answers[0]), await sessions(desk))


async def test_refresh_tokens_of_others(desk: Desk) -> None:
    """Of another client's, and of any that was changed, nothing comes, and nothing is ended."""
    app, other = await desk.app(), await desk.app()
    tokens = await desk.login(app)
    refused(await desk.refresh(other, tokens), "invalid_grant")
    id, count, mac = tokens["refresh_token"].split(".")
    changed = [
        f"{id}.1.{mac}",
        f"{id}.00.{mac}",
        f"{id}.{count}.{mac[::-1]}",
        f"{'0' * 32}.{count}.{mac}",
        f"{id}.{count}.",
    ]
    changed += [
        tokens["refresh_token"] + "x",
        tokens["refresh_token"][:-1],
        " ",
        "..",
        "\u0661",
        tokens["access_token"],
    ]
    for token in changed:
        refused(await desk.ask(app, "refresh_token", refresh_token=token), "invalid_grant")
    got(await desk.refresh(app, tokens))


async def test_lives(desk: Desk) -> None:
    """Either token ends in its time; each refresh begins both anew, and keeps what was asked for."""
    app = await desk.app()
    tokens = await desk.login(app, access_token_ttl=700, refresh_token_ttl=5000)
    assert (700, 5000) == (tokens["expires_in"], tokens["refresh_token_expires_in"])
    desk.clock.now += 700
    assert not await desk.works(tokens)
    desk.clock.now += 4299
    following = got(await desk.refresh(app, tokens))
    assert (700, 5000) == (following["expires_in"], following["refresh_token_expires_in"])
    desk.clock.now += 5000
    refused(await desk.refresh(app, following), "invalid_grant")
    again = await desk.login(app, access_token_ttl=-1)
    assert 600 == again["expires_in"]
    assert 600 == got(await desk.refresh(app, again, access_token_ttl="-1"))["expires_in"]


async def test_scopes_of_a_refresh(desk: Desk) -> None:
    """It may ask for less than was granted, and later for all of it again, never for more."""
    app = await desk.app(scopes=["A", "B", "C"])
    tokens = await desk.login(app, scope="A B")
    less = got(await desk.refresh(app, tokens, scope="B"))
    refused(await desk.refresh(app, less, scope="C"), "invalid_scope")
    assert ("B", "A B") == (less["scope"], got(await desk.refresh(app, less))["scope"])


# What ends a session.


@pytest.mark.parametrize("which", ["access_token", "refresh_token"])
async def test_giving_back(desk: Desk, which: str) -> None:
    """Either token ends the whole session; to say it again is fine."""
    app = await desk.app()
    tokens = got(await desk.refresh(app, await desk.login(app)))
    answers = [await desk.revoke(app, tokens[which]) for _ in range(2)]
    assert [(200, {})] * 2 == [(each.status, each.data) for each in answers]
    assert (False, 0) == (await desk.works(tokens), await sessions(desk))
    refused(await desk.refresh(app, tokens), "invalid_grant")


async def test_giving_back_what_has_expired(desk: Desk) -> None:
    """An access token whose time is over still ends its session."""
    app = await desk.app()
    tokens = await desk.login(app)
    desk.clock.now += 3600
    assert 200 == (await desk.revoke(app, tokens["access_token"])).status
    refused(await desk.refresh(app, tokens), "invalid_grant")


async def test_giving_back_an_application_s_own(desk: Desk) -> None:
    """A token without a session ends by itself."""
    app = await desk.app()
    one, other = [got(await desk.ask(app, "client_credentials")) for _ in range(2)]
    assert [200, 200] == [(await desk.revoke(app, one["access_token"])).status for _ in range(2)]
    assert [False, True] == [await desk.works(each) for each in (one, other)]


async def test_giving_back_what_is_none(desk: Desk) -> None:
    """What is unknown, another client's or old is a 200 and ends nothing; a client must say who it is."""
    app, other = await desk.app(), await desk.app()
    old = await desk.login(app)
    tokens = got(await desk.refresh(app, old))
    for client, token in (
        *((app, "x"), (app, await desk.world.token("customer")), (app, old["access_token"])),
        *((other, tokens["access_token"]), (other, tokens["refresh_token"])),
    ):
        assert 200 == (await desk.revoke(client, token)).status
    assert await desk.works(tokens)
    refused(await desk.revoke(App(app.id, "wrong"), tokens["access_token"]), "invalid_client", 401)
    refused(await desk.revoke(App("f" * 32, ""), tokens["access_token"]), "invalid_client", 401)
    refused(await Client(desk.world.app).post("/oauth/revoke", app.fields), "invalid_request")
    assert await desk.works(tokens)
    assert 200 == (await desk.revoke(App(app.id, ""), tokens["access_token"])).status
    assert not await desk.works(tokens)


@pytest.mark.parametrize("end", ["logout", "password", "disabled", "deleted", "account", "application"])
async def test_what_else_ends_a_session(desk: Desk, end: str) -> None:
    """The access token at once, and no refresh leads on."""
    app = await desk.app("reseller")
    tokens = await desk.login(app, username="admin@customer")
    world = desk.world
    above, home = await world.client("reseller"), f"/accounts/{world.customer}"
    user = f"{home}/users/{world.customer[:16]}{'0' * 16}"
    word, status = "invalid_grant", 400
    if end == "logout":
        assert 200 == (await Client(world.app, tokens["access_token"]).delete("/token_auth")).status
    elif end == "password":
        assert 200 == (await above.patch(user, {"password": "another-engine"})).status
    elif end == "disabled":
        assert 200 == (await above.patch(user, {"enabled": False})).status
    elif end == "deleted":
        assert 200 == (await above.delete(user)).status
    elif end == "account":
        assert 200 == (await above.patch(home, {"enabled": False})).status
    else:
        assert 200 == (await above.delete(f"/accounts/{world.reseller}/applications/{app.id}")).status
        word, status = "invalid_client", 401
    assert not await desk.works(tokens)
    refused(await desk.refresh(app, tokens), word, status)


async def test_an_application_that_is_not_shared_any_more(desk: Desk) -> None:
    """Users whom it does not reach get no more tokens."""
    master, place = await desk.world.client("master"), f"/accounts/{desk.world.customer}/applications"
    made = await master.put(place, {"name": "All", "grants": ["password", "refresh_token"], "shared": True})
    app = App(made.data["client_id"], made.data["client_secret"])
    tokens = await desk.login(app, username="admin@stranger")
    assert 200 == (await master.patch(f"{place}/{app.id}", {"shared": False})).status
    refused(await desk.refresh(app, tokens), "invalid_grant")


async def test_five_sessions(desk: Desk) -> None:
    """One more ends the oldest of the same user and application, also if all begin at once."""
    app, other = await desk.app(), await desk.app()
    await desk.user(username="ada", password="difference-engine")
    apart = [await desk.login(other), await desk.login(app, username="ada", password="difference-engine")]
    tokens = []
    for _ in range(7):
        desk.clock.now += 1
        tokens.append(await desk.login(app))
    assert [False] * 2 + [True] * 5 == [await desk.works(each) for each in tokens]
    refused(await desk.refresh(app, tokens[0]), "invalid_grant")
    at_once = [got(each) for each in await asyncio.gather(*[desk.ask(app, "password", **LOGIN) for _ in range(12)])]
    assert 5 == sum([await desk.works(each) for each in at_once])
    assert [True, True] == [await desk.works(each) for each in apart]


async def test_ending_and_refreshing_at_once(desk: Desk) -> None:
    """However they meet, no access token is left when the session has ended."""
    app = await desk.app()
    for _ in range(5):
        tokens = await desk.login(app)
        answers = await asyncio.gather(
            *[desk.refresh(app, tokens) for _ in range(5)],
            desk.revoke(app, tokens["refresh_token"]),
            *[desk.refresh(app, tokens) for _ in range(5)],
        )
        assert {200, 400} >= {each.status for each in answers}
        given = [each.data for each in answers if "access_token" in (each.data or {})]
        assert not any([await desk.works(each) for each in [tokens, *given]])
        assert 0 == await sessions(desk)
