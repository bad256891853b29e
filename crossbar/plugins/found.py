"""What was found where plugins are looked for: one thing, or why there is none."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..endpoint import Endpoint
from ..hooks import Hook

ENDPOINTS = "endpoints"
HOOKS = "hooks"

SOCKETS = (ENDPOINTS, "dialects", "stores", "authenticators", "authorizers", "renderers", HOOKS)
"""What a plugin can be, as its entry-point group is called after `crossbar.`."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where plugins are loaded from, and can be loaded from again.

    `kind` is `bundled`, `folder`, `installed` or `list`; `place` is a file, an entry point, or the module of an object.
    What comes from one source is loaded, reloaded and taken out together.
    """

    kind: str
    place: str
    version: str = ""

    def __str__(self) -> str:
        return f"{self.place}, version {self.version}" if self.kind == "installed" else self.place


@dataclass(frozen=True, slots=True)
class Found:
    """One plugin, or why there is none.

    `socket` is what it is; `thing` is the object: an endpoint, a dialect, the factory of a store, a function.
    """

    name: str
    source: Source
    endpoint: Endpoint | None = None
    fault: str = ""
    socket: str = ENDPOINTS
    thing: Any = None
    hooks: tuple[Hook, ...] = ()
    schemas: Mapping[str, Path] = field(default_factory=dict)

    @property
    def origin(self) -> str:
        """Where it comes from, in words."""
        return str(self.source)


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
