"""Fixtures for pytest, for those who write modules: an application to test them in, and a client without `await`.

The first three are there to be overridden, in a `conftest.py` or in the file of the tests.
"""

# PERF: pytest imports this file in every run of everybody who has installed Crossbar, so it imports nothing of ours
# before a fixture is used.
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from ..endpoint import Endpoint
    from ..settings import Settings
    from ..stores import Store
    from .sessions import RunningWorld, Session


@pytest.fixture
def crossbar_modules() -> Path | str | None:
    """The folder with the modules under test; override it to give one."""
    return None


@pytest.fixture
def crossbar_endpoints() -> list[Endpoint]:
    """Endpoints under test that lie in no folder; override it to give some."""
    return []


@pytest.fixture
def crossbar_settings() -> Settings:
    """The settings of the application; those that make tests quick, unless it is overridden."""
    from .world import QUICK

    return QUICK


@pytest.fixture
def crossbar_store() -> Store:
    """The store of the application, which is not open yet; one in memory, unless it is overridden."""
    from .world import make_store

    return make_store()


@pytest.fixture
def crossbar_world(
    crossbar_settings: Settings,
    crossbar_store: Store,
    crossbar_modules: Path | str | None,
    crossbar_endpoints: list[Endpoint],
) -> Iterator[RunningWorld]:
    """A running application with a small tree of accounts; the test fails if a module under test is out of order."""
    from .sessions import running_world

    with running_world(
        settings=crossbar_settings, store=crossbar_store, modules=crossbar_modules, endpoints=crossbar_endpoints
    ) as world:
        given = [each for each in world.app.plugins.plugins if each.found.source.kind in ("folder", "list")]
        faults = [each.fault for each in given if each.fault]
        if faults:
            pytest.fail("\n".join(faults), pytrace=False)
        yield world


@pytest.fixture
def crossbar_client(crossbar_world: RunningWorld) -> Session:
    """A client that is logged in as the administrator of `customer`; `/account/...` is that account."""
    return crossbar_world.client("customer")
