"""Photos of users: one each, shown by browsers, gone with the user."""

from __future__ import annotations

import hashlib

import pytest

from crossbar.testing import Client

from .office import PDF, PNG, Office, told

MOST = 1_048_576


async def test_a_photo_comes_and_goes(office: Office) -> None:
    """It is uploaded, shown, replaced and deleted; the user's document does not change in that."""
    user = await office.user()
    path = f"/users/{user}/photo"
    before = (await office.get(f"/users/{user}")).data
    told(await office.get(path), 404)
    for status, content in ((201, PNG), (200, PNG * 2)):
        sent = await office.send("POST", path, content, "image/png", x_file_name="me.png")
        digest = hashlib.sha256(content).hexdigest()
        assert (status, digest) == (sent.status, sent.data["sha256"])
        found = await office.get(path)
        assert ("image/png", content) == (found.headers["content-type"], found.body)
        assert 'inline; filename="me.png"' == found.headers["content-disposition"]
    assert before == (await office.get(f"/users/{user}")).data
    assert 200 == (await office.ask("DELETE", path)).status
    told(await office.get(path), 404)
    told(await office.ask("DELETE", path), 404)


@pytest.mark.parametrize(
    "content_type", ["image/png", "image/jpeg", "image/jpg", "image/gif", "image/webp", "image/bmp"]
)
@pytest.mark.parametrize("method", ["PUT", "POST"])
async def test_pictures(office: Office, method: str, content_type: str) -> None:
    """Of all usual types."""
    path = f"/users/{await office.user()}/photo"
    assert 201 == (await office.send(method, path, PNG, content_type)).status
    shown = (await office.get(path)).headers
    assert content_type.replace("jpg", "jpeg") == shown["content-type"]
    assert shown["content-disposition"].startswith("inline;")


@pytest.mark.parametrize(
    ("content", "content_type", "status"),
    [
        pytest.param(PDF, "application/pdf", 415, id="pdf"),
        pytest.param(b"<svg onload='alert(1)'/>", "image/svg+xml", 415, id="a-drawing-with-scripts"),
        pytest.param(b"what is this", "application/octet-stream", 415, id="bytes"),
        pytest.param(b"", "image/png", 400, id="nothing"),
        pytest.param(b"x" * (MOST + 1), "image/png", 413, id="too-large"),
    ],
)
async def test_what_is_no_photo(office: Office, content: bytes, content_type: str, status: int) -> None:
    """It is refused, and the photo that is there stays."""
    path = f"/users/{await office.user()}/photo"
    await office.send("PUT", path, PNG, "image/png")
    told(await office.send("PUT", path, content, content_type), status)
    assert PNG == (await office.get(path)).body


async def test_the_largest_photo(office: Office) -> None:
    """One of exactly a mebibyte is taken."""
    path = f"/users/{await office.user()}/photo"
    assert 201 == (await office.send("PUT", path, b"x" * MOST, "image/png")).status
    assert MOST == len((await office.get(path)).body)


async def test_a_photo_outlives_changes_of_its_user(office: Office) -> None:
    """A new name, a new password and a whole new document leave it where it is; login goes on working."""
    user = await office.user(username="ada.byron", password="a good password")
    path = f"/users/{user}/photo"
    await office.send("PUT", path, PNG, "image/png")
    await office.ask("PATCH", f"/users/{user}", {"first_name": "Augusta"})
    data = {"first_name": "Ada", "last_name": "King", "username": "ada.byron", "password": "another password"}
    assert 200 == (await office.ask("POST", f"/users/{user}", data)).status
    assert PNG == (await office.get(path)).body
    digest = hashlib.md5(b"ada.byron:another password").hexdigest()
    login = {"credentials": digest, "account_id": office.id}
    assert 201 == (await Client(office.world.app).put("/user_auth", login)).status


async def test_a_user_with_a_photo_from_the_start(office: Office) -> None:
    """One request makes both."""
    made = await office.form("PUT", "/users", {"first_name": "Ada", "last_name": "Byron"}, ("me.gif", "image/gif", PNG))
    assert 201 == made.status
    assert PNG == (await office.get(f"/users/{made.data['id']}/photo")).body
    assert 200 == (await office.ask("DELETE", f"/users/{made.data['id']}")).status
    told(await office.get(f"/users/{made.data['id']}/photo"), 404)


async def test_whose_photo_it_is(office: Office) -> None:
    """A user changes their own, and nobody else's; strangers see none."""
    ada, client = await office.login()
    other = await office.user()
    user = Office(office.world, client, office.id)
    assert 201 == (await user.send("PUT", f"/users/{ada}/photo", PNG, "image/png")).status
    told(await user.send("PUT", f"/users/{other}/photo", PNG, "image/png"), 404)
    told(await user.get(f"/users/{other}/vcard"), 404)
    stranger = await office.world.client("stranger")
    told(await stranger.get(office.at(f"/users/{ada}/photo")), 404)
    told(await Client(office.world.app).get(office.at(f"/users/{ada}/photo")), 401)
