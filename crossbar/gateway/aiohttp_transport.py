"""The transport on aiohttp: its connections and its parser, without its sessions.

A session would change paths and fields, keep cookies, try again by itself, and cost more than all the rest: a call is
written by hand, and a response taken as the parser gives it. What is forgiven and what is not, `aiohttp_line` says.
"""

from __future__ import annotations

import asyncio
import functools
import os
import ssl
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from aiohttp import (
    ClientConnectorCertificateError,
    ClientConnectorDNSError,
    ClientConnectorError,
    ClientConnectorSSLError,
    ClientError,
    ClientRequest,
    ClientTimeout,
    TCPConnector,
)
from aiohttp.http import HttpProcessingError
from aiohttp.streams import EofStream
from yarl import URL

from .aiohttp_answer import FAULTS, AiohttpAnswer
from .aiohttp_line import Line, fault_of, framing_of
from .aiohttp_socket import AiohttpSocket, handshake_of
from .aiohttp_upload import Upload
from .transport import Answer, Call, NotConnected, NotInTime, Rejected, Socket

if TYPE_CHECKING:
    from aiohttp.client_proto import ResponseHandler
    from aiohttp.client_reqrep import ConnectionKey
    from aiohttp.connector import Connection
    from aiohttp.http import RawResponseMessage
    from aiohttp.streams import StreamReader

_WITH_BODY = frozenset({"POST", "PUT", "PATCH"})
_SMALL = 16_384


class AiohttpTransport:
    """Speaks HTTP/1.1 to the targets of an upstream; see the port.

    There is a connection within `connect` seconds, 0 for as long as it takes; it is kept for `keep` seconds without a
    call, 0 for not at all; an address that a name had is used for `dns` seconds, 0 for asking each time. A head has at
    most `head` bytes, and about `window` bytes of a body are held for a reader who is slow. `ssl` is how targets of
    https are known, None for the authorities of the system, and `server_name` the name in their certificates.
    """

    def __init__(
        self,
        *,
        connect: float,
        keep: float,
        dns: float,
        head: int,
        ssl: ssl.SSLContext | None,
        server_name: str | None,
        window: int = 65_536,
    ) -> None:
        self._connect_time = connect
        self._keep = keep
        self._dns = dns
        self._head = head
        self._ssl = ssl
        self._server_name = server_name
        self._window = window
        self._timeout = ClientTimeout(total=None, connect=connect or None, sock_connect=None, sock_read=None)
        self._lines: set[Line] = set()
        self._origins: dict[str, _Origin] = {}
        self._connector: TCPConnector

    async def open(self) -> None:
        """Make it ready; see the port."""
        self._connector = TCPConnector(
            limit=0,
            limit_per_host=0,
            use_dns_cache=self._dns > 0,
            ttl_dns_cache=cast("int", self._dns),
            **({"keepalive_timeout": self._keep} if self._keep else {"force_close": True}),
        )
        line = functools.partial(Line, asyncio.get_running_loop(), self._lines, self._head)
        # NOTE: private to aiohttp, and the only way to have connections of one's own; the tests of lines would fail.
        self._connector._factory = cast("functools.partial[ResponseHandler]", line)
        self._origins.clear()

    async def close(self) -> None:
        """Close every connection; see the port."""
        # NOTE: aiohttp would wait for those whose targets do not read what was sent.
        for line in [*self._lines]:
            line.cut()
        await self._connector.close()

    async def request(self, call: Call) -> Answer:
        """Send a call, and give the head of its response; see the port.

        ValueError for a call that cannot be said in HTTP/1.1, and for pieces that are not as long as `call.length`.
        """
        head = head_of(call)
        origin = self._origins.get(call.origin) or self._origin(call.origin)
        connection = await self._connect(origin)
        line = cast("Line", connection.protocol)
        bodiless = call.method == "HEAD"
        upload = None
        try:
            line.begin(bodiless=bodiless, window=self._window)
            upload = _send(line, head, call)
            message, content = await self._response(line, call, upload, origin)
            if upload is not None:
                upload.settle()
            fields = [(name.lower(), value) for name, value in message.raw_headers]
            try:
                framing = framing_of(message, fields, bodiless=bodiless, received=line.received, most=self._head)
                return AiohttpAnswer(message.code, fields, framing, content, connection, line, upload, origin.where)
            except FAULTS as exc:
                raise fault_of(line, exc, origin.where, headed=True) from exc
        except BaseException:
            line.cut()
            connection.close()
            if upload is not None:
                upload.stop()
                await upload.stopped()
            raise

    async def websocket(self, call: Call, subprotocols: Sequence[str], most: int) -> Socket:
        """Open a WebSocket; see the port. `most` is 0 for messages of any length."""
        fields, accept = handshake_of(subprotocols)
        head = head_of(Call("GET", call.origin, call.path, [*call.fields, *fields]))
        origin = self._origins.get(call.origin) or self._origin(call.origin)
        connection = await self._connect(origin)
        line = cast("Line", connection.protocol)
        try:
            line.begin(bodiless=False, window=self._window)
            line.say(head)
            message, _ = await self._response(line, call, None, origin)
            if message.code != 101:
                raise Rejected(message.code)
            try:
                return AiohttpSocket(connection, line, message, subprotocols, accept, most, self._window, origin.where)
            except HttpProcessingError as exc:
                raise fault_of(line, exc, origin.where, headed=True) from exc
        except BaseException:
            line.cut()
            connection.close()
            raise

    async def _response(
        self, line: Line, call: Call, upload: Upload | None, origin: _Origin
    ) -> tuple[RawResponseMessage, StreamReader]:
        """The head of the response that is not an interim one, and what comes after it."""
        while True:
            try:
                message, content = await line.read()
            except (*FAULTS, EofStream) as exc:
                if upload is not None and upload.fault is not None:
                    raise upload.fault from None
                raise fault_of(line, exc, origin.where, headed=False) from exc
            if message.code >= 200 or message.code == 101 or message.code < 100:
                return message, content
            if message.code == 100:
                if upload is not None:
                    upload.proceed()
            elif call.informed is not None:
                await call.informed(message.code, [(name.lower(), value) for name, value in message.raw_headers])

    async def _connect(self, origin: _Origin) -> Connection:
        """A connection to an origin, kept or new. NotConnected and NotInTime."""
        try:
            connection = await self._connector.connect(origin, [], self._timeout)
        except TimeoutError as exc:
            raise NotInTime(f"cannot connect to {origin.where}: no answer in {self._connect_time:g} s") from exc
        except (ClientError, OSError, ValueError) as exc:
            raise NotConnected(f"cannot connect to {origin.where}: {_reason(exc)}") from exc
        if connection.transport is None:
            connection.close()
            raise NotConnected(f"cannot connect to {origin.where}: it was closed at once")
        return connection

    def _origin(self, text: str) -> _Origin:
        """What is to be known of an origin; there are no more of them than targets."""
        origin = self._origins[text] = _Origin(
            "GET",
            URL(text),
            loop=asyncio.get_running_loop(),
            ssl=self._ssl or True,
            server_hostname=self._server_name,
        )
        return origin


class _Origin(ClientRequest):
    """What the connector wants to know of a request: where it goes."""

    # PERF: aiohttp makes it anew each time that it is asked for.
    @functools.cached_property
    def connection_key(self) -> ConnectionKey:
        """What connections of the same origin have in common."""
        return super().connection_key

    @functools.cached_property
    def where(self) -> str:
        """Host and port, for messages."""
        return self.url.host_port_subcomponent or ""


def _send(line: Line, head: bytes, call: Call) -> Upload | None:
    """Send a call; the sender of its body, if that comes in pieces."""
    body = call.body
    if body is None or not isinstance(body, bytes):
        if body is not None:
            return Upload(line, head, body, call.length, expects=call.expects)
        line.say(head)
    elif len(body) < _SMALL:
        line.say(head + body)
    else:
        line.say(head)
        line.say(body)
    return None


def head_of(call: Call) -> bytes:
    """The head of a call, with the fields of its framing. ValueError if it is not one head, but something else."""
    body = call.body
    lines = [b"%b %b HTTP/1.1" % (call.method.encode(), call.path)]
    lines += [b"%b: %b" % field for field in call.fields]
    if isinstance(body, bytes):
        if body or call.method in _WITH_BODY:
            lines.append(b"content-length: %d" % len(body))
    elif body is not None:
        lines.append(b"transfer-encoding: chunked" if call.length is None else b"content-length: %d" % call.length)
        if call.expects:
            lines = [line for line in lines if line[:7].lower() != b"expect:"]
            lines.append(b"expect: 100-continue")
    head = b"\r\n".join(lines)
    # NOTE: a field or a path with a line break would be a request of somebody else's making (RFC 9110, 5.5).
    breaks = len(lines) - 1
    if head.count(b"\n") != breaks or head.count(b"\r") != breaks or b"\0" in head or lines[0].count(b" ") != 2:
        raise ValueError(f"the call {call.method} {call.path!r} has a character that would end a field or the path")
    return head + b"\r\n\r\n"


def _reason(exc: Exception) -> str:
    """Why there is no connection, in a few words."""
    match exc:
        case ClientConnectorCertificateError():
            cause: Any = exc.certificate_error
            return f"its certificate is not good: {getattr(cause, 'verify_message', '') or cause}"
        case ClientConnectorSSLError():
            return f"no TLS: {exc.os_error.strerror or exc.os_error}"
        case ClientConnectorDNSError():
            return f"no such name: {exc.os_error.strerror or exc.os_error}"
        case ClientConnectorError() if (exc.os_error.errno or 0) > 0:
            return os.strerror(cast("int", exc.os_error.errno)).lower()
    return str(exc) or type(exc).__name__
