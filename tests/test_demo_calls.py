"""The call detail records of the demo data: as many as promised, and true in themselves."""

from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, datetime
from itertools import groupby, pairwise
from typing import Any

import pytest

from crossbar.demo import demo_account_id, demo_documents, load_recipe
from crossbar.stores import Document

NOW = 1_790_000_000
GREGORIAN = 62_167_219_200

Call = tuple[Document, dict[str, Any]]


def made(**changes: Any) -> list[Document]:
    """All documents of a changed recipe."""
    return list(demo_documents(load_recipe(**changes), now=NOW, secrets=lambda *_: {}))


def of_kind(documents: list[Document], kind: str) -> list[Document]:
    """Those of one kind."""
    return [document for document in documents if document.kind == kind]


@pytest.fixture(scope="module")
def documents() -> list[Document]:
    """Give everything that the shipped recipe makes."""
    return made()


@pytest.fixture(scope="module")
def calls(documents: list[Document]) -> list[Call]:
    """Give the call detail records with their decoded bodies."""
    return [(document, document.data()) for document in of_kind(documents, "cdrs")]


def test_records_are_spread_as_promised(documents: list[Document]) -> None:
    """100,000 in all, about 25,000 of them with the biggest customer, and some with everybody."""
    counts = Counter(document.tenant for document in of_kind(documents, "cdrs"))
    assert counts[demo_account_id(load_recipe())] == 10_000
    assert counts.total() == 100_000
    assert 22_000 <= max(counts.values()) <= 28_000
    assert set(counts) == {document.id for document in of_kind(documents, "accounts")}


@pytest.mark.parametrize("records", [0, 1, 2, 17, 1000])
def test_the_number_of_records_is_exact(records: int) -> None:
    """Also where it cuts a call into halves; the one half points to no other then."""
    found = of_kind(made(records=records), "cdrs")
    assert len(found) == records
    known = {document.data()["call_id"] for document in found}
    assert {document.data()["other_leg_call_id"] for document in found} <= known | {""}


def test_all_records_can_be_in_the_demo_account() -> None:
    """Benchmarks want them in one place."""
    found = made(records=3000, records_in_master=True)
    home = demo_account_id(load_recipe())
    assert Counter(document.tenant for document in of_kind(found, "cdrs")) == {home: 3000}


def test_calls_are_the_accounts_own(documents: list[Document], calls: list[Call]) -> None:
    """Every leg is some user's, on a device of theirs."""
    devices = of_kind(documents, "devices")
    owners = {(document.tenant, document.id): document.data().get("owner_id") for document in devices}
    users = {(document.tenant, document.id) for document in of_kind(documents, "users")}
    for document, body in calls:
        assert (document.tenant, body["owner_id"]) in users
        assert owners[document.tenant, body["authorizing_id"]] == body["owner_id"]


def test_every_interaction_has_one_head(calls: list[Call]) -> None:
    """The first of its legs; the others follow within a second, and the legs name each other."""
    legs: Counter[int] = Counter()
    seen: set[str] = set()
    for interaction, group in groupby(calls, key=lambda call: str(call[1]["interaction_id"])):
        (head, first), *others = group
        assert interaction not in seen
        seen.add(interaction)
        legs[1 + len(others)] += 1
        assert head.secrets() == {"head": True}
        assert re.fullmatch(r"\d{11}-[0-9a-f]{8}", interaction)
        assert interaction.startswith(f"{first['timestamp']}-")
        assert first["other_leg_call_id"] == (others[0][1]["call_id"] if others else "")
        for document, body in others:
            assert document.private is None
            assert document.tenant == head.tenant
            assert 0 <= body["timestamp"] - first["timestamp"] <= 1
            assert body["other_leg_call_id"] == first["call_id"]
    assert legs[2] > 0.7 * legs.total()


def test_all_times_of_a_call_agree(calls: list[Call]) -> None:
    """Gregorian, Unix, ISO 8601, RFC 1036 and the month in the id are the same second."""
    for document, body in calls[::7]:
        start = datetime.fromtimestamp(document.created, UTC)
        assert body["unix_timestamp"] == document.created
        assert body["timestamp"] == document.created + GREGORIAN
        assert body["datetime"] == f"{start:%Y-%m-%d %H:%M:%S}"
        assert body["iso_8601"] == f"{start:%Y-%m-%d}"
        assert body["rfc_1036"] == f"{start:%a, %d %b %Y %H:%M:%S} GMT"
        assert document.id == f"{start:%Y%m}-{body['call_id']}"


def test_seconds_of_a_call_add_up(calls: list[Call]) -> None:
    """Ringing and talking make the duration, who talked hung up normally, and the call is over by now."""
    for _, body in calls:
        assert body["duration_seconds"] == body["ringing_seconds"] + body["billing_seconds"]
        assert (body["billing_seconds"] > 0) == (body["hangup_cause"] == "NORMAL_CLEARING")
        assert body["unix_timestamp"] + body["duration_seconds"] <= NOW


def test_calls_reach_back_three_months_in_order(calls: list[Call]) -> None:
    """From almost three months ago until an hour or two ago, and each account's from old to new, to the second."""
    for _, group in groupby(calls, key=lambda call: call[0].tenant):
        times = [document.created for document, _ in group]
        assert all(later - earlier >= -1 for earlier, later in pairwise(times))
    ages = [(NOW - document.created) / 86_400 for document, _ in calls]
    assert 90 < max(ages) < 93
    assert min(ages) < 1


def test_office_hours_are_busy(calls: list[Call]) -> None:
    """Most calls are made by day, and few at the weekend."""
    starts = [datetime.fromtimestamp(document.created, UTC) for document, _ in calls]
    assert sum(8 <= start.hour < 18 for start in starts) > 0.8 * len(starts)
    assert sum(start.weekday() > 4 for start in starts) < 0.08 * len(starts)
