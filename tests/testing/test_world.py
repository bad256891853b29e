"""What there is to test with: applications, stores, a clock, and a small world of accounts."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import msgspec
import pytest

import crossbar.testing
from crossbar.errors import CrossbarError, SettingsError
from crossbar.settings import Paging
from crossbar.stores.memory import MemoryStore
from crossbar.stores.sqlite import SqliteStore
from crossbar.testing import NOW, QUICK, Client, Clock, make_app, make_store, small_world

MODULE = """
from crossbar import Resource


class Sensors(Resource):
    "Thermometers."

    name = "sensors"
"""

ACCOUNTS = ("master", "reseller", "customer", "department", "stranger")


# Stores.


def test_a_store_in_memory() -> None:
    """Unless something else is asked for, a store is in memory."""
    assert [MemoryStore, MemoryStore] == [type(make_store()), type(make_store("memory"))]


async def test_a_store_in_a_file(tmp_path: Path) -> None:
    """A store of the kind `sqlite` lies in the folder, and is there for the next one who asks."""
    world = await small_world(make_store("sqlite", tmp_path))
    made = await (await world.client()).create("account", "devices", body={"name": "Desk"})
    await world.app.stop()
    again = make_app(store=make_store("sqlite", tmp_path))
    await again.start()
    kept = await again.store.get(world.master, "devices", made.document["id"])
    assert kept is not None
    assert "Desk" == kept.data()["name"]
    await again.stop()


def test_a_store_by_its_url(tmp_path: Path) -> None:
    """Any other store is named by its URL."""
    store = make_store(f"sqlite:///{tmp_path}/other.db")
    assert isinstance(store, SqliteStore)
    assert tmp_path / "other.db" == store.path


@pytest.mark.parametrize(
    ("kind", "fault", "told"),
    [
        pytest.param("sqlite", CrossbarError, "name a folder for it, such as tmp_path", id="no folder"),
        pytest.param("paper", SettingsError, "is not a store", id="unknown"),
    ],
)
def test_no_such_store(kind: str, fault: type[Exception], told: str) -> None:
    """A store that cannot be made is an error that says the way out."""
    with pytest.raises(fault, match=told):
        make_store(kind)


# Applications.


async def test_an_application_with_modules(tmp_path: Path) -> None:
    """Modules of a folder take part, beside whatever the settings say."""
    (tmp_path / "sensors.py").write_text(MODULE, encoding="utf-8")
    settings = msgspec.structs.replace(QUICK, paging=Paging(page_size=7))
    app = make_app(settings, modules=tmp_path)
    assert (7, True) == (app.settings.paging.page_size, "sensors" in app.registry.names)
    world = await small_world(modules=tmp_path)
    client = await world.client()
    assert 201 == (await client.create("account", "sensors", body={"name": "Hall"})).status
    await world.app.stop()


async def test_a_clock() -> None:
    """A clock that is given is what the application and its store go by."""
    clock = Clock()
    world = await small_world(clock=clock)
    client = await world.client()
    made = await client.create("account", "devices", body={"name": "Desk"})
    clock.now += 60
    await client.patch("account", ("devices", made.document["id"]), body={"name": "Door"})
    kept = await world.app.store.get(world.master, "devices", made.document["id"])
    assert kept is not None
    assert (NOW, NOW + 60) == (kept.created, kept.modified)
    await world.app.stop()


# The world.


async def test_the_tree_of_accounts() -> None:
    """Each account may enter itself and what is below it, and nothing else."""
    world = await small_world()
    below = {
        "master": set(ACCOUNTS),
        "reseller": {"reseller", "customer", "department"},
        "customer": {"customer", "department"},
        "department": {"department"},
        "stranger": {"stranger"},
    }
    for name in ACCOUNTS:
        client = await world.client(name)
        entered = {other for other in ACCOUNTS if (await client.read(("accounts", world.id(other)))).status == 200}
        assert below[name] == entered
    await world.app.stop()


@pytest.mark.parametrize("name", ACCOUNTS)
async def test_everybody_can_log_in(name: str) -> None:
    """The administrator of every account has a password that is really checked."""
    world = await small_world()
    client = Client(world.app)
    with pytest.raises(CrossbarError):
        await client.login("demo" if name == "master" else name, "admin", "wrong")
    await client.login("demo" if name == "master" else name, "admin", "crossbar")
    assert world.id(name) == (await client.read("account")).document["id"]
    await world.app.stop()


# Names.


def test_the_public_names() -> None:
    """Every public name leads to the thing itself, whatever was imported before, and they stand in order."""
    things = {name: getattr(crossbar.testing, name) for name in crossbar.testing.__all__}
    assert [] == [name for name, thing in things.items() if isinstance(thing, ModuleType)]
    assert sorted(set(crossbar.testing.__all__)) == sorted(crossbar.testing.__all__) == sorted(dir(crossbar.testing))


def test_a_name_that_is_not_there() -> None:
    """A name that is not public is an error that says so."""
    with pytest.raises(AttributeError, match=r"'crossbar\.testing' has no attribute 'Cleint'"):
        crossbar.testing.Cleint  # noqa: B018
