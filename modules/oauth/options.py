"""The options of OAuth: the table `[plugins.oauth]` of the configuration file."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from crossbar import Options

Life = Annotated[int, Meta(ge=60, le=86_400)]
LongLife = Annotated[int, Meta(ge=60, le=31_536_000)]


class OAuthOptions(Options, frozen=True):
    """How long tokens are good for, in seconds, and how many there can be."""

    access_ttl: Life = 3600
    """How long an access token is good for if the client does not say."""
    access_least: Life = 600
    """The shortest life that a client can ask for, of either token; a shorter one becomes this."""
    access_most: Life = 3600
    """The longest life of an access token that a client can ask for; a longer one becomes this."""
    refresh_ttl: LongLife = 604_800
    """How long a refresh token is good for if the client does not say; each use makes another one."""
    refresh_most: LongLife = 2_592_000
    """The longest life of a refresh token that a client can ask for."""
    grace: Annotated[int, Meta(ge=0, le=3600)] = 10
    """How long after its first use a refresh token still gives the same tokens as then."""
    sessions: Annotated[int, Meta(ge=1, le=1000)] = 5
    """How many sessions a user can have by one application; one more ends the oldest."""
    code_ttl: Annotated[int, Meta(ge=5, le=600)] = 60
    """How long an authorization code is good for."""
    credential_ttl: Annotated[int, Meta(ge=60, le=315_360_000)] = 31_536_000
    """How long a JWT credential is good for at most, and if nobody says."""
    credentials: Annotated[int, Meta(ge=1, le=1000)] = 20
    """How many JWT credentials a user can have."""
