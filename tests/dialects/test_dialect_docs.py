"""What the pages about dialects say, held to what is done."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import orjson
import pytest

from crossbar import Words, errors
from crossbar.cors import EXPOSED
from crossbar.dialects.plain import Plain
from crossbar.dialects.ringcentral.codes import code_of
from crossbar.dialects.rules import RuleWords
from crossbar.dialects.words import words_of
from crossbar.errors import Refusal
from crossbar.settings import load
from crossbar.testing import Client, make_app, small_world

DOCS = Path(__file__).parents[2] / "crossbar" / "docs"


def page(name: str) -> str:
    """Give the text of a page."""
    return (DOCS / f"{name}.md").read_text(encoding="utf-8")


def blocks(name: str, language: str) -> list[str]:
    """Give the blocks of a page in a language."""
    return re.findall(rf"^```{language}\n(.*?)^```", page(name), re.MULTILINE | re.DOTALL)


def first_cells(text: str) -> list[str]:
    """Give the code in the first cells of the tables of a text."""
    return re.findall(r"^\| `([^`]+)`", text, re.MULTILINE)


async def test_the_dialect_of_the_page_works() -> None:
    """The example creates, lists, pages and refuses as its docstrings say."""
    names: dict[str, Any] = {}
    exec(blocks("dialects", "python")[0], names)
    world = await small_world(dialects=[names["Shop"]()])
    client = await world.client("customer", prefix="")
    bearer = {"authorization": f"Bearer {client.token}"}
    phones = f"/shop/v1/customers/{world.customer}/phones"
    for number in range(3):
        body = orjson.dumps({"name": f"Phone {number}", "mac": f"00:00:00:00:00:0{number}"})
        assert 201 == (await client.request("POST", phones, body=body, headers=bearer)).status
    first = (await client.request("GET", f"{phones}?limit=2", headers=bearer)).json()
    assert (2, True) == (len(first["data"]), first["has_more"])
    second = (await client.request("GET", first["next"], headers=bearer)).json()
    assert (1, False, None) == (len(second["data"]), second["has_more"], second["next"])
    # NOTE: what was made in one and the same moment has no order of its own.
    shown = {each["mac"] for each in [*first["data"], *second["data"]]}
    assert {f"00000000000{number}" for number in range(3)} == shown
    refused = await client.request("POST", phones, body=b"{}", headers=bearer)
    assert (400, "validation_error") == (refused.status, refused.json()["error"]["type"])
    await world.app.stop()


@pytest.mark.parametrize("block", blocks("dialects", "toml"))
def test_the_settings_of_the_page_are_settings(block: str, tmp_path: Path) -> None:
    """Each TOML block can be loaded, and an application made with it."""
    file = tmp_path / "crossbar.toml"
    file.write_text(block, encoding="utf-8")
    app = make_app(load(file))
    assert app.dialects


def test_every_table_of_words_and_every_key_of_a_rule_is_explained() -> None:
    """The page names all that words can hold, and nothing else."""
    section = page("dialects").partition("## Words")[2].partition("## A dialect")[0]
    told = [name.partition(".")[0] for name in first_cells(section)]
    wanted = [field.name for kind in (Words, RuleWords) for field in msgspec.structs.fields(kind)]
    assert set(told) == set(wanted)


def test_what_can_be_overridden_is_there() -> None:
    """Every method and attribute that the page names for a dialect of one's own is one of `Plain`."""
    section = page("dialects").partition("| To change |")[2].partition("\n\n")[0]
    named = set(re.findall(r"`([a-z_]+)`", section)) - {"prefixes", "words", "explain", "routes"}
    assert (True, []) == (len(named) > 20, [name for name in sorted(named) if not hasattr(Plain, name)])


CLASSES = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, Refusal)]


def test_every_code_of_ringcentral_is_explained() -> None:
    """The page names the code of every refusal that there is."""
    told = set(re.findall(r"`((?:CMN|OAU)-\d+)`", page("ringcentral")))
    given = set()
    for cls in CLASSES:
        refusal = cls.__new__(cls)
        refusal.word = getattr(cls, "word", "")
        given.add(code_of(refusal))
    assert set() == given - told


@pytest.mark.parametrize("dialect", ["ringcentral", "realm"])
def test_the_words_of_the_pages_are_the_words(dialect: str) -> None:
    """The table of each page has every word for a noun, and what it stands for."""
    section = page(dialect).partition("## Paths")[2].partition("\n\n")[2].partition("\n\n")[0]
    told: dict[str, str] = {}
    for row in section.splitlines()[2:]:
        cells = [re.findall(r"`([a-z_/-]+)`", cell) for cell in row.strip("| ").split("|")]
        for words, nouns in ((cells[0], cells[1]), (cells[3], cells[4])):
            paired = zip(words, nouns if len(nouns) == len(words) else nouns[:1] * len(words), strict=True)
            told |= dict(paired)
    known = {word: noun for word, noun in words_of(dialect, {}).nouns.items() if word != "oauth"}
    assert known == told


RC, REALM = "/restapi/v1.0", "/api/ver1.0"


@pytest.fixture(scope="module")
async def client() -> AsyncIterator[Client]:
    """A client of the small world's customer, whose paths are written out; there is an extension 101."""
    world = await small_world()
    made = await world.client("customer", prefix="")
    made.headers |= {"authorization": f"Bearer {made.token}", "content-type": "application/json", "host": "api.test"}
    body = b'{"name": "101", "first_name": "Ada", "last_name": "B", "timezone": "Europe/Berlin"}'
    assert 201 == (await made.request("POST", f"{REALM}/client/@me/extension/", body=body)).status
    yield made
    await world.app.stop()


@pytest.mark.parametrize(
    ("method", "path", "status", "holds"),
    [
        ("GET", f"{RC}/account/~/extension?contact.firstName=Ada", 200, b'"extensionNumber":"101"'),
        ("GET", f"{RC}/account/~/extension?contact.firstName=Bo&nonsense=1", 200, b'"records":[]'),
        ("GET", f"{RC}/extension?perPage=max", 200, b'"perPage":1000'),
        ("GET", f"{RC}/account/~/extension/", 200, b'"records":'),
        ("GET", f"{RC}/account/~/extension?page=9", 200, b'"paging":{"perPage"'),
        ("GET", f"{RC}/account/~/extension?_method=DELETE", 200, b'"records":'),
        ("POST", f"{RC}/account/~/extension?_method=GET", 400, b"CMN-101"),
        ("GET", f"{RC}/status", 404, b"CMN-120"),
        ("GET", f"{RC}/account/~/call-log", 200, b"dateFrom="),
        ("GET", f"{RC}/account/~/message-store", 200, b"availability=Alive"),
        ("GET", f"{RC}/{'a' * 9000}", 414, b"CMN-101"),
        ("OPTIONS", f"{RC}/account/~/extension/~/device", 204, b""),
        ("GET", f"{REALM}/extension/@%7BVAR%7D/phone/", 404, b"extension_not_found"),
        ("GET", f"{REALM}/extension/@101", 200, b'"login":null'),
        ("GET", f"{REALM}/extension/%40101", 200, b'"name":"101"'),
        ("GET", f"{REALM}/extension/@me", 403, b"access_denied"),
        ("GET", f"{REALM}/extension_group/@me", 403, b"access_denied"),
        ("GET", f"{REALM}/nonsense/", 404, b'"status":"not_found"'),
        ("DELETE", f"{REALM}/client/@me/event/", 405, b"invalid_method"),
        ("GET", f"{REALM}/client/@me/extension/?start_datetime=2012-07-16T23:12:30.5Z&count=1", 200, b'"name":"101"'),
        ("GET", f"{REALM}/client/@me/extension?end_datetime=2012-07-16", 200, b"[]"),
    ],
)
async def test_what_the_pages_say_of_requests(
    client: Client, method: str, path: str, status: int, holds: bytes
) -> None:
    """Decisions that the pages tell are those that are taken."""
    response = await client.request(method, path, body=b"{}" if method == "POST" else None)
    assert (status, True) == (response.status, holds in response.body), response.body


@pytest.mark.parametrize("path", [f"{RC}/account/~", f"{REALM}/client/@me"])
async def test_conditions_hold(client: Client, path: str) -> None:
    """A document has an entity tag, which conditions are held against."""
    tag = (await client.request("GET", path)).headers["etag"]
    assert 304 == (await client.request("GET", path, headers={"if-none-match": tag})).status
    changed = await client.request("PUT", path, body=b'{"name": "x"}', headers={"if-match": '"0"'})
    assert 412 == changed.status


@pytest.mark.parametrize("name", ["x-total-count", "link", "rcrequestid", "retry-after", "x-rate-limit-remaining"])
def test_pages_of_browsers_can_read(name: str) -> None:
    """The header fields of the dialects are exposed to the sites that are let in."""
    assert name in {each.lower() for each in EXPOSED}
