"""An HTTP/1.1 server protocol for uvicorn's `http=` setting: strict on the wire, and at half of the usual cost.

The application stays plain ASGI 3 and runs on any server. `limited(...)` makes a protocol with other limits.

Requests of a connection are answered one after the other, in their order (RFC 9112 section 9.3.2). What is wrong on
the wire is answered once, after those that came before it, and ends the connection.

A WebSocket handshake is held to the same rules as any request, and then hands the connection over to uvicorn's `ws=`
protocol (`.websocket` has ours). It must not be sent before the requests ahead of it are answered. Any other request
for an upgrade, and every one under `ws="none"`, is answered as an ordinary request (RFC 9110 section 7.8).
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any
from urllib.parse import unquote

import httptools
from uvicorn.config import Config
from uvicorn.server import ServerState

from ..fields import is_host
from .answers import UNKNOWN_METHOD, is_request_line, scope_of
from .connection import Connection
from .exchange import Exchange
from .head import NAMES, SPECIAL, Refused, body_length, check_line, check_sizes, handshake, lower, note

__all__ = ["HttpProtocol"]

logger = logging.getLogger("crossbar.protocol")

SLICE = 4096
"""Bytes given to the parser at once. It cannot be stopped in between, so this bounds what one look can bring about."""

_HTTP11 = b" HTTP/1.1\r\n"
_EXTENSIONS: dict[str, Any] = {"http.response.early_hint": {}}
_METHODS = {each.encode(): each for each in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")}


class HttpProtocol(Connection):
    """One connection: bytes in, requests to the application one by one, responses out."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._asgi = {"version": config.asgi_version, "spec_version": "2.3"}
        self._root_path = config.root_path
        self._raw_root_path = config.root_path.encode("ascii")
        self._slice = min(SLICE, self.max_target, self.max_headers)
        self._parser = httptools.HttpRequestParser(self)
        self._feed = self._parser.feed_data

        # The head that arrives.
        self._raw = b""  # the bytes that it is part of
        self._first = True  # whether it begins with them
        self._fresh = False  # whether it began with the last of them
        self._url = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._fields: dict[bytes, bytes] = {}  # those of the headers that the server itself heeds
        self._handshake = b""  # the head of one that is good, until the parser returns
        # The body that arrives.
        self._barren = 0  # bytes of chunk extensions and trailer fields in a row
        self._fruitful = False

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of the parser, which knows this object: both would live on until they are collected."""
        super().connection_lost(exc)
        del self._feed, self._parser

    def data_received(self, data: bytes) -> None:
        """Parse what the client sent, in pieces of a bounded size."""
        if self._deaf:
            self.overhear(data)
        elif self.in_head or self._stash or len(data) > self._slice:
            self._stash = self._stash[self._position :] + data
            self._position = 0
            self.parse_stash()
        else:
            self._raw = data
            self._first = self._receiving is None
            try:
                self._feed(data)
            except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
                self._stumble(error, data)
                return
            if self.in_head:
                self.since = 0.0
            elif self._receiving is not None:
                self._count_barren(len(data))

    def parse_stash(self) -> None:
        """Parse what was read, until that is enough for now."""
        while self._position < len(self._stash) and not self._read_paused and not self._deaf:
            data = self._stash[self._position : self._position + self._slice]
            self._position += len(data)
            if self.in_head:
                self._raw += data
            else:
                self._raw = data
                self._first = self._receiving is None
            self._fresh = False
            try:
                self._feed(data)
            except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
                self._stumble(error, data)
                break
            if not self.in_head:
                if self._receiving is not None:
                    self._count_barren(len(data))
            elif self._fresh:
                self._raw = data
                self.since = 0.0
            elif len(self._url) > self.max_target:
                self.refuse(414, f"the request target is longer than {self.max_target} bytes")
            elif len(self._raw) > self.max_headers + self.max_target + self._slice:
                self.refuse(431, f"the request header is larger than {self.max_headers} bytes")
        if self._position >= len(self._stash) or self._deaf:
            self._noise = self._noise or self._position < len(self._stash)
            self._stash, self._position = b"", 0

    def _stumble(self, error: Exception, data: bytes) -> None:
        """Answer what the parser cannot go on with, unless it is what follows the last request, or a handshake."""
        if self._handshake and isinstance(error, httptools.HttpParserUpgrade):
            del self._feed, self._parser
            self.hand_over(self._handshake, data[error.args[0] :] + self._stash[self._position :])
        elif self._deaf:
            self._noise = True
        elif isinstance(error, httptools.HttpParserInvalidMethodError):
            is_line = self._first and is_request_line(self._raw)
            self.refuse(UNKNOWN_METHOD if is_line else 400, "the request is not well-formed, or its method not known")
        elif not isinstance(error, httptools.HttpParserCallbackError):
            self.refuse(400, "the request is not well-formed HTTP/1.1")
        elif isinstance(error.__context__, Refused):
            self.refuse(*error.__context__.args)
        else:
            logger.error("the protocol failed", exc_info=error)
            self.refuse(500, "the server failed")

    def known(self) -> dict[str, Any]:
        """What is known of the request: what was parsed of its target, else what it begins with."""
        head = self._raw if self._first or self._url else b""
        return {**scope_of(head, self._url, self._root_path), "client": self._client}

    def _count_barren(self, size: int) -> None:
        """Bound chunk extensions and trailer fields, which the parser collects and nobody wants."""
        self._barren = 0 if self._fruitful else self._barren + size
        self._fruitful = False
        if self._barren > self.max_headers:
            self.refuse(431, f"trailer fields or chunk extensions are larger than {self.max_headers} bytes")

    # -- callbacks of the parser

    def on_message_begin(self) -> None:
        """Begin a request."""
        self.in_head = self._fresh = True
        self._url = b""
        self._fields = {}

    def on_url(self, url: bytes) -> None:
        """Take a part of the request target."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header or trailer field."""
        # PERF: names are few, so a known one needs no work, and its hash is there already.
        known = NAMES.get(name)
        value = value.strip()
        if known is None:
            known = lower(name)
            if known in SPECIAL and self.in_head:
                note(self._fields, known, value)
        self._headers.append((known, value))

    def on_headers_complete(self) -> None:
        """Check the head of a request, and hand it to the application or put it into the queue."""
        parser = self._parser
        headers, self._headers = self._headers, []
        url, raw = self._url, self._raw
        self.in_head = False
        method = parser.get_method()
        # PERF: the parser would format the version anew. This is also stricter than the parser is: it takes two spaces,
        # and RTSP. Only the first request of a read can be found that way.
        if self._first and raw.startswith(_HTTP11, len(method) + 1 + len(url)):
            version = "1.1"
        else:
            version = parser.get_http_version()
            check_line(raw, method, url, version)
        self._first = False
        if len(raw) > self._slice or len(headers) > self.max_header_count:
            check_sizes(url, headers, self.max_target, self.max_headers, self.max_header_count)
        if url[0] != 47 or 35 in url:
            # RFC 9112 section 3.2: no proxy is spoken here, so origin-form only; a fragment is never sent.
            raise Refused(400, "bad request target")
        mark = url.find(63)
        path, query = (url, b"") if mark < 0 else (url[:mark], url[mark + 1 :])
        fields = self._fields
        host = fields.get(b"host")
        if not is_host(host) if host is not None else version == "1.1":
            raise Refused(400, "a request has one valid Host")  # RFC 9112 section 3.2
        keep_alive = version == "1.1" and parser.should_keep_alive()
        body_left = 0
        expects = False
        if len(fields) > 1 or host is None:
            body_left = body_length(fields, version)
            if b"upgrade" in fields and parser.should_upgrade():
                if body_left:
                    raise Refused(400, "a request for an upgrade has no body here")
                head = handshake(method, version, url, headers) if self._config.ws_protocol_class else b""
                if head:
                    if self._running is not None:
                        raise Refused(400, "a WebSocket handshake waits for the responses to the requests before it")
                    self._handshake = head
                    return
                keep_alive = False  # the parser takes what follows for another protocol
            # RFC 9110 section 10.1.1: an HTTP/1.0 client does not know 100.
            if body_left and version == "1.1":
                expects = fields.get(b"expect", b"").lower() == b"100-continue"
        text = path.decode("ascii")
        scope: dict[str, Any] = {
            "type": "http",
            "asgi": self._asgi.copy(),
            "http_version": version,
            "server": self._server,
            "client": self._client,
            "scheme": self._scheme,
            "method": _METHODS.get(method) or method.decode("ascii"),
            "root_path": self._root_path,
            "path": unquote(text) if "%" in text else text,
            "raw_path": path,
            "query_string": query,
            "headers": headers,
            "extensions": _EXTENSIONS,
        }
        if self._root_path:
            scope["path"] = self._root_path + scope["path"]
            scope["raw_path"] = self._raw_root_path + path
        if self._app_state:
            scope["state"] = self._app_state.copy()
        exchange = self._receiving = Exchange(self, scope, keep_alive, body_left, expects)
        if body_left:
            self.since = 0.0
            self._barren = 0
        if self._running is None:
            self.start(exchange)
        else:
            self._queue.append(exchange)
            if len(self._queue) > self.max_queue:
                self.balance()

    def on_body(self, body: bytes) -> None:
        """Take a part of the body."""
        self._fruitful = True
        self.body_bytes += len(body)
        receiving = self._receiving
        if receiving is not None:
            receiving.put(body)
            if receiving.buffered > self.max_body_buffer:
                self.balance()

    def on_message_complete(self) -> None:
        """Note that the request is here; its trailer fields are dropped (RFC 9110 section 6.5.1)."""
        receiving = self._receiving
        if receiving is None:
            return
        self._receiving = None
        receiving.received = True
        receiving.wake()
        if not receiving.keep_alive:
            self._deaf = True
        if self._headers:
            self._headers = []
