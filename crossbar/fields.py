"""Header fields: those that all responses carry, several that become one, which are fit for the wire, and hosts."""

from __future__ import annotations

import os
import random
import re
from collections.abc import Iterable
from functools import lru_cache

Fields = list[tuple[bytes, bytes]]

SECURE = (
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
)
"""What every response carries: its type is not to be guessed, it loads and runs nothing, no page frames it, the address
with its query goes nowhere, and no cache keeps it."""

# PERF: ids are no secrets, and the system's own randomness would cost a call of it for each request.
CHANCE = random.Random(os.urandom(32))  # noqa: S311
"""Where ids come from that only have to be different; another one in each process."""
os.register_at_fork(after_in_child=CHANCE.seed)

_NAMES = frozenset(name for name, _ in SECURE)
_DEPENDS = b"Accept, Accept-Encoding, Authorization, X-Auth-Token"
_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_NAME = re.compile(rb"[0-9A-Za-z!#$%&'*+.^_`|~-]+")
# RFC 9110, 5.5: visible characters, blanks and tabs, and the bytes beyond ASCII.
_VALUE = re.compile(rb"[\t -~\x80-\xff]*")
# NOTE: RFC 3986 has names with %-escapes, empty labels and more signs, which two readers could take for two names.
_HOST = re.compile(rb"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_~-]+(?:\.[A-Za-z0-9_~-]+)*\.?)(?::[0-9]*)?")


def secure(headers: Fields) -> None:
    """Add what every response carries; a field that the response brings itself stays as it is.

    What may be kept by a cache says what it depends on (RFC 9110, 12.5.5); of what may not, nobody asks.
    """
    for name, _ in headers:
        if name in _NAMES:
            break
    else:
        headers += SECURE
        return
    brought = dict(headers)
    headers += [pair for pair in SECURE if pair[0] not in brought]
    if b"no-store" not in brought.get(b"cache-control", b"no-store"):
        vary(headers, _DEPENDS)


def publish(headers: Fields, root_path: str, url: str) -> None:
    """Let fields that lead to paths of ours lead below the address that clients know, where the settings name one."""
    for position, (name, value) in enumerate(headers):
        if name not in (b"location", b"link"):
            continue
        begin = b"<" if name == b"link" else b""
        path = begin + root_path.encode("latin-1")
        if value.startswith(path + b"/") and not value.startswith(path + b"//"):
            headers[position] = (name, begin + url.encode() + value[len(path) :])


def vary(headers: Fields, names: bytes) -> None:
    """Name request fields in `Vary`, beside those that it names already."""
    for position, (name, value) in enumerate(headers):
        if name == b"vary":
            known = {part.strip().lower() for part in value.split(b",")}
            if b"*" not in known:
                more = [part for part in names.split(b", ") if part.lower() not in known]
                headers[position] = (name, b", ".join([value, *more]))
            return
    headers.append((b"vary", names))


@lru_cache(maxsize=1024)
def is_host(value: bytes) -> bool:
    """Whether it is a host with or without a port (RFC 9110, 7.2); a name may end with the dot of the root."""
    return _HOST.fullmatch(value) is not None


def request_id(sent: bytes | None) -> str:
    """The id of a request: the one that its client sent, if that is fit to be repeated, or a new one."""
    return sent.decode() if sent is not None and _ID.fullmatch(sent) else CHANCE.randbytes(16).hex()


def fit(headers: Iterable[tuple[bytes, bytes]]) -> tuple[tuple[bytes, bytes], ...]:
    """The fields with their names in lower case; ValueError if one of them would break out of its line."""
    return tuple([(_checked(name, value).lower(), value) for name, value in headers])


def _checked(name: bytes, value: bytes) -> bytes:
    if not isinstance(name, bytes) or not isinstance(value, bytes):
        raise TypeError(f"the header field {name!r} is not made of bytes")
    if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
        raise ValueError(f"the header field {name[:64]!r} has a control character in its name or value")
    return name
