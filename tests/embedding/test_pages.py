"""The pages about embedding: every program in them is run, and does what the page says."""

from __future__ import annotations

import importlib.util
import logging.config
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from crossbar import BadRequest, NotFound
from crossbar.errors import MethodNotAllowed
from crossbar.testing import Client
from crossbar.testing.lifespan import living

from .django_site import Site

DOCS = Path(__file__).parents[2] / "crossbar" / "docs"
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
FRAMEWORKS = ["starlette", "fastapi", "litestar", "django"]


def page(name: str) -> str:
    """Give the text of a page."""
    return (DOCS / f"{name}.md").read_text(encoding="utf-8")


class Programs:
    """The programs of the pages, each a module of its own in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.loaded: list[str] = []

    def load(self, name: str, number: int = 0) -> ModuleType:
        """Give a program of a page, imported."""
        path = self._folder / f"page_{name}_{number}.py"
        path.write_text(BLOCK.findall(page(name))[number], encoding="utf-8")
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[path.stem] = module
        self.loaded.append(path.stem)
        spec.loader.exec_module(module)
        return module


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Programs]:
    """Programs that find an empty folder, and an environment that is put back."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "mysite.settings")
    # NOTE: Litestar sets up the logging of the whole process, which other tests have to live in.
    monkeypatch.setattr(logging.config, "dictConfig", lambda config: None)
    found = Programs(tmp_path)
    yield found
    for name in found.loaded:
        del sys.modules[name]


async def cookie(app: Any, name: str) -> str:
    """Log in to the host of a page, and give the cookie."""
    if name != "django":
        return "session=s3cr3t"
    welcome = await Client(app, prefix="").get("/in/ada")
    return welcome.values("set-cookie")[0].partition(";")[0]


async def use(app: Any, name: str) -> None:
    """Do what a page says that one can do: make a note as a user of the host, and find it; strangers cannot."""
    client = Client(app, prefix="/api/v2", headers={"cookie": await cookie(app, name)})
    made = await client.create("notes", body={"text": "hello"})
    assert (201, True) == (made.status, made.headers["location"].startswith("/api/v2/notes/"))
    assert "hello" == (await client.get("//" + made.headers["location"][1:])).data["text"]
    refused = await Client(app, prefix="/api/v2").get("/notes")
    assert (401, "invalid_credentials") == (refused.status, refused.word)


@pytest.mark.parametrize("name", FRAMEWORKS)
async def test_a_framework(site: Site, programs: Programs, tmp_path: Path, name: str) -> None:
    """The program of a page serves Crossbar in the framework, started and stopped by it."""
    module = programs.load(name)
    async with living(module.app):
        assert (tmp_path / "notes.db").exists()
        await use(module.app, name)
    with pytest.raises(Exception, match="not open"):
        await module.api.store.health()


@pytest.mark.parametrize("name", FRAMEWORKS)
async def test_a_framework_without_its_lifespan(site: Site, programs: Programs, name: str) -> None:
    """The same program works where nobody runs its lifespan."""
    module = programs.load(name)
    await use(module.app, name)
    await module.api.stop()


async def test_django_goes_on(site: Site, programs: Programs) -> None:
    """Beside Crossbar, the pages of Django's site are served as before, and logging out ends both."""
    module = programs.load("django")
    client = Client(module.app, prefix="", headers={"cookie": await cookie(module.app, "django")})
    assert ("django", 200) == ((await client.get("/own")).text, (await client.get("/api/v2/notes")).status)
    await client.get("/out")
    assert (200, 401) == ((await client.get("/own")).status, (await client.get("/api/v2/notes")).status)
    await module.api.stop()


async def test_what_is_common(programs: Programs) -> None:
    """The application of the common page knows the host's users, and lets the host's exceptions pass."""
    module = programs.load("embedding", 0)

    async def host(scope: Any, receive: Any, send: Any) -> None:
        await module.api({**scope, "user": "ada"}, receive, send)

    made = await Client(host).create("notes", body={"text": "hello"})
    assert (201, 401) == (made.status, (await Client(module.api).get("/notes")).status)
    assert (module.OutOfPaper,) == module.api.propagate
    await module.api.stop()


async def test_the_router_alone(programs: Programs) -> None:
    """The router of the common page leads to the methods, and says what it does not find."""
    module = programs.load("embedding", 1)
    assert ["the book 7", "7 is with ada"] == [
        await module.answer(*asked) for asked in (("GET", "/v2/books/7"), ("POST", "/books/7/loans/ada"))
    ]
    for method, path, refusal in (
        ("GET", "/v2/books", NotFound),
        ("GET", "/books/%zz", BadRequest),
        ("OPTIONS", "/books/7", MethodNotAllowed),
    ):
        with pytest.raises(refusal):
            await module.answer(method, path)


@pytest.mark.parametrize(("name", "count"), [("embedding", 2), *[(name, 1) for name in FRAMEWORKS]])
def test_no_program_is_left_out(name: str, count: int) -> None:
    """The tests above run every program of the pages."""
    assert count == len(BLOCK.findall(page(name)))


@pytest.mark.parametrize("name", FRAMEWORKS)
def test_pages_lead_to_each_other(name: str) -> None:
    """The common page leads to that of each framework, and that one back."""
    assert (True, True) == (f"]({name}.md)" in page("embedding"), "](embedding.md)" in page(name))
