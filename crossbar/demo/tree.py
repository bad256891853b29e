"""The accounts of the demo data: the tree, how much of everything each account has, and their documents."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, islice, pairwise
from random import Random
from typing import Any, TypeVar
from unicodedata import normalize

import orjson

from ..stores import Document
from .recipe import Level, Recipe

DAY = 86_400
DEMO_ACCOUNT = "demo"
DOMAIN = "example.com"
MASTER, RESELLER, CUSTOMER, DEPARTMENT = range(4)
FIRST_PREFIX = 1800

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Account:
    """One account of the tree, and how much of everything it is to have.

    `number` counts accounts from 0; `direct` are the E.164 numbers that belong to it, the main one first.
    """

    number: int
    level: int
    id: str
    name: str
    realm: str
    tree: tuple[str, ...]
    api_key: str
    timezone: str
    language: str
    created: int
    users: int
    devices: int
    callflows: int
    records: int
    direct: tuple[str, ...]

    @property
    def prefix(self) -> str:
        """The digits that stand for the account in full numbers."""
        return str(FIRST_PREFIX + self.number)

    def document(
        self, kind: str, body: Mapping[str, Any], created: int, private: bytes | Mapping[str, Any] | None = None
    ) -> Document:
        """A document that the account owns."""
        kept = private if private is None or isinstance(private, bytes) else orjson.dumps(private)
        return Document(self.id, kind, body["id"], orjson.dumps(body), created, created, private=kept)


def plan_accounts(recipe: Recipe, now: int) -> list[Account]:
    """All accounts, each after its parent; ids and keys do not depend on `now`."""
    rng = recipe.dice("accounts")
    levels = (recipe.master, recipe.resellers, recipe.customers, recipe.departments)
    records = _records(recipe, levels)
    numbers = _direct_numbers(recipe.names.area_codes)
    timezones, languages = recipe.names.timezones, recipe.names.languages
    accounts: list[Account] = []
    above: list[Account] = []
    for level, ingredients in enumerate(levels):
        # NOTE: rounded, because the last bits of a power differ between machines.
        weights = [round((index + 1) ** -ingredients.slope, 9) for index in range(ingredients.count)]
        quotas = zip(
            _parents(level, above, ingredients.count),
            apportion(ingredients.users, weights, least=1),
            apportion(ingredients.devices, weights, least=1),
            apportion(ingredients.callflows, weights, least=1),
            apportion(records[level], weights),
            strict=True,
        )
        above = []
        departments: Counter[str] = Counter()
        for index, (parent, users, devices, callflows, legs) in enumerate(quotas):
            # A department takes after the customer that it is a part of.
            whole = parent if level == DEPARTMENT else None
            name = _name(recipe, level, departments[whole.id] if whole else index)
            if whole:
                departments[whole.id] += 1
            number = len(accounts)
            account = Account(
                number=number,
                level=level,
                id=hex_id(rng),
                name=f"{whole.name} {name}" if whole else name,
                realm=f"{slug(name)}.{whole.realm if whole else DOMAIN}",
                tree=(*parent.tree, parent.id) if parent else (),
                api_key=f"{rng.getrandbits(256):064x}",
                timezone=whole.timezone if whole else timezones[number % len(timezones)],
                language=whole.language if whole else languages[number % len(languages)],
                created=now - (recipe.months * 31 + 60 * (4 - level)) * DAY + index * 3600,
                users=users,
                devices=devices,
                callflows=callflows,
                records=legs,
                direct=tuple(islice(numbers, 1 + users)),
            )
            above.append(account)
            accounts.append(account)
    return accounts


def account_documents(account: Account) -> Iterator[Document]:
    """The account itself, its limits, and the document by which its API key is found."""
    first = {"sent_initial_call": account.records > 0, "sent_initial_registration": True}
    body = {
        "id": account.id,
        "name": account.name,
        "realm": account.realm,
        "prefix": account.prefix,
        "enabled": True,
        "timezone": account.timezone,
        "language": account.language,
        "caller_id": {"external": {"name": account.name[:35], "number": account.direct[0]}} if account.direct else {},
        "call_restriction": {},
        "music_on_hold": {},
        "notifications": {"first_occurrence": first},
        "preflow": {},
        "ringtones": {},
    }
    private: dict[str, Any] = {
        "tree": account.tree,
        "parent": account.tree[-1] if account.tree else "",
        "api_key": account.api_key,
        # NOTE: what logins compare an account's name with: lower case, without blanks.
        "login_name": "".join(account.name.lower().split()),
    }
    if account.level == MASTER:
        private["master"] = True
    key = hashlib.sha256(account.api_key.encode()).hexdigest()
    found = {"id": key, "account_id": account.id}
    created = account.created
    yield Document("", "accounts", account.id, orjson.dumps(body), created, created, private=orjson.dumps(private))
    if account.level != MASTER:
        trunks = 2 + account.users // 4
        limits = {"id": "limits", "twoway_trunks": trunks, "inbound_trunks": trunks // 2, "calls": 4 * trunks}
        yield account.document("limits", limits, created)
    yield Document("", "api_keys", key, orjson.dumps(found), created, created)


def apportion(total: int, weights: Sequence[float], least: int = 0) -> list[int]:
    """Whole numbers in proportion to the weights that add up to `total`, each at least `least`."""
    rest = total - least * len(weights)
    # NOTE: not sum(), which adds floats in another way since Python 3.12.
    sums = list(accumulate(weights))
    edges = [round(rest * edge / sums[-1]) for edge in sums]
    return [least + upper - lower for lower, upper in pairwise([0, *edges])]


def pick(rng: Random, items: Sequence[Item]) -> Item:
    """One of the items; only `Random.random` promises the same numbers in every version of Python."""
    return items[int(rng.random() * len(items))]


def hex_id(rng: Random) -> str:
    """An id as Kazoo makes them: 32 hex digits."""
    return f"{rng.getrandbits(128):032x}"


def slug(text: str) -> str:
    """The text as a label of a domain name: its ASCII letters, lower case, with dashes for blanks."""
    plain = normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return "-".join(plain.split()) or "x"


def _records(recipe: Recipe, levels: Sequence[Level]) -> list[int]:
    """How many records each level gets; a level without accounts gets none."""
    if recipe.records_in_master:
        return [recipe.records, 0, 0, 0]
    return apportion(recipe.records, [level.share if level.count else 0 for level in levels])


def _parents(level: int, above: Sequence[Account], count: int) -> list[Account | None]:
    """The parent of each account of a level: in turn, but a big customer has more departments."""
    if level == MASTER:
        return [None]
    if level == DEPARTMENT and above:
        shares = apportion(count, [parent.users for parent in above])
        return [parent for parent, share in zip(above, shares, strict=True) for _ in range(share)]
    return [above[index % len(above)] for index in range(count)]


def _name(recipe: Recipe, level: int, place: int) -> str:
    names = recipe.names
    choice = ((DEMO_ACCOUNT,), names.resellers, names.customers, names.departments)[level]
    lap, index = divmod(place, len(choice))
    return f"{choice[index]} {lap + 1}" if lap else choice[index]


def _direct_numbers(area_codes: Sequence[str]) -> Iterator[str]:
    """The numbers of North America that are set aside for fiction, as long as there are any."""
    return (f"+1{area}55501{line:02d}" for area in area_codes for line in range(100))
