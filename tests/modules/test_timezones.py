"""Time zones: all of them, one of them, and pages of them."""

from __future__ import annotations

import sys
import zoneinfo
from datetime import UTC, datetime

import pytest

from crossbar.testing import Client, Clock, small_world

from .office import Office, told

SUMMER = int(datetime(2030, 7, 1, 12, tzinfo=UTC).timestamp())
WINTER = int(datetime(2030, 1, 1, 12, tzinfo=UTC).timestamp())


async def test_all_zones(office: Office) -> None:
    """They are there without paging, in the order of their names, for everybody who is logged in."""
    rows = (await office.client.get("/timezones")).data
    names = [row["id"] for row in rows]
    assert sorted(names) == names
    assert {"UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires"} <= set(names)
    assert set(names) <= zoneinfo.available_timezones()
    assert {"localtime", "Factory"}.isdisjoint(names)
    assert [{"id", "name", "offset", "abbreviation"}] == [set(row) for row in rows[:1]]
    assert names == await office.ids("/timezones")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("UTC", "UTC"),
        ("Europe%2FBerlin", "Europe/Berlin"),
        ("Europe/Berlin", "Europe/Berlin"),
        ("America/Argentina/Buenos_Aires", "America/Argentina/Buenos_Aires"),
        ("America%2FArgentina/Buenos_Aires", "America/Argentina/Buenos_Aires"),
        ("Etc/GMT%2B5", "Etc/GMT+5"),
        ("Etc/GMT+5", "Etc/GMT+5"),
    ],
)
async def test_one_zone(office: Office, path: str, name: str) -> None:
    """Its name may be one token or several."""
    found = await office.client.get(f"/timezones/{path}")
    assert (200, name, name) == (found.status, found.data["id"], found.data["name"])


@pytest.mark.parametrize(
    "path",
    [
        *("Europe", "europe/berlin", "Europe/Atlantis", "Europe/Berlin/Mitte", "%2Fetc%2Fpasswd", "localtime"),
        *("..%2F..%2Fetc%2Flocaltime", "Europe%2F%2FBerlin", "Europe//Berlin", "../UTC"),
    ],
)
async def test_what_is_no_zone(office: Office, path: str) -> None:
    """Names are compared to the letter, and never become paths of files."""
    told(await office.client.get(f"/timezones/{path}"), 404)


@pytest.mark.parametrize("method", ["PUT", "POST", "PATCH", "DELETE"])
async def test_nobody_changes_them(office: Office, method: str) -> None:
    """They are read only."""
    for path in ("/timezones", "/timezones/Europe/Berlin"):
        told(await office.client.request(method, path, {}), 405)


async def test_summer_and_winter() -> None:
    """Offset and abbreviation are those of the present moment."""
    clock = Clock(SUMMER)
    world = await small_world(clock=clock)
    shown = []
    for now in (SUMMER, WINTER):
        clock.now = now
        client = await world.client()  # the token of the summer is old
        one = (await client.get("/timezones/Europe/Berlin")).data
        [listed] = [row for row in (await client.get("/timezones")).data if row["id"] == "Europe/Berlin"]
        assert one == listed
        shown.append((one["offset"], one["abbreviation"]))
    await world.app.stop()
    assert [(7200, "CEST"), (3600, "CET")] == shown


async def test_pages(office: Office) -> None:
    """Who asks for pages gets them, each zone once."""
    names = [row["id"] for row in (await office.client.get("/timezones")).data]
    seen, key = [], None
    while True:
        query = {"page_size": "250"} | ({"start_key": key} if key else {})
        page = await office.client.get("/timezones", query=query)
        seen += [row["id"] for row in page.data]
        assert page.json()["page_size"] == len(page.data) <= 250
        key = page.json().get("next_start_key")
        if key is None:
            break
    assert names == seen
    told(await office.client.get("/timezones?start_key=made-up"), 400)


async def test_a_system_without_zones(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said how to get some, and when they are there, they are found."""
    module = sys.modules["crossbar.modules.timezones"]
    module.zones.cache_clear()
    with monkeypatch.context() as patched:
        patched.setattr(zoneinfo, "available_timezones", set)
        for path in ("/timezones", "/timezones/UTC"):
            refused = await office.client.get(path)
            told(refused, 503)
            assert "tzdata" in refused.body.decode()
    assert 200 == (await office.client.get("/timezones/UTC")).status


async def test_without_a_token(office: Office) -> None:
    """They are for those who are logged in."""
    told(await Client(office.world.app).get("/timezones"), 401)
