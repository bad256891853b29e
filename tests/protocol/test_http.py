"""The server protocol over real sockets: requests, responses, flow, time limits and the end."""

from __future__ import annotations

import http.client
import json
import logging
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from crossbar.protocol import HttpProtocol, limited

from .server import (
    PATIENCE,
    App,
    Receive,
    Scope,
    Send,
    Served,
    read_all,
    read_body,
    read_one,
    respond,
    serving,
    until,
    until_set,
)
from .watching import Clock

HOST = b"Host: a.test\r\n"
PAGE = b'{"data":' + b"1" * 100 + b"}"
JSON = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(PAGE))]


def get(target: bytes = b"/", headers: bytes = b"", method: bytes = b"GET", version: bytes = b"1.1") -> bytes:
    return method + b" " + target + b" HTTP/" + version + b"\r\n" + HOST + headers + b"\r\n"


def post(target: bytes, body: bytes, headers: bytes = b"") -> bytes:
    return get(target, b"Content-Length: %d\r\n" % len(body) + headers, b"POST") + body


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Do what the path says."""
    path = scope["path"]
    if path == "/echo":
        await respond(send, await read_body(receive))
    elif path == "/size":
        await respond(send, b"%d" % len(await read_body(receive)))
    elif path == "/chunks":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"x-a", b"b")]})
        for part in (b"one", b"", b"two"):
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body"})
    elif path.startswith("/status/"):
        await respond(send, PAGE, int(path[8:]), JSON)
    elif path == "/close":
        await respond(send, b"", 200, [(b"content-length", b"0"), (b"Connection", b"Close")])
    elif path == "/names":
        await respond(send, b"ab", 200, [(b"Content-Length", b"2"), (b"Transfer-Encoding", b"chunked"), (b"X-Y", b"z")])
    elif path == "/twice":
        first, again = await receive(), await receive()
        raise AssertionError(f"{first} {again}")
    else:
        await respond(send, PAGE, 200, JSON)


@pytest.fixture(scope="module", params=["asyncio", "uvloop"])
def server(request: pytest.FixtureRequest) -> Iterator[Served]:
    # Some tests go on sending after the answer, and are not to be cut off for being slow at it.
    with serving(app, limited(linger_seconds=PATIENCE), loop=request.param) as served:
        yield served


# -- requests and responses


def test_keep_alive(server: Served) -> None:
    """One connection carries many requests, and every response has a date."""
    with server.connect() as client:
        for _ in range(3):
            client.sendall(get())
            status, headers, body = read_one(client)
            assert (200, PAGE) == (status, body)
            assert headers["date"].endswith(" GMT")
            assert "connection" not in headers


def test_pipeline_keeps_its_order(server: Served) -> None:
    """A hundred requests sent at once are answered in their order, though reading pauses in between."""
    with server.connect() as client:
        client.sendall(b"".join([post(b"/echo", b"%d" % i) for i in range(100)]))
        assert [b"%d" % i for i in range(100)] == [read_one(client)[2] for _ in range(100)]


def test_pipeline_is_bounded() -> None:
    """Three thousand requests at once do not wait in memory: reading pauses."""
    longest: list[int] = []
    free = threading.Event()

    class Counted(HttpProtocol):
        def balance(self) -> None:
            longest.append(len(self._queue))
            super().balance()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        await until_set(free)
        await respond(send, b"x")

    with serving(slow, Counted) as served, served.connect() as client:
        sender = threading.Thread(target=client.sendall, args=(get() * 3_000,))
        sender.start()
        until(lambda: longest)
        free.set()
        for _ in range(3_000):
            assert b"x" == read_one(client)[2]
        sender.join()
    assert max(longest) < 200


@pytest.mark.parametrize("size", [0, 1, 5, 65_536, 5_000_000])
def test_uploads(server: Served, size: int) -> None:
    """Bodies arrive whole, with a length and in chunks."""
    body = bytes(range(251)) * (size // 251 + 1)
    body = body[:size]
    chunks = [body[i : i + 70_001] for i in range(0, size, 70_001)]
    with server.connect() as client:
        client.sendall(post(b"/echo", body) if size < 1_000_000 else post(b"/size", body))
        assert (body if size < 1_000_000 else b"%d" % size) == read_one(client)[2]
        client.sendall(get(b"/size", b"Transfer-Encoding: chunked\r\n", b"POST"))
        for chunk in chunks:
            client.sendall(b"%x\r\n%b\r\n" % (len(chunk), chunk))
        client.sendall(b"0\r\n\r\n")
        assert b"%d" % size == read_one(client)[2]


@pytest.mark.parametrize("status", [200, 201, 204, 299, 304, 404, 500, 599])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_statuses_without_a_body(server: Served, status: int, method: str) -> None:
    """HEAD, 204 and 304 have no body, so that the next response is understood; 204 has no length either."""
    with server.connect() as client:
        client.sendall(get(b"/status/%d" % status, method=method.encode()) + get())
        silent = method == "HEAD" or status in (204, 304)
        answer, headers, body = read_one(client, "HEAD" if silent else "GET")
        assert (status, b"" if silent else PAGE) == (answer, body)
        assert (None if status == 204 else str(len(PAGE))) == headers.get("content-length")
        assert "transfer-encoding" not in headers
        assert (200, PAGE) == read_one(client)[::2]


def test_chunked_response(server: Served) -> None:
    """A response without a length is sent in chunks; an empty part does not end it."""
    said = server.ask(get(b"/chunks", b"Connection: close\r\n"))
    head, _, body = said.partition(b"\r\n\r\n")
    assert b"\r\ntransfer-encoding: chunked" in head
    assert b"\r\nconnection: close" in head
    assert b"3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n" == body


def test_http_1_0(server: Served) -> None:
    """HTTP/1.0 gets no chunks and no further request: the end of the connection ends the body."""
    said = server.ask(get(b"/chunks", b"Connection: keep-alive\r\n", version=b"1.0"))
    head, _, body = said.partition(b"\r\n\r\n")
    assert b"onetwo" == body
    assert b"transfer-encoding" not in head
    assert b"\r\nconnection: close" in head


@pytest.mark.parametrize("target", [b"/close", b"/"])
def test_close(server: Served, target: bytes) -> None:
    """Either side ends the connection with its response."""
    said = server.ask(get(target, b"Connection: close\r\n" if target == b"/" else b""))
    assert 1 == said.lower().count(b"\r\nconnection: close\r\n")


def test_names_are_lowered(server: Served) -> None:
    """An application that writes names in capitals still has its length heeded, and no say in the transfer."""
    with server.connect() as client:
        client.sendall(get(b"/names"))
        assert (200, b"ab") == read_one(client)[::2]
        client.sendall(get(b"/names"))
        assert "transfer-encoding" not in read_one(client)[1]


def test_expect_continue(server: Served) -> None:
    """The client is asked for its body when the application wants it, and not before."""
    with server.connect() as client:
        client.sendall(get(b"/echo", b"Content-Length: 3\r\nExpect: 100-continue\r\n", b"POST"))
        assert b"HTTP/1.1 100 Continue\r\n\r\n" == client.recv(1000)
        client.sendall(b"abc")
        assert b"abc" == read_one(client)[2]
        client.sendall(get(b"/", b"Content-Length: 3\r\nExpect: 100-continue\r\n", b"POST"))
        status, headers, _ = read_one(client)
        assert (200, "close") == (status, headers["connection"])
        assert b"" == read_all(client)


def test_answer_before_the_body_is_there(server: Served) -> None:
    """A small body that nobody wants is thrown away; for a large one the connection ends, after the answer."""
    with server.connect() as client:
        client.sendall(get(b"/", b"Content-Length: 3\r\n", b"POST"))
        assert 200 == read_one(client)[0]
        client.sendall(b"abc" + get(b"/status/201"))
        assert 201 == read_one(client)[0]
    with server.connect() as client:
        client.sendall(get(b"/", b"Content-Length: 3000000\r\n", b"POST"))
        assert "close" == read_one(client)[1]["connection"]
        client.sendall(b"a" * 3_000_000)
        assert b"" == read_all(client)


def test_receive_ends_with_the_client(server: Served, caplog: pytest.LogCaptureFixture) -> None:
    """After the body, `receive` waits until the client has gone."""
    with server.connect() as client:
        client.sendall(get(b"/twice"))
        until(lambda: server.server.server_state.tasks)
    until(lambda: "http.disconnect" in caplog.text)
    assert "{'type': 'http.request', 'body': b'', 'more_body': False}" in caplog.text


def test_state_and_root_path() -> None:
    """The lifespan's state is copied into each request, and the root path stands before the path."""
    seen: list[Scope] = []

    async def stateful(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await receive()
            scope["state"]["a"] = 1
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        seen.append(scope)
        scope["state"]["a"] += 1
        await respond(send, b"%d" % scope["state"]["a"])

    with serving(stateful, lifespan="on", root_path="/api") as served, served.connect() as client:
        for _ in range(2):
            client.sendall(get(b"/a%2Fb?c"))
            assert b"2" == read_one(client)[2]
    assert ("/api", "/api/a/b", b"/api/a%2Fb", b"c") == tuple(
        seen[0][key] for key in ("root_path", "path", "raw_path", "query_string")
    )


# -- applications that fail


async def failing(scope: Scope, receive: Receive, send: Send) -> None:
    """Go wrong in the way that the path says."""
    path = scope["path"]
    if path == "/before":
        raise ValueError("before")
    if path == "/silent":
        return
    if path.startswith("/header/"):
        name, value = json.loads(scope["query_string"].replace(b"%22", b'"'))
        await respond(send, b"", 200, [(name.encode("latin-1"), value.encode("latin-1"))])
        return
    if path == "/status":
        await respond(send, b"", 99)
    headers = [(b"content-length", b"10")] if path.startswith("/length") else []
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    if path == "/start":
        raise ValueError("after the start")
    if path == "/length/long":
        await send({"type": "http.response.body", "body": b"a" * 11})
    await send({"type": "http.response.body", "body": b"part", "more_body": True})
    if path == "/length/short":
        await send({"type": "http.response.body", "body": b"a"})
    if path == "/part":
        raise ValueError("after a part")


@pytest.fixture(scope="module")
def broken() -> Iterator[Served]:
    with serving(failing) as served:
        yield served


def test_any_broken_header_is_500() -> None:
    """Line breaks, NUL and bad names never reach the wire."""
    bad = [
        *[(b"x-a", value) for value in (b"a\r\nx: y", b"a\nx: y", b"a\rb", b"a\r", b"a\n", b"\r\n", b"a\0b", b"\na")],
        *[(name, b"a") for name in (b"x\r\ny", b"x: y", b"x\ny", b"", b"x y", b"x\0", b"\xe4")],
        (b"content-length", b"+1"),
        (b"content-length", b"1\r\nx: y"),
        (b"Content-Length", b"1 "),
        (b"connection", b"a\r\nx: y"),
    ]

    async def injecting(scope: Scope, receive: Receive, send: Send) -> None:
        pair = bad[int(scope["path"][1:])]
        await respond(send, b"", 200, [(b"x-before", b"a"), pair, (b"x-after", b"b")])

    with serving(injecting) as served:
        for number, pair in enumerate(bad):
            said = served.ask(get(b"/%d" % number))
            assert said.startswith(b"HTTP/1.1 500 "), pair
            assert b"x: y" not in said
            assert b"x-before" not in said


@pytest.mark.parametrize(
    ("method", "path"),
    # HEAD has no body that could be too long.
    [
        *(("GET", path) for path in ("/before", "/silent", "/start", "/length/long", "/status")),
        *(("HEAD", path) for path in ("/before", "/silent", "/start", "/status")),
    ],
)
def test_crash_before_the_first_byte(broken: Served, caplog: pytest.LogCaptureFixture, path: str, method: str) -> None:
    """A response that was not begun becomes a 500 in JSON, it is logged, and the connection ends."""
    said = broken.ask(get(path.encode(), method=method.encode()) + get(b"/before"))
    head, _, body = said.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 500 ")
    assert 1 == said.count(b"HTTP/1.1 ")
    if method == "GET":
        assert ("fatal", "500") == (json.loads(body)["status"], json.loads(body)["error"])
    else:
        assert b"" == body
    assert "application" in caplog.text


@pytest.mark.parametrize("path", ["/part", "/length/short", "/nothing"])
@pytest.mark.parametrize("version", [b"1.1", b"1.0"])
def test_crash_after_the_first_byte(broken: Served, path: str, version: bytes) -> None:
    """A response that was begun is broken off with a reset: no client takes it for complete."""
    said = b""
    with broken.connect() as client:
        client.sendall(get(path.encode(), version=version))
        with pytest.raises(ConnectionResetError):  # noqa: PT012
            while part := client.recv(1000):
                said += part
    assert b"\r\n0\r\n\r\n" not in said


# -- flow


def test_slow_application_bounds_what_is_read() -> None:
    """Of a large upload only a little is read while the application does not ask for it."""
    free = threading.Event()
    kept: list[int] = []
    protocols: list[Any] = []

    class Weighed(HttpProtocol):
        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            protocols[:] = [self]
            kept.append((self._receiving.buffered if self._receiving else 0) + len(self._stash))

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        await until_set(free)
        await respond(send, b"%d" % len(await read_body(receive)))

    size = 20_000_000
    with serving(slow, Weighed) as served, served.connect() as client:
        sender = threading.Thread(target=client.sendall, args=(post(b"/", b"a" * size),))
        sender.start()
        until(lambda: protocols and protocols[0]._read_paused)
        free.set()
        assert b"%d" % size == read_one(client)[2]
        sender.join()
    assert max(kept) < 65_536 + 4_096 + 262_144 + 1_000


def test_slow_reader_holds_the_application() -> None:
    """`send` waits for a client that does not read, and goes on when it does."""
    sent: list[int] = []

    async def large(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"50000000")]})
        for i in range(500):
            await send({"type": "http.response.body", "body": b"a" * 100_000, "more_body": i < 499})
            sent.append(i)

    with serving(large) as served, served.connect() as client:
        client.sendall(get())
        until(lambda: served.connections and served.connections[0].write_paused)
        assert len(sent) < 400
        assert served.connections[0].transport.get_write_buffer_size() < 300_000
        assert 50_000_000 == len(read_one(client)[2])


def test_client_that_goes_is_noticed() -> None:
    """`receive` says so at once, and what is sent afterwards is dropped."""
    told: list[str] = []
    here = threading.Event()

    async def waiting(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        here.set()
        told.append((await receive())["type"])
        await respond(send, b"a")
        told.append("sent")

    with serving(waiting) as served:
        with served.connect() as client:
            client.sendall(get())
            assert here.wait(PATIENCE)
        until(lambda: len(told) == 2)
    assert ["http.disconnect", "sent"] == told


# -- time limits

QUICK = {"sweep_seconds": 0.02}


@pytest.mark.parametrize("sent", [b"", get(), b"\r\n\r\n"], ids=["nothing", "a request", "blank lines"])
def test_idle(sent: bytes) -> None:
    """A connection without a request is closed without a word, before the first and after one."""
    with serving(app, limited(keep_alive_seconds=PATIENCE, **QUICK)) as served, served.connect() as client:
        client.sendall(sent)
        assert not sent.startswith(b"GET") or read_one(client)[0] == 200
        until(lambda: served.connections)
        served.connections[0].watch._keep_alive = 0.1  # only now, for what is sent too late is reset
        assert b"" == read_all(client)


@pytest.mark.parametrize("part", [b"G", b"GET / HTTP/1.1\r\nHost: a", get() + b"GET / HTTP/1.1\r\nHost: a"])
def test_slow_header(part: bytes) -> None:
    """A header that does not end is answered 408."""
    with serving(app, limited(header_seconds=0.2, **QUICK)) as served:
        said = served.ask(part)
    assert 1 == said.count(b"HTTP/1.1 408 ")
    assert said.endswith(b"}")


def test_dribbled_header() -> None:
    """Bytes now and then do not prolong the time for a header."""
    with serving(app, limited(header_seconds=0.2, **QUICK)) as served, served.connect() as client:
        client.settimeout(0.01)
        said = b""
        client.sendall(b"GET / HTTP/1.1\r\n")
        for _ in range(400):
            try:
                said = client.recv(1000)
                break
            except TimeoutError:
                client.sendall(b"X: a\r\n")
        assert said.startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize(
    "request_",
    [get(b"/echo", b"Content-Length: 9\r\n", b"POST") + b"a", get(b"/echo", b"Transfer-Encoding: chunked\r\n")],
)
def test_stalled_body(request_: bytes) -> None:
    """A body that stalls is answered 408, and the application is told that nobody is there."""
    with serving(app, limited(body_grace=0.2, **QUICK)) as served:
        said = served.ask(request_)
        until(lambda: not served.server.server_state.tasks)
    assert said.startswith(b"HTTP/1.1 408 ")
    assert 1 == said.count(b"HTTP/1.1 ")


def test_slow_application_is_not_the_clients_fault() -> None:
    """While the server does not read, or has not asked for the body, a body is not late."""
    free = threading.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        await until_set(free)
        await respond(send, b"%d" % len(await read_body(receive)))

    with serving(slow, limited(body_grace=20, sweep_seconds=0.005)) as served:  # noqa: SIM117
        with served.connect() as waiting, served.connect() as client:
            waiting.sendall(get(b"/", b"Content-Length: 3\r\nExpect: 100-continue\r\n", b"POST"))
            sender = threading.Thread(target=client.sendall, args=(post(b"/", b"a" * 9_000_000),))
            sender.start()
            until(lambda: len(served.connections) == 2 and any(each._read_paused for each in served.connections))
            clock = Clock(served)
            for _ in range(15):
                clock.wait(10)
            free.set()  # and from now on the clock stands
            assert b"9000000" == read_one(client)[2]
            sender.join()
            assert b"HTTP/1.1 100 Continue\r\n\r\n" == waiting.recv(1000)
            waiting.sendall(b"abc")
            assert b"3" == read_one(waiting)[2]


def test_reader_that_stopped() -> None:
    """A client that reads nothing is cut off, while it is being answered and after it."""
    begun = threading.Event()

    async def large(scope: Scope, receive: Receive, send: Send) -> None:
        begun.set()
        await respond(send, b"a" * 30_000_000)

    with serving(large, limited(write_seconds=0.2, **QUICK)) as served, served.connect(receive_buffer=4096) as client:
        client.sendall(get())
        assert begun.wait(PATIENCE)
        until(lambda: not served.connections)


# -- the end


def test_graceful_shutdown(caplog: pytest.LogCaptureFixture) -> None:
    """A running request is finished and told that the connection closes; idle connections are closed at once."""
    free, here = threading.Event(), threading.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/slow":
            here.set()
            await until_set(free)
        await respond(send, b"done")

    with serving(slow) as served, served.connect() as idle, served.connect() as busy:
        idle.sendall(get())
        assert b"done" == read_one(idle)[2]
        busy.sendall(get(b"/slow"))
        assert here.wait(PATIENCE)
        served.server.should_exit = True
        assert b"" == read_all(idle)
        free.set()
        status, headers, body = read_one(busy)
        assert (200, "close", b"done") == (status, headers["connection"], body)
        assert b"" == read_all(busy)
        until(lambda: not served.connections and not served.server.server_state.tasks)
    assert [] == [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_nothing_is_left_behind(server: Served) -> None:
    """Connections and tasks are forgotten when they end."""
    for _ in range(20):
        server.ask(get(b"/", b"Connection: close\r\n"))
        server.ask(b"nonsense\r\n\r\n")
    until(lambda: not server.connections and not server.server.server_state.tasks)


# -- other people's clients, and uvicorn's own protocol


def test_curl(server: Served) -> None:
    """curl: two requests on a connection, an upload that expects 100, and an offer of HTTP/2."""
    curl = shutil.which("curl")
    if curl is None:
        pytest.skip("curl is not here")
    url = f"http://127.0.0.1:{server.port}"
    got = subprocess.run([curl, "-sS", "--http1.1", f"{url}/", f"{url}/chunks"], capture_output=True, check=True)
    assert PAGE + b"onetwo" == got.stdout
    sent = [curl, "-sS", "-H", "Expect: 100-continue", "--data-binary", "@-", f"{url}/size"]
    got = subprocess.run(sent, input=b"a" * 3_000_000, capture_output=True, check=True)
    assert b"3000000" == got.stdout
    got = subprocess.run([curl, "-sS", "--http2", f"{url}/"], capture_output=True, check=True)
    assert PAGE == got.stdout


def test_http_client(server: Served) -> None:
    """The standard library's client."""
    client = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
    for body in (b"a", b"b" * 1_000_000):
        client.request("POST", "/size", body)
        assert b"%d" % len(body) == client.getresponse().read()
    client.request("PUT", "/size", iter([b"ab", b"cde"]), {"Transfer-Encoding": "chunked"}, encode_chunked=True)
    assert b"5" == client.getresponse().read()
    client.close()


def test_httpx(server: Served) -> None:
    """httpx2 with a pool."""
    with httpx2.Client(base_url=f"http://127.0.0.1:{server.port}") as client:
        assert PAGE == client.get("/").content
        assert b"onetwo" == client.get("/chunks").content
        assert b"abc" == client.post("/echo", content=b"abc").content
        assert 204 == client.get("/status/204").status_code


SAME: dict[str, bytes] = {
    "plain": get(),
    "query": get(b"/a?b=c&d=%20"),
    "empty query": get(b"/a?"),
    "escapes": get(b"/a%2Fb%C3%A4%FF"),
    "two question marks": get(b"/a?b?c"),
    "dots": get(b"/../a/./b"),
    "headers": get(headers=b"X-A: 1\r\nx-a: 2\r\nAccept:text/html\r\nX-Empty:\r\n"),
    "head": get(method=b"HEAD"),
    "options": get(method=b"OPTIONS"),
    "delete": get(method=b"DELETE"),
    "body": post(b"/echo", b"abc"),
    "chunked body": get(b"/echo", b"Transfer-Encoding: chunked\r\n", b"PUT") + b"3\r\nabc\r\n0\r\n\r\n",
    "chunked response": get(b"/chunks"),
    "404": get(b"/status/404"),
    "599": get(b"/status/599"),
    "close": get(b"/close"),
    "1.0": get(version=b"1.0"),
    "pipeline": get() + get(b"/chunks") + post(b"/echo", b"a"),
}


@pytest.fixture(scope="module")
def both() -> Iterator[list[tuple[Served, list[Scope]]]]:
    def recording() -> tuple[App, list[Scope]]:
        seen: list[Scope] = []

        async def recorder(scope: Scope, receive: Receive, send: Send) -> None:
            seen.append(scope)
            await app(scope, receive, send)

        return recorder, seen

    ours, theirs = recording(), recording()
    with serving(ours[0]) as first, serving(theirs[0], "httptools") as second:
        yield [(first, ours[1]), (second, theirs[1])]


@pytest.mark.parametrize("case", SAME)
def test_same_as_uvicorn(both: list[tuple[Served, list[Scope]]], case: str) -> None:
    """An application sees the same scope, and its client the same response, as with uvicorn's own protocol.

    What may be sent beyond that (`extensions`) is each protocol's own.
    """
    results = []
    for served, seen in both:
        seen.clear()
        with served.connect() as client:
            client.sendall(SAME[case] + get(b"/", b"Connection: close\r\n"))
            said = read_all(client)
        own = ("client", "server", "state", "extensions")
        scopes = [{key: scope[key] for key in scope if key not in own} for scope in seen]
        results.append((scopes, _comparable(said)))
    assert results[1] == results[0]


def _comparable(said: bytes) -> list[Any]:
    """Heads with their headers sorted and without the date, bodies as they are."""
    return [
        sorted(line for line in part.split(b"\r\n") if not line.startswith(b"date:")) if b"date:" in part else part
        for part in said.split(b"\r\n\r\n")
    ]


def test_unix_socket(tmp_path: Any) -> None:
    """A UNIX socket has no client address."""
    path = str(tmp_path / "s")
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.close()
    seen: list[Scope] = []

    async def recorder(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope)
        await respond(send, b"a")

    with serving(recorder, uds=path), socket.socket(socket.AF_UNIX) as client:
        client.settimeout(PATIENCE)
        client.connect(path)
        client.sendall(get())
        assert b"a" == read_one(client)[2]
    assert seen[0]["client"] is None
