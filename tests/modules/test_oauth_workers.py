"""Sessions over several worker processes: applications on one file that share nothing but what is in it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from crossbar import Crossbar
from crossbar.stores.sqlite import SqliteStore

from .oauth_desk import Desk, at_desk, got, refused, settings


@pytest.fixture
async def workers(tmp_path: Path) -> AsyncIterator[tuple[Desk, Crossbar]]:
    """Two applications over one file, as two worker processes are."""
    path = tmp_path / "store.db"
    async with at_desk(SqliteStore(path, synchronous="NORMAL")) as desk:
        desk.clock.now = 2_000_000_000
        other = Crossbar(settings(), store=SqliteStore(path, synchronous="NORMAL"), clock=desk.clock)
        await other.start()
        yield desk, other
        await other.stop()


async def test_tokens_of_another_worker(workers: tuple[Desk, Crossbar]) -> None:
    """Either refreshes what the other has begun, the old tokens end in both, and the grace is one."""
    desk, other = workers
    app = await desk.app()
    tokens = await desk.login(app)
    assert [True, True] == [await desk.works(tokens, each) for each in (desk.world.app, other)]
    following = got(await desk.refresh(app, tokens, app_of=other))
    for each in (desk.world.app, other):
        assert [False, True] == [await desk.works(pair, each) for pair in (tokens, following)]
    again = got(await desk.refresh(app, tokens))
    assert following["access_token"] == again["access_token"]


async def test_refreshing_in_both_at_once(workers: tuple[Desk, Crossbar]) -> None:
    """Fifty requests over two workers get one pair."""
    desk, other = workers
    app = await desk.app()
    tokens = await desk.login(app)
    asked = [desk.refresh(app, tokens, app_of=other if number % 2 else desk.world.app) for number in range(50)]
    answers = [got(each) for each in await asyncio.gather(*asked)]
    assert 1 == len({(each["access_token"], each["refresh_token"]) for each in answers})


async def test_the_end_is_seen_in_both(workers: tuple[Desk, Crossbar]) -> None:
    """A session that one ends is over in the other, whatever that remembers."""
    desk, other = workers
    app = await desk.app()
    tokens = await desk.login(app)
    assert await desk.works(tokens, other)
    await desk.revoke(app, tokens["refresh_token"])
    assert not await desk.works(tokens, other)
    refused(await desk.refresh(app, tokens, app_of=other), "invalid_grant")


async def test_a_code_in_both_at_once(workers: tuple[Desk, Crossbar]) -> None:
    """Of requests with one code one gets tokens at most, and in the end nobody has a session."""
    desk, other = workers
    app = await desk.app()
    code = await desk.code(app)
    apps = (desk.world.app, other) * 5
    answers = await asyncio.gather(*[desk.redeem(app, code, app_of=each) for each in apps])
    given = [each.data for each in answers if each.status == 200]
    assert (1, 9) == (len(given), sum(each.status == 400 for each in answers))
    assert [False, False] == [await desk.works(given[0], each) for each in (desk.world.app, other)]
