"""Deliveries over TLS: to a receiver whose certificate is trusted, and made for its name; to no other one."""

from __future__ import annotations

import asyncio
import os
import shutil
import ssl
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OPENSSL = shutil.which("openssl")

SCRIPT = """
import asyncio, ssl, sys
from aiohttp import web
from tests.modules.tools import Receiver, at_home

host, certificate = sys.argv[1:]

async def main():
    receiver = Receiver(host)
    receiver.held.set()
    application = web.Application()
    application.router.add_route("*", "/{rest:.*}", receiver.handle)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    receiver.port = runner.addresses[0][1]
    async with at_home() as home:
        hook = await home.hook(receiver, uri=receiver.uri.replace("http:", "https:"), retries=0)
        await home.device()
        [made] = await home.settled(1)
        signed = [got.signed_by(hook["secret"]) for got in receiver.received]
        print(made["result"], made.get("reason"), signed)
    await runner.cleanup()

asyncio.run(main())
"""


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a key and a certificate for `localhost`, in one file."""
    assert OPENSSL is not None
    path = tmp_path_factory.mktemp("tls")
    made = [OPENSSL, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    made += [
        "-addext",
        "subjectAltName=DNS:localhost",
        "-keyout",
        str(path / "key.pem"),
        "-out",
        str(path / "cert.pem"),
    ]
    subprocess.run(made, check=True, capture_output=True)
    both = path / "both.pem"
    both.write_bytes((path / "key.pem").read_bytes() + (path / "cert.pem").read_bytes())
    ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(both)
    return both


@pytest.mark.skipif(OPENSSL is None, reason="certificates are made with openssl")
@pytest.mark.parametrize(
    ("host", "trusted", "expected"),
    [
        ("localhost", True, "success None [True]"),
        ("localhost", False, "failure no secure connection []"),
        ("127.0.0.1", True, "failure no secure connection []"),
    ],
    ids=["trusted", "not trusted", "another name"],
)
async def test_certificates(certificate: Path, host: str, *, trusted: bool, expected: str) -> None:
    """A delivery is made only to who proves, by a certificate that the system trusts, to be the host that is meant."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)} | ({"SSL_CERT_FILE": str(certificate)} if trusted else {})
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", SCRIPT, host, str(certificate)),
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    told, errors = await child.communicate()
    assert (0, expected) == (child.returncode, told.decode().strip()), errors.decode()
