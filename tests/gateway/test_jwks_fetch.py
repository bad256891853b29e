"""Fetching keys: what is believed to be an answer, and that nothing is asked but what was named."""

from __future__ import annotations

import asyncio
import datetime
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from crossbar.gateway import jwks
from crossbar.gateway.jwks import MOST_BYTES, fetch

from .issuers import private

OK = b"HTTP/1.1 200 OK\r\n"


class Server:
    """A server of raw bytes: what it answers, and what it was asked."""

    def __init__(self, answer: bytes, *, stalls: bool = False) -> None:
        self.answer = answer
        self.asked: list[bytes] = []
        self.url = ""
        self._gone = asyncio.Event()
        if not stalls:
            self._gone.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read the head of a request, answer, and close, or wait if it stalls."""
        try:
            self.asked.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(self.answer)
            await writer.drain()
            await self._gone.wait()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    @asynccontextmanager
    async def running(self, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
        """Serve on a free port, and give its URL."""
        async with await asyncio.start_server(self.serve, "127.0.0.1", 0, ssl=tls) as server:
            port = server.sockets[0].getsockname()[1]
            yield f"{'https' if tls else 'http'}://127.0.0.1:{port}/keys?a=%2F"
            self._gone.set()


def with_length(body: bytes, head: bytes = b"") -> bytes:
    """Give a response with a body."""
    return OK + head + b"Content-Length: %d\r\n\r\n" % len(body) + body


@pytest.mark.parametrize(
    "answer",
    [with_length(b'{"keys": []}'), OK + b'Transfer-Encoding: chunked\r\n\r\nc\r\n{"keys": []}\r\n0\r\n\r\n'],
    ids=["length", "chunked"],
)
async def test_what_is_there_is_fetched(answer: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """The path goes out as it was written, a proxy of the environment is passed over, and no coding is asked for."""
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    server = Server(answer)
    async with server.running() as url:
        assert b'{"keys": []}' == await fetch(url)
    head = server.asked[0].lower()
    assert (1, True, True) == (len(server.asked), b"get /keys?a=%2f http/1.1" in head, b"identity" in head)


async def test_the_longest_answer() -> None:
    """256 KiB are read, and not a byte more."""
    async with Server(with_length(b"x" * MOST_BYTES)).running() as url:
        assert MOST_BYTES == len(await fetch(url))
    async with Server(with_length(b"x" * (MOST_BYTES + 1))).running() as url:
        with pytest.raises(OSError, match="longer than 262144 bytes"):
            await fetch(url)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_no_redirect_is_followed(status: int) -> None:
    """Where a server sends us is not where the settings do."""
    other = Server(with_length(b"{}"))
    async with other.running() as elsewhere:
        answer = b"HTTP/1.1 %d Moved\r\nLocation: %s\r\nContent-Length: 0\r\n\r\n" % (status, elsewhere.encode())
        async with Server(answer).running() as url:
            with pytest.raises(OSError, match=f"answers {status}, where 200 was expected"):
                await fetch(url)
    assert [] == other.asked


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 204 No Content\r\n\r\n",
        OK + b"Content-Length: 20\r\n\r\n{}",
        OK + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n",
    ],
    ids=["nothing", "nonsense", "not-found", "no-content", "cut", "cut-chunks"],
)
async def test_answers_that_are_none(answer: bytes) -> None:
    """An answer that is cut off, or that says that there is none, is not taken for keys."""
    async with Server(answer).running() as url:
        with pytest.raises(OSError, match="http://127"):
            await fetch(url)


@pytest.mark.parametrize("answer", [b"", OK, OK + b"Content-Length: 20\r\n\r\n{}"], ids=["nothing", "head", "body"])
async def test_a_server_that_stalls(answer: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time is for all of it, wherever it is lost."""
    monkeypatch.setattr(jwks, "FETCH_SECONDS", 0.05)
    async with Server(answer, stalls=True).running() as url:
        with pytest.raises(TimeoutError, match=r"does not answer within 0\.05 seconds"):
            await fetch(url)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/", "ftp://127.0.0.1/", "keys", "http://[::1", "http://a:b/", "http://\udc80/"]
)
async def test_places_where_nobody_answers(url: str) -> None:
    """Whatever is wrong with a place is told in the same way."""
    with pytest.raises(OSError, match="cannot be had"):
        await fetch(url)


async def test_a_certificate_that_nobody_vouches_for(tmp_path: Path) -> None:
    """A server that only says itself who it is gets no request."""
    key = private("ES256")
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    day = datetime.timedelta(days=1)
    now = datetime.datetime.now(datetime.UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, now - day, now + day)
    made = made.add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
    (tmp_path / "cert.pem").write_bytes(
        made.sign(key, SHA256()).public_bytes(Encoding.PEM)
        + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(tmp_path / "cert.pem")
    server = Server(with_length(b"{}"))
    async with server.running(context) as url:
        with pytest.raises(OSError, match="certificate"):
            await fetch(url)
    assert [] == server.asked
