"""What is possible in the settings of a gateway, and odd."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from crossbar import Crossbar
from crossbar.gateway.assembly import Gateway, Surroundings, gateway_of
from crossbar.gateway.doubts import doubts, subject_of
from crossbar.limits.buckets import LocalTable
from crossbar.settings import Settings
from crossbar.stores.memory import MemoryStore

from .test_certificates import certificate, pem

KEYS = {"keys": [{"id": "acme", "sha256": "0" * 64}]}
UP = {"up": {"targets": ["http://127.0.0.1:9001"]}}


def route(**more: Any) -> dict[str, Any]:
    """A route with nothing odd about it."""
    return {"name": "r", "path": "/x", "to": "up:/y", "auth": "partners"} | more


def made(**tables: Any) -> Gateway:
    """The gateway of some tables, which has what an ordinary route needs."""
    said = {"upstream": UP, "provider": {"partners": KEYS}, "route": [route()]} | tables
    return gateway_of(msgspec.convert(said, Settings), Surroundings((), (), LocalTable(lambda: 0), lambda: 0.0))


def told(**tables: Any) -> list[str]:
    """What is odd about it."""
    return [doubt for _, doubt in doubts(made(**tables))]


def test_nothing_is_odd() -> None:
    """What everybody writes is no reason for a word."""
    assert [] == told()
    assert [] == told(gateway={"trusted": ["10.0.0.0/8", "127.0.0.1", "::1"]})
    merged = route(to="", path="/m", name="m", merge={"a": "up:/a", "b": "other:/b"})
    assert [] == told(upstream=UP | {"other": {"targets": ["http://127.0.0.1"]}}, route=[route(), merged])


@pytest.mark.parametrize(
    ("more", "says"),
    [
        pytest.param(
            {"auth": "none", "limit": ["1/s per consumer"]}, 'limit: with auth "none"', id="nobody-is-counted"
        ),
        pytest.param(
            {"auth": "none", "allow": "claims.a == 1"}, "allow: it looks at who is asking", id="nobody-claims"
        ),
        pytest.param({"allow": "false"}, "allow: it is never true", id="never"),
        pytest.param({"allow": "1 == 2 or 'a' in ['b']"}, "allow: it is never true", id="never-by-values"),
        pytest.param({"allow": " not false"}, "allow: it is always true", id="always"),
        pytest.param({"path": "/readyz"}, "path: /readyz is answered by the server itself", id="readyz"),
        pytest.param({"path": "/metrics", "host": "a.example"}, "path: /metrics is answered by", id="metrics"),
        pytest.param({"path": "/x/**"}, "to: 'up:/y' leaves out what ** stands for", id="the-rest-is-left-out"),
        pytest.param({"methods": ["GET", "GTE"]}, "methods: 'GTE' is no usual method", id="a-method"),
    ],
)
def test_an_odd_route(more: dict[str, Any], says: str) -> None:
    """It is named, with the setting that is odd."""
    [doubt] = told(provider={}, route=[route(**({"auth": "crossbar"} | more))])
    assert doubt.startswith(f"route 'r': {says}")


@pytest.mark.parametrize(
    "more",
    [
        {"auth": ["partners", "none"], "limit": ["1/s per consumer"]},
        {"auth": "none", "limit": ["1/s per address", "1/s per route"]},
        {"auth": ["partners", "none"], "allow": "claims.a == 1"},
        {"auth": "none", "allow": "request.method == 'GET'"},
        {"allow": "claims.a == 1 or true"},
        {"path": "/livez/x"},
        {"path": "/x/**", "to": "up:/y/**"},
        {"path": "/x/**", "to": "up"},
        {"methods": ["GET", "PROPFIND", "PURGE"]},
    ],
    ids=[
        "counted-by-both",
        "nobody-by-address",
        "claims-of-some",
        "nobody-by-method",
        "a-rule-about-something",
        "below-livez",
        "the-rest-goes-on",
        "all-goes-on",
        "unusual-methods",
    ],
)
def test_a_route_that_is_not_odd(more: dict[str, Any]) -> None:
    """What looks like it and makes sense."""
    spare = route(name="s", path="/s")
    assert [] == told(route=[route(**more), spare])


@pytest.mark.parametrize(
    ("tables", "subject", "says"),
    [
        pytest.param(
            {"upstream": UP | {"spare": {"targets": ["http://127.0.0.1"]}}},
            *("upstreams", "upstream.spare: no route leads there"),
            id="an-upstream-without-a-route",
        ),
        pytest.param(
            {"provider": {"partners": KEYS, "spare": KEYS}},
            *("providers", "provider.spare: no route asks it"),
            id="a-provider-without-a-route",
        ),
        pytest.param(
            {"gateway": {"trusted": ["10.0.0.0/8", "0.0.0.0/0"]}},
            *("settings", "gateway.trusted: 0.0.0.0/0 is everybody"),
            id="everybody-is-trusted",
        ),
        pytest.param(
            {"gateway": {"trusted": ["::/0"]}}, "settings", "gateway.trusted: ::/0 is everybody", id="everybody-by-ipv6"
        ),
        pytest.param(
            {"provider": {"partners": {"jwt": {"issuer": "https://login.example"}}}},
            *("providers", "provider.partners.jwt.audience: is not set"),
            id="tokens-for-others",
        ),
        pytest.param(
            {"provider": {"partners": {"jwt": {"issuer": "x", "audience": "y", "jwks": "http://keys.example/k"}}}},
            *("providers", "provider.partners.jwt.jwks: whoever is on the way to keys.example"),
            id="keys-that-anybody-can-change",
        ),
        pytest.param(
            {"upstream": {"up": {"targets": ["http://127.0.0.1"], "tls": {"name": "x"}}}},
            *("upstreams", "upstream.up.tls: no target has https"),
            id="tls-for-nobody",
        ),
        pytest.param(
            {"upstream": {"up": {"targets": ["http://127.0.0.1"], "secret": "s" * 32}}},
            *("upstreams", 'upstream.up.secret: nothing is signed with it while identity is "plain"'),
            id="a-secret-for-nothing",
        ),
    ],
)
def test_an_odd_table(tables: dict[str, Any], subject: str, says: str) -> None:
    """It is told with its key, under what it is about."""
    [(about, doubt)] = doubts(made(**tables))
    assert subject == about
    assert doubt.startswith(says)


@pytest.mark.parametrize(
    ("path", "host", "hidden"),
    [
        ("/restapi/v1.0/account/~/extension/**", "", "ringcentral"),
        ("/api/ver1.0/x", "", "realm"),
        ("/restapi/v1.0/account/**", "a.example", "ringcentral"),
        ("/restapix/**", "", ""),
        ("/**", "", ""),
    ],
)
def test_a_route_that_hides_what_a_dialect_answers(path: str, host: str, hidden: str) -> None:
    """The dialect is named, also if the route is for one host; what says less than a prefix hides nothing."""
    mounted = Crossbar(store=MemoryStore()).dialects
    said = {"upstream": UP, "route": [route(path=path, to="up", auth="crossbar", host=host or ())]}
    around = Surroundings((), mounted, LocalTable(lambda: 0), lambda: 0.0)
    found = [doubt for _, doubt in doubts(gateway_of(msgspec.convert(said, Settings), around), mounted)]
    told = f"route 'r': path: {path} is below a prefix of the dialect {hidden}, and hides what that answers there"
    assert ([told] if hidden else []) == found


@pytest.mark.parametrize("days", [-3, 12, 60])
def test_certificates_that_end(tmp_path: Path, days: int) -> None:
    """Those of the upstream's authority; one that is good for long is not told of."""
    file = tmp_path / "ca.pem"
    # NOTE: half a day more, so that no second of a slow test changes the number of days.
    end = datetime.now(UTC).replace(microsecond=0) + timedelta(days=days, hours=12)
    file.write_text(pem(certificate(end)))
    said = {"targets": ["https://127.0.0.1"], "tls": {"ca": str(file)}}
    expected = {-3: [f"{file} expired on {end:%Y-%m-%d}"], 12: [f"{file} expires in 12 days"], 60: []}[days]
    assert [f"upstream.up.tls.ca: {each}" for each in expected] == told(upstream={"up": said})


@pytest.mark.parametrize(
    ("fault", "subject"),
    [
        ("upstream.billing.targets: x", "upstreams"),
        ("provider.staff: x", "providers"),
        ("route 'x': to: y", "routes"),
        ("route[2] (/x): to: y", "routes"),
        ("route: the noun", "routes"),
        ("gateway.trusted: x", "settings"),
        ("dialects.mounted: x", "settings"),
    ],
)
def test_what_a_fault_is_about(fault: str, subject: str) -> None:
    """It shows in the key."""
    assert subject == subject_of(fault)
