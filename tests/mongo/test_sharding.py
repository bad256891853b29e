"""Sharded clusters: what each kind can be divided by, and that this is never in the way of an index or of a write."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from pymongo.errors import OperationFailure

from crossbar.errors import UniqueConflict
from crossbar.stores import Delete, Insert, Keep, Query
from crossbar.stores.mongo import MongoStore
from crossbar.stores.mongo.layout import Index, Shelf
from crossbar.stores.mongo.sharding import CHUNKS_KEY
from tests.contract.blobs import content, finished, read
from tests.contract.documents import DEVICES, KINDS, NOTES, Clock, device, devices, document, ids, replace

from .declared import declared
from .servers import Server


def begins_with(index: Index, keys: dict[str, int]) -> bool:
    """Whether the first fields of an index are these."""
    return [*index.keys][: len(keys)] == [*keys.items()]


async def test_every_kind_can_be_divided() -> None:
    """Every unique index begins with the key; one whole index, that holds no arrays, does so too."""
    for kind in [*KINDS, *(await declared()).values()]:
        shelf = Shelf(kind)
        unique = [index for index in shelf.indexes() if index.options.get("unique")]
        assert all(begins_with(index, shelf.shard_key) for index in unique), kind
        assert [
            index
            for index in shelf.indexes()
            if begins_with(index, shelf.shard_key)
            and not {"partialFilterExpression", "expireAfterSeconds"} & set(index.options)
            and not {"fields", "marks"} & {name for name, _ in index.keys}
        ], kind


async def test_what_can_be_divided_within_a_tenant() -> None:
    """Only unique fields are in the way: the calls and messages of one large tenant may lie on several machines."""
    assert {"tenant": 1} == Shelf(DEVICES).shard_key
    assert {"tenant": 1, "id": 1} == Shelf(NOTES).shard_key
    kinds = (await declared()).values()
    assert {"cdrs", "messages", "recordings", "webhook_attempts"} <= {
        kind.name for kind in kinds if len(Shelf(kind).shard_key) == 2
    }


@pytest.mark.real_mongodb("sharding")
async def test_a_divided_store_keeps_the_contract(mongo_server: Server, mongo_database: str) -> None:
    """Documents, unique values, listings, writes of several changes and blobs, over collections that are divided."""
    if "a sharded cluster" not in mongo_server.what:
        pytest.skip("this MongoDB is no sharded cluster: name the mongos of one")
    name = mongo_database.partition("?")[0].rpartition("/")[2]
    store = MongoStore(mongo_database, clock=Clock())
    await store.open(KINDS)
    admin = mongo_server.client.admin
    with suppress(OperationFailure):  # newer ones need no word on the database
        admin.command("enableSharding", name)
    for kind in KINDS:
        shelf = Shelf(kind)
        admin.command("shardCollection", f"{name}.{shelf.collection}", key=shelf.shard_key)
    admin.command("shardCollection", f"{name}.blobs.chunks", key=CHUNKS_KEY)
    tenants = [f"tenant{n}" for n in range(20)]
    middle: dict[str, Any] = {"tenant": tenants[10]}
    admin.command("split", f"{name}.d_devices", middle=middle)
    for tenant in tenants:
        await store.write([Insert(device(f"d{n}", tenant=tenant, mac=n)) for n in range(3)])
        with pytest.raises(UniqueConflict):
            await store.write([Insert(device("d9", tenant=tenant, mac=1))])
        assert ["d2", "d1", "d0"] == ids(await store.page(Query(tenant, "devices")))
    first = (await store.find(devices(tenant=tenants[0], descending=False)))[0]
    assert 2 == (await replace(store, first, mac=7)).revision
    blob = await finished(store, content(600_000))
    await store.write(
        [
            Insert(document("notes", "n", tenant=tenants[5])),
            Keep(blob, tenants[5], "notes", "n"),
            Delete(tenants[15], "devices", "d1"),
        ]
    )
    assert content(600_000) == await read(store, blob, tenant=tenants[5])
    assert ["d2", "d0"] == ids(await store.page(Query(tenants[15], "devices")))
    await store.open(KINDS)
    await store.close()
