"""`crossbar`, `modules`, `routes`, `check`: what can be learned without a server."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from crossbar import Settings
from crossbar.cli.commands import COMMANDS
from crossbar.cli.output import shown
from crossbar.cli.routes import routes
from crossbar.explain import explain
from crossbar.settings import Dialects, Realm
from crossbar.testing import make_app

from .conftest import Invoke

STRICT = Dialects(realm=Realm(slash="strict"))
DOCS = Path(__file__).parents[2] / "crossbar" / "docs" / "command-line.md"


@pytest.fixture
def broken_folder(tmp_path: Path) -> Path:
    """Give a folder with a module that works, one with a broken line, and one whose name is taken."""
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "rooms.toml").write_text('name = "rooms"\n')
    (folder / "sensors.py").write_text("# fine\ndef broken(:\n")
    (folder / "users.toml").write_text('name = "users"\n')
    return folder


@pytest.mark.parametrize("name", COMMANDS)
def test_help_has_examples_and_exit_codes(invoke: Invoke, name: str) -> None:
    """Each command says how it is used and how it ends."""
    result = invoke(name, "--help")
    assert 0 == result.exit_code
    assert "Examples:" in result.output
    assert "Exit codes:" in result.output


def test_the_documentation_has_every_command_and_option(invoke: Invoke) -> None:
    """What is in the help is in the docs page."""
    page = DOCS.read_text(encoding="utf-8")
    for name in COMMANDS:
        heading = f"## crossbar {name}\n"
        assert heading in page
        section = page.partition(heading)[2].partition("\n## ")[0]
        options = [word for word in invoke(name, "--help").output.split() if word.startswith("--")]
        assert [] == [option for option in set(options) - {"--help"} if option.strip("`,.") not in section]


def test_a_wrong_command_names_the_one_that_may_be_meant(invoke: Invoke) -> None:
    """A slip of the finger costs nothing."""
    result = invoke("modlues")
    assert (2, "") == (result.exit_code, result.stdout)
    assert "Did you mean 'modules'?" in result.stderr


def test_modules_are_listed(invoke: Invoke) -> None:
    """Each with its state, what it offers and where it is from."""
    told = {one["name"]: one for one in json.loads(invoke("modules", "--json").output)}
    assert "ok" == told["devices"]["state"]
    assert {"find", "read", "sync"} <= set(told["devices"]["offers"])
    assert told["devices"]["origin"].endswith("devices.py")
    assert "devices" in invoke("modules").output


def test_modules_name_what_is_out_of_order_and_what_is_left_out(invoke: Invoke, broken_folder: Path) -> None:
    """A fault has file and line; the others are there all the same."""
    env = {"CROSSBAR__MODULES__FOLDER": str(broken_folder), "CROSSBAR__MODULES__DISABLED": '["menus"]'}
    told = {one["name"]: one for one in json.loads(invoke("modules", "--json", **env).output)}
    assert "out of order" == told["sensors"]["state"]
    assert "sensors.py, line 2: SyntaxError" in told["sensors"]["fault"]
    assert ("ok", "disabled") == (told["rooms"]["state"], told["menus"]["state"])
    assert "sensors.py, line 2: SyntaxError" in invoke("modules", **env).output


def test_routes_are_in_the_words_of_the_dialect(invoke: Invoke) -> None:
    """Verb, path template, endpoint, operation and what the hook says of itself."""
    told = json.loads(invoke("routes", "--json").output)
    rows = {(row["verb"], row["path"]): f"{row['endpoint']}.{row['operation']}" for row in told}
    account = "/v2/accounts/{account_id}"
    assert "devices.read" == rows["GET", f"{account}/devices/{{id}}"]
    assert "devices.create" == rows["PUT", f"{account}/users/{{user_id}}/devices"]
    assert "cdrs.legs" == rows["GET", f"{account}/cdrs/legs/{{interaction_id}}"]
    assert "accounts.create_below" == rows["PUT", account]
    assert "user_auth.create" == rows["PUT", "/v2/user_auth"]
    assert all(row["about"] for row in told)
    assert f"GET     {account}/devices/{{id}} " in invoke("routes").output


@pytest.mark.parametrize(
    ("dialect", "verb", "path", "answered_by"),
    [
        (
            "ringcentral",
            "GET",
            "/restapi/v1.0/account/{accountId}/extension/{extensionId}/message-store",
            "messages.find",
        ),
        ("ringcentral", "PUT", "/restapi/v1.0/account/{accountId}/device/{deviceId}", "devices.patch"),
        ("ringcentral", "GET", "/restapi/v1.0/account/{accountId}/call-log/legs/{interactionId}", "cdrs.legs"),
        ("ringcentral", "PUT", "/restapi/v1.0/account/{accountId}/api-key", "accounts.new_api_key"),
        ("ringcentral", "GET", "/restapi", "api_versions.find"),
        ("ringcentral", "POST", "/restapi/oauth/token", "oauth.token"),
        ("realm", "POST", "/api/ver1.0/client/{client_id}/extension/", "extensions.create"),
        ("realm", "PUT", "/api/ver1.0/extension/{extension_id}/phone/{phone_id}", "devices.patch"),
        ("realm", "GET", "/api/ver1.0/client/{client_id}/user/{user_id}/phone/", "devices.find"),
        ("realm", "GET", "/api/ver1.0/extension/{extension_id}/record/{record_id}/storage_url/", "recordings.read"),
        ("realm", "GET", "/api/ver1.0/user/", "whoami.find"),
        ("realm", "POST", "/oauth/token", "oauth.token"),
    ],
)
def test_routes_in_other_words(invoke: Invoke, dialect: str, verb: str, path: str, answered_by: str) -> None:
    """Words, parameters, verbs, slashes and token end points are those of the dialect that is asked for."""
    told = json.loads(invoke("routes", "--dialect", dialect, "--json").output)
    rows = {(row["verb"], row["path"]): f"{row['endpoint']}.{row['operation']}" for row in told}
    assert answered_by == rows[verb, path]
    assert all(path.startswith(("/restapi", "/api/ver1.0", "/oauth")) for _, path in rows)


@pytest.mark.parametrize("settings", [Settings(), Settings(dialects=STRICT)], ids=["usual", "strict"])
@pytest.mark.parametrize("dialect", ["crossbar", "ringcentral", "realm"])
def test_every_route_is_reached(dialect: str, settings: Settings) -> None:
    """A request for each row, its parameters filled in, leads to what the row says."""
    app = make_app(settings)
    spoken = next(each for each in app.dialects if each.name == dialect)
    rows = [row for row in routes(app, spoken) if row.verb != "WebSocket"]
    wrong = []
    for row in rows:
        found = explain(
            app, row.verb, re.sub(r"\{[^}]*\}", "v1.0" if row.endpoint == "api_versions" else "x1", row.path)
        )
        if (found.dialect, found.endpoint, found.operation) != (dialect, row.endpoint, row.operation):
            wrong.append((row.verb, row.path, found.endpoint, found.operation, found.message))
    assert (True, []) == (len(rows) > 300, wrong)


def test_every_endpoint_is_in_the_words_of_every_dialect() -> None:
    """No module is out of reach in any of them."""
    app = make_app()
    there = {entry.name for entry in app.registry}
    for dialect in app.dialects:
        assert there == {row.endpoint for row in routes(app, dialect)}


def test_routes_of_a_dialect_that_is_not_mounted(invoke: Invoke) -> None:
    """The way out stands in the error; without Crossbar's dialect the first of the others is listed."""
    result = invoke("routes", "--dialect", "soap")
    assert (2, "") == (result.exit_code, result.stdout)
    assert "there are crossbar, ringcentral, realm" in result.stderr
    told = invoke("routes", CROSSBAR__DIALECTS__MOUNTED='["realm"]').output
    assert "/api/ver1.0/client/{client_id}" in told
    assert "/v2/" not in told


def test_tables_on_a_terminal_have_heads(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    """People get column names and a sum, programs only rows."""
    assert "Module" not in invoke("modules").output
    monkeypatch.setattr("crossbar.cli.output.on_terminal", lambda: True)
    monkeypatch.setattr("crossbar.cli.modules.on_terminal", lambda: True)
    told = invoke("modules").output
    assert "Module" in told
    assert "plugins, 0 out of order" in told


def test_check_passes_where_all_is_in_order(invoke: Invoke) -> None:
    """The bundled modules and schemas are sound."""
    result = invoke("check", "--json")
    assert (0, True) == (result.exit_code, json.loads(result.output)["ok"])
    assert "all in order" in invoke("check").output


def test_check_prints_every_fault(invoke: Invoke, broken_folder: Path, tmp_path: Path) -> None:
    """Settings, store, modules and schemas are looked at, whatever is wrong with the ones before."""
    (broken_folder / "schemas").mkdir()
    (broken_folder / "schemas" / "rooms.json").write_text('{"type": "nonsense"}')
    config = tmp_path / "crossbar.toml"
    config.write_text(f'[store]\nurl = "file:x"\n[modules]\nfolder = "{broken_folder}"\n')
    result = invoke("check", "--config", str(config), "--json")
    faults = json.loads(result.output)["faults"]
    assert 1 == result.exit_code
    assert {"store", "modules", "schemas"} == {fault["in"] for fault in faults}
    told = invoke("check", "--config", str(config)).output
    for part in ("'file' is not a store", "sensors.py, line 2", "two endpoints are called 'users'", "schema 'rooms'"):
        assert part in told


def test_check_names_faults_of_the_settings(invoke: Invoke, tmp_path: Path) -> None:
    """Both faults, each with its key, one with the nearest name."""
    config = tmp_path / "crossbar.toml"
    config.write_text('[server]\nprot = 1\nworkers = "x"\n')
    result = invoke("check", "--config", str(config))
    assert 1 == result.exit_code
    assert "did you mean 'server.port'?" in result.output
    assert "server.workers" in result.output


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[dialects]\nmounted = []", "dialects.mounted: no dialect is mounted"),
        ('[dialects.realm]\nprefixes = ["/restapi"]', "dialects.realm.prefixes: /restapi is a prefix of ringcentral"),
        ('[dialects.realm.words.nouns]\n"a/b" = "devices"', "dialects.realm.words.nouns.a/b"),
        ('[dialects.ringcentral.words.fields.device]\nname = "x"', "called 'device'; did you mean 'devices'?"),
    ],
)
def test_check_looks_at_the_dialects(invoke: Invoke, tmp_path: Path, text: str, says: str) -> None:
    """What is wrong with prefixes and words is a fault of the settings, told by itself."""
    config = tmp_path / "crossbar.toml"
    config.write_text(text)
    result = invoke("check", "--config", str(config), "--json")
    told = [fault["fault"] for fault in json.loads(result.output)["faults"] if fault["in"] == "settings"]
    assert (1, 1, True) == (result.exit_code, len(told), says in told[0])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mongodb://u:pw@host/db", "mongodb://u:***@host/db"),
        ("'mongodb://:pw@host' is no store", "'mongodb://:***@host' is no store"),
        ("sqlite:///a@b.db", "sqlite:///a@b.db"),
    ],
)
def test_passwords_in_urls_are_not_shown(text: str, expected: str) -> None:
    """What is printed of a URL keeps its secret."""
    assert expected == shown(text)
