"""The form of errors on plain routes, which are in no dialect: `application/problem+json` (RFC 9457)."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote

import orjson

from ..dialects.plain import Plain
from ..errors import Refusal
from ..reply import Reply

if TYPE_CHECKING:
    from ..context import Context

PROBLEM = "problem"
_OF_PATHS = "/%:@!$&'()*+,;=~-._"
_TYPE = (b"content-type", b"application/problem+json")
_JSON = (b"content-type", b"application/json")
_TITLES = {status.value: status.phrase for status in HTTPStatus} | {499: "Client Closed Request"}


class Problems(Plain):
    """Answers as they are, and errors as problems with `reason` and `request_id` beside the standard members."""

    name: ClassVar[str] = PROBLEM

    def claims(self, raw_path: bytes) -> bool:
        """No path: a route says that this is its form."""
        return False

    def success(self, ctx: Context, reply: Reply) -> None:
        """The answer as JSON."""
        ctx.status = reply.status or 200
        ctx.response_headers += [*reply.headers, _JSON]
        ctx.payload = orjson.dumps(reply.answer)

    def failure(self, ctx: Context, refusal: Refusal) -> None:
        """The problem: `type`, `title`, `status`, `detail`, `instance`, and of ours `reason` and `request_id`."""
        ctx.status = refusal.status
        ctx.response_headers = [*refusal.headers, _TYPE]
        problem: dict[str, Any] = {
            "type": "about:blank",
            "title": _TITLES.get(refusal.status, "Error"),
            "status": refusal.status,
            "detail": refusal.message,
            "instance": ctx.root_path + quote(ctx.raw_path, safe=_OF_PATHS),
            "reason": refusal.word,
            "request_id": ctx.request_id,
        }
        ctx.payload = orjson.dumps(problem)
