"""The applications Crossbar is measured beside, one factory each, for `uvicorn --factory`.

Each framework answers one document in the envelope on as many routes as there are names in
`BENCH_ROUTES` (words with a space between); it does not authenticate and has no store. The bare
application sends 295 constant bytes, and the proxy asks the server that `BENCH_UPSTREAM` names.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from random import getrandbits
from typing import Any, cast

import orjson

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

ROUTES_VARIABLE = "BENCH_ROUTES"
UPSTREAM_VARIABLE = "BENCH_UPSTREAM"
PREFIX = "/v2/accounts"
_BARE_BYTES = 295
_OF_THE_CONNECTION = frozenset(
    {b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade"}
)


def bare() -> App:
    """An application that sends the same 295 bytes of JSON whatever is asked."""
    short = orjson.dumps({**_envelope(_document("a" * 32, "b" * 32)), "padding": ""})
    body = short[:-2] + b"x" * (_BARE_BYTES - len(short)) + short[-2:]
    start = {
        "type": "http.response.start",
        "status": 200,
        "headers": [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
        ],
    }
    end = {"type": "http.response.body", "body": body}

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await send(start)
            await send(end)
        else:
            await _live(receive, send)

    return app


def starlette() -> App:
    """A Starlette application with a route for each name."""
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    async def read(request: Request) -> JSONResponse:
        found = request.path_params
        return JSONResponse(_envelope(_document(found["account"], found["item"])))

    return Starlette(routes=[Route(f"{PREFIX}/{{account}}/{name}/{{item}}", read) for name in _names()])


def fastapi() -> App:
    """A FastAPI application with a route for each name."""
    from fastapi import FastAPI

    # NOTE: without its documentation routes, so that the number of routes is the one asked for.
    app = FastAPI(openapi_url=None)

    async def read(account: str, item: str) -> dict[str, Any]:
        return _envelope(_document(account, item))

    for name in _names():
        app.get(f"{PREFIX}/{{account}}/{name}/{{item}}")(read)
    return app


def falcon() -> App:
    """A Falcon ASGI application with a route for each name, writing JSON with orjson."""
    import falcon.asgi
    import falcon.media

    class Documents:
        """Answers one document."""

        async def on_get(self, request: falcon.asgi.Request, response: falcon.asgi.Response, **found: str) -> None:
            """Put the document in its envelope."""
            response.media = _envelope(_document(found["account"], found["item"]))

    app = falcon.asgi.App()
    handler = falcon.media.JSONHandler(dumps=orjson.dumps, loads=orjson.loads)
    app.resp_options.media_handlers["application/json"] = handler
    documents = Documents()
    for name in _names():
        app.add_route(f"{PREFIX}/{{account}}/{name}/{{item}}", documents)
    return cast(App, app)


def aiohttp_proxy() -> App:
    """The smallest proxy on aiohttp that is one: bodies stream both ways, header fields go on, nothing is followed."""
    import aiohttp
    from yarl import URL

    origin = os.environ[UPSTREAM_VARIABLE]
    session: aiohttp.ClientSession

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal session
        if scope["type"] != "http":
            session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                skip_auto_headers=("accept", "accept-encoding", "content-type", "user-agent"),
            )
            await _live(receive, send)
            await session.close()
            return
        target = f"{origin}{scope['raw_path'].decode('latin-1')}"
        if scope["query_string"]:
            target += f"?{scope['query_string'].decode('latin-1')}"
        names = {name for name, _ in scope["headers"]}
        async with session.request(
            scope["method"],
            URL(target, encoded=True),
            headers=[
                (name.decode("latin-1"), value.decode("latin-1"))
                for name, value in scope["headers"]
                if name not in _OF_THE_CONNECTION
            ],
            data=_pieces(receive) if {b"content-length", b"transfer-encoding"} & names else None,
            allow_redirects=False,
        ) as answer:
            fields = [(name, value) for name, value in answer.raw_headers if name.lower() not in _OF_THE_CONNECTION]
            await send({"type": "http.response.start", "status": answer.status, "headers": fields})
            async for piece in answer.content.iter_any():
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b""})

    return app


async def _pieces(receive: Receive) -> AsyncIterator[bytes]:
    more = True
    while more:
        message = await receive()
        yield message.get("body", b"")
        more = message.get("more_body", False)


def _names() -> list[str]:
    return os.environ[ROUTES_VARIABLE].split()


def _document(account: str, item: str) -> dict[str, Any]:
    return {"id": item, "account_id": account, "name": "Reception", "enabled": True}


def _envelope(data: dict[str, Any]) -> dict[str, Any]:
    return {
        "data": data,
        "request_id": f"{getrandbits(128):032x}",
        "status": "success",
        "revision": "1-0",
    }


async def _live(receive: Receive, send: Send) -> None:
    while True:
        step = (await receive())["type"].removeprefix("lifespan.")
        await send({"type": f"lifespan.{step}.complete"})
        if step == "shutdown":
            return
