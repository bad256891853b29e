"""The access log as JSON tells why a request was refused, in the sentence that the client was told."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest

from crossbar import ANONYMOUS, BadRequest, Context, Endpoint, Principal
from crossbar.log import AccessLog
from crossbar.testing import Client

from .standins import Gate, bearer, gate, issuer, key, keys, route


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """Run on asyncio, which is what the servers run on."""
    return "asyncio"


def last(gated: Gate, stream: io.StringIO) -> dict[str, Any]:
    """The latest line of the access log."""
    assert gated.app.access_log is not None
    gated.app.access_log.flush()
    found: dict[str, Any] = json.loads(stream.getvalue().splitlines()[-1])
    return found


SECRET = "open-sesame"


class Quoting(Endpoint):
    """Repeats in its refusal what was sent."""

    name = "quoting"
    anywhere = True

    async def authenticate(self, ctx: Context) -> Principal:
        """Let everybody in."""
        return ANONYMOUS

    async def find(self, ctx: Context) -> None:
        """Refuse."""
        raise BadRequest(f"{ctx.query['password']} is no good")


async def test_refusals_are_told_apart() -> None:
    """By `detail`, where one word stands for many reasons; what is answered has none."""
    stream = io.StringIO()
    async with (
        issuer() as staff,
        gate(
            route("/staff", auth="staff"),
            route("/partners", auth="partners"),
            route("/few", limit=["1/day per route"]),
            provider=staff | {"partners": keys(acme={})},
            options={"access_log": AccessLog(stream, "json")},
        ) as gated,
    ):

        async def told(path: str, fields: dict[str, str] | None = None) -> tuple[str | None, str | None]:
            await Client(gated.app, headers=fields or {}).get(f"/{path}")
            line = last(gated, stream)
            return line.get("reason"), line.get("detail")

        asked = [
            ("/staff", {}),
            ("/staff", bearer(exp=1)),
            ("/staff", bearer(aud="others")),
            ("/partners", key("nobody")),
        ]
        found = [await told(path, fields) for path, fields in asked]
        assert all(reason and detail for reason, detail in found), found
        assert len(asked) == len({detail for _, detail in found}), found
        assert "this needs credentials: log in, or send a key" == found[0][1]
        assert "expired" in str(found[1][1])
        assert (None, None) == await told("/few")
        reason, detail = await told("/few")
        assert ("too_many_requests", True) == (reason, bool(detail))


async def test_no_secret_is_in_the_sentence() -> None:
    """A sentence that quotes what the request carries goes into the log without it."""
    stream = io.StringIO()
    more = {"access_log": AccessLog(stream, "json"), "endpoints": [Quoting()]}
    async with gate(route("/x"), options=more) as gated:
        answer = await Client(gated.app).get(f"//v2/quoting?password={SECRET}")
        line = last(gated, stream)
    assert SECRET in answer.text
    assert "*** is no good" == line["detail"]


async def test_text_is_as_it_was() -> None:
    """A line for people has the word alone."""
    stream = io.StringIO()
    async with gate(route("/x", methods=["GET"]), options={"access_log": AccessLog(stream)}) as gated:
        assert 401 == (await Client(gated.app).get("//v2/accounts/x")).status
        assert gated.app.access_log is not None
        gated.app.access_log.flush()
    assert 1 == len(stream.getvalue().splitlines())
    assert "needs credentials" not in stream.getvalue()
    assert "detail" not in stream.getvalue()
