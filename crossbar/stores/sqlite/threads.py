"""The threads of the SQLite store: each has a connection of its own, and answers go back in batches.

A hop to a thread and back costs about 20 µs, most of it for waking the event loop. So a thread takes all the
jobs that wait, and hands their outcomes back with one wake-up.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import Any, TypeVar

from ...errors import StoreOverdue, StoreUnavailable
from .file import unavailable

logger = logging.getLogger(__name__)

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]


@dataclass(slots=True, eq=False)
class Job:
    """What a thread is asked to do, for whom, and how it ended.

    `grouped` work is written in one transaction with others, which the writer begins and ends. Nobody waits any more
    for work that is `dropped`.
    """

    work: Work[Any]
    grouped: bool
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]
    result: Any = None
    error: Exception | None = None
    begun: bool = False
    done: bool = False
    dropped: bool = False


class Threads:
    """Threads that share a queue of jobs; `connect` is called in each of them, when its first job comes."""

    _interrupts = True

    def __init__(self, name: str, path: Path, connect: Callable[[], sqlite3.Connection], count: int = 1) -> None:
        self._path = path
        self._connect = connect
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        # NOTE: of several threads none may take jobs along that would then wait behind a slow one of its own.
        self._most = 16 if count == 1 else 1
        self._open = True
        self._lock = Lock()
        self._running: dict[Job, sqlite3.Connection] = {}
        self._threads = [Thread(target=self._run, name=f"{name} {n + 1}", daemon=True) for n in range(count)]
        for thread in self._threads:
            thread.start()

    async def do(self, work: Work[T], *, grouped: bool = False, seconds: float | None = None) -> T:
        """What the work returns or raises; StoreOverdue if it takes longer than `seconds`.

        Work that nobody waits for any more, because it is overdue or its caller was cancelled, is not begun. What has
        begun is interrupted if it only reads, and finished if it writes.
        """
        if not self._open:
            raise StoreUnavailable(f"SQLite store {self._path}: it was closed")
        loop = asyncio.get_running_loop()
        job = Job(work, grouped, loop, loop.create_future())
        # PERF: a plain timer, since `asyncio.timeout` would cancel the task and make another error of that.
        timer = loop.call_later(seconds, self._give_up, job, seconds) if seconds is not None else None
        self._jobs.put(job)
        try:
            result: T = await job.future
        except asyncio.CancelledError:
            self._drop(job)
            raise
        finally:
            if timer is not None:
                timer.cancel()
        return result

    def _drop(self, job: Job) -> None:
        """Do not begin a job, or end it if it only reads."""
        with self._lock:
            job.dropped = True
            if self._interrupts and job in self._running:
                self._running[job].interrupt()

    def _give_up(self, job: Job, seconds: float) -> None:
        """Tell the caller of a job that it takes too long."""
        if job.future.done():
            return
        if self._interrupts and job.done:
            _settle([job])  # it waits only to be handed back with those behind it
            return
        self._drop(job)
        told = f"SQLite store {self._path}: no answer within {seconds:g} seconds"
        if self._interrupts:
            error = StoreOverdue(f"{told}; ask for less at a time, or by fields that have an index")
        elif job.begun:
            error = StoreOverdue(f"{told}; what was to be written may have been", begun=True)
        else:
            error = StoreOverdue(f"{told}; others write, or keep the file locked; nothing was written")
        job.future.set_exception(error)

    async def stop(self, seconds: float) -> None:
        """Finish what waits, close the connections and end the threads; StoreUnavailable if that takes longer."""
        self._open = False
        for _ in self._threads:
            self._jobs.put(None)
        for thread in self._threads:
            await asyncio.to_thread(thread.join, seconds)
            if thread.is_alive():
                raise StoreUnavailable(f"SQLite store {self._path}: still busy after {seconds:g} seconds")

    # -- in the thread --------------------------------------------------------------------------------------

    def _run(self) -> None:
        connection: sqlite3.Connection | None = None
        while (job := self._jobs.get()) is not None:
            jobs, last = self._take(job)
            try:
                connection = connection or self._connect()
                self._serve(connection, jobs)
            except Exception as error:
                for each in jobs:
                    each.error = error
            _hand_back(jobs)
            if connection is not None:
                self._rest(connection)
            if last:
                break
        if connection is not None:
            self._finish(connection)
            connection.close()

    def _take(self, job: Job) -> tuple[list[Job], bool]:
        """The job and those that wait behind it, and whether they are the last."""
        jobs = [job]
        while len(jobs) < self._most:
            try:
                following = self._jobs.get_nowait()
            except Empty:
                break
            if following is None:
                return jobs, True
            jobs.append(following)
        return jobs, False

    def _serve(self, connection: sqlite3.Connection, jobs: list[Job]) -> None:
        for job in jobs:
            self._attempt(connection, job)

    def _attempt(self, connection: sqlite3.Connection, job: Job) -> None:
        # NOTE: the connection can be interrupted for as long as this job is what it does, and no longer.
        with self._lock:
            if job.dropped:
                job.error = StoreOverdue(f"SQLite store {self._path}: nobody waits for this any more")
                return
            job.begun = True
            self._running[job] = connection
        try:
            job.result = job.work(connection)
        except sqlite3.Error as error:
            job.error = unavailable(self._path, error)
        except Exception as error:
            job.error = error
        finally:
            job.done = True
            with self._lock:
                del self._running[job]

    def _rest(self, connection: sqlite3.Connection) -> None:
        """Called when a batch is handed back."""

    def _finish(self, connection: sqlite3.Connection) -> None:
        """Called before the connection is closed."""


class Writer(Threads):
    """The one thread that writes. What waits together is committed together: one sync of the disk for all.

    Every job of such a group has its own savepoint, so that one that fails leaves the others alone. If the
    commit fails, all have failed. `tidy` is called after every batch.
    """

    _interrupts = False

    def __init__(self, path: Path, connect: Callable[[], sqlite3.Connection], tidy: Work[None]) -> None:
        self._tidy = tidy
        super().__init__("crossbar-sqlite-writer", path, connect)
        self._most = 64

    def _serve(self, connection: sqlite3.Connection, jobs: list[Job]) -> None:
        for grouped, some in groupby(jobs, key=lambda job: job.grouped):
            if grouped:
                self._commit(connection, list(some))
            else:
                super()._serve(connection, list(some))

    def _commit(self, connection: sqlite3.Connection, jobs: list[Job]) -> None:
        try:
            connection.execute("BEGIN IMMEDIATE")
            for job in jobs:
                self._attempt_apart(connection, job, alone=len(jobs) == 1)
            done = any(job.error is None for job in jobs)
            connection.execute("COMMIT" if done else "ROLLBACK")
        except (sqlite3.Error, StoreUnavailable) as error:
            reason = str(error if isinstance(error, StoreUnavailable) else unavailable(self._path, error))
            for job in jobs:
                job.error = StoreUnavailable(reason)
            with suppress(sqlite3.Error):
                connection.execute("ROLLBACK")

    def _attempt_apart(self, connection: sqlite3.Connection, job: Job, *, alone: bool) -> None:
        if not alone:
            connection.execute("SAVEPOINT job")
        self._attempt(connection, job)
        if job.error is not None and not connection.in_transaction:
            # SQLite has undone the whole transaction: the disk is full, or does not work.
            raise StoreUnavailable(str(job.error)) from job.error
        if not alone:
            if job.error is not None:
                connection.execute("ROLLBACK TO job")
            connection.execute("RELEASE job")

    def _rest(self, connection: sqlite3.Connection) -> None:
        try:
            self._tidy(connection)
        except sqlite3.Error as error:
            logger.warning("%s", unavailable(self._path, error))

    def _finish(self, connection: sqlite3.Connection) -> None:
        # Without this the log is as good: whoever opens the file next reads it.
        with suppress(sqlite3.Error):
            connection.execute("PRAGMA busy_timeout=0")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _hand_back(jobs: list[Job]) -> None:
    for loop, some in groupby(jobs, key=lambda job: job.loop):
        with suppress(RuntimeError):  # That loop is closed: nobody waits any more.
            loop.call_soon_threadsafe(_settle, list(some))


def _settle(jobs: list[Job]) -> None:
    for job in jobs:
        if job.future.done():
            continue  # The caller was cancelled.
        if job.error is not None:
            job.future.set_exception(job.error)
        else:
            job.future.set_result(job.result)
