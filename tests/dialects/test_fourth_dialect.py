"""A dialect that a user writes, JSON:API, as a plugin beside the bundled ones: the same modules, the same documents."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from crossbar import Words
from crossbar.cli.routes import routes
from crossbar.errors import DefinitionError
from crossbar.explain import explain
from crossbar.testing import Client, Response, World, small_world
from tests.plugins.tools import Packages

from .json_api import JsonApi

PLUGIN = Path(__file__).with_name("json_api.py")
MEDIA = "application/vnd.api+json"
PHONES = "/jsonapi/accounts/{account}/phones"


@pytest.fixture(scope="module")
async def world() -> AsyncIterator[World]:
    """An application that speaks it beside the others."""
    made = await small_world(dialects=[JsonApi()])
    yield made
    await made.app.stop()


class Caller:
    """A client of the dialect, in an account of the small world."""

    def __init__(self, client: Client, account: str) -> None:
        self.client = client
        self.account = account
        self.phones = PHONES.format(account=account)

    async def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> Response:
        """The answer to a request with these JSON data."""
        sent = {"authorization": f"Bearer {self.client.token}", "accept": MEDIA, "content-type": MEDIA, **headers}
        return await self.client.request(method, path, body=orjson.dumps(body) if body else None, headers=sent)

    async def create(self, **attributes: Any) -> Response:
        """The answer to a request for a new device."""
        return await self("POST", self.phones, {"data": {"type": "phones", "attributes": attributes}})


@pytest.fixture
async def ask(world: World) -> AsyncIterator[Caller]:
    """Give a caller, and take away what it has left."""
    caller = Caller(await world.client("customer", prefix=""), world.customer)
    yield caller
    for row in (await caller("GET", caller.phones)).json()["data"]:
        assert 204 == (await caller("DELETE", f"{caller.phones}/{row['id']}")).status


def test_it_is_short() -> None:
    """It takes fewer than 150 lines."""
    assert len(PLUGIN.read_text(encoding="utf-8").splitlines()) < 150


async def test_the_life_of_a_document(world: World, ask: Caller) -> None:
    """What is created, changed and deleted in it is what Crossbar's own dialect shows, and the other way round."""
    made = await ask.create(name="Desk", mac="00:11:22:33:44:55", state="off", note={"kept": [1, None]})
    assert (201, MEDIA) == (made.status, made.headers["content-type"])
    data = made.json()["data"]
    assert ("phones", "Desk", "off") == (data["type"], data["attributes"]["name"], data["attributes"]["state"])
    assert made.headers["location"] == f"{ask.phones}/{data['id']}"
    crossbar = await world.client("customer")
    there = (await crossbar.get(f"/account/devices/{data['id']}")).data
    assert (False, {"kept": [1, None]}) == (there["enabled"], there["note"])
    assert data["attributes"]["mac"] == there["mac_address"]
    await crossbar.patch(f"/account/devices/{data['id']}", {"name": "Door"})
    path = f"{ask.phones}/{data['id']}"
    change = {"data": {"type": "phones", "id": data["id"], "attributes": {"state": "on"}}}
    changed = await ask("PATCH", path, change)
    attributes = changed.json()["data"]["attributes"]
    assert (200, "Door", "on") == (changed.status, attributes["name"], attributes["state"])
    assert changed.json() == (await ask("GET", path)).json()
    gone = await ask("DELETE", path)
    assert (204, b"") == (gone.status, gone.body)
    assert 404 == (await crossbar.get(f"/account/devices/{data['id']}")).status


@pytest.mark.parametrize("first", ["page[size]=2&page[number]=1", "page[size]=2", "page%5Bsize%5D=2"])
async def test_pages(ask: Caller, first: str) -> None:
    """`links.next` leads through all of them, by number and by key, and is null on the last page."""
    names = {f"Phone {number}" for number in range(5)}
    for name in names:
        assert 201 == (await ask.create(name=name)).status
    path: str | None = f"{ask.phones}?{first}"
    sizes, seen = [], []
    while path is not None:
        page = (await ask("GET", path)).json()
        rows = [row["attributes"]["name"] for row in page["data"]]
        sizes.append(len(rows))
        seen += rows
        assert 5 == page.get("meta", {}).get("total", 5)
        path = page["links"]["next"]
    assert ([2, 2, 1], sorted(names)) == (sizes, sorted(seen))


async def test_filters(ask: Caller) -> None:
    """`filter[name]` filters by the dialect's names and values, several of which mean any; others say nothing."""
    for name, state in (("a", "on"), ("b", "off"), ("c", "off")):
        await ask.create(name=name, state=state)

    async def names(query: str) -> list[str]:
        rows = (await ask("GET", f"{ask.phones}?{query}")).json()["data"]
        return sorted(row["attributes"]["name"] for row in rows)

    assert ["b", "c"] == await names("filter[state]=off")
    assert ["b"] == await names("filter[state]=off&filter[name]=b")
    assert ["a", "c"] == await names("filter[name]=a&filter[name]=c")
    assert ["a", "b", "c"] == await names("name=a&state=off")


@pytest.mark.parametrize(
    ("method", "below", "body", "status", "code", "source"),
    [
        pytest.param(
            "POST", "", {"data": {"type": "phones", "attributes": {"name": "a", "mac": 1}}},
            400, "validation_error", {"pointer": "/data/attributes/mac"}, id="a wrong field",
        ),
        pytest.param(
            "POST", "", {"data": {"type": "phones", "attributes": {"name": "a", "state": "half"}}},
            400, "validation_error", {"pointer": "/data/attributes/state"}, id="a wrong value",
        ),
        pytest.param("POST", "", {"data": {"type": "people"}}, 409, "datastore_conflict", None, id="another type"),
        pytest.param("POST", "", {"data": {"type": "phones", "id": "x"}}, 403, "forbidden", None, id="an own id"),
        pytest.param("POST", "", {"name": "a"}, 400, "bad_request", None, id="no resource object"),
        pytest.param("POST", "", [1], 400, "invalid_envelope", None, id="no object"),
        pytest.param("GET", "/nowhere", None, 404, "bad_identifier", None, id="no document"),
        pytest.param("GET", "?page[size]=x", None, 400, "bad_parameter", {"parameter": "page[size]"}, id="a bad size"),
        pytest.param("GET", "?page[size]=1&page[size]=2", None, 400, "bad_query", None, id="a size twice"),
        pytest.param("GET", "?sort=name", None, 400, "bad_parameter", {"parameter": "sort"}, id="what is not offered"),
        pytest.param("PUT", "", {"data": {}}, 405, "invalid_method", None, id="a verb that it has not"),
    ],
)  # fmt: skip
async def test_errors(
    ask: Caller, method: str, below: str, body: Any, status: int, code: str, source: dict[str, str] | None
) -> None:
    """Every refusal is an array of error objects."""
    refused = await ask(method, f"{ask.phones}{below}", body)
    assert (status, MEDIA) == (refused.status, refused.headers["content-type"])
    [error] = refused.json()["errors"]
    assert (str(status), code, source) == (error["status"], error["code"], error.get("source"))


async def test_what_it_has_no_verb_for_is_not_offered(ask: Caller) -> None:
    """`Allow` lists the verbs of the dialect: there is no PUT in it."""
    made = (await ask.create(name="a")).json()["data"]["id"]
    refused = await ask("PUT", f"{ask.phones}/{made}", {"data": {}})
    assert (405, "GET, HEAD, PATCH, DELETE, OPTIONS") == (refused.status, refused.headers["allow"])


async def test_nobody_gets_further_in_it(world: World, ask: Caller) -> None:
    """The rights are those of every other dialect."""
    made = (await ask.create(name="a")).json()["data"]["id"]
    stranger = Caller(await world.client("stranger", prefix=""), world.customer)
    assert 404 == (await stranger("GET", f"{ask.phones}/{made}")).status
    nobody = await ask("GET", ask.phones, authorization="")
    assert (401, "invalid_credentials") == (nobody.status, nobody.json()["errors"][0]["code"])


def test_it_is_explained_and_listed(world: World) -> None:
    """`crossbar explain` and `crossbar routes` know it like the bundled ones."""
    found = explain(world.app, "POST", "/jsonapi/accounts/A/phones")
    assert ("json_api", "devices", "create", 201) == (found.dialect, found.endpoint, found.operation, found.status)
    rows = {(row.verb, row.path) for row in routes(world.app, world.app.dialects[-1])}
    assert ("PATCH", "/jsonapi/accounts/{account_id}/people/{people_id}/phones/{phones_id}") in rows


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Packages]:
    """Give a place where packages can be installed for this test."""
    made = Packages(tmp_path / "site")
    monkeypatch.syspath_prepend(made.site)
    yield made
    made.forget()


async def test_as_an_installed_package(packages: Packages) -> None:
    """The same file, in a package with an entry point, is a dialect of every application."""
    text = PLUGIN.read_text(encoding="utf-8")
    packages.install("acme-json-api", {"acme_json_api.py": text}, {"dialects": {"json_api": "acme_json_api:JsonApi"}})
    world = await small_world()
    try:
        ask = Caller(await world.client("customer", prefix=""), world.customer)
        assert 201 == (await ask.create(name="a")).status
        assert ["crossbar", "ringcentral", "realm", "json_api"] == [each.name for each in world.app.dialects]
        assert "acme_json_api" in sys.modules
    finally:
        await world.app.stop()


def test_words_that_are_not_well_formed() -> None:
    """A mistake in the words of a dialect is told with its place."""
    with pytest.raises(DefinitionError, match=r"the words of a dialect are not well formed: .*\$\.nouns"):
        Words.of({"nouns": ["devices"]})
