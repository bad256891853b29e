"""Token requests as the realm style's clients send them: by form, in the query, or as a multipart form."""

from __future__ import annotations

from email.parser import BytesParser
from email.policy import HTTP
from typing import TYPE_CHECKING, Any

from ...errors import BadRequest, TokenRefused, UnsupportedMediaType
from ...negotiation import FORM

if TYPE_CHECKING:
    from ...context import Context
    from ...errors import Refusal

OAUTH, PAGE = "oauth", "authorize"
MULTIPART = "multipart/form-data"
ALL = "all"
"""The scope that asks for whatever an application may have."""
_MOST = 65_536  # bytes; a token request is no upload


def is_token_request(ctx: Context) -> bool:
    """Whether a path leads to the token end points."""
    return bool(ctx.target.nouns) and ctx.target.nouns[-1].name == OAUTH


def open_token_request(ctx: Context) -> None:
    """Take the query for the form if there is no body, and the scope that asks for everything out of the query.

    What people type into the login page comes in a body alone: no address may log anybody in.
    """
    is_page = ctx.target.nouns[-1].args[:1] == (PAGE,)
    if ctx.query and not ctx.raw_body and ctx.method == "POST" and not is_page:
        ctx.raw_body = ctx.query_string
        ctx.headers = {**ctx.headers, b"content-type": FORM.encode()}
    ctx.query = without_all(ctx.query)


def without_all(words: dict[str, Any]) -> dict[str, Any]:
    """The parameters without a scope that asks for everything, which is what one gets without asking."""
    return {name: value for name, value in words.items() if (name, value) != ("scope", ALL)}


def token_error(refusal: Refusal, sentence: str) -> dict[str, str]:
    """What an error of a token request says beside `message` and `status` (RFC 6749, 5.2)."""
    if isinstance(refusal, TokenRefused):
        return {"error": refusal.word, "error_description": sentence}
    return {"error": "invalid_request", "error_description": sentence} if refusal.status == 400 else {}


def parameters(ctx: Context, content_type: str) -> dict[str, str]:
    """The text fields of a multipart form; UnsupportedMediaType for anything but a token request."""
    if not is_token_request(ctx):
        raise UnsupportedMediaType("send application/json", cause=MULTIPART)
    malformed = BadRequest("the multipart form cannot be read", word="bad_multipart")
    if len(ctx.raw_body) > _MOST:
        raise malformed
    head = f"Content-Type: {content_type}\r\n\r\n".encode("latin-1")
    message = BytesParser(policy=HTTP).parsebytes(head + ctx.raw_body)
    found: dict[str, str] = {}
    for part in message.iter_parts():
        name = part.get_param("name", header="content-disposition")
        value = part.get_payload(decode=True)
        if not isinstance(name, str) or not isinstance(value, bytes):
            raise malformed
        if name in found:
            raise BadRequest("a field stands in the form more than once", word="duplicate_parameter")
        found[name] = value.decode(errors="replace")
    if not found:
        raise malformed
    return found
