"""Several ids in one path: what is refused as a whole, and that nobody gains rights by asking for many things."""

from __future__ import annotations

from typing import Any

import pytest

from crossbar.testing import World, small_world

from .ringcentral_desk import BOUNDARY, PNG, Desk, code, desk_in, multipart, parts, settings

DEVICES = "/account/~/extension/~/device"
FIFTY_ONE = ",".join(map(str, range(51)))


@pytest.fixture
async def desk(world: World) -> Desk:
    """An account of one test's own."""
    return await desk_in(world)


@pytest.mark.parametrize(
    ("method", "ids", "sent"),
    [
        pytest.param("PUT", "1,2", [{"body": {}}], id="too-few-bodies"),
        pytest.param("PUT", "1,1,2", [{"body": {}}] * 3, id="one-twice"),
        pytest.param("PUT", "1,2", [{}, {}], id="no-bodies"),
        pytest.param("PUT", "1,2", [1, 2], id="no-objects"),
        pytest.param("PUT", "1,2", "text", id="text"),
        pytest.param("PUT", "*", {"name": "x"}, id="star-without-array"),
        pytest.param("PUT", "*", [{"body": {}}], id="star-without-ids"),
        pytest.param("PUT", "*", [{"resourceId": "1", "body": {}}] * 2, id="star-with-one-twice"),
        pytest.param("DELETE", "*", [], id="star-with-nothing"),
        pytest.param("DELETE", "*", [True], id="no-id"),
        pytest.param("DELETE", "*", [{"id": "1"}], id="objects"),
    ],
)
async def test_bodies_that_do_not_belong_to_the_ids(desk: Desk, method: str, ids: str, sent: Any) -> None:
    """They are 400, and nothing is changed."""
    assert code(await desk.ask(method, f"{DEVICES}/{ids}", sent)) == (400, "CMN-103", None)


async def test_bodies_that_cannot_be_read(desk: Desk) -> None:
    """Broken JSON, broken multipart, and what is neither."""
    path = f"{DEVICES}/1,2"
    assert code(await desk.ask("PUT", path, body=b'{"name": ')) == (400, "CMN-103", None)
    mixed = {"content-type": f"multipart/mixed; boundary={BOUNDARY}"}
    assert code(await desk.ask("PUT", path, body=b"nothing", headers=mixed)) == (400, "CMN-104", None)
    text = multipart(("Content-Type: text/plain", b"{}"), ("Content-Type: text/plain", b"{}"))
    assert code(await desk.ask("PUT", path, body=text, headers=mixed)) == (415, "CMN-407", None)
    png = {"content-type": "image/png"}
    assert code(await desk.ask("PUT", "/account/~/extension/1,2/photo", body=PNG, headers=png))[0] == 415


async def test_other_ids_than_in_the_path(desk: Desk) -> None:
    """An array in another order than the ids would change the wrong ones."""
    sent = [{"resourceId": "2", "body": {}}, {"resourceId": "1", "body": {}}]
    assert code(await desk.ask("PUT", f"{DEVICES}/1,2", sent)) == (400, "CMN-108", "resourceId")


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        pytest.param("GET", "/account/~/nonsense/1,2", (404, "CMN-120", None), id="no-such-uri"),
        pytest.param("GET", "/account/~/device/1,2/nonsense", (404, "CMN-120", None), id="no-such-uri-below"),
        pytest.param("PUT", "/account/~/call-log/1,2", (405, "CMN-202", None), id="no-such-method"),
        pytest.param("POST", f"{DEVICES}/1,2", (400, "CMN-101", "deviceId"), id="nothing-is-made-so"),
        pytest.param("GET", "/account/~/extension/1,2/device/3,4", (400, "CMN-101", "extensionId"), id="two-places"),
        pytest.param("GET", f"/account/~/device/{FIFTY_ONE}", (400, "CMN-106", "deviceId"), id="51"),
    ],
)
async def test_errors_of_the_place_itself(desk: Desk, method: str, path: str, expected: Any) -> None:
    """They are answered once, as ever, and not with 207."""
    assert code(await desk.ask(method, path, {} if method in ("PUT", "POST") else None)) == expected


async def test_allow(desk: Desk) -> None:
    """405 says what is allowed, in the verbs of this dialect."""
    answer = await desk.ask("DELETE", "/account/~/call-log/1,2")
    assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD, OPTIONS")


async def test_fifty_whole_ids(desk: Desk) -> None:
    """As many ids as may be named fit into the path."""
    ids = ",".join(f"{at:032x}" for at in range(50))
    states, _ = parts(await desk.get(f"{DEVICES}/{ids}"))
    assert [state["status"] for state in states] == [404] * 50


async def test_a_limit_of_ones_own() -> None:
    """How many there may be is a setting, in the body too."""
    world = await small_world(settings=settings(bulk=2))
    desk = await desk_in(world)
    assert code(await desk.get(f"{DEVICES}/1,2,3")) == (400, "CMN-106", "deviceId")
    assert code(await desk.ask("DELETE", f"{DEVICES}/*", ["1", "2", "3"])) == (400, "CMN-106", "deviceId")
    await world.app.stop()


# Rights.


async def test_nobody_is_told_anything(desk: Desk) -> None:
    """Without a token it is 401, whatever is asked for."""
    for path in (f"{DEVICES}/1,2", "/account/~/nonsense/1,2"):
        assert code(await desk.get(path, {"authorization": ""})) == (401, "OAU-134", None)


async def test_each_is_authorized_alone(world: World, desk: Desk) -> None:
    """What a user may not see or do alone, they cannot in company."""
    id, person = await desk.person(number="102")
    own = str((await desk.made(f"/account/~/extension/{id}/device", {"name": "Own"}))["id"])
    other = await desk.device("Somebody else's")
    states, bodies = parts(await person.get(f"/account/~/device/{own},{other}"))
    assert ([state["status"] for state in states], bodies[0]["name"]) == ([200, 404], "Own")
    states, _ = parts(await person.ask("DELETE", f"/account/~/device/{other},{own}"))
    alone = [(await person.ask("DELETE", f"/account/~/device/{other}")).status]
    assert states[0]["status"] == alone[0]
    assert await desk.kept("devices", other) is not None
    stranger = await desk_in(world)
    device = await stranger.device()
    path = f"/account/{desk.account},{stranger.account}/device"
    states, bodies = parts(await desk.get(path))
    assert [state["status"] for state in states] == [200, 404]
    assert device not in str(bodies)
    states, _ = parts(await desk.get(f"/account/~/extension/~,{stranger.extension}"))
    assert [state["status"] for state in states] == [200, 404]


async def test_files_are_fetched_one_by_one(desk: Desk) -> None:
    """A file is no part of an answer."""
    other, _ = await desk.person(number="102")
    for id in (desk.extension, other):
        path = f"/account/~/extension/{id}/photo"
        sent = await desk.ask("PUT", path, body=PNG, headers={"content-type": "image/png"})
        assert sent.status == 201, sent.body
    for what in ("photo", "vcard"):
        states, _ = parts(await desk.get(f"/account/~/extension/{desk.extension},{other}/{what}"))
        assert [state["status"] for state in states] == [406, 406]
