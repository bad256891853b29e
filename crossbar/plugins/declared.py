"""Resources declared in TOML, without code."""

from __future__ import annotations

from typing import Any

from ..errors import DefinitionError
from ..resource import Resource
from ..routes import Attachment

_TEXTS = ("schema", "owner")
_LISTS = ("summary", "unique", "indexes", "admin_only", "admin_fields")
_KEYS = {"name", "description", "parents", "attachments", *_TEXTS, *_LISTS}
_OF_A_SLOT: dict[str, type] = {"types": list, "most": int, "many": bool, "inline": bool}


def declare(declared: dict[str, Any], default_name: str = "") -> Resource:
    """A resource out of its declaration, whose keys are attributes of `Resource`, and `description`.

    They are `name`, `schema`, `summary`, `unique`, `indexes`, `parents`, `owner`, `admin_only`, `admin_fields` and
    `attachments`: a list of names, or a table for each with `types`, `most`, `many` and `inline`.
    """
    unknown = sorted(set(declared) - _KEYS)
    if unknown:
        raise DefinitionError(f"unknown keys {', '.join(unknown)}; there are {', '.join(sorted(_KEYS))}")
    name = _text("name", declared.get("name", default_name))
    if not name:
        raise DefinitionError("name is empty: write the noun that the resource answers to")
    description = _text("description", declared.get("description", f"Documents of the kind {name}."))
    facts: dict[str, Any] = {"name": name, "__doc__": description}
    facts |= {key: _names(key, declared[key]) for key in _LISTS if key in declared}
    facts |= {key: _text(key, declared.get(key, "")) for key in _TEXTS}
    parents = declared.get("parents", {})
    if not isinstance(parents, dict) or not all(isinstance(field, str) for field in parents.values()):
        raise DefinitionError('parents must be a table of nouns and fields, such as users = "owner_id"')
    facts["parents"] = parents
    facts["attachments"] = _attachments(declared.get("attachments", []))
    made = type(name.title().replace("_", ""), (Resource,), facts)()
    assert isinstance(made, Resource)
    return made


def _names(key: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise DefinitionError(f"{key} must be a list of {'operations' if key == 'admin_only' else 'field names'}")
    return tuple(value)


def _text(key: str, value: Any) -> str:
    if not isinstance(value, str):
        raise DefinitionError(f"{key} must be text")
    return value


def _attachments(value: Any) -> tuple[Attachment, ...]:
    if isinstance(value, list):
        return tuple([Attachment(name) for name in _names("attachments", value)])
    if not isinstance(value, dict):
        raise DefinitionError("attachments must be a list of names, or tables such as [attachments.photo] with types")
    return tuple([_attachment(name, told) for name, told in value.items()])


def _attachment(name: str, told: Any) -> Attachment:
    place = f"attachments.{name}"
    if not isinstance(told, dict):
        raise DefinitionError(f"{place} must be a table of {', '.join(_OF_A_SLOT)}")
    unknown = sorted(told.keys() - _OF_A_SLOT.keys())
    if unknown:
        raise DefinitionError(f"{place}: unknown keys {', '.join(unknown)}; there are {', '.join(_OF_A_SLOT)}")
    for key, given in told.items():
        # NOTE: in Python True is a number too.
        if type(given) is not _OF_A_SLOT[key]:
            raise DefinitionError(f"{place}.{key} must be {_SPELLED[key]}")
    facts: dict[str, Any] = dict(told)
    if "types" in facts:
        facts["types"] = _names(f"{place}.types", facts["types"])
    return Attachment(name, **facts)


_SPELLED = {
    "types": 'a list of media types, such as ["image/*"]',
    "most": "a number of bytes",
    "many": "true or false",
    "inline": "true or false",
}
