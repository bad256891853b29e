"""Hooks across modules: which operations they meet, in which order they run, and what they can bring about."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from crossbar import Conflict, Context, Endpoint, Forbidden, Json, Reply, Resource, action, after, before, within
from crossbar.errors import DefinitionError
from crossbar.hooks import hooks_of
from crossbar.testing import Client

from .tools import Maker


class Rooms(Resource):
    """Documents with an action, below and beside them."""

    name = "rooms"

    @action("POST {id}/clean")
    async def clean(self, ctx: Context, id: str) -> Json:
        """Say which room is clean."""
        return {"clean": id, "seen": ctx.body.get("seen")}

    @action("GET free")
    async def free(self, ctx: Context) -> Json:
        """No room is free."""
        return []


class Diary:
    """Hooks that write down what they see."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def note(self, moment: Callable[..., Any], *patterns: str, name: str = "", order: int = 0) -> Any:
        """A hook of that moment, which writes down its name and the operation."""

        async def hook(ctx: Context, *given: Any) -> None:
            assert ctx.bound is not None
            self.lines.append(f"{name or moment.__name__} {ctx.bound.endpoint.name}.{ctx.bound.route.name}")

        async def alone(ctx: Context) -> None:
            await hook(ctx)

        async def together(ctx: Context, given: Any) -> None:
            await hook(ctx, given)

        chosen = alone if moment is before else together
        chosen.__qualname__ = name or moment.__name__
        return moment(*patterns, order=order)(chosen)


async def client_with(make: Maker, *hooks: object, **options: Any) -> Client:
    """A client of an application with rooms and these hooks."""
    return await make.client(endpoints=[Rooms()], hooks=hooks, **options)


PATTERNS = [
    pytest.param("*", True, id="everything"),
    pytest.param("*.*", True, id="everything at length"),
    pytest.param("rooms.*", True, id="an endpoint"),
    pytest.param("*.create", True, id="an operation"),
    pytest.param("rooms.create", True, id="one"),
    pytest.param("rooms.find", False, id="another operation"),
    pytest.param("devices.create", False, id="another endpoint"),
    pytest.param("room.create", False, id="the beginning of a name"),
]


@pytest.mark.parametrize(("pattern", "meets"), PATTERNS)
async def test_patterns(make: Maker, pattern: str, meets: bool) -> None:
    """A pattern names an endpoint and an operation; a star stands for any."""
    diary = Diary()
    client = await client_with(make, diary.note(before, pattern))
    assert 201 == (await client.put("/account/rooms", {})).status
    assert (["before rooms.create"] if meets else []) == diary.lines


@pytest.mark.parametrize(
    "pattern",
    ["", "rooms", "rooms.", ".create", "a.b.c", "Rooms.create", "room*.create", "rooms.cr?ate", "rooms .find"],
)
def test_patterns_that_are_none(pattern: str) -> None:
    """What could never meet anything is refused where it is written."""
    with pytest.raises(DefinitionError, match=r"write ENDPOINT\.OPERATION"):
        before(pattern)


def test_decorators_that_are_used_wrongly() -> None:
    """A decorator without patterns or parentheses, and a function that does not fit, are told with the way out."""

    def plain(ctx: Context) -> None:
        """Be no coroutine."""

    async def alone(ctx: Context) -> None:
        """Take too little."""

    undecorated: Any = before
    with pytest.raises(DefinitionError, match=r"write ENDPOINT\.OPERATION"):
        undecorated(alone)
    with pytest.raises(DefinitionError, match="names no operation: write @within"):
        within()
    with pytest.raises(DefinitionError, match="plain must be defined with 'async def'"):
        before("*")(plain)  # type: ignore[type-var]
    with pytest.raises(DefinitionError, match=r"a hook of @after takes \(ctx, reply\)"):
        list(hooks_of(after("*")(alone), "here"))


async def test_every_operation(make: Maker) -> None:
    """Hooks meet the operations in all verbs, and actions by the names of their methods; `HEAD` is `GET`."""
    diary = Diary()
    client = await client_with(make, diary.note(before, "rooms.*"), diary.note(after, "rooms.*"))
    made = await client.put("/account/rooms", {"a": 1})
    one = f"/account/rooms/{made.data['id']}"
    requests = [
        *(("GET", "/account/rooms"), ("HEAD", "/account/rooms"), ("GET", one), ("POST", one), ("PATCH", one)),
        *(("POST", f"{one}/clean"), ("GET", "/account/rooms/free"), ("DELETE", one), ("OPTIONS", one)),
    ]
    statuses = [
        (await client.request(verb, path, {} if verb in ("POST", "PATCH") else None)).status for verb, path in requests
    ]
    assert [*[200] * 8, 204] == statuses
    operations = ["create", "find", "find", "read", "replace", "patch", "clean", "free", "delete"]
    assert [f"{when} rooms.{each}" for each in operations for when in ("before", "after")] == diary.lines


async def test_tunnelled_verbs(make: Maker) -> None:
    """A verb that is carried by a POST is met as what it means."""
    diary = Diary()
    client = await client_with(make, diary.note(before, "rooms.delete"))
    made = await client.put("/account/rooms", {})
    await client.post(f"/account/rooms/{made.data['id']}", {}, query={"verb": "delete"})
    assert ["before rooms.delete"] == diary.lines


async def test_below_a_parent(make: Maker) -> None:
    """Hooks meet the endpoint that answers, and not those that its path leads through."""
    diary = Diary()
    client = await make.client(hooks=[diary.note(before, "*")])
    user = await client.put("/account/users", {"first_name": "A", "last_name": "B"})
    await client.get(f"/account/users/{user.data['id']}/devices")
    assert ["before users.create", "before devices.find"] == diary.lines


async def test_order(make: Maker) -> None:
    """Hooks run by their order, and those of one order by their names."""
    diary = Diary()
    named = [("b", 0), ("c", 5), ("a", 0), ("z", -1), ("d", 5)]
    hooks = [diary.note(before, "rooms.find", name=name, order=order) for name, order in named]
    client = await client_with(make, *hooks)
    await client.get("/account/rooms")
    assert ["z", "a", "b", "c", "d"] == [line.split()[0] for line in diary.lines]


def test_one_function_in_several_moments() -> None:
    """A function may be decorated more than once, and is a hook for each time."""

    @before("a.find", order=1)
    @before("b.*", "c.find")
    async def hook(ctx: Context) -> None:
        """Do nothing."""

    found = [(each.patterns, each.order) for each in hooks_of(hook, "here")]
    assert [(("b.*", "c.find"), 0), (("a.find",), 1)] == found


# Before.


async def test_before_comes_after_all_checks(make: Maker) -> None:
    """A request that is refused for any other reason meets no hook."""
    diary = Diary()
    client = await client_with(make, diary.note(before, "*"))
    stranger = Client(client.app)
    refused = [
        (await stranger.get("/account/rooms")).status,
        (await client.get("/account/rooms/nobody")).status,
        (await client.get(f"/accounts/{'f' * 32}/rooms")).status,
        (await client.put("/account/devices", {})).status,
        (await client.get("/account/rooms", headers={"accept": "image/png"})).status,
    ]
    assert ([401, 404, 404, 400, 406], []) == (refused, diary.lines)


async def test_before_may_refuse(make: Maker) -> None:
    """A refusal is the client's answer, nothing is done, and the hooks after it do not run."""
    diary = Diary()

    @before("rooms.create")
    async def closed(ctx: Context) -> None:
        raise Forbidden("not on Sundays")

    client = await client_with(make, closed, diary.note(before, "*", order=1), diary.note(after, "*"))
    refused = await client.put("/account/rooms", {})
    assert (403, "not on Sundays", []) == (refused.status, refused.data["message"], diary.lines)
    assert [] == (await client.get("/account/rooms")).data


async def test_before_may_change_the_body(make: Maker) -> None:
    """What a hook makes of the body is what the operation works with."""

    @before("rooms.create", "rooms.replace", "rooms.clean")
    async def stamp(ctx: Context) -> None:
        ctx.body = {**ctx.body, "seen": True}

    client = await client_with(make, stamp)
    made = await client.put("/account/rooms", {"a": 1})
    one = f"/account/rooms/{made.data['id']}"
    replaced, cleaned = await client.post(one, {"b": 1}), await client.post(f"{one}/clean", {})
    assert [True, True, True] == [each.data["seen"] for each in (made, replaced, cleaned)]
    assert {"id", "b", "seen"} == {*(await client.get(one)).data}


# After.


async def test_after_sees_the_reply_and_may_change_it(make: Maker) -> None:
    """The operation has succeeded; what a hook does to the reply reaches the client."""

    @after("rooms.free", "rooms.create")
    async def add(ctx: Context, reply: Reply) -> None:
        reply.headers = (*reply.headers, (b"x-seen", b"yes"))
        reply.envelope = {**reply.envelope, "more": 1}
        if isinstance(reply.answer, list):
            reply.answer.append("the attic")

    client = await client_with(make, add)
    made, free = await client.put("/account/rooms", {}), await client.get("/account/rooms/free")
    assert [(201, "yes", 1), (200, "yes", 1)] == [
        (each.status, each.headers["x-seen"], each.json()["more"]) for each in (made, free)
    ]
    assert (["the attic"], True) == (free.data, "location" in made.headers)


async def test_after_may_fail_the_request(make: Maker) -> None:
    """A hook that fails fails the request; what was written stays written."""

    @after("rooms.create")
    async def late(ctx: Context, reply: Reply) -> None:
        raise Conflict("too late")

    client = await client_with(make, late)
    made = await client.put("/account/rooms", {"a": 1})
    assert (409, "too late", 1) == (made.status, made.data["message"], len((await client.get("/account/rooms")).data))


async def test_after_does_not_run_where_the_operation_fails(make: Maker) -> None:
    """An operation that refuses is not after anything."""
    diary = Diary()

    class Closed(Endpoint):
        name = "closed"

        async def find(self, ctx: Context) -> None:
            raise Forbidden

    client = await make.client(endpoints=[Closed()], hooks=[diary.note(after, "*"), diary.note(before, "*")])
    assert 403 == (await client.get("/account/closed")).status
    assert ["before closed.find"] == diary.lines
