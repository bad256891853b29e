"""How documents lie in MongoDB: what a record holds, what its indexes are, and that names are checked before use."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import bson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from crossbar.errors import StoreUnavailable
from crossbar.stores import Document, Kind
from crossbar.stores.mongo.layout import NEVER, TTL_GRACE, Shelf, Shelves, changed, expiry, inserted, set_aside
from crossbar.stores.mongo.preparing import SHARED_INDEXES
from tests.contract.documents import DEVICES, NOTES, NOW, device
from tests.contract.test_store_properties import bodies

SHELF = Shelf(DEVICES)


@settings(max_examples=100, deadline=None)
@given(bodies, st.none() | bodies, st.none() | st.integers(NOW, NOW + 10**12), st.sampled_from([DEVICES, NOTES]))
def test_a_record_gives_the_document_back(
    body: dict[str, Any], private: dict[str, Any] | None, expires: int | None, kind: Kind
) -> None:
    """Through BSON too: every byte of body and private part, the times and the revision."""
    fields = {key: value for key, value in body.items() if key != "id"}
    document = replace(device("d\0é", expires=expires, private=private, revision=7, **fields), kind=kind.name)
    shelf = Shelf(kind)
    record = bson.decode(bson.encode(inserted(shelf.record(document, NOW))))
    assert document == shelf.document("acme", record)


@settings(max_examples=100, deadline=None)
@given(bodies, st.none() | bodies)
def test_names_of_a_client_are_no_names_of_fields(body: dict[str, Any], private: dict[str, Any] | None) -> None:
    """Records have the names that are listed here, and those of unique fields that the kind declares."""
    fields = {key: value for key, value in body.items() if key != "id"}
    record = SHELF.record(device("d", private=private, **fields), NOW)
    always = {"tenant", "id", "deleted", "blobs", "key", "created", "modified", "revision", "until", "ttl"}
    assert always | {"body", "private", "summary", "unique", "fields", "marks", "wide"} == set(record)
    assert set() == set(record["unique"] or ()) - {"mac", "sip/username"}
    assert all(type(each) is str for name in ("marks", "fields") for each in record[name])
    stored = inserted(record)
    assert None not in stored.values()
    update = changed(SHELF.content(device("d", private=private, **fields), NOW, 2, NOW))
    assert {"$set", "$unset"} >= set(update)
    assert set() == {name for part in update.values() for name in part} - set(record)


def test_the_indexes_of_a_kind() -> None:
    """One for an id, one for pages, one for declared fields, one for each unique field, and those that tidy up."""
    assert {
        "id": (("tenant", 1), ("id", 1), ("deleted", 1)),
        "page": (("tenant", 1), ("deleted", 1), ("key", 1), ("until", 1)),
        "fields": (("tenant", 1), ("deleted", 1), ("fields", 1), ("key", 1)),
        "unique mac": (("tenant", 1), ("unique.mac", 1)),
        "unique sip.username": (("tenant", 1), ("unique.sip/username", 1)),
        "ttl": (("ttl", 1),),
        "expired": (("until", 1),),
        "removed": (("removed", 1), ("_id", 1)),
    } == {index.name: index.keys for index in SHELF.indexes()}
    assert {"id", "page", "ttl", "expired", "removed"} == {index.name for index in Shelf(NOTES).indexes()}
    assert {"unique mac", "unique sip.username", "id"} == {
        index.name for index in SHELF.indexes() if index.options.get("unique")
    }


@pytest.mark.parametrize(
    "kind",
    [
        Kind("$where"),
        Kind("a.b"),
        Kind(""),
        Kind("A"),
        Kind("é"),
        Kind("a\n"),
        Kind("1"),
        Kind("a", unique=("$gt",)),
        Kind("a", unique=("a.$gt",)),
        Kind("a", unique=("a..b",)),
        Kind("a", indexes=("a/b",)),
        Kind("a", private_indexes=("a\0",)),
        Kind("a", indexes=("a\n",)),
        Kind("a", indexes=("",)),
    ],
    ids=str,
)
def test_names_that_mongodb_could_misread_are_refused(kind: Kind) -> None:
    """Modules of others may declare anything."""
    with pytest.raises(StoreUnavailable, match="kind '"):
        Shelf(kind)


def test_a_kind_that_is_not_open_is_told() -> None:
    """Whoever asks for it learns where to name it."""
    with pytest.raises(StoreUnavailable, match=r"the kind 'notes' was not opened; name it in open\(\)"):
        Shelves()["notes"]


def test_whatever_is_declared_counts_for_the_fingerprint() -> None:
    """A kind that has changed in any way is brought up to date."""
    kinds = [
        Kind("a"),
        Kind("b"),
        Kind("a", summary=("x",)),
        Kind("a", summary=()),
        Kind("a", unique=("x",)),
        Kind("a", indexes=("x",)),
        Kind("a", private_indexes=("x",)),
    ]
    assert len(kinds) == len({Shelf(kind).fingerprint for kind in kinds})
    assert Shelf(Kind("a", indexes=("x",))).fingerprint == Shelf(Kind("a", indexes=("x",))).fingerprint


def test_long_unique_values_are_kept_by_their_digest() -> None:
    """They stay apart, and are no longer than an index may hold; no text can pass for a digest."""
    values = ["m" * 254, "m" * 255, "m" * 100_000, "m" * 99_999 + "n"]
    kept = [SHELF.unique_values(device("d", mac=value))["mac"] for value in values]
    assert '"' + "m" * 254 + '"' == kept[0]
    assert [65] * 3 == [len(each) for each in kept[1:]]
    assert len(set(kept)) == len(values)
    assert SHELF.unique_values(device("d", mac=kept[1]))["mac"] != kept[1]


@pytest.mark.parametrize("value", [None, [], {}, ["m"], {"m": 1}], ids=str)
def test_what_never_clashes_is_not_kept(value: Any) -> None:
    """Null, arrays and objects are no unique values."""
    assert {} == SHELF.unique_values(device("d", mac=value))
    assert None is SHELF.record(device("d", mac=value), NOW)["unique"]


@pytest.mark.parametrize(
    ("expires", "seconds"),
    [(NOW + 50, 50), (NOW - 50, 0), (NOW + 10**12, 10**10)],
    ids=["soon", "long ago", "in thousands of years"],
)
def test_the_server_removes_what_expires_later_than_it_counts(expires: int, seconds: int) -> None:
    """By its own clock, whatever the time of the application is."""
    before = datetime.now(UTC).timestamp()
    found = expiry(expires, NOW)
    assert expires == found["until"]
    assert 0 <= found["ttl"].timestamp() - before - seconds - TTL_GRACE < 60


def test_what_does_not_expire_has_no_date() -> None:
    """And counts for longer than any clock goes."""
    assert {"until": NEVER, "ttl": None} == expiry(None, NOW)
    assert NEVER == bson.decode(bson.encode({"until": NEVER}))["until"]


def test_what_is_set_aside_frees_its_values() -> None:
    """The id too, for as many documents as come after it."""
    one, other = set_aside(NOW), set_aside(NOW)
    assert one["$set"]["deleted"] != other["$set"]["deleted"]
    assert NOW == one["$set"]["removed"]
    assert {"unique", "fields", "marks", "ttl", "summary", "wide"} == set(one["$unset"])


def test_summaries_are_json_of_their_fields() -> None:
    """The id first, then the declared ones that are there, null included."""
    document: Document = device("d", mac=None, other=1)
    assert '{"id":"d","mac":null}' == SHELF.record(document, NOW)["summary"]
    assert None is Shelf(NOTES).record(document, NOW)["summary"]


def test_the_indexes_of_blobs_are_what_gridfs_expects() -> None:
    """The driver makes these two by itself where they are missing, and would make them a second time."""
    (chunks,) = SHARED_INDEXES["blobs.chunks"]
    assert ((("files_id", 1), ("n", 1)), True) == (chunks.keys, chunks.options["unique"])
    assert (("filename", 1), ("uploadDate", 1)) in [index.keys for index in SHARED_INDEXES["blobs.files"]]
