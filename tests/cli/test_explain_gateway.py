"""`crossbar explain` for requests that an upstream answers: which route, who may ask, and what would be sent where."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from crossbar.cli.admin import administered
from crossbar.explain import explain
from crossbar.gateway.judging import Asker

from .conftest import Invoke
from .gateway_file import gateway_app, gateway_file

__all__ = ["gateway_file"]

ACCOUNT = "/v2/accounts/A"
HOST = {"Host": "files.example.com"}
SOCKET = {"Upgrade": "websocket"}


@pytest.mark.parametrize(
    ("method", "uri", "headers", "route", "to"),
    [
        pytest.param(
            *("GET", f"{ACCOUNT}/invoices/7?x=1", {}, "invoices"),
            [
                "GET http://127.0.0.1:9001/api/A/invoices/7?x=1",
                "GET http://127.0.0.2:9002/base/api/A/invoices/7?x=1",
            ],
            id="a-noun-and-two-targets",
        ),
        pytest.param(
            *("PUT", f"{ACCOUNT}/invoices/7/paid", {}, "paid"),
            ["PUT http://127.0.0.1:9001/api/paid/7", "PUT http://127.0.0.2:9002/base/api/paid/7"],
            id="the-more-specific-route",
        ),
        pytest.param(
            *("DELETE", f"{ACCOUNT}/invoices/7/paid", {}, "invoices"),
            [
                "DELETE http://127.0.0.1:9001/api/A/invoices/7/paid",
                "DELETE http://127.0.0.2:9002/base/api/A/invoices/7/paid",
            ],
            id="the-route-that-takes-the-method",
        ),
        pytest.param(
            *("GET", f"{ACCOUNT}/users/U/papers/a%20b", {}, "papers", ["GET http://127.0.0.3/A/U/a%20b"]),
            id="a-noun-under-another-and-bytes-as-they-are",
        ),
        pytest.param(
            *("GET", "/v2/account/users/U/papers/P", {}, "papers", ["GET http://127.0.0.3/{account}/U/P"]),
            id="an-alias",
        ),
        pytest.param(
            *("GET", "/restapi/v1.0/account/A/extension/U/papers/P", {}, "papers", ["GET http://127.0.0.3/A/U/P"]),
            id="in-the-words-of-another-dialect",
        ),
        pytest.param("GET", "/v2/news/a/b", {}, "news", ["GET http://127.0.0.3/news/a/b"], id="a-noun-beside-accounts"),
        pytest.param(
            *("POST", "/files/a", {"X-Beta": "1"}, "files", ["POST http://127.0.0.3/files/a"]), id="a-field-that-counts"
        ),
        pytest.param(
            *("GET", "/a", HOST, "public", ["GET http://127.0.0.3/a"]),
            id="a-host",
        ),
        pytest.param(
            "GET", "http://x.example.org:81/a", {}, "public", ["GET http://127.0.0.3/a"], id="a-host-in-a-url"
        ),
    ],
)
def test_what_would_be_sent(
    gateway_file: Path, method: str, uri: str, headers: dict[str, str], route: str, to: list[str]
) -> None:
    """The route is the most specific one, and each target gets the method and the path that stand there."""
    told = explain(gateway_app(gateway_file), method, uri, headers).as_json()
    assert (200, route, to) == (told["status"], told["route"], told["to"])


@pytest.mark.parametrize(
    ("method", "uri", "headers", "status", "stage", "says"),
    [
        pytest.param("PUT", "/files/reports/7", {}, 405, "enter", "method not allowed", id="no-such-method"),
        pytest.param("PUT", f"{ACCOUNT}/dashboard", {}, 405, "resolve", "method not allowed", id="a-merge-is-read"),
        pytest.param("GET", f"{ACCOUNT}/dashboard/x", {}, 404, "authorize", "no route of 'dashboard'", id="too-deep"),
        pytest.param("GET", "/v2/invoices/7", {}, 403, "authorize", "belongs to an account", id="outside-of-accounts"),
        pytest.param("GET", f"{ACCOUNT}/invoices/a%2Fb", {}, 400, "authorize", "encoded slash", id="two-readings"),
        pytest.param("GET", "/files/../x", {"X-Beta": "1"}, 400, "enter", "segment of dots", id="a-way-out"),
        pytest.param("GET", f"{ACCOUNT}/invoices/7/paid", SOCKET, 405, "authorize", "not allowed", id="no-web-socket"),
        pytest.param(
            "GET", f"{ACCOUNT}/dashboard", SOCKET, 405, "authorize", "not allowed", id="a-merge-does-not-talk"
        ),
        pytest.param("GET", "/files/a", {}, 404, "tokenize", "not an API path", id="a-field-is-missing"),
    ],
)
def test_why_not(
    gateway_file: Path, method: str, uri: str, headers: dict[str, str], status: int, stage: str, says: str
) -> None:
    """What refuses a request, and where; then nothing is sent."""
    found = explain(gateway_app(gateway_file), method, uri, headers)
    assert (status, stage) == (found.status, found.context.stage)
    assert says in (found.message or "")
    assert [] == found.as_json().get("to", [])


@pytest.mark.parametrize(
    ("uri", "who", "status"),
    [
        (f"{ACCOUNT}/invoices/7/paid", "key:acme", 200),
        (f"{ACCOUNT}/invoices/7/paid", "account:A", 200),
        (f"{ACCOUNT}/invoices/7/paid", "account:B", 403),
        (f"{ACCOUNT}/invoices/7/paid", "key:other", 403),
        (f"{ACCOUNT}/invoices/7/paid", "anonymous", 401),
        (f"{ACCOUNT}/invoices/7", "key:acme", 401),
        ("/files/reports/7", "key:acme", 200),
        ("/files/reports/7", "key:other", 403),
        ("/files/reports/7", "account:A", 401),
        ("/files/reports/7", "key:nobody", 401),
        ("/v2/news/x", "anonymous", 200),
        ("/v2/news/x", "key:acme", 200),
    ],
)
def test_who_may(gateway_file: Path, uri: str, who: str, status: int) -> None:
    """Whoever is assumed to ask is held against the providers of the route, and against its rule."""
    told = explain(gateway_app(gateway_file), "GET", uri, asker=Asker.parse(who)).as_json()
    assert (status, who) == (told["status"], told["as"])
    assert bool(told["rule"] and status != 401) == bool(told["why"])


def test_nobody_is_assumed(gateway_file: Path) -> None:
    """Without --as a rule is told, and not asked."""
    told = explain(gateway_app(gateway_file), "GET", "/files/reports/7").as_json()
    assert (200, "'reports' in claims.scope") == (told["status"], told["rule"])
    assert "as" not in told


def test_the_others_that_match(gateway_file: Path) -> None:
    """Routes that say less of the request are named; those that ask for something else are not."""
    app = gateway_app(gateway_file)
    assert ["invoices"] == explain(app, "GET", f"{ACCOUNT}/invoices/7/paid").as_json()["others"]
    assert [] == explain(app, "GET", f"{ACCOUNT}/invoices/7").as_json()["others"]
    assert ["files"] == explain(app, "GET", "/files/reports/7", {"X-Beta": "1"}).as_json()["others"]
    assert [] == explain(app, "GET", "/files/reports/7").as_json()["others"]


def test_what_is_told_of_a_route(gateway_file: Path) -> None:
    """Limits, times with those of the upstream, retries, and how the answer goes out."""
    told = explain(gateway_app(gateway_file), "POST", f"{ACCOUNT}/invoices").as_json()
    expected = {
        "endpoint": "invoices",
        "operation": None,
        "auth": ["crossbar"],
        "limit": ["600/min per consumer"],
        "body": "64KiB",
        "timeout": {"connect": "1s", "first_byte": "15s", "idle": "3s", "total": "20s"},
        "retry": "2 tries on connect, reset, 503",
        "envelope": "wrap",
        "errors": "map",
        "upstream": "billing",
        "targets": [
            {"target": "http://127.0.0.1:9001", "weight": 1},
            {"target": "http://127.0.0.2:9002/base", "weight": 2},
        ],
    }
    assert expected == {name: told[name] for name in expected}


def test_what_is_merged(gateway_file: Path) -> None:
    """Each part has its own upstream and its own call."""
    told = explain(gateway_app(gateway_file), "HEAD", f"{ACCOUNT}/dashboard?y=2").as_json()
    calls = {call["part"]: (call["upstream"], call["to"]) for call in told["calls"]}
    assert {
        "invoices": (
            "billing",
            [
                "GET http://127.0.0.1:9001/api/A/invoices?limit=3",
                "GET http://127.0.0.2:9002/base/api/A/invoices?limit=3",
            ],
        ),
        "devices": ("module", ["GET /devices of this server"]),
    } == calls
    assert ("", [], []) == (told["upstream"], told["targets"], told["to"])


def test_what_no_route_matches_is_as_before(gateway_file: Path) -> None:
    """Local modules, and paths that lead nowhere, have nothing of the gateway about them."""
    app = gateway_app(gateway_file)
    for uri in (f"{ACCOUNT}/devices", "/v2/nothing", "/livez"):
        told = explain(app, "GET", uri).as_json()
        assert {"route", "upstream", "to"} & told.keys() == set()


@pytest.mark.parametrize(
    ("arguments", "stages"),
    [
        (
            ["GET", f"{ACCOUNT}/invoices/7"],
            "tokenize open_request authenticate spread resolve charge authorize negotiate validate execute render",
        ),
        (["GET", "/files/reports/7"], "enter identify permit send_on"),
        (["GET", "/a", "--header", "Host:files.example.com", "--header", "Upgrade:websocket"], None),
        (["PUT", "/files/reports/7"], "identify enter"),
    ],
    ids=["a-noun", "a-plain-route", "a-web-socket", "another-method"],
)
def test_the_stages(invoke: Invoke, gateway_file: Path, arguments: list[str], stages: str | None) -> None:
    """The table has the stages that such a request goes through, in their order."""
    result = invoke("explain", *arguments, "--config", str(gateway_file))
    assert 0 == result.exit_code
    table = next(block for block in result.output.split("\n\n") if "Who is asking" in block)
    found = [line.split()[0] for line in table.splitlines() if line]
    assert (stages or "enter take_socket identify permit").split() == found


def test_what_is_printed(invoke: Invoke, gateway_file: Path) -> None:
    """Why it is this route, who may ask, and every line that would be sent."""
    result = invoke("explain", "GET", f"{ACCOUNT}/invoices/7/paid", "--as", "key:acme", "--config", str(gateway_file))
    told = result.output
    assert "2 routes of the gateway match, and the most specific of them counts:" in told
    assert "• Less specific: invoices (/v2/accounts/{account}/invoices/**)" in told
    assert "key:acme: known as partners:acme" in told
    assert "the caller must be A or an account above it; the rule: principal.account == path.account" in told
    assert "yes (principal.account is 'A', path.account is 'A')" in told
    assert "Upstream  billing, 2 targets" in told
    assert "Sends     GET http://127.0.0.2:9002/base/api/paid/7" in told
    assert told.endswith(f"200  GET {ACCOUNT}/invoices/7/paid  route paid\n")


@pytest.mark.parametrize("who", ["acme", "key", "key:", "anonymous:x", "user:x"])
def test_an_asker_that_is_nobody(invoke: Invoke, gateway_file: Path, who: str) -> None:
    """The forms that there are stand in the message."""
    result = invoke("explain", "GET", "/files/reports/7", "--as", who, "--config", str(gateway_file))
    assert (2, "") == (result.exit_code, result.stdout)
    assert "write anonymous, key:ID or account:ID" in result.stderr


# A server that runs.


async def told_live(invoke: Invoke, folder: Path, file: Path, *arguments: str) -> Any:
    """What the command says of an application that runs here."""
    environment = {"CROSSBAR__SERVER__ADMIN": str(folder)}
    command = ("explain", *arguments, "--live", "--json", "--config", str(file))
    result = await asyncio.to_thread(invoke, *command, **environment)
    assert 0 == result.exit_code, result.output
    return json.loads(result.output)


async def test_live_targets_count(invoke: Invoke, gateway_file: Path, tmp_path: Path) -> None:
    """A running server knows which targets are well; with none left the request would be refused."""
    app = gateway_app(gateway_file)
    folder = tmp_path / "admin"
    folder.mkdir(mode=0o700)
    assert app.gateway is not None
    pool = app.gateway.current.services["billing"].pool
    async with app.lifespan(), administered(app, folder):
        pool.found(pool.targets[0], False, "it answers 503")
        told = await told_live(invoke, folder, gateway_file, "GET", f"{ACCOUNT}/invoices/7")
        assert ["sick", "ok"] == [target["state"] for target in told["targets"]]
        assert 200 == told["status"]
        pool.found(pool.targets[1], False, "it answers 503")
        told = await told_live(invoke, folder, gateway_file, "GET", f"{ACCOUNT}/invoices/7")
        assert (503, []) == (told["status"], told["to"])
        assert "no target of the service 'billing' is in order" == told["message"]
        assert 200 == explain(app, "GET", f"{ACCOUNT}/invoices/7").status


async def test_live_in_words(invoke: Invoke, gateway_file: Path, tmp_path: Path) -> None:
    """How many targets are in order and which may be next; a bad --as is told by the server, too."""
    app = gateway_app(gateway_file)
    folder = tmp_path / "admin"
    folder.mkdir(mode=0o700)
    command = ("explain", "GET", f"{ACCOUNT}/invoices/7", "--live", "--config", str(gateway_file))
    environment = {"CROSSBAR__SERVER__ADMIN": str(folder)}
    assert app.gateway is not None
    pool = app.gateway.current.services["billing"].pool
    async with app.lifespan(), administered(app, folder):
        result = await asyncio.to_thread(invoke, *command, **environment)
        assert "billing, 2/2 in order, next: http://127.0.0.1:9001 or http://127.0.0.2:9002/base" in result.output
        pool.found(pool.targets[0], False, "it answers 503")
        result = await asyncio.to_thread(invoke, *command, **environment)
        assert "billing, 1/2 in order, next: http://127.0.0.2:9002/base\n" in result.output
        result = await asyncio.to_thread(invoke, *command, "--as", "x", **environment)
        assert (2, True) == (result.exit_code, "write anonymous" in result.stderr)


def test_live_without_a_server(invoke: Invoke, gateway_file: Path, tmp_path: Path) -> None:
    """Nobody answers, and the message says how somebody would; what the file says of other things is not asked."""
    gateway_file.write_text("[[route]]\n")
    environment = {"CROSSBAR__SERVER__ADMIN": str(tmp_path / "none")}
    result = invoke("explain", "GET", "/x", "--live", "--config", str(gateway_file), **environment)
    assert (3, "") == (result.exit_code, result.stdout)
    assert "no server" in result.stderr
