"""The tree of one account: what belongs to it, and where it can go."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from crossbar.stores import Delete, Document, Insert, Keep, Kind
from crossbar.stores.memory import MemoryStore
from crossbar.stores.sqlite import SqliteStore
from crossbar.stores.whole import Stored, WholeStore
from crossbar.tenants import ACCOUNTS
from crossbar.transfer.manifest import ArchiveError, read_manifest, write_manifest
from tests.contract.documents import NOW, Clock

from .filling import blob, everything, export, load

KINDS = (
    ACCOUNTS,
    *map(Kind, ("system", "a_first", "api_keys", "clients", "oauth_sessions", "revoked_tokens", "token_restrictions")),
)
USERS = Kind("users")

# master - reseller - (one, two - below), other
TREE = {
    "master": [],
    "reseller": ["master"],
    "one": ["master", "reseller"],
    "two": ["master", "reseller"],
    "below": ["master", "reseller", "two"],
    "other": ["master"],
}


def account(id: str, tree: list[str] | None = None, **private: Any) -> Document:
    """An account at its place in the tree."""
    above = TREE[id] if tree is None else tree
    body = {"name": id.title(), "realm": f"{id}.example.com"}
    told = {"tree": above, "parent": above[-1] if above else "", "login_name": id, **private}
    return Document.of("", "accounts", id, body, NOW, told)


async def fill(store: WholeStore) -> None:
    """Put the tree into a store, with documents of all accounts and of none."""
    await store.open([*KINDS, USERS])
    for id in TREE:
        found = Document.of("", "api_keys", f"key-{id}", {"account_id": id}, NOW)
        client = Document.of("", "clients", f"client-{id}", {"account_id": id}, NOW)
        session = Document.of("", "oauth_sessions", f"session-{id}", {"holder": id}, NOW, {"account_id": id})
        early = Document.of(id, "a_first", "e", {}, NOW)
        rules = Document.of(id, "token_restrictions", "token_restrictions", {}, NOW)
        user = Document.of(id, "users", "u", {"name": id}, NOW)
        await store.write([Insert(each) for each in (account(id), found, client, session, early, rules, user)])
        await store.write([Keep(await blob(store, id.encode()), id, "users", "u")])
    shared = (("system", "keys"), ("revoked_tokens", "jti"), ("token_restrictions", "token_restrictions"))
    await store.write([Insert(Document.of("", kind, id, {}, NOW)) for kind, id in shared])
    await store.write([Delete("two", "users", "u"), Insert(account("was", ["master", "reseller", "two"]))])
    await store.write([Insert(Document.of("was", "users", "u", {}, NOW)), Delete("", "accounts", "was")])


def within(found: list[Stored], *accounts: str) -> list[Stored]:
    """Those of the documents that belong to these accounts."""

    def owner(document: Document) -> object:
        if document.tenant or document.kind == "accounts":
            return document.tenant or document.id
        return document.data().get("account_id")

    return [stored for stored in found if owner(stored.document) in accounts]


@pytest.fixture
async def source(clock: Clock) -> WholeStore:
    """A store with a tree of accounts."""
    store = MemoryStore(clock)
    await fill(store)
    return store


@pytest.fixture
async def target(clock: Clock) -> WholeStore:
    """A store with the accounts above, and keys of its own."""
    store = MemoryStore(clock)
    await store.open([*KINDS, USERS])
    await store.write([Insert(account("master")), Insert(Document.of("", "system", "keys", {"own": True}, NOW))])
    return store


async def test_what_belongs_to_a_tree(source: WholeStore, target: WholeStore, tmp_path: Path, clock: Clock) -> None:
    """The accounts at and below it, deleted ones too, what they have, and by what they are found; nothing else."""
    before = await everything(target)
    await export(source, tmp_path / "archive", clock, "reseller")
    await load(target, tmp_path / "archive", clock)
    wanted = within(await everything(source), "reseller", "one", "two", "below", "was")
    assert 4 * 6 + 2 == len(wanted)
    assert wanted == [stored for stored in await everything(target) if stored not in before]


async def test_out_of_a_file(source: WholeStore, tmp_path: Path, clock: Clock) -> None:
    """A tree of a store in a file is the same, and an account without any below it is one as well."""
    store = SqliteStore(tmp_path / "store.db", clock=clock)
    await fill(store)
    for number, top in enumerate(("reseller", "below")):
        one = await export(source, tmp_path / f"memory-{number}", clock, top)
        two = await export(store, tmp_path / f"sqlite-{number}", clock, top)
        assert [part.sum.documents for part in one.kinds] == [part.sum.documents for part in two.kinds]
    assert 6 == one.total()[0]
    await store.close()


async def test_an_export_that_goes_on_means_the_same_accounts(source: WholeStore, tmp_path: Path, clock: Clock) -> None:
    """An account that was made after the accounts were exported is not taken along by halves."""
    first = await export(source, tmp_path / "archive", clock, "reseller")
    manifest = read_manifest(tmp_path / "archive")
    assert manifest is not None
    manifest.finished = None
    for part in manifest.kinds:
        if part.kind != "accounts":
            part.next, part.done, part.sum = None, False, type(part.sum)()
    write_manifest(tmp_path / "archive", manifest)
    late = Document.of("late", "users", "u", {}, NOW)
    await source.write([Insert(account("late", ["master", "reseller"])), Insert(late)])
    second = await export(source, tmp_path / "archive", clock, "reseller")
    assert first.total() == second.total()


@pytest.mark.parametrize(
    ("above", "told"),
    [
        ([], "the account two lies below the account reseller, which this store does not have"),
        ([account("reseller", ["elsewhere"])], "master / reseller, and in this store reseller lies elsewhere"),
        (
            [account("reseller"), account("own", ["master"], login_name="below")],
            "the accounts below of the archive and own of the store have the same name for logins, 'below'",
        ),
    ],
    ids=["no-parent", "parent-elsewhere", "a-namesake"],
)
async def test_where_a_tree_has_no_place(
    above: list[Document], told: str, source: WholeStore, target: WholeStore, tmp_path: Path, clock: Clock
) -> None:
    """It is told what is missing, and nothing is written."""
    await target.write([Insert(each) for each in above])
    before = await everything(target)
    await export(source, tmp_path / "archive", clock, "two")
    with pytest.raises(ArchiveError, match=told):
        await load(target, tmp_path / "archive", clock)
    assert before == await everything(target)


async def test_a_tree_with_the_top_of_all(source: WholeStore, target: WholeStore, tmp_path: Path, clock: Clock) -> None:
    """It goes into an empty store, and into none that has another account at its top."""
    await export(source, tmp_path / "archive", clock, "master")
    empty = MemoryStore(clock)
    await load(empty, tmp_path / "archive", clock)
    assert 6 == sum(each.document.kind == "accounts" and each.deleted is None for each in await everything(empty))
    await target.write([Delete("", "accounts", "master"), Insert(account("root", []))])
    with pytest.raises(ArchiveError, match="this store has root at its top"):
        await load(target, tmp_path / "archive", clock)


async def test_an_account_that_is_not_there(source: WholeStore, tmp_path: Path, clock: Clock) -> None:
    """A wrong id is told, and no folder made."""
    with pytest.raises(ArchiveError, match="the store has no account 'nobody'"):
        await export(source, tmp_path / "archive", clock, "nobody")
    assert not (tmp_path / "archive").exists()
