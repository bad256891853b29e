"""The blobs of an SQLite store: rows in the database, files beside it, and how the two stay together.

The file comes first and goes last. It is complete before a row names it, and it is removed when no transaction can
bring its row back, so that no row ever names a file that is not there. What a crash leaves over is swept.

All of it runs on the writer's thread, which leaves the slow part, removing files, to the threads of `BlobFiles`.
"""

from __future__ import annotations

import logging
import sqlite3
from functools import partial

from .. import Drop, Keep
from . import blob_rows
from .blob_files import BlobFiles
from .tables import Table, transaction

logger = logging.getLogger(__name__)


class Blobs:
    """Keeps and drops blobs within a transaction, and tidies up after it.

    `freed` says that the changes since the last `tidy` may have left files that are not wanted any more.
    """

    def __init__(self, files: BlobFiles) -> None:
        self.files = files
        self.freed = False

    def keep(self, connection: sqlite3.Connection, table: Table, change: Keep, now: int) -> None:
        """Make the blob part of the document; DocumentMissing without that, StoreError if it cannot be kept."""
        blob_rows.require(connection, table, change, now)
        self.files.check(change.blob)
        blob_rows.keep(connection, table, change, now)

    def drop(self, connection: sqlite3.Connection, change: Drop) -> None:
        """Let the blob go, if the tenant keeps it."""
        blob_rows.drop(connection, change)
        self.freed = True

    def tidy(self, connection: sqlite3.Connection, *, sweep: bool) -> None:
        """Remove files that are not wanted any more, and the rows of those that are no more.

        With `sweep` also look for files that no row names, in one of the folders.
        """
        self.freed = False
        gone = blob_rows.gone(connection)
        left = [id for id in gone if self.files.path(id).exists()]
        if left:
            self.files.remove_soon(left)
        if len(left) < len(gone):
            with transaction(connection):
                blob_rows.forget(connection, set(gone) - set(left))
        if sweep:
            try:
                self.files.sweep(partial(blob_rows.named, connection))
            except OSError as error:
                logger.warning("%s", self.files.failed(self.files.folder, error))
