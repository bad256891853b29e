"""Crossbar's envelopes around answers and errors. Pure: facts in, bytes out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from .errors import InvalidData, Refusal, Violation


def violations_by_field(violations: Sequence[Violation], *, plain: bool = False) -> dict[str, Any]:
    """Violations as Kazoo's clients read them: `{"a.b": {"code": {"message", "target", "cause", "value"}}}`.

    A dot inside a key is written `%2E`. With `plain`, the shape of version 1: `{"a.b": {"code": "message"}}`.
    """
    fields: dict[str, dict[str, Any]] = {}
    for violation in violations:
        name = ".".join(str(step).replace(".", "%2E") for step in violation.path)
        told: Any = violation.message
        if not plain:
            told = {"message": violation.message}
            for key in ("target", "cause", "value"):
                fact = getattr(violation, key)
                if fact is not None:
                    told[key] = fact
        fields.setdefault(name, {})[violation.code] = told
    return fields


def failure_data(refusal: Refusal, *, plain: bool = False) -> dict[str, Any]:
    """What stands under `data` in an error envelope: the violations, or the message with its cause and details."""
    if isinstance(refusal, InvalidData):
        return violations_by_field(refusal.violations, plain=plain)
    data: dict[str, Any] = {"message": refusal.message}
    if refusal.cause is not None:
        data["cause"] = refusal.cause
    if refusal.details:
        data.update(refusal.details)
    return data


def envelope_message(refusal: Refusal) -> str:
    """The `message` of an error envelope: the machine word, with a blank for validation, as Kazoo has it."""
    return refusal.message if isinstance(refusal, InvalidData) else refusal.word


STREAM_HEAD = b'{"data":['


def stream_tail(envelope: dict[str, Any]) -> bytes:
    """What closes a streamed listing: the end of the array and the other keys of the envelope."""
    return b"]," + orjson.dumps(envelope)[1:]
