"""Server-sent events: what a client has to accept for them, and from where it goes on."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from crossbar import Context, Endpoint, Event, Stream
from crossbar.testing import Client

from .test_events import Ticks
from .tools import Maker


@pytest.fixture
def ticks() -> Ticks:
    """The endpoint of the client's application."""
    return Ticks()


@pytest.fixture
async def client(make: Maker, ticks: Ticks) -> Client:
    """An application with events."""
    return await make.client(endpoints=[ticks])


ACCEPTED = [
    pytest.param("text/event-stream", 200, id="what EventSource sends"),
    pytest.param("text/event-stream, application/json;q=0.5", 200, id="events first"),
    pytest.param("text/*", 200, id="any text"),
    pytest.param("*/*", 200, id="anything"),
    pytest.param("application/json", 200, id="JSON, which events are not; the endpoint has nothing else"),
]


@pytest.mark.parametrize(("accept", "status"), ACCEPTED)
async def test_accepting_events(client: Client, ticks: Ticks, accept: str, status: int) -> None:
    """An endpoint that answers with events need not declare anything for that."""
    ticks.queue.put_nowait(None)
    response = await client.get("/account/ticks", headers={"accept": accept})
    assert (status, "text/event-stream") == (response.status, response.headers["content-type"])


@pytest.mark.parametrize("path", ["/account/devices", "/account/ticks/json"])
async def test_events_where_there_are_none(client: Client, path: str) -> None:
    """Who accepts nothing but events, and asks for something else, gets a 406."""
    refused = await client.get(path, headers={"accept": "text/event-stream"})
    assert (406, "not_acceptable") == (refused.status, refused.json()["message"])
    either = await client.get(path, headers={"accept": "text/event-stream, application/json;q=0.1"})
    assert (200, "application/json") == (either.status, either.headers["content-type"])


async def test_events_for_a_write(client: Client) -> None:
    """Nothing is written for somebody who would not accept the answer."""
    refused = await client.put("/account/devices", {"name": "a"}, headers={"accept": "text/event-stream"})
    assert (406, []) == (refused.status, (await client.get("/account/devices")).data)


class Resuming(Endpoint):
    """An endpoint whose events go on where a client has left off."""

    name = "resuming"

    async def find(self, ctx: Context) -> Stream:
        """The event after the last one that the client has seen."""
        last = int(ctx.header(b"last-event-id") or 0)

        async def later() -> AsyncIterator[Event]:
            yield Event("more", id=str(last + 1))

        return Stream.events(later())


async def test_resuming(make: Maker) -> None:
    """The id of the last event that a client has seen is a header field like any other."""
    client = await make.client(endpoints=[Resuming()])
    assert b"id: 8\n" in (await client.get("/account/resuming", headers={"last-event-id": "7"})).body
