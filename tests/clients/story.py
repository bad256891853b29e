"""What both client packages are told: where the server is, and the life of a document of each kind."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol


class Live(Protocol):
    """What these tests need to know of the running server."""

    url: str
    account_name: str
    account_id: str
    username: str
    password: str
    api_key: str


@dataclass(frozen=True, slots=True)
class Story:
    """The life of one document: as created, replaced, patched, and as no server may take it."""

    noun: str
    created: dict[str, Any]
    replacement: dict[str, Any]
    patch: dict[str, Any]
    patched: dict[str, Any]
    dropped: str
    wrong: dict[str, Any]


def user(tag: str) -> Story:
    """Tell a user's life."""
    return Story(
        noun="user",
        created={"first_name": "Grace", "last_name": "Murray", "email": f"grace-{tag}@example.com"},
        replacement={"first_name": "Grace", "last_name": "Hopper"},
        patch={"first_name": "Amazing Grace", "email": None},
        patched={"first_name": "Amazing Grace", "last_name": "Murray"},
        dropped="email",
        wrong={"first_name": ["a", "list"]},
    )


def device(tag: str) -> Story:
    """Tell a device's life."""
    return Story(
        noun="device",
        created={"name": f"Lab {tag}", "enabled": True, "mac_address": f"02{tag[:10]}"},
        replacement={"name": f"Ship {tag}", "enabled": True},
        patch={"name": f"Navy {tag}", "mac_address": None},
        patched={"name": f"Navy {tag}", "enabled": True},
        dropped="mac_address",
        wrong={"name": ["a", "list"]},
    )


def callflow(tag: str) -> Story:
    """Tell a callflow's life."""
    extension = f"{int(tag, 16) % 100_000:05d}"
    hangup = {"module": "hangup", "data": {}, "children": {}}
    created = {"name": f"Route {tag}", "numbers": [f"4{extension}"], "flow": hangup}
    return Story(
        noun="callflow",
        created={**created, "featurecode": {"name": "park", "number": "3"}},
        replacement={
            "name": f"Route {tag}",
            "numbers": [f"5{extension}"],
            "flow": {**hangup, "children": {"_": hangup}},
        },
        patch={"numbers": [f"6{extension}"], "featurecode": None},
        patched={**created, "numbers": [f"6{extension}"]},
        dropped="featurecode",
        wrong={"flow": "hangup"},
    )


KINDS = (user, device, callflow)
