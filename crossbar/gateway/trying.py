"""What a gateway needs that is not in its settings, tried for real: names, targets, and the keys of issuers."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from ipaddress import ip_address
from typing import NamedTuple
from urllib.parse import urlsplit

from ..settings.gateway import seconds
from .assembly import Gateway
from .doubts import PROVIDERS, UPSTREAMS, Doubt, ending
from .pool import Target
from .providers import Source, trial
from .transport import Call, TransportError
from .upstreams import Service

NAME_SECONDS = 5.0
"""Seconds in which a name must be found."""
CONNECT_SECONDS = 5.0
"""Seconds in which a connection must be there, its TLS included, unless the settings are more patient."""
KEYS_SECONDS = 12.0
"""Seconds in which the keys of an issuer must be had."""


class Named(NamedTuple):
    """What is known of the names in the settings: sentences about those that lead nowhere, and about odd ones."""

    faults: list[Doubt]
    doubts: list[Doubt]


class Trial(NamedTuple):
    """What became of a try: of which upstream or provider, which target or issuer, and in words how it went.

    `doubt` is what may go wrong later, empty for nothing.
    """

    name: str
    what: str
    ok: bool
    told: str
    doubt: str = ""


async def names(gateway: Gateway) -> Named:
    """Look up the name of every target and every issuer, all at the same time."""
    found = Named([], [])
    places = [*_places(gateway)]
    answers = await asyncio.gather(*(_addresses(host) for _, _, host, _ in places), return_exceptions=True)
    for (subject, key, host, plain), answer in zip(places, answers, strict=True):
        if isinstance(answer, OSError):
            found.faults.append((subject, f"{key}: the name {host!r} cannot be resolved: {_reason(answer)}"))
        elif isinstance(answer, BaseException):
            raise answer
        elif plain and any(ip_address(each.partition("%")[0]).is_global for each in answer):
            told = "is a public address over plain http: whoever is on the way can read and change what is sent"
            found.doubts.append((subject, f"{key}: {host} {told}"))
    return found


async def trials(gateway: Gateway) -> list[Trial]:
    """Try every target and every issuer, all at the same time."""
    issuers = [gateway.sources[name] for name, said in gateway.settings.provider.items() if said.jwt is not None]
    tried = await asyncio.gather(*map(_try_service, gateway.services.values()), *map(_try_source, issuers))
    return [each for some in tried for each in some]


def _places(gateway: Gateway) -> Iterator[tuple[str, str, str, bool]]:
    """The hosts in the settings: what each is about, its key, its name, and whether it is called over plain http."""
    for name, service in gateway.services.items():
        for at, target in enumerate(service.targets):
            yield UPSTREAMS, f"upstream.{name}.targets.{at}", _host(target.origin), not target.secure
    for name, provider in gateway.settings.provider.items():
        if provider.jwt is not None:
            key = "jwks" if provider.jwt.jwks else "issuer"
            yield PROVIDERS, f"provider.{name}.jwt.{key}", _host(provider.jwt.jwks or provider.jwt.issuer), False


def _host(url: str) -> str:
    return urlsplit(url).hostname or ""


async def _addresses(host: str) -> list[str]:
    """The addresses of a host; OSError, TimeoutError among it, if it has none."""
    loop = asyncio.get_running_loop()
    found: asyncio.Future[list[str]] = loop.create_future()

    def settle(addresses: list[str], error: OSError | None) -> None:
        if found.done():
            return
        if error is None:
            found.set_result(addresses)
        else:
            found.set_exception(error)

    def look() -> None:
        addresses: list[str] = []
        error = None
        try:
            addresses = [str(each[4][0]) for each in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]
        except OSError as raised:
            error = raised
        except UnicodeError:
            error = OSError("it is no name")
        with suppress(RuntimeError):  # nobody waits any more
            loop.call_soon_threadsafe(settle, addresses, error)

    # NOTE: a thread that nobody waits for at the end: the resolver gives up when it likes.
    threading.Thread(target=look, daemon=True).start()
    async with asyncio.timeout(NAME_SECONDS):
        return await found


async def _try_service(service: Service) -> list[Trial]:
    await service.transport.open()
    try:
        return await asyncio.gather(*map(partial(_try_target, service), service.targets))
    finally:
        await service.transport.close()


async def _try_target(service: Service, target: Target) -> Trial:
    """Connect to a target, and ask it what its health check asks."""
    tried = partial(Trial, service.name, target.text)
    limit = max(CONNECT_SECONDS, seconds(service.settings.timeout.connect))
    began = time.perf_counter()
    try:
        async with asyncio.timeout(limit):
            end = await _connect(service, target)
    except TimeoutError:
        return tried(False, f"no answer in {limit:g} s")
    except OSError as error:
        return tried(False, _reason(error))
    doubt = ending("its certificate", end) if end is not None else ""
    if service.check is None:
        return tried(True, f"connected in {_milliseconds(began)}", doubt)
    began = time.perf_counter()
    asked = f"{service.check.method} {service.check.path.decode()}"
    try:
        async with asyncio.timeout(service.check.within):
            status = await _ask(service, target)
    except TimeoutError:
        return tried(False, f"no answer to {asked} in {service.check.within:g} s", doubt)
    except TransportError as error:
        return tried(False, f"{asked}: {error}", doubt)
    if not 200 <= status <= 399:
        return tried(False, f"answers {asked} with {status}", doubt)
    return tried(True, f"{status} in {_milliseconds(began)}", doubt)


async def _connect(service: Service, target: Target) -> datetime | None:
    """Connect to a target and close that again; until when its certificate is good, None without TLS."""
    parts = urlsplit(target.origin)
    host, port = parts.hostname or "", parts.port or (443 if target.secure else 80)
    tls = service.tls if target.secure else None
    name = service.settings.tls.name or host
    _, writer = await asyncio.open_connection(host, port, ssl=tls, server_hostname=name if tls is not None else None)
    try:
        certificate = writer.get_extra_info("peercert")
        if not certificate:
            return None
        return datetime.fromtimestamp(ssl.cert_time_to_seconds(certificate["notAfter"]), UTC)
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


async def _ask(service: Service, target: Target) -> int:
    """The status with which a target answers the health check."""
    assert service.check is not None, "only who has a check is asked"
    fields = ((b"host", target.host_field),)
    call = Call(service.check.method, target.origin, target.base + service.check.path, fields)
    answer = await service.transport.request(call)
    answer.release()
    return answer.status


async def _try_source(source: Source) -> list[Trial]:
    """Fetch the keys of an issuer."""
    began = time.perf_counter()
    try:
        async with asyncio.timeout(KEYS_SECONDS):
            fault = await trial(source)
    except TimeoutError:
        fault = f"no keys in {KEYS_SECONDS:g} s"
    finally:
        await source.close()
    return [Trial(source.name, "keys", not fault, fault or f"had in {_milliseconds(began)}")]


def _milliseconds(began: float) -> str:
    return f"{(time.perf_counter() - began) * 1000:.0f} ms"


def _reason(error: OSError) -> str:
    """Why something did not work, in a few words."""
    if isinstance(error, ConnectionRefusedError):
        return "refused"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not good: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"no TLS: {error.reason or error}"
    if isinstance(error, TimeoutError):
        return f"no answer in {NAME_SECONDS:g} s"
    if isinstance(error, socket.gaierror) or not error.errno or error.errno < 0:
        return (error.strerror or str(error)).lower()
    return os.strerror(error.errno).lower()
