"""The seven sorts of plugin: each does its work, also with settings, and one that is not what it says is told."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from crossbar import Context, Crossbar, Principal
from crossbar.errors import DefinitionError, SettingsError
from crossbar.settings import StoreSettings
from crossbar.testing import QUICK, Client

from .tools import Maker, Packages, app_with, faults, missing, states

AUTHENTICATOR = """
    from crossbar import Options, Principal, Unauthorized

    class SsoOptions(Options, frozen=True):
        header: str = "x-user"

    class Sso:
        options = SsoOptions()

        async def __call__(self, ctx):
            user = ctx.header(self.options.header.encode())
            if user == "nobody":
                raise Unauthorized("nobody may come in")
            return Principal(user, method="sso") if user else None

    async def function(ctx):
        return Principal(ctx.header(b"x-user"), method="sso") if ctx.header(b"x-user") else None
"""


@pytest.mark.parametrize("value", ["acme:Sso", "acme:function"], ids=["a class", "a function"])
async def test_authenticators(packages: Packages, make: Maker, value: str) -> None:
    """An authenticator says who is asking, before the tokens are looked at; it may refuse, or have no opinion."""
    packages.install("acme-sso", {"acme.py": AUTHENTICATOR}, {"authenticators": {"sso": value}})
    world = await make.world()
    nobody, known = Client(world.app), await world.client("stranger")
    home = f"/accounts/{world.customer}/devices"
    asked = [(nobody, world.customer), (nobody, world.stranger), (nobody, ""), (known, ""), (known, world.customer)]
    answers = [(await client.get(home, headers={"x-user": user})).status for client, user in asked]
    assert [200, 404, 401, 404, 200] == answers


async def test_an_authenticator_with_settings(packages: Packages, make: Maker) -> None:
    """A class of any sort may have settings, under the name of its entry point."""
    packages.install("acme-sso", {"acme.py": AUTHENTICATOR}, {"authenticators": {"sso": "acme:Sso"}})
    world = await make.world(replace(QUICK, plugins={"sso": {"header": "remote-user"}}))
    path = f"/accounts/{world.customer}/devices"
    answers = [
        (await Client(world.app).get(path, headers={name: world.customer})).status for name in ("remote-user", "x-user")
    ]
    assert [200, 401] == answers


async def test_an_authenticator_that_refuses(packages: Packages, make: Maker) -> None:
    """A refusal is told in its own words."""
    packages.install("acme-sso", {"acme.py": AUTHENTICATOR}, {"authenticators": {"sso": "acme:Sso"}})
    world = await make.world()
    refused = await Client(world.app).get(f"/accounts/{world.customer}/devices", headers={"x-user": "nobody"})
    assert (401, "nobody may come in") == (refused.status, refused.data["message"])


async def test_authorizers(packages: Packages, make: Maker) -> None:
    """An authorizer may forbid what everybody else allows, and cannot allow what is forbidden."""
    text = """
        from crossbar import Forbidden

        async def office_hours(ctx):
            if ctx.verb != "GET":
                raise Forbidden("only reading at this time of day")
    """
    packages.install("acme", {"acme.py": text}, {"authorizers": {"office_hours": "acme:office_hours"}})
    world = await make.world()
    client = await world.client("customer")
    read, written = await client.get("/account/devices"), await client.put("/account/devices", {"name": "a"})
    foreign = await client.get(f"/accounts/{world.stranger}/devices")
    assert [200, 403, 404] == [read.status, written.status, foreign.status]
    assert "only reading at this time of day" == written.data["message"]


STORE = """
    from crossbar import Options
    from crossbar.stores.memory import MemoryStore

    class ShelfOptions(Options, frozen=True):
        shelves: int = 3

    class Shelf(MemoryStore):
        options = ShelfOptions()

        def __init__(self, url, clock):
            super().__init__(clock)
            self.url = url

    def function(url, clock):
        return Shelf(url, clock)
"""


@pytest.mark.parametrize("value", ["acme:Shelf", "acme:function"])
async def test_stores(packages: Packages, value: str) -> None:
    """A store is chosen by the scheme of its URL, which it gets with the clock."""
    packages.install("acme", {"acme.py": STORE}, {"stores": {"shelf": value}})
    app = Crossbar(replace(QUICK, store=StoreSettings("shelf://top/left")))
    async with app.lifespan():
        assert ("Shelf", "shelf://top/left") == (type(app.store).__name__, app.store.url)  # type: ignore[attr-defined]


def test_a_store_with_settings(packages: Packages) -> None:
    """Two applications in one process have stores of one class with settings of their own."""
    packages.install("acme", {"acme.py": STORE}, {"stores": {"shelf": "acme:Shelf"}})
    stores: list[Any] = [
        Crossbar(replace(QUICK, store=StoreSettings("shelf://"), plugins={"shelf": {"shelves": shelves}})).store
        for shelves in (1, 2)
    ]
    assert [1, 2] == [store.options.shelves for store in stores]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        pytest.param("1 / 0\n", "acme (acme:Shelf), version 1.0: ", id="it cannot be imported"),
        pytest.param("Shelf = 7\n", "7 must be something that makes a store", id="it is no store"),
    ],
)
def test_a_store_that_is_broken(packages: Packages, text: str, told: str) -> None:
    """If the store of the settings is out of order, the reason is told, and not that there is none."""
    packages.install("acme", {"acme.py": text}, {"stores": {"shelf": "acme:Shelf"}})
    with pytest.raises(SettingsError) as error:
        Crossbar(replace(QUICK, store=StoreSettings("shelf://")))
    assert [] == missing(str(error.value), "store.url: ", told)


class Shouting:
    """A dialect that is Crossbar's under another name, which claims `/loud/...`."""

    def __new__(cls) -> Any:
        """Make one, out of a class that is only there when somebody asks for it."""
        from crossbar.dialects.crossbar import CrossbarDialect

        class Loud(CrossbarDialect):
            name = "loud"

            def claims(self, raw_path: bytes) -> bool:
                return raw_path.startswith(b"/loud/")

            def target(self, raw_path: bytes, registry: Any) -> Any:
                return super().target(raw_path.replace(b"/loud/", b"/v2/", 1), registry)

        return Loud()


async def test_dialects(packages: Packages, make: Maker) -> None:
    """A dialect answers at the paths that it claims, beside Crossbar's own."""
    text = "from tests.plugins.test_sorts import Shouting\n"
    packages.install("acme", {"acme.py": text}, {"dialects": {"loud": "acme:Shouting"}})
    client = await make.client()
    answers = [await client.get(path) for path in ("/account/devices", "//loud/account/devices")]
    assert [200, 200] == [answer.status for answer in answers]


MISFITS = [
    pytest.param("authenticators", "7", "7 must be an 'async def' function of (ctx)", id="a number"),
    pytest.param("authenticators", "lambda ctx: None", "<lambda> must be an 'async def'", id="a plain function"),
    pytest.param("authorizers", "_async()", "function must take (ctx)", id="one that takes nothing"),
    pytest.param("authorizers", "type('Plain', (), {'__call__': lambda self, ctx: None})", "must be an", id="a class"),
    pytest.param("stores", "'memory'", "'memory' must be something that makes a store", id="text for a store"),
    pytest.param("stores", "lambda url: None", "must take (url, clock)", id="a store without a clock"),
    pytest.param("renderers", "object()", "must be a class", id="an object for a renderer"),
    pytest.param("renderers", "type('R', (), {})", "R.media_type must be text", id="no media type"),
    pytest.param("renderers", "_renderer('json')", "media_type is 'json'", id="no such media type"),
    pytest.param("renderers", "_renderer('application/json')", "write another one", id="the dialect's own"),
    pytest.param("renderers", "type('R', (_renderer('a/b'),), {'end': None})", "no method end", id="no end"),
    pytest.param("renderers", "_wide", "Wide must take ()", id="a renderer with arguments"),
    pytest.param("dialects", "object()", "it has no claims, target, localize", id="no dialect"),
    pytest.param("dialects", "_dialect(name='')", "has no name", id="a dialect without a name"),
    pytest.param("dialects", "_dialect(verbs={'find': 'GET'})", "verbs must give one of", id="too few verbs"),
    pytest.param(
        "dialects",
        "_dialect(name='crossbar')",
        "the dialect 'crossbar' of Crossbar's own has that name",
        id="the first one",
    ),
    pytest.param("hooks", "print", "there is no hook in it", id="no hook"),
]

HELP = """
    from crossbar.dialects.crossbar import CrossbarDialect

    def _async():
        async def function(): ...
        return function

    def _renderer(media_type):
        about = {"media_type": media_type, "content_type": media_type, "extension": "x"}
        return type("R", (), about | {"piece": lambda self, rows: b"", "end": lambda self: b""})

    class Wide(_renderer("a/b")):
        def __init__(self, width): ...

    _wide = Wide

    def _dialect(**facts):
        return type("Odd", (CrossbarDialect,), facts | {"name": facts.get("name", "odd")})()

    thing = """


@pytest.mark.parametrize(("socket", "thing", "told"), MISFITS)
async def test_what_does_not_fit(packages: Packages, make: Maker, socket: str, thing: str, told: str) -> None:
    """A plugin that cannot be what its group says is told when it is taken in, and no request meets it.

    An authorizer might have refused, so nothing passes without it.
    """
    packages.install("acme", {"acme.py": HELP + thing + "\n"}, {socket: {"odd": "acme:thing"}}, "1.2")
    client = await make.client()
    assert {"odd": "out of order"} == states(client.app)
    assert [] == missing(faults(client.app)["odd"], "acme (acme:thing)", told)
    assert (503 if socket == "authorizers" else 200) == (await client.get("/account/devices")).status


async def unwilling(ctx: Context) -> Principal | None:
    """Have no opinion."""
    return None


def plain(ctx: Context) -> None:
    """Be no coroutine."""


GIVEN = [
    pytest.param({"authenticators": [plain]}, "plain must be an 'async def' function", id="an authenticator"),
    pytest.param({"authorizers": [5]}, "5 must be an 'async def'", id="an authorizer"),
    pytest.param({"renderers": [str]}, "str.media_type must be text", id="a renderer"),
    pytest.param({"dialects": [unwilling]}, "is no dialect", id="a dialect"),
    pytest.param({"hooks": [plain]}, "is no hook: decorate it", id="a hook"),
    pytest.param({"endpoints": [int]}, "<class 'int'> is no Endpoint", id="an endpoint"),
]


@pytest.mark.parametrize(("given", "told"), GIVEN)
def test_objects_that_do_not_fit(given: dict[str, Any], told: str) -> None:
    """What is given to an application is checked like anything else, and whoever gives it is told at once."""
    with pytest.raises(DefinitionError) as error:
        app_with(**given)
    assert [] == missing(str(error.value), told)


def test_objects_of_every_sort_are_on_the_roster() -> None:
    """What is given to an application has its place among the plugins, and comes before what was found."""
    app = app_with(authenticators=[unwilling])
    assert ({"unwilling": "ok"}, unwilling) == (states(app), app.authenticators[0])
