"""Sending requests to receivers: the one file that imports aiohttp, and so is itself imported with the first delivery.

A receiver is not trusted. It has a time to connect and a time to answer in; redirects are not followed; of its response
the status counts, and of the rest little is read. Cookies, proxies from the environment and compression are left alone.
Each attempt has a connection of its own: one that was kept open may be closed by the receiver just when it is used, and
nobody could tell whether the delivery had arrived.
"""

from __future__ import annotations

import asyncio
import socket
import time
from contextlib import suppress
from threading import Thread
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from .guard import Sockets
from .messages import Message
from .options import WebhookOptions
from .schedule import Outcome, seconds_until

BODY = 4096
BODY_SECONDS = 1.0
_NAMES_REMEMBERED = 10
_LONGEST = 200


class Transport:
    """Makes attempts, several at a time."""

    def __init__(self, options: WebhookOptions) -> None:
        self._timeout = options.timeout
        connector = aiohttp.TCPConnector(
            resolver=Resolver(),
            ttl_dns_cache=_NAMES_REMEMBERED,
            limit=0,
            force_close=True,
            socket_factory=Sockets(options),
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, connect=options.connect_timeout),
            auto_decompress=False,
            read_bufsize=BODY,
        )

    async def send(self, message: Message) -> Outcome:
        """Make one attempt; whatever happens, it has an outcome."""
        began = time.perf_counter()
        outcome = await self._attempt(message)
        return outcome._replace(milliseconds=round((time.perf_counter() - began) * 1000))

    async def close(self) -> None:
        """Let go of all connections."""
        await self._session.close()

    async def _attempt(self, message: Message) -> Outcome:
        try:
            async with asyncio.timeout(self._timeout):
                response = await self._session.request(
                    message.method,
                    URL(message.url, encoded=True),
                    data=message.body or None,
                    headers=message.headers,
                    allow_redirects=False,
                )
        except aiohttp.ConnectionTimeoutError:
            return Outcome(reason="timeout", error="no connection in time")
        except TimeoutError:
            return Outcome(reason="timeout", error=f"no answer within {self._timeout} seconds")
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return Outcome(reason=_reason(error), error=_told(error))
        try:
            await _drain(response)
        finally:
            response.close()
        return _outcome(response)


class Resolver(AbstractResolver):
    """Looks names up, each in a thread of its own, so that a name server that hangs holds up nobody else's threads."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """The addresses of a host; OSError if it has none."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[list[Any]] = loop.create_future()

        def settle(found: list[Any] | Exception) -> None:
            if answer.cancelled():
                return
            if isinstance(found, Exception):
                answer.set_exception(found)
            else:
                answer.set_result(found)

        def look_up() -> None:
            found: list[Any] | Exception
            try:
                found = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
            except OSError as error:
                found = error
            except ValueError:  # no name at all: IDNA cannot write it
                found = socket.gaierror(socket.EAI_NONAME, "not a host name")
            with suppress(RuntimeError):  # That loop is closed: nobody waits any more.
                loop.call_soon_threadsafe(settle, found)

        Thread(target=look_up, name=f"webhooks look up {host}", daemon=True).start()
        return [
            ResolveResult(
                hostname=host,
                host=where[0],
                port=port,
                family=kind,
                proto=protocol,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for kind, _, protocol, _, where in await answer
        ]

    async def close(self) -> None:
        """Do nothing: a thread ends with its answer."""


async def _drain(response: aiohttp.ClientResponse) -> None:
    """Read the body if it is short and comes at once, so that the receiver does not see its connection reset."""
    left = BODY
    with suppress(TimeoutError, aiohttp.ClientError, OSError):
        async with asyncio.timeout(BODY_SECONDS):
            while left > 0 and (piece := await response.content.read(left)):
                left -= len(piece)


def _outcome(response: aiohttp.ClientResponse) -> Outcome:
    """What a response means."""
    field = response.headers.get("retry-after")
    outcome = Outcome(response.status, retry_after=seconds_until(field, time.time()) if field else None)
    return outcome if outcome.delivered else outcome._replace(reason="bad response code")


def _reason(error: Exception) -> str:
    """In two words what kept a request from being answered."""
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "unknown host"
    if isinstance(error, aiohttp.ClientConnectorError) and isinstance(error.os_error, PermissionError):
        return "refused address"
    if isinstance(error, aiohttp.ClientSSLError):
        return "no secure connection"
    if isinstance(error, aiohttp.ClientConnectorError):
        return "no connection"
    return "broken response"


def _told(error: Exception) -> str:
    """What the error says; not that of aiohttp itself, which may quote the URI or the receiver."""
    if isinstance(error, aiohttp.ClientConnectorError):
        cause = error.os_error
        return (cause.strerror or type(cause).__name__)[:_LONGEST]
    return type(error).__name__
