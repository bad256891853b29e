"""The hosts: how each framework is given an application, the way that its page of the docs tells."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from litestar import Litestar, asgi
from litestar import Request as LitestarRequest
from litestar import Response as LitestarResponse
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount

from crossbar import Crossbar
from crossbar.testing import ASGI

from .django_site import served

Wrap = Callable[[Any], ASGI]
"""A middleware: what is given an application, and is one itself."""


class Wanted(Exception):
    """What the hosts of these tests want to see themselves, and answer with a 418."""


@dataclass(frozen=True, slots=True)
class Host:
    """A framework that applications are mounted in.

    `build` takes them by the place, whether their life is the host's, and the middlewares around them, outermost first.
    """

    name: str
    build: Callable[[Mapping[str, Crossbar], bool, Sequence[Wrap]], ASGI]

    def __call__(self, apps: Mapping[str, Crossbar], *, living: bool = True, around: Sequence[Wrap] = ()) -> ASGI:
        """A host with these applications in it."""
        return self.build(apps, living, around)


@asynccontextmanager
async def life(apps: Mapping[str, Crossbar], living: bool) -> AsyncIterator[None]:
    """The host's lifespan, and with it that of the applications."""
    async with AsyncExitStack() as stack:
        if living:
            for app in apps.values():
                await stack.enter_async_context(app.lifespan())
        yield


async def teapot(request: Request, error: Any) -> PlainTextResponse:
    """Answer an exception that the host wants to see."""
    return PlainTextResponse(f"the host saw {type(error).__name__}", 418)


def in_starlette(apps: Mapping[str, Crossbar], living: bool, around: Sequence[Wrap], beside: Any = None) -> ASGI:
    """Starlette, with something beside the applications."""
    mounts = [Mount(place, app) for place, app in apps.items()]
    return Starlette(
        routes=[*mounts, Mount("/", beside)] if beside is not None else mounts,
        lifespan=lambda host: life(apps, living),
        middleware=[Middleware(wrap) for wrap in around],
        exception_handlers={Wanted: teapot},
    )


def in_fastapi(apps: Mapping[str, Crossbar], living: bool, around: Sequence[Wrap]) -> ASGI:
    """FastAPI, with a route of its own."""
    host = FastAPI(
        lifespan=lambda host: life(apps, living),
        middleware=[Middleware(wrap) for wrap in around],
        exception_handlers={Wanted: teapot},
    )

    @host.get("/own")
    async def own() -> str:
        return "fastapi"

    for place, app in apps.items():
        host.mount(place, app)
    return host


def litestar_teapot(request: LitestarRequest[Any, Any, Any], error: Exception) -> LitestarResponse[str]:
    """Answer an exception that the host wants to see."""
    return LitestarResponse(f"the host saw {type(error).__name__}", status_code=418, media_type="text/plain")


def in_litestar(apps: Mapping[str, Crossbar], living: bool, around: Sequence[Wrap]) -> ASGI:
    """Litestar; it is not asked to set up any logging."""

    def alive(host: Litestar) -> AbstractAsyncContextManager[None]:
        return life(apps, living)

    return Litestar(
        [asgi(place, is_mount=True, copy_scope=True)(app) for place, app in apps.items()],
        lifespan=[alive],
        middleware=list(around),
        exception_handlers={Wanted: litestar_teapot},
        logging_config=None,
        openapi_config=None,
    )


def in_django(apps: Mapping[str, Crossbar], living: bool, around: Sequence[Wrap]) -> ASGI:
    """Starlette around Django and the applications, which is what stands in the `asgi.py` of a Django user."""
    return in_starlette(apps, living, around, beside=served())


HOSTS = (
    Host("starlette", in_starlette),
    Host("fastapi", in_fastapi),
    Host("litestar", in_litestar),
    Host("django", in_django),
)
