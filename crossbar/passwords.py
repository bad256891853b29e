"""Passwords: what clients send, what is kept of it, and whose it is.

Kazoo's clients log in with `md5(username:password)` or its sha1 twin and the name of the account, so those digests are
what we receive. They are a wire format only. At rest we keep Argon2id of each digest, salted with the account's id. The
salt is the same for all users of an account so that one computation finds the user, who is not named in the request; it
costs an attacker no less, because the user name is part of each digest.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from .errors import InvalidData, Unavailable
from .filters import where
from .settings import Auth
from .stores import Body, Document, Query, Store

USERS = "users"
LONGEST = 1024
"""The bytes of a password, or of a digest of one; longer ones are wrong before they cost anything."""


_NICENESS = 10


def _step_back() -> None:
    """Let the present thread run when others do not need the processor: whoever logs in waits, and nobody else."""
    # NOTE: on Linux a thread has a niceness of its own (see setpriority(2)); elsewhere it would be the whole process.
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)


class Hasher:
    """Argon2id in few threads, with a bounded queue, so that a flood of logins does not slow other requests."""

    def __init__(self, settings: Auth) -> None:
        self._memory = settings.hash_memory * 1024
        self._threads = settings.hash_threads
        self._room = threading.BoundedSemaphore(settings.hash_threads + settings.hash_queue)
        self._pool: ThreadPoolExecutor | None = None

    async def digest(self, credentials: str, account_id: str) -> str:
        """What is kept of a digest from the wire, as hex text; Unavailable if `auth.hash_queue` of them wait."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._threads, "crossbar-hash", _step_back)
        room = self._room
        if not room.acquire(blocking=False):
            raise Unavailable("too many passwords are waiting to be checked; try again")
        hashing = self._pool.submit(self.digest_now, credentials, account_id)
        # NOTE: whoever waits may go, but a thread that has begun goes on; its place is free when it has ended.
        hashing.add_done_callback(lambda done: room.release())
        return await asyncio.wrap_future(hashing)

    def digest_now(self, credentials: str, account_id: str) -> str:
        """The same, in the calling thread."""
        from argon2.low_level import Type, hash_secret_raw

        salt = hashlib.sha256(b"crossbar credentials " + account_id.encode()).digest()[:16]
        return hash_secret_raw(
            credentials.encode(), salt, time_cost=1, memory_cost=self._memory, parallelism=1, hash_len=32, type=Type.ID
        ).hex()

    def close(self) -> None:
        """Let the threads go."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None


def wire_credentials(username: str, password: str) -> tuple[str, str]:
    """The md5 and the sha1 digest that a client sends for this user name and password."""
    pair = f"{username.lower()}:{password}".encode()
    return hashlib.md5(pair, usedforsecurity=False).hexdigest(), hashlib.sha1(pair, usedforsecurity=False).hexdigest()


async def password_secrets(hasher: Hasher, account_id: str, username: str, password: str) -> Body:
    """What a user's private part keeps of a password, with a fresh identity that ends all earlier tokens.

    InvalidData for a password over `LONGEST` bytes.
    """
    if len(password.encode()) > LONGEST:
        raise InvalidData("password", "maxLength", f"the password is longer than {LONGEST} bytes", target=LONGEST)
    md5, sha = wire_credentials(username, password)
    kept_md5, kept_sha = await asyncio.gather(hasher.digest(md5, account_id), hasher.digest(sha, account_id))
    return {"credentials": {"md5": kept_md5, "sha": kept_sha}, "identity": secrets.token_hex(16)}


def login_name(name: str) -> str:
    """An account's name as logins compare it: lower case, without blanks."""
    return "".join(name.lower().split())


async def find_user(
    store: Store, hasher: Hasher, account: Document | None, method: str, credentials: str
) -> Document | None:
    """The user of the account whose digest (`md5` or `sha`) this is; takes the same time if there is none.

    What is longer than `LONGEST` bytes is nobody's, and is not hashed.
    """
    if len(credentials.encode()) > LONGEST:
        return None
    kept = await hasher.digest(credentials.lower(), account.id if account is not None else "")
    if account is None:
        return None
    query = Query(account.id, USERS, (where(f"credentials.{method}", kept, private=True),), limit=1, full=True)
    return next(iter(await store.find(query)), None)
