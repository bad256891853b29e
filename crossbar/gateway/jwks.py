"""The keys of an issuer of tokens: found, fetched, kept for a while and renewed (RFC 7517; OpenID Connect Discovery 1).

Keys that are due are renewed while the old ones still serve. An issuer that is down is thus not noticed for a day;
after that, nobody can tell any more whom it trusts.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import orjson

from ..errors import Unavailable
from ..settings import Jwt
from ..settings.gateway import seconds

if TYPE_CHECKING:
    from jwt.algorithms import Algorithm

Fetch = Callable[[str], Awaitable[bytes]]
"""Gets what is at a URL; OSError, with the reason as its message, if that cannot be had."""

PAUSE = 30.0
"""Seconds after which keys are fetched again for a token whose key is not there, or after a fetch that failed."""
PAUSE_WITHOUT = 5.0
"""Seconds after which they are fetched again if there are none at all; so long callers are told to wait."""
STALE = 86_400.0
"""Seconds for which keys that are due serve on if they cannot be renewed."""
TOLD = 60.0
"""Seconds between two lines in the log about keys that cannot be had."""
MOST_TRIED = 8
"""Keys that are tried for one token."""
SHORTEST_RSA = 2048
"""Bits of the modulus of an RSA key (RFC 7518, 3.3)."""
MOST_BYTES = 256 * 1024
FETCH_SECONDS = 5.0

_RSA = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"})
# The algorithms that a key can have a part in, by its `kty` and its `crv` (RFC 7518, 3.1 and 6.2; RFC 8037, 2).
_FAMILIES: dict[tuple[object, object], frozenset[str]] = {
    ("RSA", None): _RSA,
    ("EC", "P-256"): frozenset({"ES256"}),
    ("EC", "P-384"): frozenset({"ES384"}),
    ("EC", "P-521"): frozenset({"ES512"}),
    ("OKP", "Ed25519"): frozenset({"EdDSA"}),
}
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})

logger = logging.getLogger("crossbar")


@dataclass(frozen=True, slots=True)
class Key:
    """A public key: its name, None if it has none, and the algorithms that it may be used with.

    `mark` is all that the issuer says of it: another name makes another key of it.
    """

    kid: str | None
    algorithms: Mapping[str, Algorithm]
    public: Any
    mark: bytes

    def signed(self, algorithm: str, content: bytes, signature: bytes) -> bool:
        """Whether the signature of the content was made with this key's other half, by one of its algorithms."""
        return self.algorithms[algorithm].verify(content, self.public, signature)


class KeySet:
    """The keys of an issuer at one time."""

    def __init__(self, keys: Iterable[Key] = ()) -> None:
        self._named: defaultdict[str | None, list[Key]] = defaultdict(list)
        self._keys = tuple(keys)
        for key in self._keys:
            self._named[key.kid].append(key)
        self.marks = frozenset(key.mark for key in self._keys)

    def fitting(self, kid: str | None, algorithm: str) -> list[Key]:
        """The keys that may have signed a token; none if it names no key, and too many would have to be tried."""
        among = self._keys if kid is None else self._named.get(kid, ())
        found = [key for key in among if algorithm in key.algorithms]
        return found if len(found) <= MOST_TRIED else []


def algorithms_of(names: Iterable[str]) -> dict[str, Algorithm]:
    """The algorithms with these names; ImportError if they need a package that is not installed."""
    from jwt import algorithms

    if not algorithms.has_crypto:
        raise ImportError("signatures of issuers need cryptography: install crossbar-rest[gateway]")
    there = algorithms.get_default_algorithms()
    return {name: there[name] for name in names}


def key_set_of(document: bytes, algorithms: Mapping[str, Algorithm]) -> KeySet:
    """The keys of a JWK set that may be used (RFC 7517, 5); ValueError for what is no such set."""
    try:
        told = orjson.loads(document)["keys"]
    except (ValueError, TypeError, KeyError):
        told = None
    if not isinstance(told, list):
        raise ValueError("what it answers is no JWK set (RFC 7517, 5)")
    return KeySet(key for each in told if (key := _key_of(each, algorithms)) is not None)


def _key_of(told: Any, algorithms: Mapping[str, Algorithm]) -> Key | None:
    """The key that a JWK describes, None for one that no signature can be trusted to."""
    try:
        # NOTE: a private key that everybody can read proves nothing.
        if told.get("use", "sig") != "sig" or "verify" not in told.get("key_ops", ("verify",)) or "d" in told:
            return None
        family = _FAMILIES.get((told["kty"], told.get("crv")), frozenset())
        fitting = {name: algorithms[name] for name in family if name in algorithms and told.get("alg", name) == name}
        if not fitting or not isinstance(told.get("kid"), str | None):
            return None
        public = next(iter(fitting.values())).from_jwk(told)
    except Exception:
        # NOTE: whatever is wrong with one key of an issuer is no reason to be without the others.
        return None
    if told["kty"] == "RSA" and public.key_size < SHORTEST_RSA:
        return None
    return Key(told.get("kid"), fitting, public, orjson.dumps(told, option=orjson.OPT_SORT_KEYS))


def discovery_url(issuer: str) -> str:
    """Where an issuer says where its keys are (OpenID Connect Discovery 1.0, 4.1)."""
    return issuer.removesuffix("/") + "/.well-known/openid-configuration"


def is_safe(url: str, *, loopback: bool = True) -> bool:
    """Whether nobody on the way can change what is at a URL: it is https, or on this machine if that may be."""
    try:
        parts = urlsplit(url)
        secure = parts.scheme == "https" or (loopback and parts.scheme == "http" and parts.hostname in _LOOPBACK)
        return secure and bool(parts.hostname) and parts.port != 0 and "@" not in parts.netloc
    except ValueError:
        return False


def keys_url_of(document: bytes, issuer: str) -> str:
    """Where the keys are, from what an issuer says of itself; ValueError if it is another one, or that is not safe."""
    try:
        told = orjson.loads(document)
        named, url = told["issuer"], told["jwks_uri"]
    except (ValueError, TypeError, KeyError):
        raise ValueError("what it answers to discovery has no issuer and jwks_uri") from None
    if named != issuer:
        raise ValueError("it calls itself by another name than the issuer in the settings")
    if not isinstance(url, str) or not is_safe(url, loopback=issuer.startswith("http://")):
        raise ValueError("its jwks_uri is not https")
    return url


class IssuerKeys:
    """The keys of an issuer, fetched when they are needed, and renewed by whoever notices that they are due.

    `changed` is told of every set with other keys than the one before. At any time, at most one fetch is under way.
    """

    def __init__(
        self, name: str, settings: Jwt, fetch: Fetch, clock: Callable[[], float], changed: Callable[[KeySet], None]
    ) -> None:
        self._name = name
        self._settings = settings
        self._fetch = fetch
        self._clock = clock
        self._changed = changed
        self._algorithms = algorithms_of(settings.algorithms)
        self._refresh = seconds(settings.refresh) or float("inf")
        self._set = KeySet()
        self._since = self._due = self._end = self._asked = self._told = float("-inf")
        self._task: asyncio.Task[None] | None = None

    def good(self, now: float) -> bool:
        """Whether there are keys to go by; if they are due, or there are none, a fetch begins."""
        # NOTE: a clock that was set back makes them due.
        if self._since <= now < self._due:
            return True
        self._begin(now)
        return now < self._end

    async def find(self, kid: str | None, algorithm: str) -> list[Key]:
        """The keys that may have signed a token; Unavailable if there are none to go by.

        If none fits, the issuer may have made new ones: they are fetched again, unless that was done just now.
        """
        now = self._clock()
        if not self.good(now):
            await self._fetched()
            if self._clock() >= self._end:
                raise Unavailable(
                    "the keys of the token's issuer cannot be had now: try again", retry=int(PAUSE_WITHOUT)
                )
        found = self._set.fitting(kid, algorithm)
        if not found:
            self._begin(now)
            await self._fetched()
            found = self._set.fitting(kid, algorithm)
        return found

    async def ask(self) -> KeySet:
        """The keys as the issuer has them now; OSError or ValueError, with the reason, if they cannot be had."""
        issuer = self._settings.issuer
        url = self._settings.jwks or keys_url_of(await self._fetch(discovery_url(issuer)), issuer)
        found = key_set_of(await self._fetch(url), self._algorithms)
        if not found.marks:
            logger.warning("provider %s: %s has no key for %s", self._name, url, ", ".join(self._algorithms))
        return found

    async def close(self) -> None:
        """End a fetch that is under way; whoever waits for it goes on without."""
        if self._task is not None:
            self._task.cancel()
            await self._fetched()

    def _begin(self, now: float) -> None:
        """Begin to fetch the keys, unless that is being done, or was done just now."""
        pause = PAUSE if now < self._end else PAUSE_WITHOUT
        if self._task is None and not self._asked <= now < self._asked + pause:
            self._asked = now
            self._task = asyncio.get_running_loop().create_task(self._renew())
            self._task.add_done_callback(self._done)

    async def _fetched(self) -> None:
        """Wait for the fetch that is under way, if there is one; who is cancelled meanwhile does not end it."""
        if self._task is not None:
            await asyncio.wait([self._task])

    def _done(self, task: asyncio.Task[None]) -> None:
        self._task = None
        if not task.cancelled() and (error := task.exception()) is not None:
            logger.error("provider %s: the keys cannot be fetched", self._name, exc_info=error)

    async def _renew(self) -> None:
        try:
            found = await self.ask()
        except (OSError, ValueError) as error:
            self._tell(error)
            return
        now = self._clock()
        self._since, self._due, self._end = now, now + self._refresh, now + self._refresh + STALE
        before, self._set = self._set, found
        if before.marks != found.marks:
            self._changed(found)

    def _tell(self, error: Exception) -> None:
        now = self._clock()
        if self._told <= now < self._told + TOLD:
            return
        self._told = now
        held = "those from before serve on" if now < self._end else "its tokens are answered with 503"
        logger.warning(
            "provider %s: the keys of %s cannot be had, %s: %s", self._name, self._settings.issuer, held, error
        )


async def fetch(url: str) -> bytes:
    """What is at a URL, at most 256 KiB within 5 seconds; OSError, with the reason, if that cannot be had.

    No redirect is followed, no proxy of the environment asked, and the certificate is checked.
    """
    import aiohttp
    from yarl import URL

    body = bytearray()
    session = aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(total=FETCH_SECONDS),
        headers={"accept": "application/json", "accept-encoding": "identity", "user-agent": "crossbar"},
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
    )
    try:
        async with session, session.get(URL(url, encoded=True), allow_redirects=False) as response:
            if response.status != 200:
                raise OSError(f"{url} answers {response.status}, where 200 was expected")
            while piece := await response.content.readany():
                body += piece
                if len(body) > MOST_BYTES:
                    raise OSError(f"what is at {url} is longer than {MOST_BYTES} bytes")
    except TimeoutError:
        raise TimeoutError(f"{url} does not answer within {FETCH_SECONDS:g} seconds") from None
    except (aiohttp.ClientError, ValueError) as error:
        raise OSError(f"{url} cannot be had: {error}") from None
    return bytes(body)
