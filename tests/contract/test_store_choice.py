"""From a URL in the settings to a store."""

from __future__ import annotations

from pathlib import Path

import pytest

from crossbar.errors import SettingsError
from crossbar.settings import MongoSettings, StoreSettings
from crossbar.stores.choose import store_at
from crossbar.stores.memory import MemoryStore
from crossbar.stores.mongo import MongoStore, address
from crossbar.stores.sqlite import SqliteStore


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_url_names_a_store(folder: Path) -> None:
    """Three slashes are followed by a path from the working folder, four begin at the root."""
    assert isinstance(store_at("memory:"), MemoryStore)
    for url in ("sqlite:///data/my%20file.db", f"sqlite:///{folder}/data/my%20file.db"):
        store = store_at(url)
        assert isinstance(store, SqliteStore)
        assert folder / "data" / "my%20file.db" == store.path


@pytest.mark.parametrize(
    "url", ["", "crossbar.db", "redis://host", "memory:x", "sqlite:x.db", "sqlite://x.db", "sqlite:///"]
)
def test_another_url_is_refused(url: str) -> None:
    """The error names the forms that there are."""
    with pytest.raises(SettingsError, match="memory:"):
        store_at(url)


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("mongodb://h1,h2:27018", "h1:27017,h2:27018/crossbar"),
        ("mongodb://user:p%40ss@h1/mine?replicaSet=rs0&authSource=admin&tls=true", "h1:27017/mine"),
        ("mongodb://[::1]:27018/mine", "[::1]:27018/mine"),
        ("mongodb+srv://user:secret@cluster.invalid/mine?srvMaxHosts=2", "cluster.invalid/mine"),
    ],
)
def test_a_url_of_mongodb(url: str, name: str) -> None:
    """It is called by its hosts and its database, never with a password; nobody is asked about names yet."""
    store = store_at(url)
    assert isinstance(store, MongoStore)
    assert f"MongoDB store {name}" == store.name


@pytest.mark.parametrize(
    ("url", "says"),
    [
        pytest.param("mongodb://", "cannot be read", id="no-host"),
        pytest.param("mongodb://user:sec@ret@h/x", "percent-encoded", id="at-sign"),
        pytest.param("mongodb://user:sec%ret@h/x", "percent-encoded", id="percent-sign"),
        pytest.param("mongodb://user:sec/ret@h/x", "cannot be read", id="slash"),
        pytest.param("mongodb://user:sec?ret@h/x", "store.url: ", id="question-mark"),
        pytest.param(
            "mongodb://user:1?sec=ret@h/x", "an option of this mongodb URL cannot be read", id="like-an-option"
        ),
        pytest.param("mongodb://h/x?authMechanismProperties=sec:ret,x", "an option of this mongodb", id="properties"),
        pytest.param("mongodb://h/x.y", "no dot", id="collection"),
        pytest.param("mongodb://h/x?replicaSte=rs0", "Unknown option: replicas", id="unknown-option"),
        pytest.param("mongodb://h/x?tlsCAFile=/nowhere", "/nowhere", id="no-file"),
        pytest.param("mongodb+srv://h1,h2/x", "one name, without a port", id="srv-hosts"),
        pytest.param("mongodb+srv://h1:27017/x", "one name, without a port", id="srv-port"),
        pytest.param("mongodb://h/x?w=1", "as write_concern", id="w"),
        pytest.param("mongodb://h/x?journal=false", "as journal", id="journal"),
        pytest.param("mongodb://h/x?readConcernLevel=local", "as read_concern", id="read-concern"),
        pytest.param("mongodb://h/x?readPreference=nearest", "as read_preference", id="read-preference"),
        pytest.param("mongodb://h/x?maxPoolSize=5", "as connections", id="connections"),
        pytest.param("mongodb://h/x?readPreferenceTags=dc:a", "goes with no setting", id="tags"),
        pytest.param("mongodb://h/x?maxStalenessSeconds=100", "goes with no setting", id="staleness"),
        pytest.param("mongodb://h/x?retryWrites=false", "retryWrites", id="retries"),
    ],
)
def test_a_url_of_mongodb_that_is_refused(url: str, says: str) -> None:
    """The sentence says what is wrong, and repeats no password."""
    with pytest.raises(SettingsError) as refused:
        store_at(url)
    told = " ".join(refused.value.faults)
    assert (True, False) == (says in told, "sec" in told or "ret@" in told), told


def test_names_are_asked_of_dns_by_another_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it is missing, the sentence names it, and the way without it."""
    monkeypatch.setattr(address, "find_spec", lambda name: None)
    with pytest.raises(SettingsError, match=r"pip install dnspython.*mongodb://user:password@host1,host2"):
        store_at("mongodb+srv://h/x")
    assert isinstance(store_at("mongodb://h/x"), MongoStore)


def test_the_primary_alone_reads_linearizable() -> None:
    """Settings that cannot both be are told with both of their names."""
    settings = StoreSettings(mongodb=MongoSettings(read_concern="linearizable", read_preference="nearest"))
    with pytest.raises(SettingsError) as refused:
        store_at("mongodb://h/x", settings=settings)
    assert "read_preference is nearest" in refused.value.faults[0]
    assert isinstance(store_at("memory:", settings=settings), MemoryStore)
    kept = StoreSettings(mongodb=MongoSettings(read_concern="linearizable"))
    assert isinstance(store_at("mongodb://h/x", settings=kept), MongoStore)
