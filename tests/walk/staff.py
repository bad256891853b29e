"""An account with an administrator and two users, for tests of roles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from crossbar import Document, Insert
from crossbar.resource import new_id
from crossbar.testing import NOW, Client, World

from .tools import NOWHERE, Home, leg


@dataclass(frozen=True, slots=True)
class Staff:
    """An account with an administrator (boss) and two users (ada, bob), each with a device and a call record.

    There is also what belongs to nobody. Each has a client.
    """

    home: Home
    clients: dict[str, Client]
    users: dict[str, str]
    devices: dict[str, str]
    calls: dict[str, str]

    def at(self, path: str, whose: str) -> str:
        """A path of the account, with the ids of what belongs to somebody."""
        return self.home.at(path.format(user=self.users[whose], device=self.devices[whose], call=self.calls[whose]))


LEVELS: dict[str, dict[str, Any]] = {
    "boss": {"priv_level": "admin"},
    "ada": {"priv_level": "user"},
    "bob": {},
}


async def hired(home: Home, world: World) -> Staff:
    """Put the people and what belongs to them into an account."""
    store = world.app.store
    account = await store.get("", "accounts", home.id)
    assert account is not None
    users, devices, calls, clients = {}, {}, {}, {}
    changes = []
    for number, (name, level) in enumerate({**LEVELS, "nobody": {}}.items()):
        users[name], devices[name] = new_id(), new_id()
        owner = {"owner_id": users[name]} if name != "nobody" else {}
        call = leg(number, **owner)
        calls[name] = call["id"]
        person = {"first_name": name, "last_name": "X", "username": name, **level}
        user = Document.of(home.id, "users", users[name], person, NOW + number, {"identity": name})
        if name != "nobody":
            changes.append(Insert(user))
            clients[name] = Client(world.app, world.app.tokens.mint(account, user, "cb_user_auth"))
        body = {"name": f"Desk of {name}", **owner}
        changes.append(Insert(Document.of(home.id, "devices", devices[name], body, NOW + number)))
        changes.append(Insert(Document.of(home.id, "cdrs", call["id"], call, NOW + number, call.pop("_private"))))
    await store.write(changes)
    users |= {"missing": NOWHERE}
    devices |= {"missing": NOWHERE}
    calls |= {"missing": "202605-ffffffff"}
    return Staff(home, clients, users, devices, calls)
