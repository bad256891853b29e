"""`crossbar store`: what a store must have is made, and what it lacks is told."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest
from pymongo.database import Database

from crossbar import Crossbar, Settings
from crossbar.cli.prepared import prepared
from crossbar.errors import StoreUnavailable
from crossbar.filters import Filter
from crossbar.settings import Modules, MongoSettings, StoreSettings
from crossbar.stores import Document, Insert, Kind, Query
from crossbar.stores.memory import MemoryStore
from crossbar.stores.mongo import MongoStore, overview
from crossbar.stores.mongo.layout import Shelf
from tests.mongo.servers import Server, failpoint, with_options
from tests.mongo.standin import standin

from .conftest import Invoke

ROOT = Path(__file__).parents[2]
# PERF: each kind takes the stand-in some ten milliseconds, so most of them stay out.
OUT = {path.stem for path in (ROOT / "modules").iterdir() if path.stem[0] not in "_."} - {"devices", "schemas"}
MODULES = Modules(disabled=tuple(sorted(OUT)))


class Looked(NamedTuple):
    """How a command ended, what it said of each collection or table, and all of it."""

    code: int
    places: dict[str, str]
    told: dict[str, Any]

    @property
    def all(self) -> tuple[int, set[str]]:
        """How it ended, and everything that it said of any place."""
        return self.code, set(self.places.values())


Call = Callable[..., Looked]


@pytest.fixture
def database(mongo_server: Server, mongo_database: str) -> Database[dict[str, Any]]:
    """Give the database of the test, for what is done behind the back of Crossbar."""
    return mongo_server.client[urlsplit(mongo_database).path.removeprefix("/")]


@pytest.fixture
def store(invoke: Invoke, tmp_path: Path, mongo_database: str) -> Call:
    """Run `crossbar store ... --json`, by default on a database of the test's own."""
    config = tmp_path / "few.toml"
    config.write_text(f"[modules]\ndisabled = {json.dumps(MODULES.disabled)}\n")

    def call(*args: str, url: str = mongo_database, **env: str) -> Looked:
        result = invoke("store", *args, "--json", "--store", url, "--config", str(config), **env)
        told: dict[str, Any] = json.loads(result.stdout) if result.stdout else {"error": result.stderr}
        return Looked(result.exit_code, {place["name"]: place["told"] for place in told.get("places", ())}, told)

    return call


@pytest.fixture
def kinds() -> list[Kind]:
    """Give the kinds of an installation with the modules of these tests."""
    return Crossbar(Settings(modules=MODULES), store=MemoryStore()).kinds()


def test_what_is_missing_is_made_once(store: Call, database: Database[dict[str, Any]], kinds: list[Kind]) -> None:
    """A look at an empty database makes nothing of it; then each kind has its indexes, and nothing is left to do."""
    code, places, told = store("check")
    assert (1, {"is not there"}, False) == (code, set(places.values()), told["ok"])
    assert [] == database.list_collection_names()
    code, places, told = store("init")
    assert (0, True, []) == (code, told["ok"], told["faults"])
    shelves = [Shelf(kind) for kind in kinds]
    wanted = {shelf.collection: f"made, with {len(shelf.indexes())} indexes" for shelf in shelves}
    shared = {"blobs.files", "blobs.chunks", "blobs.loose", "tallies", "locks"}
    assert wanted == {name: said for name, said in places.items() if name not in shared}
    assert shared == {name for name, said in places.items() if name not in wanted and said.startswith("made")}
    for shelf in shelves:
        assert {"_id_", *(index.name for index in shelf.indexes())} == {*database[shelf.collection].index_information()}
    assert (0, {"in order"}) == store("check").all
    assert (0, {"already right"}) == store("init").all


def test_what_somebody_changed_is_told_and_mended(store: Call, database: Database[dict[str, Any]]) -> None:
    """Indexes that are gone, are others or are left over, and a kind that has changed; what is foreign stays."""
    store("init")
    devices = database.d_devices
    devices.drop_index("page")
    devices.drop_index("ttl")
    devices.create_index("ttl", name="ttl")
    devices.create_index("unique.gone", name="unique gone")
    devices.create_index("mine", name="mine")
    database.kinds.update_one({"_id": "system"}, {"$set": {"fingerprint": "of another version"}})
    database["blobs.loose"].drop_index("due")
    database.d_registrations.drop()
    database.strangers.insert_one({})
    database.d_sensors.insert_one({})
    before = {name: {*database[name].index_information()} for name in database.list_collection_names()}
    code, places, told = store("check")
    assert (1, []) == (code, told["faults"])
    assert {"lacks the index 'page'", "has another index 'ttl'", "does not need the index 'unique gone'"} == {
        *places["d_devices"].split("; ")
    }
    others = {name: said for name, said in places.items() if said != "in order" and name != "d_devices"}
    assert {
        "d_system": "is for another form of its kind",
        "d_registrations": "is not there",
        "blobs.loose": "lacks the index 'due'",
    } == others
    foreign = ["collection d_sensors: a kind that no module here has", "collection strangers: not of Crossbar"]
    assert [*foreign, "index 'mine' of d_devices: not of Crossbar"] == told["notes"]
    assert before == {name: {*database[name].index_information()} for name in database.list_collection_names()}
    code, places, _ = store("init")
    assert {"index 'page' made", "index 'ttl' made anew", "index 'unique gone' dropped"} == {
        *places["d_devices"].split("; ")
    }
    assert (0, "brought up to date", "index 'due' made") == (code, places["d_system"], places["blobs.loose"])
    assert 0 == devices.index_information()["ttl"]["expireAfterSeconds"]
    assert {"mine"} == {*devices.index_information()} & {"mine", "unique gone"}
    assert {"strangers", "d_sensors"} < {*database.list_collection_names()}
    assert 0 == store("check").code


def test_a_unique_field_that_cannot_be(store: Call, database: Database[dict[str, Any]]) -> None:
    """Two documents that clash are named, all other kinds are made, and the next look tells of it again."""
    body = '{"mac_address": "aa"}'
    shared = {"tenant": "t", "deleted": False, "until": 2**62, "revision": 1, "private": "", "body": body}
    database.d_devices.insert_many([shared | {"id": id} for id in "ab"])
    code, places, told = store("init")
    assert (1, False) == (code, told["ok"])
    assert "'mac_address' of 'devices' cannot become unique: 'a' and 'b' of tenant 't'" in told["faults"][0]
    assert ["d_devices"] == [name for name, said in places.items() if not said.startswith("made")]
    assert "lacks the index 'unique mac_address'" in places["d_devices"]
    code, places, _ = store("check")
    assert (1, ["d_devices"]) == (code, [name for name, said in places.items() if said != "in order"])
    database.d_devices.delete_one({"id": "a"})
    assert (0, 0) == (store("init").code, store("check").code)


def test_records_of_an_older_version_are_found_again(
    store: Call, database: Database[dict[str, Any]], mongo_database: str, kinds: list[Kind]
) -> None:
    """What others wrote, who did not know of an index, is found by it after --renew, and not before."""
    owned = Query("t", "devices", filters=(Filter("equals", ("owner_id",), "o"),))

    async def counted(*changes: Insert) -> int:
        mongo = MongoStore(mongo_database)
        await mongo.open(kinds)
        await mongo.write(changes)
        found = await mongo.count(owned)
        await mongo.close()
        return found

    document = Document.of("t", "devices", "a", {"name": "x", "owner_id": "o"}, 1_700_000_000)
    assert (0, 1) == (store("init").code, asyncio.run(counted(Insert(document))))
    database.d_devices.update_one({"id": "a"}, {"$set": {"fields": []}})
    assert (0, 0) == (store("init").code, asyncio.run(counted()))
    assert (0, 1) == (store("init", "--renew").code, asyncio.run(counted()))


def test_servers_that_make_no_indexes_wait_for_it(store: Call, mongo_database: str) -> None:
    """With `create_indexes` off the server says what to run, and starts after that."""
    kept = StoreSettings(mongo_database, mongodb=MongoSettings(create_indexes=False))

    async def start() -> None:
        async with Crossbar(Settings(store=kept, modules=MODULES)).lifespan():
            pass

    with pytest.raises(StoreUnavailable, match="crossbar store init"):
        asyncio.run(start())
    assert 0 == store("init").code
    asyncio.run(start())


def test_what_a_cluster_needs(store: Call, kinds: list[Kind]) -> None:
    """The lines divide each kind by its key, but for the framework's own, and the rest is named as undivided."""
    _, _, told = store("check", "--sharding")
    first, *lines, last = told["sharding"]
    assert first.startswith('sh.enableSharding("crossbar_test_')
    name = first.split('"')[1]
    assert [
        f'sh.shardCollection("{name}.d_devices", {{ tenant: 1 }})',
        f'sh.shardCollection("{name}.d_idempotency", {{ tenant: 1, id: 1 }})',
        f'sh.shardCollection("{name}.d_registrations", {{ tenant: 1, id: 1 }})',
        f'sh.shardCollection("{name}.blobs.chunks", {{ files_id: 1, n: 1 }})',
    ] == lines
    said = "\n".join(lines) + last
    everything = {Shelf(kind).collection for kind in kinds} | {
        "blobs.files",
        "blobs.loose",
        "kinds",
        "locks",
        "tallies",
    }
    assert set() == {collection for collection in everything if collection not in said}


def test_the_servers_are_told(store: Call, mongo_server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Version, topology, concerns, transactions; a concern that nobody can meet, and a weak one."""
    facts = store("init").told["facts"]
    assert facts["server"].startswith(f"MongoDB {mongo_server.client.server_info()['version']}, ")
    assert ("acknowledged by majority, in the journal", "majority; lists: primary", "work") == (
        *(facts["writes"], facts["reads"], facts["transactions"]),
    )
    if mongo_server.client.admin.command("hello").get("msg") != "isdbgrid":
        code, _, told = store("check", CROSSBAR__STORE__MONGODB__WRITE_CONCERN="51")
        assert (1, 1) == (code, len([fault for fault in told["faults"] if "no write can reach 51 servers" in fault]))
    code, _, told = store("check", CROSSBAR__STORE__MONGODB__WRITE_CONCERN="1")
    assert (0, 1) == (code, len([doubt for doubt in told["doubts"] if "acknowledged writes" in doubt]))
    monkeypatch.setattr(overview, "stages", lambda plan: iter(["SORT", "COLLSCAN"]))
    code, _, told = store("check")
    assert (1, "d_devices: a listing along the index 'page' goes through the whole collection") == (
        *(code, next(fault for fault in told["faults"] if "d_devices" in fault)),
    )


@pytest.mark.parametrize(
    ("commands", "number", "says"),
    [
        pytest.param("listCollections", 13, "it needs the role readWrite", id="no-right"),
        pytest.param("connectionStatus", 18, "user or password is wrong", id="no-login"),
        pytest.param("abortTransaction commitTransaction update", 20, "transactions fail", id="no-transactions"),
    ],
)
def test_what_the_server_refuses(
    store: Call, mongo_server: Server, mongo_database: str, commands: str, number: int, says: str
) -> None:
    """The sentence says what is wrong, and the command ends with 1."""
    url = with_options(mongo_database, appName="refused")
    with failpoint(mongo_server, failCommands=commands.split(), errorCode=number, appName="refused"):
        code, _, told = store("check", url=url)
    assert (1, True) == (code, says in json.dumps(told)), told


def test_a_lone_server_is_refused(store: Call, tmp_path: Path) -> None:
    """It has no transactions; the sentence says how it becomes a replica set."""
    with standin(tmp_path / "lone", "--standalone") as lone:
        code, _, told = store("init", url=lone.uri)
    assert (1, True) == (code, "no member of a replica set" in told["error"])
    assert "rs.initiate()" in told["error"]


@pytest.mark.parametrize("command", ["store check", "run --port 0"])
def test_nobody_there(tmp_path: Path, command: str) -> None:
    """The store is named, the password is not."""
    # NOTE: in a process of its own, since the driver leaves sockets to the garbage whose connecting it gives up.
    arguments = [sys.executable, "-m", "crossbar", *command.split(), "--store", "mongodb://me:secret@127.0.0.1:1/x"]
    done = subprocess.run(arguments, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert (1, True) == (done.returncode, "no primary can be reached (127.0.0.1:1: " in done.stderr), done.stderr
    assert "secret" not in done.stderr + done.stdout


def test_an_sqlite_file(store: Call, tmp_path: Path) -> None:
    """A look makes no file; then there are tables, and a kind that has changed is told and brought up to date."""
    url, file = "sqlite:///some.db", tmp_path / "some.db"
    assert ((1, {"is not there"}), False) == (store("check", url=url).all, file.exists())
    assert (0, {"made"}) == store("init", url=url).all
    assert (0, {"in order"}) == store("check", url=url).all
    own = tmp_path / "own" / "shelves.toml"
    own.parent.mkdir()
    more = {"url": url, "CROSSBAR__MODULES__FOLDER": str(own.parent)}
    seen = []
    for summary in ('["name"]', '["name", "enabled"]'):
        own.write_text(f'name = "shelves"\nschema = "devices"\nsummary = {summary}\n')
        seen += [store(word, **more).places["d_shelves"] for word in ("check", "init", "check")]
    assert ["is not there", "made", "in order"] == seen[:3]
    assert ["is for another form of its kind", "brought up to date", "in order"] == seen[3:]
    file.write_bytes(b"no database " * 100)
    assert "not an SQLite database" in store("check", url=url).told["error"]


@pytest.mark.parametrize("word", ["init", "check"])
def test_other_stores(store: Call, word: str) -> None:
    """One in memory needs nothing; a plugin's is opened, and says how it is."""
    found = store(word, url="memory:")
    assert (0, {}, ["memory"]) == (found.code, found.places, [*found.told["facts"]])
    app = Crossbar(Settings(store=StoreSettings("shelf://upstairs")), store=MemoryStore())
    other = asyncio.run(prepared(app, make=word == "init", sharding=False))
    assert (True, ["health"], word == "check") == (other.ok, [*other.facts], bool(other.notes))


def test_the_lines(invoke: Invoke) -> None:
    """For people there is a line for each thing, and the last one says whether all is there."""
    first, *_, last = invoke("store", "check", "--store", "sqlite:///x.db").stdout.splitlines()
    assert ("store: sqlite:///x.db", True) == (first, last.endswith("`crossbar store init` with the same options"))
    assert "all is there" == invoke("store", "init", "--store", "sqlite:///x.db").stdout.splitlines()[-1]
    assert "init" in invoke("store").output
