"""The law of imports: downward only. The table of the design, as data, held against what the files import."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

import crossbar

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "crossbar"
MODULES = ROOT / "modules"


def _files(names: str) -> tuple[str, ...]:
    return tuple(names.split())


# A file imports from its own row or a lower one. A name that ends with a dot stands for all files of that folder, one
# that ends with an underscore for all files whose names go on from it.
ROWS: dict[int, tuple[str, ...]] = {
    7: ("__init__", "__main__", "cli."),
    6: _files("app arrival following health life noting protocol. response sockets testing. unserved"),
    5: ("bulk", "demo.", "explain", "inner", "limits.overload", "pipeline", "plugins.", "walk"),
    4: _files(
        "dialects. gateway. idempotency kept_replies limits. listings media. mounted opening rendering resource "
        "stored_settings stores. transfer. vouching writing"
    ),
    3: _files(
        "auth columns compression conditional cors csv_table dialects dispatch endpoint failures hooks jsonp keys "
        "limits.attempts metrics metrics_moment outage passwords registry renderers roles routes signed "
        "stores.together templates tenants watch"
    ),
    2: ("context",),
    1: _files(
        "body dates envelope events filters limits limits.buckets limits.shared_table "
        "media media.base64_pieces media.disposition media.ranges media.types "
        "negotiation pagination reply restrictions root_path schema schema_defaults stores target"
    ),
    0: ("_version", "errors", "fields", "log", "redaction", "settings."),
}

# What a file may name for the type checker only, though it stands higher, and why.
UPWARD: dict[str, tuple[frozenset[str], str]] = {
    "context": (
        frozenset(
            {
                "app",
                "auth",
                "dialects",
                "dispatch",
                "endpoint",
                "gateway.matched",
                "idempotency",
                "media.incoming",
                "mounted",
                "registry",
            }
        ),
        "a context carries what the stages above it learned; it makes none of it",
    ),
    "endpoint": (frozenset({"app"}), "`lifespan(app)` tells an author what they are given"),
    "gateway.keeping": (frozenset({"app"}), "it keeps the gateway of the application that it is given"),
    "gateway.plain": (frozenset({"pipeline"}), "its stages are of the same sort"),
    "mounted": (frozenset({"app"}), "`lifespan(app)`, as every endpoint has it"),
    "registry": (frozenset({"gateway.plain"}), "it holds the routes that are found before any noun, and asks nothing"),
    "plugins.changes": (frozenset({"app"}), "it changes the application that it is given"),
    "plugins.lives": (frozenset({"app"}), "it hands the application to the lifespans of endpoints"),
    "plugins.replacing": (frozenset({"app"}), "it changes the application that it is given"),
    "body": (frozenset({"context"}), "the body is read off the connection that the context holds"),
    "explain": (frozenset({"app"}), "it explains an application that somebody hands to it"),
}

# Who may import what is not in the standard library; everybody else imports nothing of the kind.
FOREIGN: dict[str, frozenset[str]] = {
    "signed": frozenset({"jwt"}),
    "compression": frozenset({"backports", "brotli", "compression"}),
    "passwords": frozenset({"argon2"}),
    "cli.": frozenset({"click", "rich", "rich_click", "starlette", "uvicorn", "uvloop", "watchfiles"}),
    "protocol.": frozenset({"httptools", "uvicorn", "websockets"}),
    "gateway.": frozenset({"aiohttp", "jwt", "multidict", "yarl"}),
    "metrics": frozenset({"prometheus_client"}),
    "metrics_": frozenset({"prometheus_client"}),
    "media.parts": frozenset({"python_multipart"}),
    "sockets": frozenset({"starlette"}),
    "testing.": frozenset({"pytest", "starlette", "typing_extensions"}),
    "stores.mongo.": frozenset({"bson", "pymongo"}),
}
EVERYWHERE = frozenset({"jsonschema_rs", "msgspec", "orjson"})


class Import(NamedTuple):
    """One import of one file: of which file of ours or package of others, for types only, or when a function runs."""

    of: str
    ours: bool
    typing: bool
    late: bool


def name_of(path: Path) -> str:
    """Give the name of a file below the package, a folder's `__init__` being the folder."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


FILES = {name_of(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def entries(name: str) -> Iterator[str]:
    """Give the entries that a table may have for a file: itself, its kin, its folder, and the one around that."""
    yield name
    if "_" in name.strip("_"):
        yield f"{name.partition('_')[0]}_"
    if "." in name.partition(".")[2]:
        yield f"{name.rpartition('.')[0]}."
    if "." in name or FILES[name].name == "__init__.py":
        yield f"{name.partition('.')[0]}."


def row_of(name: str) -> int | None:
    """Give the row of a file, None if the table does not know it; a file's own entry wins over its folder's."""
    return next((row for entry in entries(name) for row, names in ROWS.items() if entry in names), None)


def imports(name: str) -> Iterator[Import]:
    """Give everything that a file imports."""
    path = FILES[name]
    parts = ["crossbar", *name.split(".")]
    package = parts if path.name == "__init__.py" and name != "__init__" else parts[:-1]
    yield from _within(ast.parse(path.read_text(encoding="utf-8")), package, typing=False, late=False)


def _within(node: ast.AST, package: list[str], *, typing: bool, late: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (_import(alias.name, "", typing, late) for alias in child.names)
        elif isinstance(child, ast.ImportFrom):
            above = package[: len(package) - child.level + 1] if child.level else []
            base = ".".join([*above, *([child.module] if child.module else [])])
            yield from (_import(base, alias.name, typing, late) for alias in child.names)
        elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            yield from _within(ast.Module(child.body, []), package, typing=True, late=late)
            yield from _within(ast.Module(child.orelse, []), package, typing=typing, late=late)
        else:
            inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from _within(child, package, typing=typing, late=late or inside)


def _import(base: str, name: str, typing: bool, late: bool) -> Import:
    """Give one import of `base`, or of `name` from it, which may be a file as well."""
    top, _, below = base.partition(".")
    if top != "crossbar":
        return Import(top, False, typing, late)
    file = f"{below}.{name}".strip(".")
    return Import(file if file in FILES else below or "__init__", True, typing, late)


IMPORTS = {name: list(imports(name)) for name in FILES}


def outside(name: str) -> set[str]:
    """Give the packages that a file imports and that are neither ours nor Python's own."""
    return {found.of for found in IMPORTS[name] if not found.ours} - set(sys.stdlib_module_names)


@pytest.mark.parametrize("name", FILES)
def test_every_file_has_a_row(name: str) -> None:
    """A new file gets its place in the table before anybody imports it."""
    assert row_of(name) is not None, f"{name} is in no row of the table"


@pytest.mark.parametrize("name", FILES)
def test_imports_point_downward(name: str) -> None:
    """What a file needs to run stands in its own row or a lower one, whether it is imported at once or later."""
    own = row_of(name)
    assert own is not None
    needed = {found.of for found in IMPORTS[name] if found.ours and not found.typing}
    assert set() == {of for of in needed if (row_of(of) or 0) > own}


@pytest.mark.parametrize("name", FILES)
def test_types_from_above(name: str) -> None:
    """The type checker may look upward from the files that the table lists, at exactly what it lists."""
    own = row_of(name)
    assert own is not None
    named = {found.of for found in IMPORTS[name] if found.ours and found.typing}
    upward = {of for of in named if (row_of(of) or 0) > own}
    assert UPWARD.get(name, (frozenset(), ""))[0] == upward


def test_the_table_names_no_file_that_is_gone() -> None:
    """Whoever deletes a file takes it out of the list of those that look upward."""
    assert [] == [name for name in UPWARD if name not in FILES]


@pytest.mark.parametrize("name", [name for name in FILES if row_of(name) in (0, 1)])
def test_the_ground_needs_no_framework(name: str) -> None:
    """Rows 0 and 1 import the standard library, orjson, jsonschema_rs and msgspec, and no socket."""
    assert set() == outside(name) - EVERYWHERE
    sockets = {"socket", "socketserver", "http", "ssl", "asyncio"} & {found.of for found in IMPORTS[name]}
    # NOTE: the log asks the running loop for a timer, body and events for a time limit; they open nothing.
    assert ({"asyncio"} if name in ("log", "body", "events") else set()) == sockets


@pytest.mark.parametrize("name", FILES)
def test_foreign_packages(name: str) -> None:
    """A package of somebody else is imported where the table says so, and nowhere else."""
    allowed = frozenset[str]().union(*(FOREIGN.get(entry, ()) for entry in entries(name)))
    assert set() == outside(name) - EVERYWHERE - allowed


def test_no_circle_of_imports() -> None:
    """Files that import each other when they are loaded form no circle."""
    graph = {
        name: {found.of for found in found_all if found.ours and not found.typing and not found.late}
        for name, found_all in IMPORTS.items()
    }
    assert list(TopologicalSorter(graph).static_order())


def test_the_server_protocol_is_for_the_server_only() -> None:
    """The application runs on any server: only the command line imports the protocol that stands before it."""
    asking = {name for name, found_all in IMPORTS.items() for found in found_all if found.of.startswith("protocol")}
    assert set() == {name for name in asking if not name.startswith(("cli", "protocol"))}


def test_heavy_packages_are_imported_late() -> None:
    """What only some requests need is not imported before one of them comes."""
    heavy = {"argon2", "bson", "gridfs", "jwt", "prometheus_client", "pymongo", "uvicorn"}
    assert {} == {
        name: found
        for name, found_all in IMPORTS.items()
        if not name.startswith(("cli", "protocol", "stores.mongo"))
        and (found := {one.of for one in found_all if one.of in heavy and not one.late and not one.typing})
    }


def test_the_mongodb_store_is_imported_late() -> None:
    """Who does not use it does not wait for its driver: no file but its own imports it when it is loaded."""
    asking = {
        name
        for name, all_found in IMPORTS.items()
        for one in all_found
        if one.of.startswith("stores.mongo") and not one.late and not one.typing
    }
    assert set() == {name for name in asking if not name.startswith("stores.mongo")}


# What bundled modules need beside the standard library, and where.
MODULES_NEED = {
    "webhooks/transport.py": {"aiohttp", "yarl"},
    "webhooks/options.py": {"msgspec"},
    "oauth/options.py": {"msgspec"},
}
BUNDLED = {str(path.relative_to(MODULES)): path for path in sorted(MODULES.rglob("*.py"))}


@pytest.mark.parametrize("name", BUNDLED)
def test_bundled_modules_come_through_the_front_door(name: str) -> None:
    """A bundled module imports public names of `crossbar`, as a stranger's would, and of a package its own files."""
    tree = ast.parse(BUNDLED[name].read_text(encoding="utf-8"))
    asked: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            asked |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 or (node.level == 1 and "/" in name), f"{name} imports relatively"
            asked |= {f"{node.module}:{alias.name}" for alias in node.names if node.level == 0}
    inside = {name for name in asked if name.partition(":")[0].partition(".")[0] == "crossbar"}
    others = {name.partition(":")[0].partition(".")[0] for name in asked - inside}
    assert set() == inside - {f"crossbar:{name}" for name in crossbar.__all__}
    assert set() == others - set(sys.stdlib_module_names) - MODULES_NEED.get(name, set())
