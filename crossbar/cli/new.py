"""`crossbar new`: write a module, its JSON Schema and its test."""

from __future__ import annotations

import keyword
import os
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path, PurePosixPath

import msgspec
import rich_click as click

from ..app import Crossbar
from ..errors import SchemaError
from ..resource import Resource
from ..settings import Settings
from ..target import ALIAS, is_version
from .assembly import assemble_unopened, config_option, load_settings
from .drafting import Draft, drafted, plain_schema
from .examples import is_private
from .output import Failure, echo, print_json
from .scaffolding import FILE, distribution, module_files, module_paths, package_files

_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")
_FIELD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*")
_FOLDER = "modules"


@click.command("new", short_help="Write a module, its schema and its test.")
@click.argument("name")
@click.option("--folder", metavar="FOLDER", help="Where to; modules.folder unless given, or else ./modules.")
@click.option("--schema", "schema_file", metavar="FILE", help="The JSON Schema that documents keep to.")
@click.option("--toml", is_flag=True, help="Declare the resource in TOML, without code.")
@click.option("--attachments", is_flag=True, help="Let each document carry a file, at {id}/file.")
@click.option("--package", is_flag=True, help="Make a package to install, with an entry point.")
@click.option("--parent", "parents", multiple=True, metavar="NOUN=FIELD", help="A noun that may come before.")
@click.option("--dry-run", is_flag=True, help="Print what would be written, and write nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: `name`, `written`, `files`, `notes` and `next`.")
@config_option
def command(
    name: str,
    folder: str | None,
    schema_file: str | None,
    toml: bool,
    attachments: bool,
    package: bool,
    parents: tuple[str, ...],
    dry_run: bool,
    as_json: bool,
    config: str | None,
) -> None:
    """Write the module NAME, its JSON Schema and its test into the modules folder. The test passes at once.

    The files are NAME.py, schemas/NAME.json and tests/test_NAME.py; nothing is ever written over. With --package they
    lie in a project of their own, crossbar-NAME, in the working folder or the one of --folder.

    The schema of --schema is copied as it is; what a listing shows, and the document of the test, come from it.

    Examples:
        crossbar new rooms
        crossbar new rooms --parent users=owner_id --attachments
        crossbar new meters --schema meter.schema.json --toml
        crossbar new rooms --package --folder ../plugins
        crossbar new rooms --dry-run

    Exit codes:
        0  the files are written, or shown with --dry-run
        1  a file is there already or cannot be written, or the name is taken
        2  the arguments or settings are wrong
    """
    if toml and package:
        raise Failure("--toml is without code, and --package needs some: leave one of them out", 2)
    _refuse_name(name)
    if attachments and name == FILE:
        raise Failure(f"--attachments: a path like {name}/ID/{FILE} would name {name!r} twice; choose another name", 2)
    settings = load_settings(config)
    place = _place(settings, folder, package)
    targets = [PurePosixPath(distribution(name))] if package else module_paths(name, declared=toml)
    _refuse_existing([place / target for target in targets])
    if package:
        _refuse_installed(distribution(name))
    app, _ = assemble_unopened(_with_folder(settings, None if package else place))
    _refuse_taken(app, name, "installed" if package else "folder")
    draft = _draft(app, name, schema_file, [_parent(app, text) for text in parents])
    draft = replace(draft, declared=toml, attachments=attachments)
    files = package_files(draft) if package else module_files(draft)
    paths = {place / path: text for path, text in files.items()}
    if not dry_run:
        _write(paths)
    notes, steps = list(_notes(draft)), _steps(settings, place, list(paths), package)
    if as_json:
        told = [{"path": str(path), "text": text} for path, text in paths.items()]
        print_json({"name": name, "written": not dry_run, "files": told, "notes": notes, "next": steps})
        return
    for path, text in paths.items():
        echo(f"--- {path}\n{text}" if dry_run else f"Wrote {path}")
    for note in notes:
        echo(f"Note: {note}")
    if not dry_run:
        echo("\n".join(["", "Next:", *(f"  {step}" for step in steps)]))


# The name.


def _refuse_name(name: str) -> None:
    """Failure if no module can have this name."""
    why = ""
    if not _NAME.fullmatch(name):
        why = "a name is lower-case letters, digits and _, begins with a letter and has 32 at most"
    elif name == ALIAS or is_version(name):
        why = "it is a word of the path itself"
    elif name in ("crossbar", "livez", "readyz"):
        why = "Crossbar has something of that name"
    elif keyword.iskeyword(name):
        why = "it is a keyword of Python"
    elif name.startswith("test_") or name in ("conftest", "tests"):
        why = "a file of that name is taken for tests, and is not loaded"
    if why:
        raise Failure(f"{name!r} cannot be the name of a module: {why}; choose another, such as rooms", 2)


def _refuse_existing(paths: Sequence[Path]) -> None:
    """Failure if one of these is there already, whatever it is."""
    there = [str(path) for path in paths if os.path.lexists(path)]
    if there:
        raise Failure(f"{', '.join(there)}: there already; move it away, or choose another name")


def _refuse_installed(package: str) -> None:
    """Failure if a package of that name is installed, which the new one would replace; Crossbar itself is one."""
    with suppress(PackageNotFoundError):
        raise Failure(f"the package {package} is installed already, version {version(package)}; choose another name")


def _refuse_taken(app: Crossbar, name: str, kind: str) -> None:
    """Failure if the name is somebody's already, or if the settings leave it out; `kind` is the sort of plugin."""
    for plugin in app.plugins.plugins:
        if plugin.found.socket == "endpoints" and plugin.name == name:
            raise Failure(f"the name {name!r} is taken by {plugin.found.origin}; choose another")
    if name in app.schemas.names():
        raise Failure(f"the name {name!r} is taken by a schema that others refer to; choose another")
    disabled = {name, f"{kind}/{name}"} & set(app.settings.modules.disabled)
    if disabled:
        raise Failure(f"modules.disabled leaves out {disabled.pop()!r}; take it from that list, or choose another name")


# Where to.


def _place(settings: Settings, folder: str | None, package: bool) -> Path:
    """The folder that the files lie below."""
    if folder is not None:
        return Path(folder)
    return Path() if package else Path(settings.modules.folder or _FOLDER)


def _with_folder(settings: Settings, place: Path | None) -> Settings:
    """The settings with this folder of modules, as far as there is one, and without wishes for those that are not."""
    folder = str(place) if place is not None and place.is_dir() else ""
    modules = msgspec.structs.replace(settings.modules, folder=folder, required=())
    return msgspec.structs.replace(settings, modules=modules, plugins={})


# What it is about.


def _parent(app: Crossbar, text: str) -> tuple[str, str]:
    """The noun and the field of a parent; Failure if documents cannot belong to that noun."""
    noun, _, field = text.partition("=")
    if not _FIELD.fullmatch(field) or is_private(field):
        raise Failure(f"--parent {text!r}: write NOUN=FIELD, such as users=owner_id", 2)
    endpoint = app.registry.names.get(noun)
    if endpoint is None:
        near = app.registry.nearest(noun)
        meant = f"did you mean {near!r}?" if near else "`crossbar modules` lists those that are there"
        raise Failure(f"--parent {text!r}: there is no module {noun!r}; {meant}", 2)
    if not isinstance(endpoint, Resource) or endpoint.tenants:
        raise Failure(f"--parent {text!r}: documents cannot belong to {noun!r}; name a resource of an account", 2)
    return noun, field


def _draft(app: Crossbar, name: str, schema_file: str | None, parents: Sequence[tuple[str, str]]) -> Draft:
    """What there is to know of the module; Failure if the schema cannot be used."""
    schema = plain_schema(name, parents)
    if schema_file is not None:
        try:
            schema = Path(schema_file).read_bytes().decode()
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            raise Failure(f"cannot read {schema_file}: {why}; name a JSON Schema", 2) from None
    app.schemas.add(name, schema.encode, schema_file or "")
    try:
        app.schemas.compiled(name)
    except SchemaError as error:
        raise Failure(f"{error}; it must be a JSON Schema (draft 2020-12)", 2) from None
    return drafted(app.schemas, app.registry, name, schema, parents)


# What becomes of it.


def _write(paths: Mapping[Path, str]) -> None:
    """Write all files, none over another; Failure, and nothing of them left, if one cannot be written."""
    made: list[Path] = []
    for path, text in paths.items():
        try:
            made += _folders(path.parent)
            # NOTE: a module that everybody may write is not run, so the mode does not depend on the umask alone.
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
            made.append(path)
            with open(descriptor, "w", encoding="utf-8", newline="") as file:
                file.write(text)
        except OSError as error:
            for each in reversed(made):
                with suppress(OSError):
                    each.rmdir() if each.is_dir() else each.unlink()
            raise Failure(f"cannot write {path}: {error.strerror}; name another folder with --folder") from None


def _folders(folder: Path) -> list[Path]:
    """The folders that had to be made, outermost first."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    return missing[::-1]


def _notes(draft: Draft) -> Iterator[str]:
    """What the author should know and the test cannot do."""
    if draft.lacking:
        yield (
            f"no document could be made of the schema ({draft.lacking}); the test fails until you write one into its "
            "EXAMPLE"
        )
    for noun, _, example in draft.parents:
        if example is None:
            yield f"the test does not go below {noun!r}, for it could not make a document of that"


def _steps(settings: Settings, place: Path, paths: Sequence[Path], package: bool) -> list[str]:
    """The commands to go on with."""
    tests = next(path for path in paths if path.parent.name == "tests")
    if package:
        project = shlex.quote(str(tests.parents[1]))
        return [f"pytest {project}", f"pip install -e {project}", "crossbar modules"]
    usual = place.resolve() == Path(settings.modules.folder or _FOLDER).resolve()
    return [f"pytest {shlex.quote(str(tests))}", "crossbar dev" if usual else f"crossbar dev {shlex.quote(str(place))}"]
