"""The pages about plugins, hooks and streams: their programs run, and do what the pages say."""

from __future__ import annotations

import importlib.util
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import orjson
import pytest
from msgspec.structs import replace

from crossbar import Crossbar, Kind, Query, Resource
from crossbar.settings import StoreSettings
from crossbar.testing import QUICK, Client, World, small_world

from .tools import Packages

DOCS = Path(__file__).parents[2] / "crossbar" / "docs"
BLOCK = re.compile(r"^```(python|toml)\n(.*?)^```", re.MULTILINE | re.DOTALL)
PROGRAMS = {
    name: [text for _, text in BLOCK.findall((DOCS / f"{name}.md").read_text(encoding="utf-8"))]
    for name in ("plugins", "hooks", "streams")
}


class Journal(Resource):
    """What the hook of the page writes into."""

    name = "journal"

    def kinds(self) -> tuple[Kind, ...]:
        """Keep the one kind that the page names."""
        return (Kind("journal"),)


class Pages:
    """The programs of the pages, imported one by one."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.loaded: list[str] = []

    def load(self, name: str, number: int) -> ModuleType:
        """Give a program of a page, imported."""
        path = self._folder / f"page_{name}_{number}.py"
        path.write_text(PROGRAMS[name][number], encoding="utf-8")
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[path.stem] = module
        self.loaded.append(path.stem)
        spec.loader.exec_module(module)
        return module


@pytest.fixture
def pages(tmp_path: Path) -> Iterator[Pages]:
    """Give the programs, and forget them afterwards."""
    found = Pages(tmp_path)
    yield found
    for name in found.loaded:
        del sys.modules[name]


async def world_of(**options: Any) -> tuple[World, Client]:
    """Start an application with these parts, and log in as the customer."""
    settings = options.pop("settings", QUICK)
    world = await small_world(settings=settings, **options)
    return world, await world.client("customer")


async def test_options(pages: Pages) -> None:
    """The table of the page gives the endpoint its settings."""
    module = pages.load("plugins", 1)
    tables = tomllib.loads(PROGRAMS["plugins"][2])["plugins"]
    world, client = await world_of(settings=replace(QUICK, plugins=tables), endpoints=[module.Thermometers()])
    assert {"unit": "F", "warm": 70.0} == (await client.get("/thermometers")).data
    await world.app.stop()


async def test_an_authenticator_and_an_authorizer(pages: Pages) -> None:
    """A badge lets in as the account of the settings, and nothing is deleted, whoever asks."""
    module = pages.load("plugins", 3)
    settings = replace(QUICK, plugins={"badges": {"account_id": "c0" * 16}})
    parts = {"authenticators": [module.Badges()], "authorizers": [module.nobody_deletes]}
    world, client = await world_of(settings=settings, **parts)
    stranger = Client(world.app)
    assert 401 == (await stranger.get("/account/devices")).status
    assert 200 == (await stranger.get("/account/devices", headers={"x-badge": "7"})).status
    made = await client.put("/account/devices", {"name": "one"})
    assert 403 == (await client.delete(f"/account/devices/{made.data['id']}")).status
    await world.app.stop()


async def test_a_renderer(pages: Pages) -> None:
    """Every listing can be had as lines."""
    world, client = await world_of(renderers=[pages.load("plugins", 4).Lines])
    await client.put("/account/devices", {"name": "one"})
    for path in ("/account/devices", "/account/devices?paginate=false"):
        response = await client.get(path, headers={"accept": "text/plain"})
        assert ("text/plain; charset=utf-8", b"one\n") == (response.headers["content-type"], response.body)
    await world.app.stop()


async def test_a_package(packages: Packages) -> None:
    """The entry points of the page bring in the endpoint and the authenticator of the page."""
    groups = tomllib.loads(PROGRAMS["plugins"][0])["project"]["entry-points"]
    files = {
        "acme_weather/__init__.py": "",
        "acme_weather/thermometers.py": PROGRAMS["plugins"][1],
        "acme_weather/badges.py": PROGRAMS["plugins"][3],
    }
    entries = {group.removeprefix("crossbar."): values for group, values in groups.items()}
    packages.install("acme-weather", files, entries)
    settings = replace(QUICK, plugins={"badges": {"account_id": "c0" * 16}})
    world, _ = await world_of(settings=settings)
    seen = await Client(world.app).get("/thermometers", headers={"x-badge": "7"})
    assert {"unit": "C", "warm": 21.5} == seen.data
    await world.app.stop()


async def test_a_store_and_a_dialect(packages: Packages) -> None:
    """The store of the page is found by the scheme of its URL, and paths of the dialect need no version."""
    files = {"acme.py": PROGRAMS["plugins"][5]}
    packages.install("acme", files, {"stores": {"shelf": "acme:Shelf"}, "dialects": {"intranet": "acme:Intranet"}})
    settings = replace(QUICK, store=StoreSettings("shelf://upstairs"), plugins={"shelf": {"label": "left"}})
    app = Crossbar(settings)
    store: Any = app.store
    assert ("upstairs", "left") == (store.place, store.options.label)
    async with app.lifespan():
        assert 200 == (await Client(app).get("//intranet/schemas")).status


async def test_hooks(pages: Pages) -> None:
    """Three devices and no fourth, each written down, and all counted."""
    module = pages.load("hooks", 0)
    hooks = [module.at_most_three, module.journal, module.count]
    world, client = await world_of(hooks=hooks, endpoints=[Journal()])
    statuses = [(await client.put("/account/devices", {"name": f"{number}"})).status for number in range(4)]
    assert [201, 201, 201, 409] == statuses
    found = await world.app.store.find(Query(world.customer, "journal"))
    assert ["devices.create"] * 3 == [document.data()["what"] for document in found]
    assert 3 == module.counts["devices"]
    await world.app.stop()


async def test_a_websocket(pages: Pages) -> None:
    """The endpoint of the page says what it hears, and whose account it is."""
    world, client = await world_of(endpoints=[pages.load("streams", 0).Echo()])
    async with client.socket("/account/echo") as socket:
        await socket.send_text("hello")
        assert f"{world.customer}: hello" == await socket.receive_text()
    await world.app.stop()


async def test_events(pages: Pages) -> None:
    """Three events, in the form that browsers read."""
    world, client = await world_of(endpoints=[pages.load("streams", 1).Countdown()])
    response = await client.get("/account/countdown", headers={"accept": "text/event-stream"})
    assert "text/event-stream" == response.headers["content-type"]
    assert ["3", "2", "1"] == re.findall(r"^id: (.*)\nevent: tick\ndata: ", response.text, re.MULTILINE)
    await world.app.stop()


async def test_a_listing_of_ones_own(pages: Pages) -> None:
    """The rows of the page come in each form."""
    world, client = await world_of(endpoints=[pages.load("streams", 2).Readings()])
    response = await client.get("/account/readings")
    assert ("success", [{"hour": hour, "kwh": 1.5} for hour in range(24)]) == (response.json()["status"], response.data)
    lines = await client.get("/account/readings?accept=ndjson")
    assert response.data == [orjson.loads(line) for line in lines.body.splitlines()]
    table = await client.get("/account/readings?accept=csv")
    assert b'"hour","kwh"\r\n0,1.5\r\n1,1.5\r\n' == b"".join(table.body.splitlines(keepends=True)[:3])
    await world.app.stop()


async def test_another_application(pages: Pages) -> None:
    """The application of the page answers below its noun, for who may enter the account."""
    module = pages.load("streams", 3)
    world, client = await world_of(endpoints=[])
    await world.app.stop()
    assert "reports" in module.app.registry.names
    mounted = module.app.registry.names["reports"]
    world, client = await world_of(endpoints=[mounted])
    response = await client.get(f"/accounts/{world.customer}/reports/2026")
    assert {"account": world.customer, "year": "2026"} == response.json()
    stranger = await world.client("stranger")
    assert 404 == (await stranger.get(f"/accounts/{world.customer}/reports/2026")).status
    await world.app.stop()


def test_every_program_is_run() -> None:
    """No block of these pages is passed over: the tests above name each of them."""
    assert {"plugins": 6, "hooks": 1, "streams": 4} == {name: len(blocks) for name, blocks in PROGRAMS.items()}
