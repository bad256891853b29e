"""Applications on one store that have the settings in it in force."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from crossbar import Crossbar, Settings, following
from crossbar.testing import make_app, make_store

from .renewing import Lines, watched
from .storing import NONE, Start


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Lines:
    """Have every upstream answer from memory, and every application look at its store all the time."""
    monkeypatch.setattr(following, "EVERY", 0.005)
    return watched(monkeypatch)


@pytest.fixture
async def start(tmp_path: Path, lines: Lines) -> AsyncIterator[Start]:
    """Give what starts applications on one SQLite file, which are stopped after the test."""
    async with AsyncExitStack() as stack:

        async def start(settings: Settings = NONE, **options: Any) -> Crossbar:
            app = make_app(settings, store=make_store("sqlite", tmp_path), **options)
            await stack.enter_async_context(app.lifespan())
            return app

        yield start
