"""The settings of the dialects: which are mounted, below which prefixes, with which words and habits."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field

Prefix = Annotated[str, Meta(pattern=r"^(/[A-Za-z0-9._~-]+)+$")]
Prefixes = Annotated[tuple[Prefix, ...], Meta(min_length=1)]


class RingCentral(Struct, frozen=True, forbid_unknown_fields=True):
    """RingCentral's conventions."""

    prefixes: Prefixes = ("/restapi/v1.0", "/restapi/v2", "/restapi")
    put: Literal["merge", "replace"] = "merge"
    created: Literal[200, 201] = 200
    delete_missing: Literal[404, 204] = 404
    query_token: bool = False
    window: Annotated[int, Meta(ge=0, le=31_536_000)] = 86_400
    page_size: Annotated[int, Meta(ge=1, le=1000)] = 100
    token_pages: tuple[str, ...] = ()
    bulk: Annotated[int, Meta(ge=1, le=200)] = 50
    words: dict[str, Any] = {}


class Realm(Struct, frozen=True, forbid_unknown_fields=True):
    """The realm conventions."""

    prefixes: Prefixes = ("/api/ver1.0",)
    oauth: Prefix = "/oauth"
    slash: Literal["lenient", "redirect", "strict"] = "lenient"
    times: Literal["plain", "iso"] = "plain"
    page_size: Annotated[int, Meta(ge=1, le=1000)] = 1000
    words: dict[str, Any] = {}


class Dialects(Struct, frozen=True, forbid_unknown_fields=True):
    """Which API conventions are spoken, beside those of plugins."""

    mounted: tuple[Literal["crossbar", "ringcentral", "realm"], ...] = ("crossbar", "ringcentral", "realm")
    url: Annotated[str, Meta(pattern=r"^(https?://[^\s/?#]+(/[^\s?#]*[^\s/?#])?)?$")] = ""
    ringcentral: RingCentral = field(default_factory=RingCentral)
    realm: Realm = field(default_factory=Realm)
