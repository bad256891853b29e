"""What a server makes by itself in any store when it starts, and is worth nothing: it is in nobody's way.

A server may have started on a store whose import was interrupted. What it made then stays, and the import goes on. The
keys of an installation are none of this: a store that has others than the archive is another installation's.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..stores.whole import Stored, WholeStore

INCIDENTAL = frozenset({("", "webhook_stamps", "stamp")})
"""Tenant, kind and id of each: the stamp only has to be another one once a webhook has changed."""


def is_incidental(stored: Stored) -> bool:
    """Whether any document alive in the place of this one does as well."""
    document = stored.document
    return stored.deleted is None and (document.tenant, document.kind, document.id) in INCIDENTAL


async def needed(store: WholeStore, some: Sequence[Stored]) -> list[Stored]:
    """The documents without those incidental ones in whose place the store has something."""
    incidental = [stored for stored in some if is_incidental(stored)]
    if not incidental:
        return [*some]
    held = await store.held(incidental)
    there = {id(stored) for stored, each in zip(incidental, held, strict=True) if each is not None}
    return [stored for stored in some if id(stored) not in there]
