"""What all tests share of MongoDB: its fixtures, the marker `real_mongodb`, and what the run says of it at the end."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from crossbar.settings import MongoSettings

    from .servers import Server

PATIENCE = 60.0
"""Seconds that a server may take where it is not about that."""
HURRY = 4.0
"""Seconds that it may take where it is: more than the default, since machines stand still, and less than `SOON`."""
PATIENT = "CROSSBAR__STORE__MONGODB__ANSWER_SECONDS"
"""The variable that says so to processes."""

# PERF: every run of the tests imports this file, so it leaves the driver to those that need it.


@pytest.fixture(scope="session")
def mongo_server() -> Iterator[Server]:
    """Give the server of this run."""
    from .connecting import sockets_closed
    from .servers import shared

    server = shared()
    with sockets_closed():
        yield server


@pytest.fixture
def mongo_database(mongo_server: Server) -> Iterator[str]:
    """Give the URI of a database of the test's own."""
    from .servers import fresh_database

    with fresh_database(mongo_server) as uri:
        yield uri


@pytest.fixture(scope="module")
def patient_mongo(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let a server of MongoDB take its time, and less of it in modules with `IMPATIENT`, whose servers do.

    Machines that run the tests stand still for a second now and then, and a store takes that for an outage. It holds
    for stores of this process, and for processes that get the variable and a URI that is `patient`.
    """
    from msgspec.structs import replace

    from crossbar.settings import MongoSettings
    from crossbar.stores.mongo import MongoStore, address

    begin, default = MongoStore.__init__, MongoSettings()
    impatient = getattr(request.module, "IMPATIENT", False)
    seconds = HURRY if impatient else PATIENCE

    def patiently(store: MongoStore, url: str, settings: MongoSettings = default, **more: Any) -> None:
        if settings.answer_seconds == default.answer_seconds:
            settings = replace(settings, answer_seconds=seconds)
        begin(store, url, settings, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MongoStore, "__init__", patiently)
        patch.setenv(PATIENT, str(seconds))
        if not impatient:
            # NOTE: the stand-in may do a write twice that is sent again.
            patch.setitem(address._DEFAULTS, "connectTimeoutMS", round(1000 * PATIENCE))
        yield


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    told = "real_mongodb(what): what only a real MongoDB shows; skipped unless CROSSBAR_TEST_MONGODB_URI names one"
    config.addinivalue_line("markers", told)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip what only a real MongoDB shows, where there is none."""
    marker = item.get_closest_marker("real_mongodb")
    if marker is not None:
        from .servers import real_only

        try:
            real_only(*marker.args)
        except pytest.skip.Exception:
            item.user_properties.append(("mongodb real", marker.args[0]))
            raise


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item) -> None:
    """Write into the report of a test which MongoDB it had, and what it did not check on it."""
    # NOTE: reports are what a run with several processes brings together.
    servers = sys.modules.get(f"{__package__}.servers")
    if servers is None:
        return
    server = getattr(item, "funcargs", {}).get("mongo_server")
    if server is not None and ("mongodb", server.what) not in item.user_properties:
        item.user_properties.append(("mongodb", server.what))
    item.user_properties.extend(servers.NOTED)
    servers.NOTED.clear()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say which MongoDB it was, so that no log passes for one of a run against another."""
    told: dict[str, set[str]] = {"mongodb": set(), "mongodb differs": set(), "mongodb real": set()}
    for reports in terminalreporter.stats.values():
        for report in reports:
            for name, value in getattr(report, "user_properties", ()):
                if name in told:
                    told[name].add(str(value))
    lines = [f"Tested with {what}." for what in sorted(told["mongodb"])]
    lines += [f"Not checked, as the stand-in differs: {what}." for what in sorted(told["mongodb differs"])]
    lines += [f"Skipped, as only a real MongoDB shows it: {what}." for what in sorted(told["mongodb real"])]
    if told["mongodb real"]:
        from .servers import COMMAND

        lines.append(f"To run these: {COMMAND}")
    if lines:
        terminalreporter.section("MongoDB")
    for line in lines:
        terminalreporter.line(line)
