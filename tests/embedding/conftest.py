"""What the tests of embedding share: the hosts, and the loop that they run on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .django_site import Site, configured
from .hosts import HOSTS, Host


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Run on asyncio, which is what the servers run on."""
    return "asyncio"


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site of Django's, with a database of its own; a process has one and no more."""
    with configured(tmp_path_factory.mktemp("django")) as site:
        yield site


@pytest.fixture(params=HOSTS, ids=lambda host: host.name)
def host(request: pytest.FixtureRequest) -> Host:
    """Each of the frameworks in turn."""
    found: Host = request.param
    if found.name == "django":
        request.getfixturevalue("site")
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of modules, with one in it that counts how often it was asked."""
    found = tmp_path / "modules"
    found.mkdir()
    (found / "counters.py").write_text(
        "from crossbar import Endpoint\n"
        "class Counters(Endpoint):\n"
        "    name = 'counters'\n"
        "    anywhere = True\n"
        "    count = 0\n"
        "    async def find(self, ctx):\n"
        "        type(self).count += 1\n"
        "        return type(self).count\n"
    )
    return found
