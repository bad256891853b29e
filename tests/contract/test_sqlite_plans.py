"""SQLite finds listings by an index, and hands out JSON as it is stored."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import orjson
import pytest

from crossbar.filters import Filter, where
from crossbar.stores import Query
from crossbar.stores.sqlite.file import connect
from crossbar.stores.sqlite.listings import count_statement, find_statement, page_statement
from crossbar.stores.sqlite.tables import prepare

from .documents import DEVICES, NOW, devices

PLANS: dict[str, Query] = {
    "newest": devices(),
    "from a key": devices(start="0" * 12, descending=False),
    "between times": devices(created_from=1, created_to=2),
    "between times, from a key": devices(created_from=1, created_to=2, start="1", descending=False),
    "is": devices(filters=(where("owner_id", "o"),)),
    "is, from a key": devices(filters=(where("owner_id", "o"),), start="1"),
    "is, private": devices(filters=(where("token", "t", private=True),)),
    "is, with others": devices(filters=(Filter("equals", ("name",), "n"), where("sip.realm", 5)), descending=False),
    "equals": devices(filters=(Filter("equals", ("owner_id",), "5"),), start="1"),
    "page 3": devices(skip=100),
    "page 3 between times": devices(skip=100, created_from=1, created_to=2),
    "is, page 3": devices(skip=100, filters=(where("owner_id", "o"),)),
    "equals, page 3": devices(skip=100, filters=(Filter("equals", ("owner_id",), "5"),)),
}


@pytest.mark.parametrize("name", PLANS)
def test_listings_use_an_index(name: str, tmp_path: Path) -> None:
    """No listing reads a whole table, and none sorts its rows, except for arrays in a field that `equals` asks for."""
    query, path = PLANS[name], tmp_path / "store.db"
    connection = connect(path, writes=True)
    table = prepare(connection, path, [DEVICES], NOW)["devices"]
    for statement in (page_statement(query, table, NOW), find_statement(query, table, NOW)):
        rows = connection.execute(f"EXPLAIN QUERY PLAN {statement.sql}", statement.values).fetchall()
        plan = [detail.decode() for _, _, _, detail in rows]
        tables = [step for step in plan if "d_devices" in step]
        assert tables
        for step in tables:
            assert step.startswith("SEARCH d_devices USING "), plan
            assert ("INDEX" in step) == name.startswith(("is", "equals")), plan
            assert "key" in step or query.start is None or ">? AND <expr><?" in step, plan
        sorts = [step for step in plan if "TEMP B-TREE" in step]
        assert len(sorts) == sum(">? AND <expr><?" in step for step in tables), plan
    connection.close()


COUNTS: dict[str, tuple[Query, tuple[str, ...]]] = {
    "all": (
        devices(start="1", skip=5),
        ("COVERING INDEX devices id (tenant=?)", "COVERING INDEX devices expires (expires<?)"),
    ),
    "between times": (devices(created_from=1, created_to=2), ("PRIMARY KEY (tenant=? AND key>? AND key<?)",)),
    "changed": (devices(modified_from=1), ("PRIMARY KEY (tenant=?)",)),
    "is": (devices(filters=(where("owner_id", "o"),)), ("INDEX devices body owner_id (tenant=? AND <expr>=?)",)),
    "is, between times": (
        devices(filters=(where("owner_id", "o"),), created_from=1),
        ("INDEX devices body owner_id (tenant=? AND <expr>=? AND key>?)",),
    ),
    "equals": (
        devices(filters=(Filter("equals", ("owner_id",), "5"),)),
        (
            *["INDEX devices body owner_id (tenant=? AND <expr>=?)"] * 2,
            "INDEX devices body owner_id (tenant=? AND <expr>>? AND <expr><?)",
        ),
    ),
}


@pytest.mark.parametrize("name", COUNTS)
def test_counts_use_an_index(name: str, tmp_path: Path) -> None:
    """Counting reads no further than it must, sorts nothing, and without filters reads no documents at all."""
    (query, expected), path = COUNTS[name], tmp_path / "store.db"
    connection = connect(path, writes=True)
    table = prepare(connection, path, [DEVICES], NOW)["devices"]
    statement = count_statement(query, table, NOW)
    rows = connection.execute(f"EXPLAIN QUERY PLAN {statement.sql}", statement.values).fetchall()
    plan = [detail.decode() for _, _, _, detail in rows]
    found = tuple(step.removeprefix("SEARCH d_devices USING ") for step in plan if "d_devices" in step)
    # NOTE: newer versions of SQLite know that an index on an expression covers more.
    assert expected == tuple(step if "COVERING" in expected[0] else step.removeprefix("COVERING ") for step in found)
    assert not [step for step in plan if "TEMP B-TREE" in step]
    connection.close()


def test_sqlite_hands_out_json_as_it_is_stored() -> None:
    """All filters stand on it: `->` does not write numbers or texts in a form of its own."""
    connection = sqlite3.connect(":memory:")
    values = [1e20, 0.1, 1.0, -0.0, 1e-7, 5e-324, 2**64 - 1, "a\0b", "é\u2028\x7f\x1f", True, None, [1.0, {"a": 1e5}]]
    for value in values:
        body = orjson.dumps({"x": {"y": value}}).decode()
        assert [(orjson.dumps(value).decode(),)] == connection.execute(
            """SELECT ? -> '$."x"."y"'""", (body,)
        ).fetchall()
    connection.close()
