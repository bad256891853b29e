"""The rules for the head of a request: what is refused before an application sees it, and why.

What two recipients of one stream could read differently is refused, never repaired.
"""

from __future__ import annotations

from collections.abc import Sequence

Headers = list[tuple[bytes, bytes]]


class Refused(Exception):
    """The request breaks a rule of the wire: a status and a sentence."""


NAMES: dict[bytes, bytes] = {}
"""Header names as they were sent, and in lower case, without those of SPECIAL; bounded, since clients choose them."""

SPECIAL = frozenset([b"host", b"content-length", b"transfer-encoding", b"expect", b"upgrade"])
"""Those that say something to the server itself."""


def lower(name: bytes) -> bytes:
    """The name in lower case; one with "_" is refused, because CGI-like backends take it for the one with "-"."""
    if 95 in name:
        raise Refused(400, 'a header name holds "_"')
    small = name.lower()
    if len(NAMES) < 1024 and len(name) < 64 and small not in SPECIAL:
        small = NAMES.setdefault(small, small)
        NAMES[name] = small
    return small


for _name in (
    *("X-Auth-Token", "Accept", "Accept-Encoding", "Accept-Language", "User-Agent", "Connection", "Authorization"),
    *("Content-Type", "If-None-Match", "If-Match", "Origin"),
):
    lower(_name.encode())
    lower(_name.lower().encode())


def check_line(raw: bytes, method: bytes, url: bytes, version: str) -> None:
    """Refuse what is no request line of HTTP/1.0 or 1.1 with single spaces (RFC 9112 section 3)."""
    if version not in ("1.0", "1.1"):
        raise Refused(505 if version == "2.0" else 400, "only HTTP/1.1 and HTTP/1.0 are spoken here")
    if b"%b %b HTTP/%b\r\n" % (method, url, version.encode()) not in raw:
        raise Refused(400, "bad request line")


def note(fields: dict[bytes, bytes], name: bytes, value: bytes) -> None:
    """Keep a field of SPECIAL, and refuse two of what there can only be one of (RFC 9112 sections 3.2, 6.1, 6.3)."""
    if name in fields and name not in (b"expect", b"upgrade"):
        raise Refused(400, f"more than one {name.decode()}")
    fields[name] = value


def body_length(fields: dict[bytes, bytes], version: str) -> int:
    """The length of the body, -1 for chunks; whatever two recipients could read differently is refused.

    RFC 9112 section 6.1 and 6.3; of the transfer codings only chunked is known, and never beside a length.
    """
    coding = fields.get(b"transfer-encoding")
    length = fields.get(b"content-length")
    if coding is None:
        if length is None:
            return 0
        if not length.isdigit():
            raise Refused(400, "bad content-length")
        return int(length)
    if length is not None or version != "1.1" or coding.lower() != b"chunked":
        raise Refused(400, "bad transfer-encoding")
    return -1


def check_sizes(url: bytes, headers: Headers, max_target: int, max_headers: int, max_header_count: int) -> None:
    """Refuse what is too long or too much, in exact figures (RFC 9112 section 3, RFC 6585 section 5)."""
    if len(url) > max_target:
        raise Refused(414, f"the request target is longer than {max_target} bytes")
    if len(headers) > max_header_count:
        raise Refused(431, f"the request has more than {max_header_count} header fields")
    if sum([len(name) + len(value) + 4 for name, value in headers]) > max_headers:
        raise Refused(431, f"the request header is larger than {max_headers} bytes")


def handshake(method: bytes, version: str, url: bytes, headers: Headers) -> bytes:
    """A request for an upgrade as the WebSocket protocol is to read it; empty if it is for another (RFC 6455 4.2.1)."""
    wanted = [value.lower() for name, value in headers if name == b"upgrade"]
    if method != b"GET" or version != "1.1" or wanted != [b"websocket"]:
        return b""
    lines = b"".join([b"%b: %b\r\n" % pair for pair in headers])
    return b"GET %b HTTP/1.1\r\n%b\r\n" % (url, lines)


def hints(links: Sequence[bytes]) -> bytes:
    """An interim response that tells of links ahead of the response (RFC 8297); ValueError if they would break out."""
    lines = b"".join([b"link: %b\r\n" % link for link in links])
    if not lines.count(10) == lines.count(13) == len(links) or 0 in lines:
        raise ValueError("a link holds a line break or NUL")
    return b"HTTP/1.1 103 Early Hints\r\n%b\r\n" % lines
