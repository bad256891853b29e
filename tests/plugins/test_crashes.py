"""Code of others that crashes, exits or returns rubbish: a 500 for its own request, and the log names the culprit."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from crossbar import Blob, Context, Endpoint, Json, Principal, Reply, Resource
from crossbar.testing import Client

from .tools import Maker, missing

SECRET = "the secret is at /etc/crossbar"


def crash() -> Any:
    """Fail with something that no client may read."""
    raise LookupError(SECRET)


def leave() -> Any:
    """Ask for the end of the server."""
    raise SystemExit(SECRET)


def cancelled() -> Any:
    """Raise what is raised when somebody cancels, though nobody has."""
    raise asyncio.CancelledError(SECRET)


WAYS = pytest.mark.parametrize("way", [crash, leave, cancelled], ids=["a crash", "an exit", "a cancellation"])


def failing(where: str, way: Any) -> Endpoint:
    """An endpoint one of whose methods fails in that way."""

    class Failing(Resource):
        name = "failing"

        async def find(self, ctx: Context) -> Any:
            return [{"a": 1}]

    async def method(self: object, *given: object) -> Any:
        return way()

    def plain(self: object, *given: object) -> Any:
        return way()

    methods: dict[str, Any] = {where: plain if where == "etag" else method}
    made: Endpoint = type("Failing", (Failing,), methods)()
    return made


@WAYS
@pytest.mark.parametrize("where", ["authenticate", "authorize", "validate", "create", "render", "etag"])
async def test_a_method_of_an_endpoint(make: Maker, caplog: pytest.LogCaptureFixture, where: str, way: Any) -> None:
    """Whichever method fails, the client gets a 500 without the reason, and the log has endpoint, origin and all."""
    client = await make.client(endpoints=[failing(where, way)])
    asking = Client(client.app) if where == "authenticate" else client
    answer = await asking.put("/account/failing", {})
    assert (500, "unspecified_fault") == (answer.status, answer.json()["message"])
    assert SECRET not in answer.text
    told = (f"of endpoint failing ({__name__}) (request {answer.json()['request_id']})", SECRET)
    assert [] == missing(caplog.text, "crash in stage ", *told)
    assert 200 == (await client.get("/account/devices")).status


@WAYS
async def test_resolving_what_comes_before(make: Maker, caplog: pytest.LogCaptureFixture, way: Any) -> None:
    """A fault in the endpoint of a parent is the parent's, and not that of the endpoint at the end of the path."""

    class Child(Resource):
        name = "child"
        parents = {"failing": "failing_id"}

    class Parent(Resource):
        name = "failing"

        async def resolve(self, ctx: Context, id: str) -> None:
            way()

    client = await make.client(endpoints=[Parent(), Child()])
    assert 500 == (await client.get("/account/failing/x/child")).status
    assert [] == missing(caplog.text, f"crash in stage resolve of endpoint failing ({__name__})")


@WAYS
async def test_after_the_response(make: Maker, caplog: pytest.LogCaptureFixture, way: Any) -> None:
    """What `finish` raises reaches nobody, and is logged with the endpoint's name and origin."""
    client = await make.client(endpoints=[failing("finish", way)])
    assert 200 == (await client.get("/account/failing")).status
    assert [] == missing(caplog.text, f"finish of endpoint failing ({__name__}) failed (request ", SECRET)


@WAYS
@pytest.mark.parametrize("sort", ["authenticator", "authorizer"])
async def test_other_sorts(make: Maker, caplog: pytest.LogCaptureFixture, sort: str, way: Any) -> None:
    """An authenticator or authorizer that fails lets nobody in, and is named."""

    async def own(ctx: Context) -> None:
        if ctx.header(b"x-fail"):
            way()

    given: dict[str, Any] = {f"{sort}s": [own]}
    client = await make.client(**given)
    answers = [(await client.get("/account/devices", headers={"x-fail": fail})).status for fail in ("yes", "")]
    assert [500, 200] == answers
    assert [] == missing(caplog.text, f"of {sort} own ({__name__}) (request ")


UNTYPED: Any = (Blob, Reply)

RUBBISH: list[Any] = [
    pytest.param({1, 2}, id="a set"),
    pytest.param(object(), id="an object"),
    pytest.param(b"bytes", id="bytes"),
    pytest.param(UNTYPED[1]({1}), id="a reply with a set"),
    pytest.param([float], id="a class in a list"),
    pytest.param({(3,): 4}, id="a strange key"),
    pytest.param(UNTYPED[0]("text", "a/b"), id="a blob of text"),
    pytest.param(UNTYPED[0](5, "a/b"), id="a blob of a number"),
]


@pytest.mark.parametrize("answer", RUBBISH)
async def test_answers_that_are_none(make: Maker, caplog: pytest.LogCaptureFixture, answer: Any) -> None:
    """What cannot be shown is a 500 in the dialect's form, named in the log."""

    class Odd(Endpoint):
        name = "odd"

        async def find(self, ctx: Context) -> Any:
            return answer

    client = await make.client(endpoints=[Odd()])
    refused = await client.get("/account/odd")
    assert (500, "fatal") == (refused.status, refused.json()["status"])
    assert [] == missing(caplog.text, f"crash in stage render of endpoint odd ({__name__})")


@pytest.mark.parametrize("principal", ["bob", 5, {}, True])
async def test_a_principal_that_is_none(make: Maker, caplog: pytest.LogCaptureFixture, principal: Any) -> None:
    """An authenticator that returns something else lets nobody in."""

    async def odd(ctx: Context) -> Principal | None:
        return principal  # type: ignore[no-any-return]

    client = await make.client(authenticators=[odd])
    assert 500 == (await client.get("/account/devices")).status
    assert [] == missing(caplog.text, f"authenticator odd ({__name__})", "where a Principal or None was expected")


@pytest.mark.parametrize("where", ["an authorizer", "an endpoint"])
async def test_permissions_that_are_none(make: Maker, caplog: pytest.LogCaptureFixture, where: str) -> None:
    """Whoever returns False from an authorization wants to refuse, and does."""

    class Own(Endpoint):
        name = "own"

        async def authorize(self, ctx: Context) -> None:
            return False if where == "an endpoint" else None  # type: ignore[return-value]

        async def find(self, ctx: Context) -> Json:
            return "shown"

    async def never(ctx: Context) -> None:
        return False if where == "an authorizer" else None  # type: ignore[return-value]

    client = await make.client(endpoints=[Own()], authorizers=[never])
    assert 500 == (await client.get("/account/own")).status
    assert "raise Forbidden to refuse, and return nothing to let pass" in caplog.text


async def test_rendering_that_is_none(make: Maker) -> None:
    """`render` returns bytes, or nothing."""

    class Odd(Endpoint):
        name = "odd"

        async def find(self, ctx: Context) -> Json:
            return 1

        async def render(self, ctx: Context, answer: Any) -> Any:
            return "text"

    client = await make.client(endpoints=[Odd()])
    assert 500 == (await client.get("/account/odd")).status


async def test_others_go_on(make: Maker, caplog: pytest.LogCaptureFixture) -> None:
    """While one endpoint fails all the time, in every way, the requests of others are served."""
    caplog.set_level(logging.CRITICAL, "crossbar")
    client = await make.client(endpoints=[failing("create", leave)])
    asked = [asked for _ in range(20) for asked in (client.put("/account/failing", {}), client.get("/account/devices"))]
    statuses = [answer.status for answer in await asyncio.gather(*asked)]
    assert [500, 200] * 20 == statuses
