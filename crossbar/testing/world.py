"""A small world of accounts to work in: a started application whose store holds a tree of them."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from ..app import Crossbar
from ..errors import CrossbarError
from ..passwords import Hasher, login_name, wire_credentials
from ..settings import Auth, Rate, Settings
from ..stores import Body, Document, Insert, Store
from .client import Client

NOW = 1_780_000_000

QUICK = Settings(auth=Auth(hash_memory=8, login_failures=0), rate=Rate(enabled=False))
"""Settings for tests: passwords are hashed with little memory, and neither requests nor failed logins are counted."""

USERNAME, PASSWORD = "admin", "crossbar"


class Clock:
    """A clock that stands until its `now`, in Unix seconds, is set."""

    def __init__(self, now: float = NOW) -> None:
        self.now = now

    def __call__(self) -> float:
        """The second that was set."""
        return self.now


def make_store(kind: str = "memory", folder: Path | None = None, clock: Callable[[], float] = time.time) -> Store:
    """A store that is not open yet: `memory`, `sqlite` (a file in the folder), or the one that a URL names."""
    if kind == "sqlite":
        from ..stores.sqlite import SqliteStore

        if folder is None:
            raise CrossbarError("a store of the kind 'sqlite' is a file: name a folder for it, such as tmp_path")
        # PERF: a test does not outlive the machine, so it need not wait for the disk.
        return SqliteStore(folder / "crossbar.db", synchronous="NORMAL", clock=clock)
    from ..stores.choose import store_at

    return store_at("memory:" if kind == "memory" else kind, clock)


def make_app(
    settings: Settings = QUICK,
    *,
    store: Store | str = "memory",
    modules: Path | str | None = None,
    clock: Callable[[], float] = time.time,
    **options: Any,
) -> Crossbar:
    """An application that has not been started, for tests.

    `store` is one, or what `make_store` makes one of; `modules` is a folder with modules; the other options are those
    of `Crossbar`.
    """
    if modules is not None:
        settings = replace(settings, modules=replace(settings.modules, folder=str(modules)))
    if isinstance(store, str):
        store = make_store(store, clock=clock)
    return Crossbar(settings, store=store, clock=clock, **options)


@dataclass(frozen=True, slots=True)
class Accounts:
    """The accounts of a small world, by their ids, and the application that they are in.

    They are `master` > `reseller` > `customer` > `department`, and `stranger` beside the reseller. Each has a user
    `admin` with the password `crossbar`.
    """

    app: Crossbar
    master: str = "a0" * 16
    reseller: str = "b0" * 16
    customer: str = "c0" * 16
    department: str = "d0" * 16
    stranger: str = "e0" * 16

    def id(self, account: str) -> str:
        """The id of the account called so."""
        id: str = getattr(self, account)
        return id

    async def token(self, account: str) -> str:
        """A token for the administrator of the account called so."""
        account_id = self.id(account)
        user = await self.app.store.get(account_id, "users", _admin(account_id))
        document = await self.app.tenants.account(account_id)
        assert document is not None
        return self.app.tokens.mint(document, user, "cb_user_auth")


@dataclass(frozen=True, slots=True)
class World(Accounts):
    """The accounts of a small world, for tests that are coroutines."""

    async def client(self, account: str = "master", **options: Any) -> Client:
        """A client that is logged in as the administrator of the account called so; the options are those of Client."""
        return Client(self.app, await self.token(account), **options)


async def small_world(store: Store | str = "memory", settings: Settings = QUICK, **options: Any) -> World:
    """An application that has been started on an empty store, with the small tree of accounts in it.

    The options are those of `make_app`.
    """
    app = make_app(settings, store=store, **options)
    await app.start()
    world = World(app)
    await plant(world)
    return world


async def plant(accounts: Accounts) -> None:
    """Store the accounts."""
    tree: list[str] = []
    for name in ("master", "reseller", "customer", "department"):
        await _planted(accounts.app, accounts.id(name), "demo" if name == "master" else name, tree)
        tree = [*tree, accounts.id(name)]
    await _planted(accounts.app, accounts.stranger, "stranger", [accounts.master])


async def _planted(app: Crossbar, id: str, name: str, tree: list[str]) -> None:
    """Store an account, its administrator and its API key."""
    key = (name.encode().hex() * 64)[:64]
    private = {"tree": tree, "parent": tree[-1] if tree else "", "login_name": login_name(name), "api_key": key}
    account = Document.of(
        "",
        "accounts",
        id,
        {"name": name, "realm": f"{name}.example.com", "enabled": True},
        NOW,
        private | {"identity": id, "master": not tree},
    )
    person = {"username": USERNAME, "first_name": "Ada", "last_name": name, "priv_level": "admin", "enabled": True}
    secret = {"credentials": _kept(app.settings.auth, id), "identity": secrets.token_hex(16)}
    user = Document.of(id, "users", _admin(id), person, NOW, secret)
    found_by = Document.of("", "api_keys", sha256(key.encode()).hexdigest(), {"account_id": id}, NOW)
    await app.store.write([Insert(account), Insert(user), Insert(found_by)])


def _admin(account_id: str) -> str:
    """The id of an account's administrator."""
    return account_id[:16] + "0" * 16


# PERF: what is kept of a password is the same for the same account and settings, and dear on purpose.
@cache
def _kept(settings: Auth, account_id: str) -> Body:
    """What is kept of an administrator's password."""
    hasher = Hasher(settings)
    md5, sha = wire_credentials(USERNAME, PASSWORD)
    return {"md5": hasher.digest_now(md5, account_id), "sha": hasher.digest_now(sha, account_id)}
