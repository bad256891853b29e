"""Other settings for modules that run: what they run with afterwards, who comes and goes, and what changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from msgspec.structs import replace

from crossbar import Crossbar, Endpoint, Settings
from crossbar.errors import SettingsError
from crossbar.plugins import doubtful
from crossbar.settings import Modules
from crossbar.testing import Client

from .tools import GOOD, Maker, Packages, did, faults, states, until, with_modules, write

SENSORS = """
    import asyncio
    from contextlib import asynccontextmanager

    from crossbar import Endpoint, Options

    class SensorOptions(Options, frozen=True):
        unit: str = "C"
        most: int = 5

    class Sensors(Endpoint):
        name = "sensors"
        options = SensorOptions()

        @asynccontextmanager
        async def lifespan(self, app):
            if self.options.unit == "K":
                raise ValueError("no such unit")
            app.lives.append(f"+{self.options.unit}")
            yield
            app.lives.append(f"-{self.options.unit}")

        async def find(self, ctx):
            if ctx.query.get("wait"):
                ctx.app.held = asyncio.Event()
                await ctx.app.held.wait()
            return [self.options.unit]
"""


def other(settings: Settings, *disabled: str, **plugins: Any) -> Settings:
    """The settings with other options of plugins, and others left out."""
    return replace(settings, plugins=plugins, modules=replace(settings.modules, disabled=disabled))


class Running:
    """An application with the folder's modules, and what has become of the lifespan of one of them."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.app: Crossbar = client.app
        self.settings = self.app.settings

    @property
    def lives(self) -> list[str]:
        """Which lifespans have begun and ended, with their units."""
        found: list[str] = self.app.lives  # type: ignore[attr-defined]
        return found

    async def adjust(self, *disabled: str, **plugins: Any) -> list[tuple[str, str]]:
        """Adjust the application; what became of whom."""
        return did(await self.app.changes.adjust(other(self.settings, *disabled, **plugins)))

    async def refused(self, *disabled: str, **plugins: Any) -> str:
        """Try to, and give the reason why it cannot be."""
        with pytest.raises(SettingsError) as error:
            await self.adjust(*disabled, **plugins)
        return "; ".join(error.value.faults)

    async def answer(self, noun: str = "sensors", **query: str) -> Any:
        """What a noun answers with, or the status if it is refused."""
        words = "&".join(f"{key}={value}" for key, value in query.items())
        response = await self.client.get(f"/account/{noun}" + (f"?{words}" if words else ""))
        return response.data if response.status == 200 else response.status


Start = Callable[..., Awaitable[Running]]


@pytest.fixture
def running(folder: Path, make: Maker, monkeypatch: pytest.MonkeyPatch) -> Start:
    """Give what starts an application with a module that has options, and one that has none."""
    write(folder, "phones.py", GOOD)
    write(folder, "sensors.py", SENSORS)

    async def start(**more: Any) -> Running:
        monkeypatch.setattr(Crossbar, "lives", [], raising=False)
        modules = more.pop("modules", {})
        return Running(await make.client(with_modules(folder, *modules.pop("disabled", ()), **modules), **more))

    return start


async def test_other_options(running: Start) -> None:
    """The module is renewed with them, and no other one is; a second time there is nothing to do."""
    app = await running()
    before = app.app.registry.names["phones"]
    assert [("sensors", "reloaded")] == await app.adjust(sensors={"unit": "F"})
    assert (["F"], before) == (await app.answer(), app.app.registry.names["phones"])
    await until(lambda: app.lives == ["+C", "+F", "-C"])
    assert [] == await app.adjust(sensors={"unit": "F"})
    assert [("sensors", "reloaded")] == await app.adjust()
    assert ["C"] == await app.answer()


async def test_a_request_under_way(running: Start) -> None:
    """It ends with the options that it began with, and their lifespan ends after it."""
    app = await running()
    waiting = asyncio.create_task(app.answer(wait="1"))
    await until(lambda: hasattr(app.app, "held"))
    await app.adjust(sensors={"unit": "F"})
    assert (["F"], ["+C", "+F"]) == (await app.answer(), app.lives)
    vars(app.app)["held"].set()
    assert ["C"] == await waiting
    await until(lambda: app.lives == ["+C", "+F", "-C"])


REFUSED = [
    pytest.param([], {"sensors": {"most": "x"}}, "plugins.sensors.most: must be integer", id="a wrong type"),
    pytest.param([], {"sensors": {"units": "F"}}, "plugins.sensors.units: no such setting; did you", id="a wrong key"),
    pytest.param([], {"sensors": {"unit": "K"}}, "its lifespan failed: ValueError: no such unit", id="a lifespan"),
    pytest.param([], {"sensor": {}}, "plugins.sensor: no such plugin; did you mean 'sensors'?", id="nobody's"),
    pytest.param([], {"phones": {"x": 1}}, "plugins.phones: this plugin has no settings", id="of one without any"),
    pytest.param(["cdrs"], {"sensors": {"unit": "K"}}, "no such unit", id="one of two"),
    pytest.param(["given"], {}, "modules.disabled: 'given' was given to the application as an object", id="an object"),
    pytest.param(["phones"], {}, "'phones' is in modules.required, and would be gone", id="a required one"),
]


@pytest.mark.parametrize(("disabled", "plugins", "told"), REFUSED)
async def test_what_cannot_be(running: Start, disabled: list[str], plugins: dict[str, Any], told: str) -> None:
    """Everything goes on as it was, and nobody is out of order for it."""
    given = type("Given", (Endpoint,), {"name": "given"})
    app = await running(endpoints=[given()], modules={"required": ("phones",)})
    before = (app.app.registry.names, states(app.app), app.app.plugins.settings)
    assert told in await app.refused(*disabled, **plugins)
    assert before == (app.app.registry.names, states(app.app), app.app.plugins.settings)
    assert ({}, ["C"]) == (faults(app.app), await app.answer())
    assert [("sensors", "reloaded")] == await app.adjust(sensors={"unit": "F"})


async def test_a_file_that_is_gone(running: Start, folder: Path) -> None:
    """Its module runs on, and takes no other options."""
    app = await running()
    (folder / "sensors.py").unlink()
    assert "it is gone" in await app.refused(sensors={"unit": "F"})
    assert ["C"] == await app.answer()


@pytest.mark.parametrize("name", ["sensors", "folder/sensors"])
async def test_out_and_in(running: Start, folder: Path, name: str) -> None:
    """A module that is left out is as good as not there, and its code is not run; let in again, it runs."""
    app, ran = await running(), folder / "ran"
    write(folder, "sensors.py", dedent(SENSORS) + f"\nimport pathlib\npathlib.Path({str(ran)!r}).touch()\n")
    await app.adjust(name, "cdrs")
    assert not ran.exists()
    assert ([404, 404], "disabled") == (
        [await app.answer(each) for each in ("sensors", "cdrs")],
        states(app.app)["sensors"],
    )
    await until(lambda: app.lives == ["+C", "-C"])
    assert [] == await app.adjust(name, "cdrs", sensors={"unit": "F"})
    await app.adjust(sensors={"unit": "F"})
    assert (["F"], 200) == (await app.answer(), (await app.client.get("/account/cdrs")).status)


async def test_one_that_was_left_out_at_the_start(running: Start) -> None:
    """It can be let in, also with options."""
    app = await running(modules={"disabled": ("sensors",)})
    assert 404 == await app.answer()
    assert [("sensors", "reloaded")] == await app.adjust(sensors={"unit": "F"})
    assert ["F"] == await app.answer()


async def test_one_that_is_broken(running: Start, folder: Path) -> None:
    """What was out of order may stay so, and holds nobody up; one that is let in has to be in order."""
    write(folder, "broken.py", "1 / 0\n")
    app = await running()
    assert [("sensors", "reloaded")] == await app.adjust(sensors={"unit": "F"}, broken={"x": 1})
    assert ("out of order", ["F"]) == (states(app.app)["broken"], await app.answer())
    await app.adjust("broken")
    assert "ZeroDivisionError" in await app.refused()
    assert ("disabled", ["C"]) == (states(app.app)["broken"], await app.answer())


async def test_one_that_lacked_options(running: Start, folder: Path) -> None:
    """It comes to life with what it needs."""
    lacking = SENSORS.replace('unit: str = "C"', "unit: str").replace(
        "options = SensorOptions()", "options: SensorOptions"
    )
    write(folder, "sensors.py", lacking)
    app = await running()
    assert "out of order" == states(app.app)["sensors"]
    assert [("sensors", "reloaded")] == await app.adjust(sensors={"unit": "F"})
    assert (["F"], "ok") == (await app.answer(), states(app.app)["sensors"])


async def test_a_stopped_one_stays_stopped(running: Start) -> None:
    """Other options are no start."""
    app = await running()
    await app.app.changes.stop("sensors")
    await app.adjust(sensors={"unit": "F"})
    assert 503 == await app.answer()
    await app.app.changes.start("sensors")
    assert ["F"] == await app.answer()


async def test_their_order_stays(running: Start) -> None:
    """Hooks run in the order of plugins, which no change of options turns round."""
    app = await running()
    order = [plugin.name for plugin in app.app.plugins.plugins]
    await app.adjust("phones", "accounts", sensors={"unit": "F"})
    await app.adjust()
    assert order == [plugin.name for plugin in app.app.plugins.plugins]


async def test_before_anything_runs(running: Start) -> None:
    """What an application that is not started is told, it begins with."""
    app = await running()
    await app.app.stop()
    await app.adjust(sensors={"unit": "F"})
    app.lives.clear()
    await app.app.start()
    assert (["+F"], ["F"]) == (app.lives, await app.answer())


async def test_an_installed_one(packages: Packages, make: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is left out by the name of its entry point, too, and comes back with all of its package."""
    monkeypatch.setattr(Crossbar, "lives", [], raising=False)
    packages.install("sense", {"sense.py": SENSORS}, {"endpoints": {"meters": "sense:Sensors"}})
    app = Running(await make.client())
    assert ["C"] == await app.answer()
    for name in ("sense/meters", "sensors"):
        await app.adjust(name)
        assert 404 == await app.answer()
        await app.adjust(sensors={"unit": "F"})
        assert ["F"] == await app.answer()


def test_what_is_told_beforehand(folder: Path) -> None:
    """Whoever is about to put settings hears what would need another start, what is broken, and what is misspelt."""
    write(folder, "broken.py", "1 / 0\n")
    write(folder, "gate.py", GOOD)
    before = with_modules(folder, "broken")

    async def wary(ctx: object) -> None:
        """Refuse nothing."""

    after = replace(before, modules=Modules(str(folder), ("wary", "cdr")))
    app = Crossbar(after, authorizers=[wary])
    first, second, third = doubtful(app.plugins, before, after)
    assert "modules.disabled: 'wary' is one of the authorizers: say it in the file of each server" in first
    assert "modules.disabled: there is no plugin 'cdr'; did you mean 'cdrs'?" == second
    assert "broken: " in third
