"""What a server says when it starts on a store into which an import has not come to its end."""

from __future__ import annotations

import logging

from ..stores import Store
from ..transfer.marker import unfinished

logger = logging.getLogger("crossbar")


async def warn_of_imports(store: Store) -> None:
    """A warning for each archive of which only a part may be in the open store; StoreUnavailable if it cannot tell."""
    for archive in await unfinished(store):
        logger.warning(
            "the import of the archive %s into this store is not finished, and much may be missing: run the same "
            "`crossbar import` again, which goes on where it ended, or serve another store",
            archive,
        )
