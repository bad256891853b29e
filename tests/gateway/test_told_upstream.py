"""What an upstream learns of who is asking: what we say, never what a client says of itself, and no token of ours."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any

import pytest

from .gateways import NOUN, A, gateway, reply, route
from .misbehaving import Peer, scripted

SECRET = "a secret of more than thirty-two bytes"
KEY = "key-of-acme"
PROVIDERS = {
    "provider": {"keys": {"keys": [{"id": "acme", "sha256": hashlib.sha256(KEY.encode()).hexdigest(), "account": A}]}}
}
FORGED = {
    "X-Crossbar-Account": "forged",
    "X-Crossbar-User": "forged",
    "X-Crossbar-Role": "forged",
    "X-Crossbar-Consumer": "forged",
    "X-Crossbar-Identity": "forged",
    "X-Consumer-ID": "forged",
    "X-Auth-User": "forged",
    "X-Real-IP": "6.6.6.6",
    "Remote-User": "forged",
    "X-Remote-User": "forged",
    "X-SSL-Client-Verify": "forged",
    "SSL-Client-S-DN": "forged",
    "Client-Cert": ":forged:",
    "Client-Cert-Chain": ":forged:",
    "X-Client-Cert-DN": "forged",
    "X-Forwarded-Client-Cert": "forged",
    "X-Envoy-Original-Path": "forged",
}


class Target:
    """A target that notes the requests that it gets: the first line, and the fields by their names."""

    def __init__(self) -> None:
        self.response = reply()
        self.lines: list[str] = []
        self.fields: list[dict[str, list[str]]] = []

    async def __call__(self, peer: Peer) -> None:
        while True:
            line, *fields = (await peer.request())[0].decode("latin-1").split("\r\n")[:-2]
            self.lines.append(line)
            found: dict[str, list[str]] = {}
            for each in fields:
                name, _, value = each.partition(": ")
                found.setdefault(name.lower(), []).append(value)
            self.fields.append(found)
            await peer.send(self.response)


def _identity(fields: dict[str, list[str]]) -> dict[str, list[str]]:
    return {name: value for name, value in fields.items() if name.startswith(("x-crossbar-", "x-consumer-", "x-auth-"))}


@pytest.mark.parametrize("how", ["plain", "signed", "off"])
async def test_who_is_asking_is_ours_to_say(how: str) -> None:
    """Whatever a client says of itself is taken out first, in every way of saying it, and also where we say nothing."""
    upstream = {"identity": how} | ({"secret": SECRET} if how == "signed" else {})
    target = Target()
    async with (
        scripted(target) as port,
        gateway(route(NOUN), route(auth=["keys", "none"]), up=port, upstream=upstream, settings=PROVIDERS) as served,
    ):
        await served.ask(f"GET /v2/accounts/{A}/invoices", FORGED, account=A)
        await served.ask("GET /x/1", FORGED | {"X-API-Key": KEY})
        await served.ask("GET /x/1", FORGED)
    for fields in target.fields:
        assert "forged" not in str(fields)
        assert "6.6.6.6" not in str(fields)
    own, key, nobody = map(_identity, target.fields)
    assert {} == nobody
    if how == "off":
        assert ({}, {}) == (own, key)
    elif how == "plain":
        assert (A, "crossbar", "admin") == tuple(
            own[f"x-crossbar-{name}"][0] for name in ("account", "provider", "role")
        )
        assert (A, "keys", "keys:acme") == tuple(
            key[f"x-crossbar-{name}"][0] for name in ("account", "provider", "consumer")
        )
    else:
        assert ["x-crossbar-identity"] == [*own] == [*key]
        claims = json.loads(base64.urlsafe_b64decode(key["x-crossbar-identity"][0].split(".")[1] + "=="))
        assert (A, "up", "keys") == (claims["account"], claims["aud"], claims["provider"])


@pytest.mark.parametrize("name", ["X_Crossbar_Account", "x_auth_token", "X_Forwarded_For", "X-Crossbar_User"])
@pytest.mark.parametrize("http", ["", "httptools", "h11"], ids=["ours", "httptools", "h11"])
async def test_no_other_spelling_gets_through(name: str, http: str) -> None:
    """CGI and its kin take `_` for `-`: such a field is refused by our server, and taken out behind any other."""
    target = Target()
    async with scripted(target) as port, gateway(route(), up=port, http=http) as served:
        answer = await served.ask("GET /x/1", {name: "forged"})
        assert answer.status == (400 if not http else 200)
    assert "forged" not in str(target.fields)


# Tokens.


@pytest.mark.parametrize("route_", [route(NOUN), route("/v2/accounts/{account}/invoices", allow="true")])
@pytest.mark.parametrize("how", ["X-Auth-Token", "Authorization", "query", "other word"])
async def test_no_token_of_ours_is_sent_on(how: str, route_: dict[str, Any]) -> None:
    """However it came; the rest of the query stays as it was."""
    target = Target()
    async with scripted(target) as port, gateway(route_, up=port) as served:
        token = served.tokens[A]
        path = f"/v2/accounts/{A}/invoices?a=%20b&c"
        fields = {"X-Auth-Token": token} if how == "X-Auth-Token" else {}
        if how == "Authorization":
            fields = {"Authorization": f"Bearer {token}"}
        elif how == "query":
            path += f"&auth_token={token}&d"
        elif how == "other word":
            fields = {"X-Auth-Token": token}
            path += f"&access_token={token}&d"
        assert 200 == (await served.ask(f"GET {path}", fields)).status
        assert token not in str(target.fields) + str(target.lines)
    end = "&d" if how in ("query", "other word") else ""
    assert [f"GET /v2/accounts/{A}/invoices?a=%20b&c{end} HTTP/1.1"] == target.lines


@pytest.mark.parametrize(
    ("query", "left"),
    [
        ("a=1;auth_token=T", "a=1"),
        ("auth_token=T;a=1&b", "a=1&b"),
        ("auth_token[]=T&a", "a"),
        ("a&auth_token%5B0%5D=T", "a"),
        ("AUTH_Token=T&a=%20;b", "a=%20;b"),
        ("+auth_token=T", ""),
        ("%20access.token+=T&&a;", "&a;"),
        ("auth_token%00x=T&a", "a"),
        ("a&auth%5Ftoken=T&b&ACCESS_TOKEN=T", "a&b"),
        ("a_token=b&auth_tokens=c&my_auth_token=d", "a_token=b&auth_tokens=c&my_auth_token=d"),
    ],
)
async def test_a_token_in_a_query_is_ours_in_every_spelling(query: str, left: str) -> None:
    """Some upstream might read it as one; the rest stays byte for byte."""
    target = Target()
    async with scripted(target) as port, gateway(route(NOUN), up=port) as served:
        await served.ask(f"GET /v2/accounts/{A}/invoices?{query}", account=A)
    assert [f"GET /v2/accounts/{A}/invoices{'?' if left else ''}{left} HTTP/1.1"] == target.lines


async def test_a_route_may_pass_tokens_on() -> None:
    """An upstream that knows them itself gets them as they came."""
    target = Target()
    rules = (route(NOUN, token="pass"), route(auth="keys", token="pass"), route("/y", auth="keys"))
    async with scripted(target) as port, gateway(*rules, up=port, settings=PROVIDERS) as served:
        token = served.tokens[A]
        await served.ask(f"GET /v2/accounts/{A}/invoices", account=A)
        await served.ask(f"GET /v2/accounts/{A}/invoices", {"Authorization": f"Bearer {token}"})
        await served.ask("GET /x/1", {"X-API-Key": KEY})
        await served.ask("GET /y", {"X-API-Key": KEY})
    assert [[token], [f"Bearer {token}"], [KEY]] == [
        target.fields[at][name] for at, name in enumerate(("x-auth-token", "authorization", "x-api-key"))
    ]
    assert KEY not in str(target.fields[3])


async def test_what_is_for_the_upstream_alone_goes_on() -> None:
    """On an open route credentials are the upstream's business, but for ours, which nobody else is to learn."""
    target = Target()
    async with scripted(target) as port, gateway(route(), route("/y", token="pass"), up=port) as served:
        ours = {"Authorization": f"Bearer {served.tokens[A]}", "X-Auth-Token": served.tokens[A]}
        await served.ask("GET /x/1?a=b", {"Authorization": "Bearer theirs", "Cookie": "a=b"})
        await served.ask(f"GET /x/1?a=b&auth_token={served.tokens[A]}", {"Authorization": ours["Authorization"]})
        await served.ask("GET /y?auth_token=t", ours)
    theirs, dropped, passed = target.fields
    assert (["Bearer theirs"], ["a=b"]) == (theirs["authorization"], theirs["cookie"])
    assert "authorization" not in dropped
    assert [ours["Authorization"]] == passed["authorization"]
    assert ["/x/1?a=b", "/x/1?a=b", "/y?auth_token=t"] == [line.split(" ")[1] for line in target.lines]


# Rules.


async def test_rules_about_fields() -> None:
    """Remove, then set, then add, in both directions; what the rules say counts more than what the client does."""
    target = Target()
    target.response = reply(b"ok", b"x-gone: 1", b"x-set: theirs", b"x-set: again", b"x-add: theirs")

    said = {"remove": ["x-gone"], "set": {"X-Set": "ours", "Authorization": "Bearer static"}, "add": {"X-Add": "ours"}}
    back = {"remove": ["x-gone"], "set": {"X-Set": "ours", "Cache-Control": "no-store"}, "add": {"X-Add": "ours"}}
    async with scripted(target) as port, gateway(route(request=said, response=back), up=port) as served:
        answer = await served.ask("GET /x/1", {"X-Gone": "1", "X-Set": "client", "X-Add": "client"})
        assert ([], ["ours"], ["theirs", "ours"], "no-store") == (
            answer.all("x-gone"),
            answer.all("x-set"),
            answer.all("x-add"),
            answer["cache-control"],
        )
    (fields,) = target.fields
    assert "x-gone" not in fields
    assert [["ours"], ["client", "ours"], ["Bearer static"]] == [
        fields["x-set"],
        fields["x-add"],
        fields["authorization"],
    ]
