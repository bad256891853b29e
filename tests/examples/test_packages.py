"""The example packages: their own tests pass, they need public names only, and once installed they are simply there."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import crossbar

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "config" / "examples"
# What each package brings: its nouns.
PACKAGES = {"inventory": {"items", "movements", "stock", "warehouses"}, "ledger": {"ledger"}}


def ran(*command: str, cwd: Path, **environment: str) -> str:
    """Run a command of this Python, and give what it printed; the test fails with that if the command does."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("CROSSBAR", "PYTEST"))}
    done = subprocess.run(
        [sys.executable, *command], cwd=cwd, env=inherited | environment, capture_output=True, text=True, timeout=100
    )
    if done.returncode:
        pytest.fail(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}", pytrace=False)
    return done.stdout


def imported(folder: Path) -> Iterator[tuple[str, str]]:
    """Give what the Python files of a folder import from Crossbar: the module, and the name."""
    for path in sorted(folder.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and not node.level and (node.module or "").startswith("crossbar"):
                yield from ((node.module or "", alias.name) for alias in node.names)
            elif isinstance(node, ast.Import):
                yield from ((alias.name, "") for alias in node.names if alias.name.startswith("crossbar"))


@pytest.mark.parametrize("package", PACKAGES)
def test_its_own_tests_pass(package: str) -> None:
    """The tests that come with a package pass where it lies, without being installed."""
    assert " passed" in ran("-m", "pytest", "-q", "-p", "no:cacheprovider", cwd=EXAMPLES / package)


@pytest.mark.parametrize("package", PACKAGES)
def test_public_names_are_enough(package: str) -> None:
    """A package imports nothing from Crossbar but what everybody may."""
    found = set(imported(EXAMPLES / package / f"crossbar_{package}"))
    assert found
    assert set() == found - {("crossbar", name) for name in crossbar.__all__}


def test_installed_packages_are_there(tmp_path: Path) -> None:
    """What was installed beside Crossbar takes part without further ado, and is listed with its package and version."""
    for package in PACKAGES:
        # A build leaves files behind where it takes place.
        shutil.copytree(EXAMPLES / package, tmp_path / package, ignore=shutil.ignore_patterns("build", "*.egg-info"))
    offline = ("--no-deps", "--no-build-isolation", "--no-index", "--disable-pip-version-check")
    folders = [f"./{package}" for package in PACKAGES]
    ran("-m", "pip", "install", "--quiet", *offline, "--target", "installed", *folders, cwd=tmp_path)
    printed = ran("-m", "crossbar", "modules", "--json", cwd=tmp_path, PYTHONPATH=str(tmp_path / "installed"))
    listed = {one["name"]: one for one in json.loads(printed) if one["kind"] == "installed"}
    for package, nouns in PACKAGES.items():
        for noun in nouns:
            assert ("ok", "0.1.0") == (listed[noun]["state"], listed[noun]["version"])
            assert listed[noun]["origin"].startswith(f"crossbar-{package} ")
