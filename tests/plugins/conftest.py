"""A folder for modules, packages that are installed for one test, and applications that are stopped after it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from .tools import Maker, Packages


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Run on asyncio, which is what the servers run on."""
    return "asyncio"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give an empty folder for modules."""
    made = tmp_path / "endpoints"
    made.mkdir()
    return made


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Packages]:
    """Give a place where packages can be installed for this test."""
    made = Packages(tmp_path / "site")
    monkeypatch.syspath_prepend(made.site)
    yield made
    made.forget()


@pytest.fixture
async def make(tmp_path: Path) -> AsyncIterator[Maker]:
    """Give what makes started applications, which are stopped after the test."""
    maker = Maker(tmp_path)
    yield maker
    await maker.stop()
