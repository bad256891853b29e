"""An event stream lives as long as the token that opened it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from crossbar import Context, Endpoint, Event, Stream, rendering
from crossbar.testing import small_world


class Ticks(Endpoint):
    """Ticks for ever."""

    name = "ticks"
    ended = False

    async def find(self, ctx: Context) -> Stream:
        """Give the ticks."""
        return Stream.events(self._ticks())

    async def _ticks(self) -> AsyncIterator[Event]:
        try:
            while True:
                yield Event("tick")
                await asyncio.sleep(0.01)
        finally:
            self.ended = True


async def test_a_token_that_is_revoked_ends_the_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    """It goes on while the token is good, and is brought to its end at the next check when it is not."""
    monkeypatch.setattr(rendering, "RECHECK_SECONDS", 0.05)
    ticks = Ticks()
    world = await small_world(endpoints=[ticks])
    client = await world.client("customer")
    async with client.stream("GET", "/account/ticks") as response:
        pieces = aiter(response)
        for _ in range(20):  # several checks long
            assert await anext(pieces)
        assert not ticks.ended
        assert 200 == (await client.delete("/token_auth")).status
        async with asyncio.timeout(30):
            async for _ in pieces:
                pass
    assert ticks.ended
    await world.app.stop()
