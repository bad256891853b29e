"""The access log as JSON: one object a line, whatever a request brings, and what the gateway adds to either form."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from crossbar.cli.assembly import assemble_served
from crossbar.log import AccessLog
from crossbar.settings import Log, Settings, StoreSettings

AGENT = "curl/8.9"
PLAIN = {
    "time": "1970-01-01T00:00:00.000Z",
    "client": "::1",
    "method": "GET",
    "path": "/v2",
    "status": 200,
    "seconds": 0.1,
    "request_id": "id",
    "agent": AGENT,
}


async def line_of(format: Literal["text", "json"] = "json", more: Mapping[str, Any] | None = None, **facts: Any) -> str:
    """Give what is written of one request."""
    told: dict[str, Any] = {
        "at": 0.0,
        "client": "::1",
        "method": "GET",
        "path": "/v2",
        "status": 200,
        "reason": "",
        "seconds": 0.1,
    }
    stream = io.StringIO()
    lines = AccessLog(stream, format)
    lines.add(**(told | {"request_id": "id", "agent": AGENT} | facts), more=more)
    lines.flush()
    return stream.getvalue()


async def object_of(more: Mapping[str, Any] | None = None, **facts: Any) -> dict[str, Any]:
    """Give the object that is written of one request, which is on one line of ASCII."""
    line = await line_of(more=more, **facts)
    assert (1, True, True) == (line.count("\n"), line.endswith("\n"), line[:-1].isascii() and line[:-1].isprintable())
    found: dict[str, Any] = json.loads(line)
    return found


async def test_a_request() -> None:
    """What there is to know of a request, in this order, and no reason where there is none."""
    found = await object_of()
    assert [*PLAIN.items()] == [*found.items()]


@pytest.mark.parametrize(
    ("facts", "key", "expected"),
    [
        pytest.param({"reason": "not_found"}, "reason", "not_found", id="a reason"),
        pytest.param({"at": 1_760_000_000.29}, "time", "2025-10-09T08:53:20.290Z", id="milliseconds"),
        pytest.param({"at": 0.9996}, "time", "1970-01-01T00:00:00.999Z", id="milliseconds are cut off"),
        pytest.param({"seconds": 0.1234567}, "seconds", 0.123457, id="seconds with six digits"),
        pytest.param({"client": ""}, "client", "", id="no address"),
        pytest.param({"agent": ""}, "agent", "", id="no agent"),
        pytest.param({"agent": 'a"b'}, "agent", 'a"b', id="quotes"),
        pytest.param({"path": "/b\u00fccher"}, "path", "/b\u00fccher", id="letters"),
        pytest.param({"path": "/\U0001f600\x7f"}, "path", "/\U0001f600\x7f", id="beyond sixteen bits"),
        pytest.param({"path": "/" + "x" * 600}, "path", "/" + "x" * 511, id="a long path"),
        pytest.param({"agent": "x" * 600}, "agent", "x" * 128, id="a long agent"),
        pytest.param({"method": "X" * 600}, "method", "X" * 32, id="a long method"),
        pytest.param({"reason": "x" * 600}, "reason", "x" * 128, id="a long reason"),
        pytest.param({"path": "/\udc80"}, "path", "/\udc80", id="half a pair of surrogates"),
        pytest.param({"path": "/" + "aB" * 32}, "path", "/***", id="an API key in the path"),
        pytest.param({"path": "/a?auth_token=hunter2&x=1"}, "path", "/a?auth_token=***&x=1", id="a token in the path"),
        pytest.param({"agent": "a token=hunter2"}, "agent", "a token=***", id="a token in the agent"),
    ],
)
async def test_one_fact(facts: dict[str, Any], key: str, expected: Any) -> None:
    """Each fact as it is, but for secrets and sheer length; the others stay as they are."""
    assert PLAIN | {key: expected} == await object_of(**facts)


@pytest.mark.parametrize("field", ["client", "method", "path", "reason", "agent", "request_id"])
@pytest.mark.parametrize("sign", ["\n", "\r", "\x1b", "\0", "\x7f", "\x85", "\x9b", "\u2028", "\u202e", "\\", '"'])
async def test_no_sign_breaks_the_line(field: str, sign: str) -> None:
    """Whatever a field holds, a reader of JSON gets it, and a terminal nothing."""
    facts: dict[str, Any] = {field: f"a{sign}b"}
    assert f"a{sign}b" == (await object_of(**facts))[field]


@given(st.text(st.characters()), st.text(st.characters()), st.dictionaries(st.text(), st.none() | st.text()))
async def test_whatever_comes(path: str, agent: str, more: dict[str, str | None]) -> None:
    """Any text gives one object on one line of ASCII."""
    found = await object_of({f"x{name}": fact for name, fact in more.items()}, path=path, agent=agent)
    assert 200 == found["status"]


MORE = {
    "route": "invoices",
    "upstream": "billing",
    "target": "10.0.0.1:9000",
    "tries": 2,
    "upstream_seconds": 0.25,
    "consumer": "acme",
    "account": "4f2a",
    "user": None,
    "host": "api.example.com",
    "scheme": "https",
    "trace_id": "0af7651916cd43dd8448eb211c80319c",
    "bytes": 3012,
}


async def test_what_the_gateway_knows() -> None:
    """All that is known comes after what is known of every request; what is not known is left out."""
    found = await object_of(MORE)
    assert [*PLAIN.items(), *((name, fact) for name, fact in MORE.items() if fact is not None)] == [*found.items()]


@pytest.mark.parametrize(
    ("fact", "expected"),
    [
        pytest.param("a token=hunter2", "a token=***", id="a secret"),
        pytest.param("x" * 600, "x" * 512, id="a long text"),
        pytest.param(0.12345678, 0.123457, id="seconds"),
        pytest.param(0, 0, id="nothing"),
        pytest.param(False, False, id="no"),
        pytest.param(10**30, 10**30, id="a number of many digits"),
        pytest.param(("a", 1), "('a', 1)", id="anything else"),
    ],
)
async def test_a_fact_of_the_gateway(fact: Any, expected: Any) -> None:
    """Numbers stay numbers; texts keep the rules of all texts; anything else becomes one."""
    assert expected == (await object_of({"user": fact}))["user"]


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        pytest.param(None, "", id="nothing"),
        pytest.param({}, "", id="no facts"),
        pytest.param(MORE, " route=invoices upstream=billing target=10.0.0.1:9000 tries=2", id="all facts"),
        pytest.param({"route": "a", "upstream": None, "user": "b"}, " route=a", id="a request that was refused"),
        pytest.param({"route": "a\nb"}, " route=a\\nb", id="a line end"),
    ],
)
async def test_the_text_form(more: dict[str, Any] | None, expected: str) -> None:
    """As text, a line has some of it behind the request id; without it, the line is as ever."""
    line = await line_of("text", more)
    assert f'1970-01-01T00:00:00Z ::1 GET /v2 200 100.0ms - id{expected} "{AGENT}"\n' == line


async def test_many_requests() -> None:
    """Each has a line of its own, in their order, whether the gateway knows of them or not."""
    stream = io.StringIO()
    lines = AccessLog(stream, "json")
    for number in range(10):
        more = {"tries": number} if number % 2 else None
        lines.add(0.0, "::1", "GET", "/", 200, "", 0.1, str(number), more=more)
    assert "" == stream.getvalue()
    lines.flush()
    found = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [(str(number), number if number % 2 else None) for number in range(10)] == [
        (each["request_id"], each.get("tries")) for each in found
    ]


@pytest.mark.parametrize(("form", "begin"), [("text", "1970-01-01T"), ("json", '{"time":"1970-01-01T')])
async def test_the_setting(form: Literal["text", "json"], begin: str, capsys: pytest.CaptureFixture[str]) -> None:
    """`log.format` says what a server writes to standard error."""
    settings = replace(Settings(), store=StoreSettings("memory:"), log=Log(format=form))
    access_log = assemble_served(settings)[0].access_log
    assert access_log is not None
    access_log.add(0.0, "::1", "GET", "/", 200, "", 0.1, "id")
    access_log.flush()
    assert capsys.readouterr().err.startswith(begin)
