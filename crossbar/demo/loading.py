"""Putting the demo data into a store: a login that works, and a marker by which it is known again.

The marker is the document `system/demo` outside of any tenant. It is written first and completed last, so that a load
that was interrupted shows, and goes on where it ended when it is asked for again.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from typing import Any

import msgspec
import orjson

from .. import auth
from ..errors import CrossbarError, StoreUnavailable, UniqueConflict
from ..keys import SYSTEM, keys_of
from ..media.files import keep_file
from ..passwords import USERS, Hasher, wire_credentials
from ..routes import Attachment
from ..stores import Body, Change, Document, Insert, Kind, Query, Replace, Store
from ..tenants import ACCOUNTS
from . import DEMO_PASSWORD, DEMO_USER, demo_account_id, demo_documents
from .applications import APPLICATIONS, client_id_of, client_secret_of, with_secret
from .files import DemoFile
from .mail import file_of, photo_of
from .recipe import Recipe
from .recorded import recorded_file

MARKER = "demo"
CALLS = "cdrs"
_FILES_IN_WRITE = 10

Tell = Callable[[int, int], None]
"""Called now and then while documents are made, on whatever thread makes them: how many so far, of how many."""


@dataclass(frozen=True, slots=True)
class Demo:
    """The demo data of a store: its account, the administrator, and whether the load came to its end."""

    account_id: str
    user_id: str
    complete: bool


class NotLoaded(CrossbarError):
    """The demo data cannot go into this store; the message says why and the way out."""


async def demo_of(store: Store) -> Demo | None:
    """What the store's marker says, None if the demo data was never loaded into it."""
    marker = await store.get("", SYSTEM.name, MARKER)
    if marker is None:
        return None
    told = marker.data()
    return Demo(told["account_id"], told["user_id"], told.get("complete", True))


async def demo_client(store: Store, recipe: Recipe, now: int) -> tuple[str, str]:
    """The client id of the demo's application, and the secret that it was loaded with."""
    signing, _ = await keys_of(store, lambda: now)
    client_id = client_id_of(recipe)
    return client_id, client_secret_of(signing, client_id)


async def has_accounts(store: Store) -> bool:
    """Whether there is any account, be it of the demo or a real one."""
    return bool(await store.find(Query("", ACCOUNTS.name, limit=1)))


async def password_is_known(store: Store, hasher: Hasher, demo: Demo) -> bool:
    """Whether the demo's administrator still has the password that everybody knows."""
    try:
        user = await store.get(demo.account_id, USERS, demo.user_id)
    except StoreUnavailable:
        return True  # Nobody can tell, so it counts as known.
    if user is None:
        return False
    md5, _ = wire_credentials(DEMO_USER, DEMO_PASSWORD)
    kept: str = user.secrets().get("credentials", {}).get("md5", "")
    return hmac.compare_digest(kept, hasher.digest_now(md5, demo.account_id))


async def load_demo(
    store: Store, hasher: Hasher, recipe: Recipe, *, known: Container[str], now: int, tell: Tell
) -> Counter[str]:
    """Load everything that the recipe makes into an open store, and say how much of each kind there is.

    `known` are the kinds that the store was opened with. A load that was interrupted goes on with the recipe and the
    time that it began with. NotLoaded if the store holds accounts already.
    """
    marker = await store.get("", SYSTEM.name, MARKER)
    if marker is not None and not marker.data()["complete"]:
        begun = marker.secrets()
        recipe, now = msgspec.convert(begun["recipe"], Recipe), begun["now"]
    elif await has_accounts(store):
        raise NotLoaded("the store already holds accounts, so no demo data was loaded; name another store")
    signing, _ = await keys_of(store, lambda: now)
    made = demo_documents(recipe, now=now, secrets=_secrets(hasher, demo_account_id(recipe)))
    first: list[Document] = []
    for document in made:
        first.append(document)
        if document.kind == CALLS:  # From here on there is nothing else.
            break
    kinds = sorted({document.kind for document in first} | {CALLS})
    await store.open([Kind(kind) for kind in kinds if kind not in known])
    counts: Counter[str] = Counter()
    total = sum(document.kind != CALLS for document in first) + recipe.records
    counted = _counted(chain(first, made), counts, total, tell)
    files = _files(first, recipe)
    documents: Iterator[Document] = map(
        partial(_adapted, signing), (each for each in counted if (each.tenant, each.kind, each.id) not in files)
    )
    try:
        if marker is None:
            marker = await _mark(store, first, recipe, now)
        else:
            documents = await _missing(store, documents)
        await _load(store, documents)
        await _load_with_files(store, first, files)
    except UniqueConflict:
        raise NotLoaded("another process loads the demo data into this store at the moment; wait for it") from None
    await store.write([Replace(marker.with_data(marker.data() | {"complete": True}))])
    return counts


async def _mark(store: Store, documents: Sequence[Document], recipe: Recipe, now: int) -> Document:
    """Write the marker, with what it takes to go on after an interruption."""
    owner, user = next((each.tenant, each.id) for each in documents if each.kind == USERS and each.private)
    body = {"account_id": owner, "user_id": user, "complete": False}
    marker = Document.of("", SYSTEM.name, MARKER, body, now, {"recipe": msgspec.to_builtins(recipe), "now": now})
    await store.write([Insert(marker)])
    return marker


async def _missing(store: Store, documents: Iterator[Document]) -> Iterator[Document]:
    """The documents from the first one on that the store lacks; they are loaded in their order."""
    while some := list(islice(documents, 1_000)):
        if await _has(store, some[-1]):
            continue
        lacking = [document for document in some if not await _has(store, document)]
        return chain(lacking, documents)
    return iter(())


async def _has(store: Store, document: Document) -> bool:
    return await store.get(document.tenant, document.kind, document.id) is not None


async def _load(store: Store, documents: Iterator[Document]) -> None:
    """Insert the documents, through the store's own fast way if it has one."""
    load = getattr(store, "load", None)
    if load is not None:
        await load(documents)
        return
    while some := [Insert(document) for document in islice(documents, 1_000)]:
        await store.write(some)


Files = dict[tuple[str, str, str], DemoFile]
"""The files of documents, by tenant, kind and id."""


def _files(documents: Iterable[Document], recipe: Recipe) -> Files:
    """The files of those documents that have one; some people of the demo account have a photo."""
    home = demo_account_id(recipe)
    people = [each for each in documents if each.kind == USERS and each.tenant == home and not each.private]
    found = {(each.tenant, each.kind, each.id): photo_of(each) for each in people[: recipe.media.photos]}
    for document in documents:
        file = file_of(document) or recorded_file(document)
        if file is not None:
            found[document.tenant, document.kind, document.id] = file
    return found


async def _load_with_files(store: Store, documents: Iterable[Document], files: Files) -> None:
    """Insert the documents that have files, some of them at a time, each together with its file."""
    waiting = iter([each for each in documents if (each.tenant, each.kind, each.id) in files])
    while some := list(islice(waiting, 50)):
        lacking = [document for document in some if not await _has(store, document)]
        # PERF: each file waits for the disk, so they wait together.
        saved = await asyncio.gather(*[_saved(store, each, files[each.tenant, each.kind, each.id]) for each in lacking])
        # NOTE: few in each write, since a server on another machine has little time for one of them.
        few = [saved[place : place + _FILES_IN_WRITE] for place in range(0, len(saved), _FILES_IN_WRITE)]
        await asyncio.gather(*[store.write([change for changes in each for change in changes]) for each in few])


async def _saved(store: Store, document: Document, file: DemoFile) -> tuple[Change, ...]:
    """Put a file into the store; the changes that insert its document and keep it with that."""
    blob = await store.new_blob()
    await blob.write(file.content)
    slot = Attachment(file.slot, many=file.many)
    stored = await blob.finish()
    filed, keep = keep_file(
        document, slot, stored, name=file.name, content_type=file.content_type, modified=document.modified
    )
    return Insert(filed), keep


def _secrets(hasher: Hasher, account_id: str) -> Callable[[str, str], dict[str, Any]]:
    """What `passwords.password_secrets` keeps of a password, with an identity that is always the same."""

    def kept(username: str, password: str) -> dict[str, Any]:
        md5, sha = (hasher.digest_now(digest, account_id) for digest in wire_credentials(username, password))
        identity = hashlib.sha256(f"demo identity {account_id} {username}".encode()).hexdigest()[:32]
        return {"credentials": {"md5": md5, "sha": sha}, "identity": identity}

    return kept


def _adapted(signing: bytes, document: Document) -> Document:
    """The document, with API keys that only this store knows.

    NOTE: those of the recipe are as public as the recipe. Another password would not keep out who has them.
    """
    if document.kind == ACCOUNTS.name:
        private: Body = document.secrets()
        identity = hashlib.sha256(f"demo identity {document.id}".encode()).hexdigest()[:32]
        return document.with_secrets(private | {"api_key": _api_key(signing, document.id), "identity": identity})
    if document.kind == APPLICATIONS:
        return with_secret(signing, document)
    if document.kind == auth.API_KEYS.name:
        found = document.data()
        id = hashlib.sha256(_api_key(signing, found["account_id"]).encode()).hexdigest()
        return Document("", document.kind, id, orjson.dumps(found | {"id": id}), document.created, document.modified)
    return document


def _api_key(signing: bytes, account_id: str) -> str:
    return hmac.digest(signing, f"demo api key {account_id}".encode(), "sha256").hex()


def _counted(documents: Iterable[Document], counts: Counter[str], total: int, tell: Tell) -> Iterator[Document]:
    for done, document in enumerate(documents, 1):
        counts[document.kind] += 1
        if done % 1_000 == 0 or done == total:
            tell(done, total)
        yield document
