"""RingCentral's errors: `errorCode`, `message` and `parameterName`, in `errors` and, for older clients, beside it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ...errors import BadIdentifier, InvalidData, InvalidEnvelope, Refusal, TokenRefused, Unauthorized
from .codes import code_of, code_of_rule
from .groups import usage_group
from .lists import PAGE, TOKEN, WRONG_TOKEN

if TYPE_CHECKING:
    from ...context import Context
    from .dialect import RingCentralDialect

Error = dict[str, Any]

# Words of errors that are always about the same parameter, and that parameter.
_BAD_KEY = "invalid_start_key"
_ABOUT = {"bad_page": PAGE, _BAD_KEY: TOKEN, "bad_disposition": "contentDisposition"}
_BY_KEY = ("follow the key of the next page instead", f"follow nextPage, which leads on by {TOKEN}, instead")
"""What is said of pages that are too far, in general and here."""
_OURS = re.compile(r"\b[a-z]+(?:_[a-z0-9]+)+\b")
_MALFORMED = frozenset({400, 413, 415})
"""States of errors that token requests call `invalid_request` (RFC 6749, 5.2)."""
_NAMED = frozenset({"bad_parameter", "bad_query", "too_many_ids", "wrong_id"})
"""Words of errors whose cause is the name of a parameter."""


def error_of(dialect: RingCentralDialect, ctx: Context, refusal: Refusal) -> Error:
    """The body of an error."""
    errors = _errors(dialect, ctx, refusal)
    told = {**errors[0], "errors": errors}
    if isinstance(refusal, TokenRefused):
        told = {"error": refusal.word, "error_description": refusal.message, **told}
    elif refusal.status in _MALFORMED and dialect.is_token_request(ctx):
        told = {"error": "invalid_request", "error_description": told["message"], **told}
    if refusal.status == 429 and ctx.charge is not None:
        charge = ctx.charge
        told["rateLimit"] = {"group": usage_group(charge), "limit": charge.limit, "window": charge.window}
        retry = dict(refusal.headers).get(b"retry-after")
        if retry is not None:
            told["rateLimit"]["retryAfter"] = int(retry)
    return told


def _errors(dialect: RingCentralDialect, ctx: Context, refusal: Refusal) -> list[Error]:
    if isinstance(refusal, InvalidData) and not isinstance(refusal, InvalidEnvelope) and refusal.violations:
        wrong = zip(dialect.wrong(ctx, refusal), refusal.violations, strict=True)
        return [
            {"errorCode": code_of_rule(each.code), "message": _called(dialect, ctx, message), "parameterName": name}
            for (name, message), each in wrong
        ]
    if isinstance(refusal, InvalidEnvelope) and refusal.violations:
        return [{"errorCode": code_of(refusal), "message": refusal.violations[0].message}]
    error: Error = {"errorCode": code_of(_told(ctx, refusal)), "message": refusal.message}
    if isinstance(refusal, BadIdentifier):
        name = _parameter(dialect, ctx, refusal.cause)
        error |= {"message": f"Resource for parameter [{name}] is not found", "parameterName": name}
    elif refusal.word in _NAMED and isinstance(refusal.cause, str):
        error["parameterName"] = refusal.cause
    elif refusal.word in _ABOUT:
        name = _ABOUT[refusal.word]
        told = WRONG_TOKEN if refusal.word == _BAD_KEY else refusal.message.replace(*_BY_KEY)
        told = told.replace("content_disposition", name)
        error |= {"message": told, "parameterName": name}
    return [error]


def _called(dialect: RingCentralDialect, ctx: Context, message: str) -> str:
    """A sentence about fields, with their names here where it names them."""
    if ctx.bound is None:
        return message
    fields = dialect.fields_of(ctx, ctx.bound.endpoint)
    return _OURS.sub(lambda found: fields.name_of((found[0],)), message)


def _told(ctx: Context, refusal: Refusal) -> Refusal:
    """A 401 with the word for what was wrong with the header."""
    if isinstance(refusal, Unauthorized) and refusal.word == Unauthorized.word and ctx.token is None:
        sent = ctx.header(b"authorization")
        refusal.word = "no_token" if not sent else "wrong_scheme"
    return refusal


def _parameter(dialect: RingCentralDialect, ctx: Context, id: Any) -> str:
    """What the client calls the id that leads nowhere."""
    named = ctx.nouns() or ctx.target.nouns
    found = next((noun for noun in named if id in noun.args), named[-1] if named else None)
    if found is None:
        return "id"
    is_file = id in found.args[1:]
    return "attachmentId" if is_file else dialect.id_word(found.name)
