"""Token requests as the realm style's clients send them: by form, in the query, or as a multipart form."""

from __future__ import annotations

from email.parser import BytesParser
from email.policy import HTTP
from typing import TYPE_CHECKING

from ...errors import BadRequest, UnsupportedMediaType

if TYPE_CHECKING:
    from ...context import Context

MULTIPART = "multipart/form-data"
_MOST = 65_536  # bytes; a token request is no upload


def parameters(ctx: Context, content_type: str) -> dict[str, str]:
    """The text fields of a multipart form; UnsupportedMediaType for anything but a token request."""
    if ctx.bound is None or ctx.bound.endpoint.name != "oauth":
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
