"""The schemas over HTTP: their names, their text, and candidates checked against them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest

from crossbar.testing import Client, World

from .tools import ONE_STORE, SAMPLES, Home, Sample, refused

pytestmark = ONE_STORE

FILES = {path.stem: path for path in sorted((Path(__file__).parents[2] / "modules" / "schemas").glob("*.json"))}


async def test_the_names(world: World) -> None:
    """Everybody may ask which schemas there are."""
    response = await Client(world.app).get("/schemas")
    assert (200, sorted(FILES)) == (response.status, sorted(response.data))


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("prefix", ["", "/account"])
async def test_each_schema(client: Client, name: str, prefix: str) -> None:
    """A schema is told as it stands in its file, in an account and outside, though it is called like an endpoint."""
    response = await client.get(f"{prefix}/schemas/{name}")
    assert (200, orjson.loads(FILES[name].read_bytes())) == (response.status, response.data)


@pytest.mark.parametrize(
    "name", ["unheard-of", "..", "%2e%2e%2fdevices", "devices.json", "Devices", "devices%00", "%20"]
)
async def test_what_is_no_schema(client: Client, name: str) -> None:
    """No name leads out of the folder, and what is not there is said not to be there."""
    response = await client.get(f"/schemas/{name}")
    assert response.status in (400, 404)
    refused(response, response.status)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.noun)
async def test_a_good_candidate(client: Client, sample: Sample) -> None:
    """A candidate that is right comes back with the defaults that it would be stored with."""
    response = await client.put(f"/schemas/{sample.noun}/validation", sample.body)
    assert response.status in (200, 201), response.body
    assert sample.body.items() <= response.data.items()


async def test_defaults_and_conversion(client: Client) -> None:
    """The answer shows what the document would become."""
    response = await client.put("/schemas/devices/validation", {"name": "Desk", "sip": {"expire_seconds": "60"}})
    assert (60, "password") == (response.data["sip"]["expire_seconds"], response.data["sip"]["method"])


async def test_a_bad_candidate(home: Home) -> None:
    """A candidate that is wrong is refused exactly as it would be on creation."""
    body: dict[str, Any] = {"name": "", "sip": {"username": "a"}}
    checked = await home.client.put("/schemas/devices/validation", body)
    made = await home.put("/devices", body)
    assert refused(made, 400, "validation error") == refused(checked, 400, "validation error")


async def test_a_candidate_for_nothing(client: Client) -> None:
    """A candidate for a schema that is not there is a 404."""
    refused(await client.put("/schemas/unheard-of/validation", {}), 404, "bad_identifier")


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
async def test_candidates_are_put(client: Client, method: str) -> None:
    """Only PUT checks."""
    assert "PUT, OPTIONS" == refused(await client.request(method, "/schemas/devices/validation"), 405)["allow"]


async def test_candidates_need_a_token(world: World) -> None:
    """Checking costs more than reading, so it is for those who are known."""
    refused(await Client(world.app).put("/schemas/devices/validation", {"name": "Desk"}), 401)


async def test_nothing_is_stored(home: Home) -> None:
    """A candidate is not a document."""
    await home.put("/schemas/devices/validation", {"name": "Desk"})
    assert [] == (await home.get("/devices")).data
