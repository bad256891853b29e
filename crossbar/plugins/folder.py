"""Finding endpoint modules in a folder: Python files and packages, code-free TOML declarations, schemas beside them.

A file that cannot be loaded never takes the others down: it is reported with file and line, and its noun is kept by
an endpoint that answers 503.
"""

from __future__ import annotations

import importlib
import importlib.util
import re
import stat
import sys
import tomllib
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from types import ModuleType

from .._version import __version__
from ..endpoint import Endpoint
from ..errors import DefinitionError
from ..hooks import hooks_of
from .declared import declare
from .found import HOOKS, Found, Source, fault_in

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

    def files(self) -> list[Path]:
        """The modules: `.py` and `.toml` files and packages, without tests and what begins with `_` or a dot."""
        return [path for path in sorted(self.path.iterdir()) if self.is_module(path)]

    def is_module(self, path: Path) -> bool:
        """Whether a path right below the folder is a module's, from its name or, for a package, its `__init__.py`."""
        if path.name.startswith(("_", ".")) or _BESIDES.fullmatch(path.stem):
            return False
        return path.suffix in (".py", ".toml") or (path / "__init__.py").is_file()

    def schemas(self) -> dict[str, Path]:
        """The JSON Schemas beside the modules, by name."""
        return schema_files(self.path)

    def find(self) -> Iterator[Found]:
        """What is in all modules, in the order of their names."""
        for path in self.files():
            yield from self.load(path)

    def load(self, path: Path) -> list[Found]:
        """What is in one module, anew; a single thing with a fault if it cannot be loaded."""
        source = Source(self.kind, str(path), __version__ if self.kind == "bundled" else "")
        fault = "" if not self._own else self._distrust(path)
        if not _STEM.fullmatch(path.stem):
            fault = f"{path}: a module's file is named with lower-case letters, digits and _, beginning with a letter"
        if fault:
            return [Found(path.stem, source, fault=fault)]
        if path.suffix == ".toml":
            return [_toml(path, source)]
        try:
            return list(found_in(self._imported(path), source, path.stem))
        except (Exception, SystemExit) as error:  # a module may fail in any way; the others go on
            return [Found(path.stem, source, fault=fault_in(path, error))]

    def forget(self, path: Path) -> None:
        """Have a helper file, such as `_shared.py`, read again by those modules that are loaded from now on."""
        name = f"{self._package}.{path.stem}"
        for each in [each for each in sys.modules if each == name or each.startswith(f"{name}.")]:
            del sys.modules[each]

    def _imported(self, path: Path) -> ModuleType:
        name = f"{self._package}.{path.stem}"
        if not self._own:
            return importlib.import_module(name)
        if self._package not in sys.modules:
            parent = ModuleType(self._package)
            parent.__path__ = [str(self.path)]
            sys.modules[self._package] = parent
        before = {each: known for each, known in sys.modules.items() if each == name or each.startswith(f"{name}.")}
        for each in before:
            del sys.modules[each]
        inside = [str(path)] if path.is_dir() else None
        file = path / "__init__.py" if inside else path
        spec = importlib.util.spec_from_file_location(name, file, submodule_search_locations=inside)
        assert spec is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        importlib.invalidate_caches()
        # NOTE: compiled files are told apart by second and size, which two quick edits may share; so none are made.
        writing, sys.dont_write_bytecode = sys.dont_write_bytecode, True
        try:
            exec(compile(file.read_bytes(), str(file), "exec"), vars(module))  # noqa: S102
        except BaseException:
            for each in [each for each in sys.modules if each == name or each.startswith(f"{name}.")]:
                del sys.modules[each]
            sys.modules.update(before)
            if not any(each.startswith(f"{self._package}.") for each in sys.modules):
                del sys.modules[self._package]
            raise
        finally:
            sys.dont_write_bytecode = writing
        return module

    def _distrust(self, path: Path) -> str:
        """Why code in a path must not run: it leads out of the folder, or anybody may write it. Empty if it may."""
        if not path.resolve().is_relative_to(self.path.resolve()):
            return f"{path}: it leads out of the modules folder, to {path.resolve()}; put the file itself here"
        if path.stat().st_mode & stat.S_IWOTH:
            return f"{path}: everybody may write it, so it is not run: chmod o-w {path}"
        return ""


def bundled_folder() -> Path:
    """The folder of the modules that come with Crossbar."""
    package = importlib.import_module(BUNDLED)
    return Path(next(iter(package.__path__)))


def schema_files(folder: Path) -> dict[str, Path]:
    """The JSON Schemas beside the modules of a folder, by name."""
    return {path.name.removesuffix(".json"): path for path in sorted((folder / "schemas").glob("*.json"))}


def schemas_beside(module: ModuleType | None) -> dict[str, Path]:
    """The JSON Schemas beside the file of a module, by name."""
    file = getattr(module, "__file__", None)
    return schema_files(Path(file).parent) if file else {}


def found_in(module: ModuleType, source: Source, name: str) -> Iterator[Found]:
    """The endpoints that a module defines, with their hooks, and what hooks stand outside of endpoints."""
    package = f"{module.__name__}."
    for thing in list(vars(module).values()):
        # NOTE: a package's class may be at home in a file of its own; one from elsewhere is only used here.
        ours = isinstance(thing, type) and f"{thing.__module__}.".startswith(package)
        if ours and issubclass(thing, Endpoint) and thing.name:
            endpoint = thing()
            yield Found(endpoint.name, source, endpoint, hooks=tuple(hooks_of(endpoint, str(source))))
    hooks = tuple(hooks_of(module, str(source)))
    if hooks:
        yield Found(name, source, socket=HOOKS, hooks=hooks)


def _toml(path: Path, source: Source) -> Found:
    try:
        endpoint = declare(tomllib.loads(path.read_text(encoding="utf-8")), path.stem)
        return Found(endpoint.name, source, endpoint)
    except (OSError, ValueError, DefinitionError) as error:
        return Found(path.stem, source, fault=f"{path}: {error}")
