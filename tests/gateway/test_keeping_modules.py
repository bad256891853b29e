"""Nouns of the gateway beside those of modules that come and go: neither takes the other's place."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from crossbar import ANONYMOUS, Context, Endpoint, Settings
from crossbar.errors import SettingsError
from crossbar.gateway.keeping import configure
from crossbar.settings import Modules

from .renewing import Lines, Told, ask, keeper, route, said, service, started, until, watched

ONE, TWO = "http://one.example", "http://two.example"
INVOICES = "/v2/invoices/**"
MODULE = """
from crossbar import ANONYMOUS, Endpoint


class Invoices(Endpoint):
    name = "invoices"
    anywhere = True

    async def authenticate(self, ctx):
        return ANONYMOUS

    async def find(self, ctx):
        return "of the module"
"""


class Rooms(Endpoint):
    """An endpoint with an attachment, in a host that lets everybody in."""

    name = "rooms"
    anywhere = True
    attachments = ("plan",)

    async def authenticate(self, ctx: Context) -> Any:
        """Let everybody in."""
        return ANONYMOUS

    async def find(self, ctx: Context) -> Any:
        """One room."""
        return ["hall"]


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Lines:
    """Give the transports of all upstreams."""
    return watched(monkeypatch)


def noun(target: str = ONE, path: str = INVOICES) -> Settings:
    """Settings with a noun beside accounts, for everybody."""
    return said(route(path, "up", auth="none"), up=target)


async def asked(app: Any, path: str = "/v2/invoices") -> Told:
    """The answer to a question about invoices."""
    return await ask(app, path)


@pytest.mark.parametrize(
    ("path", "told"),
    [("/v2/rooms/**", "is that of a module"), ("/v2/plan/**", "'plan' of 'rooms'"), ("/v2/account/**", "'account'")],
    ids=["a module", "an attachment", "a word of paths"],
)
async def test_a_noun_that_is_taken_is_refused(lines: Lines, path: str, told: str) -> None:
    """At the start and later, with the route that is wrong; what was in force serves on."""
    async with started(noun(), endpoints=[Rooms()]) as app:
        with pytest.raises(SettingsError) as raised:
            await configure(app, noun(TWO, path))
        [fault] = raised.value.faults
        assert (True, True) == (told in fault, fault.startswith("route"))
        assert (b"one.example", [(1, 0)]) == ((await asked(app)).body, lines.counts)
    with pytest.raises(SettingsError, match=told):
        async with started(noun(path=path), endpoints=[Rooms()]):
            pass


async def test_a_module_keeps_its_noun_until_it_is_free(lines: Lines) -> None:
    """A noun of the gateway is the gateway's own in the next configuration too, and free when no route has it."""
    async with started(noun(), endpoints=[Rooms()]) as app:
        await configure(app, noun(TWO))
        assert b"two.example" == (await asked(app)).body
        await configure(app, said())
        assert b"two.example" != (await asked(app)).body
        assert "invoices" not in app.registry.names
        await configure(app, noun(ONE))
        assert b"one.example" == (await asked(app)).body


HOLDING = """
from contextlib import asynccontextmanager
from pathlib import Path

from crossbar import ANONYMOUS, Endpoint


class Papers(Endpoint):
    name = "papers"
    anywhere = True

    @asynccontextmanager
    async def lifespan(self, app):
        yield
        Path(__file__).with_suffix(".ended").touch()
"""


async def test_a_module_that_goes_after_the_configuration(lines: Lines, tmp_path: Path) -> None:
    """What it holds is let go of after the last request that began with both of them, as if there were no gateway."""
    module, ended = tmp_path / "papers.py", tmp_path / "papers.ended"
    module.write_text(HOLDING)
    async with started(replace(noun(), modules=Modules(folder=str(tmp_path)))) as app:
        held = lines.made[0].held = asyncio.Event()
        request = asyncio.create_task(asked(app))
        await until(lambda: service(app).active == 1)
        await configure(app, noun(TWO))
        module.unlink()
        assert ["removed"] == [outcome.did for outcome in await app.changes.refresh([module])]
        assert not ended.exists()
        held.set()
        assert b"one.example" == (await request).body
        await until(ended.exists)


async def test_modules_come_and_go_beside_it(lines: Lines, tmp_path: Path) -> None:
    """Another module that is loaded, and one that cannot be, leave the noun and its upstream as they are."""
    settings = replace(noun(), modules=Modules(folder=str(tmp_path)))
    async with started(settings) as app:
        current = keeper(app).current
        for text in (MODULE.replace("invoices", "papers"), "def find(:\n"):
            (tmp_path / "papers.py").write_text(text)
            await app.changes.refresh([tmp_path / "papers.py"])
            assert (b"one.example", current) == ((await asked(app)).body, keeper(app).current)
        await configure(app, noun(TWO))
        assert (b"two.example", [(1, 1), (1, 0)]) == ((await asked(app)).body, lines.counts)


async def test_a_module_that_wants_a_noun_of_the_gateway(lines: Lines, tmp_path: Path) -> None:
    """It is told that a route has it, whether it is in order or not, and the noun serves on; then it may have it."""
    settings = replace(noun(), modules=Modules(folder=str(tmp_path)))
    module = tmp_path / "invoices.py"
    async with started(settings) as app:
        for text, told in (
            (MODULE, "one from a route of the gateway"),
            ("def find(:\n", "SyntaxError"),
            (MODULE.replace("invoices", "papers") + '    attachments = ("invoices",)\n', "the attachment 'invoices'"),
        ):
            module.write_text(text)
            [outcome] = await app.changes.refresh([module])
            assert ("failed", True) == (outcome.did, told in outcome.why)
            assert b"one.example" == (await asked(app)).body
            await configure(app, noun(TWO))
            assert b"two.example" == (await asked(app)).body
            await configure(app, noun())
        module.write_text(MODULE)
        await configure(app, said())
        [outcome] = await app.changes.reload("invoices")
        assert ("reloaded", True) == (outcome.did, b"of the module" in (await asked(app)).body)
        with pytest.raises(SettingsError, match="that of a module"):
            await configure(app, noun())
