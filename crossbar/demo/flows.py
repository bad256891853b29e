"""Where calls to an account go: callflows, and the groups, menus, rules and directories that they lead through."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from random import Random
from typing import Any

from ..dates import gregorian
from ..stores import Document
from .office import Office
from .recipe import Recipe
from .tree import DEPARTMENT, hex_id, pick

Step = dict[str, Any]

Switchboard = dict[str, list[dict[str, Any]]]
"""The bodies of everything that an account's callflows lead through, by kind, in the order of creation."""

_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday")

# Feature codes: what is dialed behind the asterisk, the feature as Kazoo names it, the module and its data.
_FEATURES: tuple[tuple[str, str, str, Step], ...] = (
    ("97", "voicemail[action=check]", "voicemail", {"action": "check"}),
    ("3", "park_and_retrieve", "park", {"action": "auto"}),
    ("4", "valet", "park", {"action": "park"}),
    ("5", "retrieve", "park", {"action": "retrieve"}),
    ("11", "hotdesk[action=login]", "hotdesk", {"action": "login"}),
    ("12", "hotdesk[action=logout]", "hotdesk", {"action": "logout"}),
    ("72", "call_forward[action=activate]", "call_forward", {"action": "activate"}),
    ("73", "call_forward[action=deactivate]", "call_forward", {"action": "deactivate"}),
    ("78", "do_not_disturb[action=activate]", "do_not_disturb", {"action": "activate"}),
    ("79", "do_not_disturb[action=deactivate]", "do_not_disturb", {"action": "deactivate"}),
    ("67", "privacy[mode=full]", "privacy", {"mode": "full", "endpoint_strategy": "match"}),
)
# Three digits for groups, four or more for people, five for phones: no number is given twice.
_FIRST_GROUP = 901
_FIRST_PHONE = 40_001


def flow_documents(office: Office, recipe: Recipe) -> Iterator[Document]:
    """Groups, menus, lists, rules, directories, webhooks and then the callflows that point to them."""
    account = office.account
    rng = recipe.dice("flows", account.id)
    board = _wire(office, recipe, rng)
    created = account.created + 1200
    for kind, bodies in board.items():
        for number, body in enumerate(bodies):
            yield account.document(kind, body, created + number * 60)
    for number, (id, body) in enumerate(zip(office.flows, _callflows(office, board), strict=False)):
        yield account.document("callflows", {"id": id, **body}, created + 600 + number * 20)


def step(module: str, data: Step, children: dict[str, Step] | None = None) -> Step:
    """One step of a flow."""
    return {"module": module, "data": data, "children": children or {}}


def _callflows(office: Office, board: Switchboard) -> Iterator[dict[str, Any]]:
    """Callflows without end: the main number, the people, the groups, the feature codes, then phones in turn."""
    account = office.account
    main = {"name": "Main number", "numbers": [*account.direct[:1], "0"], "patterns": [], "type": "main"}
    yield main | {"flow": _main_flow(office, board)}
    operator = step("callflow", {"id": office.flows[0]})
    for person in office.people:
        own = [person.direct] if person.direct not in ("", account.direct[0]) else []
        yield {
            "name": person.name,
            "numbers": [person.extension, *own],
            "patterns": [],
            "owner_id": person.id,
            "type": "mainUserCallflow",
            "flow": step("user", {"id": person.id, "timeout": 20, "can_call_self": False}, {"_": operator}),
        }
    for number, group in enumerate(board["groups"]):
        yield {
            "name": f"{group['name']} group",
            "numbers": [str(_FIRST_GROUP + number)],
            "patterns": [],
            "type": "baseGroup",
            "flow": _ring(group, {"_": operator}),
        }
    for digits, feature, module, data in _FEATURES:
        yield {
            "name": feature,
            "numbers": [],
            "patterns": [rf"^\*{digits}([0-9]*)$"],
            "featurecode": {"name": feature, "number": digits},
            "flow": step(module, data),
        }
    for number in count():
        phone = office.phones[number % len(office.phones)]
        yield {
            "name": f"Straight to {phone.name}",
            "numbers": [str(_FIRST_PHONE + number)],
            "patterns": [],
            "flow": step("device", {"id": phone.id, "timeout": 30}, {"_": operator}),
        }


def _main_flow(office: Office, board: Switchboard) -> Step:
    """Holidays and nights to the announcement, office hours to the menu, and from there to groups and people."""
    choices = {str(key): _ring(group, {}) for key, group in enumerate(board["groups"][:8], 1)}
    choices["0"] = step("user", {"id": office.people[0].id, "timeout": 30})
    choices["9"] = step("directory", {"id": board["directories"][0]["id"]})
    choices["_"] = step("user", {"id": office.people[0].id, "timeout": 30})
    day, night = board["menus"]
    hours, *closed = board["temporal_rules"]
    routes = {rule["id"]: step("menu", {"id": night["id"]}) for rule in closed}
    routes[hours["id"]] = step("menu", {"id": day["id"]}, choices)
    routes["_"] = step("menu", {"id": night["id"]})
    rules = [rule["id"] for rule in (*closed, hours)]
    return step("temporal_route", {"timezone": office.account.timezone, "rules": rules}, routes)


def _ring(group: dict[str, Any], children: dict[str, Step]) -> Step:
    members = [{"id": group["id"], "endpoint_type": "group", "delay": 0, "timeout": 25}]
    data = {"name": group["name"], "strategy": "simultaneous", "timeout": 25, "endpoints": members}
    return step("ring_group", data, children)


def _wire(office: Office, recipe: Recipe, rng: Random) -> Switchboard:
    people, phones = office.people, office.phones
    rooms = [phone for phone in phones if phone.owner is None]
    groups = []
    many = len(office.groups)
    for number, (id, name) in enumerate(office.groups):
        members = {person.id: {"type": "user", "weight": 1} for person in people[number::many][:20]}
        members |= {phone.id: {"type": "device", "weight": 2} for phone in rooms[number::many][:2]}
        owner = people[number].id
        groups.append({"id": id, "name": name, "endpoints": members, "music_on_hold": {}, "owner_id": owner})
    directory = {
        "id": office.directory,
        "name": "Staff",
        "min_dtmf": 3,
        "max_dtmf": 0,
        "sort_by": "last_name",
        "confirm_match": True,
        "users": [person.id for person in people],
    }
    start = gregorian(office.account.created)
    hooks = () if office.account.level == DEPARTMENT else _HOOKS
    return {
        "groups": groups,
        "menus": [_menu(name, rng) for name in ("Main menu", "Closed")],
        "lists": [_list(name, words, recipe, rng) for name, words in _LISTS],
        "temporal_rules": [{"id": hex_id(rng), "start_date": start, "interval": 1, **rule} for rule in _RULES],
        "directories": [directory],
        "webhooks": [_hook(office, hook, rng) for hook in hooks],
    }


_LISTS = (("Important customers", "Rings the whole team"), ("Blocked callers", "Calls that are not answered"))
_HOOKS = ("channel_create", "channel_answer", "channel_destroy")
_RULES: tuple[dict[str, Any], ...] = (
    {
        "name": "Office hours",
        "type": "main_weekdays",
        "cycle": "weekly",
        "wdays": list(_WEEKDAYS),
        "time_window_start": 9 * 3600,
        "time_window_stop": 17 * 3600,
    },
    {
        "name": "Lunch",
        "type": "main_lunchbreak",
        "cycle": "weekly",
        "wdays": list(_WEEKDAYS),
        "time_window_start": 12 * 3600,
        "time_window_stop": 13 * 3600,
    },
    {"name": "New Year", "type": "main_holidays", "cycle": "yearly", "month": 1, "days": [1]},
)


def _menu(name: str, rng: Random) -> dict[str, Any]:
    return {
        "id": hex_id(rng),
        "name": name,
        "retries": 3,
        "timeout": 10_000,
        "max_extension_length": 4,
        "hunt": True,
        "allow_record_from_offnet": False,
        "media": {"invalid_media": True, "transfer_media": True, "exit_media": True},
    }


def _list(name: str, words: str, recipe: Recipe, rng: Random) -> dict[str, Any]:
    entries = {}
    for _ in range(3):
        number = f"+1{pick(rng, recipe.names.caller_area_codes)}55501{int(rng.random() * 100):02d}"
        caller = f"{pick(rng, recipe.names.first)} {pick(rng, recipe.names.last)}"
        entries[hex_id(rng)] = {"number": number, "displayname": caller}
    return {"id": hex_id(rng), "name": name, "description": words, "entries": entries}


def _hook(office: Office, hook: str, rng: Random) -> dict[str, Any]:
    return {
        "id": hex_id(rng),
        "name": f"Tell the CRM: {hook}",
        "hook": hook,
        "uri": f"https://hooks.{office.account.realm}/calls/{hook}",
        "http_verb": "post",
        "retries": 2,
        "enabled": True,
        "include_subaccounts": False,
    }
