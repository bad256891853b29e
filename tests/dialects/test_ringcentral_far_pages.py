"""Pages behind so many rows that none is found by its number: every link that is given leads on."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import AsyncIterator
from typing import Any

import pytest
from msgspec.structs import replace

from crossbar.testing import QUICK, small_world

from .ringcentral_desk import ROOT, Desk, code, desk_in

DEVICES = "/account/~/extension/~/device"


@pytest.fixture(scope="module")
async def desk() -> AsyncIterator[Desk]:
    """An extension with nine devices, where no more than four rows may be before a page."""
    world = await small_world(settings=replace(QUICK, paging=replace(QUICK.paging, deepest=4)))
    made = await desk_in(world)
    for number in range(9):
        await made.device(f"Phone {number}")
    yield made
    await world.app.stop()


@pytest.mark.parametrize("query", ["perPage=2", "perPage=2&orderBy=%2BcreationTime", "perPage=3", "perPage=5&name=x"])
async def test_every_link_leads_somewhere(desk: Desk, query: str) -> None:
    """From the first page on, each device is met once, and no link is refused."""
    everything = await desk.ids(f"{DEVICES}?perPage=100&{query.partition('&')[2]}")
    met: list[str] = []
    path = f"/restapi/v1.0{DEVICES}?{query}"
    while path:
        body = await page(desk, path)
        met += [record["id"] for record in body["records"]]
        for link in body["navigation"].values():
            if isinstance(link, dict):
                await page(desk, link["uri"].removeprefix(ROOT))
        path = onward(body)
    assert met == everything


def onward(body: Any) -> str:
    """Where the next page is; empty behind the last one."""
    link = body["navigation"].get("nextPage")
    if link is not None:
        return str(link["uri"].removeprefix(ROOT))
    token = body["navigation"].get("nextPageToken")
    return f"/restapi/v1.0{DEVICES}?pageToken={token}" if token else ""


async def page(desk: Desk, path: str) -> Any:
    """A page that is there."""
    answer = await desk.get(path)
    assert answer.status == 200, (path, answer.body)
    return answer.json()


async def test_the_last_page(desk: Desk) -> None:
    """There is a link to it if it can be asked for."""
    assert "lastPage" not in (await page(desk, f"/restapi/v1.0{DEVICES}?perPage=2"))["navigation"]
    assert "lastPage" in (await page(desk, f"/restapi/v1.0{DEVICES}?perPage=9"))["navigation"]


async def test_a_page_too_far(desk: Desk) -> None:
    """The sentence names what leads on here."""
    answer = await desk.get(f"{DEVICES}?perPage=2&page=4")
    assert code(answer) == (400, "CMN-101", "page")
    assert "pageToken" in answer.json()["message"]
    assert "start_key" not in answer.json()["message"]


async def test_a_token_that_was_changed(desk: Desk) -> None:
    """The sentence is about `pageToken`, and about nothing that clients do not know."""
    path = f"/restapi/v1.0{DEVICES}?recordCount=2"
    token = (await page(desk, path))["paging"]["nextPageToken"]
    sealed, mark, words = urlsafe_b64decode(token + "=" * (-len(token) % 4)).partition(b"?")
    other = urlsafe_b64encode(sealed + mark + words + b"&name=x").rstrip(b"=").decode()
    for wrong in (other, "abc", f"A{token[1:]}"):
        answer = await desk.get(f"{DEVICES}?pageToken={wrong}")
        assert code(answer) == (400, "CMN-101", "pageToken")
        assert "key" not in answer.json()["message"].replace("pageToken", "")


@pytest.mark.parametrize(("type", "count"), [("Voice", 1), ("Fax", 0), ("voice", 0)])
async def test_what_is_always_so(desk: Desk, type: str, count: int) -> None:
    """A filter by what every call is leaves all of them; by what none is, none."""
    id = "1" * 32
    if await desk.kept("cdrs", id) is None:
        await desk.call(id, int(desk.world.app.clock()) - 60)
    assert len(await desk.ids(f"/account/~/extension/~/call-log?type={type}")) == count
