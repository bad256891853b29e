"""The applications Crossbar is measured beside, one factory each, for `uvicorn --factory`.

Each framework answers one document in the envelope on as many routes as there are names in
`BENCH_ROUTES` (words with a space between); it does not authenticate and has no store. The bare
application sends 295 constant bytes.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, MutableMapping
from random import getrandbits
from typing import Any, cast

import orjson

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

ROUTES_VARIABLE = "BENCH_ROUTES"
PREFIX = "/v2/accounts"
_BARE_BYTES = 295


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
