"""Whatever is sent in whichever dialect, nothing may ever cause a 5xx, and every refusal has the dialect's form."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, unquote_to_bytes

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crossbar.testing import exchanged, scope_of

from .people import SPEECHES, Town
from .wrongs import refused

SMALL = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
FOREIGN = pytest.mark.parametrize("dialect", [name for name in SPEECHES if name != "crossbar"])

LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=12)
    | st.sampled_from(["", "0", "true", "Enabled", "active", "WebHook", "VoiceMail", "2026-01-01T00:00:00Z", "\0"])
)
NAMES = st.sampled_from(
    [
        *("id", "uri", "name", "status", "type", "contact", "firstName", "extensionNumber", "extension", "serial"),
        *("from", "to", "phoneNumber", "text", "subject", "readStatus", "eventFilters", "deliveryMode", "address"),
        *("transportType", "startTime", "creationTime", "regionalSettings", "timezone", "privLevel", "password"),
        *("login", "number", "flow", "init_time_gmt", "url", "method", "event_type", "extension_id", "records", "_x"),
        *("pvt_x", "resourceId", "body", "attachments", "contentUri", "json", ""),
    ]
) | st.text(max_size=6)
JSON = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4))
OBJECTS = st.dictionaries(NAMES, JSON, max_size=6)
NOUNS = [
    *("accounts", "extensions", "users", "devices", "messages", "sms", "faxes", "recordings", "webhooks", "groups"),
    *("limits", "applications", "vmboxes", "voicemails", "cdrs", "callflows", "oauth", "timezones", "whoami", "media"),
]
WORDS = st.sampled_from(
    [
        *("page", "perPage", "per_page", "count", "pageToken", "recordCount", "start_key", "dateFrom", "dateTo"),
        *("orderBy", "order", "start_datetime", "end_datetime", "_method", "availability", "messageType", "type"),
        *("status", "direction", "access_token", "view", "name", "id", "extension.id", "from.phoneNumber", "verb"),
    ]
) | st.text(max_size=6)
VALUES = st.text(max_size=10) | st.sampled_from(
    [
        *("0", "1", "max", "-1", "true", "True", "asc", "-startTime", "+startTime", "DELETE", "Alive", "SMS", "active"),
        *("2026", "2026-01-01", "2026-01-01T00:00:00.5Z", "2026-01-01 00:00:00", "9999-12-31T23:59:59Z", "0001"),
        *("AAAA", "P3BhZ2U9MQ", "%00"),
    ]
)
METHODS = st.sampled_from(["GET", "GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "BREW"])


async def sent(
    town: Town, dialect: str, method: str, target: str | bytes, body: bytes = b"", *more: tuple[bytes, bytes]
) -> None:
    """Send a request as a server would hand it over, and look at the answer."""
    token = await town.token()
    path = target.encode("utf-8", "surrogatepass") if isinstance(target, str) else target
    fields = [(b"host", b"testserver"), (b"authorization", f"Bearer {token}".encode()), *more]
    if body:
        fields.append((b"content-length", b"%d" % len(body)))
    raw = SPEECHES[dialect].prefix.encode() + path
    response = await exchanged(town.world.app, scope_of("http", raw, fields, method=method), body)
    assert response.status < 500, (method, target, body, response.body)
    if response.status >= 400 and method != "HEAD" and b"oauth" not in path:
        refused(dialect, response, asked=unquote_to_bytes(path).decode("latin-1"))


WRITES = st.sampled_from(["POST", "PUT", "PATCH", "DELETE"])
PLACES = st.sampled_from(["", ":{user}", ":{device}", ":nowhere", ":*", ":a,b", ":{user}:photo"])
TYPES = st.sampled_from(
    [
        *("application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "image/png"),
        *("multipart/mixed; boundary=x", "application/vnd.ringcentral.multipart+json", "", "multipart/mixed"),
    ]
)
RAW = st.binary(max_size=40) | st.sampled_from(
    [b"--x\r\n\r\n{}\r\n--x--\r\n", b"a=b&a=c", b"[]", b"[1]", b'[{"body":{}}]']
)


def at(town: Town, dialect: str, noun: str, place: str = "") -> str:
    """The path of a noun in one's own account."""
    return town.path(dialect, "accounts" if noun == "accounts" else f"accounts:{{mine}} {noun}{place}")


@FOREIGN
@SMALL
@given(noun=st.sampled_from(NOUNS), place=PLACES, method=WRITES, body=OBJECTS | JSON)
async def test_any_json_as_a_body(town: Town, dialect: str, noun: str, place: str, method: str, body: Any) -> None:
    """Whatever JSON is sent to whatever noun, there is no 5xx."""
    sort = (b"content-type", b"application/json")
    await sent(town, dialect, method, at(town, dialect, noun, place), orjson.dumps(body), sort)


@FOREIGN
@SMALL
@given(noun=st.sampled_from(NOUNS), place=PLACES, method=WRITES, body=RAW, sort=TYPES)
async def test_any_bytes_as_a_body(
    town: Town, dialect: str, noun: str, place: str, method: str, body: bytes, sort: str
) -> None:
    """Whatever bytes are sent under whatever media type, there is no 5xx."""
    await sent(town, dialect, method, at(town, dialect, noun, place), body, (b"content-type", sort.encode()))


@FOREIGN
@SMALL
@given(words=st.lists(st.tuples(WORDS, VALUES), max_size=4), noun=st.sampled_from(NOUNS), method=METHODS)
async def test_any_query(town: Town, dialect: str, words: list[tuple[str, str]], noun: str, method: str) -> None:
    """Whatever is asked of whatever listing, there is no 5xx."""
    query = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in words)
    await sent(town, dialect, method, f"{at(town, dialect, noun)}?{query}")


@FOREIGN
@SMALL
@given(query=st.binary(max_size=30))
async def test_any_bytes_as_a_query(town: Town, dialect: str, query: bytes) -> None:
    """Whatever bytes stand in the query, there is no 5xx."""
    await sent(town, dialect, "GET", f"{at(town, dialect, 'devices')}?".encode() + query)


SEGMENTS = st.one_of(
    st.sampled_from(["account", "client", "extension", "extension_group", "device", "phone", "user", "subscription"]),
    st.sampled_from(["message-store", "message", "voicemail", "call-log", "call_history", "cdr", "record", "event"]),
    st.sampled_from(
        ["~", "@me", "@101", "@x*101", "@*", "@", "@{VAR}", "*", "a,b", ",", "{mine},{mine}", "%7E", "%40me"]
    ),
    st.sampled_from(["{mine}", "{user}", "{device}", "content", "photo", "storage_url", "children", "oauth", "token"]),
    st.sampled_from(["", ".", "..", "%2F", "%00", "%zz", "%ff", "x", "0", "%20", "v1.0", "v2", "ver1.0"]),
    st.text(max_size=5).map(lambda text: quote(text, safe="")),
)


@FOREIGN
@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    segments=st.lists(SEGMENTS, max_size=8), method=METHODS, tunnel=st.sampled_from(["", "", "PUT", "DELETE", "GET"])
)
async def test_any_path(town: Town, dialect: str, segments: list[str], method: str, tunnel: str) -> None:
    """Whatever a path is made of, there is no 5xx, and what is refused is refused in the form of the dialect."""
    path = "/".join(["", *segments]).replace("{mine}", town.accounts["self"])
    path = path.replace("{user}", town.users["self"]).replace("{device}", town.devices["self"])
    if method in ("DELETE", "POST") and (path.rstrip("/").endswith(town.users["self"]) or "~" in path[-3:]):
        return
    await sent(town, dialect, method, path, b"", *([(b"x-http-method-override", tunnel.encode())] if tunnel else []))
