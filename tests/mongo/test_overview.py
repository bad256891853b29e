"""What `crossbar store check` reads out of what the servers say, where the tests have no server that says it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, tzinfo

import pytest

from crossbar.settings import MongoSettings
from crossbar.stores import Document, Insert, Kind
from crossbar.stores.mongo import MongoStore, overview
from crossbar.stores.mongo.address import address_of
from crossbar.stores.mongo.connection import Connection
from crossbar.stores.mongo.layout import Shelf
from crossbar.stores.mongo.overview import Overview, look, make, stages
from crossbar.stores.mongo.sharding import ill_divided

SHELVES = [Shelf(Kind("devices", unique=("mac",))), Shelf(Kind("cdrs"))]
BOTH = {"tenant": 1, "id": 1}


@pytest.mark.parametrize(
    ("name", "key", "wanted"),
    [
        pytest.param("d_cdrs", BOTH, None, id="within a tenant"),
        pytest.param("d_cdrs", {"tenant": 1}, None, id="by tenants"),
        pytest.param("d_cdrs", {"tenant": 1.0, "id": 1.0}, None, id="as mongosh writes numbers"),
        pytest.param("d_cdrs", {"id": 1, "tenant": 1}, "{ tenant: 1, id: 1 }", id="the other way round"),
        pytest.param("d_cdrs", {"_id": "hashed"}, "{ tenant: 1, id: 1 }", id="hashed"),
        pytest.param("d_devices", {"tenant": 1}, None, id="with a unique field"),
        pytest.param("d_devices", BOTH, "{ tenant: 1 }", id="with a unique field within a tenant"),
        pytest.param("blobs.chunks", {"files_id": 1, "n": 1}, None, id="chunks"),
        pytest.param("blobs.chunks", {"n": 1}, "{ files_id: 1, n: 1 }", id="chunks by number"),
        pytest.param("locks", {"_id": 1}, "must not be divided", id="what stays whole"),
        pytest.param("strangers", {"x": 1}, None, id="what is not ours"),
    ],
)
def test_keys_that_do_not_fit(name: str, key: Mapping[str, object], wanted: str | None) -> None:
    """A collection that is divided by what its statements do not name is told, with the key that it must have."""
    told = [*ill_divided({name: key}, SHELVES)]
    assert [True] * (wanted is not None) == [wanted is not None and wanted in sentence for sentence in told]


def test_keys_that_nobody_may_know() -> None:
    """Whoever may not read them is told nothing wrong."""
    assert [] == [*ill_divided(None, SHELVES)]


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        ({"stage": "FETCH", "inputStage": {"stage": "IXSCAN", "indexName": "COLLSCAN"}}, ["FETCH", "IXSCAN"]),
        ({"stage": "OR", "inputStages": [{"stage": "IXSCAN"}, {"stage": "COLLSCAN"}]}, ["OR", "IXSCAN", "COLLSCAN"]),
        ({"winningPlan": {"stage": "EOF"}, "rejectedPlans": [{"stage": "COLLSCAN"}]}, ["EOF"]),
        ({"winningPlan": {"stage": "M", "shards": [{"winningPlan": {"stage": "COLLSCAN"}}]}}, ["M", "COLLSCAN"]),
    ],
    ids=["one", "several", "not chosen", "shards"],
)
def test_stages(plan: Mapping[str, object], expected: list[str]) -> None:
    """Every stage of what was chosen counts, on every shard, and none of what was not."""
    assert expected == [*stages({"queryPlanner": plan, "command": {"stage": "COLLSCAN"}})]


@pytest.mark.parametrize(
    ("seconds", "faults", "doubts"),
    [(0, 0, 0), (90, 0, 1), (-90, 0, 1), (400, 1, 0), (-400, 1, 0)],
    ids=["in step", "ahead", "behind", "far ahead", "far behind"],
)
async def test_clocks(
    mongo_database: str, monkeypatch: pytest.MonkeyPatch, seconds: int, faults: int, doubts: int
) -> None:
    """A minute between the clocks is a doubt; more than TTL indexes wait is a fault."""

    class Shifted(datetime):
        """A clock that goes wrong."""

        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Shifted:
            """Some time else than it is."""
            return super().now(tz) + timedelta(seconds=seconds)

    monkeypatch.setattr(overview, "datetime", Shifted)
    found = await looked(mongo_database)
    assert faults == len([sentence for sentence in found.faults if "clocks" in sentence])
    assert doubts == len([sentence for sentence in found.doubts if "clocks" in sentence])


async def looked(url: str) -> Overview:
    """Look at an empty database."""
    settings = MongoSettings()
    connection = Connection(address_of(url, settings), settings)
    try:
        await connection.begin()
        return await look(connection, [])
    finally:
        await connection.close()


async def test_how_far_it_is(mongo_database: str) -> None:
    """While records are written anew it is told of which kind, how many are done, and how many there are."""
    store, kinds = MongoStore(mongo_database), [Kind("cdrs"), Kind("devices")]
    await store.open(kinds)
    for kind, count in (("cdrs", 3), ("devices", 2)):
        await store.write([Insert(Document.of("acme", kind, str(number), {}, 0)) for number in range(count)])
    await store.close()
    connection = Connection(address_of(mongo_database, MongoSettings()), MongoSettings())
    told: list[tuple[str, int, int]] = []
    try:
        await connection.begin()
        for renew in (False, True):
            await make(connection, kinds, 0, renew=renew, tell=lambda *moment: told.append(moment))
    finally:
        await connection.close()
    assert [("cdrs", 3, 5), ("devices", 5, 5)] == told
