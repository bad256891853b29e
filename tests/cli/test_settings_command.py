"""`crossbar settings`: what gets into the store, what is refused, and what is shown of it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from crossbar.cli import storing
from crossbar.cli.toml_text import toml_of
from crossbar.keys import SYSTEM
from crossbar.stored_settings import Stored, put_into, stored_in
from crossbar.stores import Store
from crossbar.testing import make_store

from .conftest import Invoke

SHARED = """
[upstream.billing]
targets = ["http://127.0.0.1:9"]
secret = "between us"
[[route]]
path = "/b/**"
to = "billing"
auth = "none"
[modules]
disabled = ["cdrs"]
"""


@pytest.fixture
def text(invoke: Invoke, tmp_path: Path) -> str:
    """Give the text of a file of settings that is called `shared.toml`, in the folder of the commands."""
    (tmp_path / "shared.toml").write_text(SHARED)
    return SHARED


def stored(folder: Path) -> Stored | None:
    """What is in the store."""

    async def read(store: Store) -> Stored | None:
        await store.open([SYSTEM])
        try:
            return await stored_in(store)
        finally:
            await store.close()

    return asyncio.run(read(make_store("sqlite", folder)))


def test_put_show_and_drop(invoke: Invoke, text: str, tmp_path: Path) -> None:
    """Each says what becomes different, and nothing where nothing does; the text is kept as it was written."""
    first = invoke("settings", "put", "shared.toml")
    told = ["upstream billing: added", "route /b/**: added", "module cdrs: disabled"]
    assert (0, told) == (first.exit_code, first.stdout.splitlines())
    assert "no server has used this store yet" in first.stderr
    assert "nothing has changed\n" == invoke("settings", "put", "shared.toml").stdout
    found = stored(tmp_path)
    assert found is not None
    assert (text, 1) == (found.text, found.revision)
    other = text.replace(":9", ":8").replace('["cdrs"]', "[]")
    assert {"revision": 2, "changes": ["upstream billing: changed", "module cdrs: enabled"]} == json.loads(
        invoke("settings", "put", "-", "--json", input=other).stdout
    )
    assert ["upstream billing: removed", "route /b/**: removed"] == invoke("settings", "drop").stdout.splitlines()
    assert ("nothing has changed\n", None) == (invoke("settings", "drop").stdout, stored(tmp_path))
    assert "there are no settings in the store\n" == invoke("settings", "show").stdout
    assert None is json.loads(invoke("settings", "show", "--json").stdout)


def test_secrets_are_not_shown(invoke: Invoke, text: str) -> None:
    """What is shown could be a file, but for passwords and secrets, also those of plugins."""
    secret = '[plugins.oauth]\nsecret = "between us"\n'
    assert 0 == invoke("settings", "put", "-", input=text).exit_code
    shown, asjson = invoke("settings", "show").stdout, json.loads(invoke("settings", "show", "--json").stdout)
    head, _, rest = shown.partition("\n")
    assert head.startswith("# Revision 1, of 20")
    assert rest == toml_of(asjson["settings"])
    assert ("***", ["cdrs"]) == (
        asjson["settings"]["upstream"]["billing"]["secret"],
        asjson["settings"]["modules"]["disabled"],
    )
    assert "between us" not in shown + json.dumps(asjson)
    refused = invoke("settings", "put", "-", input=secret + text.replace('"/b/**"', '"b"'))
    assert (1, True) == (refused.exit_code, "between us" not in refused.output)


REFUSED: dict[str, tuple[str, list[str]]] = {
    "no TOML": ("[upstream", ["not TOML"]),
    "tables of the start": (
        '[server]\nport = 1\n[modules]\nfolder = "x"\n',
        ["server: it counts from the next start", "modules.folder: it counts from the next start"],
    ),
    "unknown keys": ('[upstreem.a]\n[modules]\ndisable = ["x"]\n', ["did you mean 'upstream'?", "'modules.disabled'?"]),
    "tables of the start, and unknown keys": (
        '[limits]\nbody = 2000\n[modules]\nfolder = 1\ndisbled = ["x"]\n[[route]]\npath = 1\n',
        ["limits: it counts from", "modules.folder: it counts", "'modules.disabled'?", "path"],
    ),
    "tables of the start, and what modules say": (
        '[log]\nlevel = "info"\n[modules]\ndisabled = ["cdr"]\n',
        ["log: it counts from", "there is no plugin 'cdr'"],
    ),
    "all at once": (
        '[modules]\ndisabled = ["cdr"]\n[plugins.devices]\nx = 1\n[[route]]\npath = "/a"\nto = "b"\n',
        ["there is no plugin 'cdr'", "plugins.devices: this plugin has no settings", "there is no upstream 'b'"],
    ),
    "the options of a module": ("[plugins.webhooks]\nattempts = 'many'\n", ["plugins.webhooks"]),
    "a file that is not there": (
        "[upstream.a]\ntargets = ['https://a.example']\n[upstream.a.tls]\nca = '/nowhere/ca.pem'\n",
        ["upstream.a.tls.ca: cannot use /nowhere/ca.pem"],
    ),
    "the noun of a module": (
        SHARED.replace("/b/**", "/v2/accounts/{account}/devices"),
        ["is that of a module"],
    ),
    "too much": (f"# {'x' * 1_048_576}", ["they have 1048578 bytes; the store takes 1048576"]),
}


@pytest.mark.parametrize(("wrong", "told"), REFUSED.values(), ids=REFUSED)
def test_what_is_refused(invoke: Invoke, tmp_path: Path, wrong: str, told: list[str]) -> None:
    """Every fault is told, and what was in the store stays."""
    assert 0 == invoke("settings", "put", "-", input="# before").exit_code
    result = invoke("settings", "put", "-", input=wrong)
    assert (1, []) == (result.exit_code, [each for each in told if each not in result.stderr])
    assert "standard input: nothing is stored, since there are faults:" in result.stderr
    found = stored(tmp_path)
    assert found is not None
    assert "# before" == found.text


def test_a_noun_of_a_module_that_goes(invoke: Invoke) -> None:
    """One put may give the noun of a module to an upstream."""
    text = SHARED.replace("/b/**", "/v2/accounts/{account}/cdrs").replace("none", "crossbar")
    assert 0 == invoke("settings", "put", "-", input=text).exit_code


def test_what_the_file_below_says(invoke: Invoke, tmp_path: Path, text: str) -> None:
    """A put may build on the configuration of --config, which is the one that the servers have."""
    (tmp_path / "crossbar.toml").write_text(text)
    more = '[[route]]\npath = "/c"\nto = "billing"\nauth = "none"\n'
    assert 1 == invoke("settings", "put", "-", input=more).exit_code
    result = invoke("settings", "put", "-", "--config", "crossbar.toml", input=more)
    assert ["route /b/**: removed", "route /c: added"] == result.stdout.splitlines()


WRONG: dict[str, tuple[list[str], dict[str, str], str]] = {
    "memory": (["--store", "memory:"], {}, "a store in memory belongs to one process"),
    "switched off": ([], {"CROSSBAR__STORE__SETTINGS": "false"}, "store.settings is false"),
    "no store": (["--store", "nothing://x"], {}, "'nothing' is not a store"),
    "no configuration": (["--config", "nowhere.toml"], {}, "cannot read the file"),
}


@pytest.mark.parametrize(("options", "env", "told"), WRONG.values(), ids=WRONG)
@pytest.mark.parametrize("word", [["put", "shared.toml"], ["show"], ["drop"]], ids=["put", "show", "drop"])
def test_wrong_options(
    invoke: Invoke, text: str, word: list[str], options: list[str], env: dict[str, str], told: str
) -> None:
    """A store that no other process looks at is no place for settings."""
    result = invoke("settings", *word, *options, **env)
    assert (2, True) == (result.exit_code, told in result.stderr)


def test_files_and_stores_that_cannot_be_read(invoke: Invoke, tmp_path: Path) -> None:
    """The command names them."""
    (tmp_path / "latin").write_bytes(b"\xe4")
    (tmp_path / "crossbar.db").write_bytes(b"no database" * 100)
    for name, code, told in (("nowhere", 2, "cannot read nowhere"), ("latin", 2, "no text in UTF-8")):
        result = invoke("settings", "put", name)
        assert (code, True) == (result.exit_code, told in result.stderr)
    for word in (["put", "-"], ["show"], ["drop"]):
        result = invoke("settings", *word, input="")
        assert (1, True) == (result.exit_code, "crossbar.db" in result.stderr)


@pytest.mark.parametrize("word", ["show", "drop"])
def test_no_file_is_made(invoke: Invoke, tmp_path: Path, word: str) -> None:
    """Who only looks into a store, or empties it, is told that there is none."""
    result = invoke("settings", word)
    assert (1, True) == (result.exit_code, f"the store {tmp_path}/crossbar.db: there is no such file" in result.stderr)
    assert [] == [*tmp_path.glob("crossbar.db*")]


@pytest.mark.parametrize("word", [["put", "shared.toml"], ["drop"]], ids=["put", "drop"])
def test_somebody_is_faster(
    invoke: Invoke, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, word: list[str]
) -> None:
    """Between reading and writing somebody else has put settings: nothing of theirs is lost."""
    assert 0 == invoke("settings", "put", "-", input="# before").exit_code

    async def read(store: Store) -> Stored | None:
        found = await stored_in(store)
        await put_into(store, "# theirs", found, 1)
        return found

    monkeypatch.setattr(storing, "stored_in", read)
    result = invoke("settings", *word)
    assert (1, True) == (result.exit_code, "somebody else has changed the settings in the store" in result.stderr)
    found: Any = stored(tmp_path)
    assert "# theirs" == found.text
