"""Settings that are put into a store as another process would do it, and what applications make of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import orjson

from crossbar import Crossbar, Settings
from crossbar.stored_settings import put_into, stored_in, take_out
from crossbar.stores import Document

from .renewing import QUIET, ask

UP = '[upstream.up]\ntargets = ["http://{}.example"]\n'
ROUTE = '[[route]]\npath = "{}"\nto = "up"\nauth = "none"\n'
NONE = msgspec.convert(QUIET, Settings)

Start = Callable[..., Any]
"""What starts an application on a store that it shares with others."""


async def put(app: Crossbar, text: str) -> int:
    """Put settings into the store of an application, as another process would; the revision."""
    return (await put_into(app.store, text, await stored_in(app.store), 1_780_000_000)).revision


async def drop(app: Crossbar) -> None:
    """Take them out again."""
    stored = await stored_in(app.store)
    assert stored is not None
    await take_out(app.store, stored)


async def answers(app: Crossbar, path: str = "/x/1") -> bytes | int:
    """Which upstream answers at a path, or the status if none does."""
    told = await ask(app, path)
    return told.body if told.status == 200 else told.status


def revision(app: Crossbar) -> int | None:
    """The revision that an application has in force."""
    return app.following.stored.revision if app.following.stored is not None else None


def state(app: Crossbar) -> str:
    """The state of one of the bundled modules."""
    return next(plugin.state for plugin in app.plugins.plugins if plugin.name == "cdrs")


async def ready(app: Crossbar) -> tuple[int, str]:
    """What `/readyz` answers."""
    told = await ask(app, "/readyz")
    return told.status, orjson.loads(told.body)["message"]


def document(id: str) -> Document:
    """A document of the same kind that holds no settings."""
    return Document.of("", "system", id, {}, 1)
