"""Compression of responses: zstd (RFC 8878), brotli (RFC 7932) or gzip (RFC 1952), as `Accept-Encoding` has it.

What is streamed stays a stream: what has been written so far can be read at once. What takes long is compressed in a
thread, so that nobody waits for it.

Where a response repeats what was sent and has a secret beside it, the secret can be guessed from the compressed length
(BREACH), by somebody who makes a browser send chosen requests and sees how long the answers are. No browser sends
credentials here of its own accord, so nobody else's page can ask. All the same, neither logins, which hand out secrets,
nor refusals, which repeat what was sent, are compressed.
"""

from __future__ import annotations

import asyncio
import re
import sys
import zlib
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property, lru_cache
from importlib.util import find_spec
from typing import Any, Protocol

from . import settings
from .context import Context
from .fields import Fields, vary
from .negotiation import essence
from .reply import EVENT_STREAM, Reply

LARGE = 65_536
"""Bytes from which on a piece is compressed in a thread."""
THREADS = 2

_TYPES = frozenset(
    {"application/json", "application/javascript", "application/x-ndjson", "application/xml", "image/svg+xml"}
)
_UNTOUCHED = frozenset({b"accept-ranges", b"content-range", b"content-encoding"})
_ZSTD = "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"
_WEIGHT = re.compile(r"q=(?:0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)")
_SYNONYMS = {"x-gzip": "gzip"}  # RFC 9110, 8.4.1.3
_GZIP = 31  # the largest window, with the header and trailer of gzip
_WINDOW = 18  # of brotli, as a power of 2: 256 KiB


class Codec(Protocol):
    """How one response is written in a coding."""

    def piece(self, data: bytes) -> bytes:
        """The coded form of all that was given so far, so that a reader can have it at once."""

    def end(self, data: bytes) -> bytes:
        """The rest."""


class Encoder:
    """One response that is being compressed, in a thread where that takes long."""

    def __init__(self, codec: Codec, run: Callable[[Callable[[bytes], bytes], bytes], Awaitable[bytes]]) -> None:
        self._codec = codec
        self._run = run

    async def piece(self, data: bytes) -> bytes:
        """The compressed form of all that was given so far, so that a reader can have it at once."""
        return await self._run(self._codec.piece, data)

    async def end(self, data: bytes = b"") -> bytes:
        """The rest."""
        return await self._run(self._codec.end, data)


class Compression:
    """Compresses the responses of an application whose clients accept that."""

    def __init__(self, rules: settings.Compression) -> None:
        self._minimum = rules.minimum
        self._levels = {"zstd": rules.zstd, "br": rules.brotli, "gzip": rules.gzip}
        self._threads: ThreadPoolExecutor | None = None

    @cached_property
    def offered(self) -> tuple[str, ...]:
        """The codings that there are packages for, the best one first."""
        # PERF: looked for when somebody first asks for one.
        return tuple(coding for coding, package in _PACKAGES.items() if _is_installed(package))

    def encoder(self, ctx: Context, accepted: bytes) -> Encoder | None:
        """What compresses this response, whose header fields say so from now on; None if it goes out as it is."""
        if not self._is_worth_it(ctx):
            return None
        coding, identity = chosen(accepted.decode("latin-1"), self.offered)
        vary(ctx.response_headers, b"Accept-Encoding")
        if not coding or (identity and isinstance(ctx.payload, bytes) and len(ctx.payload) < self._minimum):
            return None
        ctx.response_headers[:] = _described(ctx.response_headers, coding.encode())
        return Encoder(_CODECS[coding](self._levels[coding]), self._worked)

    async def _worked(self, work: Callable[[bytes], bytes], data: bytes) -> bytes:
        """What a codec makes of some bytes, in a thread if they are many."""
        if len(data) < LARGE:
            return work(data)
        if self._threads is None:
            self._threads = ThreadPoolExecutor(THREADS, "crossbar-compression")
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, data)

    def close(self) -> None:
        """Let go of the threads; they come back with the next large response."""
        threads, self._threads = self._threads, None
        if threads is not None:
            threads.shutdown(wait=False)

    def _is_worth_it(self, ctx: Context) -> bool:
        """Whether the response may be compressed at all, whatever its client accepts."""
        if not 200 <= ctx.status < 300 or ctx.status in (204, 206):
            return False
        if isinstance(ctx.reply, Reply) and "auth_token" in ctx.reply.envelope:
            return False
        compressible = False
        for name, value in ctx.response_headers:
            if name in _UNTOUCHED:
                return False
            if name == b"content-type":
                compressible = _is_compressible(value)
        return compressible


def compression_of(rules: settings.Compression) -> Compression | None:
    """The compression that settings ask for, None if they switch it off."""
    return Compression(rules) if rules.enabled else None


@lru_cache(maxsize=256)
def chosen(accepted: str, offered: tuple[str, ...]) -> tuple[str, bool]:
    """The coding that a client likes best, empty for none, and whether it takes a response without one.

    RFC 9110, 12.5.3: the highest quality wins, at the same quality our own order; `*` stands for all that is not named,
    and 0 refuses. Where nothing that we have is accepted, not even the plain form, the plain form is sent.
    """
    told = _qualities(accepted)
    rest = told.get("*")
    best, quality = "", 0.0
    for coding in offered:
        liked = told.get(coding, rest or 0.0)
        if liked > quality:
            best, quality = coding, liked
    plain = told.get("identity")
    if plain is not None and plain > quality:
        best = ""
    return best, (rest if plain is None else plain) != 0


def _qualities(accepted: str) -> dict[str, float]:
    """The codings that are named, with their qualities; what is not well formed is passed over."""
    told: dict[str, float] = {}
    for part in accepted.lower().split(","):
        coding, _, weight = (piece.strip() for piece in part.partition(";"))
        if not weight or _WEIGHT.fullmatch(weight):
            told[_SYNONYMS.get(coding, coding)] = float(weight[2:]) if weight else 1.0
    return told


@lru_cache(maxsize=256)
def _is_compressible(content_type: bytes) -> bool:
    media_type = essence(content_type.decode("latin-1"))
    if media_type == EVENT_STREAM:
        return False
    return media_type in _TYPES or media_type.startswith("text/") or media_type.endswith(("+json", "+xml"))


def _described(headers: Fields, coding: bytes) -> Fields:
    """The header fields of the compressed form, whose entity tag is another one (RFC 9110, 8.8.3.3)."""
    described = [(b"content-encoding", coding)]
    for name, value in headers:
        if name == b"etag" and value.startswith(b'"'):
            value = b'%b-%b"' % (value[:-1], coding)
        if name != b"content-length":
            described.append((name, value))
    return described


def _is_installed(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ImportError:
        return False


class _Gzip:
    def __init__(self, level: int) -> None:
        self._stream = zlib.compressobj(level, zlib.DEFLATED, _GZIP)

    def piece(self, data: bytes) -> bytes:
        return self._stream.compress(data) + self._stream.flush(zlib.Z_SYNC_FLUSH)

    def end(self, data: bytes) -> bytes:
        return self._stream.compress(data) + self._stream.flush()


class _Brotli:
    def __init__(self, level: int) -> None:
        import brotli  # type: ignore[import-untyped]

        self._stream: Any = brotli.Compressor(quality=level, lgwin=_WINDOW)

    def piece(self, data: bytes) -> bytes:
        flushed: bytes = self._stream.process(data) + self._stream.flush()
        return flushed

    def end(self, data: bytes) -> bytes:
        rest: bytes = self._stream.process(data) + self._stream.finish()
        return rest


class _Zstd:
    def __init__(self, level: int) -> None:
        if sys.version_info >= (3, 14):
            from compression import zstd
        else:
            from backports import zstd

        self._stream = zstd.ZstdCompressor(level=level)

    def piece(self, data: bytes) -> bytes:
        return self._stream.compress(data, self._stream.FLUSH_BLOCK)

    def end(self, data: bytes) -> bytes:
        return self._stream.compress(data, self._stream.FLUSH_FRAME)


_PACKAGES = {"zstd": _ZSTD, "br": "brotli", "gzip": "zlib"}
_CODECS: dict[str, Callable[[int], Codec]] = {"zstd": _Zstd, "br": _Brotli, "gzip": _Gzip}
