"""The settings of the gateway: upstream services, who may call them, and the routes that lead there.

Durations, sizes and limits are short texts: `500ms`, `10s`, `2min`, `1h`; `64KiB`, `10MiB`; `100/min per consumer`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field

# NOTE: what is not like a pattern is told by the examples beside it, and never by the pattern.
Duration = Annotated[
    str,
    Meta(
        pattern=r"^(0|[0-9]+(\.[0-9]+)?(ms|s|min|h))$",
        description="A span of time; 0 switches off what it bounds.",
        examples=["500ms", "10s", "2min", "1h"],
    ),
]
"""A span of time; `0` switches off what it bounds."""
Amount = Annotated[
    str, Meta(pattern=r"^[0-9]+(B|KiB|MiB|GiB)$", description="A number of bytes.", examples=["64KiB", "10MiB"])
]
"""A number of bytes."""
Name = Annotated[
    str,
    Meta(
        pattern=r"^[a-z][a-z0-9_-]{0,31}$",
        description="A name: a lower-case letter, and up to 31 more, digits, '-' and '_'.",
        examples=["billing", "staff-2"],
    ),
]
TargetText = Annotated[
    str,
    Meta(
        pattern=r"^https?://[^\s/?#@]+(/[^\s?#]*)?( weight=[1-9][0-9]{0,3})?$",
        description="Where a server of the upstream is, and its weight if that is not 1.",
        examples=["http://10.0.0.11:9000", "https://billing.example.com/base weight=2"],
    ),
]
FieldName = Annotated[
    str,
    Meta(
        pattern=r"^[0-9A-Za-z!#$%&'*+.^`|~-]+$",
        description="The name of a header field; never with _, which some servers take for a dash.",
        examples=["x-api-key", "Cache-Control"],
    ),
]
FieldValue = Annotated[
    str,
    Meta(
        pattern=r"^[\t -~]*$",
        description="The value of a header field, in printable ASCII.",
        examples=["no-store"],
    ),
]
LimitText = Annotated[
    str,
    Meta(
        pattern=r"^[1-9][0-9]*/(s|min|h|day) per (consumer|address|route)$",
        description="How many requests, in which time, and by whom they are counted.",
        examples=["100/min per consumer", "20/s per address", "5000/day per route"],
    ),
]


class _Table(Struct, frozen=True, forbid_unknown_fields=True):
    """One table of the gateway's settings."""


class Gateway(_Table, frozen=True):
    """What holds for all routes."""

    trusted: tuple[str, ...] = ()
    via: Annotated[str, Meta(pattern=r"^[0-9A-Za-z._-]*$", examples=["edge-1"])] = ""


class Timeouts(_Table, frozen=True):
    """How long a call of an upstream may take, phase by phase."""

    connect: Duration = "1s"
    first_byte: Duration = "15s"
    idle: Duration = "30s"
    total: Duration = "60s"


class Tls(_Table, frozen=True):
    """How an upstream is known, and as whom it is called: files in PEM."""

    ca: str = ""
    cert: str = ""
    key: str = ""
    name: str = ""


class Upstream(_Table, frozen=True):
    """A service behind the gateway: its targets, and how they are called."""

    targets: Annotated[tuple[TargetText, ...], Meta(min_length=1)]
    health: Annotated[
        str,
        Meta(
            pattern=r"^((GET|HEAD) /[!-~]* every [0-9.]+(ms|s|min|h)( within [0-9.]+(ms|s|min|h))?)?$",
            description="What is asked of each target to know whether it is well, and how often; empty for nothing.",
            examples=["GET /readyz every 5s", "HEAD / every 10s within 1s"],
        ),
    ] = ""
    timeout: Timeouts = field(default_factory=Timeouts)
    retry: Annotated[
        str,
        Meta(
            pattern=r"^(never|[2-5] tries on [a-z0-9_]+(, [a-z0-9_]+)*)$",
            description="How often a call is tried in all, and on what it is tried again.",
            examples=["2 tries on connect, reset, 503", "never"],
        ),
    ] = "2 tries on connect, reset"
    eject: Annotated[
        str,
        Meta(
            pattern=r"^(never|after [1-9][0-9]* failures in [0-9.]+(ms|s|min|h) for [0-9.]+(ms|s|min|h))$",
            description="After how many failures in a row a target is left alone, and for how long.",
            examples=["after 5 failures in 10s for 30s", "never"],
        ),
    ] = "after 5 failures in 10s for 30s"
    concurrency: Annotated[int, Meta(ge=1, le=100_000)] = 200
    keep: Duration = "4s"
    dns: Duration = "10s"
    head: Amount = "64KiB"
    host: Literal["target", "client"] = "target"
    identity: Literal["plain", "signed", "off"] = "plain"
    secret: str = ""
    tls: Tls = field(default_factory=Tls)


class Jwt(_Table, frozen=True):
    """Tokens of an issuer: how they are checked, and which claims say who it is."""

    issuer: str
    audience: str | tuple[str, ...] = ()
    jwks: Annotated[
        str,
        Meta(
            pattern=r"^(https?://[^\s#]+)?$",
            description="Where the keys of the issuer are; empty to ask the issuer for that.",
            examples=["https://login.example.com/keys"],
        ),
    ] = ""
    algorithms: Annotated[
        tuple[Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"], ...],
        Meta(min_length=1),
    ] = ("RS256", "ES256", "EdDSA")
    account: str = "account_id"
    user: str = "sub"
    admins: str = ""
    leeway: Duration = "30s"
    refresh: Duration = "10min"


class Key(_Table, frozen=True):
    """One API key, by the SHA-256 of its text in hexadecimal digits, and whose it is."""

    id: Name
    sha256: Annotated[
        str,
        Meta(
            pattern=r"^[0-9a-f]{64}$",
            description="The SHA-256 of a key in 64 lower-case hexadecimal digits, as `crossbar key` writes it.",
        ),
    ]
    account: str = ""
    user: str = ""
    claims: dict[str, Any] = {}


class Provider(_Table, frozen=True):
    """Somebody who says who is asking: an issuer of tokens, or a list of API keys."""

    jwt: Jwt | None = None
    keys: tuple[Key, ...] = ()
    header: FieldName = "x-api-key"


class FieldRules(_Table, frozen=True):
    """What is done to the header fields of a request or a response, in this order."""

    remove: tuple[FieldName, ...] = ()
    set: dict[FieldName, FieldValue] = {}
    add: dict[FieldName, FieldValue] = {}


class RouteCors(_Table, frozen=True):
    """Which pages of other sites may read what a route answers."""

    origins: Annotated[tuple[str, ...], Meta(min_length=1)]
    credentials: bool = False
    max_age: Annotated[int, Meta(ge=0, le=86_400)] = 86_400
    headers: tuple[str, ...] = ()


class Route(_Table, frozen=True):
    """What a request must look like, who may send it, and where it goes."""

    path: Annotated[
        str,
        Meta(
            pattern=r"^/[!-~]*$",
            description="A path template: {name} for one segment, ** at the end for the rest.",
            examples=["/v2/accounts/{account}/invoices/**", "/files/**"],
        ),
    ]
    to: str = ""
    name: Annotated[
        str,
        Meta(
            pattern=r"^[a-z][a-z0-9_.-]{0,63}$|^$",
            description="What the route is called in logs, metrics and messages; its path if this is empty.",
            examples=["invoices", "files.public"],
        ),
    ] = ""
    host: tuple[str, ...] | str = ()
    methods: tuple[Annotated[str, Meta(pattern=r"^[A-Z]+$", examples=["GET", "POST"])], ...] = ()
    headers: dict[FieldName, FieldValue] = {}
    auth: tuple[str, ...] | str = "crossbar"
    allow: str = ""
    limit: tuple[LimitText, ...] = ()
    envelope: Literal["off", "wrap", "unwrap"] = "off"
    errors: Literal["pass", "map"] = "pass"
    form: str = "problem"
    body: Amount = "10MiB"
    encoded_slashes: bool = False
    token: Literal["drop", "pass"] = "drop"
    websocket: bool = True
    timeout: dict[Literal["connect", "first_byte", "idle", "total"], Duration] = {}
    retry: str = ""
    cors: RouteCors | None = None
    request: FieldRules = field(default_factory=FieldRules)
    response: FieldRules = field(default_factory=FieldRules)
    merge: dict[Name, str] = {}
    missing: Literal["report", "fail"] = "report"


_UNITS = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0}
_SIZES = {"B": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}


def seconds(text: str) -> float:
    """A duration in seconds; 0 for one that is switched off."""
    number = text.rstrip("hinms")
    return float(number) * _UNITS[text[len(number) :] or "s"]


def size(text: str) -> int:
    """An amount in bytes."""
    number = text.rstrip("BGiKM")
    return int(number) * _SIZES[text[len(number) :]]
