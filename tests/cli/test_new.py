"""`crossbar new`: what it writes works at once, and it writes over nothing."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result

from crossbar import Crossbar, Resource
from crossbar.cli.commands import crossbar
from crossbar.cli.scaffolding import class_name
from crossbar.stores.memory import MemoryStore

from .conftest import Invoke

ROOT = Path(__file__).parents[2]
METER = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$id": "https://example.com/meter.schema.json",
    "title": "Meter",
    "type": "object",
    "required": ["serial", "place", "kind"],
    "additionalProperties": False,
    "properties": {
        "kind": {"enum": ["gas", "water"]},
        "label": {"type": "string", "maxLength": 40},
        "owner_id": {"type": "string"},
        "place": {"type": "object", "required": ["floor"], "properties": {"floor": {"type": "integer", "minimum": -2}}},
        "secret": {"type": "string", "writeOnly": True},
        "serial": {"type": "string", "pattern": "^[A-Z]{2}-[0-9]{6}$"},
        "active": {"type": "boolean", "default": True},
    },
}


def written(folder: Path, name: str, *options: str) -> Result:
    """Run `crossbar new` in a folder, and let nothing of it fail."""
    result = CliRunner().invoke(crossbar, ["new", name, "--folder", str(folder), *options])
    assert 0 == result.exit_code, result.output
    return result


def clean_environment(**more: str) -> dict[str, str]:
    """Give the environment of this process without settings of Crossbar."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CROSSBAR", "PYTEST"))}
    return kept | {"PYTHONDONTWRITEBYTECODE": "1"} | more


def run_python(folder: Path, *args: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Run Python in a folder."""
    environment = clean_environment(**more)
    return subprocess.run([sys.executable, *args], cwd=folder, env=environment, capture_output=True, text=True)


# What is written works.

SORTS = {
    "code": (),
    "toml": ("--toml",),
    "files": ("--attachments",),
    "toml_files": ("--toml", "--attachments"),
}
SCHEMA = ("--schema", "meter.json")
PARENT = ("--parent", "users=owner_id")
MODULES = {
    f"{sort}{'_schema' * bool(schema)}{'_parent' * bool(parent)}": (*SORTS[sort], *schema, *parent)
    for sort, schema, parent in product(SORTS, ((), SCHEMA), ((), PARENT))
}
PACKAGES = {f"packed_{name}": ("--package", *options) for name, options in MODULES.items() if "toml" not in name}


def bundled_parents() -> dict[str, tuple[str, ...]]:
    """Give a module for each bundled resource that a document can be made of, with that as its parent."""
    app = Crossbar(store=MemoryStore())
    found = [entry.endpoint for entry in app.registry if isinstance(entry.endpoint, Resource)]
    offered = [each for each in found if not each.tenants and any(route.name == "create" for route in each.routes)]
    return {f"of_{each.name}": ("--parent", f"{each.name}=parent_id") for each in offered}


PARENTS = bundled_parents()
del PARENTS["of_messages"]  # a message needs a box first, see below
LONGEST = {"a_name_as_long_as_they_can_becom": (*SORTS["files"], *SCHEMA, *PARENT)}
ALL = MODULES | PACKAGES | PARENTS | LONGEST


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Give a folder with a module of every sort in it, all written by the command."""
    folder = tmp_path_factory.mktemp("workshop")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name in list(os.environ):
            if name.startswith("CROSSBAR"):
                patch.delenv(name)
        (folder / "meter.json").write_text(json.dumps(METER))
        for name, options in ALL.items():
            # PERF: a test loads the modules beside its own, so these are kept apart.
            apart = folder if name in PACKAGES else folder / name / "modules" if name in PARENTS else folder / "modules"
            written(apart, name, *options)
        yield folder


@pytest.fixture(scope="module")
def outcomes(workshop: Path) -> dict[str, Counter[str]]:
    """Give how many tests of each written file passed and did not, run as an author runs them."""
    ran = run_python(workshop, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", "--junitxml=report.xml")
    counted: dict[str, Counter[str]] = {}
    for case in ElementTree.parse(workshop / "report.xml").iter("testcase"):
        name = case.get("classname", "").rpartition(".")[2].removeprefix("test_")
        counted.setdefault(name, Counter())["failed" if len(case) else "passed"] += 1
    assert counted, ran.stdout + ran.stderr
    return counted


@pytest.mark.timeout(240)
@pytest.mark.parametrize("name", ALL)
def test_the_written_test_passes_at_once(outcomes: dict[str, Counter[str]], name: str) -> None:
    """With every combination of options; each option brings a test of its own."""
    options = ALL[name]
    expected = 2
    expected += "--toml" not in options
    expected += "--parent" in options
    expected += 4 if "--attachments" in options else 0
    assert Counter(passed=expected) == outcomes[name]


def test_the_written_code_is_clean(workshop: Path) -> None:
    """The linter and the formatter find nothing to say, with the rules that they have where nobody gave them any."""
    for command in (("check",), ("format", "--check", "--diff")):
        ran = run_python(workshop, "-m", "ruff", *command, "--isolated", "--no-cache", ".")
        assert 0 == ran.returncode, ran.stdout + ran.stderr


def test_the_written_code_is_typed(workshop: Path, tmp_path: Path) -> None:
    """The type checker finds nothing at its strictest."""
    files = [str(path) for path in workshop.rglob("*.py")]
    options = ("--strict", "--explicit-package-bases", "--follow-imports=silent", f"--cache-dir={tmp_path}")
    ran = run_python(workshop, "-m", "mypy", *options, *files, MYPYPATH=str(ROOT))
    assert 0 == ran.returncode, ran.stdout + ran.stderr


def test_a_written_package_can_be_installed(workshop: Path, tmp_path: Path) -> None:
    """`crossbar modules` lists it with its version, its schema is found, and its own test goes on passing."""
    project = workshop / "crossbar-packed-files-schema"
    target = str(tmp_path / "installed")
    options = ("--quiet", "--disable-pip-version-check", "--no-deps", "--no-build-isolation", "--no-index")
    ran = run_python(workshop, "-m", "pip", "install", *options, "--target", target, str(project))
    assert 0 == ran.returncode, ran.stdout + ran.stderr
    path = os.pathsep.join(filter(None, (target, os.environ.get("PYTHONPATH"))))
    listed = run_python(tmp_path, "-m", "crossbar", "modules", "--json", PYTHONPATH=path)
    told = {one["name"]: one for one in json.loads(listed.stdout)}["packed_files_schema"]
    assert ("ok", True) == (told["state"], {"find", "create", "put_file"} <= set(told["offers"]))
    assert "crossbar-packed-files-schema" in told["origin"]
    assert "0.1.0" in json.dumps(told)
    tested = run_python(project, "-m", "pytest", "-q", "-p", "no:cacheprovider", PYTHONPATH=path)
    assert 0 == tested.returncode, tested.stdout


def test_the_schema_is_copied_as_it_is(workshop: Path) -> None:
    """With its `$id` and its title."""
    copied = workshop / "modules" / "schemas" / "code_schema.json"
    assert (workshop / "meter.json").read_bytes() == copied.read_bytes()


def test_a_listing_shows_what_the_schema_has_of_short_fields(workshop: Path) -> None:
    """Those that every document has come first; secrets, objects and lists of values stay out."""
    assert (
        '    summary = ("serial", "label", "owner_id", "active")\n' in (workshop / "modules/code_schema.py").read_text()
    )


def test_the_example_comes_from_the_schema(workshop: Path) -> None:
    """It has what is required, and what the listing shows."""
    test = (workshop / "modules" / "tests" / "test_code_schema.py").read_text()
    for part in ('"serial": "AA-111111"', '"place": {"floor": 1}', '"kind": "gas"', '"label": "Example"'):
        assert part in test


# A schema of which no document can be made.


def test_without_an_example_the_test_asks_for_one(invoke: Invoke, tmp_path: Path) -> None:
    """It fails, and says what to write where; the command has said so before."""
    (tmp_path / "odd.json").write_text(
        '{"required": ["a"], "properties": {"a": {"pattern": "(?=q)", "type": "string"}}}'
    )
    result = invoke("new", "odds", "--schema", "odd.json")
    assert (0, True) == (result.exit_code, "the test fails until you write one into its EXAMPLE" in result.output)
    ran = run_python(tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider", "modules")
    assert 1 == ran.returncode
    assert "write a document that keeps to schemas/odds.json into EXAMPLE" in ran.stdout
    test = tmp_path / "modules" / "tests" / "test_odds.py"
    test.write_text(test.read_text().replace("EXAMPLE: dict[str, Any] = {}", 'EXAMPLE: dict[str, Any] = {"a": "q"}'))
    ran = run_python(tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider", "modules")
    assert 0 == ran.returncode, ran.stdout


def test_a_parent_of_which_no_document_can_be_made(invoke: Invoke) -> None:
    """The test leaves it out, and the command says so."""
    result = invoke("new", "notes", "--parent", "cdrs=cdr_id", "--json")
    told = json.loads(result.output)
    assert ["the test does not go below 'cdrs', for it could not make a document of that"] == told["notes"]
    assert not any("below_cdrs" in file["text"] for file in told["files"])


# Names.


@pytest.mark.parametrize(
    ("name", "code", "says"),
    [
        pytest.param("Rooms", 2, "lower-case letters", id="capital"),
        pytest.param("1rooms", 2, "begins with a letter", id="digit"),
        pytest.param("meeting-rooms", 2, "lower-case letters", id="dash"),
        pytest.param("../rooms", 2, "lower-case letters", id="path"),
        pytest.param("r" * 33, 2, "32 at most", id="long"),
        pytest.param("", 2, "lower-case letters", id="empty"),
        pytest.param("rooms\n", 2, "lower-case letters", id="line-end"),
        pytest.param("account", 2, "a word of the path itself", id="alias"),
        pytest.param("v3", 2, "a word of the path itself", id="version"),
        pytest.param("class", 2, "a keyword of Python", id="keyword"),
        pytest.param("test_rooms", 2, "taken for tests", id="test"),
        pytest.param("conftest", 2, "taken for tests", id="conftest"),
        pytest.param("tests", 2, "taken for tests", id="tests"),
        pytest.param("devices", 1, "devices.py; choose another", id="bundled"),
        pytest.param("caller_id", 1, "taken by a schema", id="schema"),
    ],
)
def test_a_name_that_cannot_be(invoke: Invoke, tmp_path: Path, name: str, code: int, says: str) -> None:
    """The reason is told with the name, and nothing is written."""
    result = invoke("new", name)
    assert code == result.exit_code
    assert says in result.stderr
    assert [] == list(tmp_path.iterdir())


def test_a_name_that_another_module_of_the_folder_has(invoke: Invoke, tmp_path: Path) -> None:
    """Whatever its file is called, it is named."""
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "other.toml").write_text('name = "rooms"\n')
    result = invoke("new", "rooms")
    assert 1 == result.exit_code
    assert "other.toml; choose another" in result.stderr


@pytest.mark.parametrize("spelling", ["rooms", "folder/rooms"])
def test_a_name_that_the_settings_leave_out(invoke: Invoke, spelling: str) -> None:
    """A module that would never be loaded is not written."""
    result = invoke("new", "rooms", CROSSBAR__MODULES__DISABLED=f'["{spelling}"]')
    assert (1, True) == (result.exit_code, f"modules.disabled leaves out '{spelling}'" in result.stderr)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("rooms", "Rooms"),
        ("meeting_rooms", "MeetingRooms"),
        ("x_2__b_", "X2B"),
        ("document", "DocumentResource"),
        ("none", "NoneResource"),
        ("exception", "ExceptionResource"),
    ],
)
def test_the_name_of_the_class(name: str, expected: str) -> None:
    """It is the noun's, and hides nothing that the file needs."""
    assert expected == class_name(name)


@pytest.mark.parametrize("name", ["document", "none", "resource", "match", "a_"])
def test_a_name_that_means_something_elsewhere(invoke: Invoke, tmp_path: Path, name: str) -> None:
    """The module can be loaded all the same."""
    assert 0 == invoke("new", name, "--attachments").exit_code
    told = {
        one["name"]: one for one in json.loads(invoke("modules", "--json", CROSSBAR__MODULES__FOLDER="modules").output)
    }
    assert "ok" == told[name]["state"]


def test_a_name_that_the_files_have(invoke: Invoke, tmp_path: Path) -> None:
    """A path in which the noun stands twice would lead somewhere else."""
    result = invoke("new", "file", "--attachments")
    assert (2, True) == (result.exit_code, "would name 'file' twice" in result.stderr)
    assert not (tmp_path / "modules").exists()
    assert 0 == invoke("new", "file").exit_code


def test_a_parent_that_needs_one_itself(invoke: Invoke) -> None:
    """The test does not go below it, and the author is told so."""
    result = invoke("new", "rooms", "--parent", "messages=message_id")
    assert (0, True) == (result.exit_code, "the test does not go below 'messages'" in result.output)


# Files.


@pytest.mark.parametrize("file", ["rooms.py", "schemas/rooms.json", "tests/test_rooms.py"])
@pytest.mark.parametrize("how", ["file", "folder", "link"])
def test_nothing_is_written_over(invoke: Invoke, tmp_path: Path, file: str, how: str) -> None:
    """What is there already is named, and stays; also a link that leads nowhere."""
    path = tmp_path / "modules" / file
    path.parent.mkdir(parents=True)
    if how == "file":
        path.write_text("# mine")
    elif how == "folder":
        path.mkdir()
    else:
        path.symlink_to("nowhere")
    result = invoke("new", "rooms")
    assert (1, True) == (result.exit_code, f"modules/{file}: there already; move it away" in result.stderr)
    assert [path] == [each for each in (tmp_path / "modules").rglob("*") if each != path.parent]
    assert how != "file" or "# mine" == path.read_text()


def test_a_second_time_is_refused(invoke: Invoke) -> None:
    """The command is not repeated by a slip of the finger."""
    assert 0 == invoke("new", "rooms").exit_code
    again = invoke("new", "rooms")
    assert 1 == again.exit_code
    assert "modules/rooms.py, modules/schemas/rooms.json, modules/tests/test_rooms.py: there already" in again.stderr


def test_a_package_has_a_folder_of_its_own(invoke: Invoke, tmp_path: Path) -> None:
    """It is not mixed into what is there."""
    (tmp_path / "crossbar-meeting-rooms").mkdir()
    result = invoke("new", "meeting_rooms", "--package")
    assert (1, True) == (result.exit_code, "crossbar-meeting-rooms: there already" in result.stderr)
    assert [] == list((tmp_path / "crossbar-meeting-rooms").iterdir())


def test_a_package_does_not_take_the_place_of_another(invoke: Invoke, tmp_path: Path) -> None:
    """`crossbar-rest` is Crossbar itself: installing another one of that name would take it away."""
    result = invoke("new", "rest", "--package")
    assert (1, True) == (result.exit_code, "the package crossbar-rest is installed already" in result.stderr)
    assert [] == list(tmp_path.iterdir())


def test_a_failure_leaves_nothing_behind(invoke: Invoke, tmp_path: Path) -> None:
    """If the last file cannot be written, those before it are taken back."""
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "tests").write_text("in the way")
    result = invoke("new", "rooms")
    assert (1, True) == (result.exit_code, "cannot write modules/tests/test_rooms.py" in result.stderr)
    assert ["tests"] == [path.name for path in (tmp_path / "modules").iterdir()]


def test_a_folder_that_cannot_be_written(invoke: Invoke, tmp_path: Path) -> None:
    """The path and the way out are told."""
    (tmp_path / "plain").write_text("a file")
    result = invoke("new", "rooms", "--folder", "plain/modules")
    assert 1 == result.exit_code
    assert "cannot write plain/modules/rooms.py" in result.stderr
    assert "--folder" in result.stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may write everywhere")
def test_a_folder_that_one_may_not_write(invoke: Invoke, tmp_path: Path) -> None:
    """A refusal of the system is told as such."""
    (tmp_path / "modules").mkdir(mode=0o500)
    result = invoke("new", "rooms")
    assert (1, True) == (result.exit_code, "Permission denied" in result.stderr)


def test_files_are_written_so_that_they_are_run(invoke: Invoke, tmp_path: Path) -> None:
    """A module that everybody may write is not run; so it is not made writable for all, whatever the mask says."""
    before = os.umask(0)
    try:
        assert 0 == invoke("new", "rooms").exit_code
    finally:
        os.umask(before)
    assert 0o644 == stat.S_IMODE((tmp_path / "modules" / "rooms.py").stat().st_mode)


# Where to, and what is told.


def test_the_folder_of_the_settings(invoke: Invoke, tmp_path: Path) -> None:
    """`--folder`, then modules.folder, then ./modules."""
    config = tmp_path / "crossbar.toml"
    config.write_text('[modules]\nfolder = "own"\nrequired = ["rooms"]\n[plugins.rooms]\nunit = "C"\n')
    assert 0 == invoke("new", "rooms", "--config", "crossbar.toml").exit_code
    assert 0 == invoke("new", "desks", CROSSBAR__MODULES__FOLDER="own").exit_code
    assert 0 == invoke("new", "chairs", "--folder", "deep/down", CROSSBAR__MODULES__FOLDER="own").exit_code
    assert 0 == invoke("new", "lamps").exit_code
    there = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.py") if path.parent.name != "tests"}
    assert {"own/rooms.py", "own/desks.py", "deep/down/chairs.py", "modules/lamps.py"} == there


@pytest.mark.parametrize(
    ("options", "steps"),
    [
        pytest.param((), ["pytest modules/tests/test_rooms.py", "crossbar dev"], id="usual"),
        pytest.param(
            ("--folder", "my own"), ["pytest 'my own/tests/test_rooms.py'", "crossbar dev 'my own'"], id="elsewhere"
        ),
        pytest.param(
            ("--package",), ["pytest crossbar-rooms", "pip install -e crossbar-rooms", "crossbar modules"], id="package"
        ),
    ],
)
def test_the_next_steps_are_told(invoke: Invoke, options: tuple[str, ...], steps: list[str]) -> None:
    """Commands to paste."""
    told = invoke("new", "rooms", *options).output
    assert steps == [line.strip() for line in told.partition("Next:\n")[2].splitlines()]


@pytest.mark.parametrize("as_json", [False, True])
def test_a_dry_run_writes_nothing(invoke: Invoke, tmp_path: Path, as_json: bool) -> None:
    """It prints every file with its text."""
    result = invoke("new", "rooms", "--dry-run", *(["--json"] if as_json else []))
    assert (0, []) == (result.exit_code, list(tmp_path.iterdir()))
    told = json.loads(result.output) if as_json else {}
    text = "".join(f"--- {file['path']}\n{file['text']}" for file in told["files"]) if as_json else result.output
    for part in ("--- modules/rooms.py\n", "class Rooms(Resource)", "--- modules/schemas/rooms.json", "EXAMPLE"):
        assert part in text
    assert not as_json or (told["name"], told["written"]) == ("rooms", False)


def test_json_tells_what_was_written(invoke: Invoke, tmp_path: Path) -> None:
    """The paths and texts are those of the files."""
    told = json.loads(invoke("new", "rooms", "--json").output)
    assert (True, []) == (told["written"], told["notes"])
    assert told["files"] == [
        {"path": one["path"], "text": (tmp_path / one["path"]).read_text()} for one in told["files"]
    ]


# Wrong arguments.


@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param(None, "cannot read broken.json: No such file", id="missing"),
        pytest.param(b"\xff", "it is not UTF-8", id="bytes"),
        pytest.param(b"{", "broken.json", id="no-json"),
        pytest.param(b"[]", "no JSON object", id="list"),
        pytest.param(b'{"type": "nonsense"}', "nonsense", id="no-schema"),
        pytest.param(b'{"$ref": "nowhere"}', "nowhere", id="reference"),
        pytest.param(b'{"pattern": "("}', "schema 'rooms'", id="pattern"),
    ],
)
def test_a_schema_that_is_none(invoke: Invoke, tmp_path: Path, content: bytes | None, says: str) -> None:
    """The file and the fault are told, and nothing is written."""
    if content is not None:
        (tmp_path / "broken.json").write_bytes(content)
    result = invoke("new", "rooms", "--schema", "broken.json")
    assert 2 == result.exit_code
    assert says in result.stderr
    assert not (tmp_path / "modules").exists()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        pytest.param(("--parent", "users"), "write NOUN=FIELD", id="no-field"),
        pytest.param(("--parent", "users=1a"), "write NOUN=FIELD", id="bad-field"),
        pytest.param(("--parent", "users=id"), "write NOUN=FIELD", id="id"),
        pytest.param(("--parent", "usres=owner_id"), "did you mean 'users'?", id="slip"),
        pytest.param(("--parent", "zzz=owner_id"), "`crossbar modules` lists", id="unknown"),
        pytest.param(("--parent", "accounts=owner_id"), "name a resource of an account", id="tenant"),
        pytest.param(("--parent", "about=owner_id"), "name a resource of an account", id="no-resource"),
        pytest.param(("--schema", "meter.json", "--parent", "users=user_id"), "add the field", id="closed-schema"),
        pytest.param(("--schema", "meter.json", "--parent", "users=serial.id"), "serial is no object", id="no-object"),
        pytest.param(("--toml", "--package"), "--package needs some", id="toml-package"),
        pytest.param(("--config", "nowhere.toml"), "nowhere.toml", id="config"),
    ],
)
def test_options_that_do_not_fit(invoke: Invoke, tmp_path: Path, options: tuple[str, ...], says: str) -> None:
    """Each is told with the way out, and nothing is written."""
    (tmp_path / "meter.json").write_text(json.dumps(METER))
    result = invoke("new", "rooms", *options)
    assert 2 == result.exit_code
    assert says in result.stderr
    assert not (tmp_path / "modules").exists()
