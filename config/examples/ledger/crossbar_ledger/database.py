"""The database: one SQLite file, used by one thread, so that no statement ever holds up the event loop."""

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from crossbar import Unavailable

from .migrations import NewerFile, migrate

logger = logging.getLogger(__name__)

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]

_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_AWAY = {
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_PROTOCOL,
    sqlite3.SQLITE_READONLY,
}


class Database:
    """A file that is opened when it is first needed, and again after it was away.

    `patience` is for how many seconds a statement waits for a lock that another process holds. What cannot be had is
    refused with a 503, and the log says why.
    """

    def __init__(self, file: str, patience: float) -> None:
        self._file = file
        self._patience = patience
        self._thread = ThreadPoolExecutor(1, "ledger")
        self._connection: sqlite3.Connection | None = None

    async def read(self, work: Work[T]) -> T:
        """What the work returns."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._do, work)

    async def write(self, work: Work[T]) -> T:
        """What the work returns, once it is on the disk; nothing of it stays if it raises.

        Who stops waiting does not stop the work.
        """

        def transaction(connection: sqlite3.Connection) -> T:
            with connection:
                connection.execute("BEGIN IMMEDIATE")
                return work(connection)

        return await self.read(transaction)

    async def close(self) -> None:
        """Finish what was begun, close the file and end the thread."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._disconnect)
        self._thread.shutdown()

    # In the thread.

    def _do(self, work: Work[T]) -> T:
        try:
            return work(self._connected())
        except NewerFile as error:
            raise self._away(error) from None
        except sqlite3.DatabaseError as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF  # without the reason in the upper bits
            if code in _BUSY:
                raise Unavailable(
                    "another process is using the ledger; try again", word="ledger_busy", retry=1
                ) from None
            if code in _AWAY:
                self._disconnect()
                raise self._away(error) from None
            raise

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            connection = sqlite3.connect(self._file, self._patience, isolation_level=None)
            try:
                migrate(connection)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _away(self, error: Exception) -> Unavailable:
        logger.error("the ledger cannot use its file %s: %s; [plugins.ledger] file names it", self._file, error)
        return Unavailable("the ledger cannot be reached; try again later", word="ledger_unreachable", retry=30)
