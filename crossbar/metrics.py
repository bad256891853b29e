"""What is counted, for Prometheus: requests, refusals, calls of upstreams, targets, reloads, and the process itself.

Names, attributes and buckets are those of OpenTelemetry's conventions for HTTP metrics, in the spelling of Prometheus.
Nothing that a client makes up becomes a label: routes go by their names, and methods that nobody knows by one word.

Worker processes count into files of a folder that they share (`prepare_shared`), so that a scrape shows all of them,
whichever it reaches. What a process can only tell of the present moment it writes there once a second.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, MutableMapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from .errors import SettingsError
from .fields import SECURE
from .metrics_moment import Now, forget, gauges, processes, publish, told_by_others

if TYPE_CHECKING:
    from prometheus_client.core import Metric

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Upstreams = Callable[[], Iterable[tuple[str, str, bool, int]]]
Counting = tuple[Callable[[float], None], Callable[[], None] | None]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
"""Seconds, as OpenTelemetry advises for `http.server.request.duration`."""
METHODS = frozenset({"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE"})
"""The methods that are told by their names."""
OTHER_METHOD = "_OTHER"
OTHER_WORD = "other"
MOST_WORDS = 200
"""Different reasons that are told by their names."""
VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
"""The environment variable that names the shared folder; `prometheus_client` reads it when it is imported."""
PUBLISHED_SECONDS = 1.0
_OURS = ("counter_*.db", "gauge_*.db", "histogram_*.db", "summary_*.db", "now_*.json", "now_*.new")


def prepare_shared(folder: Path) -> None:
    """Let processes that are started from now on count together, in a folder without what earlier ones have left.

    It is made, for this user only, if it is not there. Raises SettingsError if it cannot be used.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for pattern in _OURS:
            for path in folder.glob(pattern):
                path.unlink(missing_ok=True)
    except OSError as error:
        fault = f"metrics.folder: cannot use {folder}: {error.strerror}; name another folder"
        raise SettingsError([fault]) from None
    os.environ[VARIABLE] = str(folder.absolute())


class _Scrape(NamedTuple):
    """The families of one scrape, in the form in which the library takes them."""

    families: Iterator[Metric]

    def collect(self) -> Iterator[Metric]:
        """Each family with its samples."""
        return self.families


class Metrics:
    """The counts of one application, which clash with nobody's; those of its fellow workers are told with them.

    Make one for the life of an application, also if its settings are loaded anew. Where processes share a folder, one
    application in each of them counts. Raises SettingsError if `prometheus_client` is not installed.
    """

    content_type = CONTENT_TYPE

    def __init__(self) -> None:
        try:
            from prometheus_client import CollectorRegistry, Counter, Histogram, values
            from prometheus_client.multiprocess import MultiProcessCollector
        except ImportError:
            told = "metrics.enabled: needs prometheus-client: pip install 'crossbar-rest[gateway]', or set it to false"
            raise SettingsError([told]) from None
        # NOTE: the library has decided when it was imported; whoever sets the variable later is not heard.
        shared = os.environ.get(VARIABLE) if values.ValueClass._multiprocess else None
        self._folder = Path(shared) if shared else None
        self._registry = CollectorRegistry()
        own = None if self._folder else self._registry
        if self._folder:
            MultiProcessCollector(self._registry, str(self._folder))  # type: ignore[no-untyped-call]
        self._served = Histogram(
            "http_server_request_duration_seconds",
            "Seconds from a request to the end of its response.",
            ("http_request_method", "http_route", "http_response_status_code", "error_type"),
            buckets=BUCKETS,
            registry=own,
        )
        self._calls = Histogram(
            "http_client_request_duration_seconds",
            "Seconds of each call of an upstream.",
            ("crossbar_upstream", "http_response_status_code", "error_type"),
            buckets=BUCKETS,
            registry=own,
        )
        refused = "Requests that were refused, by the reason in their log line."
        self._refusals = Counter("crossbar_refusals", refused, ("reason",), registry=own)
        again = "Calls of upstreams that were tried again."
        self._retries = Counter("crossbar_upstream_retries", again, ("crossbar_upstream",), registry=own)
        reloads = "Times that the configuration was loaded anew."
        self._reloads = Counter("crossbar_config_reloads", reloads, ("result",), registry=own)
        for result in ("success", "failure"):  # told from the start, so that the first of them is seen to be added
            self._reloads.labels(result)
        self._reloaded = True
        # PERF: a look-up and a call are what one request costs.
        self._finished: dict[tuple[str, str, int, str], Counting] = {}
        self._called: dict[tuple[str, int, str], Callable[[float], None]] = {}
        self._words: set[str] = set()
        self._requests: Callable[[], int] = int
        self._upstreams: Upstreams = tuple

    # What happens.

    def finished(self, route: str, method: str, status: int, reason: str, seconds: float) -> None:
        """Count one finished request.

        `route` is `ENDPOINT.OPERATION` or the name of a gateway's route, empty if there is none; never a path. `reason`
        is the word of its line in the access log, empty if all went well.
        """
        known = self._finished.get((route, method, status, reason))
        observe, refused = known or self._met(route, method, status, reason)
        observe(seconds)
        if refused is not None:
            refused()

    def _met(self, route: str, method: str, status: int, reason: str) -> Counting:
        """How requests of a sort that has not come yet are counted."""
        known = method if method in METHODS else OTHER_METHOD
        # NOTE: a WebSocket's reason says with which of thousands of codes it was closed, which is no error.
        closed = status < 400 and reason.startswith("closed ")
        word = "" if closed else self._word(reason)
        error = "" if 400 <= status < 500 else word or (str(status) if status >= 500 else "")
        observe = self._served.labels(known, route, str(status), error).observe
        refused: Callable[[], None] | None = None
        if word and status >= 400:
            refused = self._refusals.labels(word).inc
        # NOTE: only what has its own labels is kept: clients must not fill the memory with methods of their making.
        if (known, word) == (method, reason):
            self._finished[route, method, status, reason] = observe, refused
        return observe, refused

    def called(self, upstream: str, status: int, error: str, seconds: float) -> None:
        """Count one call of an upstream: its status, 0 if there was none, and the word for what went wrong, or none."""
        observe = self._called.get((upstream, status, error))
        if observe is None:
            word = self._word(error)
            kind = word or (str(status) if status >= 400 else "")
            observe = self._calls.labels(upstream, str(status) if status else "", kind).observe
            if word == error:
                self._called[upstream, status, error] = observe
        observe(seconds)

    def retried(self, upstream: str) -> None:
        """Count one more try of a call."""
        self._retries.labels(upstream).inc()

    def reloaded(self, ok: bool) -> None:
        """Count one reload of the configuration, and remember whether it went well."""
        self._reloads.labels("success" if ok else "failure").inc()
        self._reloaded = ok

    def _word(self, reason: str) -> str:
        """The reason as a label: itself, unless there are too many already."""
        if reason in self._words or not reason:
            return reason
        if len(self._words) >= MOST_WORDS:
            return OTHER_WORD
        self._words.add(reason)
        return reason

    # What is so at the moment.

    def watch_requests(self, active: Callable[[], int]) -> None:
        """Ask `active`, at each scrape, how many requests are in progress in this process."""
        self._requests = active

    def watch_upstreams(self, upstreams: Upstreams) -> None:
        """Ask `upstreams`, at each scrape, for the name, target, health and active calls of every target."""
        self._upstreams = upstreams

    def now(self) -> Now:
        """What this process tells of the present moment; to be asked on its event loop."""
        return Now(self._requests(), self._reloaded, tuple(self._upstreams()))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Tell fellow workers of the present moment while the block runs, and no longer; alone, do nothing."""
        if self._folder is None:
            yield
            return
        publish(self._folder, self.now())
        telling = asyncio.create_task(self._tell(self._folder))
        try:
            yield
        finally:
            telling.cancel()
            await asyncio.wait({telling})
            forget(self._folder)

    async def _tell(self, folder: Path) -> None:
        while True:
            await asyncio.sleep(PUBLISHED_SECONDS)
            publish(folder, self.now())

    # The scrape.

    def text(self, now: Now | None = None) -> bytes:
        """All of it in the text format of Prometheus, of type `content_type`.

        With what `now` has told before, it may run in any thread.
        """
        from prometheus_client import generate_latest

        return generate_latest(_Scrape(self._families(now or self.now())))

    def _families(self, now: Now) -> Iterator[Metric]:
        for family in self._registry.collect():
            # The format has no times of creation; the library would make a gauge of each.
            family.samples = [each for each in family.samples if not each.name.endswith("_created")]
            yield family
        told = {os.getpid(): now} | (told_by_others(self._folder) if self._folder else {})
        yield from gauges([*told.values()])
        yield from processes([*told], labelled=self._folder is not None)


async def answer(metrics: Metrics, send: Send) -> None:
    """Answer a scrape, GET or HEAD."""
    # PERF: thousands of lines take their time, which a thread has and the event loop has not.
    body = await asyncio.to_thread(metrics.text, metrics.now())
    headers = [(b"content-type", CONTENT_TYPE.encode()), (b"content-length", b"%d" % len(body)), *SECURE]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
