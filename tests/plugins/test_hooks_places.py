"""Where hooks come from: files of the folder, methods of endpoints, entry points, and lists of objects."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

from crossbar import Context, Endpoint, Json, Reply, after, before
from crossbar.testing import Client

from .tools import Maker, Packages, did, faults, missing, phones, states, with_modules, write

AUDIT = """
    from crossbar import Endpoint, after, before
    from ._shared import written

    @after("*.find")
    async def note(ctx, reply):
        written.append(f"VERSION {ctx.resolved[-1][0].name}")

    once_more = note

    class Keeper:
        @before("*")
        async def ignored(self, ctx):
            raise AssertionError("a class that is no endpoint is not made")
"""


def written(client: Client) -> list[str]:
    """What the hooks in the folder have written."""
    lines: list[str] = sys.modules[f"{folder_of(client)}._shared"].written
    return lines


def folder_of(client: Client) -> str:
    """The name under which the files of the client's folder are imported."""
    hooks = client.app.registry.hooks
    assert hooks is not None
    return next(
        hook.call.__module__.partition(".")[0] for hook in hooks.all if "crossbar_folder" in hook.call.__module__
    )


async def test_a_file_with_hooks_only(folder: Path, make: Maker) -> None:
    """A file of the folder may hold nothing but hooks; it is a plugin called like the file, loaded anew like others."""
    write(folder, "_shared.py", "written = []\n")
    path = write(folder, "audit.py", AUDIT.replace("VERSION", "1"))
    client = await make.client(with_modules(folder))
    assert {"audit": "ok"} == states(client.app)
    await client.get("/account/devices")
    assert ["1 devices"] == written(client)
    write(folder, "audit.py", AUDIT.replace("VERSION", "2"))
    assert [("audit", "reloaded")] == did(await client.app.changes.reload("audit"))
    await client.get("/account/devices")
    await client.app.changes.stop("audit")
    await client.get("/account/devices")
    await client.app.changes.start("audit")
    await client.get("/account/menus")
    assert ["1 devices", "2 devices", "2 menus"] == written(client)
    path.unlink()
    await client.app.changes.refresh([path])
    assert (200, {}) == ((await client.get("/account/devices")).status, states(client.app))


async def test_a_pattern_that_comes_with_a_reload(folder: Path, make: Maker, caplog: pytest.LogCaptureFixture) -> None:
    """A pattern that names nothing is told after a reload as well."""
    write(folder, "_shared.py", "written = []\n")
    path = write(folder, "audit.py", AUDIT)
    client = await make.client(with_modules(folder))
    write(folder, "audit.py", AUDIT.replace("*.find", "devices.fnid"))
    await client.app.changes.refresh([path])
    told = f"hook audit.note ({path}) waits for 'devices.fnid', which does not exist here; did you mean 'devices.find'?"
    assert [told] == caplog.messages


async def test_a_hook_that_cannot_be_loaded_anew(folder: Path, make: Maker) -> None:
    """The hooks from before go on while the new ones are broken."""
    write(folder, "_shared.py", "written = []\n")
    path = write(folder, "audit.py", AUDIT.replace("VERSION", "1"))
    client = await make.client(with_modules(folder))
    write(folder, "audit.py", AUDIT.replace("(ctx, reply)", "(ctx)"))
    await client.app.changes.refresh([path])
    await client.get("/account/devices")
    assert (["1 devices"], {"audit": "previous version"}) == (written(client), states(client.app))
    assert [] == missing(faults(client.app)["audit"], "note: a hook of @after takes (ctx, reply)")


class Counting(Endpoint):
    """An endpoint that also looks at what others do."""

    name = "counting"

    def __init__(self) -> None:
        self.count = 0

    async def find(self, ctx: Context) -> Json:
        """How often a hook ran."""
        return self.count

    @before("devices.find", "counting.find")
    async def look(self, ctx: Context) -> None:
        """Count."""
        self.count += 1


class Inherited(Counting):
    """An endpoint that has its hook from the class above it."""

    name = "inherited"


async def test_methods_of_an_endpoint(make: Maker) -> None:
    """A method of an endpoint is a hook of that object, also if its class has it from another one."""
    client = await make.client(endpoints=[Counting(), Inherited()])
    await client.get("/account/devices")
    counts = [(await client.get(f"/account/{name}")).data for name in ("counting", "counting", "inherited")]
    # Its pattern names the first endpoint, so that the other object counts the same requests.
    assert [2, 3, 3] == counts


INSTALLED = """
    from crossbar import after, before

    lines = []

    @before("devices.find")
    async def function(ctx):
        lines.append("function")

    class Holder:
        def __init__(self):
            self.name = "holder"

        @before("devices.find")
        async def method(self, ctx):
            lines.append(self.name)

    made = Holder()
    made.name = "object"
"""


@pytest.mark.parametrize(
    ("value", "expected"),
    [("acme:function", ["function"]), ("acme:Holder", ["holder"]), ("acme:made", ["object"]), ("acme", ["function"])],
    ids=["a function", "a class", "an object", "a module"],
)
async def test_entry_points(packages: Packages, make: Maker, value: str, expected: list[str]) -> None:
    """A package brings a function, a class, an object or a module with hooks."""
    packages.install("acme-audit", {"acme.py": INSTALLED}, {"hooks": {"audit": value}}, "1.2")
    client = await make.client()
    await client.get("/account/devices")
    assert (expected, {"audit": "ok"}) == (sys.modules["acme"].lines, states(client.app))
    assert client.app.registry.hooks is not None
    assert f"acme-audit ({value}), version 1.2" in {hook.origin for hook in client.app.registry.hooks.all}


async def test_a_package_that_is_loaded_anew(packages: Packages, make: Maker) -> None:
    """The hooks of a package come from its new version after a reload."""
    packages.install("acme", {"acme.py": INSTALLED}, {"hooks": {"audit": "acme:function"}})
    client = await make.client()
    packages.install(
        "acme", {"acme.py": INSTALLED.replace('"function"', '"newer"')}, {"hooks": {"audit": "acme:function"}}
    )
    assert [("audit", "reloaded")] == did(await client.app.changes.reload("audit"))
    await client.get("/account/devices")
    assert ["newer"] == sys.modules["acme"].lines


async def test_lists_of_objects(make: Maker) -> None:
    """An application takes functions, objects, classes and modules; a hook goes by its module and name."""
    lines: list[str] = []

    @before("devices.find")
    async def function(ctx: Context) -> None:
        lines.append("function")

    class Holder:
        @after("devices.find")
        async def method(self, ctx: Context, reply: Reply) -> None:
            lines.append(type(self).__name__)

    module = ModuleType("somewhere")
    exec(
        "from crossbar import before\n\n@before('devices.find')\nasync def own(ctx): lines.append('own')", vars(module)
    )
    module.lines = lines  # type: ignore[attr-defined]
    client = await make.client(hooks=[function, Holder, Holder(), module])
    await client.get("/account/devices")
    assert ["own", "function", "Holder", "Holder"] == lines


async def test_a_file_with_both(folder: Path, make: Maker) -> None:
    """The hooks beside an endpoint go with it when it is stopped."""
    text = "from crossbar import before\nlines = []\n" + phones(1)
    write(folder, "phones.py", text + "\n@before('devices.find')\nasync def look(ctx):\n    lines.append(1)\n")
    client = await make.client(with_modules(folder))
    lines = sys.modules[type(client.app.registry.names["phones"]).__module__].lines
    await client.get("/account/devices")
    await client.app.changes.stop("phones")
    await client.get("/account/devices")
    assert [1] == lines
