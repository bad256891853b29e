"""What objects of the realm style have that fields by other names do not make: nulls, who is asking, links to files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ...media.attachments import files_of
from ...roles import ADMIN
from ...routes import Attachment
from ...target import Noun
from ..fields import properties_of
from ..paths import root_of

if TYPE_CHECKING:
    from ...context import Context
    from ...endpoint import Endpoint
    from ...stores import Document
    from .dialect import RealmDialect

STORAGE = "storage_url"
"""What stands behind a document's id for the links to its files."""


def unset(dialect: RealmDialect, ctx: Context, endpoint: Endpoint) -> tuple[str, ...]:
    """The fields that every document of an endpoint shows, as null if they are not set (reference, B.5)."""
    key = (dialect.name, "unset", endpoint.name)
    known = ctx.registry.worked_out.get(key)
    if known is None:
        fields = dialect.fields_of(ctx, endpoint)
        properties = properties_of(ctx.app.schemas, getattr(endpoint, "schema", ""))
        shown = (name for name, about in properties.items() if not (isinstance(about, dict) and about.get("writeOnly")))
        names = tuple(name for name in (fields.name_of((ours,)) for ours in shown) if "." not in name)
        known = ctx.registry.worked_out[key] = names
    assert isinstance(known, tuple)
    return known


def without_nulls(value: Any) -> Any:
    """A JSON value without the fields that are null, which say that there is no value; items of lists stay."""
    if isinstance(value, dict):
        return {key: without_nulls(each) for key, each in value.items() if each is not None}
    return value


def who(ctx: Context, told: dict[str, Any]) -> dict[str, Any]:
    """Who is asking, with the fields that clients of these conventions look at first (reference, B.6).

    The ids say of which realm the caller is: administrators are of no extension, nor of a group of them.
    """
    caller = ctx.caller()
    is_admin = told.pop("role", None) == ADMIN
    return {
        "id": told.pop("id", None),
        "login": told.pop("login", None),
        "admin": is_admin,
        "dealer_id": None,
        "client_id": told.pop("client_id", None),
        "extension_group_id": None if is_admin else told.get("extension_group_id"),
        "extension_id": None if is_admin else caller.user_id,
        "timezone": told.pop("timezone", None),
        "access": "full" if caller.restrictions is None else "limited",
        "extra_params": None,
        **{name: value for name, value in told.items() if name != "extension_group_id"},
    }


def is_storage(dialect: RealmDialect, noun: Noun) -> bool:
    """Whether a noun asks for the links to the files of a document."""
    return noun.args[1:] == (STORAGE,) and noun.name in dialect.words.links


def links(dialect: RealmDialect, ctx: Context, document: Document) -> dict[str, str | None]:
    """Where the files of a document are, each null if there is none."""
    assert ctx.bound is not None, "links are those of a document that was read"
    *above, last = ctx.nouns()
    found: dict[str, str | None] = {}
    for field, name in dialect.words.links[last.name].items():
        slot = next((slot for slot in ctx.bound.endpoint.attachments if _is_called(slot, name)), None)
        there = isinstance(slot, Attachment) and bool(files_of(document, slot))
        path = dialect.path(ctx, (*above, Noun(last.name, (last.args[0], name))))
        found[field] = f"{root_of(ctx)}{path.removeprefix(ctx.root_path)}" if there else None
    return found


def _is_called(slot: Attachment | str, name: str) -> bool:
    return isinstance(slot, Attachment) and slot.name == name
