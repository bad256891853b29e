"""The host's logging: nothing of it is touched, and what there is to say reaches the host's own handlers."""

from __future__ import annotations

import logging
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from typing import Any

import pytest

from crossbar.errors import StoreUnavailable
from crossbar.testing import Client
from crossbar.testing.lifespan import living

from .endpoints import made
from .hosts import Host
from .test_lifespan import Counted


def state(logger: logging.Logger) -> dict[str, Any]:
    """Everything that can be set on a logger."""
    return {
        "handlers": list(logger.handlers),
        "filters": list(logger.filters),
        "level": logger.level,
        "propagate": logger.propagate,
        "disabled": logger.disabled,
    }


def tree() -> dict[str, dict[str, Any]]:
    """The root logger, and all of ours and of the servers', as they are set."""
    ours = [name for name in logging.root.manager.loggerDict if name.partition(".")[0] in ("crossbar", "uvicorn")]
    return {"": state(logging.root)} | {name: state(logging.getLogger(name)) for name in ours}


@pytest.fixture
def heard() -> Iterator[list[logging.LogRecord]]:
    """What a handler of the host's hears, which it has put onto the root logger."""
    records: list[logging.LogRecord] = []

    class Ear(logging.Handler):
        """Keep what is said."""

        def emit(self, record: logging.LogRecord) -> None:
            """Keep it."""
            records.append(record)

    ear = Ear()
    logging.root.addHandler(ear)
    yield records
    logging.root.removeHandler(ear)


async def use(host: Host) -> None:
    """Make an application, start it, ask it for what goes well and what does not, and stop it."""
    app = host({"/api": made(bundled=True)})
    client = Client(app, prefix="/api/v2")
    async with living(app):
        for path in ("/things", "/nothing", "/failures/crash", "/accounts/x", "//api/readyz", "//api/x"):
            await client.get(path)
        async with client.socket("/ticks") as socket:
            await socket.receive_json()
        async with client.stream("GET", "/ticks") as response:
            await response.piece()


async def test_nothing_is_set(host: Host) -> None:
    """No handler, level, filter or flag of any logger is changed by an application, whatever it goes through."""
    made(bundled=True)
    before = tree()
    await use(host)
    after = tree()
    assert before == {name: after[name] for name in before}
    fresh = state(logging.Logger("fresh"))
    assert [fresh] * len(after) == [fresh if name in before else after[name] for name in after]


async def test_nothing_is_printed(host: Host, capfd: pytest.CaptureFixture[str]) -> None:
    """Neither lines of access nor anything else is written to standard output or standard error."""
    await use(host)
    assert ("", "") == tuple(capfd.readouterr())


async def test_the_host_hears(host: Host, heard: list[logging.LogRecord]) -> None:
    """A crash reaches the handlers of the host, by the logger `crossbar`, with its traceback."""
    client = Client(host({"/api": made()}, living=False), prefix="/api/v2")
    refused = await client.get("/failures/crash")
    records = [record for record in heard if record.name == "crossbar"]
    assert [logging.ERROR] == [record.levelno for record in records]
    assert refused.json()["request_id"] in records[0].getMessage()
    assert records[0].exc_info is not None
    assert "nobody outside may read this" == str(records[0].exc_info[1])


async def test_the_host_says_how_much(heard: list[logging.LogRecord]) -> None:
    """The host sets how much it wants to hear, as with any logger."""
    ours = logging.getLogger("crossbar")
    ours.setLevel(logging.CRITICAL)
    try:
        await Client(made()).get("/failures/crash")
    finally:
        ours.setLevel(logging.NOTSET)
    assert [] == [record for record in heard if record.name.startswith("crossbar")]


async def test_all_records_have_one_name(heard: list[logging.LogRecord]) -> None:
    """Whatever part of it speaks, its logger is `crossbar` or below that."""
    app = made(store=Counted(StoreUnavailable("away")))
    for path in ("/things", "/failures/crash"):
        await Client(app).get(path)
    assert {"crossbar"} == {record.name.partition(".")[0] for record in heard if record.name != "asyncio"}


def test_a_process_without_any_logging() -> None:
    """In a process that has set nothing up, nothing is set up afterwards, and nothing that goes well is printed."""
    script = """
        import asyncio, logging
        from crossbar.testing import Client, make_app
        app = make_app()
        async def ask():
            async with app.lifespan():
                return (await Client(app).get("/about")).status
        status = asyncio.run(ask())
        ours = [logging.getLogger(name) for name in logging.root.manager.loggerDict if name.startswith("crossbar")]
        assert (status, [], logging.WARNING) == (401, logging.root.handlers, logging.root.level), status
        assert all(each.handlers == [] and each.level == logging.NOTSET and each.propagate for each in ours)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=False)
    assert ("", "", 0) == (done.stdout, done.stderr, done.returncode)
