"""`crossbar check` of a gateway: every fault and doubt, what is tried, and what is printed instead of checking."""

from __future__ import annotations

import json
import socket
import threading
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from crossbar.settings import load

from .conftest import Invoke
from .gateway_file import KEY, gateway_file

__all__ = ["gateway_file"]

COUNTED = ("upstreams", "providers", "routes")
OWN = """
[upstream.billing]
targets = ["http://127.0.0.1:9001"]
[provider.partners]
keys = [{ id = "acme", sha256 = "%s" }]
[[route]]
name = "invoices"
path = "/invoices/**"
to = "billing:/**"
auth = "partners"
"""
OWN %= KEY


def checked(invoke: Invoke, file: Path, *options: str) -> dict[str, Any]:
    """What is said of a file, as JSON, if the exit code says the same."""
    result = invoke("check", "--json", *options, "--config", str(file))
    found: dict[str, Any] = json.loads(result.output)
    assert result.exit_code == (0 if found["ok"] else 1)
    return found


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Give a file with a small gateway in which nothing is wrong."""
    path = tmp_path / "gateway.toml"
    path.write_text(OWN)
    return path


def test_a_gateway_is_counted(invoke: Invoke, gateway_file: Path) -> None:
    """Upstreams, providers and routes, beside the modules, of which its nouns are none."""
    found = checked(invoke, gateway_file)
    assert ([], True, [2, 2, 8]) == (found["faults"], found["ok"], [found["checked"][name] for name in COUNTED])
    plain = json.loads(invoke("check", "--json").output)
    assert plain["checked"] == {name: count for name, count in found["checked"].items() if name not in COUNTED}


def test_what_is_shipped_is_in_order(invoke: Invoke) -> None:
    """The configuration to begin with has neither faults nor doubts."""
    found = checked(invoke, Path(__file__).parents[2] / "config" / "gateway.toml")
    assert ([], []) == (found["faults"], found["doubts"])


def test_all_faults_at_once(invoke: Invoke, file: Path) -> None:
    """Of all tables and several in one of them, each under what it is about; the rest is checked as well."""
    file.write_text(
        """
        [gateway]
        trusted = ["300.0.0.1"]
        [upstream.billing]
        targets = ["http://127.0.0.1:9001", "http://127.0.0.1:9001"]
        [upstream.files]
        targets = ["https://127.0.0.1"]
        tls = { ca = "/nowhere.pem" }
        [provider.partners]
        [[route]]
        name = "one"
        path = "/one/{a}"
        to = "files:/{b}"
        auth = "nobody"
        [[route]]
        path = "/two"
        to = "archive:/"
        allow = "claim.x == 1"
        """
    )
    found = checked(invoke, file)
    told = [(fault["in"], fault["fault"]) for fault in found["faults"]]
    for subject, says in [
        ("settings", "gateway.trusted: '300.0.0.1'"),
        ("upstreams", "upstream.billing.targets: "),
        ("upstreams", "upstream.files.tls.ca: cannot use /nowhere.pem: No such file"),
        ("providers", "provider.partners: it needs either jwt or keys"),
        ("routes", "route 'one': auth: there is no provider 'nobody'"),
        ("routes", "route 'one': to: '/{b}' wants the parameter 'b'"),
        ("routes", "route[1] (/two): to: there is no upstream 'archive'"),
        ("routes", "route[1] (/two): allow: "),
    ]:
        assert [subject] == [where for where, fault in told if fault.startswith(says)], says
    assert 8 == len(told)
    assert {"store", "modules", "schemas"} < found["checked"].keys()


def test_routes_that_tie(invoke: Invoke, file: Path) -> None:
    """Both are named, and what to do."""
    file.write_text(OWN + OWN[OWN.index("[[route]]") :].replace('"invoices"', '"others"'))
    [fault] = checked(invoke, file)["faults"]
    assert "routes" == fault["in"]
    assert "route 'invoices' and route 'others' match the same requests" in fault["fault"]


def test_a_fault_of_the_gateway_beside_others(invoke: Invoke, file: Path, tmp_path: Path) -> None:
    """What is wrong with a module is told as well."""
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "broken.py").write_text("def broken(:\n")
    file.write_text(f'[modules]\nfolder = "{tmp_path / "own"}"\n{OWN.replace("billing:", "files:")}')
    assert {"modules", "routes"} == {fault["in"] for fault in checked(invoke, file)["faults"]}


def test_providers_alone(invoke: Invoke, file: Path) -> None:
    """They are looked at also while nothing uses them."""
    file.write_text("[provider.partners]\n")
    assert ["providers"] == [fault["in"] for fault in checked(invoke, file)["faults"]]


def test_doubts_are_no_faults(invoke: Invoke, file: Path) -> None:
    """They are told, and the exit code is that of all being in order."""
    file.write_text(OWN + '[upstream.spare]\ntargets = ["http://127.0.0.1:9002"]\n')
    found = checked(invoke, file)
    doubt = {"in": "upstreams", "doubt": "upstream.spare: no route leads there"}
    assert (True, [], [doubt]) == (found["ok"], found["faults"], found["doubts"])
    told = invoke("check", "--config", str(file)).output
    assert "upstreams: 2 checked, all in order; 1 doubt:\n  doubt: upstream.spare: no route leads there\n" in told


def test_names_that_cannot_be_resolved(invoke: Invoke, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They are faults, without anything being tried."""

    def nobody(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nobody)
    file.write_text(OWN.replace("127.0.0.1:9001", "billing.example:9001"))
    [fault] = checked(invoke, file)["faults"]
    assert fault["fault"].startswith("upstream.billing.targets.0: the name 'billing.example' cannot be resolved")


@contextmanager
def listening(answer: bytes) -> Iterator[int]:
    """A server on this machine that answers each connection with some bytes, once something was asked."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    peer, _ = server.accept()
                except OSError:
                    return
                with peer:
                    if peer.recv(4096):
                        peer.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


def test_targets_are_tried(invoke: Invoke, file: Path) -> None:
    """A line for each, and one that does not answer is as bad as a fault."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        gone = probe.getsockname()[1]
    with listening(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n") as port:
        text = OWN.replace(
            '9001"]', f'{port}", "http://127.0.0.1:{gone}"]\nhealth = "GET /readyz every 1min within 30s"'
        )
        file.write_text(text.replace("9001", str(port)))
        found = checked(invoke, file, "--targets")
        told = invoke("check", "--targets", "--config", str(file)).output
    assert [("billing", f"http://127.0.0.1:{port}", True), ("billing", f"http://127.0.0.1:{gone}", False)] == [
        (target["name"], target["what"], target["ok"]) for target in found["targets"]
    ]
    assert (False, [], 2) == (found["ok"], found["faults"], found["checked"]["targets"])
    assert found["targets"][0]["told"].startswith("200 in ")
    assert "targets: 2 tried, 1 wrong:\n" in told
    assert told.endswith(f"  billing http://127.0.0.1:{gone}: refused\n")


def test_nothing_is_tried_unasked(invoke: Invoke, file: Path) -> None:
    """Without --targets nobody is connected to."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        file.write_text(OWN.replace("9001", str(server.getsockname()[1])))
        assert [] == checked(invoke, file)["targets"]
        with pytest.raises(BlockingIOError):
            server.accept()


# Printed instead of checking.


def test_the_settings_in_force(invoke: Invoke, gateway_file: Path, tmp_path: Path) -> None:
    """Every setting with its value, in a file that loads to the same settings."""
    result = invoke("check", "--show-defaults", "--config", str(gateway_file), CROSSBAR__SERVER__PORT="9000")
    again = tmp_path / "again.toml"
    again.write_text(result.output)
    assert (0, load(gateway_file, {"CROSSBAR__SERVER__PORT": "9000"})) == (result.exit_code, load(again))
    told = tomllib.loads(result.output)
    assert (9000, "15s") == (told["server"]["port"], told["upstream"]["billing"]["timeout"]["first_byte"])
    assert ([], {}) == (told["server"]["origins"], told["rate"]["costs"])
    assert load() == load(_written(tmp_path / "defaults.toml", invoke("check", "--show-defaults").output))


def _written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_secrets_are_masked(invoke: Invoke, file: Path) -> None:
    """Those of upstreams, the passwords in URLs, and what plugins call by such names."""
    file.write_text(
        OWN.replace("[provider", f'identity = "signed"\nsecret = "{"s3cret" * 6}"\n[provider', 1)
        + '[store]\nurl = "mongodb://me:s3cret@host/db"\n'
        + '[plugins.webhooks]\n[plugins.x]\napi_key = "s3cret"\nseconds = 3\nurl = "https://u:s3cret@h"\n'
    )
    told = invoke("check", "--show-defaults", "--config", str(file)).output
    assert "s3cret" not in told
    read = tomllib.loads(told)
    assert ("***", "***", 3) == (
        read["upstream"]["billing"]["secret"],
        read["plugins"]["x"]["api_key"],
        read["plugins"]["x"]["seconds"],
    )
    assert ("mongodb://me:***@host/db", "drop") == (read["store"]["url"], read["route"][0]["token"])


def test_odd_texts_are_written_so_that_they_can_be_read(invoke: Invoke, file: Path, tmp_path: Path) -> None:
    """Quotes, backslashes, control characters and keys that are no words."""
    odd = r"a\"b\\c\n\t\u0001 é {x = 1}"
    claims = '{ "a b" = ["x", 1.5, true, { c = "" }], d = { e = 1 } }'
    file.write_text(OWN.replace("sha256", f"claims = {claims}, sha256") + f'[server]\nnode = "{odd}"\n')
    again = _written(tmp_path / "again.toml", invoke("check", "--show-defaults", "--config", str(file)).output)
    assert load(file) == load(again)


def test_the_settings_in_force_cannot_be_wrong(invoke: Invoke, file: Path) -> None:
    """Faults are told instead."""
    file.write_text("[server]\nport = 'x'")
    result = invoke("check", "--show-defaults", "--config", str(file))
    assert (2, "") == (result.exit_code, result.stdout)
    assert "server.port" in result.stderr


def test_the_schema(invoke: Invoke, gateway_file: Path) -> None:
    """A JSON Schema for editors, by which the files that load are right."""
    result = invoke("check", "--schema")
    validator = jsonschema_rs.Draft202012Validator(json.loads(result.output))
    assert (0, True) == (result.exit_code, validator.is_valid(tomllib.loads(gateway_file.read_text())))
    assert not validator.is_valid({"upstream": {"billing": {}}})
