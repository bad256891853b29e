"""What the server refuses by itself, over raw sockets: in the form of the dialect that the path is written in."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

from crossbar import ANONYMOUS, Context, Crossbar, Endpoint, Principal
from crossbar.explain import explain
from crossbar.fields import SECURE
from crossbar.protocol import connection, limited
from crossbar.settings import Cors, Rate, Settings
from crossbar.stores.memory import MemoryStore
from crossbar.testing import QUICK

from .server import PATIENCE, Served, read_one, serving
from .sockets import speaking

HOST = b"Host: a.test\r\n"
PATHS = {
    "crossbar": b"/v2/fragile",
    "ringcentral": b"/restapi/v1.0/fragile",
    "realm": b"/api/ver1.0/fragile/",
}
SITE = "https://app.example.com"
HASTY = {"header_seconds": 0.1, "body_grace": 0.1, "sweep_seconds": 0.02}


class Fragile(Endpoint):
    """An endpoint whose failures pass through the application to the server."""

    name = "fragile"
    anywhere = True

    async def authenticate(self, ctx: Context) -> Principal:
        """Let everybody in."""
        return ANONYMOUS

    async def find(self, ctx: Context) -> list[str]:
        """Fail."""
        raise LookupError("lost")

    async def create(self, ctx: Context) -> None:
        """Take a body and tell nothing."""


class Told(NamedTuple):
    """An answer: its status, its header fields and its body as JSON."""

    status: int
    headers: dict[str, str]
    body: dict[str, Any]


def office(**settings: Any) -> Any:
    """An application with all of its dialects."""
    chosen = QUICK if not settings else type(QUICK)(auth=QUICK.auth, rate=QUICK.rate, **settings)
    return Crossbar(chosen, store=MemoryStore(), endpoints=[Fragile()], propagate=(LookupError,))


def told(served: Served, *parts: bytes, skip: int = 0) -> Told:
    """The answer to what is sent, which ends the connection; `skip` is how many come before it."""
    with served.connect() as client:
        for part in parts:
            client.sendall(part)
        for _ in range(skip):
            read_one(client)
        status, headers, body = read_one(client)
        assert b"" == client.recv(1)
    return Told(status, headers, json.loads(body))


def in_form(dialect: str, answer: Told, status: int, word: str, code: str) -> None:
    """Hold an answer to what clients of a dialect look for in an error."""
    _, headers, body = answer
    assert status == answer.status
    assert "close" == headers["connection"]
    assert {(name.decode(), value.decode()) for name, value in SECURE} <= set(headers.items())
    id = headers["x-request-id"]
    if dialect == "ringcentral":
        assert {"errorCode", "message", "errors"} == set(body)
        assert [{"errorCode": code, "message": body["message"]}] == body["errors"]
        assert (code, id) == (body["errorCode"], headers["rcrequestid"])
        assert "application/json;charset=utf-8" == headers["content-type"]
    elif dialect == "realm":
        assert {"message", "status"} == set(body)
        assert word == body["status"]
    else:
        kind = "fatal" if status == 500 else "error"
        assert (str(status), word, kind) == (body["error"], body["message"], body["status"])
        assert (id, True) == (body["request_id"], bool(body["data"]["message"]))


def get(path: bytes, fields: bytes = b"", method: bytes = b"GET", version: bytes = b"1.1") -> bytes:
    """A request without a body."""
    return method + b" " + path + b" HTTP/" + version + b"\r\n" + HOST + fields + b"\r\n"


def post(path: bytes, fields: bytes) -> bytes:
    """The head of a request with a body."""
    return get(path, fields, b"POST")


class Wrong(NamedTuple):
    """What is wrong on the wire: the status and word it is told with, RingCentral's code, and the bytes."""

    status: int
    word: str
    code: str
    request: Callable[[bytes], bytes]


WRONG: dict[str, Wrong] = {
    "target": Wrong(414, "uri_too_long", "CMN-101", lambda path: get(path + b"?a=" + b"a" * 9000)),
    "endless target": Wrong(414, "uri_too_long", "CMN-101", lambda path: b"GET " + path + b"a" * 20_000),
    "field": Wrong(431, "headers_too_large", "CMN-101", lambda path: get(path, b"X: " + b"a" * 17_000 + b"\r\n")),
    "fields": Wrong(431, "headers_too_large", "CMN-101", lambda path: get(path, b"X: a\r\n" * 101)),
    "endless fields": Wrong(
        431, "headers_too_large", "CMN-101", lambda path: get(path, b"X: a\r\n" * 9000).rstrip(b"\r\n")
    ),
    "no host": Wrong(400, "bad_request", "CMN-101", lambda path: b"GET " + path + b" HTTP/1.1\r\n\r\n"),
    "field name": Wrong(400, "bad_request", "CMN-101", lambda path: get(path, b"X Y: a\r\n")),
    "target byte": Wrong(400, "bad_request", "CMN-101", lambda path: get(path + b"\xff")),
    "absolute": Wrong(400, "bad_request", "CMN-101", lambda path: get(b"http://a.test" + path)),
    "framing": Wrong(
        400,
        "bad_request",
        "CMN-101",
        lambda path: post(path, b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n"),
    ),
    "chunk": Wrong(
        400, "bad_request", "CMN-101", lambda path: post(path, b"Transfer-Encoding: chunked\r\n") + b"x\r\n"
    ),
    "version": Wrong(505, "version_not_supported", "CMN-203", lambda path: get(path, version=b"2.0")),
    "version, method": Wrong(400, "bad_request", "CMN-101", lambda path: get(path, method=b"BREW", version=b"3.0")),
    "slow header": Wrong(408, "request_timeout", "CMN-101", lambda path: get(path)[:-2]),
    "slow target": Wrong(408, "request_timeout", "CMN-101", lambda path: b"GET " + path),
    "slow body": Wrong(408, "request_timeout", "CMN-101", lambda path: post(path, b"Content-Length: 9\r\n")),
    "method": Wrong(405, "invalid_method", "CMN-202", lambda path: get(path, method=b"BREW")),
    "crash": Wrong(500, "unspecified_fault", "CMN-203", get),
}


@pytest.fixture(scope="module", params=["uvicorn's middleware", "bare", "uvloop"])
def served(request: pytest.FixtureRequest) -> Iterator[Served]:
    """Serve all dialects, also behind what uvicorn puts before an application."""
    options = {"proxy_headers": request.param != "bare", "loop": "uvloop" if request.param == "uvloop" else "asyncio"}
    with serving(office(), limited(**HASTY), **options) as found:
        yield found


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("dialect", PATHS)
def test_each_refusal_in_each_dialect(served: Served, dialect: str, wrong: str) -> None:
    """Whatever is wrong on the wire, clients find the error form that they know."""
    status, word, code, request = WRONG[wrong]
    in_form(dialect, told(served, request(PATHS[dialect])), status, word, code)


@pytest.mark.parametrize("wrong", ["target", "field", "no host", "crash"])
def test_heads(served: Served, wrong: str) -> None:
    """HEAD is told the same without a body (RFC 9110 section 9.3.2)."""
    request = WRONG[wrong].request(PATHS["realm"]).replace(b"GET", b"HEAD", 1)
    head, _, rest = served.ask(request).partition(b"\r\n\r\n")
    assert (b"", True) == (rest, head.startswith(b"HTTP/1.1 %d " % WRONG[wrong].status))


@pytest.mark.parametrize("dialect", PATHS)
def test_too_many_connections(dialect: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client that is sent away at the door is told so in the form of what it asks for."""
    monkeypatch.setattr(connection, "FIRST_WORDS", PATIENCE)
    with serving(office(), limited(max_connections=1)) as served, served.connect() as first:
        first.sendall(b"GET /")
        answer = told(served, get(PATHS[dialect], b"X-Request-ID: mine\r\n"))
        in_form(dialect, answer, 503, "unavailable", "CMN-201")
        assert ("1", "mine") == (answer.headers["retry-after"], answer.headers["x-request-id"])


def test_a_silent_client_is_sent_away_too() -> None:
    """Nobody has to ask for anything to be told that there is no room; it is the first dialect that tells."""
    with serving(office(), limited(max_connections=1)) as served, served.connect() as first:
        first.sendall(b"GET /")
        in_form("crossbar", told(served), 503, "unavailable", "")
        with served.connect():
            pass
        in_form("crossbar", told(served, b"\x16\x03\x01"), 503, "unavailable", "")


@pytest.mark.parametrize(
    "request_", [b"\x16\x03\x01\x02", b"GET\r\n\r\n", b"BR", get(b"a.test:80"), get(b"/nowhere\xff")]
)
def test_nothing_known(served: Served, request_: bytes) -> None:
    """Where the path says nothing, the first dialect answers."""
    in_form("crossbar", told(served, request_), 400, "bad_request", "")


@pytest.mark.parametrize("wrong", ["target", "field", "no host", "method", "version", "slow header", "slow body"])
@pytest.mark.parametrize("dialect", PATHS)
def test_the_id_of_the_client(served: Served, dialect: str, wrong: str) -> None:
    """The id that a client gives its request comes back, unless it is not fit for that; other bytes never do."""
    request = WRONG[wrong].request(PATHS[dialect])
    line, _, rest = request.partition(b"\r\n")
    named = told(served, line + b"\r\nX-request-ID:  my-id.1 \r\n" + rest)
    if wrong != "target":  # refused before its fields are there
        in_form(dialect, named, *WRONG[wrong][:3])
        assert "my-id.1" == named.headers["x-request-id"]
    other = told(served, line + b'\r\nX-Request-ID: "<b>"\r\n' + rest)
    assert 32 == len(other.headers["x-request-id"])


def test_of_two_requests_each_has_its_own(served: Served) -> None:
    """A refusal after a good request is not taken for an answer to that."""
    good = get(b"/livez", b"X-Request-ID: first\r\n")
    bad = get(PATHS["realm"], b"X-Request-ID: second\r\nX: a\r\nHost: b\r\n")
    answer = told(served, good + bad, skip=1)
    in_form("realm", answer, 400, "bad_request", "")
    assert "second" == answer.headers["x-request-id"]
    again = told(served, good + bad.replace(b"X-Request-ID: second\r\n", b""), skip=1)
    in_form("realm", again, 400, "bad_request", "")
    assert 32 == len(again.headers["x-request-id"])


@pytest.mark.parametrize("path", [*PATHS.values(), b"/v2/about", b"/restapi/v1.0/account/~/extension", b"/v2/nowhere"])
def test_an_unknown_method_as_explained(served: Served, path: bytes) -> None:
    """The server says of a method that nobody knows what `explain` says, and what other servers get to hear."""
    explained = explain(office(), "BREW", path.decode())
    answer = told(served, get(path, method=b"BREW"))
    assert (explained.status, explained.allow) == (answer.status, answer.headers.get("allow"))
    assert explained.status == (404 if path == b"/v2/nowhere" else 405)


def test_unknown_methods_are_counted() -> None:
    """Paths cannot be tried out with them more often than with any other method."""
    app = Crossbar(Settings(rate=Rate(size=2, refill=1, per="hour")), store=MemoryStore(), endpoints=[Fragile()])
    with serving(app) as served:  # type: ignore[arg-type]
        for dialect, path in PATHS.items():
            answer = told(served, get(path, method=b"BREW"))
            if dialect != "realm":
                in_form(dialect, answer, 405, "invalid_method", "CMN-202")
        in_form("realm", answer, 429, "rate_limit_exceeded", "")


def test_a_body_is_not_mistaken_for_fields(served: Served) -> None:
    """Only the fields of the request itself count."""
    body = b"\r\nX-Request-ID: planted\r\n\r\n"
    answer = told(served, get(PATHS["realm"], b"Host: b\r\n") + body)
    assert (400, 32) == (answer.status, len(answer.headers["x-request-id"]))


def test_below_a_root_path() -> None:
    """A server that is told of a proxy's prefix finds the dialect below it."""
    with serving(office(), root_path="/office") as served:
        for dialect, path in PATHS.items():
            in_form(dialect, told(served, get(path, b"Host: b\r\n")), 400, "bad_request", "CMN-101")


def test_pages_of_other_sites_may_read_it() -> None:
    """A page that may read answers may read this one."""
    with serving(office(cors=Cors(origins=(SITE,)))) as served:
        answer = told(served, get(PATHS["realm"], b"Origin: %b\r\nHost: b\r\n" % SITE.encode()))
        assert (400, SITE) == (answer.status, answer.headers["access-control-allow-origin"])


@pytest.mark.parametrize("dialect", PATHS)
def test_handshakes(dialect: str) -> None:
    """A handshake that is wrong is told so in the form of its path as well."""
    upgrade = b"Connection: Upgrade\r\nUpgrade: websocket\r\nX-Request-ID: mine\r\n"
    key = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    with speaking(office()) as served:
        other = told(served, get(PATHS[dialect], upgrade + key + b"Sec-WebSocket-Version: 12\r\n"))
        in_form(dialect, other, 426, "upgrade_required", "CMN-101")
        assert ("13", "mine") == (other.headers["sec-websocket-version"], other.headers["x-request-id"])
        keyless = told(served, get(PATHS[dialect], upgrade + b"Sec-WebSocket-Version: 13\r\n"))
        in_form(dialect, keyless, 400, "bad_request", "CMN-101")


@pytest.mark.parametrize("status", [400, 414])
def test_a_dialect_that_fails(status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dialect whose error form crashes does not keep the server from answering."""
    app = office()
    monkeypatch.setattr(app.dialects[0], "failure", lambda ctx, refusal: 1 / 0)
    request = get(b"/v2", b"Host: b\r\n") if status == 400 else get(b"/v2?" + b"a" * 9000)
    with serving(app) as served:
        answer = told(served, request)
        assert (status, {"data", "error", "message", "status", "request_id"}) == (answer.status, set(answer.body))
