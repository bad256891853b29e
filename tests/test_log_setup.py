"""The log of the command line: what threads, destructors and tasks fail with goes there as well."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import warnings
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from contextvars import Context, copy_context
from typing import Any

import pytest

from crossbar.log import configure, loop_failed
from crossbar.redaction import work_for


@contextmanager
def untouched(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have a process in which nothing is set up."""
    # NOTE: pytest puts handlers of its own back after the fixtures, so this is none.
    root = logging.root
    handlers, level = root.handlers[:], root.level
    monkeypatch.setattr(root, "handlers", [])
    monkeypatch.setattr(threading, "excepthook", threading.__excepthook__)
    monkeypatch.setattr(sys, "unraisablehook", sys.__unraisablehook__)
    try:
        yield
    finally:
        logging.captureWarnings(False)
        monkeypatch.undo()
        root.handlers[:] = handlers
        root.setLevel(level)


def crashing_thread() -> None:
    """Crash in a thread."""

    def crash() -> None:
        raise RuntimeError("password=hunter2")

    thread = threading.Thread(target=crash, name="of its own")
    thread.start()
    thread.join()


def crashing_destructor() -> None:
    """Crash where nobody can catch it."""

    class Leaving:
        """Something that goes with an error."""

        def __del__(self) -> None:
            raise RuntimeError("password=hunter2")

    leaving: Any = Leaving()
    del leaving


@pytest.mark.parametrize("crash", [crashing_thread, crashing_destructor])
def test_what_nobody_catches(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], crash: Callable[[], None]
) -> None:
    """Threads and destructors that fail are logged like all else, without the secrets."""
    with untouched(monkeypatch):
        configure("info")
        crash()
    told = capsys.readouterr().err
    assert "RuntimeError: password=***" in told
    assert "ERROR crossbar: " in told
    assert "hunter2" not in told


def test_warnings(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Warnings are logged, too."""
    with untouched(monkeypatch), warnings.catch_warnings():
        warnings.simplefilter("always")
        configure("info")
        warnings.warn("password=hunter2 is weak", UserWarning, stacklevel=1)
    told = capsys.readouterr().err
    assert ("password=*** is weak" in told, "hunter2" in told) == (True, False)


def test_a_thread_that_exits(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A thread that ends itself has not failed."""
    with untouched(monkeypatch):
        configure("info")
        thread = threading.Thread(target=sys.exit)
        thread.start()
        thread.join()
    assert "" == capsys.readouterr().err


def test_a_host_keeps_its_hooks(monkeypatch: pytest.MonkeyPatch) -> None:
    """What somebody has set up before stays."""
    with untouched(monkeypatch):
        threading.excepthook = sys.unraisablehook = print
        configure("info")
        assert print is threading.excepthook is sys.unraisablehook


class Finished:
    """A task, as it is from Python 3.12 on: it tells in which context it ran."""

    def __init__(self) -> None:
        self.context = copy_context()
        self.context.run(work_for, Asked())

    def get_context(self) -> Context:
        """Give the context."""
        return self.context


class Asked:
    """A request that carries a token."""

    def __init__(self) -> None:
        self.scope: MutableMapping[str, Any] = {"headers": [(b"x-auth-token", b"opaque-4711")]}
        self.envelope: dict[str, Any] = {}
        self.token: str | None = None


def test_a_task_that_nobody_waits_for(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Its failure is logged as of the request that has started it, and without that one's secrets."""
    task: Any = Finished()
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(loop_failed)
    with untouched(monkeypatch):
        configure("info")
        for named in ("task", "future"):
            loop.call_exception_handler({"message": "never retrieved: opaque-4711", named: task})
        loop.call_exception_handler({"message": "of nobody"})
    loop.close()
    told = capsys.readouterr().err
    assert (2, 0, 1) == (told.count("never retrieved: ***"), told.count("opaque"), told.count("of nobody"))


def test_the_driver_of_mongodb_never_debugs(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would write down whole documents, the keys that sign tokens among them."""
    with untouched(monkeypatch):
        configure("debug")
        assert logging.getLogger("crossbar").isEnabledFor(logging.DEBUG)
        for name in ("pymongo", "pymongo.command", "pymongo.connection"):
            assert not logging.getLogger(name).isEnabledFor(logging.DEBUG)
