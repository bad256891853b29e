"""Until when the certificates in a PEM file are good, read out of their DER (RFC 5280, 4.1). Pure, but for the file."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

_BLOCK = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_VERSION, _UTC_TIME = 0xA0, 0x17
_BEFORE_VALIDITY = 3
"""Fields of a certificate between its version and its validity: serial number, signature, issuer."""


def ends_of(path: str | Path) -> list[datetime]:
    """When each certificate of a file ends, in their order; OSError, or ValueError for what is no certificate."""
    text = Path(path).read_text(encoding="latin-1")
    return [end_of(ssl.PEM_cert_to_DER_cert(block)) for block in _BLOCK.findall(text)]


def end_of(der: bytes) -> datetime:
    """When a certificate ends; ValueError if it is none."""
    try:
        _, certificate = next(_members(der))
        _, signed = next(_members(certificate))
        fields = [(tag, content) for tag, content in _members(signed) if tag != _VERSION]
        _, (tag, content) = _members(fields[_BEFORE_VALIDITY][1])
        text = content.decode("ascii").removesuffix("Z")
        if tag == _UTC_TIME:
            # RFC 5280, 4.1.2.5.1: two digits of the year, which begin with that of 1950.
            text = f"{'19' if text >= '50' else '20'}{text}"
        return datetime.strptime(text, "%Y%m%d%H%M%S").replace(tzinfo=UTC)
    except (IndexError, StopIteration, ValueError):
        raise ValueError("this is no certificate") from None


def _members(der: bytes) -> Iterator[tuple[int, bytes]]:
    """The values that stand one after the other in some DER: the tag and the content of each (X.690, 8.1)."""
    at = 0
    while at < len(der):
        tag, length, at = der[at], der[at + 1], at + 2
        if length & 0x80:
            size = length & 0x7F
            length, at = int.from_bytes(der[at : at + size]), at + size
        if at + length > len(der):
            raise ValueError("it is cut off")
        yield tag, der[at : at + length]
        at += length
