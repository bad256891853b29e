"""Repeated creates, and what their callers may not see any more."""

from __future__ import annotations

import pytest

from crossbar.testing import World

from .staff import Staff, hired
from .tools import Home, refused

LARGE = {"text": "x" * 70_000}


@pytest.fixture
async def staff(home: Home, world: World) -> Staff:
    """An account with people in it."""
    return await hired(home, world)


@pytest.mark.parametrize("more", [{}, {"custom": LARGE}], ids=["kept", "read again"])
async def test_a_document_that_was_given_away(staff: Staff, more: dict[str, object]) -> None:
    """The repetition of a create shows nothing that the caller could not read, be it from the record or the store."""
    ada, boss = staff.clients["ada"], staff.clients["boss"]
    body, headers = {"name": "Mine", **more}, {"idempotency-key": "k1"}
    made = await ada.put(staff.home.at("/devices"), body, headers=headers)
    assert 201 == made.status
    again = await ada.put(staff.home.at("/devices"), body, headers=headers)
    assert (201, made.data["id"]) == (again.status, again.data["id"])
    path = staff.home.at(f"/devices/{made.data['id']}")
    given = {"owner_id": staff.users["bob"], "sip": {"password": "secret-of-bob"}}
    assert 200 == (await boss.patch(path, given)).status
    refused(await ada.get(path), 404, "bad_identifier")
    if more:
        refused(await ada.put(staff.home.at("/devices"), body, headers=headers), 404, "bad_identifier")
    else:
        shown = await ada.put(staff.home.at("/devices"), body, headers=headers)
        assert b"secret-of-bob" not in shown.body
    assert 201 == (await ada.put(staff.home.at("/devices"), body, headers={"idempotency-key": "k2"})).status


async def test_an_administrator_who_is_none_any_more(staff: Staff) -> None:
    """What somebody has made for others as an administrator is not shown to them as a user."""
    boss = staff.clients["boss"]
    body, headers = {"name": "For Bob", "owner_id": staff.users["bob"]}, {"idempotency-key": "k1"}
    assert 201 == (await boss.put(staff.home.at("/devices"), body, headers=headers)).status
    me = staff.home.at(f"/users/{staff.users['boss']}")
    assert 200 == (await boss.patch(me, {"priv_level": "user"})).status
    assert (await boss.put(staff.home.at("/devices"), body, headers=headers)).status in (403, 404)
