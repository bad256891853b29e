"""The kinds that an application with all bundled modules keeps in its store."""

from __future__ import annotations

from crossbar.stores import Kind
from crossbar.stores.memory import MemoryStore
from crossbar.testing import make_app


async def declared() -> dict[str, Kind]:
    """The kinds by their names, those of the framework itself included."""
    store = MemoryStore()
    app = make_app(store=store)
    await app.start()
    found = {kind.name: kind for kind in await store.kinds()}
    await app.stop()
    return found
