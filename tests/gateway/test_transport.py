"""The transport on aiohttp: what goes out byte for byte, what comes back, and which connections are used again."""

from __future__ import annotations

from typing import Any

import pytest

from crossbar.gateway.transport import Broken, Call

from .misbehaving import Peer, answering, scripted, stalling
from .transports import LOOPS, get, pieces_of, speaking, whole

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


@pytest.fixture(params=LOOPS)
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    """Both event loops."""
    return request.param


@pytest.mark.parametrize(
    "path",
    [
        b"/",
        b"/a%2Fb/../c",
        b"//x//",
        b"/%zz%",
        b"/a?",
        b"/a?b=c&b=%20+d",
        b'/?\xe4\xff|"<>`{}\\^',
        b"/a;b=c?d?e",
        b"/user:word@host/x",
        b"/a#b",
        b"*",
    ],
)
async def test_the_path_goes_out_as_it_is(path: bytes) -> None:
    """Not a byte of path and query is changed."""
    heads: list[bytes] = []

    async def handler(peer: Peer) -> None:
        heads.append(await peer.head())
        await peer.send(OK)

    async with scripted(handler) as port, speaking() as transport:
        assert await whole(await transport.request(get(port, path))) == b"ok"
    assert heads == [b"GET %b HTTP/1.1\r\nhost: target.example\r\n\r\n" % path]


@pytest.mark.parametrize(
    ("method", "body", "length", "framing"),
    [
        ("GET", None, None, b""),
        ("GET", b"", None, b""),
        ("GET", b"abc", None, b"content-length: 3\r\n\r\nabc"),
        ("POST", None, None, b""),
        ("POST", b"", None, b"content-length: 0\r\n\r\n"),
        ("PUT", b"", None, b"content-length: 0\r\n\r\n"),
        ("DELETE", b"", None, b""),
        ("QUERY", b"abc", None, b"content-length: 3\r\n\r\nabc"),
        ("POST", [b"ab", b"", b"c"], None, b"transfer-encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"),
        ("POST", [b"ab", b"", b"c"], 3, b"content-length: 3\r\n\r\nabc"),
        ("POST", [], None, b"transfer-encoding: chunked\r\n\r\n0\r\n\r\n"),
        ("POST", [], 0, b"content-length: 0\r\n\r\n"),
    ],
)
async def test_a_call_is_its_fields_and_the_framing_of_its_body(
    method: str, body: bytes | list[bytes] | None, length: int | None, framing: bytes
) -> None:
    """All fields go out in their order, repeated ones too, and nothing is added but what frames the body."""
    seen: list[bytes] = []

    async def handler(peer: Peer) -> None:
        head, data = await peer.request()
        seen.append(head + data)
        await peer.send(b"HTTP/1.1 204 No Content\r\n\r\n")

    fields = [(b"cookie", b"a=1"), (b"x-b", b""), (b"cookie", b"b=\xff"), (b"accept", b"*/*"), (b"X-B", b"2")]
    sent = pieces_of(*body) if isinstance(body, list) else body
    async with scripted(handler) as port, speaking() as transport:
        await transport.request(get(port, method=method, fields=fields, body=sent, length=length))
    start = (
        b"%b / HTTP/1.1\r\nhost: target.example\r\ncookie: a=1\r\nx-b: \r\ncookie: b=\xff\r\naccept: */*\r\nX-B: 2\r\n"
    )
    assert seen == [start % method.encode() + (framing or b"\r\n")]


@pytest.mark.parametrize(
    "call",
    [
        Call("GET", "", b"/ x", []),
        Call("GET", "", b"/\r\nx: y", []),
        Call("GE T", "", b"/", []),
        Call("GET", "", b"/", [(b"a\r\nb", b"c")]),
        Call("GET", "", b"/", [(b"a", b"b\nc")]),
        Call("GET", "", b"/", [(b"a", b"b\rc")]),
        Call("GET", "", b"/", [(b"a", b"b\0c")]),
    ],
    ids=lambda call: repr((call.method, call.path, call.fields)),
)
async def test_what_would_be_another_request_is_not_sent(call: Call) -> None:
    """A call with a line break, a space or a NUL where none can be is refused, and no connection is made for it."""
    async with scripted(stalling) as port, speaking() as transport:
        call.origin = f"http://127.0.0.1:{port}"
        with pytest.raises(ValueError, match="would end a field or the path"):
            await transport.request(call)


async def test_the_fields_of_a_response_come_as_they_are() -> None:
    """Names are in lower case; values, order and repetitions are the target's, and no byte is taken for text."""
    response = (
        b"HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nX-Y: \t\xe4\xff\t\r\nset-cookie: b=2\r\nContent-Length: 0\r\n\r\n"
    )
    async with scripted(answering(response, OK)) as port, speaking() as transport:
        answer = await transport.request(get(port))
        assert answer.fields == [
            (b"set-cookie", b"a=1"),
            (b"x-y", b"\xe4\xff"),
            (b"set-cookie", b"b=2"),
            (b"content-length", b"0"),
        ]
        assert (answer.status, answer.length, answer.whole) == (200, 0, b"")


async def test_redirects_cookies_and_codings_are_none_of_its_business() -> None:
    """No redirect is followed, no cookie is sent back, nothing is decompressed."""
    seen: list[bytes] = []

    async def handler(peer: Peer) -> None:
        for _ in range(2):
            seen.append(await peer.head())
            await peer.send(
                b"HTTP/1.1 302 Found\r\nlocation: /other\r\nset-cookie: a=b\r\ncontent-encoding: gzip\r\n"
                b"content-length: 3\r\n\r\nraw"
            )

    async with scripted(handler) as port, speaking() as transport:
        for _ in range(2):
            answer = await transport.request(get(port))
            assert (answer.status, await whole(answer)) == (302, b"raw")
    assert seen == [b"GET / HTTP/1.1\r\nhost: target.example\r\n\r\n"] * 2


async def test_a_connection_is_used_again() -> None:
    """One connection serves calls one after the other, whatever the body of each was like."""
    numbers: list[int] = []

    async def handler(peer: Peer) -> None:
        while True:
            head, _ = await peer.request()
            numbers.append(peer.number)
            if head.startswith(b"HEAD"):
                await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n")
            elif head.startswith(b"POST"):
                await peer.send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n")
            elif head.startswith(b"PUT"):
                await peer.send(b"HTTP/1.1 204 No Content\r\n\r\n")
            elif head.startswith(b"DELETE"):
                await peer.send(b"HTTP/1.1 304 Not Modified\r\ncontent-length: 7\r\n\r\n")
            else:
                await peer.send(OK)

    async with scripted(handler) as port, speaking() as transport:
        for method, length, body in (
            ("HEAD", 7, b""),
            ("POST", None, b"ok"),
            ("PUT", None, b""),
            ("DELETE", 7, b""),
            ("GET", 2, b"ok"),
        ):
            answer = await transport.request(get(port, method=method, body=pieces_of(b"x")))
            assert (answer.length, await whole(answer)) == (length, body)
            answer.release()
    assert numbers == [0] * 5


@pytest.mark.parametrize(
    ("first", "options"),
    [
        (b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok", {}),
        (b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok", {}),
        (OK, {"keep": 0}),
    ],
    ids=["close", "HTTP/1.0", "nothing is kept"],
)
async def test_a_connection_is_not_kept(first: bytes, options: dict[str, Any]) -> None:
    """A connection that is not to be kept is closed after its call, and the next call has a new one."""
    numbers: list[int] = []

    async def handler(peer: Peer) -> None:
        await peer.head()
        numbers.append(peer.number)
        await peer.send(first)
        assert await peer.gone() == b""

    async with scripted(handler) as port, speaking(**options) as transport:
        for _ in range(2):
            assert await whole(await transport.request(get(port))) == b"ok"
    assert numbers == [0, 1]


@pytest.mark.parametrize("how", ["fin", "rst"])
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_kept_connection_that_the_target_closes_is_told_and_nothing_is_tried_twice(
    method: str, how: str
) -> None:
    """Broken, and that the connection had served a call before: whether to try again is for others to say."""
    heads: list[bytes] = []

    async def handler(peer: Peer) -> None:
        heads.append(await peer.head())
        await peer.send(OK)
        heads.append(await peer.head())
        if how == "rst":
            peer.reset()

    async with scripted(handler) as port, speaking() as transport:
        assert await whole(await transport.request(get(port))) == b"ok"
        with pytest.raises(Broken, match="before it answered") as caught:
            await transport.request(get(port, b"/2", method))
        assert caught.value.reused
    assert [head.split()[1] for head in heads] == [b"/", b"/2"]


async def test_a_new_connection_that_breaks_is_not_a_reused_one() -> None:
    """Nor is one that has begun to answer: the target has seen the call."""

    async def handler(peer: Peer) -> None:
        await peer.head()
        if peer.number:
            await peer.send(OK)
            await peer.head()
            await peer.send(b"HTTP/1.1 2")

    async with scripted(handler) as port, speaking() as transport:
        with pytest.raises(Broken, match="before it answered") as caught:
            await transport.request(get(port))
        assert not caught.value.reused
        assert await whole(await transport.request(get(port))) == b"ok"
        with pytest.raises(Broken, match="after a part") as caught:
            await transport.request(get(port))
        assert not caught.value.reused
