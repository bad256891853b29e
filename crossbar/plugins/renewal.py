"""Changed files of a modules folder: which modules they concern, and schemas that are read anew."""

from __future__ import annotations

from collections.abc import Iterator, Set
from pathlib import Path

from ..errors import SchemaError
from ..schema import Schemas
from .folder import Folder
from .found import SchemaText
from .outcome import Outcome
from .roster import Roster


def is_noise(path: Path) -> bool:
    """Whether a file is none that anybody wrote: compiled code, or what an editor leaves while it saves."""
    return "__pycache__" in path.parts or path.suffix == ".pyc" or path.name.startswith(".") or path.name.endswith("~")


def changed_schemas(folder: Folder, changed: Set[Path]) -> list[str]:
    """The names of the schemas that these files hold."""
    return sorted(path.stem for path in changed if path.parent == folder.path / "schemas" and path.suffix == ".json")


def concerned(roster: Roster, folder: Folder, changed: Set[Path], present: list[Path]) -> list[Path]:
    """The modules that may be others now. A changed helper file, such as `_shared.py`, may be used by each of them."""
    touched = {folder.path / path.relative_to(folder.path).parts[0] for path in changed if path != folder.path}
    if changed_schemas(folder, changed):
        here = [plugin for plugin in roster.plugins if Path(plugin.found.source.place).parent == folder.path]
        touched |= {Path(plugin.found.source.place) for plugin in here if plugin.fault}
    if any(path.name.startswith("_") for path in touched):
        folder.forget()
        touched |= {path for path in present if path.suffix != ".toml"}
    return sorted(touched)


def renew_schemas(roster: Roster, folder: Folder, names: list[str]) -> Iterator[Outcome]:
    """Read schemas anew, each if it can be used; an endpoint looks its schema up for each request."""
    for name in names:
        path = folder.path / "schemas" / f"{name}.json"
        known = roster.schemas.origin(name)
        if known and Path(known).parent in [each.path / "schemas" for each in _after(roster, folder)]:
            continue
        told = f"schemas/{name}"
        try:
            schema = _read(roster, folder, name)
            trial = roster.schemas.copy()
            _put(trial, name, schema)
            if schema is not None:
                trial.compiled(name)
            for each in sorted(_usable(roster.schemas) - {name}):
                trial.compiled(each)
        except (OSError, SchemaError) as error:
            yield Outcome(told, "failed", f"{path}: {error}" if isinstance(error, OSError) else str(error))
            continue
        _put(roster.schemas, name, schema)
        if schema is not None:
            yield Outcome(told, "reloaded" if known else "added")
        elif known:
            yield Outcome(told, "removed")


def _after(roster: Roster, folder: Folder) -> list[Folder]:
    """The folders whose schemas count more than those of this one."""
    return roster.folders[roster.folders.index(folder) + 1 :]


def _read(roster: Roster, folder: Folder, name: str) -> SchemaText | None:
    """The schema of that name as it is by now; if it is gone, the one whose place it had taken, or None."""
    for each in roster.folders[roster.folders.index(folder) :: -1]:
        path = each.path / "schemas" / f"{name}.json"
        if path.exists():
            return SchemaText(path, path.read_bytes())
    return None


def _put(schemas: Schemas, name: str, schema: SchemaText | None) -> None:
    if schema is None:
        schemas.discard(name)
    else:
        schemas.add(name, lambda: schema.content, str(schema.path))


def _usable(schemas: Schemas) -> set[str]:
    """The names of the schemas that can be used; others may refer to the one that has changed."""
    found = set()
    for name in schemas.names():
        try:
            schemas.compiled(name)
        except SchemaError:
            continue
        found.add(name)
    return found
