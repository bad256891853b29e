"""The words and sentences of errors in the realm style (reference, B.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...errors import BadIdentifier, Forbidden, NotFound, Refusal, TokenExpired, TooManyRequests, Unauthorized

if TYPE_CHECKING:
    from ...context import Context
    from .dialect import RealmDialect

_WORDS: tuple[tuple[type[Refusal], str], ...] = (
    (Forbidden, "access_denied"),
    (TooManyRequests, "rate_limit_exceeded"),
    (TokenExpired, "token_expired"),
    (Unauthorized, "unauthorized"),
)


def word_of(dialect: RealmDialect, ctx: Context, refusal: Refusal) -> str:
    """What stands in `status`: a word of these conventions where they have one, else that of the error."""
    if isinstance(refusal, BadIdentifier):
        named = ctx.nouns() or ctx.target.nouns
        noun = next((noun.name for noun in named if refusal.cause in noun.args), None)
        return f"{dialect.word(noun)}_not_found" if noun else "not_found"
    return next((word for kind, word in _WORDS if isinstance(refusal, kind)), refusal.word)


def sentence_of(refusal: Refusal, usual: str) -> str:
    """What stands in `message`: what clients look for, where they look for something."""
    if isinstance(refusal, Unauthorized):
        return "Unauthorized"
    if isinstance(refusal, NotFound) and refusal.message in (NotFound.message, BadIdentifier.message):
        return "Not found"
    return usual
