"""What `crossbar check` finds out about names, targets and issuers by trying them."""

from __future__ import annotations

import socket
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID

from crossbar.gateway.assembly import Gateway, Surroundings, gateway_of
from crossbar.gateway.trying import names, trials
from crossbar.limits.buckets import LocalTable
from crossbar.settings import Settings
from tests.ports import kept_free

from .issuers import private
from .misbehaving import Peer, answering, scripted, stalling

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
SICK = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n"
CHECK = "GET /readyz every 1min within 30s"
HASTY = "GET /readyz every 1min within 50ms"


def made(**tables: Any) -> Gateway:
    """The gateway of some tables."""
    return gateway_of(msgspec.convert(tables, Settings), Surroundings((), (), LocalTable(lambda: 0), lambda: 0.0))


def upstream(*targets: str, **more: Any) -> Gateway:
    """A gateway with one upstream."""
    return made(upstream={"up": {"targets": targets, **more}})


async def tried(gateway: Gateway) -> tuple[bool, str]:
    """What became of the only try."""
    [found] = await trials(gateway)
    return found.ok, found.told


async def ignore(peer: Peer) -> None:
    """Say nothing, and wait for the client to go."""
    await peer.reader.read()


async def test_a_target_without_a_check() -> None:
    """It is connected to, and nothing is asked."""
    seen = []

    async def handler(peer: Peer) -> None:
        seen.append(await peer.reader.read())

    async with scripted(handler) as port:
        well, told = await tried(upstream(f"http://127.0.0.1:{port}"))
    assert (True, [b""]) == (well, seen)
    assert told.startswith("connected in ")


async def test_a_target_with_a_check() -> None:
    """It is asked what the health check asks, below its own path."""
    seen = []

    async def handler(peer: Peer) -> None:
        if head := await peer.reader.readuntil(b"\r\n\r\n"):
            seen.append(head.partition(b" HTTP/")[0])
            await peer.send(OK)

    async with scripted(handler) as port:
        well, told = await tried(upstream(f"http://127.0.0.1:{port}/base", health=CHECK))
    assert (True, [b"GET /base/readyz"]) == (well, seen)
    assert told.startswith("200 in ")


async def test_what_is_wrong_with_a_target() -> None:
    """In a few words: nobody listens, it says that it is sick, it says nothing, it says something else."""
    with kept_free() as port:
        assert (False, "refused") == await tried(upstream(f"http://127.0.0.1:{port}"))

    async def asked(peer: Peer, response: bytes) -> None:
        await peer.request()
        await peer.send(response)

    async with scripted(lambda peer: asked(peer, SICK)) as port:
        assert (False, "answers GET /readyz with 503") == await tried(
            upstream(f"http://127.0.0.1:{port}", health=CHECK)
        )
    async with scripted(stalling) as port:
        found = await tried(upstream(f"http://127.0.0.1:{port}", health=HASTY))
        assert (False, "no answer to GET /readyz in 0.05 s") == found
    async with scripted(answering(b"SSH-2.0\r\n\r\n")) as port:
        well, told = await tried(upstream(f"http://127.0.0.1:{port}", health=CHECK))
        assert not well
        assert told.startswith("GET /readyz: ")


async def test_every_target_is_tried() -> None:
    """Each has its own line, in the order of the settings."""
    async with scripted(ignore) as port:
        with kept_free() as gone:
            found = await trials(upstream(f"http://127.0.0.1:{gone}", f"http://127.0.0.1:{port}"))
    assert [("up", f"http://127.0.0.1:{gone}", False), ("up", f"http://127.0.0.1:{port}", True)] == [
        each[:3] for each in found
    ]


# TLS.


def secured(folder: Path, days: int) -> tuple[ssl.SSLContext, Path]:
    """How a server shows a certificate for localhost that is good for so many days, and the file to know it by."""
    key = private("ES256")
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(
        *(subject, subject, key.public_key(), x509.random_serial_number()),
        *(now - timedelta(days=30), now + timedelta(days=days, hours=12)),
    )
    alternative = x509.SubjectAlternativeName([x509.DNSName("localhost")])
    ca = x509.BasicConstraints(ca=True, path_length=None)
    signed = builder.add_extension(alternative, False).add_extension(ca, True).sign(key, hashes.SHA256())
    file, secret = folder / "cert.pem", folder / "key.pem"
    file.write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file, secret)
    return context, file


@pytest.mark.parametrize(("days", "doubt"), [(400, ""), (12, "its certificate expires in 12 days")])
async def test_a_good_certificate(tmp_path: Path, days: int, doubt: str) -> None:
    """The handshake is made, by the name that the settings say, and how long it stays good is told."""
    tls, file = secured(tmp_path, days)
    async with scripted(ignore, tls=tls) as port:
        said = {"ca": str(file), "name": "localhost"}
        [found] = await trials(upstream(f"https://127.0.0.1:{port}", tls=said))
    assert (True, doubt) == (found.ok, found.doubt)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"name": "localhost"}, "its certificate is not good: self-signed certificate"),
        ({"ca": "cert.pem"}, "its certificate is not good: IP address mismatch"),
        ({"ca": "cert.pem", "name": "other.example"}, "its certificate is not good: Hostname mismatch"),
    ],
    ids=["nobody-vouches", "another-address", "another-name"],
)
async def test_a_certificate_that_is_not_good(tmp_path: Path, said: dict[str, str], told: str) -> None:
    """Who shows a wrong one is not talked to."""
    tls, file = secured(tmp_path, 400)
    settings = said | ({"ca": str(file)} if "ca" in said else {})
    async with scripted(ignore, tls=tls) as port:
        well, found = await tried(upstream(f"https://127.0.0.1:{port}", tls=settings))
    assert not well
    assert found.startswith(told)


async def test_no_tls_at_all() -> None:
    """A server that speaks something else is told of as such."""

    async def plain(peer: Peer) -> None:
        await peer.send(b"220 mail.example ESMTP\r\n")
        await peer.reader.read()

    async with scripted(plain) as port:
        well, told = await tried(upstream(f"https://127.0.0.1:{port}"))
    assert not well
    assert told.startswith("no TLS: ")


# Issuers.


@pytest.mark.parametrize(
    ("body", "well", "told"),
    [
        (b'{"keys": []}', False, "has no key for"),
        (b"nothing", False, "is no JWK set"),
    ],
)
async def test_the_keys_of_an_issuer(body: bytes, well: bool, told: str) -> None:
    """They are fetched; API keys need nothing of the kind."""
    answer = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)
    async with scripted(answering(answer)) as port:
        said = {"issuer": "https://login.example", "jwks": f"http://127.0.0.1:{port}/keys"}
        keys = {"keys": [{"id": "acme", "sha256": "0" * 64}]}
        [found] = await trials(made(provider={"staff": {"jwt": said}, "partners": keys}))
    assert ("staff", well) == (found.name, found.ok)
    assert told in found.told


# Names.


@pytest.mark.parametrize("target", ["http://127.0.0.1", "http://[::1]:9000", "https://localhost", "http://10.1.2.3"])
async def test_names_that_lead_somewhere(target: str) -> None:
    """Addresses, and names of this machine, are neither wrong nor odd."""
    assert ([], []) == await names(upstream(target))


async def test_names_that_lead_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is told with its key, be it of a target or of an issuer."""

    def nobody(host: str, *_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nobody)
    jwt = {"issuer": "https://login.example"}
    gateway = made(upstream={"up": {"targets": ["http://a.example", "http://b.example"]}}, provider={"p": {"jwt": jwt}})
    found = await names(gateway)
    assert [
        ("upstreams", "upstream.up.targets.0: the name 'a.example' cannot be resolved: name or service not known"),
        ("upstreams", "upstream.up.targets.1: the name 'b.example' cannot be resolved: name or service not known"),
        ("providers", "provider.p.jwt.issuer: the name 'login.example' cannot be resolved: name or service not known"),
    ] == found.faults


@pytest.mark.parametrize(("scheme", "odd"), [("http", True), ("https", False)])
async def test_public_addresses(monkeypatch: pytest.MonkeyPatch, scheme: str, odd: bool) -> None:
    """Plain http to somebody far away is odd, since everybody on the way reads it."""
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.215.14", 0))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    _, doubts = await names(upstream(f"{scheme}://far.example"))
    assert odd == bool(doubts)
