"""The lines of the README that go to a server with the demo data: they work as they are printed."""

from __future__ import annotations

import json
import re
import shlex
import urllib.request
from pathlib import Path

import pytest

from .conftest import Invoke, Live

README = Path(__file__).parents[2] / "README.md"
LINES = [
    line for line in README.read_text(encoding="utf-8").splitlines() if line.startswith("curl ") and "TOKEN" in line
]


@pytest.mark.parametrize("line", LINES, ids=["crossbar", "ringcentral", "realm"])
def test_a_line_for_each_dialect(invoke: Invoke, server: Live, line: str) -> None:
    """Each shows two extensions of the demo data, by the token that the line before them gets."""
    [login] = re.findall(
        r"^TOKEN=\$\(echo crossbar \| \.venv/bin/crossbar (.*)\)$", README.read_text(encoding="utf-8"), re.MULTILINE
    )
    result = invoke(*shlex.split(login), "--url", server.url, input="crossbar\n")
    token = result.stdout.strip()
    _, _, field, url = shlex.split(line.replace("$TOKEN", token))
    name, _, value = field.partition(": ")
    request = urllib.request.Request(url.replace("http://127.0.0.1:8000", server.url), headers={name: value})
    with urllib.request.urlopen(request) as response:
        found = json.load(response)
    rows = found if isinstance(found, list) else found.get("records", found.get("data"))
    assert (200, 2) == (response.status, len(rows))
    assert all(row["id"] for row in rows)
