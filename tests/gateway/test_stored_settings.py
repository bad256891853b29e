"""Settings in the store: every application on it has them in force, at its start and soon after they were put."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace

from crossbar import Crossbar, Settings
from crossbar.errors import DocumentMissing, RevisionConflict, SettingsError, UniqueConflict
from crossbar.settings import StoreSettings
from crossbar.stored_settings import put_into, stored_in, take_out
from crossbar.stores.memory import MemoryStore
from tests.plugins.tools import until

from .renewing import Lines, said, simple
from .storing import NONE, ROUTE, UP, Start, answers, drop, put, revision, state


async def test_all_have_what_is_put(start: Start) -> None:
    """Three applications, one of which has no gateway: each takes over each revision, and drops them all."""
    apps = [await start(simple("http://one.example")), await start(simple("http://one.example")), await start()]
    assert [b"one.example", b"one.example", 404] == [await answers(app) for app in apps]
    for number, host in enumerate(("two", "three"), 1):
        assert number == await put(apps[1], UP.format(host) + ROUTE.format("/x/**"))
        await until(lambda number=number: [number] * 3 == [revision(app) for app in apps])  # type: ignore[misc]
        assert [f"{host}.example".encode()] * 3 == [await answers(app) for app in apps]
    await drop(apps[0])
    await until(lambda: [None] * 3 == [revision(app) for app in apps])
    assert [b"one.example", b"one.example", 404] == [await answers(app) for app in apps]


@pytest.mark.parametrize("own", [simple("http://one.example"), NONE], ids=["a gateway", "none"])
async def test_who_starts_later_begins_with_them(start: Start, lines: Lines, own: Settings) -> None:
    """Before its first request, and without opening what it would have had otherwise."""
    first = await start()
    await put(first, UP.format("two") + ROUTE.format("/x/**"))
    await until(lambda: revision(first) == 1)
    late = await start(own)
    assert (1, b"two.example") == (revision(late), await answers(late))
    assert [(1, 0)] * 2 == lines.counts
    await late.stop()
    await drop(first)
    await late.start()
    assert (None, b"one.example" if own is not NONE else 404) == (revision(late), await answers(late))


async def test_they_lie_over_what_a_process_has_itself(start: Start) -> None:
    """Tables are merged key by key, and what is not named stays each process's own; lists are replaced."""
    own = simple({"targets": ["http://one.example"], "secret": "mine", "timeout": {"connect": "3s"}})
    app = await start(replace(own, gateway=replace(own.gateway, via="me")))
    await put(app, UP.format("two") + "timeout.total = '9s'\n" + ROUTE.format("/y/**"))
    await until(lambda: revision(app) == 1)
    up = app.settings.upstream["up"]
    assert ("mine", "3s", "9s", "me") == (up.secret, up.timeout.connect, up.timeout.total, app.settings.gateway.via)
    assert [404, b"two.example"] == [await answers(app, path) for path in ("/x/1", "/y/1")]


async def test_a_reload_goes_below_them(start: Start) -> None:
    """Other settings of a process's own count where the store says nothing, and when it says nothing any more."""
    app = await start(simple("http://one.example"))
    await put(app, UP.format("two"))
    await until(lambda: revision(app) == 1)
    await app.following.renew(said(*[{"path": "/z/**", "to": "up", "auth": "none"}], up="http://three.example"))
    assert [404, b"two.example"] == [await answers(app, path) for path in ("/x/1", "/z/1")]
    await drop(app)
    await until(lambda: revision(app) is None)
    assert b"three.example" == await answers(app, "/z/1")
    with pytest.raises(SettingsError, match="there is no upstream 'up'"):
        await app.following.renew(said({"path": "/z/**", "to": "up", "auth": "none"}))
    assert b"three.example" == await answers(app, "/z/1")


async def test_a_noun_changes_hands(start: Start) -> None:
    """One put may leave a module out and give its noun to an upstream; dropped, the module has it again."""
    app = await start(simple("http://one.example"))
    noun = ROUTE.format("/v2/cdrs/**").replace('"none"', '"crossbar"')
    await put(app, noun + '[modules]\ndisabled = ["bundled/cdrs"]\n')
    await until(lambda: revision(app) == 1)
    assert app.gateway is not None
    assert (["cdrs"], "disabled") == ([*app.gateway.current.nouns], state(app))
    await drop(app)
    await until(lambda: revision(app) is None or app.following.faults)
    assert (((), []), "ok") == ((app.following.faults, [*app.gateway.current.nouns]), state(app))


async def test_a_quiet_store_is_not_read(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing was written, the question for its version is all."""
    app = await start()
    versions: list[int | None] = []
    gets: list[object] = []
    version, get = app.store.version, app.store.get

    def noted(*kinds: str) -> int | None:
        versions.append(version(*kinds))
        return versions[-1]

    monkeypatch.setattr(app.store, "version", noted)
    await until(lambda: len(versions) > 2)

    async def counted(*what: str) -> Any:
        gets.append(what)
        return await get(*what)

    monkeypatch.setattr(app.store, "get", counted)
    before = len(versions)
    await until(lambda: len(versions) > before + 5)
    assert [] == gets
    await put(app, "")
    await until(lambda: revision(app) == 1)


async def test_whoever_does_not_want_them(start: Start) -> None:
    """With `store.settings = false` a process looks at none, at its start and later."""
    app, without = await start(), simple("http://one.example", store=StoreSettings(settings=False))
    await put(app, UP.format("two"))
    alone = await start(without)
    await until(lambda: app.following.faults or revision(app) == 1)
    await put(app, UP.format("three"))
    await until(lambda: revision(app) == 2)
    assert (None, b"one.example") == (revision(alone), await answers(alone))


async def test_two_at_once(start: Start) -> None:
    """Whoever has not seen what another one has put, or dropped, changes nothing."""
    app = await start()
    results = await asyncio.gather(*[put_into(app.store, f"# {n}", None, 1) for n in range(5)], return_exceptions=True)
    assert 4 == sum(isinstance(each, UniqueConflict) for each in results)
    first = await stored_in(app.store)
    results = await asyncio.gather(*[put_into(app.store, f"# {n}", first, 1) for n in range(5)], return_exceptions=True)
    assert 4 == sum(isinstance(each, RevisionConflict) for each in results)
    assert first is not None
    with pytest.raises(RevisionConflict):
        await take_out(app.store, first)
    await drop(app)
    with pytest.raises(DocumentMissing):
        await put_into(app.store, "# 6", first, 1)
    assert await stored_in(app.store) is None


class Late(MemoryStore):
    """A store that learns of the writes of other processes some time after them."""

    lag = 0.5

    def version(self, *kinds: str) -> int | None:
        """As if nobody had written since."""
        return 1


async def test_a_store_that_is_late_is_looked_at_each_time() -> None:
    """Its version and the time between two looks would be more than a second together."""
    store = Late()
    app = Crossbar(simple("http://one.example"), store=store)
    async with app.lifespan():
        await put(app, UP.format("two") + ROUTE.format("/x/**"))
        await until(lambda: revision(app) == 1)
        assert "two" in repr(app.settings.upstream)
