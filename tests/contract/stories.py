"""The story that is told in each dialect, with what its clients call the fields, and what a store holds of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import orjson

from crossbar import Document, Query
from crossbar.testing import CROSSBAR, REALM, RINGCENTRAL, Client, Response, Speech, World
from crossbar.testing.speech import nouns_of

SPEECHES: dict[str, Speech] = {"crossbar": CROSSBAR, "ringcentral": RINGCENTRAL, "realm": REALM}

# What clients of each dialect call the fields of the story, written down a second time. Each value is exchanged as the
# last column says, where it is not the same in all of them.
Fields = dict[str, dict[str, Any]]
ACCOUNT: dict[str, Fields] = {
    "made": {name: {"name": "Ada & Co", "timezone": "Europe/Berlin"} for name in SPEECHES},
    "patched": {
        "crossbar": {"language": "de", "enabled": False},
        "ringcentral": {"language": "de", "status": "Disabled"},
        "realm": {"language": "de", "status": "blocked"},
    },
    "opened": {
        "crossbar": {"enabled": True},
        "ringcentral": {"status": "Confirmed"},
        "realm": {"status": "active"},
    },
}
EXTENSION: dict[str, Fields] = {
    "made": {
        "crossbar": {
            **{"number": "101", "extension_type": "queue", "first_name": "Ada", "last_name": "Byron"},
            **{"email": "ada@example.com", "custom_note": {"someKey": [1, {"other_key": None}]}},
        },
        "ringcentral": {
            **{"extensionNumber": "101", "type": "Department"},
            "contact": {"firstName": "Ada", "lastName": "Byron", "email": "ada@example.com"},
            "custom_note": {"someKey": [1, {"other_key": None}]},
        },
        "realm": {
            **{"name": "101", "type": "queue", "first_name": "Ada", "last_name": "Byron"},
            **{"email": "ada@example.com", "custom_note": {"someKey": [1, {"other_key": None}]}},
        },
    },
    "patched": {
        "crossbar": {"first_name": "Augusta", "enabled": False},
        "ringcentral": {"contact": {"firstName": "Augusta"}, "status": "Disabled"},
        "realm": {"first_name": "Augusta", "status": "blocked"},
    },
    "replaced": {
        "crossbar": {
            **{"number": "102", "extension_type": "phone", "first_name": "Ada", "last_name": "King"},
            **{"email": "king@example.com", "enabled": True, "custom_note": {"someKey": ["a"]}},
        },
        "ringcentral": {
            **{"extensionNumber": "102", "type": "User", "status": "Enabled", "custom_note": {"someKey": ["a"]}},
            "contact": {"firstName": "Ada", "lastName": "King", "email": "king@example.com"},
        },
    },
}
DEVICE: dict[str, Fields] = {
    "made": {
        "crossbar": {"name": "Desk {n}", "device_type": "softphone", "sip": {"expire_seconds": 60}},
        "ringcentral": {"name": "Desk {n}", "type": "SoftPhone", "sip": {"expireSeconds": 60}},
        "realm": {"name": "Desk {n}", "device_type": "softphone", "sip": {"expire_seconds": 60}},
    },
    "patched": {
        "crossbar": {"mac_address": "02:00:5E:00:53:01", "enabled": False},
        "ringcentral": {"serial": "02:00:5E:00:53:01", "status": "Offline"},
        "realm": {"mac_address": "02:00:5E:00:53:01", "enabled": False},
    },
}
# A dialect that has no way to replace changes everything at once, which comes to the same here.
EXTENSION["replaced"]["realm"] = {
    **{"name": "102", "type": "phone", "status": "active", "first_name": "Ada", "last_name": "King"},
    **{"email": "king@example.com", "custom_note": {"someKey": ["a"]}},
}
NUMBER = {"crossbar": "number", "ringcentral": "extensionNumber", "realm": "name"}

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8


class Teller:
    """Tells the story in one dialect, or each of its steps in the next of several."""

    def __init__(self, clients: Mapping[str, Client]) -> None:
        self._clients = clients
        self._next = self._turns()

    def _turns(self) -> Iterator[tuple[str, Client]]:
        while True:
            yield from self._clients.items()

    def turn(self) -> tuple[str, Client]:
        """Whose turn it is: the name of the dialect, and its client."""
        return next(self._next)

    async def made(self, *nouns: Any, of: dict[str, Fields], n: int = 0) -> str:
        """Create something, see that the answer shows it, and give its id."""
        dialect, client = self.turn()
        body = numbered(of["made"][dialect], n)
        response = await client.create(*nouns, body=body)
        shown(response, body)
        assert {"crossbar": 201, "ringcentral": 200, "realm": 201}[dialect] == response.status
        id = response.document["id"]
        assert isinstance(id, str)
        # What an answer says of where the new document is leads to it.
        assert id == (await client.get("//" + response.headers["location"].lstrip("/"))).document["id"]
        return id

    async def changed(self, operation: str, *nouns: Any, of: Fields) -> None:
        """Patch or replace something, and see that the next one who reads it finds it so."""
        dialect, client = self.turn()
        response = await client.operate(operation, *nouns, body=of[dialect])
        assert 200 == response.status, response.body
        shown(response, of[dialect])
        dialect, client = self.turn()
        shown(await client.read(*nouns), of[dialect])

    async def deleted(self, *nouns: Any) -> None:
        """Delete something, and see that nobody finds it any more."""
        dialect, client = self.turn()
        response = await client.delete(*nouns)
        assert {"crossbar": 200, "ringcentral": 204, "realm": 204}[dialect] == response.status
        assert (dialect == "crossbar") == bool(response.body)
        for other in self._clients.values():
            assert 404 == (await other.read(*nouns)).status

    async def listed(self, *nouns: Any, sizes: list[int]) -> list[str]:
        """The ids in a listing, page by page to its end."""
        _, client = self.turn()
        pages = [page async for page in client.pages(*nouns, page_size=max(sizes))]
        assert sizes == [len(page.documents) for page in pages]
        return [row["id"] for page in pages for row in page.documents]

    async def uploaded(self, *nouns: Any) -> None:
        """Upload a picture, and fetch a piece of it."""
        _, client = self.turn()
        path = client.speech.call("replace", nouns_of(nouns), None).path
        response = await client.request("PUT", path, body=PNG, headers={"content-type": "image/png"})
        assert response.status in (200, 201), response.body
        _, client = self.turn()
        path = client.speech.call("read", nouns_of(nouns), None).path
        whole = await client.get(path)
        assert (200, PNG, "image/png") == (whole.status, whole.body, whole.headers["content-type"])
        piece = await client.get(path, headers={"range": "bytes=8-11"})
        expected = (206, PNG[8:12], f"bytes 8-11/{len(PNG)}")
        assert expected == (piece.status, piece.body, piece.headers["content-range"])
        beyond = await client.get(path, headers={"range": "bytes=5000-"})
        assert (416, f"bytes */{len(PNG)}") == (beyond.status, beyond.headers["content-range"])


async def told(teller: Teller) -> str:
    """Tell the story, and give the id of the account that it is about."""
    account = await teller.made("accounts", of=ACCOUNT)
    home = ("accounts", account)
    await teller.changed("patch", home, of=ACCOUNT["patched"])
    await teller.changed("patch", home, of=ACCOUNT["opened"])
    extension = await teller.made(home, "extensions", of=EXTENSION)
    person = ("extensions", extension)
    await teller.changed("patch", home, person, of=EXTENSION["patched"])
    await teller.changed("replace", home, person, of=EXTENSION["replaced"])
    assert [extension] == await teller.listed(home, "extensions", sizes=[1])
    desks = [await teller.made(home, person, "devices", of=DEVICE, n=n) for n in range(5)]
    await teller.changed("patch", home, ("devices", desks[2]), of=DEVICE["patched"])
    found = await teller.listed(home, person, "devices", sizes=[2, 2, 1])
    assert sorted(desks) == sorted(found)
    await teller.uploaded(home, ("extensions", extension, "photo"))
    await teller.deleted(home, person, ("devices", desks[0]))
    await teller.deleted(home, ("devices", desks[4]))
    assert sorted(desks[1:4]) == sorted(await teller.listed(home, "devices", sizes=[3]))
    gone = await teller.made(home, "devices", of=DEVICE, n=9)
    await teller.deleted(home, ("devices", gone))
    return account


def numbered(fields: Mapping[str, Any], n: int) -> dict[str, Any]:
    """The fields with a number in their texts."""
    return {name: value.replace("{n}", str(n)) if isinstance(value, str) else value for name, value in fields.items()}


def shown(response: Response, fields: Mapping[str, Any]) -> None:
    """See that a document has these fields, those inside of objects included."""
    document = response.document
    for name, value in fields.items():
        if name in ("mac_address", "serial"):
            value = value.lower().replace(":", "")
        found = document.get(name)
        if isinstance(value, dict) and name in ("contact", "sip"):
            found = {key: found.get(key) for key in value} if isinstance(found, dict) else found
        assert value == found, (name, document)


# What a store holds.

_ID = re.compile(r"[0-9a-f]{32}")
_MADE_UP = frozenset({"identity", "api_key", "blob", "realm"})
"""Fields whose values nobody chose."""


async def held(world: World, account: str) -> dict[str, Any]:
    """All that the store has of an account, by kind; made-up values by what they look like, ids by their order."""
    store = world.app.store
    kinds = sorted({kind.name for endpoint in world.app.registry.names.values() for kind in endpoint.kinds()})
    found: dict[str, list[Document | None]] = {"account": [await store.get("", "accounts", account)]}
    for kind in kinds:
        rows = sorted(await store.find(Query(account, kind)), key=lambda row: str(row.data().get("name")))
        found[kind] = [*rows]
    order: dict[str, str] = {}
    return {
        kind: [
            {
                **{"kind": each.kind, "tenant": _plain(each.tenant, order), "id": _plain(each.id, order)},
                **{"revision": each.revision, "expires": each.expires, "times": (each.created, each.modified)},
                "body": _plain(each.data(), order),
                "private": _plain(each.secrets(), order),
            }
            for each in documents
            if each is not None
        ]
        for kind, documents in found.items()
        if documents
    }


def _plain(value: Any, order: dict[str, str], name: str = "") -> Any:
    if isinstance(value, dict):
        return {key: _plain(each, order, key) for key, each in sorted(value.items())}
    if isinstance(value, list):
        return [_plain(each, order, name) for each in value]
    if name in _MADE_UP and isinstance(value, str):
        return f"{len(value)} characters"
    if isinstance(value, str) and _ID.fullmatch(value):
        return order.setdefault(value, f"id {len(order)}")
    return value


def size_of(found: dict[str, Any]) -> int:
    """How many documents there are."""
    return sum(map(len, found.values()))


def as_text(found: dict[str, Any]) -> str:
    """What a store holds, to be compared and read."""
    return orjson.dumps(found, option=orjson.OPT_INDENT_2).decode()
