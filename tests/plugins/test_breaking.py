"""Streams that break half-way, and what modules are handed that others see, too."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from crossbar import Body, Context, Document, Endpoint, Json, Resource, Rows, Stream, after
from crossbar.errors import CrossbarError

from .test_crashes import WAYS, crash
from .tools import Maker, missing


async def broken(way: Any, after: int) -> AsyncIterator[bytes]:
    """A stream that breaks after so many pieces."""
    for number in range(after):
        yield b"%d" % number
    way()


@WAYS
@pytest.mark.parametrize("after", [0, 1, 3])
async def test_a_stream_that_breaks(make: Maker, caplog: pytest.LogCaptureFixture, way: Any, after: int) -> None:
    """Before its first piece it is a 500; later on it ends without its end, and the log names whose it was."""

    class Broken(Endpoint):
        name = "broken"

        async def find(self, ctx: Context) -> Stream:
            return Stream(broken(way, after), "text/plain")

    client = await make.client(endpoints=[Broken()])
    if after == 0:
        assert 500 == (await client.get("/account/broken")).status
        assert [] == missing(caplog.text, f"crash in stage render of endpoint broken ({__name__})")
    else:
        with pytest.raises(CrossbarError, match=f"broke off after {after} bytes"):
            await client.get("/account/broken")
        assert [] == missing(caplog.text, f"a streamed response of endpoint broken ({__name__}) broke off (request ")
    assert 200 == (await client.get("/account/devices")).status


async def test_a_listing_that_breaks(make: Maker, caplog: pytest.LogCaptureFixture) -> None:
    """A listing in an envelope ends with an error, since there is room for it; one in CSV without its end."""

    async def rows() -> AsyncIterator[Rows]:
        yield Rows(b'{"id":"1"}', 1, None, None)
        crash()

    class Broken(Resource):
        name = "broken"

        async def find(self, ctx: Context) -> Stream:
            return Stream(rows())

    client = await make.client(endpoints=[Broken()])
    told = await client.get("/account/broken")
    assert ("error", [{"id": "1"}]) == (told.json()["status"], told.data)
    with pytest.raises(CrossbarError, match="broke off"):
        await client.get("/account/broken", headers={"accept": "text/csv"})
    for words in ("crash in stage render", "a streamed response"):
        assert 1 == caplog.text.count(f"{words} of endpoint broken ({__name__})")


@pytest.mark.parametrize("pieces", [["text"], [5], None])
async def test_pieces_that_are_none(make: Maker, pieces: Any) -> None:
    """Pieces that are no bytes are noticed before the first of them is out."""

    async def given() -> AsyncIterator[Any]:
        for piece in pieces:
            yield piece

    class Odd(Endpoint):
        name = "odd"

        async def find(self, ctx: Context) -> Any:
            return Stream(given() if pieces else [b"1"], "text/plain")  # type: ignore[arg-type]

    client = await make.client(endpoints=[Odd()])
    assert 500 == (await client.get("/account/odd")).status


# What modules are handed.


async def test_what_is_shared_cannot_be_changed(make: Maker) -> None:
    """Documents, claims and schemas that several requests see are not one module's to change."""

    class Vandal(Endpoint):
        name = "vandal"

        async def find(self, ctx: Context) -> Json:
            done: list[Json] = []
            principal: Any = ctx.caller()
            account: Any = ctx.parents["accounts"]
            attempts: list[Any] = [
                lambda: principal.claims.__setitem__("exp", 2**40),
                lambda: principal.claims.update(jti="x"),
                lambda: setattr(principal, "master", True),
                lambda: setattr(account, "body", b"{}"),
                lambda: setattr(ctx.app.settings.auth, "token_life", 1),
            ]
            for attempt in attempts:
                try:
                    attempt()
                except (AttributeError, TypeError):
                    continue
                done.append(len(done))
            document = await ctx.app.store.get("", "accounts", account.id)
            assert isinstance(document, Document)
            document.data()["enabled"] = False
            own: Body = document.data()
            return [done, own["enabled"]]

    @after("schemas.read")
    async def deface(ctx: Context, reply: Any) -> None:
        reply.answer["properties"] = {}

    client = await make.client(endpoints=[Vandal()], hooks=[deface])
    assert [[], True] == (await client.get("/account/vandal")).data
    assert {} == (await client.get("/schemas/devices")).data["properties"]
    assert (client.app.schemas.document("devices") or {})["properties"]
