"""Ids of new documents: unique, in the order of their making, and never the name of an endpoint."""

from __future__ import annotations

import re
import time

import pytest

from crossbar.resource import new_id
from crossbar.testing import small_world

FORM = re.compile(r"[0-9a-f]{32}")


def test_form() -> None:
    """An id is 32 hexadecimal digits, as Kazoo's are."""
    assert [] == [id for id in (new_id() for _ in range(1_000)) if not FORM.fullmatch(id)]


def test_no_id_comes_twice() -> None:
    """Of many ids made at once no two are the same, and no two share their random part."""
    ids = [new_id() for _ in range(50_000)]
    assert [50_000, 50_000] == [len(set(ids)), len({id[12:] for id in ids})]


def test_ids_grow_with_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """An id that is made a millisecond later is greater, also over the turn of its digits."""
    ids = []
    for milliseconds in (0, 1, 9, 10, 0xFFFF, 0x10000, 1_780_000_000_000, 1_780_000_000_001, 2**48 - 1):
        monkeypatch.setattr(time, "time_ns", lambda now=milliseconds: now * 1_000_000)
        ids.append(new_id())
    assert [True, ids] == [all(FORM.fullmatch(id) for id in ids), sorted(ids)]


def test_an_id_tells_its_millisecond() -> None:
    """The first twelve digits are the Unix time in milliseconds."""
    before = time.time_ns() // 1_000_000
    made = int(new_id()[:12], 16)
    assert before <= made <= time.time_ns() // 1_000_000


@pytest.mark.parametrize("position", range(12, 32))
def test_every_random_digit_varies(position: int) -> None:
    """None of the twenty random digits has a favourite."""
    assert set("0123456789abcdef") == {new_id()[position] for _ in range(500)}


async def test_no_endpoint_is_called_like_an_id() -> None:
    """The name of no bundled endpoint can be an id."""
    world = await small_world()
    assert [] == [name for name in world.app.registry.names if FORM.fullmatch(name)]


@pytest.mark.parametrize("id", ["devices", "users", "accounts"])
async def test_an_id_that_is_a_name_is_refused(id: str) -> None:
    """A client cannot name a document like an endpoint, since no path could lead to it."""
    world = await small_world()
    client = await world.client()
    response = await client.put(f"/accounts/{world.master}/menus", {"name": "a", "id": id})
    assert (400, {"id": ["forbidden"]}) == (response.status, {key: list(codes) for key, codes in response.data.items()})
