"""Crossbar's demo data for a run, and the loads that ask for it."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from itertools import islice
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import quote

from .load import DISTINCT, Load
from .server import HOST, ROOT, Server, Unmeasured, crossbar, crossbar_server

PAGE = 50
_WALK = 1000
_PAGES = 64
"""How many neighbouring pages stand for the start, the middle and the end of a listing."""

_ACCOUNT = "demo"
_CREDENTIALS = hashlib.md5(b"admin:crossbar", usedforsecurity=False).hexdigest()
_DEVICE = json.dumps({"data": {"name": "bench"}})
_CACHE = ROOT / ".bench"


@contextmanager
def demo_store(records: int, fresh: bool) -> Iterator[str]:
    """The URL of a copy of the demo data, gone after the block; the original is made once."""
    _CACHE.mkdir(exist_ok=True)
    (_CACHE / ".gitignore").write_text("*\n")
    original = _CACHE / f"{records}.sqlite3"
    with tempfile.TemporaryDirectory(dir=_CACHE) as folder:
        if fresh or not original.exists() or not _files_of(original).exists():
            _make(original, records, Path(folder))
        copy = Path(folder) / "run.sqlite3"
        shutil.copyfile(original, copy)
        shutil.copytree(_files_of(original), _files_of(copy))
        yield _url(copy)


def crossbar_loads(server: Server, records: int) -> dict[str, Load]:
    """The load of each of Crossbar's rows, asking for what the store holds."""
    with closing(Session(server)) as session:
        listing = f"{session.account}/cdrs"
        pages = session.pages(listing, records)
        devices = f"{session.account}/devices"
        token = session.token
        random = Random(2)
        unknown = tuple(f"{devices}/{random.getrandbits(128):032x}" for _ in range(DISTINCT))
        documents = tuple(f"{devices}/{name}" for name in session.ids(devices))
        account = session.account.rpartition("/")[2]
        names = [path.rpartition("/")[2] for path in documents]
    ringcentral, realm = f"/restapi/v1.0/account/{account}", f"/api/ver1.0/client/{account}"
    numbers = range(1, _PAGES + 1)
    own = {
        "ringcentral-document": [f"{ringcentral}/device/{name}" for name in names],
        "ringcentral-page": [f"{ringcentral}/call-log?dateFrom=2000&perPage={PAGE}&page={page}" for page in numbers],
        "realm-document": [f"{realm}/phone/{name}" for name in names],
        "realm-page": [f"{realm}/cdr/?per_page={PAGE}&page={page}" for page in numbers],
    }
    others = {
        name: Load(tuple(uris), token=token, records=PAGE if "page" in name else None, bearer=True)
        for name, uris in own.items()
    }
    return {
        **others,
        "about": Load((f"{session.account}/about",), token=token),
        "document": Load(documents, token=token),
        **{name: Load(uris, token=token, records=PAGE) for name, uris in pages.items()},
        "create": Load((devices,), "PUT", _DEVICE, 201, token),
        "missing": Load(unknown, status=404, token=token),
    }


class Session:
    """A client that is logged in to the demo account."""

    def __init__(self, server: Server) -> None:
        """Log in."""
        self._connection = HTTPConnection(HOST, server.port, timeout=60)
        self._headers = {"Content-Type": "application/json", "Accept": "application/json"}
        login = {"credentials": _CREDENTIALS, "account_name": _ACCOUNT}
        envelope = self.ask("PUT", "/v2/user_auth", json.dumps({"data": login}))
        self.token: str = envelope["auth_token"]
        self.account = f"/v2/accounts/{envelope['data']['account_id']}"
        self._headers["X-Auth-Token"] = self.token

    def close(self) -> None:
        """Close the connection; the token stays good."""
        self._connection.close()

    def ask(self, method: str, path: str, body: str | None = None) -> Any:
        """The envelope of a request that succeeds."""
        self._connection.request(method, path, body, self._headers)
        answer = self._connection.getresponse()
        text = answer.read()
        if not 200 <= answer.status < 300:
            said = text[:200].decode(errors="replace")
            raise Unmeasured(f"{method} {path} was answered {answer.status}: {said}")
        return json.loads(text)

    def walk(self, listing: str, size: int, key: str | None = None) -> Iterator[tuple[str, Any]]:
        """The URI and the envelope of each page of a listing, from a start key on."""
        while True:
            start = "" if key is None else f"&start_key={quote(str(key), safe='')}"
            uri = f"{listing}?page_size={size}{start}"
            envelope = self.ask("GET", uri)
            yield uri, envelope
            key = envelope.get("next_start_key")
            if not key:
                return

    def ids(self, listing: str) -> list[str]:
        """Ids of a listing, no more than a load needs."""
        found: list[str] = []
        for _, envelope in self.walk(listing, _WALK):
            found += [document["id"] for document in envelope["data"]]
            if len(found) >= DISTINCT:
                break
        return found[:DISTINCT]

    def pages(self, listing: str, records: int) -> dict[str, tuple[str, ...]]:
        """URIs of neighbouring pages at the start, in the middle and at the end of a listing."""
        places: list[tuple[int, str | None]] = [(0, None)]
        rows = 0
        for _, envelope in self.walk(listing, _WALK):
            rows += len(envelope["data"])
            places.append((rows, envelope.get("next_start_key")))
        if rows < records:
            raise Unmeasured(f"{listing} lists {rows} of {records} records")

        def key_before(row: int) -> str | None:
            return max((at, key) for at, key in places if at <= max(0, row))[1]

        return {
            "page-first": self._full_pages(listing, None),
            "page-middle": self._full_pages(listing, key_before(rows // 2)),
            "page-last": self._full_pages(listing, key_before(rows - _PAGES * PAGE), to_end=True),
        }

    def _full_pages(self, listing: str, key: str | None, to_end: bool = False) -> tuple[str, ...]:
        """As many full pages as stand for a place: the first from a key on, or the last of all."""
        walk = self.walk(listing, PAGE, key)
        full = (uri for uri, envelope in walk if len(envelope["data"]) == PAGE)
        return tuple(deque(full, _PAGES) if to_end else islice(full, _PAGES))


def _make(original: Path, records: int, folder: Path) -> None:
    """Fill a new store with records and with as many devices as a load has URIs."""
    print(f"making a store of {records} records, once", file=sys.stderr)
    store = folder / "new.sqlite3"
    command = crossbar("demo", "--store", _url(store), "--records", str(records), "--records-in-master")
    finished = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if finished.returncode:
        last = finished.stderr.strip().rpartition("\n")[2]
        raise Unmeasured(f"`crossbar demo` ended with {finished.returncode}: {last}")
    with crossbar_server(_url(store)) as server, closing(Session(server)) as session:
        devices = f"{session.account}/devices"
        for _ in range(DISTINCT - len(session.ids(devices))):
            session.ask("PUT", devices, _DEVICE)
    whole = folder / "whole.sqlite3"
    # NOTE: a backup, because the newest pages may still be in the write-ahead log.
    with closing(sqlite3.connect(store)) as source, closing(sqlite3.connect(whole)) as target:
        source.backup(target)
    shutil.rmtree(_files_of(original), ignore_errors=True)
    shutil.copytree(_files_of(store), _files_of(original))
    whole.replace(original)


def _files_of(store: Path) -> Path:
    """The folder in which an SQLite store has its blobs."""
    return Path(f"{store}-blobs")


def _url(path: Path) -> str:
    return f"sqlite:///{path}"
