"""What keeps a server from coming up, or demo data from being loaded: one sentence, and the way out."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from crossbar import Crossbar, Delete, Query, Replace, Settings
from crossbar.cli.trial import demo_login_works, refuse_strangers
from crossbar.demo import Recipe
from crossbar.demo.loading import demo_of
from crossbar.settings import Auth, StoreSettings
from crossbar.stores.memory import MemoryStore

from .conftest import Invoke, with_new_password


def one_sentence(stderr: str) -> str:
    """The only line of an error."""
    assert 1 == len(stderr.splitlines()), stderr
    assert "Traceback" not in stderr
    return stderr


def test_a_busy_port_is_named_with_a_free_one(invoke: Invoke) -> None:
    """Nothing else is done before, and the next free port is told."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        result = invoke("run", "--port", str(port), "--store", "memory:")
    said = one_sentence(result.stderr)
    assert 1 == result.exit_code
    assert f"port {port} of 127.0.0.1 is in use" in said
    free = int(said.partition("--port ")[2].partition(",")[0])
    assert port < free <= port + 100


@pytest.mark.parametrize(
    ("store", "code", "says"),
    [
        pytest.param("sqlite:///nowhere/x.db", 1, "there is no folder", id="no-folder"),
        pytest.param("sqlite:////", 2, "names no file", id="no-file"),
        pytest.param("sqlite:///.", 1, "this is a folder", id="folder"),
        pytest.param("sqlite:////dev/full/x.db", 1, "no folder", id="not-a-folder"),
        pytest.param("mongo://user:secret@host/x", 2, "is not a store", id="unknown"),
        pytest.param("mongodb://user:p@secret@h/x", 2, "must be percent-encoded", id="mongodb-password"),
        pytest.param(
            "mongodb://h/x?w=1&tlsCertificateKeyFilePassword=secret", 2, "as write_concern", id="mongodb-option"
        ),
    ],
)
def test_a_store_that_cannot_be_opened_is_told(invoke: Invoke, store: str, code: int, says: str) -> None:
    """The store, what is wrong and what to do, and no secret."""
    result = invoke("run", "--port", "0", "--store", store)
    assert code == result.exit_code
    assert says in result.stderr
    assert "secret" not in result.stderr


@pytest.mark.parametrize("content", [b"no database, but a letter " * 100, b"SQLite format 3\0" + b"\xff" * 8000])
def test_a_file_that_is_no_sound_database_is_told(invoke: Invoke, tmp_path: Path, content: bytes) -> None:
    """Neither a foreign file nor a damaged one is touched."""
    path = tmp_path / "x.db"
    path.write_bytes(content)
    result = invoke("run", "--port", "0", "--store", f"sqlite:///{path}")
    assert 1 == result.exit_code
    assert str(path) in one_sentence(result.stderr)
    assert content == path.read_bytes()


def test_a_damaged_store_is_told(invoke: Invoke, demo_copy: Path) -> None:
    """Half of a database is none."""
    demo_copy.write_bytes(demo_copy.read_bytes()[:5_000])
    result = invoke("run", "--port", "0", "--store", f"sqlite:///{demo_copy}")
    assert 1 == result.exit_code
    assert "damaged" in one_sentence(result.stderr)


def test_wrong_settings_are_told_all_at_once(invoke: Invoke, tmp_path: Path) -> None:
    """Each fault has its key, and the unknown one the nearest name."""
    config = tmp_path / "crossbar.toml"
    config.write_text("[server]\nprot = 9000\n[paging]\npage_size = 0\n")
    result = invoke("run", "--config", str(config))
    assert 2 == result.exit_code
    assert "did you mean 'server.port'?" in result.stderr
    assert "paging.page_size" in result.stderr


def test_a_missing_configuration_is_told(invoke: Invoke) -> None:
    """A file that is not there is a fault like any other."""
    result = invoke("run", "--config", "nowhere.toml")
    assert 2 == result.exit_code
    assert "nowhere.toml" in result.stderr


def test_a_foreign_host_is_told(invoke: Invoke) -> None:
    """An address that this machine does not have."""
    result = invoke("run", "--host", "192.0.2.1", "--port", "0", "--store", "memory:")
    assert 1 == result.exit_code
    assert "192.0.2.1 is no address of this machine" in one_sentence(result.stderr)


def test_workers_cannot_share_memory(invoke: Invoke) -> None:
    """Each worker would have documents of its own."""
    result = invoke("run", "--workers", "2", "--store", "memory:")
    assert 2 == result.exit_code
    assert "cannot share a store in memory" in one_sentence(result.stderr)


def test_the_demo_login_is_not_offered_to_strangers(invoke: Invoke, demo_copy: Path) -> None:
    """A store whose password everybody knows is served on loopback only."""
    result = invoke("run", "--host", "0.0.0.0", "--port", "0", "--store", f"sqlite:///{demo_copy}")
    said = one_sentence(result.stderr)
    assert 1 == result.exit_code
    assert "everybody knows" in said
    assert "change the password" in said
    assert "127.0.0.1" in said


def test_demo_data_is_not_even_loaded_for_strangers(invoke: Invoke, tmp_path: Path) -> None:
    """The refusal comes first."""
    result = invoke("run", "--demo", "--host", "0.0.0.0", "--port", "0", "--store", "memory:")
    assert 1 == result.exit_code
    assert "everybody knows" in one_sentence(result.stderr)


def test_a_new_password_opens_the_demo_store_to_all(demo_copy: Path) -> None:
    """The refusal is about the password, not about the data."""
    with_new_password(demo_copy)

    async def look() -> bool:
        app = Crossbar(Settings(store=StoreSettings(f"sqlite:///{demo_copy}")))
        await app.start()
        try:
            await refuse_strangers(app, demo=False)
            return await demo_login_works(app)
        finally:
            await app.stop()

    assert False is asyncio.run(look())


async def test_demo_data_is_loaded_once_and_its_keys_are_the_stores_own(tiny: Recipe) -> None:
    """A second look finds it there; two stores do not share API keys, though they share all ids."""
    keys = set()
    for _ in range(2):
        app = Crossbar(Settings(auth=Auth(hash_memory=8)), store=MemoryStore())
        await app.start()
        assert await demo_login_works(app, tiny)
        assert await demo_login_works(app, tiny)
        demo = await demo_of(app.store)
        assert demo is not None
        account = await app.store.get("", "accounts", demo.account_id)
        assert account is not None
        private = account.secrets()
        assert {"tree", "parent", "login_name", "identity", "api_key", "master"} == set(private)
        keys.add((account.id, private["api_key"]))
        await app.stop()
    assert (1, 2) == (len({id for id, _ in keys}), len(keys))


async def test_an_interrupted_load_goes_on_where_it_ended(tiny: Recipe) -> None:
    """What is missing is added, by the recipe and the time that the load began with."""
    app = Crossbar(Settings(auth=Auth(hash_memory=8)), store=MemoryStore())
    await app.start()
    await demo_login_works(app, tiny)
    demo = await demo_of(app.store)
    marker = await app.store.get("", "system", "demo")
    assert demo is not None
    assert marker is not None
    calls = Query(demo.account_id, "cdrs", limit=100)
    before = await app.store.page(calls)
    newest = [Delete(demo.account_id, "cdrs", row["id"], purge=True) for row in before.parsed()[:7]]
    await app.store.write([*newest, Replace(marker.with_data(marker.data() | {"complete": False}))])
    assert await demo_login_works(app)
    assert before == await app.store.page(calls)
    again = await demo_of(app.store)
    assert again is not None
    assert again.complete
    await app.stop()


def test_demo_loads_into_an_empty_store_only(invoke: Invoke, demo_copy: Path) -> None:
    """What is there is not mixed with made-up data."""
    result = invoke("demo", "--store", f"sqlite:///{demo_copy}")
    assert 1 == result.exit_code
    assert "already holds accounts" in one_sentence(result.stderr)


def test_demo_loads_what_was_asked_for(invoke: Invoke, tmp_path: Path) -> None:
    """The counts are told, and progress in plain lines where there is no terminal."""
    result = invoke("demo", "--store", "sqlite:///demo.db", "--records", "300", "--records-in-master")
    assert 0 == result.exit_code, result.output
    assert "      300  cdrs" in result.stdout
    assert "Demo data: " in result.stderr
    assert "seconds, in sqlite:///demo.db" in result.stdout
    assert (tmp_path / "demo.db").exists()
