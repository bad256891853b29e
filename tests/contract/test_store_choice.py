"""From a URL in the settings to a store."""

from __future__ import annotations

from pathlib import Path

import pytest

from crossbar.errors import SettingsError
from crossbar.stores.choose import store_at
from crossbar.stores.memory import MemoryStore
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
