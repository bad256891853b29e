"""The versions of the API, which RingCentral's clients ask for before they log in."""

from __future__ import annotations

from collections.abc import Sequence

from ..._version import __version__
from ...auth import ANONYMOUS, Principal
from ...context import Context
from ...endpoint import Endpoint
from ...errors import BadIdentifier
from ...reply import Json
from ..paths import version_in
from .uris import root_of

NOUN = "api_versions"
RELEASED = "2026-11-22T00:00:00.000Z"
"""When the API that is answered here came out; clients show it, and nothing else."""


class ApiVersions(Endpoint):
    """The versions of the API below the dialect's prefixes, for anybody."""

    name = NOUN
    anywhere = True
    public = True
    limit_group = "light"

    def __init__(self, prefixes: Sequence[str]) -> None:
        self._versions = {version: prefix for prefix in prefixes if (version := version_in(prefix))}
        bare = [prefix for prefix in prefixes if not version_in(prefix)]
        self._root = min(bare or prefixes, key=len)

    async def authenticate(self, ctx: Context) -> Principal | None:
        """Whoever asks may know."""
        return ANONYMOUS

    async def find(self, ctx: Context) -> Json:
        """All versions, and what server this is."""
        return {
            "uri": f"{root_of(ctx)}{self._root}/",
            "apiVersions": [self._version(ctx, version) for version in self._versions],
            "serverVersion": __version__,
            "serverRevision": ctx.app.settings.server.node,
        }

    async def read(self, ctx: Context, version: str) -> Json:
        """One version; the list stands beside it, where RingCentral's own documentation shows it."""
        if version not in self._versions:
            raise BadIdentifier(cause=version)
        every = await self.find(ctx)
        assert isinstance(every, dict)
        return {**self._version(ctx, version), **every}

    def _version(self, ctx: Context, version: str) -> dict[str, str]:
        uri = f"{root_of(ctx)}{self._versions[version]}"
        number = version.lstrip("v")
        return {
            "uri": uri,
            "versionString": f"{number}.0" if number.count(".") == 1 else number,
            "releaseDate": RELEASED,
            "uriString": version,
        }
