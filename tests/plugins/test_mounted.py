"""An ASGI application as a noun: what it is handed, and who comes to it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest

from crossbar import Forbidden, Mounted, before
from crossbar.testing import Client

from .tools import Maker

CUSTOMER = "c0" * 16


async def mirror(scope: Any, receive: Any, send: Any) -> None:
    """Answer with what came."""
    body, more, pieces = b"", True, 0
    while more:
        message = await receive()
        body, more, pieces = body + message.get("body", b""), message.get("more_body", False), pieces + 1
    ctx = scope["crossbar"]
    seen = {
        "method": scope["method"],
        "path": scope["path"],
        "root_path": scope["root_path"],
        "query": scope["query_string"].decode(),
        "type": next((value.decode() for name, value in scope["headers"] if name == b"content-type"), ""),
        "request_id": next(value.decode() for name, value in scope["headers"] if name == b"x-request-id"),
        "body": body.decode(),
        "pieces": pieces,
        "account": ctx.principal.account_id,
        "tenant": ctx.tenant,
    }
    headers = [(b"content-type", b"application/json"), (b"x-request-id", b"own"), (b"set-cookie", b"a=1")]
    await send({"type": "http.response.start", "status": 207, "headers": [*headers, (b"set-cookie", b"b=2")]})
    await send({"type": "http.response.body", "body": orjson.dumps(seen)})


async def mounted(make: Maker, app: Any, **options: Any) -> Client:
    """A client of an application with that one under the noun `site`."""
    return await make.client(endpoints=[Mounted("site", app, **options)])


async def test_what_it_is_handed(make: Maker) -> None:
    """It gets the request as it came, with its own part of the path, and the context; its answer is its own."""
    client = await mounted(make, mirror)
    answer = await client.request(
        "POST", "/account/site/a/b?x=1&x=2&y=%2F", body=b"\0raw", headers={"content-type": "text/odd"}
    )
    seen = answer.json()
    assert (207, ["a=1", "b=2"]) == (answer.status, answer.values("set-cookie"))
    assert "cache-control" not in answer.headers
    assert {
        "method": "POST",
        "path": "/v2/account/site/a/b",
        "root_path": "/v2/account/site",
        "query": "x=1&x=2&y=%2F",
        "type": "text/odd",
        "request_id": answer.headers["x-request-id"],
        "body": "\0raw",
        "pieces": 1,
        "account": CUSTOMER,
        "tenant": CUSTOMER,
    } == seen


PATHS = [
    pytest.param("/account/site", "/v2/account/site", "", id="nothing below"),
    pytest.param("/account/site/", "/v2/account/site", "/", id="a slash"),
    pytest.param("/account/site/a/", "/v2/account/site", "/a/", id="a slash at the end"),
    pytest.param("/account/site//a//", "/v2/account/site", "//a//", id="empty segments"),
    pytest.param("/account/site/%61%2Fb%20c", "/v2/account/site", "/a/b c", id="encoded characters"),
    pytest.param("/account/site/devices/x", "/v2/account/site", "/devices/x", id="the name of an endpoint"),
    pytest.param("/account/site/site/site", "/v2/account/site", "/site/site", id="its own name"),
    pytest.param("/account/site/account", "/v2/account/site", "/account", id="the alias"),
    pytest.param(f"/accounts/{CUSTOMER}/site/a", f"/v2/accounts/{CUSTOMER}/site", "/a", id="an account by its id"),
    pytest.param("/account/s%69te/a", "/v2/account/site", "/a", id="its name in other letters"),
]


@pytest.mark.parametrize(("path", "root_path", "below"), PATHS)
async def test_paths(make: Maker, path: str, root_path: str, below: str) -> None:
    """Its path begins after the noun, decoded as ASGI has it; `root_path` is all before that."""
    client = await mounted(make, mirror)
    seen = (await client.get(path)).json()
    assert (root_path, root_path + below) == (seen["root_path"], seen["path"])


async def test_a_body_is_not_read_beforehand(make: Maker) -> None:
    """The pieces of a body are handed on as they come, whatever their number and size."""

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b"x" * 65_536

    client = await mounted(make, mirror)
    seen = (await client.request("PUT", "/account/site/up", body=pieces())).json()
    assert (40 * 65_536, 41) == (len(seen["body"]), seen["pieces"])


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "POST", "PATCH", "DELETE"])
async def test_methods(make: Maker, method: str) -> None:
    """Every method of the API is handed over as it is."""
    client = await mounted(make, mirror)
    assert method == (await client.request(method, "/account/site")).json()["method"]


QUERIES = [
    *("verb=eat", "verb=delete&verb=x", "accept=csv", "page_size=-1", "%zz", "a=1&" * 200, "x=%ff", "start_key=x"),
    *("paginate=false", "=", "&&&"),
]


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query[:12])
async def test_queries(make: Maker, query: str) -> None:
    """Words that mean something to the dialect, or are malformed in its eyes, are the application's own."""
    client = await mounted(make, mirror)
    seen = (await client.get(f"/account/site?{query}")).json()
    assert (query, "GET") == (seen["query"], seen["method"])


async def test_a_token_in_the_query(make: Maker) -> None:
    """A token in the query counts, as for any other noun, and the query is handed over whole."""
    client = await mounted(make, mirror)
    query = f"auth_token={client.token}&verb=x"
    seen = (await Client(client.app).get(f"/account/site?{query}")).json()
    assert (query, CUSTOMER) == (seen["query"], seen["account"])


async def test_who_may_enter(make: Maker) -> None:
    """Nobody comes to it who is not known, or who may not enter the account; hooks and authorizers are asked, too."""

    async def asked(ctx: Any) -> None:
        if ctx.header(b"x-odd"):
            raise Forbidden

    @before("site.create")
    async def no_puts(ctx: Any) -> None:
        raise Forbidden

    client = await make.client(endpoints=[Mounted("site", mirror)], authorizers=[asked], hooks=[no_puts])
    statuses = [
        (await Client(client.app).get("/account/site")).status,
        (await client.get(f"/accounts/{'e0' * 16}/site")).status,
        (await client.get("/site")).status,
        (await client.get("/account/site", headers={"x-odd": "1"})).status,
        (await client.put("/account/site")).status,
        (await client.get("/account/site")).status,
    ]
    assert [401, 404, 403, 403, 403, 207] == statuses


async def test_outside_of_accounts(make: Maker) -> None:
    """With `anywhere` it answers to everybody who is known, without a tenant."""
    client = await mounted(make, mirror, anywhere=True)
    seen = (await client.get("/site/a")).json()
    assert ("/v2/site", CUSTOMER, None) == (seen["root_path"], seen["account"], seen["tenant"])
    assert 401 == (await Client(client.app).get("/site/a")).status


async def test_options_are_answered_by_crossbar(make: Maker) -> None:
    """`OPTIONS` needs no token, and so does not come to the application."""
    client = await mounted(make, mirror)
    answer = await Client(client.app).request("OPTIONS", "/account/site")
    assert (204, "GET, HEAD, PUT, POST, PATCH, DELETE, OPTIONS") == (answer.status, answer.headers["allow"])
