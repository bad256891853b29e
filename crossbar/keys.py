"""The secret keys of an installation: made when its store is first used, and the same in all of its processes."""

from __future__ import annotations

import secrets
from collections.abc import Callable

from .errors import UniqueConflict
from .stores import Document, Insert, Kind, Store

SYSTEM = Kind("system")


async def keys_of(store: Store, clock: Callable[[], float]) -> tuple[bytes, bytes]:
    """The signing key of tokens and the sealing key of start_keys, made when the store is first used."""
    document = await store.get("", SYSTEM.name, "keys")
    if document is None:
        now = int(clock())
        private = {"signing": secrets.token_hex(32), "sealing": secrets.token_hex(32)}
        document = Document("", SYSTEM.name, "keys", b'{"id":"keys"}', now, now).with_secrets(private)
        try:
            await store.write([Insert(document)])
        except UniqueConflict:
            # NOTE: another worker process was faster; its keys are everybody's.
            document = await store.get("", SYSTEM.name, "keys")
            assert document is not None
    private = document.secrets()
    return bytes.fromhex(private["signing"]), bytes.fromhex(private["sealing"])
