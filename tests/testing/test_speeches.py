"""The speeches of the bundled dialects, and those that a dialect of one's own gets from `PlainSpeech`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, ClassVar

import orjson
import pytest

from crossbar import Noun
from crossbar.dialects.plain import Plain
from crossbar.errors import CrossbarError
from crossbar.testing import (
    CROSSBAR,
    REALM,
    RINGCENTRAL,
    Call,
    Client,
    PlainSpeech,
    RealmSpeech,
    Response,
    RingCentralSpeech,
    Speech,
    World,
    session,
    small_world,
)
from crossbar.testing.speech import nouns_of


class Tidy(Plain):
    """A dialect of one's own, without peculiarities."""

    name: ClassVar[str] = "tidy"
    prefixes = ("/tidy/v1",)


SPEECHES: dict[str, Speech] = {
    "crossbar": CROSSBAR,
    "ringcentral": RINGCENTRAL,
    "realm": REALM,
    "plain": PlainSpeech(Tidy()),
}
EACH = pytest.mark.parametrize("speech", SPEECHES.values(), ids=SPEECHES)


@pytest.fixture(scope="module")
async def world() -> AsyncIterator[World]:
    """An application that speaks all of them."""
    made = await small_world(dialects=[Tidy()])
    yield made
    await made.app.stop()


PATHS: list[Any] = [
    (RINGCENTRAL, ["account"], "/account/~"),
    (RINGCENTRAL, ["account", "devices"], "/account/~/device"),
    (RINGCENTRAL, [("accounts", "A"), ("extensions", "~"), "messages"], "/account/A/extension/~/message-store"),
    (RINGCENTRAL, ["account", ("devices", "a b", "sync")], "/account/~/device/a%20b/sync"),
    (RINGCENTRAL, ["account", "token_restrictions"], "/account/~/token-restrictions"),
    (REALM, ["account"], "/client/@me"),
    (REALM, ["account", "devices"], "/client/@me/phone/"),
    (REALM, [("extensions", "@12*101"), ("devices", "x/y")], "/extension/@12*101/phone/x%2Fy"),
    (REALM, [("accounts", "A"), ("recordings", "R", "content")], "/client/A/record/R/content/"),
    (REALM, ["timezones"], "/timezone/"),
    (REALM, [], ""),
    (PlainSpeech(Tidy()), [("accounts", "A"), "token_restrictions"], "/accounts/A/token_restrictions"),
]


@pytest.mark.parametrize(("speech", "nouns", "path"), PATHS)
def test_nouns_as_paths(speech: Speech, nouns: list[Any], path: str) -> None:
    """Nouns are written in the words of the dialect, ids as they are."""
    assert Call("GET", path) == speech.call("find", nouns_of(tuple(nouns)), None)


VERBS = {
    "crossbar": "GET PUT GET POST PATCH DELETE",
    "ringcentral": "GET POST GET PUT PATCH DELETE",
    "realm": "GET POST GET PUT PUT DELETE",
    "plain": "GET POST GET PUT PATCH DELETE",
}


@pytest.mark.parametrize("name", SPEECHES)
def test_verbs_and_sizes(name: str) -> None:
    """Each operation has the verb of the dialect, and a page its word for the size."""
    calls = [
        SPEECHES[name].call(operation, (Noun("devices"),), 3)
        for operation in ("find", "create", "read", "replace", "patch", "delete")
    ]
    assert VERBS[name].split() == [call.verb for call in calls]
    word = {"crossbar": "page_size", "ringcentral": "perPage"}.get(name, "per_page")
    assert [{word: "3"}] * 6 == [call.query for call in calls]


async def client_of(world: World, speech: Speech, account: str = "customer") -> tuple[Client, Any]:
    """A client, and the noun of its account, for which not every dialect has an alias."""
    client = await world.client(account, speech=speech)
    return client, ("accounts", world.id(account)) if type(speech) is PlainSpeech else "account"


@EACH
async def test_the_life_of_a_document(world: World, speech: Speech) -> None:
    """Every operation can be told, in whichever words, below the prefix of the dialect."""
    client, home = await client_of(world, speech)
    made = (await client.create(home, "lists", body={"name": "Friends", "note": "x"})).document
    one = ("lists", made["id"])
    assert "Friends" == (await client.read(home, one)).document["name"]
    assert "Foes" == (await client.patch(home, one, body={"name": "Foes"})).document["name"]
    assert "Both" == (await client.replace(home, one, body={"name": "Both"})).document["name"]
    assert ["Both"] == [row["name"] for row in (await client.find(home, "lists")).documents]
    assert (await client.delete(home, one)).status in (200, 204)
    response = await client.read(home, one)
    assert response.word in ("bad_identifier", "CMN-102", "lists_not_found")
    with pytest.raises(CrossbarError, match="refused with 404"):
        assert response.document


@EACH
@pytest.mark.parametrize(("count", "sizes"), [(0, [0]), (2, [2]), (5, [2, 2, 1])])
async def test_pages(speech: Speech, count: int, sizes: list[int]) -> None:
    """What answers say of the next page leads to the end, and filters go along."""
    world = await small_world(dialects=[Tidy()])
    client, home = await client_of(world, speech)
    for number in range(count):
        await client.create(home, "menus", body={"name": f"Menu {number}", "hunt": number > 0})
    pages = [page async for page in client.pages(home, "menus", page_size=2)]
    assert sizes == [len(page.documents) for page in pages]
    names = [row["name"] for row in await client.every(home, "menus", page_size=2)]
    assert [f"Menu {number}" for number in range(count)] == sorted(names)
    word = "filter_name" if speech is CROSSBAR else "name"
    found = await client.every(home, "menus", page_size=1, query={word: "Menu 1"})
    assert (["Menu 1"] if count > 1 else []) == [row["name"] for row in found]
    await world.app.stop()


async def test_page_tokens(world: World) -> None:
    """Pages that have tokens are followed by these."""
    client = await world.client("reseller", speech=RINGCENTRAL)
    for number in range(3):
        await client.create("account", "menus", body={"name": f"Menu {number}"})
    pages = [page async for page in client.pages("account", "menus", query={"recordCount": "2"})]
    assert [2, 1] == [len(page.documents) for page in pages]


async def test_whole_uris(world: World) -> None:
    """A URI out of an answer is sent as it stands there, by every verb, also where the application is mounted."""
    client = await world.client("stranger", speech=RINGCENTRAL, root_path="/api")
    made = (await client.create("account", "menus", body={"name": "Menu"})).document
    assert made["uri"].startswith("http://testserver/api/restapi/v1.0/account/")
    assert made["id"] == (await client.get(made["uri"])).document["id"]
    assert "Fish" == (await client.patch(made["uri"], {"name": "Fish"})).document["name"]
    await client.create("account", "menus", body={"name": "Other"})
    assert 2 == len(await client.every("account", "menus", page_size=1))
    realm = await world.client("stranger", speech=REALM, root_path="/api")
    assert 2 == len(await realm.every("account", "menus", page_size=1))
    assert 204 == (await client.delete(made["uri"])).status
    assert 404 == (await client.get(f"{made['uri']}?view=Simple")).status


@EACH
async def test_prefixes(world: World, speech: Speech) -> None:
    """A client begins where the dialect does, unless it is told otherwise; the empty prefix is one, too."""
    assert speech.prefix == Client(world.app, speech=speech).prefix
    bare = Client(world.app, speech=speech, prefix="")
    assert 401 == (await bare.get(f"{speech.prefix}/about")).status
    assert 401 == (await Client(world.app, speech=speech).get("/about")).status
    assert ("/restapi/v2", "/x") == (RingCentralSpeech(prefix="/restapi/v2").prefix, RealmSpeech(prefix="/x").prefix)


@EACH
async def test_logging_in(world: World, speech: Speech) -> None:
    """Whoever logs in speaks any dialect with the token."""
    client = Client(world.app, speech=speech)
    await client.login("customer", "admin", "crossbar")
    assert 200 == (await client.get("/about")).status
    with pytest.raises(CrossbarError, match="was refused"):
        await client.login("customer", "admin", "wrong")


def test_a_session() -> None:
    """A session has the prefix of its speech as well."""
    with session(speech=REALM) as client:
        assert "customer" == client.read("account").document["name"]


@pytest.mark.parametrize(
    ("link", "following"),
    [
        ('</x?a=1>; rel="next"', "http://testserver/x?a=1"),
        ("</x>;rel=next", "http://testserver/x"),
        ('</first>; rel="first", </y>; rel="next"', "http://testserver/y"),
        ('</x>; rel="prev"', None),
        ("", None),
    ],
)
def test_links(link: str, following: str | None) -> None:
    """Only what is called next leads on."""
    response = Response(200, {"link": link} if link else {}, orjson.dumps([]))
    found = REALM.following(Call("GET", "/phone/"), response)
    assert following == (None if found is None else found.path)
