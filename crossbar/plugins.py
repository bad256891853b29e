"""Finding endpoint modules: Python files and code-free TOML declarations in a folder, schemas beside them.

A file that cannot be loaded never takes the others down: it is reported with file and line, and its noun is kept by
an endpoint that answers 503.
"""

from __future__ import annotations

import importlib
import importlib.util
import re
import sys
import tomllib
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from .endpoint import Endpoint
from .errors import DefinitionError
from .resource import Resource

BUNDLED = "crossbar.modules"
_STEM = re.compile(r"[a-z][a-z0-9_]{0,31}")
_KEYS = {"name", "description", "schema", "summary", "unique", "indexes", "parents"}


@dataclass(frozen=True, slots=True)
class Found:
    """One endpoint, or why there is none; `origin` is the file it stands in."""

    name: str
    origin: str
    endpoint: Endpoint | None = None
    fault: str = ""


def bundled_folder() -> Path:
    """The folder of the modules that come with Crossbar."""
    package = importlib.import_module(BUNDLED)
    return Path(next(iter(package.__path__)))


def find(folder: Path, package: str | None = None) -> Iterator[Found]:
    """The endpoints in a folder, in the order of the file names; `package` is its import name, if it has one."""
    for path in sorted(folder.absolute().iterdir()):
        if path.name.startswith(("_", ".")) or path.suffix not in (".py", ".toml"):
            continue
        if not _STEM.fullmatch(path.stem):
            told = "a module's file is named with lower-case letters, digits and _, beginning with a letter"
            yield Found(path.stem, str(path), fault=f"{path}: {told}")
        elif path.suffix == ".py":
            yield from _python(path, package)
        else:
            yield _toml(path)


def schema_files(folder: Path) -> dict[str, Path]:
    """The JSON Schemas beside the modules of a folder, by name."""
    return {path.name.removesuffix(".json"): path for path in sorted((folder / "schemas").glob("*.json"))}


def _python(path: Path, package: str | None) -> Iterator[Found]:
    try:
        module = _imported(path, package)
        classes = [
            thing
            for thing in vars(module).values()
            if isinstance(thing, type)
            and issubclass(thing, Endpoint)
            and thing.name
            and thing.__module__ == module.__name__
        ]
        found = [Found(endpoint.name, str(path), endpoint()) for endpoint in classes]
    except (Exception, SystemExit) as error:  # a module may fail in any way; the others go on
        yield Found(path.stem, str(path), fault=_fault(path, error))
        return
    yield from found


def _imported(path: Path, package: str | None) -> ModuleType:
    if package is not None:
        return importlib.import_module(f"{package}.{path.stem}")
    name = f"crossbar_user_modules_{abs(hash(str(path.parent.resolve()))):x}.{path.stem}".replace(".", "_")
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"cannot import {path}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _toml(path: Path) -> Found:
    try:
        declared = tomllib.loads(path.read_text(encoding="utf-8"))
        endpoint = declare(declared, path.stem)
        return Found(endpoint.name, str(path), endpoint)
    except (OSError, ValueError, DefinitionError) as error:
        return Found(path.stem, str(path), fault=f"{path}: {error}")


def declare(declared: dict[str, Any], default_name: str = "") -> Resource:
    """A resource out of its declaration: `name`, `description`, `schema`, `summary`, `unique`, `indexes`, `parents`."""
    unknown = sorted(set(declared) - _KEYS)
    if unknown:
        raise DefinitionError(f"unknown keys {', '.join(unknown)}; there are {', '.join(sorted(_KEYS))}")
    name = _text("name", declared.get("name", default_name))
    if not name:
        raise DefinitionError("name is empty: write the noun that the resource answers to")
    description = _text("description", declared.get("description", f"Documents of the kind {name}."))
    facts: dict[str, Any] = {"name": name, "__doc__": description}
    for key in ("summary", "unique", "indexes"):
        if key in declared:
            facts[key] = _names(key, declared[key])
    facts["schema"] = _text("schema", declared.get("schema", ""))
    parents = declared.get("parents", {})
    if not isinstance(parents, dict) or not all(isinstance(field, str) for field in parents.values()):
        raise DefinitionError('parents must be a table of nouns and fields, such as users = "owner_id"')
    facts["parents"] = parents
    made = type(name.title().replace("_", ""), (Resource,), facts)()
    assert isinstance(made, Resource)
    return made


def _names(key: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise DefinitionError(f"{key} must be a list of field names")
    return tuple(value)


def _text(key: str, value: Any) -> str:
    if not isinstance(value, str):
        raise DefinitionError(f"{key} must be text")
    return value


def _fault(path: Path, error: BaseException) -> str:
    """What went wrong in a file, with the line of that file."""
    line: int | None = None
    if isinstance(error, SyntaxError) and error.filename == str(path):
        line = error.lineno
        told = f"SyntaxError: {error.msg}"
    else:
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
        line = frames[-1].lineno if frames else None
        told = f"{type(error).__name__}: {error}"
    return f"{path}, line {line}: {told}" if line else f"{path}: {told}"
