"""Finding endpoint modules in a folder: Python files and packages, code-free TOML declarations, schemas beside them.

A file that cannot be loaded never takes the others down: it is reported with file and line, and its noun is kept by
an endpoint that answers 503.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
import stat
import sys
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import Any

from .._version import __version__
from ..endpoint import Endpoint
from ..errors import DefinitionError
from ..hooks import hooks_of
from .declared import declare
from .found import HOOKS, Found, SchemaText, Source, fault_in, schemas_in
from .imports import nothing_compiled, taken_out

BUNDLED = "crossbar.modules"
_STEM = re.compile(r"[a-z][a-z0-9_]{0,31}")
_BESIDES = re.compile(r"test_.*|conftest")
_numbers = count(1)


class Folder:
    """A folder of modules. Each is loaded on its own, and can be loaded again when its file has changed.

    `package` is the folder's import name, if it has one; otherwise its files are imported below a name that nobody
    else has, so that applications with the same folder share nothing, and a file may say `from ._shared import ...`.
    """

    def __init__(self, path: Path, package: str | None = None) -> None:
        self.path = path.absolute()
        self.kind = "bundled" if package == BUNDLED else "folder"
        self._own = package is None
        self._package = package or f"crossbar_folder_{next(_numbers)}"
        self._helpers: dict[str, tuple[int, int]] = {}

    def files(self) -> list[Path]:
        """The modules: `.py` and `.toml` files and packages, without tests and what begins with `_` or a dot."""
        return [path for path in sorted(self.path.iterdir()) if self.is_module(path)]

    def is_module(self, path: Path) -> bool:
        """Whether a path right below the folder is a module's, from its name or, for a package, its `__init__.py`."""
        if path.name.startswith(("_", ".")) or _BESIDES.fullmatch(path.stem):
            return False
        if path.is_dir():
            return (path / "__init__.py").is_file()
        return path.suffix in (".py", ".toml")

    def source_of(self, path: Path) -> Source:
        """Where what is in a module comes from."""
        return Source(self.kind, str(path), __version__ if self.kind == "bundled" else "")

    def schemas(self) -> dict[str, SchemaText]:
        """The JSON Schemas beside the modules, by name. OSError if one cannot be read."""
        return schemas_in(self.path)

    def find(self, passed_over: Callable[[Found], bool] = lambda _: False) -> Iterator[Found]:
        """What is in all modules, in the order of their names; those whose files are `passed_over` are not loaded."""
        for path in self.files():
            unloaded = Found(path.stem, self.source_of(path))
            if passed_over(unloaded):
                yield unloaded
            else:
                yield from self.load(path)

    def load(self, path: Path) -> list[Found]:
        """What is in one module; a single thing with a fault if it cannot be loaded.

        From a folder without an import name, it is always loaded anew.
        """
        source = self.source_of(path)
        if not _STEM.fullmatch(path.stem):
            fault = f"{path}: a module's file is named with lower-case letters, digits and _, beginning with a letter"
            return [Found(path.stem, source, fault=fault)]
        try:
            fault = self._distrust(path) if self._own else ""
            if fault:
                return [Found(path.stem, source, fault=fault)]
            if path.suffix == ".toml":
                return [_toml(path, source)]
            return list(found_in(self._imported(path), source, path.stem))
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a module may fail in any way, also by an exit; the others go on
            return [Found(path.stem, source, fault=fault_in(path, error))]

    def load_anew(self, path: Path) -> tuple[list[Found], Callable[[], None]]:
        """What is in one module by now, with its schema; and how to have what was imported before again."""
        changed = self._changed_helpers()
        put_back = taken_out([f"{self._package}.{name}" for name in [path.stem, *changed]])
        found = self.load(path) if path in self.files() else []
        schemas = self.schemas()
        named = [{getattr(each.endpoint, "schema", "")} & schemas.keys() for each in found]
        with_schemas = [
            replace(each, schemas={name: schemas[name] for name in names})
            for each, names in zip(found, named, strict=True)
        ]
        return with_schemas, put_back

    def forget(self) -> None:
        """Have all helper files, such as `_shared.py`, read again by those modules that are loaded from now on."""
        taken_out([f"{self._package}.{name}" for name in self._helpers])
        self._helpers.clear()

    def _imported(self, path: Path) -> ModuleType:
        name = f"{self._package}.{path.stem}"
        if not self._own:
            return importlib.import_module(name)
        if self._package not in sys.modules:
            parent = ModuleType(self._package)
            parent.__path__ = [str(self.path)]
            sys.modules[self._package] = parent
        put_back = taken_out([name])
        inside = [str(path)] if path.is_dir() else None
        file = path / "__init__.py" if inside else path
        spec = importlib.util.spec_from_file_location(name, file, submodule_search_locations=inside)
        assert spec is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        try:
            with nothing_compiled():
                exec(compile(file.read_bytes(), str(file), "exec"), vars(module))  # noqa: S102
        except BaseException:
            put_back()
            if not any(each.startswith(f"{self._package}.") for each in sys.modules):
                del sys.modules[self._package]
            raise
        self._note_helpers()
        return module

    def _note_helpers(self) -> None:
        """Remember which helper files have been read, and how they were then."""
        prefix = f"{self._package}._"
        for name, module in list(sys.modules.items()):
            file = getattr(module, "__file__", None)
            if name.startswith(prefix) and file:
                about = os.stat(file)
                self._helpers.setdefault(name.removeprefix(f"{self._package}."), (about.st_mtime_ns, about.st_size))

    def _changed_helpers(self) -> list[str]:
        """All helper files if one of them is not any more as it was when it was read; they may use each other."""
        for name, known in self._helpers.items():
            file = getattr(sys.modules.get(f"{self._package}.{name}"), "__file__", "") or ""
            about = os.stat(file) if os.path.exists(file) else None
            if about is None or known != (about.st_mtime_ns, about.st_size):
                names = [*self._helpers]
                self._helpers.clear()
                return names
        return []

    def _distrust(self, path: Path) -> str:
        """Why code in a path must not run: it leads out of the folder, or anybody may write it. Empty if it may."""
        if self.path.stat().st_mode & stat.S_IWOTH:
            return f"{path}: everybody may write into its folder, so it is not run: chmod o-w {self.path}"
        home = self.path.resolve()
        for each in [path, *_code_below(path), *_helpers_of(self.path)]:
            if not each.resolve().is_relative_to(home):
                return f"{each}: it leads out of the modules folder, to {each.resolve()}; put the file itself here"
            if each.stat().st_mode & stat.S_IWOTH:
                return f"{each}: everybody may write it, so it is not run: chmod o-w {each}"
        return ""


def _helpers_of(folder: Path) -> Iterator[Path]:
    """The files that modules of a folder may import from it, beside themselves."""
    for path in folder.glob("_*"):
        if path.name != "__pycache__":
            yield path
            yield from _code_below(path)


def _code_below(path: Path) -> Iterator[Path]:
    """The Python files and folders of a package; nothing for a file."""
    if path.is_dir():
        yield from (each for each in path.rglob("*") if each.suffix == ".py" or (each.is_dir() and each.name[0] != "_"))


def bundled_folder() -> Path:
    """The folder of the modules that come with Crossbar."""
    package = importlib.import_module(BUNDLED)
    return Path(next(iter(package.__path__)))


def endpoint_of(thing: Any) -> Endpoint:
    """The endpoint that somebody gave, made if it is a class; DefinitionError for anything else."""
    made = thing() if isinstance(thing, type) and issubclass(thing, Endpoint) else thing
    if not isinstance(made, Endpoint):
        raise DefinitionError(f"{thing!r} is no Endpoint")
    return made


def found_in(module: ModuleType, source: Source, name: str) -> Iterator[Found]:
    """The endpoints that a module defines, with their hooks, and what hooks stand outside of endpoints.

    Those are its classes with a name of their own, and the objects that stand in it, such as a `Mounted`.
    """
    package = f"{module.__name__}."
    things = {id(each): each for each in vars(module).values()}.values()
    made = {type(each) for each in things if isinstance(each, Endpoint)}
    for thing in things:
        if isinstance(thing, type):
            # NOTE: a package's class may be at home in a file of its own; one from elsewhere is only used here.
            ours = f"{thing.__module__}.".startswith(package) and thing not in made
            if not ours or not issubclass(thing, Endpoint) or not thing.name:
                continue
            thing = thing()
        if isinstance(thing, Endpoint):
            yield Found(thing.name or name, source, thing, hooks=tuple(hooks_of(thing, str(source))))
    hooks = tuple(hooks_of(module, str(source)))
    if hooks:
        yield Found(name, source, socket=HOOKS, hooks=hooks)


def _toml(path: Path, source: Source) -> Found:
    try:
        endpoint = declare(tomllib.loads(path.read_text(encoding="utf-8")), path.stem)
        return Found(endpoint.name, source, endpoint)
    except (OSError, ValueError, DefinitionError) as error:
        return Found(path.stem, source, fault=f"{path}: {error}")
