"""A table of buckets and counts that the processes of one machine share: a file of fixed size, mapped by all of them.

An entry lies in one of the eight slots of its set, and which set that is follows from its key, so that a look-up costs
the same however many there are. Keys are kept as digests under a secret that is made with the file: nobody can choose
addresses that fall into the same set. A set is locked, for some microseconds, by a byte of the file (fcntl(2)); the
kernel takes the lock back from a process that dies, and an entry that it leaves half written is at worst a bucket that
is too full or too empty.

The clock must be one that all processes share, as CLOCK_MONOTONIC is (clock_gettime(2)).
"""

from __future__ import annotations

import fcntl
import mmap
import os
import secrets
import stat
import struct
import time
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path
from threading import Lock

from ..errors import SettingsError
from .buckets import NOTHING, Change, Entry, Quota

SLOTS = 8
SETS = 16_384
_SLOT = struct.Struct("=16sqq")  # the digest of a key, until when, how often
_FACTS = struct.Struct("=qq")
_ENDS = struct.Struct("=" + "16xq8x" * SLOTS)
_HEAD = struct.Struct("=16sI32s")
_MAGIC = b"crossbar limits1"
_PAGE = 4096
_SET = SLOTS * _SLOT.size
# A process that was stopped while it holds a lock must not stop the others: they go on without it, after so many tries.
_TRIES, _PAUSE = 500, 0.000_5

# NOTE: the locks of a file are those of a process, so its threads need one of their own.
_HERE = Lock()


class SharedTable:
    """A table in the file at `path`, which is made if it is not there: `sets` times eight entries of 32 bytes.

    It is `owing` if others, who cannot see it, take from the same buckets.
    """

    def __init__(self, path: Path, clock: Callable[[], int], sets: int = SETS, *, owing: bool = False) -> None:
        self._path = path
        self._clock = clock
        self._sets = sets
        self._owing = owing
        self._file = -1
        self._map: mmap.mmap
        self._secret = b""

    def open(self) -> None:
        """Map the file; SettingsError if it cannot be opened, is not ours, or is something else."""
        if self._file >= 0:
            return
        try:
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise self._wrong(f"cannot open {self._path}: {error.strerror}") from None
        try:
            self._map, self._secret = self._mapped()
        except BaseException:
            os.close(self._file)
            self._file = -1
            raise

    def close(self) -> None:
        """Let go of the file, which stays."""
        if self._file >= 0:
            self._map.close()
            os.close(self._file)
            self._file = -1

    def identity(self) -> bytes:
        """What it is known by; see Table. The secret of the file cannot be told from it."""
        return blake2b(b"identity", digest_size=16, key=self._secret).digest()

    def take(self, key: str, quota: Quota, cost: int, *, drain: bool = False) -> tuple[int, bool, int]:
        """Take tokens from a bucket; see Table."""
        digest, number = self._place(key)
        with _HERE:
            locked = self._lock(number)
            try:
                # NOTE: the clock is read under the lock, so that time never goes back from one entry to the next.
                now = self._clock()
                at = self._find(digest, number)
                before = _FACTS.unpack_from(self._map, at + 16)[0] if at else 0
                full_at, admitted = quota.take(before, cost, now, owing=self._owing)
                if drain and not admitted:
                    full_at = max(full_at, now + quota.window)
                _SLOT.pack_into(self._map, at or self._room(number), digest, full_at, 0)
            finally:
                if locked:
                    fcntl.lockf(self._file, fcntl.LOCK_UN, 1, number)
        return full_at, admitted, now

    def look(self, key: str) -> tuple[Entry, int]:
        """The entry of a key; see Table."""
        digest, number = self._place(key)
        with _HERE:
            locked = self._lock(number)
            try:
                now = self._clock()
                at = self._find(digest, number)
                found = Entry(*_FACTS.unpack_from(self._map, at + 16)) if at else NOTHING
            finally:
                if locked:
                    fcntl.lockf(self._file, fcntl.LOCK_UN, 1, number)
        return (found if found.until > now else NOTHING), now

    def change(self, key: str, change: Change) -> Entry:
        """Change the entry of a key; see Table."""
        digest, number = self._place(key)
        with _HERE:
            locked = self._lock(number)
            try:
                now = self._clock()
                at = self._find(digest, number)
                found = Entry(*_FACTS.unpack_from(self._map, at + 16)) if at else NOTHING
                new = change(found if found.until > now else NOTHING, now)
                if at or new.until > now:
                    _SLOT.pack_into(self._map, at or self._room(number), digest, *new)
            finally:
                if locked:
                    fcntl.lockf(self._file, fcntl.LOCK_UN, 1, number)
        return new

    def _place(self, key: str) -> tuple[bytes, int]:
        """The digest of a key, and the number of its set."""
        digest = blake2b(key.encode("utf-8", "surrogateescape"), digest_size=16, key=self._secret).digest()
        return digest, int.from_bytes(digest[:4], "little") % self._sets

    def _find(self, digest: bytes, number: int) -> int:
        """Where the entry with that digest is in the file, 0 if it is not there."""
        start = _PAGE + number * _SET
        at = self._map.find(digest, start, start + _SET)
        while at > 0 and (at - start) % _SLOT.size:
            at = self._map.find(digest, at + 1, start + _SET)
        return max(at, 0)

    def _room(self, number: int) -> int:
        """The slot of a set whose entry ends first, or has ended the longest time ago."""
        start = _PAGE + number * _SET
        ends = _ENDS.unpack_from(self._map, start)
        return start + ends.index(min(ends)) * _SLOT.size

    def _lock(self, number: int) -> bool:
        """Lock a byte of the file; False if somebody does not give it back."""
        for _ in range(_TRIES):
            try:
                fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, number)
                return True
            except (BlockingIOError, PermissionError):  # either of them means that it is taken (fcntl(2))
                time.sleep(_PAUSE)
        return False

    def _mapped(self) -> tuple[mmap.mmap, bytes]:
        """The mapped file and its secret; whoever comes first makes both."""
        length = _PAGE + self._sets * _SET
        fcntl.lockf(self._file, fcntl.LOCK_EX, 1, length)
        try:
            facts = os.fstat(self._file)
            if not stat.S_ISREG(facts.st_mode) or facts.st_uid != os.geteuid() or facts.st_mode & 0o077:
                raise self._wrong(f"{self._path} must be a file that only you may read and write: chmod 600 it")
            if not facts.st_size:
                os.ftruncate(self._file, length)
                os.pwrite(self._file, _HEAD.pack(_MAGIC, self._sets, secrets.token_bytes(32)), 0)
            elif facts.st_size != length:
                raise self._wrong(f"{self._path} is something else: name another file, or remove it")
            magic, sets, secret = _HEAD.unpack(os.pread(self._file, _HEAD.size, 0))
            if magic != _MAGIC or sets != self._sets:
                raise self._wrong(f"{self._path} is something else: name another file, or remove it")
            return mmap.mmap(self._file, length), secret
        except OSError as error:
            raise self._wrong(f"cannot map {self._path}: {error.strerror}") from None
        finally:
            fcntl.lockf(self._file, fcntl.LOCK_UN, 1, length)

    def _wrong(self, what: str) -> SettingsError:
        return SettingsError([f"rate.shared: {what}"])
