"""What was found where plugins are looked for: one thing, or why there is none."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from ..endpoint import Endpoint
from ..hooks import Hook

ENDPOINTS = "endpoints"
HOOKS = "hooks"

SOCKETS = (ENDPOINTS, "dialects", "stores", "authenticators", "authorizers", "renderers", HOOKS)
"""What a plugin can be, as its entry-point group is called after `crossbar.`."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where plugins are loaded from, and can be loaded from again.

    `kind` is `bundled`, `dialect`, `folder`, `installed` or `list`; `place` is a file, an entry point, or the module
    of an object; `package` is the installed package's name. What comes from one file or package is loaded anew
    together.
    """

    kind: str
    place: str
    version: str = ""
    package: str = ""

    def __str__(self) -> str:
        return f"{self.place}, version {self.version}" if self.kind == "installed" else self.place


class SchemaText(NamedTuple):
    """A JSON Schema as it was read, and the file that it was read from."""

    path: Path
    content: bytes


@dataclass(frozen=True, slots=True)
class Found:
    """One plugin, or why there is none.

    `socket` is what it is; `thing` is the object: an endpoint, a dialect, the factory of a store, a function. `schemas`
    are the JSON Schemas that come along.
    """

    name: str
    source: Source
    endpoint: Endpoint | None = None
    fault: str = ""
    socket: str = ENDPOINTS
    thing: Any = None
    hooks: tuple[Hook, ...] = ()
    schemas: Mapping[str, SchemaText] = field(default_factory=dict)

    @property
    def origin(self) -> str:
        """Where it comes from, in words."""
        return str(self.source)

    @property
    def object(self) -> Any:
        """What it is in Python: an endpoint, a dialect, the factory of a store, a function."""
        return self.thing if self.endpoint is None else self.endpoint

    @property
    def names(self) -> tuple[str, ...]:
        """What `modules.disabled` may call it: by name, or also by where it comes from, the exact one last."""
        owners = filter(None, (self.source.kind, self.source.package))
        return (self.name, *(f"{owner}/{self.name}" for owner in owners))

    @property
    def sort(self) -> str:
        """What it is, in one word."""
        return self.socket.removesuffix("s")

    @property
    def claim(self) -> tuple[str, str]:
        """What only one thing of a sort can have: a noun, a media type, the scheme of a URL, or just its name.

        Files with hooks share the names of endpoints; and what is given to an application needs no name.
        """
        if self.socket == "renderers" and self.thing is not None:
            return self.socket, str(self.thing.media_type)
        if self.socket == "dialects" and self.thing is not None:
            return self.socket, str(self.thing.name)
        unnamed = self.socket in (HOOKS, "authenticators", "authorizers") and self.source.kind != "installed"
        return self.socket, f"{id(self)}" if unnamed else self.name


def schema_files(folder: Path) -> dict[str, Path]:
    """The JSON Schemas beside the modules of a folder, by name."""
    return {path.name.removesuffix(".json"): path for path in sorted((folder / "schemas").glob("*.json"))}


def schemas_in(folder: Path) -> dict[str, SchemaText]:
    """The same with their contents. OSError if one cannot be read."""
    return {name: SchemaText(path, path.read_bytes()) for name, path in schema_files(folder).items()}


def schemas_beside(module: ModuleType | None) -> dict[str, SchemaText]:
    """The JSON Schemas beside the file of a module, by name."""
    file = getattr(module, "__file__", None)
    return schemas_in(Path(file).parent) if file else {}


def fault_in(path: Path, error: BaseException) -> str:
    """What went wrong in a file or below a folder, with the last line there that led to it."""
    line: int | None = None
    file = str(path)
    if isinstance(error, SyntaxError) and error.filename is not None and _inside(error.filename, path):
        file, line = error.filename, error.lineno
        told = f"SyntaxError: {error.msg}"
    else:
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if _inside(frame.filename, path)]
        if frames:
            file, line = frames[-1].filename, frames[-1].lineno
        told = f"{type(error).__name__}: {error}"
    return f"{file}, line {line}: {told}" if line else f"{file}: {told}"


def _inside(filename: str, path: Path) -> bool:
    return filename == str(path) or filename.startswith(f"{path}/")
