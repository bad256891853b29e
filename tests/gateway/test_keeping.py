"""Another configuration in the place of the one in force: what is kept, what is closed when, what is refused."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace

from crossbar import Context, Crossbar, Settings
from crossbar.auth import Principal
from crossbar.errors import SettingsError
from crossbar.gateway.keeping import configure
from crossbar.settings import Gateway, Provider
from crossbar.settings.gateway import Key
from crossbar.testing import make_app

from .renewing import Lines, Told, ask, keeper, route, said, service, simple, started, until, watched

ONE, TWO, THREE = "http://one.example", "http://two.example", "http://three.example"


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Lines:
    """Give the transports of all upstreams."""
    return watched(monkeypatch)


async def body(app: Crossbar, path: str = "/x/1") -> bytes:
    """What is answered at a path."""
    return (await ask(app, path)).body


def begun(app: Crossbar, path: str = "/x/1") -> asyncio.Task[Told]:
    """A request that is under way."""
    return asyncio.create_task(ask(app, path))


async def until_calls(app: Crossbar, calls: int) -> None:
    """Wait until so many calls of the upstream are under way."""
    await until(lambda: service(app).active == calls)


async def test_what_is_the_same_goes_on(lines: Lines) -> None:
    """An upstream and a provider with the same settings are the same objects, which nobody closes or opens again."""
    staff = {"staff": Provider(keys=(Key("ada", "0" * 64),)), "guests": Provider(keys=(Key("eve", "1" * 64),))}
    before = replace(said(route("/x/**", "up"), up=ONE, other=TWO), provider=staff)
    async with started(before) as app:
        kept, sources = service(app), dict(keeper(app).current.sources)
        kept.targets[0].failures = 3
        changed = replace(said(route("/y/**", "up"), up=ONE, other=THREE), provider={"staff": staff["staff"]})
        await configure(app, changed)
        assert (kept, [(1, 0), (1, 1), (1, 0)]) == (service(app), lines.counts)
        assert (3, {"staff": sources["staff"]}) == (kept.targets[0].failures, keeper(app).current.sources)
        assert (b"one.example", 404) == (await body(app, "/y/1"), (await ask(app, "/x/1")).status)
    assert [(1, 1)] * 3 == lines.counts


async def test_what_is_under_way_ends_as_it_began(lines: Lines) -> None:
    """A response that is on its way comes to its end, and its upstream is closed once that is so, and not before."""
    async with started(simple(ONE)) as app:
        held = lines.made[0].held = asyncio.Event()
        requests = [begun(app), begun(app)]
        await until_calls(app, 2)
        await configure(app, simple(TWO))
        assert [(1, 0), (1, 0)] == lines.counts
        assert b"two.example" == await body(app)
        held.set()
        assert [b"one.example"] * 2 == [each.body for each in await asyncio.gather(*requests)]
        await keeper(app).renew(simple(TWO))
        assert [(1, 1), (1, 0)] == lines.counts
    assert [(1, 1)] * 2 == lines.counts


class Door:
    """An authenticator that lets nobody in before it is opened."""

    def __init__(self) -> None:
        self.waiting = 0
        self.opened = asyncio.Event()

    async def __call__(self, ctx: Context) -> Principal:
        """Wait, and let them in."""
        self.waiting += 1
        await self.opened.wait()
        return Principal("a" * 32, None, "test")


async def test_who_is_still_asked_who_it_is_is_served(lines: Lines) -> None:
    """A request that has found its route, and not called yet, finds its upstream open however often it is renewed."""
    door = Door()
    async with started(said(route("/x/**", "up", auth="crossbar"), up=ONE), authenticators=[door]) as app:
        request = begun(app)
        await until(lambda: door.waiting == 1)
        for number in (1, 2, 3):
            await configure(app, simple({"targets": [TWO], "concurrency": number}))
        assert [(1, 0), (1, 1), (1, 1), (1, 0)] == lines.counts
        door.opened.set()
        answer = await request
        assert (200, b"one.example") == (answer.status, answer.body)
        await keeper(app).renew(app.settings)
        assert (1, 1) == lines.counts[0]


async def test_what_two_of_them_use_waits_for_both(lines: Lines) -> None:
    """An upstream that two configurations had is closed after the last request of either."""
    door = Door()
    guarded = route("/y/**", "up", auth="crossbar")
    async with started(said(route("/x/**", "up"), guarded, up=ONE, more=TWO), authenticators=[door]) as app:
        lines.made[0].held = asyncio.Event()
        first = begun(app)
        await until_calls(app, 1)
        await configure(app, said(guarded, up=ONE))
        second = begun(app, "/y/1")
        await until(lambda: door.waiting == 1)
        await configure(app, simple(THREE))
        lines.made[0].held.set()
        assert b"one.example" == (await first).body
        await keeper(app).renew(app.settings)
        assert [(1, 0), (1, 1), (1, 0)] == lines.counts
        door.opened.set()
        assert b"one.example" == (await second).body
        await keeper(app).renew(app.settings)
        assert [(1, 1), (1, 1), (1, 0)] == lines.counts


async def test_fifty_at_once(lines: Lines) -> None:
    """They come one after the other: each that was replaced is closed once, and the last one serves."""
    async with started(simple(ONE)) as app:
        requests: list[asyncio.Task[Told]] = []

        async def renew(number: int) -> None:
            await configure(app, simple({"targets": [ONE], "concurrency": 100 + number}))
            requests.append(begun(app))

        await asyncio.gather(*(renew(number) for number in range(50)))
        assert [b"one.example"] * 50 == [each.body for each in await asyncio.gather(*requests)]
        last = service(app)
        await keeper(app).renew(app.settings)
        assert (last, 51) == (service(app), len(lines.counts))
        assert [(1, 0)] == [each for each in lines.counts if each != (1, 1)]
    assert [(1, 1)] * 51 == lines.counts


async def test_one_that_fails_half_way_changes_nothing(lines: Lines) -> None:
    """What was opened by then is closed again, what was there serves, and the next one succeeds."""
    before = said(route("/x/**", "up"), up=ONE, kept=TWO)
    after = said(route("/x/**", "fresh"), fresh=THREE, kept=TWO, third=ONE)
    async with started(before) as app:
        was, registry, settings = keeper(app).current, app.registry, app.settings
        lines.faults = [None, OSError("no more sockets")]
        with pytest.raises(OSError, match="no more sockets"):
            await configure(app, after)
        assert (was, registry, settings) == (keeper(app).current, app.registry, app.settings)
        assert [(1, 0), (1, 0), (1, 1)] == lines.counts
        assert b"one.example" == await body(app)
        await configure(app, after)
        assert b"three.example" == await body(app)
        assert [(1, 1), (1, 0), (1, 1), (1, 0), (1, 0)] == lines.counts
    assert [(1, 1)] * 5 == lines.counts


async def test_all_that_is_wrong_is_told_at_once(lines: Lines) -> None:
    """Faults of the trusted proxies, of routes and of upstreams come together, and nothing has changed."""
    wrong = replace(
        said(route("/x/**", "up"), route("/y/**", "gone"), up=ONE), gateway=Gateway(trusted=("10.0.0.0/99",))
    )
    async with started(simple(ONE)) as app:
        was = keeper(app).current
        with pytest.raises(SettingsError) as raised:
            await configure(app, wrong)
        assert ["gateway.trusted", "route[1] (/y/**)"] == [each.partition(": ")[0] for each in raised.value.faults]
        assert (was, [(1, 0)]) == (keeper(app).current, lines.counts)


async def test_from_nothing_to_a_gateway_and_back(lines: Lines) -> None:
    """An application without a gateway gets one, and one whose gateway is taken away has nothing left open."""
    nothing = said()
    async with started(nothing) as app:
        assert (None, 404) == (app.gateway, (await ask(app, "/x/1")).status)
        with pytest.raises(SettingsError):
            await configure(app, said(route("/x/**", "up")))
        assert app.gateway is None
        await configure(app, simple(ONE))
        assert b"one.example" == await body(app)
        await configure(app, nothing)
        assert ([(1, 1)], 404) == (lines.counts, (await ask(app, "/x/1")).status)
        await configure(app, simple(TWO))
        assert b"two.example" == await body(app)
    assert [(1, 1)] * 2 == lines.counts


async def test_several_at_once_where_there_was_none(lines: Lines) -> None:
    """Whichever comes first makes the gateway, and all but the last are closed."""
    async with started(said()) as app:
        await asyncio.gather(*(configure(app, simple({"targets": [ONE], "concurrency": 1 + n})) for n in range(8)))
        assert (b"one.example", 1) == (await body(app), sum(count == (1, 0) for count in lines.counts))
    assert all(count == (1, 1) for count in lines.counts)


async def test_an_application_that_is_not_open(lines: Lines) -> None:
    """What is configured before the start, or between two of them, is opened by the start."""
    app = make_app(simple(ONE))
    await configure(app, simple(TWO))
    assert [] == lines.counts
    for host in (b"two.example", b"three.example"):
        async with app.lifespan():
            assert host == await body(app)
        await configure(app, simple(THREE))
    assert [(1, 1), (1, 1)] == lines.counts


async def test_the_end_closes_what_was_leaving_too(lines: Lines) -> None:
    """An application that stops while requests of an earlier configuration are under way leaves nothing open."""
    async with started(simple(ONE)) as app:
        lines.made[0].held = asyncio.Event()
        request = begun(app)
        await until_calls(app, 1)
        await configure(app, simple(TWO))
        assert [(1, 0), (1, 0)] == lines.counts
        await app.stop()
        assert [(1, 1), (1, 1)] == lines.counts
        request.cancel()
        await asyncio.wait([request])


async def test_only_the_gateway_is_taken_over(lines: Lines) -> None:
    """Other tables stay as they were at the start; what trusted proxies and `via` are changes at once."""
    async with started(simple(ONE)) as app:
        mixed: Any = replace(simple(ONE), gateway=Gateway(("10.0.0.0/8",), "edge"), dialects=Settings().dialects)
        await configure(app, replace(mixed, rate=Settings().rate))
        assert (False, "edge") == (app.settings.rate.enabled, app.settings.gateway.via)
        assert (True, b"edge") == (keeper(app).trusted.knows("10.1.2.3"), keeper(app).pseudonym)
        await configure(app, simple(ONE))
        assert (False, True) == (keeper(app).trusted.knows("10.1.2.3"), keeper(app).pseudonym != b"edge")
        assert [(1, 0)] == lines.counts
