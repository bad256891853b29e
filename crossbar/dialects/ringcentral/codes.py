"""RingCentral's error codes, by what went wrong; the table is in A.7 of the reference on its conventions.

Where it has no code for something, one of a like meaning stands: its clients tell errors apart by code and status.
"""

from __future__ import annotations

from ...errors import (
    BadIdentifier,
    Conflict,
    Forbidden,
    InvalidEnvelope,
    MethodNotAllowed,
    NotAcceptable,
    NotFound,
    PreconditionFailed,
    RangeNotSatisfiable,
    Refusal,
    TimedOut,
    TokenExpired,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    UnsupportedMediaType,
)

INVALID = "CMN-101"
MISSING = "CMN-102"
DUPLICATE = "CMN-406"

_BY_WORD = {
    "bad_multipart": "CMN-104",
    "bad_header": "CMN-407",
    "query_not_allowed": "CMN-105",
    "too_many_ids": "CMN-106",
    "wrong_id": "CMN-108",
    "duplicate_parameter": "OAU-111",
    "extension_required": "CMN-405",
    "no_token": "OAU-134",
    "wrong_scheme": "OAU-151",
    "invalid_request": "OAU-232",
    "invalid_client": "OAU-153",
    "invalid_grant": "OAU-140",
    "unauthorized_client": "OAU-125",
    "unsupported_grant_type": "OAU-250",
    "invalid_scope": "OAU-236",
}
# The more special class first.
_BY_CLASS: tuple[tuple[type[Refusal], str], ...] = (
    (InvalidEnvelope, "CMN-103"),
    (TokenExpired, "OAU-128"),
    (Unauthorized, "OAU-213"),
    (Forbidden, "CMN-408"),
    (BadIdentifier, MISSING),
    (NotFound, "CMN-120"),
    (MethodNotAllowed, "CMN-202"),
    (NotAcceptable, "CMN-407"),
    (UnsupportedMediaType, "CMN-407"),
    (Conflict, DUPLICATE),
    (PreconditionFailed, "CMN-407"),
    (RangeNotSatisfiable, "CMN-107"),
    (TooManyRequests, "CMN-301"),
    (Unavailable, "CMN-201"),
    (TimedOut, "CMN-201"),
)
_BY_RULE = {"unique": DUPLICATE, "not_found": MISSING}


def code_of(refusal: Refusal) -> str:
    """The code of an error."""
    known = _BY_WORD.get(refusal.word)
    if known is not None:
        return known
    found = next((code for kind, code in _BY_CLASS if isinstance(refusal, kind)), None)
    if found is not None:
        return found
    return "CMN-203" if refusal.status >= 500 else INVALID


def code_of_rule(rule: str) -> str:
    """The code of a field that breaks a rule of its schema."""
    return _BY_RULE.get(rule, INVALID)
