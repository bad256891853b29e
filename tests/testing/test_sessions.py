"""Sessions: an application in a thread of its own, for tests that are plain functions, as these are."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from crossbar.testing import RunningWorld, Session, SocketClosed, SocketRefused, running_world, session

from .apps import Counting, Echo


@pytest.fixture(scope="module")
def world() -> Iterator[RunningWorld]:
    """Give a world that runs."""
    with running_world() as world:
        yield world


@pytest.fixture
def client(world: RunningWorld) -> Session:
    """Give a client of the customer's."""
    return world.client()


# What a client can do.


def test_verbs(client: Session) -> None:
    """Verbs and paths, without `await`."""
    id = client.put("/account/devices", {"name": "Desk"}).data["id"]
    path = f"/account/devices/{id}"
    statuses = [
        client.get(path).status,
        client.post(path, {"name": "Door"}).status,
        client.patch(path, {"note": "x"}).status,
        client.delete(path).status,
        client.request("OPTIONS", path).status,
    ]
    assert [200, 200, 200, 200, 204] == statuses


def test_operations(client: Session) -> None:
    """Operations on nouns, without `await`."""
    users = [client.create("account", "users", body={"first_name": n, "last_name": n}).document for n in "abcde"]
    user = ("users", users[0]["id"])
    assert "A" == client.patch("account", user, body={"first_name": "A"}).document["first_name"]
    assert "B" == client.replace("account", user, body={"first_name": "B", "last_name": "b"}).document["first_name"]
    assert "B" == client.read("account", user).document["first_name"]
    assert 2 == len(client.find("account", "users", page_size=2).documents)
    assert [2, 2, 2] == [len(page.documents) for page in client.pages("account", "users", page_size=2)]
    assert {user["id"] for user in users} < {row["id"] for row in client.every("account", "users", page_size=2)}
    assert 200 == client.delete("account", user).status


def test_half_of_the_pages(client: Session) -> None:
    """Nobody has to follow the pages to the end."""
    for number in range(3):
        client.create("account", "menus", body={"name": f"Menu {number}"})
    for page in client.pages("account", "menus", page_size=1):
        assert 1 == len(page.documents)
        break


def test_logging_in(world: RunningWorld) -> None:
    """Who logs in is known from then on; who has not is not."""
    client = world.client(None)
    assert 401 == client.read("account").status
    client.login("stranger", "admin", "crossbar")
    assert world.stranger == client.read("account").document["id"]


def test_several_clients(world: RunningWorld) -> None:
    """Clients of several accounts share one application."""
    stranger, reseller = world.client("stranger"), world.client("reseller")
    nouns = (("accounts", world.customer), "devices")
    assert (404, 200) == (stranger.find(*nouns).status, reseller.find(*nouns).status)


def test_what_lies_in_the_store(world: RunningWorld, client: Session) -> None:
    """A coroutine can be run where the application runs."""
    made = client.create("account", "lists", body={"name": "Friends"}).document
    kept = world.run(world.app.store.get(world.customer, "lists", made["id"]))
    assert kept is not None
    assert made == kept.data()


# Streams and sockets.


def test_a_stream() -> None:
    """A response is read while it comes, piece by piece, up to a size or a mark."""
    app = Counting()
    with session(app) as client, client.stream("GET", "/count") as response:
        assert (200, "0") == (response.status, response.headers["x-first"])
        assert (b"0,1,", b"2,3", b",") == (response.read(stop_after=4), response.until(b"3"), next(iter(response)))
    assert app.told


def test_the_end_of_a_stream() -> None:
    """A stream that ends has that many pieces."""
    with session(Counting(2)) as client, client.stream("GET", "/count") as response:
        assert [b"0,", b"1,", b"end"] == list(response)


def test_a_socket() -> None:
    """A WebSocket can be talked to, and tells why it was closed."""
    with session(Echo()) as client, client.socket("/echo", subprotocols=("one",)) as socket:
        assert ("one", "1") == (socket.subprotocol, socket.headers["x-echo"])
        socket.send_text("a")
        socket.send_bytes(b"b")
        socket.send_json({"c": 1})
        assert ("a", b"b", {"c": 1}) == (socket.receive_text(), socket.receive_bytes(), socket.receive_json())
        socket.send_text("bye")
        with pytest.raises(SocketClosed):
            socket.receive_text()


def test_closing_a_socket() -> None:
    """A WebSocket can be closed with a code."""
    app = Echo()
    with session(app) as client, client.socket("/echo") as socket:
        socket.close(4000)
    assert 4000 == app.last["code"]


def test_a_socket_that_is_refused(client: Session) -> None:
    """A WebSocket that is refused is an error with the status."""
    with pytest.raises(SocketRefused) as refused, client.socket("/account/devices"):
        pytest.fail("there is no connection")
    assert refused.value.response.status >= 400
