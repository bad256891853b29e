"""What nobody can want any more is destroyed: blobs that were not kept, and expired documents that have blobs.

Documents without blobs are removed by the server, by the index `ttl`. Every process does this now and then; two that
do it at once do no harm.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable

from bson import ObjectId

from ...errors import CrossbarError
from . import blobs
from .connection import Database
from .layout import Shelves

logger = logging.getLogger(__name__)

EVERY = 60
"""Seconds between two times, about."""
_BATCH = 100


async def now_and_then(tidy: Callable[[], Awaitable[None]]) -> None:
    """Tidy about once a minute, for as long as the task runs; what fails is logged."""
    while True:
        # NOTE: processes that were started together must not all come at the same time.
        await asyncio.sleep(EVERY * random.uniform(0.5, 1.5))  # noqa: S311
        try:
            await tidy()
        except CrossbarError as error:
            logger.warning("%s", error)


async def tidy(
    database: Database, shelves: Shelves, now: int, purge: Callable[[str, str, ObjectId], Awaitable[None]]
) -> None:
    """Destroy a batch of each sort; `purge` destroys one expired record with its blobs."""
    for shelf in list(shelves.values()):
        expired = {"deleted": False, "blobs": True, "until": {"$lte": now}}
        some = database[shelf.collection].find(expired, {"tenant": 1}, hint="expired").limit(_BATCH)
        for record in await some.to_list():
            await purge(shelf.collection, record["tenant"], record["_id"])
    while await blobs.sweep(database, now):
        pass
