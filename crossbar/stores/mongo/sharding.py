"""How a sharded cluster can divide the collections: what to tell it, and whether it was told something else.

A unique index of a divided collection must begin with the whole key that it is divided by, and every statement names
that key (`layout.Shelf.shard_key`). So kinds with unique fields are divided by tenant, and the others within one too.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from pymongo.errors import OperationFailure

from .connection import Connection
from .kept_blobs import CHUNKS, FILES, LOOSE
from .layout import Shelf
from .locks import LOCKS
from .preparing import KINDS
from .tallies import COLLECTION as TALLIES

CHUNKS_KEY = {"files_id": 1, "n": 1}
WHOLE = (FILES, LOOSE, KINDS, LOCKS, TALLIES)
"""What is small, and stays on one shard, beside the kinds that nearly every request asks for."""

Keys = Mapping[str, Mapping[str, object]]


def advice(database: str, shelves: Iterable[Shelf], whole: Collection[str]) -> list[str]:
    """The lines for mongosh that divide the collections of a database; the kinds named in `whole` stay undivided."""
    shelves = sorted(shelves, key=lambda shelf: shelf.collection)
    keys = {shelf.collection: shelf.shard_key for shelf in shelves if shelf.kind.name not in whole}
    lines = [f'sh.enableSharding("{database}")']
    for name, key in {**keys, CHUNKS: CHUNKS_KEY}.items():
        lines.append(f'sh.shardCollection("{database}.{name}", {_shown(key)})')
    undivided = [*(shelf.collection for shelf in shelves if shelf.kind.name in whole), *WHOLE]
    return [*lines, f"// Undivided, being small or asked with every request: {', '.join(undivided)}"]


async def divided(connection: Connection) -> Keys | None:
    """The keys of the divided collections of the database, by their names; None if this user may not know."""
    name = f"{connection.address.database}."
    try:
        found = connection.client["config"]["collections"].find({"_id": {"$gte": name, "$lt": f"{name[:-1]}/"}})
        return {each["_id"].removeprefix(name): each["key"] async for each in found if _is_divided(each)}
    except OperationFailure:
        return None


def _is_divided(entry: Mapping[str, object]) -> bool:
    # NOTE: since MongoDB 8.0 a collection that was moved whole to another shard stands there too.
    return not entry.get("dropped") and not entry.get("unsplittable")


def ill_divided(keys: Keys | None, shelves: Iterable[Shelf]) -> Iterator[str]:
    """A sentence for each collection that is divided by something else than what the statements of this store name."""
    fit = {shelf.collection: shelf.shard_key for shelf in shelves} | {CHUNKS: CHUNKS_KEY}
    for name, key in (keys or {}).items():
        wanted = fit.get(name)
        if name in WHOLE:
            yield f"{name} is divided by {_shown(key)}, and must not be divided"
        elif wanted is not None and not _begins(key, wanted):
            yield f"{name} is divided by {_shown(key)}, and must be by {_shown(wanted)}"


def _begins(key: Mapping[str, object], wanted: Mapping[str, int]) -> bool:
    return [*key.items()] == [*wanted.items()][: len(key)]


def _shown(key: Mapping[str, object]) -> str:
    return "{ " + ", ".join(f"{name}: {value!r}" for name, value in key.items()) + " }"
