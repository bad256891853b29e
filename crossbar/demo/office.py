"""The people of one account and their phones, as users, devices and registrations."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import Any, NamedTuple

from ..dates import gregorian
from ..stores import Document
from .recipe import Recipe
from .tree import CUSTOMER, MASTER, Account, hex_id, pick, slug

DEMO_USER = "admin"
DEMO_PASSWORD = "crossbar"

Secrets = Callable[[str, str], bytes | dict[str, Any]]
"""What a user's private part keeps of a user name and a password."""

FIRST_EXTENSION = 1001


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who works for the account; `direct` is their own E.164 number, or the account's main one."""

    id: str
    username: str
    first: str
    last: str
    extension: str
    direct: str
    enabled: bool

    @property
    def name(self) -> str:
        """The full name."""
        return f"{self.first} {self.last}"


class Make(NamedTuple):
    """A kind of phone: what it is called, Kazoo's type, and brand, family and model of a real box."""

    label: str
    type: str
    box: tuple[str, str, str] | None = None

    @property
    def registers(self) -> bool:
        """Whether it is a SIP phone, not just a number elsewhere."""
        return self.type not in ("cellphone", "landline")


@dataclass(frozen=True, slots=True)
class Phone:
    """A device, and whose it is; nobody's if it stands in a room."""

    id: str
    name: str
    make: Make
    owner: Person | None
    mac: str
    username: str
    password: str
    enabled: bool


@dataclass(frozen=True, slots=True)
class Office:
    """An account with the people and phones that its other documents point to.

    `groups` are those that people are members of in turn, each with its name; `flows` are callflow ids.
    """

    account: Account
    people: tuple[Person, ...]
    phones: tuple[Phone, ...]
    groups: tuple[tuple[str, str], ...]
    directory: str
    flows: tuple[str, ...]


# What people have, the first of each before anybody's second, and what stands in rooms.
_OWNED = (
    Make("desk phone", "sip_device", ("heron", "h4", "h420")),
    Make("softphone", "softphone"),
    Make("mobile app", "smartphone"),
    Make("cell phone", "cellphone"),
    Make("home office phone", "sip_device", ("heron", "h2", "h210")),
)
_SHARED = (
    Make("conference phone", "sip_device", ("plover", "c1", "c100")),
    Make("door phone", "sip_device", ("plover", "d1", "d12")),
    Make("fax", "fax", ("wren", "a2", "a200")),
    Make("adapter", "ata", ("wren", "a1", "a110")),
)
_SHARED_PART = 0.15
_AGENTS = {"softphone": "Starling Desktop 5.2.0", "smartphone": "Starling Mobile 5.1.3"}
_NETWORKS = ("192.0.2", "198.51.100", "203.0.113")
_ENABLED = 0.96
_FORWARDS = 0.08


def open_office(account: Account, recipe: Recipe) -> Office:
    """The people and phones of an account."""
    rng = recipe.dice("office", account.id)
    people = tuple(_hire(account, recipe, rng))
    return Office(
        account,
        people,
        tuple(_install(account, recipe, people, rng)),
        groups=tuple(_divide(account, recipe, people)),
        directory=hex_id(rng),
        flows=tuple(hex_id(rng) for _ in range(account.callflows)),
    )


def user_documents(office: Office, recipe: Recipe, secrets: Secrets) -> Iterator[Document]:
    """The users; only the administrator of the demo account has a password."""
    account = office.account
    rng = recipe.dice("users", account.id)
    for number, person in enumerate(office.people):
        admin = person.username == DEMO_USER
        body: dict[str, Any] = {
            "id": person.id,
            "username": person.username,
            "first_name": person.first,
            "last_name": person.last,
            "email": f"{person.username}@{account.realm}",
            "priv_level": "admin" if admin else "user",
            "enabled": person.enabled,
            "verified": rng.random() < _ENABLED,
            "require_password_update": False,
            "timezone": account.timezone,
            "language": account.language,
            "presence_id": person.extension,
            "number": person.extension,
            "extension_type": "phone",
            "extension_group_id": office.groups[number % len(office.groups)][0],
            "vm_to_email_enabled": rng.random() < 0.7,
            "caller_id": {
                "internal": {"name": person.name[:35], "number": person.extension},
                "external": {"name": account.name[:35], "number": person.direct},
            },
            "call_restriction": {},
            "contact_list": {},
            "hotdesk": {"enabled": False, "id": person.extension, "require_pin": False},
            "music_on_hold": {},
            "ringtones": {},
        }
        if rng.random() < _FORWARDS:
            body["call_forward"] = _forward(pick(rng, recipe.names.caller_area_codes), rng)
        # The callflow of a person stands behind the main one, if there are that many.
        if number + 1 < len(office.flows):
            body["directories"] = {office.directory: office.flows[number + 1]}
        private = secrets(DEMO_USER, DEMO_PASSWORD) if admin and account.level == MASTER else None
        yield account.document("users", body, account.created + 600 + number * 20, private)


def device_documents(office: Office, recipe: Recipe) -> Iterator[Document]:
    """The devices, with their SIP credentials."""
    account = office.account
    rng = recipe.dice("devices", account.id)
    for number, phone in enumerate(office.phones):
        body: dict[str, Any] = {
            "id": phone.id,
            "name": phone.name,
            "device_type": phone.make.type,
            "enabled": phone.enabled,
            "call_restriction": {},
            "contact_list": {},
            "music_on_hold": {},
            "ringtones": {},
            "suppress_unregister_notifications": phone.make.type == "smartphone",
        }
        if phone.owner:
            body["owner_id"] = phone.owner.id
        if phone.make.registers:
            body["sip"] = {
                "username": phone.username,
                "password": phone.password,
                "method": "password",
                "invite_format": "contact",
                "expire_seconds": 300,
            }
            body["media"] = {"audio": {"codecs": ["OPUS", "G722", "PCMA"] if phone.make.box is None else ["PCMA"]}}
        else:
            body["call_forward"] = _forward(pick(rng, recipe.names.caller_area_codes), rng)
        if phone.make.box:
            body["mac_address"] = phone.mac
            brand, family, model = phone.make.box
            body["provision"] = {"endpoint_brand": brand, "endpoint_family": family, "endpoint_model": model}
        yield account.document("devices", body, account.created + 900 + number * 20)


def registration_documents(office: Office, recipe: Recipe, now: int) -> Iterator[Document]:
    """The live registrations: those of a fixed part of the devices."""
    account = office.account
    rng = recipe.dice("registrations", account.id)
    able = [(rng.random(), phone) for phone in office.phones if phone.make.registers and phone.enabled]
    able.sort(key=lambda drawn: drawn[0])
    for _, phone in able[: round(recipe.registered * len(office.phones))]:
        seen = now - int(rng.random() * 240)
        address = f"{pick(rng, _NETWORKS)}.{1 + int(rng.random() * 254)}"
        port = 1024 + int(rng.random() * 60_000)
        body = {
            "id": phone.id,
            "username": phone.username,
            "realm": account.realm,
            "account_name": account.name,
            "account_realm": account.realm,
            "authorizing_id": phone.id,
            "authorizing_type": "device",
            "owner_id": phone.owner.id if phone.owner else "",
            "contact": f"sip:{phone.username}@{address}:{port};transport=tcp",
            "contact_ip": address,
            "contact_port": port,
            "user_agent": _agent(phone.make),
            "call_id": f"{rng.getrandbits(64):016x}@{address}",
            "expires": 300,
            "expires_at": seen + 300,
            "event_timestamp": gregorian(seen),
        }
        yield account.document("registrations", body, seen - int(rng.random() * 86_400))


def _hire(account: Account, recipe: Recipe, rng: Random) -> Iterator[Person]:
    taken = {DEMO_USER}
    for number in range(account.users):
        first, last = pick(rng, recipe.names.first), pick(rng, recipe.names.last)
        username = base = f"{slug(first)}.{slug(last)}"
        attempt = 1
        while username in taken:
            attempt += 1
            username = f"{base}{attempt}"
        admin = number == 0 and account.level <= CUSTOMER
        if admin:
            username = DEMO_USER
            if account.level == MASTER:
                first, last = "Demo", "Administrator"
        taken.add(username)
        # The main number is the account's; the ones behind it are for the people, while there are enough.
        own = account.direct[number + 1 : number + 2] or account.direct[:1]
        yield Person(
            hex_id(rng),
            username,
            first,
            last,
            extension=str(FIRST_EXTENSION + number),
            direct=own[0] if own else "",
            enabled=admin or rng.random() < _ENABLED,
        )


def _divide(account: Account, recipe: Recipe, people: tuple[Person, ...]) -> Iterator[tuple[str, str]]:
    """The ids and names of the groups: one for six people, while there are names."""
    rng = recipe.dice("groups", account.id)
    for name in recipe.names.groups[: min(len(people), max(1, len(people) // 6))]:
        yield hex_id(rng), name


def _install(account: Account, recipe: Recipe, people: tuple[Person, ...], rng: Random) -> Iterator[Phone]:
    shared = int(account.devices * _SHARED_PART)
    owned = account.devices - shared
    for number in range(account.devices):
        if number < owned:
            lap, index = divmod(number, len(people))
            owner, make = people[index], _OWNED[lap % len(_OWNED)]
            more = f" {lap // len(_OWNED) + 1}" if lap >= len(_OWNED) else ""
            name = f"{owner.first}'s {make.label}{more}"
        else:
            lap, index = divmod(number - owned, len(_SHARED))
            owner, make = None, _SHARED[index]
            name = f"{pick(rng, recipe.names.rooms)} {make.label} {lap + 1}"
        yield Phone(
            hex_id(rng),
            name,
            make,
            owner,
            # NOTE: 02 marks an address as made up locally, so that no maker's range is used.
            mac=f"02{account.number:04x}{number:06x}",
            username=f"user_{account.number:03d}{number:05d}",
            password=f"{rng.getrandbits(64):016x}",
            enabled=rng.random() < _ENABLED,
        )


def _forward(area: str, rng: Random) -> Mapping[str, Any]:
    number = f"+1{area}55501{int(rng.random() * 100):02d}"
    return {"enabled": True, "number": number, "require_keypress": True, "keep_caller_id": True, "substitute": False}


def _agent(make: Make) -> str:
    if make.box is None:
        return _AGENTS[make.type]
    brand, _, model = make.box
    return f"{brand.title()} {model.upper()} 2.14.1"
