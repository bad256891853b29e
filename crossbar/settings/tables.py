"""The tables of settings: every name with its type, its default and its bounds."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field

from .dialects import Dialects
from .gateway import Gateway, Name, Provider, Route, Upstream

Port = Annotated[int, Meta(ge=0, le=65535)]
Size = Annotated[int, Meta(ge=1)]
Seconds = Annotated[int, Meta(ge=1)]


class Options(Struct, frozen=True, forbid_unknown_fields=True):
    """One table of settings; plugins declare theirs as subclasses: `class SensorOptions(Options, frozen=True)`."""


class Server(Options, frozen=True):
    """Where the server listens, and as whom it answers."""

    host: str = "127.0.0.1"
    port: Port = 8000
    workers: Annotated[int, Meta(ge=1, le=64)] = 1
    node: str = "crossbar"
    grace: Seconds = 30
    drain: Annotated[int, Meta(ge=0, le=3600)] = 0
    connections: Size = 1000
    protocol: Literal["crossbar", "uvicorn"] = "crossbar"
    admin: str = ""
    origins: tuple[str, ...] = ()
    jsonp: bool = False


class MongoSettings(Options, frozen=True):
    """How documents in MongoDB are written and read: by default so that what was acknowledged is never lost."""

    write_concern: Annotated[
        str, Meta(pattern="^(?:[1-9][0-9]?|[A-Za-z][A-Za-z0-9_-]*)$", max_length=64, examples=["majority", "2"])
    ] = "majority"
    journal: bool = True
    read_concern: Literal["local", "majority", "linearizable"] = "majority"
    read_preference: Literal["primary", "primaryPreferred", "secondary", "secondaryPreferred", "nearest"] = "primary"
    connections: Annotated[int, Meta(ge=1, le=10_000)] = 100
    answer_seconds: Annotated[float, Meta(ge=1, le=60)] = 1.4
    cache_seconds: Annotated[float, Meta(ge=0, le=1)] = 0.5
    create_indexes: bool = True


class StoreSettings(Options, frozen=True):
    """Which store holds the documents."""

    url: str = "sqlite:///crossbar.db"
    settings: bool = True
    mongodb: MongoSettings = field(default_factory=MongoSettings)


class Modules(Options, frozen=True):
    """Which endpoint modules take part."""

    folder: str = ""
    disabled: tuple[str, ...] = ()
    installed: bool = True
    required: tuple[str, ...] = ()
    start_seconds: Seconds = 10


class Limits(Options, frozen=True):
    """What one request may bring; sizes in bytes."""

    target: Annotated[int, Meta(ge=64, le=16384)] = 8192
    headers: Annotated[int, Meta(ge=1024, le=65536)] = 16384
    header_count: Annotated[int, Meta(ge=10, le=1000)] = 100
    segments: Annotated[int, Meta(ge=4, le=256)] = 32
    segment: Annotated[int, Meta(ge=32, le=4096)] = 256
    query_words: Annotated[int, Meta(ge=1, le=1000)] = 100
    query_word: Annotated[int, Meta(ge=16, le=8192)] = 2048
    body: Annotated[int, Meta(ge=1024, le=8388608)] = 1048576
    body_seconds: Seconds = 60
    upload: Size = 8_000_000
    depth: Annotated[int, Meta(ge=4, le=200)] = 64
    keys: Size = 1000
    key: Size = 256
    nodes: Size = 100_000
    pretty: Size = 262_144
    handler_seconds: Seconds = 30
    store_seconds: Seconds = 2
    write_seconds: Seconds = 10
    requests: Size = 200
    idempotency_seconds: Seconds = 86_400
    socket_message: Size = 65_536


class Paging(Options, frozen=True):
    """How listings are cut into pages."""

    page_size: Annotated[int, Meta(ge=1, le=1000)] = 50
    maximum: Annotated[int, Meta(ge=1, le=10_000)] = 1000
    key_life: Seconds = 86_400
    stream_rows: Annotated[int, Meta(ge=1, le=10_000)] = 500
    chunk_size: Annotated[int, Meta(ge=1, le=1000)] = 50
    deepest: Annotated[int, Meta(ge=0, le=10_000_000)] = 100_000


class Auth(Options, frozen=True):
    """Tokens and passwords."""

    token_life: Seconds = 3600
    echo_token: bool = True
    hash_memory: Annotated[int, Meta(ge=8, le=1024)] = 46
    hash_threads: Annotated[int, Meta(ge=1, le=16)] = 2
    hash_queue: Annotated[int, Meta(ge=1, le=10_000)] = 100
    login_failures: Annotated[int, Meta(ge=0, le=1000)] = 10
    login_window: Seconds = 900


Cost = Annotated[int, Meta(ge=0, le=1_000_000)]
Tokens = Annotated[int, Meta(ge=1, le=1_000_000)]
Period = Literal["second", "minute", "hour", "day"]


class RateGroup(Options, frozen=True):
    """The bucket of one group: how many tokens it holds, and how many are added in each second, minute, hour or day."""

    size: Tokens = 100
    refill: Tokens = 10
    per: Period = "second"


class Rate(Options, frozen=True):
    """How often a client may ask: the default bucket, what requests cost, and the buckets of other groups."""

    enabled: bool = True
    size: Tokens = 100
    refill: Tokens = 10
    per: Period = "second"
    costs: dict[str, Cost | dict[str, Cost | dict[str, Cost]]] = {}
    groups: dict[str, RateGroup] = {}
    shared: str = ""


class Log(Options, frozen=True):
    """What is written to standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    access: bool = True
    format: Literal["text", "json"] = "text"
    slow: Size = 1000
    blocked: Size = 200


class Cors(Options, frozen=True):
    """Which pages of other sites may read what is answered."""

    origins: tuple[str, ...] = ()
    credentials: bool = False
    max_age: Annotated[int, Meta(ge=0, le=86_400)] = 86_400
    headers: tuple[str, ...] = ()


class Compression(Options, frozen=True):
    """How responses are compressed."""

    enabled: bool = True
    minimum: Size = 1024
    zstd: Annotated[int, Meta(ge=1, le=9)] = 1
    brotli: Annotated[int, Meta(ge=1, le=9)] = 2
    gzip: Annotated[int, Meta(ge=1, le=9)] = 3


class Metrics(Options, frozen=True):
    """What is counted, for Prometheus."""

    enabled: bool = False
    folder: str = ""


class Settings(Options, frozen=True):
    """Everything that can be set."""

    server: Server = field(default_factory=Server)
    store: StoreSettings = field(default_factory=StoreSettings)
    modules: Modules = field(default_factory=Modules)
    limits: Limits = field(default_factory=Limits)
    paging: Paging = field(default_factory=Paging)
    auth: Auth = field(default_factory=Auth)
    rate: Rate = field(default_factory=Rate)
    log: Log = field(default_factory=Log)
    cors: Cors = field(default_factory=Cors)
    compression: Compression = field(default_factory=Compression)
    dialects: Dialects = field(default_factory=Dialects)
    gateway: Gateway = field(default_factory=Gateway)
    upstream: dict[Name, Upstream] = {}
    provider: dict[Name, Provider] = {}
    route: tuple[Route, ...] = ()
    metrics: Metrics = field(default_factory=Metrics)
    plugins: dict[str, dict[str, Any]] = {}
