"""`crossbar key`: a key that nobody can guess, and the line by which the gateway knows it."""

from __future__ import annotations

import json
import re
import tomllib
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from crossbar.gateway.providers import providers_of
from crossbar.settings import load

from .conftest import Invoke


def entry(line: str) -> dict[str, Any]:
    """Read the printed line as the settings would."""
    keys: list[dict[str, Any]] = tomllib.loads(f"keys = [\n{line}\n]")["keys"]
    assert 1 == len(keys)
    return keys[0]


def test_a_key_and_its_line(invoke: Invoke) -> None:
    """The key has 256 random bits; the line has its hash, and not the key."""
    result = invoke("key", "--id", "acme", "--account", "4f2a")
    key, line = result.stdout.splitlines()
    assert (0, "") == (result.exit_code, result.stderr)
    assert re.fullmatch(r"cb_[A-Za-z0-9_-]{43}", key)
    assert {"id": "acme", "sha256": sha256(key.encode()).hexdigest(), "account": "4f2a"} == entry(line)
    assert key not in line
    assert key != invoke("key").stdout.splitlines()[0]


def test_the_gateway_knows_the_key(invoke: Invoke, tmp_path: Path) -> None:
    """With the line in the settings, a request with the key is that consumer's."""
    key, line = invoke("key", "--id", "acme", "--account", 'a "b" \\').stdout.splitlines()
    config = tmp_path / "gateway.toml"
    config.write_text(f"[provider.partners]\nkeys = [\n  {line}\n]\n")
    source = providers_of(load(config, {}).provider, lambda: 0)["partners"]
    found = source.known({b"x-api-key": key.encode()})
    assert found is not None
    assert ("partners:acme", 'a "b" \\') == (found.consumer, found.account)


def test_a_key_without_a_name_is_called_by_its_hash(invoke: Invoke) -> None:
    """Two of them do not clash in the settings."""
    found = entry(invoke("key").stdout.splitlines()[1])
    assert f"key-{found['sha256'][:8]}" == found["id"]
    assert {"id", "sha256"} == set(found)


def test_the_line_of_a_key_that_is_there(invoke: Invoke) -> None:
    """The key comes on standard input, where nobody else sees it, and is not printed."""
    secret = "somebody-elses-key"
    result = invoke("key", "--id", "old", "--hash", input=f"{secret}\r\nmore\n")
    assert {"id": "old", "sha256": sha256(secret.encode()).hexdigest()} == entry(result.stdout)
    assert secret not in result.output


def test_a_key_as_json(invoke: Invoke) -> None:
    """Programs get the same; of a key that was read, only the line."""
    told = json.loads(invoke("key", "--id", "acme", "--account", "x", "--json").stdout)
    assert {"key", "id", "sha256", "account", "toml"} == set(told)
    assert {name: told[name] for name in ("id", "sha256", "account")} == entry(told["toml"])
    assert told["sha256"] == sha256(told["key"].encode()).hexdigest()
    read = json.loads(invoke("key", "--hash", "--json", input=told["key"]).stdout)
    assert ({"id", "sha256", "toml"}, told["sha256"]) == (set(read), read["sha256"])


@pytest.mark.parametrize(
    ("args", "text", "says"),
    [
        pytest.param(("--id", "Acme"), "", "--id is a lower-case letter", id="capital"),
        pytest.param(("--id", ""), "", "--id is a lower-case letter", id="no-name"),
        pytest.param(("--id", "a" * 33), "", "--id is a lower-case letter", id="long-name"),
        pytest.param(("--account", "a\nb"), "", "--account has characters", id="account"),
        pytest.param(("--hash",), "", "has 0 characters and could be guessed", id="empty"),
        pytest.param(("--hash",), "password123", "has 11 characters and could be guessed", id="short"),
        pytest.param(("--hash",), "x" * 20 + "é", "is no key", id="not-ascii"),
        pytest.param(("--hash",), "x" * 20 + "\tx", "is no key", id="tab"),
        pytest.param(("--hash",), " " + "x" * 20, "is no key", id="space"),
    ],
)
def test_what_is_refused(invoke: Invoke, args: tuple[str, ...], text: str, says: str) -> None:
    """The way out is told, and nothing is printed that could be pasted."""
    result = invoke("key", *args, input=text)
    assert (2, "") == (result.exit_code, result.stdout)
    assert says in result.stderr
    assert text not in result.stderr or not text
