"""One request has one id and one trace: in the response, in the log, and at the upstream."""

from __future__ import annotations

import io
import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from crossbar.log import AccessLog
from crossbar.testing import Response

from .standins import NOUN, Asked, Gate, gate, route

PARENT = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
A = "c0" * 16


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """Run on asyncio, which is what the servers run on."""
    return "asyncio"


@dataclass
class Scene:
    """A gateway with an access log in memory."""

    gated: Gate
    log: io.StringIO

    async def told(
        self, path: str, fields: list[tuple[bytes, bytes]], status: int = 200
    ) -> tuple[Response, Asked, dict[str, Any]]:
        """The response to a request, what the upstream got, and the line of the log."""
        self.gated["up"].status = status
        token = (await self.gated.client("customer")).token or ""
        response = await self.gated.wire("GET", path.encode(), *fields, (b"x-auth-token", token.encode()))
        assert self.gated.app.access_log is not None
        self.gated.app.access_log.flush()
        return response, self.gated.last(), json.loads(self.log.getvalue().splitlines()[-1])


@pytest.fixture(scope="module")
async def scene() -> AsyncIterator[Scene]:
    """A noun, something merged, and plain routes, before an upstream that has ids of its own."""
    log = io.StringIO()
    async with gate(
        route(NOUN),
        route("/v2/accounts/{account}/both", merge={"one": "up:/1"}),
        route("/x/**"),
        route("/mapped/**", errors="map"),
        options={"access_log": AccessLog(log, "json")},
    ) as gated:
        gated["up"].fields = [(b"content-type", b"application/json"), (b"x-request-id", b"the-upstreams-own")]
        yield Scene(gated, log)


PATHS = pytest.mark.parametrize("path", [f"/v2/accounts/{A}/invoices/7", f"/v2/accounts/{A}/both", "/x/7", "/mapped/7"])


@PATHS
@pytest.mark.parametrize("status", [200, 404])
async def test_an_id_of_the_client_goes_all_the_way(scene: Scene, path: str, status: int) -> None:
    """The upstream's own is not passed on, and nothing is there twice."""
    response, sent, line = await scene.told(path, [(b"x-request-id", b"client-chose-it")], status)
    assert "client-chose-it" == response.headers["x-request-id"] == line["request_id"]
    assert b"client-chose-it" == sent[b"x-request-id"]


@PATHS
@pytest.mark.parametrize("chosen", [None, b"x" * 65, b"with blanks in it", b"a,b-c-d-e-f", b"../../etc/x"])
async def test_others_get_one_of_ours(scene: Scene, path: str, chosen: bytes | None) -> None:
    """What is none, or could do harm in a log, is replaced everywhere."""
    fields = [(b"x-request-id", chosen)] if chosen is not None else []
    response, sent, line = await scene.told(path, fields)
    ours = response.headers["x-request-id"]
    assert re.fullmatch(r"[0-9a-f]{32}", ours)
    assert (ours, ours.encode()) == (line["request_id"], sent[b"x-request-id"])


@pytest.mark.parametrize("path", [f"/v2/accounts/{A}/invoices/7", "/x/7"])
async def test_a_trace_goes_on(scene: Scene, path: str) -> None:
    """With its id, which is in the log too, and a new parent, which are we."""
    _, sent, line = await scene.told(path, [(b"traceparent", PARENT), (b"tracestate", b"a=1")])
    trace, parent = (sent[b"traceparent"] or b"").split(b"-")[1:3]
    assert (PARENT.split(b"-")[1], b"a=1") == (trace, sent[b"tracestate"])
    assert PARENT.split(b"-")[2] != parent
    assert trace.decode() == line["trace_id"]


@pytest.mark.parametrize("path", [f"/v2/accounts/{A}/invoices/7", "/x/7"])
@pytest.mark.parametrize("parent", [None, b"00-" + b"0" * 32 + b"-00f067aa0ba902b7-01", b"junk", PARENT.upper()])
async def test_a_trace_begins(scene: Scene, path: str, parent: bytes | None) -> None:
    """Where there is none, or none that can be understood, whose state is then nobody's."""
    fields = [(b"tracestate", b"a=1"), *([(b"traceparent", parent)] if parent is not None else [])]
    _, sent, line = await scene.told(path, fields)
    assert re.fullmatch(rb"00-[0-9a-f]{32}-[0-9a-f]{16}-02", sent[b"traceparent"] or b"")
    assert (None, (sent[b"traceparent"] or b"")[3:35].decode()) == (sent[b"tracestate"], line["trace_id"])
