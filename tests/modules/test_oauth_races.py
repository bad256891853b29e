"""Requests that meet in the worst moment: somebody else is done between the look at a session and the write of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from crossbar import Document
from crossbar.stores.memory import MemoryStore
from crossbar.testing import Clock

from .oauth_desk import Desk, at_desk, got, refused


class Interrupted(MemoryStore):
    """A store in which, once, somebody else gets their turn just before it is asked for a document of some kind."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.kind = ""
        self.rival: Callable[[], Awaitable[Any]] | None = None
        self.won: Any = None

    async def get(self, tenant: str, kind: str, id: str) -> Document | None:
        """Let the rival go first, if it is time for that."""
        rival = self.rival
        if rival is not None and kind == self.kind:
            self.rival = None
            self.won = await rival()
        return await super().get(tenant, kind, id)

    def before(self, kind: str, rival: Callable[[], Awaitable[Any]]) -> None:
        """Wait for the next question for a document of this kind."""
        self.kind, self.rival = kind, rival


@pytest.fixture
def store() -> Interrupted:
    """A store to be interrupted."""
    return Interrupted(Clock())


@pytest.fixture
async def desk(store: Interrupted) -> AsyncIterator[Desk]:
    """A desk of the test's own, on that store."""
    async with at_desk(store) as made:
        yield made


async def test_a_refresh_that_comes_late_gets_the_same_pair(desk: Desk, store: Interrupted) -> None:
    """That its access token has just ended means that it was renewed, and not that somebody has logged out."""
    app = await desk.app()
    tokens = await desk.login(app)
    store.before("revoked_tokens", lambda: desk.refresh(app, tokens))
    late, first = got(await desk.refresh(app, tokens)), got(store.won)
    assert [first[each] for each in ("access_token", "refresh_token")] == [
        late[each] for each in ("access_token", "refresh_token")
    ]
    assert await desk.works(late)
    got(await desk.refresh(app, late))


async def test_a_refresh_in_the_midst_of_an_end(desk: Desk, store: Interrupted) -> None:
    """Whoever ends a session ends the tokens too that it has got since it was looked at."""
    app = await desk.app()
    tokens = await desk.login(app)
    store.before("revoked_tokens", lambda: desk.refresh(app, tokens))
    assert 200 == (await desk.revoke(app, tokens["refresh_token"])).status
    following = got(store.won)
    assert [False, False] == [await desk.works(each) for each in (tokens, following)]
    refused(await desk.refresh(app, following), "invalid_grant")


async def test_an_end_in_the_midst_of_a_refresh(desk: Desk, store: Interrupted) -> None:
    """Whoever refreshes a session that ends meanwhile gets nothing."""
    app = await desk.app()
    tokens = await desk.login(app)
    store.before("revoked_tokens", lambda: desk.revoke(app, tokens["refresh_token"]))
    refused(await desk.refresh(app, tokens), "invalid_grant")
    assert (200, False) == (store.won.status, await desk.works(tokens))
