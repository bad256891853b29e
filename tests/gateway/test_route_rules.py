"""What the rule of a route sees of a request, and how an upstream learns who asks."""

from __future__ import annotations

from typing import Any

import jwt
import pytest

from crossbar import Context, Principal
from crossbar.testing import REALM, RINGCENTRAL, Client

from .issuers import NOW
from .standins import NOUN, Gate, bearer, gate, issuer, key, keys, route

A = "c0" * 16
BELOW = "d0" * 16
ADMIN = A[:16] + "0" * 16
SECRET = "0123456789abcdef" * 2
PARTNERS = {"partners": keys(acme={"account": A, "claims": {"plan": "gold", "tags": ["a", "b"]}}, rival={})}
UP = {"targets": ["http://up.example:9000"]}


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """Run on asyncio, which is what the servers run on."""
    return "asyncio"


async def passes(gated: Gate, target: bytes, *fields: tuple[bytes, bytes], **scope: Any) -> bool:
    """Whether the rule lets a request of acme's pass; what it does not let pass is not sent on."""
    sent = ((b"x-api-key", key("acme")["x-api-key"].encode()), *fields)
    response = await gated.wire(scope.pop("method", "GET"), target, *sent, **scope)
    assert response.status in (200, 400, 403)
    assert (response.status == 200) == bool(gated.asked)
    gated.asked.clear()
    return response.status == 200


@pytest.mark.parametrize(
    ("rule", "passing"),
    [
        ("claims.plan == 'gold'", True),
        ("claims.plan == 'tin'", False),
        ("'b' in claims.tags", True),
        ("claims.account_id == null", True),
        (f"principal.account == '{A}'", True),
        ("principal.user == ''", True),
        ("principal.role == 'admin'", True),
        ("principal.provider == 'partners'", True),
        ("path.a == 'x y'", True),
        ("path.a == 'x%20y'", False),
        ("path.b == 'ü/%41'", True),
        ("request.method == 'GET'", True),
        ("request.host == 'gate.example'", True),
        ("request.address == '127.0.0.1'", True),
    ],
)
async def test_what_a_rule_sees(rule: str, passing: bool) -> None:
    """Claims, the parts of the path decoded once, who asks, and how."""
    guarded = route("/f/{a}/{b}", auth="partners", allow=rule, encoded_slashes=True)
    async with gate(guarded, provider=PARTNERS) as gated:
        assert passing is await passes(gated, b"/f/x%20y/%C3%BC%2F%2541")


@pytest.mark.parametrize(
    ("host", "passing"),
    [
        (b"gate.example", True),
        (b"GATE.example:8443", True),
        (b"gate.example.", True),
        (b"gate.example.:80", True),
        (b"gate.example:x", False),
        (b"other.example", False),
        (b"gate.example@other.example", False),
        (b"", False),
    ],
)
async def test_the_host_of_a_rule_is_that_of_routes(host: bytes, passing: bool) -> None:
    """Without its port, and whatever the case."""
    async with gate(route("/h", auth="partners", allow="request.host == 'gate.example'"), provider=PARTNERS) as gated:
        assert passing is await passes(gated, b"/h", (b"host", host))


@pytest.mark.parametrize(
    ("client", "address"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8::7", "2001:db8::7"),
        ("2001:0DB8:0::0007", "2001:db8::7"),
        ("fe80::7%eth0", "fe80::7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("/run/socket", "/run/socket"),
    ],
)
async def test_the_address_of_a_rule_is_the_whole_one(client: str, address: str) -> None:
    """In its one right spelling; limits count a network of it."""
    rule = f"request.address == '{address}'"
    async with gate(route("/a", auth="partners", allow=rule), provider=PARTNERS) as gated:
        assert await passes(gated, b"/a", client=(client, 1))
        assert not await passes(gated, b"/a", client=("203.0.113.9", 1))


async def test_claims_of_our_own_tokens() -> None:
    """Those that the token has; a caller without one has none."""

    async def known(ctx: Context) -> Principal | None:
        return Principal(A, method="host") if b"x-known" in ctx.headers else None

    rule = f"claims.owner_id == '{ADMIN}' and claims.method == 'cb_user_auth' and principal.provider == 'crossbar'"
    async with gate(route("/o", auth="crossbar", allow=rule), options={"authenticators": [known]}) as gated:
        assert 200 == (await (await gated.client("customer")).get("//o")).status
        assert 403 == (await (await gated.client("reseller")).get("//o")).status
        assert 403 == (await Client(gated.app, headers={"x-known": "1"}).get("//o")).status
        assert 1 == len(gated.asked)


async def test_a_rule_on_an_open_route() -> None:
    """Nobody in particular has no account, no role and no provider."""
    rule = "principal.provider == '' and principal.account == '' and principal.role == '' and claims.x == null"
    async with gate(route("/o", allow=rule), route("/m", allow="request.method == 'GET'")) as gated:
        client = Client(gated.app)
        assert [200, 200, 403] == [
            (await client.request(method, path)).status
            for method, path in (("POST", "//o"), ("GET", "//m"), ("DELETE", "//m"))
        ]


@pytest.mark.parametrize(
    ("prefix", "speech"), [("/account", None), ("/account/~", RINGCENTRAL), ("/client/@me", REALM)]
)
async def test_the_account_in_the_path_of_a_rule(prefix: str, speech: Any) -> None:
    """It is the one that was entered, whatever stands for it in a dialect."""
    rule = f"path.account == '{A}' and path.id == 'a b'"
    async with gate(route(NOUN.replace("**", "{id}"), allow=rule)) as gated:
        client = await gated.client("customer", **({"speech": speech} if speech else {}))
        assert 200 == (await client.get(f"{prefix}/invoices/a%20b")).status
        assert 403 == (await client.get(f"{prefix}/invoices/b")).status
        below = await gated.client("department", **({"speech": speech} if speech else {}))
        assert 403 == (await below.get(f"{prefix}/invoices/a%20b")).status
        assert 1 == len(gated.asked)


FORGED = {
    "x-crossbar-account": "forged",
    "X-Crossbar-User": "forged",
    "x-crossbar-role": "admin",
    "x_crossbar_consumer": "forged",
    "x-crossbar-identity": "forged",
    "x-crossbar-anything": "forged",
    "x-consumer-id": "forged",
    "x-auth-user": "forged",
}


async def test_plain_identity() -> None:
    """A field for each fact, nothing for those that there are not, and nothing that the client says of itself."""
    guarded = route("/i", auth=["staff", "partners", "none"])
    async with issuer() as staff, gate(guarded, provider=staff | PARTNERS) as gated:
        told = []
        for fields in (bearer(sub="ada l/ü%", account_id="4f2a"), key("acme"), key("rival"), {}):
            await Client(gated.app, headers=FORGED | fields).get("//i")
            sent = gated.last().call.fields
            found = {
                n.decode(): v.decode() for n, v in sent if n.replace(b"_", b"-").startswith((b"x-cr", b"x-co", b"x-au"))
            }
            told.append({name.removeprefix("x-crossbar-"): value for name, value in found.items()})
    ada = "ada%20l/%C3%BC%25"
    assert [
        {"account": "4f2a", "user": ada, "role": "user", "provider": "staff", "consumer": f"staff:{ada}"},
        {"account": A, "role": "admin", "provider": "partners", "consumer": "partners:acme"},
        {"role": "user", "provider": "partners", "consumer": "partners:rival"},
        {},
    ] == told


async def test_signed_identity() -> None:
    """One field that an upstream can check with any library, for this upstream alone, and for a minute."""
    upstream = {
        "up": UP | {"identity": "signed", "secret": SECRET},
        "other": UP | {"identity": "signed", "secret": SECRET},
    }
    async with issuer() as staff:
        routes = [route("/i", auth=["staff", "none"]), route("/j", "other", auth="staff")]
        async with gate(*routes, provider=staff, upstream=upstream) as gated:
            client = Client(gated.app, headers=FORGED | bearer(account_id="4f2a"))
            await client.get("//i")
            await client.get("//j")
            sent = gated.last()
            field = sent[b"x-crossbar-identity"] or b""
            known = jwt.decode(
                field,
                SECRET,
                algorithms=["HS256"],
                audience="up",
                issuer="crossbar",
                options={"verify_exp": False, "verify_iat": False},
            )
            assert {"sub": "ada", "account": "4f2a", "role": "user", "provider": "staff", "consumer": "staff:ada"} == {
                name: value for name, value in known.items() if name not in ("iss", "aud", "iat", "exp")
            }
            assert (NOW, NOW + 60) == (known["iat"], known["exp"])
            assert {b"x-crossbar-identity"} == {name for name, _ in sent.call.fields if b"crossbar" in name}
            other = gated["other"].asked[-1][b"x-crossbar-identity"] or b""
            with pytest.raises(jwt.InvalidAudienceError):
                jwt.decode(
                    other,
                    SECRET,
                    algorithms=["HS256"],
                    audience="up",
                    options={"verify_exp": False, "verify_iat": False},
                )
            await Client(gated.app, headers=FORGED).get("//i")
            assert [] == [name for name, _ in gated.last().call.fields if b"crossbar" in name]


async def test_no_identity() -> None:
    """An upstream may want to know nothing, and what clients forge is taken out all the same."""
    async with gate(
        route("/i", auth="partners"), provider=PARTNERS, upstream={"up": UP | {"identity": "off"}}
    ) as gated:
        assert 200 == (await Client(gated.app, headers=FORGED | key("acme")).get("//i")).status
        sent = {name.replace(b"_", b"-") for name, _ in gated.last().call.fields}
        assert not [name for name in sent if name.startswith((b"x-crossbar", b"x-consumer", b"x-auth", b"x-api-key"))]


async def test_identity_at_a_noun() -> None:
    """The account is the caller's own, and not the one in the path, which is in the path."""
    async with gate(route(NOUN)) as gated:
        client = await gated.client("customer", headers=FORGED)
        assert 200 == (await client.get(f"/accounts/{BELOW}/invoices/1")).status
        sent = gated.last()
        assert (A.encode(), ADMIN.encode(), b"admin", b"crossbar") == tuple(
            sent[b"x-crossbar-" + name] for name in (b"account", b"user", b"role", b"provider")
        )
