"""Connections that do not come about, TLS, and connections that are let go before their time."""

from __future__ import annotations

import asyncio
import datetime
import gc
import os
import socket
import ssl
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from crossbar.gateway.transport import Broken, Call, NotConnected, NotInTime

from .misbehaving import Peer, answering, scripted
from .transports import LOOPS, endless, get, speaking, uploads, whole

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
NAME = "target.example"


@pytest.fixture(params=LOOPS)
def anyio_backend(request: pytest.FixtureRequest) -> Any:
    """Both event loops."""
    return request.param


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a key and a certificate for `target.example`, signed by itself, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, NAME)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(secret + certificate.public_bytes(Encoding.PEM))
    return path


def serving(identity: Path) -> ssl.SSLContext:
    """What a target of https has."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(identity)
    return context


def trusting(identity: Path) -> ssl.SSLContext:
    """What a gateway has that knows the target."""
    return ssl.create_default_context(cafile=identity)


def secure(port: int, **more: Any) -> Call:
    """A call over TLS."""
    call = get(port, **more)
    call.origin = call.origin.replace("http:", "https:")
    return call


async def test_tls(identity: Path) -> None:
    """A target is known by the name that its certificate is to have, and its connection is kept like others."""
    async with (
        scripted(answering(OK, OK), tls=serving(identity)) as port,
        speaking(ssl=trusting(identity), server_name=NAME) as transport,
    ):
        for _ in range(2):
            assert await whole(await transport.request(secure(port))) == b"ok"


@pytest.mark.parametrize(
    ("trusted", "name", "why"),
    [
        (True, None, "its certificate is not good: IP address mismatch"),
        (True, "other.example", "its certificate is not good: Hostname mismatch"),
        (False, NAME, "its certificate is not good: self-signed certificate"),
    ],
)
async def test_a_certificate_that_is_not_good(identity: Path, trusted: bool, name: str | None, why: str) -> None:
    """Another name, or a signature that nobody trusts: NotConnected, and nothing was sent."""
    # NOTE: in its debug mode, asyncio complains of a server that nobody wants to shake hands with.
    asyncio.get_running_loop().set_debug(False)
    context = trusting(identity) if trusted else None
    async with (
        scripted(answering(OK), tls=serving(identity)) as port,
        speaking(ssl=context, server_name=name) as transport,
    ):
        with pytest.raises(NotConnected, match=why):
            await transport.request(secure(port))


async def test_a_target_that_does_not_speak_tls() -> None:
    """NotConnected: the call was never sent."""

    async def handler(peer: Peer) -> None:
        await peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await peer.gone()

    async with scripted(handler) as port, speaking() as transport:
        with pytest.raises(NotConnected, match="no TLS"):
            await transport.request(secure(port))


async def test_the_end_of_a_body_over_tls_is_said(identity: Path) -> None:
    """A body that has no length ends with a close_notify; anybody on the way can send a FIN (RFC 8446, 6.1)."""

    async def handler(peer: Peer) -> None:
        await peer.head()
        await peer.send(b"HTTP/1.1 200 OK\r\n\r\nhello")
        if peer.number:
            with socket.socket(fileno=os.dup(peer.writer.get_extra_info("socket").fileno())) as below:
                below.shutdown(socket.SHUT_WR)
            await peer.gone()

    async with (
        scripted(handler, tls=serving(identity)) as port,
        speaking(ssl=trusting(identity), server_name=NAME) as transport,
    ):
        assert await whole(await transport.request(secure(port))) == b"hello"
        with pytest.raises(Broken):
            await whole(await transport.request(secure(port)))


async def test_refused() -> None:
    """Nobody listens: NotConnected, which says where."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        async with speaking() as transport:
            with pytest.raises(NotConnected, match=f"cannot connect to 127.0.0.1:{port}: connection refused"):
                await transport.request(get(port))


@pytest.mark.parametrize("dns", [0.0, 10.0])
async def test_no_such_name(dns: float) -> None:
    """A name without an address: NotConnected."""
    async with speaking(dns=dns) as transport:
        with pytest.raises(NotConnected, match=r"cannot connect to nobody\.invalid:9: no such name"):
            await transport.request(Call("GET", "http://nobody.invalid:9", b"/", []))


async def test_not_in_time() -> None:
    """A target that does not take connections: NotInTime."""
    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for waiting in (first, second):
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        async with speaking(connect=0.05) as transport:
            with pytest.raises(NotInTime, match=r"no answer in 0\.05 s"):
                await transport.request(get(full.getsockname()[1]))


@pytest.mark.parametrize("body", [None, "pieces", b"x" * 8_000_000], ids=["no body", "pieces", "a body that waits"])
async def test_cancelling_a_request_closes_its_connection(body: Any) -> None:
    """The target sees it at once, also if it has not read what was sent, and nothing is left behind."""
    started, gone = asyncio.Event(), asyncio.Event()

    async def handler(peer: Peer) -> None:
        await peer.head()
        started.set()
        assert len(await peer.gone()) < 8_000_000
        gone.set()

    async with scripted(handler) as port, speaking() as transport:
        call = get(port, method="POST", body=endless() if body == "pieces" else body)
        task = asyncio.create_task(transport.request(call))
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not uploads()
        await gone.wait()
    del task
    gc.collect()


async def test_closing_ends_calls_that_are_under_way() -> None:
    """Whoever waits learns that the connection is gone, and closing does not wait for a target that does not read."""
    started = asyncio.Event()

    async def handler(peer: Peer) -> None:
        await peer.head()
        started.set()
        await asyncio.Event().wait()

    async with scripted(handler) as port, speaking() as transport:
        task = asyncio.create_task(transport.request(get(port, method="PUT", body=b"x" * 8_000_000)))
        await started.wait()
        await transport.close()
        with pytest.raises(Broken):
            await task


async def test_cancelling_a_reader_closes_the_connection() -> None:
    """The target sees it at once, though it has more to send."""
    gone = asyncio.Event()

    async def handler(peer: Peer) -> None:
        await peer.head()
        await peer.send(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhe")
        await peer.gone()
        gone.set()

    async with scripted(handler) as port, speaking() as transport:
        answer = await transport.request(get(port))
        assert await answer.piece() == b"he"
        task = asyncio.create_task(answer.piece())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await gone.wait()
