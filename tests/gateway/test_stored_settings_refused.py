"""Settings in the store that an application cannot have in force: it goes on as it was, and says so."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from crossbar import Endpoint, Json, Settings, following
from crossbar.context import Context
from crossbar.errors import CrossbarError, SettingsError, StoreUnavailable
from crossbar.plugins import Outcome
from crossbar.stored_settings import stored_in
from crossbar.stores import Insert
from crossbar.testing import make_app, make_store
from tests.plugins.tools import until

from .renewing import Lines, simple
from .storing import NONE, ROUTE, UP, Start, answers, document, drop, put, ready, revision, state


class Invoices(Endpoint):
    """A module whose noun others give to their gateway."""

    name = "invoices"

    async def find(self, ctx: Context) -> Json:
        """Nothing."""
        return []


async def test_one_that_cannot(
    start: Start, lines: Lines, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It goes on with what it has, says so in its log once and in `/readyz`, and takes the next ones over."""
    monkeypatch.setattr(following, "AGAIN", 1_000_000)
    fine, other = await start(simple("http://one.example")), await start(endpoints=[Invoices()], bundled=False)
    await put(fine, UP.format("two") + ROUTE.format("/x/**"))
    await until(lambda: [1, 1] == [revision(fine), revision(other)])
    caplog.clear()
    text = UP.format("three") + ROUTE.format("/v2/invoices/**").replace("none", "crossbar") + ROUTE.format("/x/**")
    await put(fine, text)
    await until(lambda: revision(fine) == 2 and other.following.faults)
    await fine.store.write([Insert(document("of_others"))])
    made = len(lines.made)
    await other.following.look()
    assert made == len(lines.made), "it is tried again too soon"
    assert [b"three.example", b"two.example"] == [await answers(app) for app in (fine, other)]
    assert (200, "ready") == await ready(fine)
    assert (200, "ready, with older settings than those in the store: the log says why") == await ready(other)
    [told] = [each.message for each in caplog.records if each.levelno == logging.ERROR]
    assert told.startswith("the settings in the store: revision 1 goes on, since revision 2 has faults: route[0]")
    assert "is that of a module" in told
    await put(fine, UP.format("four") + ROUTE.format("/x/**"))
    await until(lambda: [3, 3] == [revision(fine), revision(other)])
    assert ((200, "ready"), b"four.example") == (await ready(other), await answers(other))


async def test_what_could_not_be_is_tried_again(
    start: Start, lines: Lines, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What is wrong may be this machine's own trouble, and pass: nobody has to put the settings once more."""
    monkeypatch.setattr(following, "AGAIN", 5)
    app = await start(simple("http://one.example"))
    lines.faults = [None, OSError("no room")] * 2
    await put(app, UP.format("two"))
    await until(lambda: app.following.faults)
    assert (("OSError: no room",), b"one.example") == (app.following.faults, await answers(app))
    await until(lambda: revision(app) == 1)
    assert ((), b"two.example") == (app.following.faults, await answers(app))
    assert 1 == sum(each.levelno == logging.ERROR for each in caplog.records), "the same is told twice"


async def test_settings_of_its_own_that_fit(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """What could not be taken over is tried again with a reload, and is forgotten where it is dropped."""
    monkeypatch.setattr(following, "AGAIN", 1_000_000)
    app = await start()
    for own in (NONE, simple("http://one.example")):
        await put(app, ROUTE.format("/y/**"))
        await until(lambda: app.following.faults)
        if own is NONE:
            await drop(app)
            await until(lambda: not app.following.faults)
        else:
            await app.following.renew(own)
            await until(lambda: revision(app) == 1)
    assert ((), b"one.example") == (app.following.faults, await answers(app, "/y/1"))


async def test_a_process_does_not_start_with_less(start: Start, tmp_path: Path, lines: Lines) -> None:
    """What cannot be taken over at the start is told with every fault, and nothing is left open."""
    await put(await start(), ROUTE.format("/x/**") + "[plugins.nobody]\nx = 1\n")
    app = make_app(simple("http://one.example"), store=make_store("sqlite", tmp_path))
    with pytest.raises(SettingsError) as error:
        await app.start()
    assert "the settings in the store (revision 1) cannot be taken over" in str(error.value)
    assert "plugins.nobody: no such plugin" in str(error.value)
    await app.stop()
    assert [] == [each for each in lines.counts if each[0] != each[1]]


async def test_nothing_is_half_taken_over(start: Start, lines: Lines) -> None:
    """An upstream that cannot be opened brings the modules back that had been changed already."""
    app = await start(simple("http://one.example"))
    lines.faults = [None, OSError("no room")]
    await put(app, UP.format("two") + '[modules]\ndisabled = ["cdrs"]\n')
    await until(lambda: app.following.faults)
    assert (("OSError: no room",), b"one.example") == (app.following.faults, await answers(app))
    assert (401, ()) == (await answers(app, "/v2/cdrs"), app.settings.modules.disabled)
    assert "ok" == state(app)


async def test_a_noun_does_not_change_hands(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module that cannot be let in leaves its noun with the upstream, which answers as before."""
    app = await start(simple("http://one.example"))
    noun = ROUTE.format("/v2/cdrs/**").replace('"none"', '"crossbar"') + ROUTE.format("/x/**")
    await put(app, noun + '[modules]\ndisabled = ["cdrs"]\n')
    await until(lambda: revision(app) == 1)
    before, adjust = app.settings, app.changes.adjust

    async def unless_let_in(settings: Settings) -> list[Outcome]:
        if not settings.modules.disabled:
            raise SettingsError(["it is broken"])
        outcomes: list[Outcome] = await adjust(settings)
        return outcomes

    monkeypatch.setattr(app.changes, "adjust", unless_let_in)
    await drop(app)
    await until(lambda: app.following.faults)
    assert app.gateway is not None
    assert (["cdrs"], "disabled", before) == ([*app.gateway.current.nouns], state(app), app.settings)
    assert ("it is broken",) == app.following.faults
    monkeypatch.undo()
    await app.following.renew(simple("http://one.example"))


async def test_a_store_that_is_away(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing changes while nobody can be asked, and what was put meanwhile comes when it is back."""
    app, other = await start(simple("http://one.example")), await start()
    asked = []

    async def away(*_: object) -> None:
        asked.append(1)
        raise StoreUnavailable("away")

    with monkeypatch.context() as broken:
        broken.setattr(app.store, "get", away)
        await put(other, UP.format("two"))
        await until(lambda: len(asked) > 3)
        assert ((), b"one.example") == (app.following.faults, await answers(app))
    await until(lambda: revision(app) == 1)
    assert b"two.example" == await answers(app)


async def test_what_is_no_settings(start: Start) -> None:
    """A document that somebody else has made is told of, and not taken for an empty one."""
    app = await start()
    await app.store.write([Insert(document("settings"))])
    with pytest.raises(CrossbarError, match="holds no settings: delete it"):
        await stored_in(app.store)
