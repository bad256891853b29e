"""Attachments: files of documents, one or many, which come and go with their documents, and nobody else sees."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from crossbar import Attachment, Registry, Resource
from crossbar.errors import BlobMissing, DefinitionError, RegistrationError
from crossbar.testing import Client, World

from .papers import PNG, made, send


@pytest.fixture
async def client(papers: World) -> Client:
    """The administrator of an account."""
    return await papers.client("customer")


async def bytes_of(papers: World, paper: str) -> list[str]:
    """Give the ids of the blobs of a paper, oldest slot first."""
    document = await papers.app.store.get(papers.customer, "papers", paper.rpartition("/")[2])
    assert document is not None
    found: list[str] = []
    for kept in document.secrets().get("attachments", {}).values():
        found += [kept["blob"]] if "blob" in kept else [each["blob"] for each in kept.values()]
    return found


async def is_there(papers: World, blob: str) -> bool:
    """Say whether the store still has a blob."""
    try:
        async for _ in papers.app.store.read_blob(papers.customer, blob):
            pass
    except BlobMissing:
        return False
    return True


async def test_nothing_yet(client: Client, paper: str) -> None:
    """A document without files says so; one that does not exist is none at all."""
    assert 404 == (await client.get(f"{paper}/cover")).status
    assert [] == (await client.get(f"{paper}/pages")).data
    assert 404 == (await client.get(f"{paper}/pages/one.pdf")).status
    assert 404 == (await client.get("/account/papers/0000/cover")).status
    assert 404 == (await client.get(f"{paper}/back")).status


async def test_many(client: Client, paper: str) -> None:
    """Files get their own names, or a number where one is taken; each is found at its name."""
    for number in range(3):
        response = await send(client, f"{paper}/pages", b"%d" % number, "text/plain", "PUT", x_file_name="page.txt")
        assert 201 == response.status
        name = "page.txt" if not number else f"page-{number + 1}.txt"
        assert name == response.data["id"]
        assert response.headers["location"].endswith(f"/pages/{name}")
        assert b"%d" % number == (await client.get(response.headers["location"].removeprefix("/v2"))).body
    listed = (await client.get(f"{paper}/pages")).data
    assert ["page.txt", "page-2.txt", "page-3.txt"] == [each["id"] for each in listed]
    assert 200 == (await client.delete(f"{paper}/pages/page-2.txt")).status
    assert ["page.txt", "page-3.txt"] == [each["id"] for each in (await client.get(f"{paper}/pages")).data]
    response = await send(client, f"{paper}/pages/page-3.txt", b"new", "text/plain")
    assert (200, b"new") == (response.status, (await client.get(f"{paper}/pages/page-3.txt")).body)


async def test_a_name_that_is_a_noun(client: Client, paper: str) -> None:
    """A file called like an endpoint could not be reached, so it gets another name."""
    response = await send(client, f"{paper}/pages", b"x", "text/plain", "PUT", x_file_name="users")
    assert "users-2" == response.data["id"]
    assert b"x" == (await client.get(f"{paper}/pages/users-2")).body


async def test_odd_names_can_be_reached(client: Client, paper: str) -> None:
    """A name with blanks, percent signs or letters of any script is found where `Location` says."""
    for name in ("a b.txt", "100%.txt", "\u00fcber.txt", "a#b&c;d.txt"):
        header = name.encode().decode("latin-1")
        response = await send(client, f"{paper}/pages", name.encode(), "text/plain", "PUT", x_file_name=header)
        assert name == response.data["file_name"]
        assert name.encode() == (await client.get(response.headers["location"].removeprefix("/v2"))).body


async def test_so_many_and_no_more(client: Client, paper: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is a limit to the files of a document."""
    monkeypatch.setattr("crossbar.media.attachments.MOST_FILES", 2)
    for _ in range(2):
        assert 201 == (await send(client, f"{paper}/pages", b"x", "text/plain", "PUT")).status
    response = await send(client, f"{paper}/pages", b"x", "text/plain", "PUT")
    assert (409, 2) == (response.status, len((await client.get(f"{paper}/pages")).data))


async def test_conditions(client: Client, paper: str) -> None:
    """The entity tag is that of the file, not that of its document."""
    first = (await send(client, f"{paper}/cover", PNG, "image/png", if_none_match="*")).headers["etag"]
    assert 412 == (await send(client, f"{paper}/cover", PNG, "image/png", if_none_match="*")).status
    await client.patch(paper, {"title": "Changed"})
    second = (await send(client, f"{paper}/cover", PNG * 2, "image/png", if_match=first)).headers["etag"]
    assert 412 == (await send(client, f"{paper}/cover", PNG, "image/png", if_match=first)).status
    assert 412 == (await client.delete(f"{paper}/cover", headers={"if-match": first})).status
    assert PNG * 2 == (await client.get(f"{paper}/cover")).body
    assert 200 == (await client.delete(f"{paper}/cover", headers={"if-match": second})).status
    assert 412 == (await send(client, f"{paper}/cover", PNG, "image/png", if_match="*")).status


async def test_at_the_same_time(client: Client, paper: str) -> None:
    """Uploads into several slots of one document at a time all succeed, and so does a change of the document."""
    uploads = [send(client, f"{paper}/pages", b"x", "text/plain", "PUT") for _ in range(5)]
    responses = await asyncio.gather(*uploads, send(client, f"{paper}/cover", PNG, "image/png"))
    assert [201] * 6 == [response.status for response in responses]
    assert 5 == len((await client.get(f"{paper}/pages")).data)
    assert PNG == (await client.get(f"{paper}/cover")).body


async def test_the_bytes_go_with_the_file(client: Client, paper: str, papers: World) -> None:
    """A file that was replaced or deleted leaves nothing in the store."""
    await send(client, f"{paper}/cover", PNG, "image/png")
    [first] = await bytes_of(papers, paper)
    await send(client, f"{paper}/cover", PNG * 2, "image/png")
    [second] = await bytes_of(papers, paper)
    assert (False, True) == (await is_there(papers, first), await is_there(papers, second))
    await client.delete(f"{paper}/cover")
    assert not await is_there(papers, second)


@pytest.mark.parametrize("query", ["", "?should_soft_delete=false"])
async def test_the_bytes_go_with_the_document(client: Client, paper: str, papers: World, query: str) -> None:
    """Nobody can read the files of a document that was deleted."""
    await send(client, f"{paper}/cover", PNG, "image/png")
    [blob] = await bytes_of(papers, paper)
    assert 200 == (await client.delete(paper + query)).status
    assert 404 == (await client.get(f"{paper}/cover")).status
    assert not await is_there(papers, blob)


async def test_of_another_account(papers: World, client: Client, paper: str) -> None:
    """A file is its account's alone."""
    await send(client, f"{paper}/cover", PNG, "image/png")
    [blob] = await bytes_of(papers, paper)
    assert 404 == (await (await papers.client("stranger")).get(f"{paper}/cover")).status
    with pytest.raises(BlobMissing):
        async for _ in papers.app.store.read_blob(papers.stranger, blob):
            pass
    elsewhere = await made(await papers.client("stranger"), "papers", {"title": "Mine"})
    response = await (await papers.client("stranger")).post(elsewhere, {"pvt_attachments": {"cover": {"blob": blob}}})
    assert (200, 404) == (response.status, (await (await papers.client("stranger")).get(f"{elsewhere}/cover")).status)


async def test_what_is_private_stays_so(client: Client, paper: str) -> None:
    """The ids of blobs are shown nowhere."""
    await send(client, f"{paper}/cover", PNG, "image/png")
    for path in (paper, "/account/papers?full_docs=true", f"{paper}/pages"):
        assert b"blob" not in (await client.get(path)).body


async def test_verbs(client: Client, paper: str) -> None:
    """What is answered is told, and HEAD is one of them."""
    assert (
        "GET, HEAD, PUT, POST, DELETE, OPTIONS" == (await client.request("OPTIONS", f"{paper}/cover")).headers["allow"]
    )
    assert 405 == (await client.patch(f"{paper}/cover", {})).status
    await send(client, f"{paper}/cover", PNG, "image/png")
    head = await client.request("HEAD", f"{paper}/cover")
    assert (200, b"", str(len(PNG))) == (head.status, head.body, head.headers["content-length"])


async def test_whatever_is_accepted(client: Client, paper: str) -> None:
    """A file is sent as what it is."""
    await send(client, f"{paper}/cover", PNG, "image/png")
    for accept in ("application/json", "text/csv", "image/*", "audio/wav"):
        response = await client.get(f"{paper}/cover", headers={"accept": accept})
        assert (200, "image/png") == (response.status, response.headers["content-type"])


@pytest.mark.parametrize(
    "slots", [("Upper",), ("a/b",), ("",), (Attachment("x", types=()),), (Attachment("x", most=-1),), ("x" * 33,)]
)
def test_bad_slots(slots: tuple[Any, ...]) -> None:
    """A slot that no path could name, or that takes nothing, is refused when the class is defined."""
    with pytest.raises(DefinitionError, match=r"Wrong\.attachments"):
        type("Wrong", (Resource,), {"name": "wrong", "attachments": slots})


@pytest.mark.parametrize(
    "slots",
    [("photo"), Attachment("photo"), ["photo"], ("photo", "photo"), (Attachment("x", types=("png",)),)],
    ids=["no comma", "one alone", "a list", "twice", "no type"],
)
def test_slips_in_slots(slots: Any) -> None:
    """What is easily written and means something else is refused when the class is defined, with its name."""
    with pytest.raises(DefinitionError, match=r"Wrong\.attachments"):
        type("Wrong", (Resource,), {"name": "wrong", "attachments": slots})


def test_a_hook_that_cannot_be_waited_for() -> None:
    """The body of a document is made in the midst of a change, where nothing waits."""

    async def attached(self: Resource, *facts: Any) -> Any:
        return {}

    with pytest.raises(DefinitionError, match=r"Wrong\.attached must be a plain method"):
        type("Wrong", (Resource,), {"name": "wrong", "attachments": ("photo",), "attached": attached})


@pytest.mark.parametrize("order", [1, -1])
def test_a_slot_that_is_a_noun(order: int) -> None:
    """No path would lead to a file whose slot is called like an endpoint, whichever of them comes first."""
    machines = type("Machines", (Resource,), {"name": "machines", "attachments": ("manuals",)})
    manuals = type("Manuals", (Resource,), {"name": "manuals"})
    with pytest.raises(RegistrationError, match="the attachment 'manuals' of 'machines'"):
        Registry([machines(), manuals()][::order])


async def test_a_file_that_is_known_keeps_its_policy(client: Client, paper: str) -> None:
    """A 304 renews what the browser has kept, so that it must say the same of how it may be shown."""
    await send(client, f"{paper}/cover", PNG, "image/png")
    whole = await client.get(f"{paper}/cover")
    known = await client.get(f"{paper}/cover", headers={"if-none-match": whole.headers["etag"]})
    assert 304 == known.status
    assert whole.headers["content-security-policy"] == known.headers["content-security-policy"]
    assert "media-src 'self'" in known.headers["content-security-policy"]


def test_a_method_of_the_authors_own() -> None:
    """What a class writes itself is not replaced."""
    from crossbar import Context, action

    class Own(Resource):
        name = "own"
        attachments = ("photo",)

        @action("GET {id}/photo")
        async def get_photo(self, ctx: Context, id: str) -> str:
            return "drawn by hand"

    class Below(Own):
        name = "below"

    names = [route.name for route in Below.routes]
    assert [1, 1, 1, 1] == [names.count(f"{verb}_photo") for verb in ("get", "put", "post", "delete")]
    assert Own.get_photo is Below.get_photo
