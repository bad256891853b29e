"""What all tests share: their order, the dear ones last; a collector that is spared; what they need of MongoDB."""

from __future__ import annotations

import gc
from collections.abc import Generator

import pytest
from hypothesis import HealthCheck, settings

from .mongo.fixtures import mongo_database as mongo_database
from .mongo.fixtures import mongo_server as mongo_server
from .mongo.fixtures import patient_mongo as patient_mongo
from .mongo.fixtures import pytest_configure as pytest_configure
from .mongo.fixtures import pytest_runtest_makereport as pytest_runtest_makereport
from .mongo.fixtures import pytest_runtest_setup as pytest_runtest_setup
from .mongo.fixtures import pytest_terminal_summary as pytest_terminal_summary

# Folders of tests by what a run of them costs; "" stands for what lies directly in `tests`.
ORDER = (
    *(
        "house",
        "",
        "bench",
        "testing",
        "plugins",
        "walk",
        "examples",
        "modules",
        "dialects",
        "contract",
        "transfer",
        "mongo",
        "embedding",
        "protocol",
        "gateway",
        "cli",
    ),
    "clients",
    "browser",
)

# How long an example takes says more of what else the machine does than of ours.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Keep what is collected out of the rounds of the garbage collector, now and while the tests run.

    PERF: tens of thousands of tests are about a million objects that stay; going through them took half of the time of
    collecting, and some of the time of each test that makes garbage.
    """
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests of cheap folders before those of dear ones."""

    def cost(item: pytest.Item) -> int:
        folders = item.path.parts[item.path.parts.index("tests") + 1 : -1]
        return ORDER.index(folders[0] if folders else "")

    items.sort(key=cost)
