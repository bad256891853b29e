"""`crossbar reload`: what changed of the gateway is in force at once; what is wrong is told, and changes nothing."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from click.testing import CliRunner

from crossbar.cli import admin
from crossbar.cli.commands import crossbar

from .conftest import Invoke, logged
from .gateway import Gateway, ask, gateway, route, service, upstream

KEYS = '[provider.partners]\nkeys = [{{ id = "acme", sha256 = "{}" }}]\n'


@pytest.fixture(scope="module")
def ports() -> Iterator[list[int]]:
    """Give the ports of two upstreams, `one` and `two`."""
    with upstream("one") as (_, one), upstream("two") as (_, two):
        yield [one.port, two.port]


def run(*args: str, **env: str) -> object:
    """Run a command in this process, without the settings of its environment."""
    return CliRunner().invoke(crossbar, list(args), env=env)


@pytest.fixture(scope="module")
def running(ports: list[int]) -> Iterator[Gateway]:
    """Give a gateway, whose `via` its environment says, and `log.level` an option."""
    variables = {"CROSSBAR__GATEWAY__VIA": "said-outside"}
    with gateway(run, base(ports), "--log-level", "warning", **variables) as found:  # type: ignore[arg-type]
        yield found


def base(ports: list[int]) -> str:
    """The configuration that each test begins with."""
    return service("up", ports[0]) + route("/x/**", "up", name="x")


@pytest.fixture
def live(running: Gateway, ports: list[int]) -> Gateway:
    """Give the gateway as it was at the beginning."""
    assert 0 == running.reload(base(ports))[0]
    return running


def names(live: Gateway, *paths: str) -> list[int | str]:
    """Which upstream answers at these paths, or the status if none does."""
    told = [ask(live.url, path) for path in paths]
    return [each.json["name"] if each.status == 200 else each.status for each in told]


def test_other_targets(live: Gateway, ports: list[int]) -> None:
    """The next request goes to the new one, and the command says what has changed."""
    assert ["one"] == names(live, "/x/1")
    assert (0, "upstream up: changed\n") == live.reload(base(ports).replace(str(ports[0]), str(ports[1])))
    assert ["two"] == names(live, "/x/1")
    assert [f"http://127.0.0.1:{ports[1]}"] == [each["target"] for each in live.targets()]


def test_routes_come_and_go(live: Gateway, ports: list[int]) -> None:
    """New ones answer, and those that are gone are 404; nouns are no exception."""
    text = service("up", ports[1]) + route("/y/**", "up", name="y") + route("/v2/invoices/**", "up")
    assert ["one", 404, 401] == names(live, "/x/1", "/y/1", "/v2/invoices")
    code, told = live.reload(text)
    assert (0, ["upstream up: changed", "route x: removed", "route y: added", "route /v2/invoices/**: added"]) == (
        code,
        told.splitlines(),
    )
    assert [404, "two", "two"] == names(live, "/x/1", "/y/1", "/v2/invoices")


def test_routes_without_names(live: Gateway, ports: list[int]) -> None:
    """Routes that only differ in methods or fields are told apart."""
    begin = service("up", ports[0]) + service("down", ports[1])
    others = route("/z", "up", methods=["POST"]) + route("/z", "up", headers={"x-a": "1"})
    assert 0 == live.reload(begin + route("/z", "up", methods=["GET"]) + others)[0]
    assert ["one"] == names(live, "/z")
    assert (0, "route GET /z: changed\n") == live.reload(begin + route("/z", "down", methods=["GET"]) + others)
    assert ["two"] == names(live, "/z")


def test_other_keys(live: Gateway, ports: list[int]) -> None:
    """A key that was taken back is no good any more, a new one is."""
    text = service("up", ports[0]) + route("/x/**", "up", auth="partners")
    statuses = []
    for key in ("first", "second"):
        assert 0 == live.reload(text + KEYS.format(sha256(key.encode()).hexdigest()))[0]
        statuses += [ask(live.url, "/x/1", x_api_key=each).status for each in ("first", "second")]
    assert [200, 401, 401, 200] == statuses


def test_other_limits(live: Gateway, ports: list[int]) -> None:
    """A limit is in force at once, is counted on through another change, and gone with its line."""
    limited = route("/l/**", "up", name="l", limit=["2/day per route"])
    assert 0 == live.reload(base(ports) + limited)[0]
    assert ["one"] == names(live, "/l/1")
    assert 0 == live.reload(base(ports) + limited + route("/m/**", "up"))[0]
    assert ["one", 429] == names(live, "/l/1", "/l/1")
    assert 0 == live.reload(base(ports) + route("/l/**", "up", name="l"))[0]
    assert ["one", "one"] == names(live, "/l/1", "/l/1")


def test_nothing_has_changed(live: Gateway) -> None:
    """The command says so, and nothing is counted as a reload of a new configuration."""
    before = metric(live, "success")
    assert (0, "nothing has changed\n") == live.reload()
    assert before == metric(live, "success")


def metric(live: Gateway, result: str) -> float:
    """How often a reload has ended so."""
    text = ask(live.url, "/metrics").body.decode()
    return float(text.partition(f'crossbar_config_reloads_total{{result="{result}"}} ')[2].partition("\n")[0])


WRONG = {
    "an unknown key": ('[upstream.up]\ntarget = ["http://a"]\n', ["upstream.up.target", "did you mean"]),
    "a tie": (service("up", 9) + route("/x/{a}", "up", name="a") + route("/x/{b}", "up", name="b"), ["'a'", "'b'"]),
    "an unknown upstream": (route("/x/**", "upp", name="x"), ["route 'x': to: there is no upstream 'upp'"]),
    "a missing file": (
        service("up", "https://a.example", tls={"ca": "/nowhere/ca.pem"}) + route("/x/**", "up"),
        ["upstream.up.tls.ca: cannot use /nowhere/ca.pem"],
    ),
    "a noun of a module": (
        service("up", 9) + route("/v2/accounts/{account}/devices/**", "up", auth="crossbar"),
        ["is that of a module"],
    ),
    "several": (
        '[gateway]\ntrusted = ["nobody"]\n' + service("up", 9) + route("/a", "b", name="a") + route("/c", "d"),
        ["gateway.trusted", "route 'a': to", "route[1] (/c): to"],
    ),
}


@pytest.mark.parametrize(("text", "told"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_changes_nothing(live: Gateway, text: str, told: list[str]) -> None:
    """Every fault is told, the command fails, what was in force serves, and a metric tells that it went wrong."""
    before = metric(live, "failure")
    code, said = live.reload(text, CROSSBAR__SERVER__ADMIN=str(live.admin))
    assert (1, told) == (code, [each for each in told if each in said])
    assert "the old configuration goes on" in said
    assert (["one"], before + 1) == (names(live, "/x/1"), metric(live, "failure"))


def test_a_file_that_is_no_toml(live: Gateway) -> None:
    """Which server is meant cannot be read of it: the command says what is wrong, and what was in force serves."""
    before = metric(live, "failure")
    code, said = live.reload("[upstream.up\n")
    assert (2, True, True) == (code, "not TOML" in said, str(live.config) in said)
    assert (["one"], before) == (names(live, "/x/1"), metric(live, "failure"))


def test_faults_as_json(live: Gateway) -> None:
    """Programs get them one by one."""
    text, _ = WRONG["several"]
    code, said = live.reload(text, "--json")
    assert 1 == code
    assert 3 == len([line for line in said.splitlines() if "trusted" in line or " to: " in line])


def test_changes_as_json(live: Gateway, ports: list[int]) -> None:
    """What has changed, what waits, and how many processes have it now."""
    text = base(ports).replace("[upstream", "[limits]\nhandler_seconds = 7\n[upstream") + route("/y", "up", name="y")
    code, told = live.reload(text, "--json")
    assert (0, {"changes": ["route y: added"], "later": ["limits"], "processes": 1}) == (code, json.loads(told))
    code, told = live.reload(None, "--json")
    assert (0, {"changes": [], "later": ["limits"], "processes": 1}) == (code, json.loads(told))


def test_other_settings_wait(live: Gateway, ports: list[int]) -> None:
    """They are named, and the gateway's tables are taken over without them."""
    other = "[cors]\norigins = ['https://a.example']\n[limits]\nhandler_seconds = 7\n"
    code, told = live.reload(other + base(ports).replace(str(ports[0]), str(ports[1])))
    waiting = [f"{table}: waits for the next start" for table in ("limits", "cors")]
    assert (0, ["upstream up: changed"], waiting) == (code, told.splitlines()[:1], told.splitlines()[1:])
    answer = ask(live.url, "/x/1", Origin="https://a.example")
    assert ("two", False) == (answer.json["name"], "access-control-allow-origin" in answer.fields)


def test_environment_and_options_keep_counting(live: Gateway, ports: list[int]) -> None:
    """What the server was started with counts more than the file, and what the command is started with does not."""
    text = '[gateway]\nvia = "said-in-the-file"\n' + base(ports)
    assert (0, "nothing has changed\n") == live.reload(text, CROSSBAR__GATEWAY__VIA="said-by-the-command")
    assert "1.1 said-outside" == ask(live.url, "/x/1").json["fields"]["via"]


def test_a_file_that_changes_meanwhile(live: Gateway, ports: list[int]) -> None:
    """What was not tried is not taken over."""
    live.write(base(ports) + route("/y", "up"))
    [tried] = admin.ask(live.admin, {"do": "try"})
    live.write(base(ports) + route("/z", "up"))
    [answer] = admin.ask(live.admin, {"do": "configure", "name": tried["digest"]})
    assert (True, False) == (tried["ok"], answer["ok"])
    assert "try again" in answer["faults"][0]
    assert [404, 404] == names(live, "/y", "/z")


def test_no_server(live: Gateway, tmp_path: Path) -> None:
    """The command says where it looked, and how to name the server."""
    code, told = live.command("reload", CROSSBAR__SERVER__ADMIN=str(tmp_path))
    assert 3 == code
    assert f"no server has its admin address in {tmp_path}" in told


def test_what_is_kept_is_for_its_user_alone(live: Gateway) -> None:
    """The settings in force, which hold secrets, are read by nobody else."""
    [kept] = live.admin.glob("settings.json*")
    assert (0o600, os.getuid()) == (kept.stat().st_mode & 0o777, kept.stat().st_uid)


def test_from_no_gateway_to_one_and_back(ports: list[int], invoke: Invoke) -> None:
    """A server that began without one gets one; when it is emptied nothing is left of it, and all goes on."""
    with gateway(invoke, "") as live:
        assert ([404], []) == (names(live, "/x/1"), live.targets())
        assert (0, "upstream up: added\nroute x: added\n") == live.reload(base(ports))
        assert (["one"], 1) == (names(live, "/x/1"), len(live.targets()))
        assert (0, "upstream up: removed\nroute x: removed\n") == live.reload("")
        assert ([404], [], 200) == (names(live, "/x/1"), live.targets(), ask(live.url, "/livez").status)
        assert 0 == live.reload(base(ports))[0]
        assert ["one"] == names(live, "/x/1")
        live.live.stop()
        told = [line.partition("crossbar: ")[2] for line in logged(live.live)]
        assert [*["reload: a new configuration is in force"] * 3, "stopping"] == told
