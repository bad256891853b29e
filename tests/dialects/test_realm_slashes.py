"""The slash at the end of a path in the realm style, by each of the three policies."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from crossbar.testing import Client, Response

from .realm_desk import API, NOWHERE, Desk, desk_in, told, world_with

WORDS = ["/client/@me/phone", "/user", "/timezone", "/client/@me/limit", "/phone", "/extension/@101/phone"]
"""Paths whose last part is a word: collections, what there is once, and roots."""
IDS = ["/client/@me", "/client/@me/extension/@101", "/extension/@101", "/timezone/Europe%2FBerlin"]
"""Paths whose last part is an id."""


@pytest.fixture(scope="module", params=["lenient", "redirect", "strict"])
async def desk(request: pytest.FixtureRequest) -> AsyncIterator[Desk]:
    """An account with an extension, where the policy is one of the three."""
    async with world_with(slash=request.param) as world:
        desk = await desk_in(world)
        await desk.extension("101")
        yield desk


def policy(desk: Desk) -> str:
    """The policy where a desk stands."""
    slash: str = desk.world.app.settings.dialects.realm.slash
    return slash


def misspelt(desk: Desk, response: Response, right: str, usual: int = 200) -> None:
    """Check what a path with a wrong end is answered with."""
    if policy(desk) == "lenient":
        assert usual == response.status, response.body
    elif policy(desk) == "redirect":
        told(response, 308, "permanent_redirect")
        assert API + right == response.headers["location"]
    else:
        message = told(response, 404, "not_found")
        assert ("one slash" if right.partition("?")[0].endswith("/") else "no slash") in message


@pytest.mark.parametrize("path", WORDS)
async def test_behind_a_word(desk: Desk, path: str) -> None:
    """There is one slash behind a word, by whatever policy; none, or several, are as wrong as the policy says."""
    assert 200 == (await desk.ask("GET", f"{path}/")).status
    misspelt(desk, await desk.ask("GET", path), f"{path}/")
    misspelt(desk, await desk.ask("GET", f"{path}//"), f"{path}/")
    misspelt(desk, await desk.ask("HEAD", path), f"{path}/") if policy(desk) == "lenient" else None


@pytest.mark.parametrize("path", IDS)
async def test_behind_an_id(desk: Desk, path: str) -> None:
    """There is no slash behind an id."""
    assert 200 == (await desk.ask("GET", path)).status
    misspelt(desk, await desk.ask("GET", f"{path}/"), path)


async def test_behind_the_word_of_an_action(desk: Desk) -> None:
    """The word of an action is a word, whatever stands before it."""
    record = (await desk.made("/client/@me/record/", {"call_id": "leg"}))["id"]
    assert {"record_url": None} == await desk.get(f"/record/{record}/storage_url/")
    misspelt(desk, await desk.ask("GET", f"/record/{record}/storage_url"), f"/record/{record}/storage_url/")
    sound = b"RIFF0000WAVEfmt "
    put = await desk.ask("PUT", f"/record/{record}/content/", body=sound, content_type="audio/wav")
    assert put.status in (200, 201)
    assert sound == (await desk.ask("GET", f"/record/{record}/content/")).body
    misspelt(desk, await desk.ask("GET", f"/record/{record}/content"), f"/record/{record}/content/")


async def test_methods_that_write(desk: Desk) -> None:
    """A wrong end changes nothing but by the lenient policy; 308 keeps method and body for the right path."""
    response = await desk.ask("POST", "/client/@me/phone", {"name": "First"})
    misspelt(desk, response, "/client/@me/phone/", 201)
    made = [row["id"] for row in await desk.get("/client/@me/phone/?name=First")]
    assert (1 if policy(desk) == "lenient" else 0) == len(made)
    phone = (await desk.made("/client/@me/phone/", {"name": "Second"}))["id"]
    for method, data, usual in (("PUT", {"name": "Third"}, 200), ("DELETE", None, 204)):
        misspelt(desk, await desk.ask(method, f"/client/@me/phone/{phone}/", data), f"/client/@me/phone/{phone}", usual)
    if policy(desk) != "lenient":
        assert "Second" == (await desk.get(f"/client/@me/phone/{phone}"))["name"]


async def test_the_query_goes_along(desk: Desk) -> None:
    """A redirect keeps the query as it was written, but for tokens, which no log on the way should see."""
    path = "/client/@me/phone?name=a%26b&access_token=secret&name=c+d&auth_token=secret"
    misspelt(desk, await desk.ask("GET", path), "/client/@me/phone/?name=a%26b&name=c+d")
    misspelt(desk, await desk.ask("GET", "/client/%40me/phone?x"), "/client/%40me/phone/?x")


async def test_two_slashes_after_the_version(desk: Desk) -> None:
    """They mean one, by whatever policy, since a client in use writes them."""
    assert 200 == (await desk.ask("GET", "//api/ver1.0//user/")).status
    assert 200 == (await desk.ask("GET", "//api/ver1.0//client/@me")).status


@pytest.mark.parametrize(
    "path", ["/client//phone/", "/client/@me//phone/", "/extension//phone/", "/client/@me/phone//1"]
)
async def test_nothing_between_two_slashes(desk: Desk, path: str) -> None:
    """Elsewhere nothing is an id that there is not."""
    assert 404 == (await desk.ask("GET", path)).status


async def test_what_is_wrong_anyway(desk: Desk) -> None:
    """Where nothing answers, nobody is sent on; and nobody at all who has not said who they are."""
    for path in ("/nonsense", "/nonsense/", "/client/@me/nonsense", f"/client/@me/phone/{NOWHERE}/nonsense", "", "/"):
        response = await desk.ask("GET", path)
        assert (404, None) == (response.status, response.headers.get("location"))
    assert 401 == (await desk.ask("GET", "/client/@me/phone", token="")).status


async def test_asking_ahead(desk: Desk) -> None:
    """OPTIONS is answered with and without the slash: browsers follow no redirect when they ask ahead."""
    for path in ("/client/@me/phone", "/client/@me/phone/"):
        assert 204 == (await desk.ask("OPTIONS", path, token="")).status


async def test_token_end_points(desk: Desk) -> None:
    """They stand outside of the API, and so of its rule."""
    for path in ("//oauth/token", "//oauth/token/"):
        response = await desk.ask("POST", path, {"grant_type": "client_credentials"}, token="")
        assert (401, "invalid_client") == (response.status, response.json()["error"])


async def test_the_place_where_it_is_mounted_goes_along(desk: Desk) -> None:
    """A redirect leads below the path at which a host has mounted the application."""
    client = Client(desk.world.app, None, "", root_path="/phones")
    response = await client.get(f"{API}/user", headers={"authorization": f"Bearer {desk.token}"})
    if policy(desk) == "redirect":
        assert f"/phones{API}/user/" == response.headers["location"]


async def test_one_slash_in_the_place_of_two(desk: Desk) -> None:
    """They count as one, and where a path with another fault is led to, there is one."""
    assert 200 == (await desk.ask("GET", "//api/ver1.0//client/@me/phone/")).status
    for path in ("//api/ver1.0//client/@me/phone", "//api/ver1.0//client/@me/phone//?per_page=3"):
        query = path.partition("?")[1] + path.partition("?")[2]
        misspelt(desk, await desk.ask("GET", path), f"/client/@me/phone/{query}")
