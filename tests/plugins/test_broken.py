"""What is wrong with one module never takes the others down, and is told with file and line."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import pytest

from crossbar.testing import Client

from .tools import GOOD, app_with, only, with_modules, world_with, write

BROKEN = [
    pytest.param("import nowhere_to_be_found\n", 1, "ModuleNotFoundError", id="an import that fails"),
    pytest.param("x = 1\ny = (\n", 2, "SyntaxError", id="a syntax error"),
    pytest.param("\n\n1 / 0\n", 3, "ZeroDivisionError", id="a crash"),
    pytest.param("import sys\nsys.exit('bye')\n", 2, "SystemExit", id="an exit"),
    pytest.param("\ndef f():\n    raise ValueError('no')\n\nf()\n", 3, "ValueError: no", id="a crash further in"),
    pytest.param(
        "from crossbar import Endpoint\n\nclass Phones(Endpoint):\n    name = 'phones'\n    def find(self, ctx): ...\n",
        3,
        "Phones.find must be a method defined with 'async def'",
        id="a class that is not well formed",
    ),
    pytest.param(
        "from crossbar import Endpoint\n\nclass Phones(Endpoint):\n    name = 'phones'\n"
        "    def __init__(self):\n        raise OSError('no line')\n",
        6,
        "OSError: no line",
        id="a constructor that fails",
    ),
]


@pytest.mark.parametrize(("text", "line", "what"), BROKEN)
def test_a_broken_python_file_is_told(folder: Path, text: str, line: int, what: str) -> None:
    """A file that fails is reported with its path, the line in it and what happened."""
    path = write(folder, "phones.py", text)
    found = only(folder)
    assert ("phones", None) == (found.name, found.endpoint)
    assert [f"{path}, line {line}: ", what] == [
        part for part in (f"{path}, line {line}: ", what) if part in found.fault
    ], found.fault


@pytest.mark.parametrize(
    "raw", [b"\xff\xfe", b"x = '\x00'", b"# -*- coding: nonsense -*-\n"], ids=["utf-16", "nul", "?"]
)
def test_a_file_that_is_no_text_is_told(folder: Path, raw: bytes) -> None:
    """A file that cannot even be decoded is reported like any other."""
    (folder / "phones.py").write_bytes(raw)
    found = only(folder)
    assert ("phones", None, True) == (found.name, found.endpoint, found.fault.startswith(str(folder / "phones.py")))


def test_a_broken_file_leaves_no_module_behind(folder: Path) -> None:
    """What was half imported is taken out again."""
    write(folder, "phones.py", "1 / 0\n")
    before = set(sys.modules)
    only(folder)
    assert set() == set(sys.modules) - before


PLACES = ["", "/x", "/x/y/users"]


@pytest.mark.parametrize("verb", ["GET", "PUT", "POST", "PATCH", "DELETE"])
async def test_a_broken_module_answers_503(folder: Path, verb: str) -> None:
    """Every request for the noun of a broken module is a 503 with Retry-After, and the other modules work."""
    write(folder, "phones.py", "1 / 0\n")
    write(folder, "fares.py", GOOD.replace("phones", "fares"))
    world, client = await world_with(folder)
    home = f"/accounts/{world.master}"
    broken = [await client.request(verb, f"{home}/phones{place}", {}) for place in PLACES]
    outside = await client.request(verb, "/phones", {})
    working = await client.get(f"{home}/fares")
    assert [503, 503, 503, 503, 200] == [response.status for response in (*broken, outside, working)]
    assert {"30"} == {response.headers.get("retry-after") for response in broken}


async def test_a_broken_module_shows_strangers_nothing(folder: Path) -> None:
    """Without a token the noun of a broken module is a 401, as any other."""
    write(folder, "phones.py", "1 / 0\n")
    world, _ = await world_with(folder)
    response = await Client(world.app).get(f"/accounts/{world.master}/phones")
    assert 401 == response.status


def test_a_broken_module_is_logged_and_listed(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The log and the registry say what is wrong with a module and where."""
    path = write(folder, "phones.py", "1 / 0\n")
    with caplog.at_level(logging.ERROR, "crossbar"):
        app = app_with(with_modules(folder))
    fault = f"{path}, line 1: ZeroDivisionError: division by zero"
    assert (fault, True) == (app.registry.entries["phones"].fault, fault in caplog.text)
