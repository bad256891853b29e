"""The proxies that are measured side by side, each before the same upstream, and the upstream itself."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from .apps import UPSTREAM_VARIABLE
from .server import (
    CLIENT_CORE,
    HOST,
    Server,
    Unmeasured,
    baseline_server,
    crossbar_server,
    free_port,
    nginx,
    program,
    running,
)
from .upstream import CONSTANT

KEY = "cb_0123456789abcdef0123456789abcdef0123456789a"
"""The API key that the full gateway asks for."""
KEY_FIELD = "X-API-Key"

# NOTE: a proxy that ends connections after a thousand requests, as nginx does, would be measured opening new ones.
_FOR_EVER = "keepalive_requests 100000000; keepalive_timeout 600s;"

_ROUTE = """
[[route]]
path = "/invoices/**"
to = "upstream:/invoices/**"
body = "2GiB"
timeout = { total = "0" }
"""

_GATEWAY = """
[upstream.upstream]
targets = ["%(origin)s"]
keep = "60s"
concurrency = 1000
"""

BARE = f"""{_GATEWAY}
{_ROUTE}
auth = "none"
"""
"""The settings of a gateway that does no more than pass requests on."""

EVERYTHING = f"""{_GATEWAY}
health = "GET /ready every 1s"

[provider.keys]
keys = [{{ id = "bench", sha256 = "{hashlib.sha256(KEY.encode()).hexdigest()}" }}]

{_ROUTE}
auth = "keys"
limit = ["100000000/s per consumer", "100000000/s per address", "100000000/s per route"]

[metrics]
enabled = true

[log]
format = "json"
"""
"""The settings of one that does all that a gateway is for."""

Proxy = Callable[[str, Path], AbstractContextManager[Server]]
"""From the origin of the upstream and a folder of its own to a running proxy."""


@contextmanager
def constant_upstream(folder: Path) -> Iterator[Server]:
    """A server on the core of the clients that answers everything with the same 1 KiB: nginx, or else our own."""
    try:
        program("nginx", "nginx-light")
    except Unmeasured:
        with streaming_upstream() as server:
            yield server
        return
    # NOTE: nginx, because it takes least of the core that it shares with wrk; a proxy that waits looks dearer.
    location = f"location / {{ default_type application/json; return 200 '{CONSTANT.decode()}'; }}"
    with nginx(folder, f"server {{ listen {{address}}; {_FOR_EVER} {location} }}", CLIENT_CORE) as server:
        yield server


@contextmanager
def streaming_upstream() -> Iterator[Server]:
    """The server of `upstream.py`, on the core of the clients."""
    port = free_port()
    command = [sys.executable, "-m", f"{__package__}.upstream", str(port)]
    with running(command, port, "/", {}, CLIENT_CORE) as server:
        yield server


def nginx_proxy(origin: str, folder: Path) -> AbstractContextManager[Server]:
    """An nginx that passes everything on as it comes."""
    upstream = f"upstream behind {{ server {origin.removeprefix('http://')}; keepalive 64; {_FOR_EVER} }}"
    passing = 'proxy_pass http://behind; proxy_http_version 1.1; proxy_set_header Connection "";'
    streaming = "proxy_buffering off; proxy_request_buffering off; client_max_body_size 0;"
    buffers = "proxy_buffers 8 32k; proxy_buffer_size 32k;"
    server = f"server {{ listen {{address}}; {_FOR_EVER} location / {{ {passing} {streaming} {buffers} }} }}"
    return nginx(folder, f"{upstream} {server}")


@contextmanager
def haproxy_proxy(origin: str, folder: Path) -> Iterator[Server]:
    """An HAProxy that passes everything on as it comes."""
    found = program("haproxy", "haproxy")
    port = free_port()
    configuration = folder / "haproxy.cfg"
    configuration.write_text(
        "global\n  nbthread 1\n  maxconn 4096\n"
        "defaults\n  mode http\n  timeout connect 5s\n  timeout client 600s\n  timeout server 600s\n"
        f"frontend before\n  bind {HOST}:{port}\n  default_backend behind\n"
        f"backend behind\n  http-reuse always\n  server upstream {origin.removeprefix('http://')}\n"
    )
    with running([found, "-db", "-q", "-f", str(configuration)], port, "/", {}) as server:
        yield server


def aiohttp_proxy(origin: str, folder: Path) -> AbstractContextManager[Server]:
    """The smallest proxy on aiohttp, on uvicorn."""
    return baseline_server("aiohttp_proxy", (), {UPSTREAM_VARIABLE: origin})


def bare_gateway(origin: str, folder: Path) -> AbstractContextManager[Server]:
    """Crossbar with a route for everything, and nothing else of what a gateway does."""
    return _gateway(origin, folder / "bare.toml", BARE, {})


def full_gateway(origin: str, folder: Path) -> AbstractContextManager[Server]:
    """Crossbar with API keys, three limits, active checks, metrics, and a line of JSON for each request."""
    return _gateway(origin, folder / "full.toml", EVERYTHING, {"CROSSBAR__LOG__ACCESS": "true"})


def written(path: Path, settings: str, origin: str) -> Path:
    """A file with settings that lead to an upstream."""
    path.write_text(settings % {"origin": origin})
    return path


def _gateway(origin: str, path: Path, settings: str, variables: Mapping[str, str]) -> AbstractContextManager[Server]:
    return crossbar_server("memory:", {"CROSSBAR_CONFIG": str(written(path, settings, origin)), **variables})
