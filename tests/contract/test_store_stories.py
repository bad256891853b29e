"""Stories that Hypothesis makes up as it goes, told to all stores: they must end alike at every turn.

Beside writes and questions, what happens to stores over the years: kinds that are opened with other fields and indexes,
walks that go on while others write, blobs that come and go, and time that passes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    multiple,
    rule,
    run_state_machine_as_test,
)
from msgspec.structs import replace

from crossbar.errors import BlobMissing, CrossbarError
from crossbar.stores import Change, Delete, Document, Drop, Guard, Insert, Keep, Kind, Query, Replace, Store, StoredBlob
from crossbar.stores.mongo.marks import MOST_ELEMENTS, MOST_MARKS

from .blobs import content
from .documents import NOW, document
from .test_store_properties import SCALARS, filters, scalars
from .trio import PATIENCE, PROFILE, Trio, opened

pytestmark = pytest.mark.timeout(PATIENCE)

IDS = ("a", "b", "c", "d", "é\0f", "$g.h")
SHAPES = (
    Kind("", unique=("mac",)),
    Kind("", unique=("mac",), indexes=("owner_id",), private_indexes=("token",)),
    Kind("", ("name",), ("mac", "sip.username"), ("owner_id", "sip.realm"), ("token",)),
    Kind("", ("name", "owner_id", "none"), (), ("sip.realm",)),
    Kind(""),
    Kind("", ("mac",), ("sip.username",), ("name", "id")),
)
WIDE: tuple[dict[str, Any], ...] = (
    {f"f{n}": n for n in range(MOST_MARKS // 2)},
    {"owner_id": [*SCALARS, *range(MOST_ELEMENTS)]},
)

some_ids = st.sampled_from(IDS)
macs = st.sampled_from([None, None, "m", "n", 1, 1.0, "m" * 300, ["m"]])
usernames = st.sampled_from(["m", "m", "n", None, 1])
times = st.none() | st.integers(NOW - 4, NOW + 4)
starts = st.builds(lambda at, id: f"{at:012d}{id}", st.integers(NOW - 4, NOW + 4), st.just("") | some_ids)


@st.composite
def bodies(draw: st.DrawFn) -> dict[str, Any]:
    body: dict[str, Any] = draw(
        st.fixed_dictionaries({"mac": macs}, optional={"name": scalars, "owner_id": st.just("m") | scalars})
    )
    if draw(st.booleans()):
        body["sip"] = {"username": draw(usernames), "realm": draw(scalars)}
    if draw(st.integers(0, 9)) == 9:
        body |= draw(st.sampled_from(WIDE))
    return body


documents = st.builds(
    lambda id, created, body, token, expires: document(
        "", id, created, tenant="", private=token and {"token": token}, expires=expires, **body
    ),
    some_ids,
    st.integers(NOW - 3, NOW + 3),
    bodies(),
    st.none() | st.sampled_from(["t", "u"]),
    st.none() | st.none() | st.integers(NOW - 5, NOW + 200),
)
queries = st.builds(
    Query,
    st.just(""),
    st.just(""),
    st.lists(filters(), max_size=2).map(tuple),
    descending=st.booleans(),
    start=st.none() | starts,
    limit=st.integers(1, 6),
    full=st.booleans(),
    created_from=times,
    created_to=times,
    modified_from=times,
    modified_to=times,
    lines=st.booleans(),
    skip=st.just(0) | st.integers(0, 4),
)
blobs = st.integers(0, 2)
# A change before its story is known: a blob by its number, a revision by how far it is from the right one.
drafts = st.one_of(
    *[documents.map(Insert)] * 4,
    st.tuples(st.just("replace"), documents, st.sampled_from([0, 0, 0, 0, 1, -1])),
    st.tuples(st.just("delete"), some_ids, st.sampled_from([None, 0, 0, 1]), st.booleans()),
    st.builds(Guard, queries, st.booleans()),
    st.tuples(st.just("keep"), blobs, some_ids),
    st.tuples(st.just("drop"), blobs),
)


class Story(RuleBasedStateMachine):
    """One story: a tenant in a kind of its own, in all stores."""

    trio: Trio
    walks = Bundle("walks")

    def __init__(self) -> None:
        super().__init__()
        number = next(self.trio.numbers)
        self.name, self.tenant = f"story{number}", f"tenant{number}"
        self.blobs: list[dict[int, StoredBlob]] = []
        self.trio.clock.now = NOW

    @initialize(shape=st.sampled_from(SHAPES[-3:]), some=st.lists(documents, min_size=2, max_size=8))
    def begin(self, shape: Kind, some: list[Document]) -> None:
        """Open the kind for the first time, with some documents and three finished blobs."""

        async def told() -> None:
            assert await self.trio.open([shape._replace(name=self.name)])
            for n in range(3):
                self.blobs.append({})
                for store in self.trio.stores:
                    writer = await store.new_blob()
                    await writer.write(content(10 * n, n))
                    self.blobs[n][id(store)] = await writer.finish()

        self.trio.run(told())
        for each in some:
            self.write([Insert(each)])

    @rule(some=st.lists(drafts, min_size=1, max_size=1) | st.lists(drafts, min_size=2, max_size=4))
    def write(self, some: list[Any]) -> None:
        """Write something; afterwards the same is there, or the same stood in the way."""
        self.trio.run(self._written(some))

    @rule(seconds=st.integers(1, 90))
    def wait(self, seconds: int) -> None:
        """Let time pass, and with it some documents."""
        self.trio.clock.now += seconds
        self.trio.run(self._the_same_is_there())

    @rule(shape=st.sampled_from(SHAPES))
    def reopen(self, shape: Kind) -> None:
        """Open the kind with other fields, which must not make a difference but for what it is."""

        async def told() -> None:
            await self.trio.open([shape._replace(name=self.name)])
            await self._the_same_is_there()

        self.trio.run(told())

    @rule(query=queries)
    def ask(self, query: Query) -> None:
        """Ask for a page, for whole documents and for their number."""

        async def told() -> None:
            mine = self._mine(query)
            await self.trio.same("page", mine)
            await self.trio.same("find", mine)
            await self.trio.same("count", mine)

        self.trio.run(told())

    @rule(target=walks, query=queries)
    def walk(self, query: Query) -> Any:
        """Begin a walk over pages."""
        return self._further(replace(self._mine(query), limit=1 + query.limit % 2))

    @rule(target=walks, query=consumes(walks))
    def go_on(self, query: Query) -> Any:
        """Read the next page of a walk, whatever was written since."""
        return self._further(query)

    @rule(n=blobs, start=st.integers(0, 40), length=st.none() | st.integers(0, 40))
    def read(self, n: int, start: int, length: int | None) -> None:
        """Read a piece of a blob, or find that there is none."""

        async def told() -> None:
            outcomes: list[bytes | None] = []
            for store in self.trio.stores:
                blob = self.blobs[n][id(store)]
                try:
                    pieces = [piece async for piece in store.read_blob(self.tenant, blob.id, start, length)]
                    outcomes.append(b"".join(pieces))
                except BlobMissing:
                    outcomes.append(None)
            assert all(outcomes[0] == outcome for outcome in outcomes), outcomes

        self.trio.run(told())

    def _further(self, query: Query) -> Any:
        rows = self.trio.run(self.trio.same("page", query))
        return multiple() if rows.next is None else replace(query, start=rows.next, skip=0)

    async def _written(self, some: list[Any]) -> None:
        known = {each.id: each.revision for each in await self.trio.memory.find(self._whole())}
        outcomes: list[Any] = []
        for store in self.trio.stores:
            try:
                outcomes.append(await store.write([self._change(each, store, known) for each in some]))
            except CrossbarError as error:
                causes = {name: value for name, value in vars(error).items() if name != "guard"}
                outcomes.append((type(error), causes))
        for outcome in outcomes[1:]:
            assert outcomes[0] == outcome
        await self._the_same_is_there()

    async def _the_same_is_there(self) -> None:
        await self.trio.same("find", self._whole())
        await self.trio.same("page", self._whole())

    def _whole(self) -> Query:
        return Query(self.tenant, self.name, limit=100)

    def _mine(self, query: Query) -> Query:
        return replace(query, tenant=self.tenant, kind=self.name)

    def _change(self, draft: Any, store: Store, known: dict[str, int]) -> Change:
        match draft:
            case Insert(found):
                return Insert(self._placed(found))
            case Guard(query):
                return replace(draft, query=self._mine(query))
            case "replace", found, off:
                return Replace(replace(self._placed(found), revision=known.get(found.id, 1) + off))
            case "delete", name, off, purge:
                revision = None if off is None else known.get(name, 1) + off
                return Delete(self.tenant, self.name, name, revision, purge)
            case "keep", n, name:
                return Keep(self.blobs[n][id(store)], self.tenant, self.name, name)
            case _:
                return Drop(self.tenant, self.blobs[draft[1]][id(store)].id)

    def _placed(self, found: Document) -> Document:
        return replace(found, tenant=self.tenant, kind=self.name)


@pytest.fixture(scope="module")
def trio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trio]:
    with opened(tmp_path_factory.mktemp("stories") / "store.db", ()) as trio:
        yield trio


def test_stories(trio: Trio, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever happens, all stores tell the same."""
    monkeypatch.setattr(Story, "trio", trio, raising=False)
    profile = settings(
        max_examples=20 * PROFILE,
        stateful_step_count=25,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    run_state_machine_as_test(Story, settings=profile)
