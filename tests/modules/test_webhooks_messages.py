"""Messages: what a receiver gets, in every manner of writing it, and what never leaves."""

from __future__ import annotations

import pytest

from crossbar.dates import gregorian

from .tools import Clock, Home, Receiver, until


async def test_the_life_of_a_document(home: Home, receiver: Receiver, clock: Clock) -> None:
    """Creating, replacing, patching and deleting a document is told, each once, with nothing of what it says."""
    hook = await home.hook(receiver)
    id = await home.device("Kitchen")
    at = f"{home.path}/devices/{id}"
    await until(lambda: len(receiver.received) == 1)
    await home.client.post(at, {"name": "Cellar"})
    await until(lambda: len(receiver.received) == 2)
    await home.client.patch(at, {"name": "Attic"})
    await until(lambda: len(receiver.received) == 3)
    await home.client.delete(at)
    await until(lambda: len(receiver.received) == 4)
    facts = {"hook_event": "object", "type": "device", "id": id, "account_id": home.id}
    when = {"timestamp": gregorian(int(clock.now))}
    actions = ["doc_created", "doc_edited", "doc_edited", "doc_deleted"]
    assert [facts | when | {"action": action} for action in actions] == [got.event for got in receiver.received]
    assert 4 == len({got.id for got in receiver.received})
    for got in receiver.received:
        sent = {"x-hook-id": hook["id"], "x-account-id": home.id, "webhook-timestamp": str(int(clock.now))}
        sent |= {"connection": "close", "accept-encoding": "identity"}
        assert sent.items() <= got.headers.items()
        assert ("POST", "/hook", True) == (got.method, got.path, got.signed_by(hook["secret"]))
        assert b"Kitchen" not in got.body


@pytest.mark.parametrize(
    ("http_verb", "format", "content_type"),
    [
        ("post", "json", "application/json"),
        ("put", "json", "application/json"),
        ("post", "form-data", "application/x-www-form-urlencoded"),
        ("put", "form-data", "application/x-www-form-urlencoded"),
        ("get", "form-data", None),
        ("get", "json", None),
    ],
)
async def test_every_manner_of_writing(
    home: Home, receiver: Receiver, http_verb: str, format: str, content_type: str | None
) -> None:
    """The method and the format are the webhook's; a query of its URI stays; the signature covers what is told."""
    uri = f"{receiver.uri}?key=a%20b"
    custom = {"customer": "M\u00fcller & Co"}
    hook = await home.hook(receiver, http_verb=http_verb, format=format, uri=uri, custom_data=custom)
    id = await home.device()
    await until(lambda: receiver.received)
    [got] = receiver.received
    assert (http_verb.upper(), content_type, True) == (
        got.method,
        got.headers.get("content-type"),
        got.signed_by(hook["secret"]),
    )
    assert ("doc_created", id, "M\u00fcller & Co") == tuple(got.event[key] for key in ("action", "id", "customer"))
    assert got.query.startswith("key=a%20b&") if http_verb == "get" else got.query == "key=a%20b"


async def test_without_a_format_it_is_form_data(home: Home, receiver: Receiver) -> None:
    """The default is Kazoo's: a POST of form data."""
    body = {"name": "Tell", "hook": "all", "uri": receiver.uri}
    assert (await home.client.put(f"{home.path}/webhooks", body)).status == 201
    await home.device()
    await until(lambda: receiver.received)
    assert ("POST", "application/x-www-form-urlencoded") == (
        receiver.received[0].method,
        receiver.received[0].headers["content-type"],
    )


async def test_secrets_of_documents_stay(home: Home, receiver: Receiver) -> None:
    """A new user's password is in nothing that leaves."""
    await home.hook(receiver)
    person = {"first_name": "Ada", "last_name": "Byron", "username": "ada", "password": "hidden-password"}
    assert (await home.client.put(f"{home.path}/users", person)).status == 201
    await until(lambda: receiver.received)
    assert [("user", "doc_created")] == receiver.events
    assert "hidden-password" not in repr(receiver.received)
    assert not [document for document in await home.outstanding() if b"hidden-password" in document.body]
