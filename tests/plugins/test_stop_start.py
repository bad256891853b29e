"""Modules that are taken out of service and back into it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from crossbar import Crossbar
from crossbar.errors import PluginError
from crossbar.testing import Client

from .tools import Maker, did, phones, states, until, with_modules, write

STORY = """
    import asyncio
    from contextlib import asynccontextmanager
    from crossbar import Endpoint, before

    story = []

    class Phones(Endpoint):
        name = "phones"

        @asynccontextmanager
        async def lifespan(self, app):
            story.append("begun")
            self.line = "open"
            yield
            await asyncio.sleep(0.02)
            self.line = "closed"
            story.append("ended")

        async def find(self, ctx):
            return [self.line, getattr(ctx, "body", {}).get("seen")]

    @before("devices.find", "phones.find")
    async def see(ctx):
        ctx.body = {"seen": ctx.body.get("seen", 0) + 1}
        story.append(f"{ctx.resolved[-1][0].name} seen")
"""


def story_of(app: Crossbar) -> list[str]:
    """What has happened in the module."""
    found = next(plugin.found for plugin in app.plugins.plugins if plugin.name == "phones")
    assert found.endpoint is not None
    story: list[str] = sys.modules[type(found.endpoint).__module__].story
    return story


@pytest.fixture
async def client(folder: Path, make: Maker) -> Client:
    """An application with a module of the folder that tells its story."""
    write(folder, "phones.py", STORY)
    return await make.client(with_modules(folder))


async def test_stop_and_start(client: Client) -> None:
    """A stopped module answers 503 with Retry-After; its hooks are off, its lifespan ends; a start brings all back."""
    story = story_of(client.app)
    running = await client.get("/account/phones")
    assert [("phones", "stopped")] == did(await client.app.changes.stop("phones"))
    stopped = await client.get("/account/phones")
    await until(lambda: "ended" in story)
    await client.get("/account/devices")
    assert ((200, ["open", 1]), (503, "30")) == (
        (running.status, running.data),
        (stopped.status, stopped.headers["retry-after"]),
    )
    assert ("the endpoint 'phones' is stopped", {"phones": "stopped"}) == (
        stopped.data["message"],
        states(client.app),
    )
    assert [("phones", "started")] == did(await client.app.changes.start("phones"))
    again = await client.get("/account/phones")
    await client.get("/account/devices")
    assert (["open", 1], {"phones": "ok"}) == (again.data, states(client.app))
    assert ["begun", "phones seen", "ended", "begun", "phones seen", "devices seen"] == story


async def test_start_at_once_after_stop(client: Client) -> None:
    """A start waits until the lifespan that is ending has ended, so that the new one is not closed by the old one."""
    for _ in range(5):
        await client.app.changes.stop("phones")
        await client.app.changes.start("phones")
        assert "open" == (await client.get("/account/phones")).data[0]
    story = [each for each in story_of(client.app) if "seen" not in each]
    assert ["begun", *["ended", "begun"] * 5] == story


async def test_a_request_below_a_stopped_module(client: Client) -> None:
    """Whatever path leads to it, whoever asks: the module is out of service."""
    await client.app.changes.stop("phones")
    paths = ("/account/phones/x/y", "/account/users/u/phones", "/phones", "/account/phones/devices")
    assert [503, 404, 503, 503] == [(await client.get(path)).status for path in paths]
    user = await client.put("/account/users", {"first_name": "A", "last_name": "B"})
    assert 503 == (await client.get(f"/account/users/{user.data['id']}/phones")).status


async def test_reload_while_stopped(client: Client, folder: Path) -> None:
    """A stopped module that is loaded anew stays stopped, and begins nothing before it is started."""
    await client.app.changes.stop("phones")
    await until(lambda: "ended" in story_of(client.app))
    write(folder, "phones.py", STORY.replace('"open"', '"new"'))
    await client.app.changes.reload("phones")
    stopped = await client.get("/account/phones")
    assert (503, {"phones": "stopped"}, []) == (stopped.status, states(client.app), story_of(client.app))
    await client.app.changes.start("phones")
    assert "new" == (await client.get("/account/phones")).data[0]


async def test_what_is_asked_in_vain(client: Client) -> None:
    """Stopping what is stopped, starting what runs, stopping what is required: told, and nothing happens."""
    with pytest.raises(PluginError, match="'phones' is running already"):
        await client.app.changes.start("phones")
    await client.app.changes.stop("phones")
    with pytest.raises(PluginError, match="'phones' is stopped already"):
        await client.app.changes.stop("phones")


async def test_a_required_module(folder: Path, make: Maker) -> None:
    """What is required cannot be stopped."""
    write(folder, "phones.py", phones(1))
    client = await make.client(with_modules(folder, required=("phones",)))
    with pytest.raises(PluginError, match=r"'phones' is in modules\.required"):
        await client.app.changes.stop("phones")


async def test_what_is_not_guarded_any_more(client: Client) -> None:
    """Whoever stops a module is told which of its hooks do not run from then on."""
    [outcome] = await client.app.changes.stop("phones")
    assert "its hooks do not run: before devices.find, phones.find" == outcome.why
    [silent] = await client.app.changes.stop("groups")
    assert "" == silent.why


async def test_the_accounts_themselves(client: Client) -> None:
    """Without the module of the accounts nothing below one can be had, however the account is spelled."""
    path = "/accounts/" + "c0" * 16 + "/devices"
    await client.app.changes.stop("accounts")
    assert [503, 503] == [(await client.get(each)).status for each in (path, "/account/devices")]
    await client.app.changes.start("accounts")
    assert [200, 200] == [(await client.get(each)).status for each in (path, "/account/devices")]
