"""Compression and conditions: the entity tag of another form, and what clients may do with it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from crossbar import Context, Endpoint, Reply, Resource
from crossbar.testing import Client, World, small_world

from .test_compression import CODINGS, TEXT, accepting, coding_of
from .tools import SETTINGS, refused


class Notes(Resource):
    """Documents of any length."""

    name = "notes"


class Tagged(Endpoint):
    """An endpoint with entity tags of its own."""

    name = "tagged"
    anywhere = True

    async def find(self, ctx: Context) -> Reply:
        """Answer with the tag that is asked for."""
        return Reply(TEXT, headers=((b"etag", ctx.query["tag"].encode()),))


@pytest.fixture(scope="module")
async def packed() -> AsyncIterator[World]:
    """An application with such endpoints, and the usual settings."""
    world = await small_world(settings=SETTINGS, endpoints=[Notes(), Tagged()])
    yield world
    await world.app.stop()


@pytest.fixture
async def client(packed: World) -> Client:
    """A client of it."""
    return await packed.client("reseller")


async def documented(world: World, client: Client) -> tuple[str, str]:
    """A document that is long enough, and the entity tag of its plain form."""
    made = await client.put(f"/accounts/{world.reseller}/notes", {"name": "Old", "text": TEXT})
    path = f"/accounts/{world.reseller}/notes/{made.data['id']}"
    return path, (await client.get(path)).headers["etag"]


@pytest.mark.parametrize("coding", CODINGS)
async def test_entity_tags(packed: World, client: Client, coding: str) -> None:
    """Another form has another strong tag, and each of them says that the client has it, or changes it."""
    path, tag = await documented(packed, client)
    response = await client.get(path, headers=accepting(coding))
    other = response.headers["etag"]
    assert f'{tag[:-1]}-{coding}"' == other
    for known, told in ((other, other), (tag, tag), (f'"x", W/{other}', other), ("*", tag)):
        for accepted in (coding, "identity", ""):
            again = await client.get(path, headers=accepting(accepted, **{"if-none-match": known}))
            assert (304, b"", told) == (again.status, again.body, again.headers["etag"])
    for known in (f'"x-{coding}"', f'"{tag[1:-1]}-deflate"', f'"{tag[1:-1]}-{coding}-{coding}"', other[:-1]):
        again = await client.get(path, headers=accepting(coding, **{"if-none-match": known}))
        assert (200, other) == (again.status, again.headers["etag"])


@pytest.mark.parametrize("coding", CODINGS)
async def test_changes_under_a_condition(packed: World, client: Client, coding: str) -> None:
    """The tag that the client was given is the one that it may change by; once, and not a weak one."""
    path, _ = await documented(packed, client)
    tag = (await client.get(path, headers=accepting(coding))).headers["etag"]
    refused(await client.patch(path, {"name": "New"}, headers={"if-match": f"W/{tag}"}), 412)
    changed = await client.patch(path, {"name": "New"}, headers=accepting(coding, **{"if-match": tag}))
    assert (200, coding) == (changed.status, coding_of(changed))
    assert tag != changed.headers["etag"]
    refused(await client.patch(path, {"name": "Newer"}, headers={"if-match": tag}), 412)
    assert 200 == (await client.patch(path, {"name": "Newer"}, headers={"if-match": changed.headers["etag"]})).status


async def test_tags_of_an_endpoint(client: Client) -> None:
    """A weak tag is that of all forms; a strong one becomes another."""
    for tag, wanted in (('W/"a"', 'W/"a"'), ('"a"', '"a-br"'), ('""', '"-br"')):
        response = await client.get("/tagged", query={"tag": tag}, headers=accepting("br"))
        assert ("br", [wanted]) == (coding_of(response), response.values("etag"))
