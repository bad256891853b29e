"""The commands on a MongoDB: they do what they do on a file, and nothing that they say has its password in it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from pymongo.errors import PyMongoError

from crossbar import Crossbar, Settings
from crossbar.demo import DEMO_ACCOUNT, DEMO_PASSWORD, DEMO_USER, Recipe
from crossbar.demo.loading import load_demo
from crossbar.settings import StoreSettings
from tests.mongo.fixtures import PATIENT
from tests.mongo.servers import Server, fresh_database, patient

from .conftest import Invoke, ended, started
from .test_dev import Dev

NAME, PASSWORD = "crossbar_tester", "hidden-word"


def with_password(server: Server, uri: str) -> str:
    """The URI of somebody who logs in with a password, where the server lets people be added."""
    if urlsplit(uri).password:
        return uri
    try:
        server.client.admin.command("createUser", NAME, pwd=PASSWORD, roles=["root"])
    except PyMongoError as error:
        if "already exists" not in str(error):
            return uri
    scheme, _, rest = uri.partition("://")
    return f"{scheme}://{NAME}:{PASSWORD}@{rest}{'&' if '?' in rest else '?'}authSource=admin"


def secret(uri: str) -> str:
    """What nobody may read."""
    return urlsplit(uri).password or PASSWORD


@pytest.fixture(scope="module", autouse=True)
def taking_time(patient_mongo: None) -> None:
    """Let servers take their time."""


@pytest.fixture(scope="module")
def demo_uri(mongo_server: Server, tiny: Recipe) -> Iterator[str]:
    """Give the URI of a database with a small demo in it."""

    async def load(uri: str) -> None:
        app = Crossbar(Settings(store=StoreSettings(uri)))
        async with app.lifespan():
            known = {kind.name for entry in app.registry for kind in entry.endpoint.kinds()}
            now = int(time.time())
            await load_demo(app.store, app.hasher, tiny, known=known, now=now, tell=lambda done, total: None)

    with fresh_database(mongo_server) as uri:
        uri = with_password(mongo_server, uri)
        asyncio.run(load(uri))
        yield uri


def test_a_server_with_the_demo(demo_uri: str, tmp_path: Path, invoke: Invoke) -> None:
    """It finds the demo, says where it is, lets the demo's people in, and ends as it should."""
    live = started(tmp_path, "--demo", "--store", patient(demo_uri))
    try:
        login = ("--account", DEMO_ACCOUNT, "--user", DEMO_USER, "--password-stdin", "--url", live.url)
        token = invoke("token", *login, input=f"{DEMO_PASSWORD}\n")
        assert (0, 3) == (token.exit_code, len(token.stdout.strip().split("."))), token.output
        found = invoke("call", "GET", "account/devices", "--url", live.url)
        assert 4 == len(json.loads(found.stdout)["data"]), found.output
        wrong = invoke("token", *login, input="wrong\n")
        assert 1 == wrong.exit_code
        live.stop(signal.SIGTERM)
        assert 0 == live.process.returncode
        place = urlsplit(demo_uri)
        assert f"{place.hostname}:{place.port}{place.path}" in live.greeting
        said = [live.greeting, live.log.read_text(), *(each.output for each in (token, found, wrong))]
        assert not [each for each in said if secret(demo_uri) in each]
    finally:
        ended(live)


def test_developing(mongo_server: Server, mongo_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The line that it prints works, and what is saved is live."""
    for name in [name for name in os.environ if name.startswith("CROSSBAR__") and name != PATIENT]:
        monkeypatch.delenv(name)
    uri = with_password(mongo_server, mongo_database)
    dev = Dev(tmp_path, "--store", patient(uri))
    try:
        token = next(line.removeprefix("TOKEN=") for line in dev.lines if line.startswith("TOKEN="))
        assert 200 == dev.get("/v2/account/devices", {"x-auth-token": token})[0]
        dev.save("halls.py", HALLS)
        dev.until(lambda: dev.get("/v2/halls") == (200, ["hall"]))
    finally:
        dev.live.stop(signal.SIGTERM)
        dev._reader.join(5)
        ended(dev.live)
    assert secret(uri) not in "\n".join([*dev.lines, dev.live.log.read_text()])


HALLS = """
from crossbar import ANONYMOUS, Endpoint

class Halls(Endpoint):
    name = "halls"
    anywhere = True

    async def authenticate(self, ctx):
        return ANONYMOUS

    async def find(self, ctx):
        return ["hall"]
"""


@pytest.mark.parametrize(
    ("args", "says"),
    [
        pytest.param(["check"], "store: 1 checked, all in order", id="check"),
        pytest.param(["explain", "GET", "/v2/account/devices?filter_name=x"], "devices.find", id="explain"),
        pytest.param(["store", "check"], "all is there", id="store-check"),
        pytest.param(["settings", "show"], "there are no settings in the store", id="settings"),
        pytest.param(["key", "--id", "acme"], 'id = "acme"', id="key"),
    ],
)
def test_what_looks(invoke: Invoke, demo_uri: str, args: list[str], says: str) -> None:
    """Each says what it says of any store."""
    found = invoke(*args, CROSSBAR__STORE__URL=demo_uri)
    assert (0, True) == (found.exit_code, says in found.output), found.output
    assert secret(demo_uri) not in found.output


def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    """The message names the place, and not the password."""
    uri = f"mongodb://{NAME}:{PASSWORD}@127.0.0.1:1/x"
    with pytest.raises(AssertionError, match=r"MongoDB store 127\.0\.0\.1:1/x: no primary can be reached") as found:
        started(tmp_path, "--store", uri, **{PATIENT: "1"})
    assert PASSWORD not in str(found.value)
