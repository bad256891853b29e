"""Settings of plugins in an application: from file and environment, with every fault of every plugin at once."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from crossbar import Context, Endpoint, Json, Options, before
from crossbar.errors import SettingsError
from crossbar.settings import Settings, load
from crossbar.testing import QUICK

from .tools import Maker, Packages, app_with, faults, states, write

MODULE = """
    from crossbar import Endpoint, Options

    class Nested(Options, frozen=True):
        host: str = "localhost"
        port: int = 80

    class PhoneOptions(Options, frozen=True):
        unit: str = "C"
        limit: int = 5
        link: Nested = Nested()

    class Phones(Endpoint):
        name = "phones"
        options: PhoneOptions = PhoneOptions(limit=7)

        async def find(self, ctx):
            own = self.options
            return [own.unit, own.limit, own.link.host, own.link.port]
"""

NEEDY = """
    from __future__ import annotations
    from typing import TYPE_CHECKING
    from crossbar import Endpoint, Options

    if TYPE_CHECKING:
        from somewhere import Thing

    class FaxOptions(Options, frozen=True):
        url: str

    class Fares(Endpoint):
        name = "fares"
        thing: Thing
        options: FaxOptions

        async def find(self, ctx):
            return self.options.url
"""


def configured(folder: Path, toml: str = "", environment: dict[str, str] | None = None) -> Settings:
    """Settings out of a file, with the modules of the folder."""
    path = write(folder.parent, "crossbar.toml", toml)
    settings = load(path, environment)
    return replace(settings, modules=replace(settings.modules, folder=str(folder)), auth=QUICK.auth)


@pytest.mark.parametrize(
    ("toml", "environment", "expected"),
    [
        pytest.param("", {}, ["C", 7, "localhost", 80], id="nothing set"),
        pytest.param("[plugins.phones]\nunit = 'F'\nlink.port = 81", {}, ["F", 7, "localhost", 81], id="a file"),
        pytest.param("", {"CROSSBAR__PLUGINS__PHONES__LINK__HOST": "1"}, ["C", 7, "1", 80], id="the environment"),
        pytest.param("[plugins.phones]\nlimit = 8", {"CROSSBAR__PLUGINS__PHONES__LIMIT": "9"}, ["C", 9], id="both"),
    ],
)
async def test_where_settings_come_from(
    folder: Path, make: Maker, toml: str, environment: dict[str, str], expected: list[object]
) -> None:
    """The class's own object gives the defaults, the file counts more, and the environment most."""
    write(folder, "phones.py", MODULE)
    client = await make.client(configured(folder, toml, environment))
    assert expected == (await client.get("/account/phones")).data[: len(expected)]


async def test_what_has_to_be_set(folder: Path, make: Maker) -> None:
    """A class that only says what type its options have gets them from the settings."""
    write(folder, "fares.py", NEEDY)
    client = await make.client(configured(folder, "[plugins.fares]\nurl = 'x'"))
    assert "x" == (await client.get("/account/fares")).data


async def test_what_is_not_set(folder: Path, make: Maker) -> None:
    """A plugin for which nothing is set, though it needs to, is out of order; the server starts without it."""
    write(folder, "fares.py", NEEDY)
    client = await make.client(configured(folder))
    assert {"fares": f"{folder / 'fares.py'}: plugins.fares.url: it has to be set"} == faults(client.app)
    assert [503, 200] == [(await client.get(f"/account/{noun}")).status for noun in ("fares", "devices")]


def test_all_faults_of_all_plugins(folder: Path, packages: Packages) -> None:
    """What is wrong in any table of a plugin keeps the application from being made, all of it told at once."""
    write(folder, "phones.py", MODULE)
    write(folder, "fares.py", NEEDY)
    text = "from crossbar import Options\n\nclass Sso:\n    class Own(Options, frozen=True):\n        tries: int = 3\n"
    text += "    options = Own()\n\n    async def __call__(self, ctx): ...\n"
    packages.install("acme", {"acme.py": text}, {"authenticators": {"sso": "acme:Sso"}})
    toml = """
        [plugins.phones]
        limit = "many"
        link.prot = 80
        [plugins.fares]
        ulr = "x"
        [plugins.sso]
        tries = []
        [plugins.phonse]
        unit = "F"
        [plugins.devices]
        limit = 1
    """
    with pytest.raises(SettingsError) as error:
        app_with(configured(folder, toml))
    assert (
        "plugins.devices: this plugin has no settings",
        "plugins.fares.ulr: no such setting; did you mean 'url'?",
        "plugins.fares.url: it has to be set",
        "plugins.phones.limit: must be integer",
        "plugins.phones.link.prot: no such setting; did you mean 'port'?",
        "plugins.phonse: no such plugin; did you mean 'phones'?",
        "plugins.sso.tries: must be integer",
    ) == error.value.faults


@pytest.mark.parametrize("text", ["1 / 0", "raise SystemExit"])
def test_settings_of_one_that_is_broken(folder: Path, text: str) -> None:
    """Nobody knows the settings of a module that cannot be loaded, so they are no fault."""
    write(folder, "phones.py", text)
    assert {"phones": "out of order"} == states(app_with(configured(folder, "[plugins.phones]\nlimit = 1")))


def test_settings_of_one_that_is_disabled(folder: Path) -> None:
    """Nor those of one that is left out."""
    write(folder, "phones.py", MODULE)
    settings = configured(folder, "[modules]\ndisabled = ['phones']\n[plugins.phones]\nlimit = 1")
    assert {"phones": "disabled"} == states(app_with(settings))


@pytest.mark.parametrize(
    ("line", "told"),
    [
        pytest.param(
            "options = PhoneOptions", "write options = PhoneOptions(), or options: PhoneOptions", id="a class"
        ),
        pytest.param("options = {'unit': 'C'}", "options must be an object of a subclass of Options", id="a dict"),
        pytest.param("options: Nowhere", "name 'Nowhere' is not defined", id="a name that is not there"),
    ],
)
def test_declared_wrongly(folder: Path, line: str, told: str) -> None:
    """A declaration that is none is told with the way out, and not ignored."""
    text = "from __future__ import annotations\nfrom crossbar import Endpoint, Options\n\n"
    text += "class PhoneOptions(Options, frozen=True):\n    unit: str = 'C'\n\n"
    write(folder, "phones.py", text + f"class Phones(Endpoint):\n    name = 'phones'\n    {line}\n")
    assert told in faults(app_with(configured(folder)))["phones"]


class AuditOptions(Options, frozen=True):
    """What an audit needs to know."""

    unit: str = "C"


class Audit:
    """Hooks that have settings."""

    name = "audit"
    options: AuditOptions = AuditOptions()

    @before("audited.find")
    async def note(self, ctx: Context) -> None:
        """Leave a note in the request."""
        ctx.body = {"unit": self.options.unit}


class Audited(Endpoint):
    """What shows the note."""

    name = "audited"

    async def find(self, ctx: Context) -> Json:
        """What the hook has left."""
        return dict(ctx.body)


async def test_hooks_with_settings(packages: Packages, make: Maker) -> None:
    """A class that holds hooks has settings under the name of its entry point."""
    packages.install("acme", {}, {"hooks": {"audit": f"{__name__}:Audit"}})
    client = await make.client(replace(QUICK, plugins={"audit": {"unit": "F"}}), endpoints=[Audited()])
    assert {"unit": "F"} == (await client.get("/account/audited")).data


async def test_two_applications(folder: Path, make: Maker) -> None:
    """Two applications in one process have settings of their own, also for one folder."""
    write(folder, "phones.py", MODULE)
    clients = [await make.client(configured(folder, f"[plugins.phones]\nunit = '{unit}'")) for unit in "KR"]
    assert ["K", "R"] == [(await client.get("/account/phones")).data[0] for client in clients]


async def test_a_reload_reads_no_settings_anew(folder: Path, make: Maker) -> None:
    """A module that is loaded anew has the settings that the application was made with."""
    write(folder, "phones.py", MODULE)
    client = await make.client(configured(folder, "[plugins.phones]\nunit = 'F'"))
    await client.app.changes.reload("phones")
    assert "F" == (await client.get("/account/phones")).data[0]
