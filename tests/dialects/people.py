"""People of several accounts and roles, who ask in each dialect."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from crossbar import Document, Insert
from crossbar.resource import new_id
from crossbar.testing import CROSSBAR, NOW, REALM, RINGCENTRAL, Client, Response, Speech, World
from crossbar.testing.speech import nouns_of

SPEECHES: dict[str, Speech] = {"crossbar": CROSSBAR, "ringcentral": RINGCENTRAL, "realm": REALM}
OTHERS = ("parent", "sibling", "stranger", "nonexistent")
SAME = {"x-request-id": "same"}
_numbers = count(200)
_TIME = re.compile(rb'"timestamp":"[^"]*"')

# What an extension, a device and an account are called by their fields in each dialect.
PERSON: dict[str, dict[str, Any]] = {
    "crossbar": {"number": "{n}", "first_name": "Ada", "last_name": "Byron"},
    "ringcentral": {"extensionNumber": "{n}", "contact": {"firstName": "Ada", "lastName": "Byron"}},
    "realm": {"name": "{n}", "first_name": "Ada", "last_name": "Byron"},
}


@dataclass(frozen=True, slots=True)
class Town:
    """Accounts around `self`, each with an administrator and a user, who have a device each.

    parent > self > child; parent > sibling; a stranger far away; and one that does not exist.
    """

    world: World
    accounts: dict[str, str] = field(default_factory=dict)
    bosses: dict[str, str] = field(default_factory=dict)
    users: dict[str, str] = field(default_factory=dict)
    devices: dict[str, str] = field(default_factory=dict)
    desks: dict[str, str] = field(default_factory=dict)

    async def client(self, dialect: str, who: str = "self", *, boss: bool = True, **claims: Any) -> Client:
        """A client of the administrator, or of the user, of an account."""
        return Client(self.world.app, await self.token(who, boss=boss, **claims), speech=SPEECHES[dialect])

    async def token(self, who: str = "self", *, boss: bool = True, **claims: Any) -> str:
        """A token of the administrator, or of the user, of an account."""
        store, account = self.world.app.store, self.accounts[who]
        document = await store.get("", "accounts", account)
        user = await store.get(account, "users", (self.bosses if boss else self.users)[who])
        assert document is not None
        return self.world.app.tokens.mint(document, user, "cb_user_auth", **claims)

    def nouns(self, text: str, who: str) -> tuple[Any, ...]:
        """Nouns written as `accounts:{account} devices:{device}`, with the ids of an account."""
        filled = text.format(
            account=self.accounts[who],
            boss=self.bosses[who],
            user=self.users[who],
            device=self.devices[who],
            desk=self.desks[who],
            mine=self.accounts["self"],
            my_user=self.users["self"],
            my_device=self.devices["self"],
        )
        return tuple([tuple(noun.split(":")) for noun in filled.split()])

    def path(self, dialect: str, text: str, who: str = "self") -> str:
        """The path of such nouns in a dialect, below its prefix."""
        return SPEECHES[dialect].call("read", nouns_of(self.nouns(text, who)), None).path

    def blank(self, body: bytes, who: str) -> bytes:
        """An answer without the ids that were asked for, and without the time of day."""
        for ids in (self.accounts, self.bosses, self.users, self.devices, self.desks):
            body = body.replace(ids[who].encode(), b"ID")
        return _TIME.sub(b"", body)


async def settled(world: World) -> Town:
    """A town of the test's own."""
    town = Town(world)
    trees = {"parent": [world.master, world.reseller], "stranger": [world.master, world.stranger]}
    above = {"self": "parent", "child": "self", "sibling": "parent"}
    changes = []
    for who in ("parent", *above, "stranger"):
        account = town.accounts[who] = new_id()
        if who in above:
            trees[who] = [*trees[above[who]], town.accounts[above[who]]]
        private = {"tree": trees[who], "parent": trees[who][-1], "identity": who, "login_name": account}
        body = {"name": f"{who} {account}", "realm": f"{account}.example.com", "enabled": True}
        changes.append(Insert(Document.of("", "accounts", account, body, NOW, private)))
        for people, things, role in ((town.bosses, town.desks, "admin"), (town.users, town.devices, "user")):
            people[who], things[who] = new_id(), new_id()
            person = {
                **{"username": f"{role}-{account}", "first_name": "Ada", "last_name": who, "priv_level": role},
                **{"number": "101" if role == "user" else "100", "extension_type": "phone", "enabled": True},
            }
            secret = {"identity": f"{who} {role}", "credentials": {"md5": "0" * 32}}
            desk = {"name": f"Desk of {who}", "owner_id": people[who]}
            changes.append(Insert(Document.of(account, "users", people[who], person, NOW, secret)))
            changes.append(Insert(Document.of(account, "devices", things[who], desk, NOW)))
    await world.app.store.write(changes)
    for ids in (town.accounts, town.bosses, town.users, town.devices, town.desks):
        ids["nonexistent"] = secrets.token_hex(16)
    return town


def person(dialect: str) -> dict[str, Any]:
    """The body of an extension with a number that nobody has yet."""
    number = str(next(_numbers))
    return {name: number if value == "{n}" else value for name, value in PERSON[dialect].items()}


def told(response: Response) -> tuple[int, dict[str, str]]:
    """A status and the header fields that came with it."""
    return response.status, dict(response.headers)
