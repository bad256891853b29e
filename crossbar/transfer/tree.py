"""What belongs to an account tree: the accounts at and below one, their documents, and what finds them from outside.

A document that belongs to no tenant is taken along if it names an account of the tree in one of the ways of `FOUND_BY`.
All others stay: keys of the installation, and what they alone make good, such as sessions and revocations of tokens.
"""

from __future__ import annotations

from collections.abc import Container, Iterable

from ..auth import API_KEYS, CLIENTS
from ..errors import CrossbarError
from ..filters import where
from ..stores import Document, Query, Store
from ..stores.whole import Stored
from ..tenants import ACCOUNTS
from .manifest import ArchiveError

FOUND_BY = {API_KEYS.name: "account_id", CLIENTS.name: "account_id"}
"""The kinds outside of tenants that belong to accounts, and the field of the body that names the account."""


def is_within(stored: Stored, account: str) -> bool:
    """Whether a document of the kind `accounts` is the account, or one below it."""
    document = stored.document
    return document.id == account or account in document.secrets().get("tree", ())


def is_taken(stored: Stored, accounts: Container[str]) -> bool:
    """Whether a document of another kind belongs to a tree of these accounts."""
    document = stored.document
    if document.tenant:
        return document.tenant in accounts
    field = FOUND_BY.get(document.kind)
    return field is not None and document.data().get(field) in accounts


async def refuse_unrooted(store: Store, top: Document) -> None:
    """ArchiveError unless the store has the account above `top`, at the same place of its own tree."""
    private = top.secrets()
    parent, tree = private.get("parent", ""), list(private.get("tree", ()))
    if not parent:
        await _refuse_second_root(store, top)
        return
    above = await store.get("", ACCOUNTS.name, parent)
    if above is None:
        raise ArchiveError(
            f"the account {top.id} lies below the account {parent}, which this store does not have: "
            "import the tree of that one, or a whole store"
        )
    if [*above.secrets().get("tree", ()), parent] != tree:
        raise ArchiveError(
            f"the account {top.id} lies below {' / '.join(tree)}, and in this store {parent} lies elsewhere: "
            "it can be imported only into a store with the same accounts above it"
        )


async def _refuse_second_root(store: Store, top: Document) -> None:
    roots = await store.find(Query("", ACCOUNTS.name, (where("parent", "", private=True),), limit=2))
    for root in roots:
        if root.id != top.id:
            raise ArchiveError(
                f"the account {top.id} has none above it, and this store has {root.id} at its top: "
                "import it into an empty store"
            )


async def refuse_namesakes(store: Store, accounts: Iterable[Stored]) -> None:
    """ArchiveError if another account has the name by which one of these logs in, which no unique field says."""
    for stored in accounts:
        name = stored.document.secrets().get("login_name")
        if name is None or stored.deleted is not None:
            continue
        same = Query("", ACCOUNTS.name, (where("login_name", name, private=True),), limit=2)
        for other in await store.find(same):
            if other.id != stored.document.id:
                told = f"the accounts {stored.document.id} of the archive and {other.id} of the store"
                raise ArchiveError(f"{told} have the same name for logins, {name!r}: rename one of them")


async def refuse_unknown(store: Store, account: str) -> None:
    """ArchiveError if there is no such account, or the store cannot tell."""
    try:
        found = await store.get("", ACCOUNTS.name, account)
    except CrossbarError as error:
        raise ArchiveError(f"the store cannot say which accounts it has: {error}") from error
    if found is None:
        raise ArchiveError(f"the store has no account {account!r}: name one by its id")
