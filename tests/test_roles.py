"""How modules declare rights, in classes and in TOML, and what is refused there."""

from __future__ import annotations

from typing import Any

import pytest

from crossbar import Context, Document, Endpoint, Json, Resource, action, listing
from crossbar.errors import DefinitionError
from crossbar.plugins import declare
from crossbar.roles import role_of
from crossbar.testing import Client, World, small_world

USER = "ada" * 10


def test_roles() -> None:
    """An account is its own administrator; a user is one by exactly one word."""
    levels: list[Any] = ["admin", "user", "ADMIN", None, ["admin"], True]
    roles = [role_of(Document.of("a", "users", "u", {"priv_level": level}, 0)) for level in levels]
    assert ["admin", *["user"] * 5] == roles
    assert ["admin", "user"] == [role_of(None), role_of(Document.of("a", "users", "u", {}, 0))]


@pytest.mark.parametrize(
    ("facts", "told"),
    [
        ({"admin_only": "create"}, "admin_only must be a tuple"),
        ({"admin_only": ["create"]}, "admin_only must be a tuple"),
        ({"admin_only": (1,)}, "admin_only must be a tuple"),
        ({"admin_only": ("craete",)}, "names craete, which is no operation or action of it"),
        ({"admin_fields": "rate"}, "admin_fields must be a tuple"),
        ({"owner": ("owner_id",)}, "owner must be the name of a field"),
        ({"owner": None}, "owner must be the name of a field"),
    ],
)
def test_declarations_that_would_not_hold(facts: dict[str, Any], told: str) -> None:
    """A slip in a declaration of rights is told when the class is defined, and gives nobody anything."""
    with pytest.raises(DefinitionError, match=told):
        type("Sensors", (Resource,), {"name": "sensors", **facts})


def test_a_base_may_name_what_its_classes_have() -> None:
    """A class without a noun is for others to build on, which may have the actions that it names."""
    base = type("Base", (Resource,), {"admin_only": ("reset",)})
    with pytest.raises(DefinitionError, match="names reset"):
        type("Sensors", (base,), {"name": "sensors"})


class Sensors(Resource):
    """Actions of several verbs."""

    name = "sensors"
    attachments = ("photo",)
    admin_only = ("writes",)

    @action("GET status")
    async def status(self, ctx: Context) -> Json:
        """Read."""
        return {}

    @action("POST {id}/reset")
    async def reset(self, ctx: Context, id: str) -> Json:
        """Write."""
        return {}


class Locked(Resource):
    """What is not for users at all, also on the way to something else."""

    name = "locked"
    admin_only = ("*",)


class Inside(Endpoint):
    """What stands below it."""

    name = "inside"
    parents = {"locked": "locked_id"}

    async def find(self, ctx: Context) -> Json:
        """Read."""
        return {}


async def world_with(*endpoints: Endpoint) -> tuple[World, Client, Client]:
    """An application, its administrator, and a user."""
    world = await small_world(endpoints=endpoints)
    boss = await world.client("customer")
    made = await boss.put("/account/users", {"first_name": "Ada", "last_name": "X", "username": "ada"})
    user = await world.app.store.get(world.customer, "users", made.data["id"])
    account = await world.app.tenants.account(world.customer)
    assert account is not None
    return world, boss, Client(world.app, world.app.tokens.mint(account, user, "cb_user_auth"))


async def test_writes() -> None:
    """`writes` is everything that is not for reading: operations, actions and files by their verb."""
    world, boss, ada = await world_with(Sensors())
    id = (await boss.put("/account/sensors", {"name": "Roof"})).data["id"]
    asked = {
        "GET": ("", f"/{id}", "/status", f"/{id}/photo"),
        "PUT": ("", f"/{id}/photo"),
        "POST": (f"/{id}", f"/{id}/reset", f"/{id}/photo"),
        "PATCH": (f"/{id}",),
        "DELETE": (f"/{id}", f"/{id}/photo"),
    }
    refusals = {
        (verb, path): (
            await ada.request(verb, f"/account/sensors{path}", {} if verb in ("PUT", "POST") else None)
        ).status
        == 403
        for verb, paths in asked.items()
        for path in paths
    }
    assert {asked: asked[0] != "GET" for asked in refusals} == refusals
    await world.app.stop()


async def test_on_the_way_to_something_else() -> None:
    """A noun that users may not read is no noun for them to go through."""
    world, boss, ada = await world_with(Locked(), Inside())
    id = (await boss.put("/account/locked", {})).data["id"]
    paths = [f"/account/locked/{each}/inside" for each in (id, "f" * 32)]
    assert [200, 404] == [(await boss.get(path)).status for path in paths]
    assert [403, 403] == [(await ada.get(path)).status for path in paths]
    await world.app.stop()


async def test_documents_of_a_module_that_is_out_of_order() -> None:
    """While a module does not run, nobody knows whose its documents are, and users see none of them elsewhere."""

    class Everything(Endpoint):
        """A listing of what another module keeps."""

        name = "everything"

        async def find(self, ctx: Context) -> Any:
            """List devices."""
            return await listing(ctx, ctx.home(), "devices")

    world, boss, ada = await world_with(Everything())
    await boss.put("/account/devices", {"name": "Hall"})
    assert [1, 0] == [len((await each.get("/account/everything")).data) for each in (boss, ada)]
    await world.app.changes.stop("devices")
    assert [1, 0] == [len((await each.get("/account/everything")).data) for each in (boss, ada)]
    await world.app.stop()


def test_in_toml() -> None:
    """A resource without code declares rights under the same names."""
    keys = {"name": "sensors", "owner": "owner_id", "admin_only": ["delete"], "admin_fields": ["rate", "a.b"]}
    made = declare(keys)
    assert ("owner_id", ("delete",), ("rate", "a.b")) == (made.owner, made.admin_only, made.admin_fields)
    assert [("owner_id",)] == [kind.indexes for kind in made.kinds()]
    plain = declare({"name": "sensors"})
    assert ("", (), ()) == (plain.owner, plain.admin_only, plain.admin_fields)


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"owner": ["owner_id"]}, "owner must be text"),
        ({"admin_only": "delete"}, "admin_only must be a list of operations"),
        ({"admin_only": ["sync"]}, "names sync, which is no operation"),
        ({"admin_fields": "rate"}, "admin_fields must be a list of field names"),
    ],
)
def test_in_toml_with_a_fault(keys: dict[str, Any], told: str) -> None:
    """A slip there keeps the module out, with a sentence that says why."""
    with pytest.raises(DefinitionError, match=told):
        declare({"name": "sensors", **keys})
