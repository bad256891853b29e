"""What nobody can want any more is destroyed: blobs that were not kept, and expired documents that have blobs.

Documents without blobs are removed by the server, by the index `ttl`. Every process does this now and then; two that
do it at once do no harm.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from bson import ObjectId

from . import blobs
from .connection import Database
from .layout import Shelves

_BATCH = 100


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
