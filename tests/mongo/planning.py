"""What the tests of plans are told with: what a store sends, how the server would carry it out, and by which index."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from crossbar.stores import Kind
from crossbar.stores.mongo import MongoStore
from crossbar.stores.mongo.layout import PREFIX, Index, Shelf
from crossbar.stores.mongo.preparing import SHARED_INDEXES
from tests.contract.documents import Clock

from .listening import Command
from .servers import Server, differs
from .test_pushdown import listened

BOOKKEEPING = ("kinds", "locks", "tallies")
"""Small collections, which are read by `_id` or as a whole."""


class Asked:
    """A store, what it sends, and the database behind it."""

    def __init__(self, uri: str, server: Server) -> None:
        self.clock = Clock()
        self.store = MongoStore(uri, clock=self.clock)
        self.commands = listened(self.store)
        self.server = server
        self.behind = server.client[uri.partition("?")[0].rpartition("/")[2]]
        self.indexes: dict[str, list[Index]] = {name: [*some] for name, some in SHARED_INDEXES.items()}

    async def open(self, *kinds: Kind) -> None:
        """Open the store, and forget what that took."""
        await self.store.open(kinds)
        self.commands.clear()
        for kind in kinds:
            self.indexes[f"{PREFIX}{kind.name}"] = Shelf(kind).indexes()

    def sent(self) -> list[Command]:
        """What looked for something since this was asked last, bookkeeping aside."""
        found = [each for each in self.commands if each.filters and each.collection not in BOOKKEEPING]
        self.commands.clear()
        return found

    def plan(self, command: Command) -> dict[str, Any]:
        """How the server would carry it out."""
        kept = ("filter", "query", "sort", "hint", "limit", "skip", "projection", "pipeline", "cursor", "update")
        whole = {
            name: command.whole[name] for name in (command.name, *kept, "updates", "deletes") if name in command.whole
        }
        return dict(self.behind.command({"explain": whole, "verbosity": "executionStats"}))


def stages(plan: Any) -> Iterator[Mapping[str, Any]]:
    """The stages of the plans that were chosen, on all shards."""
    if isinstance(plan, Mapping):
        if "stage" in plan:
            yield plan
        for name, below in plan.items():
            if name not in ("rejectedPlans", "executionStats", "filter", "command", "parsedQuery"):
                yield from stages(below)
    elif isinstance(plan, list):
        for below in plan:
            yield from stages(below)


def total(plan: Mapping[str, Any], name: str) -> int:
    """A figure of what it took."""
    return int(plan["executionStats"][name])


def fixed(filter: Mapping[str, Any], index: Index) -> int:
    """How many of the first fields of an index the filter says one value of, or some."""
    count = 0
    for name, _ in index.keys:
        wanted = filter.get(name)
        if wanted is None or (isinstance(wanted, Mapping) and "$in" not in wanted):
            break
        count += 1
    return count


def led(asked: Asked, command: Command) -> None:
    """See that it is found along the index that it names, and along all of that which comes before the order."""
    plan = asked.plan(command)
    chosen = [*stages(plan)]
    assert {"COLLSCAN"}.isdisjoint(each["stage"] for each in chosen), command
    assert {command.whole["hint"]} == {each["indexName"] for each in chosen if "indexName" in each}
    (index,) = [each for each in asked.indexes[command.collection] if each.name == command.whole["hint"]]
    (filter,) = command.filters
    before = {"page": 2, "fields": 3, "id": 3}.get(index.name, 2)
    assert before == fixed(filter, index), command


def looked_up(asked: Asked, command: Command) -> None:
    """See that the filter leads to one document, or a few, by an index that is there; and that the server takes it."""
    for filter in command.filters:
        known = [index for index in asked.indexes[command.collection] if fixed(filter, index) > (index.name == "page")]
        by_tenant = [index for index in known if fixed(filter, index) > 1 or index.keys[0][0] != "tenant"]
        due = command.collection == "blobs.loose" and "due" in filter
        assert "_id" in filter or by_tenant or due, command
    if command.name in ("update", "delete") and len(command.filters) > 1:
        return
    plan = asked.plan(command)
    if not differs(asked.server, "its plans look at all documents for one that is found by its id"):
        assert "COLLSCAN" not in {each["stage"] for each in stages(plan)}, command
