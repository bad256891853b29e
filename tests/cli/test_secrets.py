"""Secrets in the log of a server: every request carries its own, and none of them is found in anything it wrote.

The module of these tests does what it can to get them there: it raises with them, logs them at every level, and leaves
them in tasks, threads and destructors.
"""

from __future__ import annotations

import json
import re
import secrets
import shutil
import time
from base64 import b64encode
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, IncompleteRead
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from crossbar.passwords import wire_credentials

from .conftest import Live, ended, started

MODULES = '''
import asyncio
import logging
import sys
import time
import warnings

from crossbar import ANONYMOUS, Endpoint, NotFound, Reply, Stream, Unauthorized

log = logging.getLogger("somebody.else")


class Leaky(Endpoint):
    name = "leaky"
    anywhere = True
    accepts = ("application/json", "text/plain")

    def carried(self, ctx):
        """All that a request carries, as one text."""
        return f"{ctx.headers} {ctx.query_string} {ctx.query} {ctx.envelope} {ctx.token} {ctx.body}"

    async def authenticate(self, ctx):
        if ctx.query.get("way") == "refused":
            log.debug("refused: %s", self.carried(ctx))
            raise Unauthorized
        return ANONYMOUS

    async def find(self, ctx):
        return await self.go(ctx)

    async def create(self, ctx):
        return await self.go(ctx)

    async def go(self, ctx):
        way, told = ctx.query.get("way"), self.carried(ctx)
        for level in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL):
            log.log(level, "carried %s", told)
            log.log(level, f"carried {told!r}", stack_info=True)
        log.info("%d", told)
        warnings.warn(f"careful with {told}", UserWarning)
        if way == "crash":
            try:
                raise ValueError(told)
            except ValueError as error:
                error.add_note(told)
                raise RuntimeError(ctx.token, told) from error
        if way == "group":
            raise ExceptionGroup(told, [ValueError(told)])
        if way == "missing":
            raise NotFound(told[:20], cause=told)
        if way == "slow":
            await asyncio.sleep(0.3)
        if way == "late":
            try:
                await asyncio.sleep(30)
            finally:
                log.error("cancelled with %s", told)
        if way == "blocking":
            time.sleep(0.7)
        if way == "task":
            # NOTE: before 3.12 a task that nobody waits for does not tell whose it was.
            shown = told if sys.version_info >= (3, 12) else f"{ctx.headers} {ctx.query} {ctx.envelope}"
            asyncio.get_running_loop().create_task(self.fail(shown))
            await asyncio.sleep(0.05)
        if way == "thread":
            await asyncio.to_thread(log.warning, "in a thread: %s", told)
        if way == "stream":
            return Reply(Stream(self.pieces(told), "text/plain"), 200)
        return Reply({"way": way}, 200)

    async def fail(self, told):
        raise RuntimeError(told)

    async def pieces(self, told):
        yield b"begun"
        raise RuntimeError(told)

    async def finish(self, ctx):
        if ctx.query.get("way") == "finish":
            raise RuntimeError(self.carried(ctx))
'''

WAYS = {
    "": 200,
    "crash": 500,
    "group": 500,
    "missing": 404,
    "refused": 401,
    "slow": 200,
    "late": 504,
    "blocking": 200,
    "task": 200,
    "thread": 200,
    "stream": 200,
    "finish": 200,
}
SERVERS = {
    "ours": {},
    "uvicorn": {"CROSSBAR__SERVER__PROTOCOL": "uvicorn"},
    "workers": {"CROSSBAR__SERVER__WORKERS": "2"},
}
CONFIG = """
[modules]
folder = "modules"
[limits]
handler_seconds = {seconds}
[auth]
login_failures = 0
[log]
level = "debug"
slow = 100
blocked = 100
[server]
admin = "off"
"""


@dataclass
class Canaries:
    """The secrets that were sent, each once, and where."""

    sent: dict[str, str] = field(default_factory=dict)

    def new(self, place: str) -> str:
        """Give a secret that is sent at a place."""
        canary = secrets.token_hex(16)
        self.sent[canary] = place
        return canary

    def found_in(self, text: str) -> dict[str, str]:
        """Give the places whose secrets stand in a text, each with what stands around it."""
        at = {canary: text.find(canary) for canary in self.sent}
        return {self.sent[canary]: text[max(found - 200, 0) : found] for canary, found in at.items() if found >= 0}


@dataclass
class Asking:
    """A server, and the canaries that were sent to it."""

    live: Live
    canaries: Canaries

    def ask(self, method: str, path: str, headers: dict[str, str] | None = None, body: Any = None) -> int:
        """Send a request, and give the status of its response, which may break off."""
        connection = HTTPConnection(urlsplit(self.live.url).netloc, timeout=20)
        try:
            data = body if isinstance(body, str | None) else json.dumps(body)
            sent = {"content-type": "application/json"} if data is not None else {}
            connection.request(method, path, data, sent | (headers or {}))
            response = connection.getresponse()
            with suppress(OSError, IncompleteRead):
                response.read()
            return response.status
        finally:
            connection.close()


@pytest.fixture
def seconds() -> int:
    """Give the time that a handler has, which one of them uses up, and a busy machine no other."""
    return 6


@pytest.fixture(params=SERVERS)
def asking(request: pytest.FixtureRequest, tmp_path: Path, demo_file: Path, seconds: int) -> Iterator[Asking]:
    """A server of each kind, which says all that it can."""
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "leaky.py").write_text(MODULES)
    (tmp_path / "crossbar.toml").write_text(CONFIG.format(seconds=seconds))
    shutil.copy(demo_file, tmp_path / "demo.db")
    live = started(tmp_path, "--config", "crossbar.toml", "--store", "sqlite:///demo.db", **SERVERS[request.param])
    yield Asking(live, Canaries())
    ended(live)


def sent_at_once(asking: Asking, way: str) -> int:
    """Send a request with a secret in every place that there is, and give its status."""
    new = asking.canaries.new
    headers = {"X-Auth-Token": new("x-auth-token"), "Authorization": f"Bearer {new('bearer')}"}
    headers |= {"Cookie": f"session={new('cookie')}; other={new('other cookie')}"}
    data = {"password": new("password"), "credentials": {"md5": new("within")}, "sip": [{"password": new("nested")}]}
    body = {"data": data | {"api_key": new("api_key"), "pin": new("pin")}, "auth_token": new("envelope")}
    query = f"way={way}&auth_token={new('query')}&access_token={new('access_token')}"
    return asking.ask("PUT", f"/v2/leaky?{query}", headers, body)


def sent_one_by_one(asking: Asking, way: str) -> set[int]:
    """Send requests with one secret each, and give their statuses."""
    new, ask = asking.canaries.new, asking.ask
    basic = b64encode(f"{'0' * 32}:{new('basic')}".encode()).decode()
    query = f"/v2/leaky?way={way}"
    return {
        ask("GET", query, {"X-Auth-Token": new("x-auth-token")}),
        ask("GET", query, {"Authorization": f"Bearer {new('bearer')}"}),
        ask("GET", query, {"Authorization": f"Basic {basic}"}),
        ask("GET", query, {"Cookie": f"session={new('cookie')}"}),
        ask("GET", f"{query}&auth_token={new('query')}"),
        ask("GET", f"{query}&access_token={new('access_token')}"),
        ask("PUT", query, None, {"data": {}, "auth_token": new("envelope")}),
        ask("PUT", query, None, {"data": {"password": new("password")}}),
        ask("PUT", query, None, {"data": {"sip": {"password": new("nested")}}}),
        ask("POST", f"{query}&verb=PUT", None, {"data": {"pvt_api_key": new("private")}}),
    }


def sent_to_others(asking: Asking) -> None:
    """Send secrets to endpoints of our own, and in ways that are refused before anybody sees them."""
    new, ask = asking.canaries.new, asking.ask
    assert 401 == ask("GET", "/v2/accounts", {"X-Auth-Token": new("wrong token")})
    assert 401 == ask("GET", f"/v2/accounts?auth_token={new('wrong query token')}")
    assert 401 == ask("GET", "/v2/accounts", {"Authorization": f"Basic {new('no base64')}"})
    login = {"credentials": new("login"), "method": "md5", "account_name": "demo"}
    assert 401 == ask("PUT", "/v2/user_auth", None, {"data": login})
    assert 401 == ask("PUT", "/v2/api_auth", None, {"data": {"api_key": new("key") + "0" * 32}})
    assert 400 == ask("PUT", "/v2/user_auth", None, {"data": {"credentials": [new("wrong type")]}})
    assert 400 == ask("PUT", "/v2/user_auth", None, '{"data": {"password": "' + new("no json"))
    assert 400 == ask("PUT", "/v2/user_auth?verb=GET", None, {"data": {}, "auth_token": new("verb"), "verb": "X"})
    assert 400 == ask("GET", f"/v2/about?auth_token={new('twice')}&auth_token={new('again')}")
    assert 401 == ask("GET", f"/v2/nothing?auth_token={new('nothing')}", {"X-Auth-Token": new("nothing")})
    assert 401 == ask("GET", f"/v2/nothing%3Fauth_token={new('encoded query')}")
    assert 414 == ask("GET", f"/v2/about?auth_token={new('long')}{'x' * 9000}")
    assert 431 == ask("GET", "/v2/about", {"X-Auth-Token": new("many"), **{f"x-{n}": "a" for n in range(200)}})
    assert 413 == ask("PUT", "/v2/user_auth", None, {"data": {"password": new("large") + "x" * 2_000_000}})
    assert 415 == ask("PUT", "/v2/leaky", {"Content-Encoding": "gzip"}, {"data": {"password": new("packed")}})
    handshake = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    handshake |= {"Sec-WebSocket-Key": b64encode(secrets.token_bytes(16)).decode(), "X-Auth-Token": new("handshake")}
    assert ask("GET", f"/v2/leaky?auth_token={new('handshake query')}", handshake) in (401, 403, 404, 405)


@pytest.mark.timeout(180)
def test_no_secret_is_written(asking: Asking) -> None:
    """All that a server writes, at the lowest level, on both of its streams, until it has ended."""
    for way, status in WAYS.items():
        assert status == sent_at_once(asking, way), way
    for way in ("", "crash"):
        assert {WAYS[way]} == sent_one_by_one(asking, way)
    sent_to_others(asking)
    time.sleep(0.3)  # the lines of the last requests are written in a while
    asking.live.stop()
    assert asking.live.process.stdout is not None
    told = asking.live.log.read_text() + asking.live.greeting + asking.live.process.stdout.read()
    assert len(asking.canaries.sent) > 150
    assert {} == asking.canaries.found_in(told)
    # What was to be told is told all the same.
    for said in ("carried", "careful with ***", "RuntimeError", "broke off", "blocked all requests", "slow: "):
        assert said.replace(" ***", "") in told, said
    assert told.count("***") > 500
    assert "Logging error" not in told
    lines = [line for line in told.splitlines() if not line.startswith("    ")]
    assert [] == [line for line in lines if len(line) > 2_400]
    assert "a record that cannot be formatted" in told


@pytest.mark.timeout(60)
@pytest.mark.parametrize("seconds", [30], ids=["unhurried"])
def test_a_token_that_is_good(asking: Asking) -> None:
    """The token of somebody who is logged in is written nowhere, whatever it is used for."""
    connection = HTTPConnection(urlsplit(asking.live.url).netloc, timeout=20)
    body = {"data": {"credentials": wire_credentials("admin", "crossbar")[0], "account_name": "demo"}}
    connection.request("PUT", "/v2/user_auth", json.dumps(body), {"content-type": "application/json"})
    token: str = json.loads(connection.getresponse().read())["auth_token"]
    connection.close()
    for way in ("", "crash", "task", "stream"):
        asking.ask("GET", f"/v2/leaky?way={way}", {"X-Auth-Token": token})
        asking.ask("GET", f"/v2/leaky?way={way}&auth_token={token}")
    assert 200 == asking.ask("GET", "/v2/about", {"Authorization": f"Bearer {token}"})
    assert 400 == asking.ask("GET", f"/v2/token_auth/{token}", {"X-Auth-Token": token})
    time.sleep(0.3)
    asking.live.stop()
    told = asking.live.log.read_text()
    assert [] == [part for part in re.split(r"\W", token) if len(part) > 20 and part in told]
    assert "/v2/token_auth/***" in told
