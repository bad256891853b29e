"""A load that cycles over many URIs, and wrk driving a server with it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from random import Random
from string import ascii_lowercase
from typing import Any

from .apps import PREFIX
from .rows import Sample
from .server import CLIENT_CORE, HOST, Server, Unmeasured, pinned

DISTINCT = 4096
"""How many URIs a load cycles over, so that a cache of answers by URI does not help."""

CONNECTIONS = 64

_SCRIPT = """
wrk.method = {method}
wrk.body = {body}
wrk.headers[{field}] = {token}
wrk.headers["Accept"] = "application/json"
wrk.headers["Content-Type"] = {content_type}

local requests, at = {{}}, 0

function init(arguments)
  for path in io.lines({paths}) do requests[#requests + 1] = wrk.format(nil, path) end
end

function request()
  at = at % #requests + 1
  return requests[at]
end

function done(summary, latency)
  local errors = summary.errors
  local lost = errors.connect + errors.read + errors.write + errors.timeout
  io.write(string.format("\\n{mark} %d %d %d %d %d %d\\n", summary.requests, summary.duration,
    errors.status, lost, latency:percentile(50), latency:percentile(99)))
end
"""
_MARK = "BENCH"


@dataclass(frozen=True, slots=True)
class Load:
    """Requests that differ in their URI only, and the status each is to be answered with."""

    paths: tuple[str, ...]
    method: str = "GET"
    body: str | None = None
    status: int = 200
    token: str = "0123456789abcdef0123456789abcdef"
    records: int | None = None
    bearer: bool = False
    field: str = "X-Auth-Token"

    @property
    def headers(self) -> dict[str, str]:
        """The header fields each request carries beside `Host`."""
        content = {} if self.body is None else {"Content-Type": "application/json"}
        name, value = self.credential
        return {name: value, "Accept": "application/json", **content}

    @property
    def credential(self) -> tuple[str, str]:
        """The header field that says who asks, and its value."""
        return ("Authorization", f"Bearer {self.token}") if self.bearer else (self.field, self.token)


def filled(names: Sequence[str], size: int) -> tuple[str, ...]:
    """As many names as asked: the given ones first, then words of the same kind."""
    random = Random(1)
    chosen = dict.fromkeys(names[:size])
    while len(chosen) < size:
        chosen["".join(random.choices(ascii_lowercase, k=random.randint(4, 16)))] = None
    return tuple(chosen)


def framework_load(names: Sequence[str]) -> Load:
    """Documents of random accounts under all names in turn, as `apps.py` routes them."""
    # NOTE: one seed, so that every run and every framework sees the same URIs.
    random = Random(0)
    return Load(
        tuple(
            f"{PREFIX}/{random.getrandbits(128):032x}/{names[number % len(names)]}/{random.getrandbits(128):032x}"
            for number in range(DISTINCT)
        )
    )


def check(load: Load, server: Server) -> None:
    """Return if the first and the last request of a load are answered as they should be."""
    for path in {load.paths[0], load.paths[-1]}:
        connection = HTTPConnection(HOST, server.port, timeout=10)
        connection.request(load.method, path, load.body, load.headers)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        if answer.status != load.status:
            raise Unmeasured(
                f"{load.method} {path} was answered {answer.status}, not {load.status}: "
                f"{body[:200].decode(errors='replace')}"
            )
        if load.records is not None and len(_records(json.loads(body))) != load.records:
            raise Unmeasured(f"{load.method} {path} does not hold {load.records} records")


def _records(answer: Any) -> Any:
    """The records of a page, wherever a dialect puts them."""
    return answer if isinstance(answer, list) else answer.get("data", answer.get("records"))


def drive(load: Load, server: Server, seconds: int, folder: Path, connections: int = CONNECTIONS) -> Sample:
    """Let wrk ask from the other core for some seconds, and weigh what the server used."""
    before = server.cpu_seconds()
    output = _wrk(
        "--threads", "1",
        "--connections", str(connections),
        "--duration", f"{seconds}s",
        "--script", str(_script(load, folder)),
        f"http://{HOST}:{server.port}",
    )  # fmt: skip
    used = server.cpu_seconds() - before
    if server.process.poll() is not None:
        raise Unmeasured(f"the server ended with {server.process.returncode} under load")
    requests, microseconds, refused, lost, p50, p99 = _summary(output)
    if not requests:
        raise Unmeasured("no request was answered")
    expected_refusals = requests if load.status >= 400 else 0
    return Sample(
        cpu_us=used * 1e6 / requests,
        requests=requests,
        unexpected=abs(refused - expected_refusals) + lost,
        rate=requests * 1e6 / microseconds,
        p50_ms=p50 / 1e3,
        p99_ms=p99 / 1e3,
    )


def _wrk(*words: str) -> str:
    finished = subprocess.run(pinned(CLIENT_CORE, ["wrk", *words]), capture_output=True, text=True, check=False)
    if finished.returncode:
        raise Unmeasured(f"wrk ended with {finished.returncode}: {finished.stderr.strip()}")
    return finished.stdout


def _script(load: Load, folder: Path) -> Path:
    """Write the load as a Lua script beside the file of its paths."""
    paths, script = folder / "paths.txt", folder / "load.lua"
    paths.write_text("\n".join(load.paths) + "\n")
    values = {
        "method": load.method,
        "body": load.body,
        "field": load.credential[0],
        "token": load.credential[1],
        "content_type": load.headers.get("Content-Type"),
        "paths": str(paths),
    }
    # NOTE: a JSON string without control or non-ASCII characters is also a Lua string.
    lua = {name: "nil" if value is None else json.dumps(value) for name, value in values.items()}
    script.write_text(_SCRIPT.format(mark=_MARK, **lua))
    return script


def _summary(output: str) -> Iterator[int]:
    for line in output.splitlines():
        if line.startswith(_MARK):
            return (int(word) for word in line.split()[1:])
    raise Unmeasured(f"wrk printed no summary: {output[-200:]}")
