"""What actions may say beyond verb and path: words that are nouns elsewhere, media types of their own, files."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from crossbar import (
    Attachment,
    Blob,
    Body,
    Context,
    Endpoint,
    Json,
    Noun,
    Registry,
    Reply,
    Resource,
    action,
    created,
    tokenize,
)
from crossbar.errors import DefinitionError
from crossbar.testing import Client, World, small_world


class Shelves(Resource):
    """Shelves, which have an overview of what stands on them."""

    name = "shelves"
    attachments = ("plan",)

    @action("GET books")
    async def overview(self, ctx: Context) -> Json:
        """What stands on all shelves together."""
        return {"books": 3}

    @action("GET books/{year}")
    async def of_year(self, ctx: Context, year: str) -> Json:
        """What stands there from one year."""
        return {"year": year}

    @action("PUT oak", files=True)
    async def create_oaken(self, ctx: Context) -> Reply:
        """Make a shelf, of oak, with its files."""
        await self.validate(ctx)
        return created(await self.insert(ctx, {**ctx.body, "wood": "oak"}))

    @action("PUT elm")
    async def create_elm(self, ctx: Context) -> Body:
        """Make a shelf of elm, without any."""
        return {"wood": "elm"}


class Planks(Resource):
    """Planks, some of them of oak."""

    name = "planks"
    attachments = ("plan", Attachment("photos", many=True))

    @action("GET oak/{id}")
    async def oaken(self, ctx: Context, id: str) -> Json:
        """One of oak."""
        return {"oak": id}

    @action("GET oak/{id}/photo")
    async def oaken_photo(self, ctx: Context, id: str) -> Json:
        """A picture of it."""
        return {"photo": id}


class Books(Resource):
    """Books, on shelves and elsewhere."""

    name = "books"
    parents = {"shelves": "shelf_id"}

    @action("GET {id}/label", provides=("text/plain", "text/html"))
    async def label(self, ctx: Context, id: str) -> Blob:
        """What is written on its back."""
        return Blob(b"A", ctx.media_type)

    @action("GET {id}/scan", provides=("*/*",))
    async def scan(self, ctx: Context, id: str) -> Blob:
        """A picture of its cover."""
        return Blob(b"P", "image/png")


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """Run on asyncio, which is what the servers run on."""
    return "asyncio"


@pytest.fixture(scope="module")
async def world() -> AsyncIterator[World]:
    """An application with shelves and books."""
    made = await small_world(endpoints=[Shelves(), Planks(), Books()])
    yield made
    await made.app.stop()


@pytest.fixture
async def client(world: World) -> Client:
    """A client of the customer."""
    return await world.client("customer")


LITERALS = {"shelves": frozenset({"books"})}
NAMES = frozenset({"shelves", "books", "accounts"})


@pytest.mark.parametrize(
    ("path", "nouns"),
    [
        ("/v2/shelves/books", [Noun("shelves", ("books",))]),
        ("/v2/shelves/books/1900", [Noun("shelves", ("books", "1900"))]),
        ("/v2/shelves/S/books", [Noun("shelves", ("S",)), Noun("books")]),
        ("/v2/shelves/S/books/B", [Noun("shelves", ("S",)), Noun("books", ("B",))]),
        ("/v2/shelves/books/books", [Noun("shelves", ("books",)), Noun("books")]),
        ("/v2/books/shelves", [Noun("books"), Noun("shelves")]),
        ("/v2/accounts/books", [Noun("accounts"), Noun("books")]),
        ("/v2/shelves/%62ooks", [Noun("shelves", ("books",))]),
    ],
)
def test_a_word_that_is_a_noun_elsewhere(path: str, nouns: list[Noun]) -> None:
    """Right after its own noun it is the action's word, and everywhere else the noun."""
    assert tuple(nouns) == tokenize(path, NAMES, (), LITERALS).nouns


@pytest.mark.parametrize("first", [Shelves, Books])
def test_whoever_comes_first(first: type[Endpoint]) -> None:
    """The registry knows of such words whether the action or the noun is there first."""
    second = Books if first is Shelves else Shelves
    registry = Registry([first()])
    assert {} == registry.literals
    registry.add(second(), "here")
    assert LITERALS == registry.literals
    assert "overview" == registry.match("GET", "/v2/shelves/books").operation
    assert "find" == registry.match("GET", "/v2/shelves/S/books").operation


async def test_such_a_word_on_the_wire(client: Client, world: World) -> None:
    """Both the action and the noun answer, and the noun's documents are reached below a shelf."""
    at = f"/accounts/{world.customer}/shelves"
    shelf = (await client.put(at, {})).data["id"]
    book = (await client.put(f"{at}/{shelf}/books", {})).data["id"]
    assert {"books": 3} == (await client.get(f"{at}/books")).data
    assert {"year": "1900"} == (await client.get(f"{at}/books/1900")).data
    assert shelf == (await client.get(f"{at}/{shelf}/books/{book}")).data["shelf_id"]
    assert 405 == (await client.put(f"{at}/books", {})).status


@pytest.mark.parametrize(
    ("path", "accept", "expected"),
    [
        ("label", "text/html", "text/html"),
        ("label", "text/html;q=0.5, text/plain", "text/plain"),
        ("label", "text/csv", 406),
        ("label", "image/png", 406),
        ("scan", "image/png", "image/png"),
        ("scan", "image/gif", "image/png"),
        ("scan", "text/csv", "image/png"),
    ],
)
async def test_media_types_of_an_action(
    client: Client, world: World, path: str, accept: str, expected: str | int
) -> None:
    """It answers in those that it names, not in those of its endpoint; a file is of the type that it is of."""
    at = f"/accounts/{world.customer}/books"
    book = (await client.put(at, {})).data["id"]
    found = await client.get(f"{at}/{book}/{path}", headers={"accept": accept})
    assert expected == (found.headers["content-type"] if found.status == 200 else found.status)


async def test_actions_that_take_files(client: Client, world: World) -> None:
    """Only those that say so do; the others refuse what they would pass over."""
    at = f"/accounts/{world.customer}/shelves"
    headers = {"content-type": "image/png"}
    made = await client.request("PUT", f"{at}/oak", body=b"PNG", headers=headers)
    assert (201, "oak") == (made.status, made.data["wood"])
    assert b"PNG" == (await client.get(f"{at}/{made.data['id']}/plan")).body
    assert 415 == (await client.request("PUT", f"{at}/elm", body=b"PNG", headers=headers)).status
    assert 415 == (await client.request("PUT", f"{at}/oak", body=b"<p>", headers={"content-type": "text/html"})).status
    assert {"wood": "elm"} == (await client.put(f"{at}/elm", {})).data


async def test_words_beside_attachments(client: Client, world: World) -> None:
    """`oak/{id}` and `{id}/photos` are both there: an id is no word of an action."""
    at = f"/accounts/{world.customer}/planks"
    plank = (await client.put(at, {})).data["id"]
    assert {"oak": plank} == (await client.get(f"{at}/oak/{plank}")).data
    assert {"photo": plank} == (await client.get(f"{at}/oak/{plank}/photo")).data
    assert [] == (await client.get(f"{at}/{plank}/photos")).data
    assert {"oak": "photos"} == (await client.get(f"{at}/oak/photos")).data


def test_an_action_in_the_place_of_an_attachment() -> None:
    """Two that answer the same path and verb are refused, whoever has made them."""
    with pytest.raises(DefinitionError, match="both match"):

        class Twice(Resource):
            """A resource that answers twice."""

            name = "twice"
            attachments = ("plan",)

            @action("GET {id}/plan")
            async def plan(self, ctx: Context, id: str) -> None:
                """Answer too."""
