"""Until when certificates are good, against those that another library has written."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from crossbar.gateway.certificates import end_of, ends_of
from crossbar.gateway.doubts import ending

from .issuers import private

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
BEGIN = datetime(1950, 1, 1, tzinfo=UTC)


def certificate(end: datetime, kind: str = "ES256", name: str = "target.example") -> x509.Certificate:
    """A certificate that ends then, signed by itself."""
    key = private(kind)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    builder = x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number(), BEGIN, end)
    return builder.sign(key, hashes.SHA256())


def pem(*certificates: x509.Certificate) -> str:
    """A file with these certificates, and with what people write between them."""
    return "\n# next\n".join(each.public_bytes(serialization.Encoding.PEM).decode() for each in certificates)


DER = ssl.PEM_cert_to_DER_cert(pem(certificate(NOW)))


@pytest.mark.parametrize("kind", ["ES256", "RS256"])
@pytest.mark.parametrize(
    "end",
    [
        datetime(1950, 6, 1, tzinfo=UTC),
        datetime(1999, 12, 31, 23, 59, 59, tzinfo=UTC),
        datetime(2000, 1, 1, tzinfo=UTC),
        datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC),
        datetime(2050, 1, 1, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC),
    ],
    ids=str,
)
def test_the_end(kind: str, end: datetime) -> None:
    """Both forms of time, on both sides of where one takes over from the other (RFC 5280, 4.1.2.5)."""
    assert end == end_of(certificate(end, kind).public_bytes(serialization.Encoding.DER))


@settings(max_examples=30, deadline=None)
@given(
    st.datetimes(datetime(1961, 1, 1), datetime(2999, 1, 1)),
    st.text(st.characters(codec="ascii", categories=["L"]), min_size=1, max_size=60),
)
def test_any_end(end: datetime, name: str) -> None:
    """Whatever the lengths of the fields before it."""
    end = end.replace(microsecond=0, tzinfo=UTC)
    assert end == end_of(certificate(end, name=name).public_bytes(serialization.Encoding.DER))


def test_a_file_with_several(tmp_path: Path) -> None:
    """Each of them, in their order; a file with none has none."""
    file = tmp_path / "chain.pem"
    ends = [NOW, NOW + timedelta(days=400)]
    file.write_text(pem(*map(certificate, ends)))
    assert ends == ends_of(file)
    file.write_text("nothing of the kind")
    assert [] == ends_of(file)
    with pytest.raises(OSError, match="No such file"):
        ends_of(tmp_path / "none.pem")


@given(st.binary(max_size=40) | st.integers(0, len(DER) - 1).map(lambda size: DER[:size]))
def test_what_is_no_certificate(raw: bytes) -> None:
    """ValueError and nothing else, also for one that is cut off anywhere before its end."""
    with pytest.raises(ValueError, match="this is no certificate"):
        end_of(raw)


@pytest.mark.parametrize(
    ("days", "told"),
    [
        (-400, "it expired on 2025-10-18"),
        (-1, "it expired on 2026-11-21"),
        (0, "it expires in 0 days"),
        (1, "it expires in 1 day"),
        (29, "it expires in 29 days"),
        (30, ""),
        (4000, ""),
    ],
)
def test_what_is_told_of_an_end(days: int, told: str) -> None:
    """What has expired, and what will within thirty days."""
    assert told == ending("it", NOW + timedelta(days=days), NOW)
