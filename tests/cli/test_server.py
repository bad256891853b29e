"""A running server, and the commands that talk to it."""

from __future__ import annotations

import json
import re
import shutil
import signal
import stat
import subprocess
from pathlib import Path

import pytest

from crossbar import Crossbar, Settings
from crossbar.cli.greeting import greeting, places
from crossbar.cli.trial import demo_greeting
from crossbar.settings import Dialects, Realm
from crossbar.stores.memory import MemoryStore

from .conftest import AT_ONCE, Invoke, Live, ended, logged, started

FACTS = ("memory:", "no limits", 3, (), 1)
LOGIN = ("token", "--account", "demo", "--user", "admin", "--password-stdin")


@pytest.fixture
def call(invoke: Invoke, server: Live) -> Invoke:
    """Run a command against the server."""

    def run(*args: str, **options: str) -> object:
        return invoke(*args, CROSSBAR_URL=server.url, **options)

    return run  # type: ignore[return-value]


def test_the_greeting_says_all_that_is_needed(server: Live) -> None:
    """Addresses, store, modules, and how to log in."""
    api = ("/v2", "/restapi/v1.0", "/api/ver1.0")
    for part in (*api, "/livez", "/readyz", "sqlite:///demo.db", "all in order", "password crossbar"):
        assert part in server.greeting
    assert all(f"{server.url}{path}\n" in server.greeting for path in api)


def test_the_greeting_names_what_is_mounted() -> None:
    """Prefixes of dialects that are not spoken are not there, and no lines that would not work."""
    settings = Settings(dialects=Dialects(mounted=("realm",), realm=Realm(prefixes=("/a", "/bc"))))
    app = Crossbar(settings, store=MemoryStore())
    assert ["/bc", "/a"] == places(app)
    assert places(Crossbar(store=MemoryStore())) == ["/v2", "/restapi/v1.0", "/restapi/v2", "/restapi", "/api/ver1.0"]
    assert "  API      http://h/bc\n           http://h/a\n" in greeting(
        "http://h", ["http://h/bc", "http://h/a"], *FACTS
    )
    assert "curl" not in demo_greeting(None)
    assert "crossbar alone, which is not mounted" in demo_greeting(None)


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_the_lines_of_the_greeting_work_when_pasted(server: Live, shell: str) -> None:
    """Log in, list, create: in this order, in one shell, with what every machine has."""
    if shutil.which("curl") is None or shutil.which(shell) is None:
        pytest.skip(f"there is no curl or no {shell} here")
    lines = [line for line in server.greeting.splitlines() if line.startswith(("eval ", "curl "))]
    assert 3 == len(lines)
    pasted = subprocess.run([shell], input="\n".join(lines), capture_output=True, text=True, check=True, timeout=20)
    listing, made = (json.loads(part) for part in re.split(r"(?<=^})\n(?=^{)", pasted.stdout, flags=re.MULTILINE))
    assert ("success", 3) == (listing["status"], len(listing["data"]))
    assert ("success", "Front desk") == (made["status"], made["data"]["name"])


def test_a_call_without_a_login_is_refused_with_the_way_out(call: Invoke) -> None:
    """The answer is printed, the way out goes to standard error."""
    result = call("call", "GET", "about")
    assert 1 == result.exit_code
    assert "401" == json.loads(result.stdout)["error"]
    assert "crossbar token --account NAME --user NAME" in result.stderr


def test_a_token_is_printed_remembered_and_sent(call: Invoke, tmp_path: Path) -> None:
    """It lies in a file that nobody else can read, and goes along with calls until it is given up."""
    logged_in = call(*LOGIN, input="crossbar\n")
    assert (0, "") == (logged_in.exit_code, logged_in.stderr)
    kept = tmp_path / "state" / "crossbar" / "tokens.json"
    assert [logged_in.stdout.strip()] == list(json.loads(kept.read_bytes()).values())
    assert 0o600 == stat.S_IMODE(kept.stat().st_mode)
    assert 0o700 == stat.S_IMODE(kept.parent.stat().st_mode)
    assert "cb_user_auth" == json.loads(call("call", "GET", "token_auth").stdout)["data"]["method"]
    assert 0 == call("call", "DELETE", "token_auth").exit_code
    assert {} == json.loads(kept.read_bytes())
    assert 1 == call("call", "GET", "about").exit_code


def test_a_wrong_password_is_refused_without_repeating_it(call: Invoke) -> None:
    """The secret is in no output."""
    result = call(*LOGIN, input="hunter2\n")
    assert 1 == result.exit_code
    assert "wrong" in result.stderr
    assert "hunter2" not in result.output


def test_without_a_terminal_the_password_comes_from_standard_input(call: Invoke) -> None:
    """Nobody waits for somebody who is not there."""
    result = call(*LOGIN[:-1])
    assert 2 == result.exit_code
    assert "--password-stdin" in result.stderr
    assert "--api-key-stdin" in call("token").stderr
    assert 2 == call(*LOGIN, input="").exit_code


def test_an_api_key_logs_in_as_the_account(call: Invoke) -> None:
    """The key is read from standard input, and is good for a token."""
    call(*LOGIN, input="crossbar\n")
    own = json.loads(call("call", "GET", "token_auth").stdout)["data"]["account_id"]
    key = json.loads(call("call", "GET", f"accounts/{own}/api_key").stdout)["data"]["api_key"]
    assert 0 == call("token", "--api-key-stdin", input=f"{key}\n").exit_code
    claims = json.loads(call("call", "GET", "token_auth").stdout)["data"]
    assert ("cb_api_auth", own) == (claims["method"], claims["account_id"])


def test_calls_put_data_into_an_envelope(call: Invoke, tmp_path: Path) -> None:
    """As an argument, from a file, from standard input, or as an envelope already."""
    call(*LOGIN, input="crossbar\n")
    made = json.loads(call("call", "PUT", "account/devices", '{"name": "One"}').stdout)["data"]
    assert "One" == made["name"]
    path = f"account/devices/{made['id']}"
    (tmp_path / "two.json").write_text('{"data": {"name": "Two"}}')
    assert "Two" == json.loads(call("call", "PATCH", path, "@two.json").stdout)["data"]["name"]
    assert (
        "Three"
        == json.loads(call("call", "patch", f"/v2/{path}", "-", input='{"name":"Three"}').stdout)["data"]["name"]
    )
    assert 0 == call("call", "DELETE", path).exit_code


def test_answers_in_other_forms_come_as_they_are(call: Invoke) -> None:
    """CSV is not wrapped, and a raw answer is not indented."""
    call(*LOGIN, input="crossbar\n")
    table = call("call", "GET", "account/cdrs?page_size=2", "--header", "accept: text/csv")
    assert (True, 3) == (table.stdout.startswith('"id",'), len(table.stdout.splitlines()))
    assert 1 == len(call("call", "GET", "about", "--raw").stdout.splitlines())
    assert "204 GET, HEAD, OPTIONS\n" == call("call", "OPTIONS", "about").stdout


def test_answers_on_a_terminal_show_no_token(call: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    """People see the answer, and whoever looks over their shoulder no secret."""
    call(*LOGIN, input="crossbar\n")
    assert "eyJ" in call("call", "GET", "about").stdout
    monkeypatch.setattr("crossbar.cli.output.on_terminal", lambda: True)
    monkeypatch.setattr("crossbar.cli.call.on_terminal", lambda: True)
    shown = json.loads(call("call", "GET", "about").stdout)
    assert ("***", "crossbar") == (shown["auth_token"], shown["data"]["name"])


@pytest.mark.parametrize(
    ("args", "code", "says"),
    [
        pytest.param(("GET", "account/nothing"), 1, "crossbar explain GET /v2/account/nothing", id="404"),
        pytest.param(("POST", "about", "{}"), 1, "answers to GET, HEAD, OPTIONS", id="405"),
        pytest.param(("PUT", "account/devices", "{}"), 1, "400 validation error", id="400"),
        pytest.param(("PUT", "account/devices", "{nonsense"), 2, "DATA is no JSON", id="no-json"),
        pytest.param(("PUT", "account/devices", "@nowhere"), 2, "cannot read nowhere", id="no-file"),
        pytest.param(("GET", "about", "--header", "nonsense"), 2, "NAME:VALUE", id="no-header"),
        pytest.param(("GET", "about", "--url", "ftp://x"), 2, "is no address of a server", id="no-url"),
    ],
)
def test_a_failed_call_says_what_helps(call: Invoke, args: tuple[str, ...], code: int, says: str) -> None:
    """Each in one sentence, with the exit code that the help promises."""
    call(*LOGIN, input="crossbar\n")
    result = call("call", *args)
    assert code == result.exit_code
    assert says in result.stderr
    assert 1 == len(result.stderr.splitlines())


@pytest.mark.parametrize("command", [("call", "GET", "about"), (*LOGIN,)], ids=["call", "token"])
def test_a_server_that_is_not_there_is_exit_code_3(invoke: Invoke, free_port: int, command: tuple[str, ...]) -> None:
    """And how to start one."""
    result = invoke(*command, "--url", f"http://127.0.0.1:{free_port}", input="x\n")
    assert 3 == result.exit_code
    assert "crossbar run" in result.stderr


def test_no_secret_gets_into_the_log(server: Live, call: Invoke) -> None:
    """Neither tokens nor passwords, wherever the client put them."""
    token = call(*LOGIN, input="crossbar\n").stdout.strip()
    call("call", "GET", f"about?auth_token={token}")
    call("call", "GET", "about", "--header", f"authorization: Bearer {token}")
    assert token not in server.log.read_text()
    assert "eyJ" not in server.log.read_text() + server.greeting


@pytest.mark.parametrize(
    ("options", "number"),
    [
        pytest.param((), signal.SIGINT, id="ctrl-c"),
        pytest.param((), signal.SIGTERM, id="terminated"),
        pytest.param(("--workers", "2"), signal.SIGINT, id="workers"),
    ],
)
def test_a_signal_stops_an_idle_server_at_once(
    tmp_path: Path, invoke: Invoke, options: tuple[str, ...], number: int
) -> None:
    """It ends as if nothing had happened, and says no more than that."""
    live = started(tmp_path, "--store", "sqlite:///x.db", *options)
    try:
        assert 0 == invoke("call", "GET", "livez", "--url", live.url).exit_code
        assert live.stop(number) < AT_ONCE
        assert 0 == live.process.returncode
        assert {"stopping"} >= {line.partition("crossbar: ")[2] for line in logged(live)}
    finally:
        ended(live)


def test_a_module_out_of_order_is_named_at_the_start(tmp_path: Path) -> None:
    """With file and line, and without keeping the others from serving."""
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "sensors.py").write_text("import nonsense\n")
    (tmp_path / "crossbar.toml").write_text('[modules]\nfolder = "own"\n')
    live = started(tmp_path, "--config", "crossbar.toml", "--store", "memory:")
    assert live.process.stdout is not None
    try:
        said = live.greeting + live.process.stdout.readline()
        assert "1 out of order:" in said
        assert "sensors.py, line 1: ModuleNotFoundError" in said
    finally:
        ended(live)
