"""`crossbar explain`: where a request would go, in words and as JSON."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from crossbar import Crossbar
from crossbar.explain import explain
from crossbar.stores.memory import MemoryStore

from .conftest import Invoke

# The worked example of Kazoo's documentation, as it stands there.
WORKED_EXAMPLE = """\
  1. First, strip the version off the URI:
    • Version: v2
    • URI Remaining: /accounts/{ACCOUNT_ID}/devices/{DEVICE_ID}
  2. See if the next token is a REST endpoint module. It is, so track the module for later routing:
    • Version: v2
    • Modules: {accounts: []}
    • URI Remaining: /{ACCOUNT_ID}/devices/{DEVICE_ID}
  3. See if the next token is a REST endpoint module. It is not, so add the token to the last module’s data:
    • Version: v2
    • Modules: {accounts: [{ACCOUNT_ID}]}
    • URI Remaining: /devices/{DEVICE_ID}
  4. Repeat parsing. devices is a REST endpoint:
    • Version: v2
    • Modules: {accounts: [{ACCOUNT_ID}], devices: []}
    • Remaining URI: /{DEVICE_ID}
  5. Repeat parsing. {DEVICE_ID} is an argument:
    • Version: v2
    • Modules: {accounts: [{ACCOUNT_ID}], devices: [{DEVICE_ID}]}
"""  # noqa: RUF001


@pytest.fixture(scope="module")
def app() -> Crossbar:
    """Give an application that was never started."""
    return Crossbar(store=MemoryStore())


@pytest.mark.parametrize(
    ("method", "uri", "nouns", "endpoint", "operation", "status"),
    [
        pytest.param("GET", "/v2/accounts/A/devices", "accounts(A) devices()", "devices", "find", 200, id="find"),
        pytest.param("PUT", "/v2/accounts/A/devices", "accounts(A) devices()", "devices", "create", 201, id="create"),
        pytest.param("GET", "/v2/accounts/A/devices/D", "accounts(A) devices(D)", "devices", "read", 200, id="read"),
        pytest.param("HEAD", "/v1/accounts/A", "accounts(A)", "accounts", "read", 200, id="head"),
        pytest.param("get", "/v2/about/", "about()", "about", "find", 200, id="lower-case"),
        pytest.param(
            "POST", "/v2/accounts/A/devices?verb=PUT", "accounts(A) devices()", "devices", "create", 201, id="tunnel"
        ),
        pytest.param(
            "GET", "/v2/account/devices/D", "accounts({account}) devices(D)", "devices", "read", 200, id="alias"
        ),
        pytest.param("GET", "http://h:8000/v2/about?a=b#c", "about()", "about", "find", 200, id="absolute"),
        pytest.param("GET", "/v2/schemas/devices", "schemas(devices)", "schemas", "read", 200, id="greedy"),
        pytest.param("PUT", "/v2/accounts/A", "accounts(A)", "accounts", "create_below", 201, id="action-that-makes"),
        pytest.param(
            "GET", "/v2/accounts/A/cdrs/interaction", "accounts(A) cdrs(interaction)", "cdrs", "interaction", 200,
            id="action",
        ),
        pytest.param("DELETE", "/v2/accounts/A/cdrs/C", "accounts(A) cdrs(C)", "cdrs", None, 405, id="no-such-verb"),
        pytest.param("GET", "/v2/accounts/A/nothing", "accounts(A, nothing)", None, None, 404, id="no-such-noun"),
        pytest.param("GET", "/v2/nothing", "", None, None, 404, id="no-noun"),
        pytest.param("GET", "/somewhere", "", None, None, 404, id="no-version"),
        pytest.param("GET", "/v2/devices", "devices()", "devices", "find", 403, id="outside-of-accounts"),
        pytest.param("GET", "/v2/acc%zzounts", "", None, None, 400, id="broken-escape"),
        pytest.param("GET", "/v2/about?verb=PUT", "about()", None, None, 400, id="tunnel-on-get"),
        pytest.param("GET", "/v2/" + "a" * 9000, "", None, None, 414, id="too-long"),
        pytest.param("OPTIONS", "/v2/about", "about()", "about", None, 204, id="options"),
    ],
)  # fmt: skip
def test_a_request_is_led_to(
    app: Crossbar, method: str, uri: str, nouns: str, endpoint: str | None, operation: str | None, status: int
) -> None:
    """Nouns, endpoint, operation and status follow from method and URI."""
    found = explain(app, method, uri)
    told = (" ".join(map(str, found.nouns)), found.endpoint, found.operation, found.status)
    assert (nouns, endpoint, operation, status) == told


async def test_the_status_is_the_one_that_a_server_gives() -> None:
    """What is said of a refusal is what a logged-in caller gets."""
    from crossbar.testing import small_world

    world = await small_world()
    client = await world.client()
    for method, path in [
        ("GET", "/devices"),
        ("GET", f"/accounts/{world.master}/nothing"),
        ("DELETE", f"/accounts/{world.master}/cdrs/x"),
        ("GET", "/about?verb=PUT"),
        ("GET", f"/accounts/{world.master}/users/x/callflows"),
        ("GET", f"/accounts/{world.master}/devices"),
        ("GET", "/nothing"),
        ("OPTIONS", f"/accounts/{world.master}/devices"),
    ]:
        response = await client.request(method, path)
        assert response.status == explain(world.app, method, f"/v2{path}").status, path


def test_the_worked_example_is_printed_as_in_the_documentation(invoke: Invoke) -> None:
    """The five steps come out letter by letter, and then the walk."""
    result = invoke("explain", "GET", "/v2/accounts/{ACCOUNT_ID}/devices/{DEVICE_ID}")
    assert 0 == result.exit_code
    assert result.output.startswith(WORKED_EXAMPLE + "\n")
    stages = [line.split()[0] for line in result.output.removeprefix(WORKED_EXAMPLE).splitlines() if line]
    walk = "tokenize open_request authenticate spread resolve charge authorize negotiate validate execute render 200"
    assert walk.split() == stages


def test_a_refusal_ends_the_walk(invoke: Invoke) -> None:
    """The stage that refuses is the last one, and says why."""
    result = invoke("explain", "PATCH", "/v2/accounts/A/devices")
    assert "405: method not allowed; Allow: GET, HEAD, PUT, OPTIONS" in result.output
    assert "authorize" not in result.output


def test_json_has_allow_and_message_where_they_say_something(invoke: Invoke) -> None:
    """405 names what is allowed, a success neither."""
    refused: dict[str, Any] = json.loads(invoke("explain", "POST", "/v2/about", "--json").output)
    assert ("method not allowed", "GET, HEAD, OPTIONS") == (refused["message"], refused["allow"])
    found = json.loads(invoke("explain", "GET", "/v2/about", "--json").output)
    assert ["method", "uri", "dialect", "version", "nouns", "endpoint", "operation", "status"] == list(found)


def test_lines_are_answered_line_by_line(invoke: Invoke) -> None:
    """Each line of standard input gets an object of its own; blank ones get none."""
    lines = b"GET /v2/about\n\nput   /v2/accounts/A/devices \nDELETE\nGET /v2/\xff\n"
    result = invoke("explain", "-", input=lines)
    told = [json.loads(line) for line in result.output.splitlines()]
    assert [200, 201, 400, 400] == [one["status"] for one in told]
    assert {"name": "accounts", "args": ["A"]} == told[1]["nouns"][0]
    assert 0 == result.exit_code


def test_lines_are_answered_fast(app: Crossbar) -> None:
    """A hundred thousand lines take less than a minute, by a wide margin."""
    began = time.process_time()
    for number in range(2_000):
        explain(app, "PATCH", f"/v2/accounts/{number}/devices/{number}").as_json()
    assert time.process_time() - began < 1.2


def test_a_module_out_of_order_is_a_503_with_its_fault(invoke: Invoke, tmp_path: Path) -> None:
    """What cannot be loaded says so instead of hiding."""
    (tmp_path / "sensors.py").write_text("import nonsense\n")
    result = invoke("explain", "GET", "/v2/accounts/A/sensors", "--json", CROSSBAR__MODULES__FOLDER=str(tmp_path))
    told = json.loads(result.output)
    assert 503 == told["status"]
    assert "sensors.py, line 1" in told["message"]


def test_no_store_is_opened(invoke: Invoke, tmp_path: Path) -> None:
    """Looking at a request leaves no file behind."""
    invoke("explain", "GET", "/v2/about")
    assert [] == list(tmp_path.iterdir())


def test_a_method_alone_is_not_enough(invoke: Invoke) -> None:
    """The way out stands in the error."""
    result = invoke("explain", "GET")
    assert 2 == result.exit_code
    assert "such as GET /v2/about" in result.stderr
