"""The gateway in somebody else's application: below a path, started late, and several of them in one process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from crossbar import Crossbar
from crossbar.gateway.keeping import configure
from crossbar.testing import make_app

from .renewing import Lines, ask, keeper, route, said, simple, started, watched

ONE, TWO = "http://one.example", "http://two.example"


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Lines:
    """Give the transports of all upstreams."""
    return watched(monkeypatch)


def host(app: Crossbar, *, lifespan: bool) -> Starlette:
    """A host with the application below `/api`, which enters its lifespan or leaves that to the first request."""

    @asynccontextmanager
    async def living(_: Starlette) -> AsyncIterator[None]:
        async with app.lifespan():
            yield

    return Starlette(routes=[Mount("/api", app=app)], lifespan=living if lifespan else None)


async def test_below_a_path(lines: Lines) -> None:
    """Plain routes and nouns answer below the path of the mount, and the host's own paths are its own."""
    app = make_app(said(route("/x/**", "up"), route("/v2/invoices/**", "up", auth="none"), up=ONE))
    outside = host(app, lifespan=True)
    async with outside.router.lifespan_context(outside):
        answers = [await ask(outside, path) for path in ("/api/x/1", "/api/v2/invoices/7", "/x/1")]
        assert [(200, b"one.example"), (200, b"one.example"), (404, b"Not Found")] == answers
        await configure(app, simple(TWO))
        assert (200, b"two.example") == await ask(outside, "/api/x/1")
    assert [(1, 1), (1, 1)] == lines.counts


async def test_started_by_the_first_request(lines: Lines) -> None:
    """Without a lifespan the upstreams are opened by the first request, once, and changed like any others."""
    app = make_app(simple(ONE))
    outside = host(app, lifespan=False)
    assert [] == lines.counts
    assert [(200, b"one.example")] * 2 == [await ask(outside, "/api/x/1") for _ in range(2)]
    await configure(app, simple(TWO))
    assert (200, b"two.example") == await ask(outside, "/api/x/1")
    await app.stop()
    assert [(1, 1), (1, 1)] == lines.counts


async def test_two_in_one_process(lines: Lines) -> None:
    """Each has its own routes, upstreams and name in `Via`, and changes alone."""
    async with started(simple(ONE)) as first, started(simple(TWO)) as second:
        assert [b"one.example", b"two.example"] == [(await ask(app, "/x/1")).body for app in (first, second)]
        await configure(first, said(route("/y/**", "up"), up=TWO))
        assert [404, 200] == [(await ask(app, "/x/1")).status for app in (first, second)]
        assert keeper(first).current.services["up"] is not keeper(second).current.services["up"]
    assert [(1, 1)] * 3 == lines.counts
