"""Metrics: what is counted under which labels, that clients cannot make more of them, and how workers share them."""

from __future__ import annotations

import sys
from collections.abc import MutableMapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from crossbar import __version__
from crossbar.errors import SettingsError
from crossbar.metrics import BUCKETS, MOST_WORDS, Metrics, answer

Samples = dict[tuple[str, ...], float]

SERVED = "http_server_request_duration_seconds"
CALLS = "http_client_request_duration_seconds"
REFUSALS = "crossbar_refusals_total"


def read(text: bytes | str) -> Samples:
    """Give all samples by name and the values of their labels that are not empty, in the order of the labels' names."""
    plain = text.decode() if isinstance(text, bytes) else text
    found = [
        ((each.name, *(value for _, value in sorted(each.labels.items()) if value)), each.value)
        for family in text_string_to_metric_families(plain)
        for each in family.samples
    ]
    samples = dict(found)
    assert len(samples) == len(found), "a sample is there twice"
    return samples


def named(metrics: Metrics, name: str) -> Samples:
    """Give the samples of one name, without it."""
    return {key[1:]: value for key, value in read(metrics.text()).items() if key[0] == name}


# Requests.


@pytest.mark.parametrize(
    ("event", "labels", "refused"),
    [
        pytest.param(("devices.list", "GET", 200, ""), ("GET", "200", "devices.list"), (), id="all went well"),
        pytest.param(("", "GET", 404, "not_found"), ("GET", "404"), ("not_found",), id="no such route"),
        pytest.param(("a", "PUT", 400, ""), ("PUT", "400", "a"), (), id="an upstream's own refusal"),
        pytest.param(("a", "GET", 504, "timeout"), ("timeout", "GET", "504", "a"), ("timeout",), id="a fault"),
        pytest.param(("a", "GET", 503, ""), ("503", "GET", "503", "a"), (), id="an upstream's own fault"),
        pytest.param(("a", "GET", 200, "aborted"), ("aborted", "GET", "200", "a"), (), id="an end too early"),
        pytest.param(("a", "GET", 101, "closed 4711"), ("GET", "101", "a"), (), id="a WebSocket that was closed"),
        pytest.param(("a", "BREW", 405, "x"), ("_OTHER", "405", "a"), ("x",), id="a method that nobody knows"),
        pytest.param(("a", "get", 200, ""), ("_OTHER", "200", "a"), (), id="methods have capitals"),
        pytest.param(("a", "QUERY", 200, ""), ("QUERY", "200", "a"), (), id="a method that is new"),
    ],
)
def test_a_request(event: tuple[str, str, int, str], labels: tuple[str, ...], refused: tuple[str, ...]) -> None:
    """It is counted by method, route and status, as an error if the server has to answer for it, and if refused."""
    metrics = Metrics()
    for _ in range(3):
        metrics.finished(*event, 0.3)
    assert {labels: 3.0} == named(metrics, f"{SERVED}_count")
    assert {labels: pytest.approx(0.9)} == named(metrics, f"{SERVED}_sum")
    assert ({refused: 3.0} if refused else {}) == named(metrics, REFUSALS)


def test_the_buckets() -> None:
    """They are those that OpenTelemetry advises, and a duration falls into those that are not less."""
    metrics = Metrics()
    metrics.finished("a", "GET", 200, "", 0.25)
    found = {key: value for key, value in named(metrics, f"{SERVED}_bucket").items() if "+Inf" not in key}
    assert {("GET", "200", "a", str(bound)): float(bound >= 0.25) for bound in BUCKETS} == found
    assert (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10) == BUCKETS


events = st.tuples(
    st.sampled_from(["a", "b.list", ""]),
    st.sampled_from(["GET", "PUT", "BREW", "\n"]),
    st.sampled_from([101, 200, 404, 499, 502]),
    st.sampled_from(["", "not_found", "closed 1000", 'x"\\\n']),
)


@given(st.lists(events, max_size=20))
def test_nothing_is_lost(asked: list[tuple[str, str, int, str]]) -> None:
    """Every request is in exactly one histogram, and every refusal is counted once."""
    metrics = Metrics()
    for event in asked:
        metrics.finished(*event, 0.01)
    assert len(asked) == sum(named(metrics, f"{SERVED}_count").values())
    refused = [reason for _, _, status, reason in asked if status >= 400 and reason]
    assert len(refused) == sum(named(metrics, REFUSALS).values())


def test_clients_make_no_labels() -> None:
    """Methods of a client's making are one, and there are only so many reasons; nothing of them is kept."""
    metrics = Metrics()
    for number in range(MOST_WORDS + 100):
        metrics.finished("a", f"X{number}", 200, "", 0.01)
        metrics.finished("a", "GET", 101, f"closed {number}", 0.01)
        metrics.finished("a", "GET", 400, f"reason{number}", 0.01)
    reasons = named(metrics, REFUSALS)
    assert {("_OTHER", "200", "a"), ("GET", "101", "a"), ("GET", "400", "a")} == {*named(metrics, f"{SERVED}_count")}
    assert (MOST_WORDS + 1, 100.0) == (len(reasons), reasons[("other",)])
    assert MOST_WORDS == len(metrics._finished)


# Calls of upstreams, and reloads.


@pytest.mark.parametrize(
    ("event", "labels"),
    [
        pytest.param(("billing", 200, ""), ("billing", "200"), id="all went well"),
        pytest.param(("billing", 404, ""), ("billing", "404", "404"), id="a refusal"),
        pytest.param(("billing", 0, "connect"), ("billing", "connect"), id="no answer"),
        pytest.param(("billing", 200, "reset"), ("billing", "reset", "200"), id="an end too early"),
    ],
)
def test_a_call(event: tuple[str, int, str], labels: tuple[str, ...]) -> None:
    """It is counted by upstream, status and what went wrong; without a status if none came."""
    metrics = Metrics()
    for _ in range(2):
        metrics.called(*event, 0.2)
    assert {labels: 2.0} == named(metrics, f"{CALLS}_count")
    assert {labels: pytest.approx(0.4)} == named(metrics, f"{CALLS}_sum")


def test_errors_of_calls_are_bounded() -> None:
    """What goes wrong has only so many words."""
    metrics = Metrics()
    for number in range(MOST_WORDS + 100):
        metrics.called("billing", 0, f"error{number}", 0.01)
    found = named(metrics, f"{CALLS}_count")
    assert (MOST_WORDS + 1, 100.0, MOST_WORDS) == (len(found), found["billing", "other"], len(metrics._called))


def test_retries_and_reloads() -> None:
    """Retries by upstream; reloads by how they ended, from none on, and how the last one did."""
    metrics = Metrics()
    reloads, last = "crossbar_config_reloads_total", "crossbar_config_last_reload_successful"
    assert {("success",): 0.0, ("failure",): 0.0} == named(metrics, reloads)
    assert {(): 1.0} == named(metrics, last)
    metrics.retried("billing")
    metrics.retried("billing")
    metrics.reloaded(False)
    assert {(): 0.0} == named(metrics, last)
    metrics.reloaded(True)
    assert {(): 1.0} == named(metrics, last)
    assert {("success",): 1.0, ("failure",): 1.0} == named(metrics, reloads)
    assert {("billing",): 2.0} == named(metrics, "crossbar_upstream_retries_total")


# The present moment.


def test_what_is_so_at_the_moment() -> None:
    """Requests in progress and targets are asked for at each scrape, so that nothing is told that is gone."""
    metrics = Metrics()
    state: list[tuple[str, str, bool, int]] = [("billing", "a:1", True, 2), ("billing", "b:1", False, 1)]
    active = 5
    metrics.watch_requests(lambda: active)
    metrics.watch_upstreams(lambda: state)
    assert {("billing", "a:1"): 1.0, ("billing", "b:1"): 0.0} == named(metrics, "crossbar_target_up")
    assert {("billing",): 3.0} == named(metrics, "crossbar_upstream_active")
    assert {(): 5.0} == named(metrics, "http_server_active_requests")
    state, active = [("users", "c:1", True, 0)], 0
    assert {("users", "c:1"): 1.0} == named(metrics, "crossbar_target_up")
    assert {("users",): 0.0} == named(metrics, "crossbar_upstream_active")
    assert {(): 0.0} == named(metrics, "http_server_active_requests")


def test_the_process() -> None:
    """The version, and what the process takes of the machine; no times of creation."""
    found = read(Metrics().text())
    assert 1.0 == found["crossbar_build_info", __version__]
    assert found["process_resident_memory_bytes",] > 1_000_000
    assert found["process_cpu_seconds_total",] > 0
    assert found["process_open_fds",] >= 3
    assert [] == [key for key in found if key[0].endswith("_created")]


def test_applications_do_not_clash() -> None:
    """Two in one process count for themselves."""
    one, two = Metrics(), Metrics()
    one.finished("a", "GET", 200, "", 0.1)
    assert ({("GET", "200", "a"): 1.0}, {}) == (named(one, f"{SERVED}_count"), named(two, f"{SERVED}_count"))


async def test_a_scrape() -> None:
    """It is answered in the text format, with the fields of all responses."""
    sent: list[MutableMapping[str, Any]] = []

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    metrics = Metrics()
    metrics.finished("a", "GET", 200, "", 0.1)
    await answer(metrics, send)
    start, body = sent
    fields = dict(start["headers"])
    assert ("http.response.start", 200) == (start["type"], start["status"])
    assert metrics.content_type.encode() == fields[b"content-type"]
    assert (b"%d" % len(body["body"]), b"no-store") == (fields[b"content-length"], fields[b"cache-control"])
    assert 1.0 == read(body["body"])[f"{SERVED}_count", "GET", "200", "a"]


def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever switches metrics on without the library is told what to install."""
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with pytest.raises(SettingsError, match=r"metrics\.enabled: needs prometheus-client: .*crossbar-rest\[gateway\]"):
        Metrics()
