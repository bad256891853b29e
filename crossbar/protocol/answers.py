"""What the server answers by itself: in the form of the application that it serves, where that is a Crossbar."""

from __future__ import annotations

import logging
import re
from typing import Any
from urllib.parse import unquote

from uvicorn.middleware.message_logger import MessageLoggerMiddleware
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from ..app import Crossbar
from ..unserved import UNKNOWN_METHOD, refused
from .limits import answer, whole

__all__ = ["UNKNOWN_METHOD", "answer_in_form", "is_request_line", "scope_of"]

logger = logging.getLogger("crossbar.protocol")

_TOKEN = rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_BEGIN = re.compile(rb"[\r\n]*(%b) ([!-~]+)" % _TOKEN)
_LINE = re.compile(rb"[\r\n]*%b (?:/|https?://)[!-~]* HTTP/1\.[01]\r?\n" % _TOKEN)
_PATH = re.compile(rb"(?:https?://[^/?#]*)?(/[^?#]*)", re.IGNORECASE)
_FIELD = re.compile(rb"\n(x-request-id|origin|host):[ \t]*([!-~]*)[ \t]*(?=\r?\n)", re.IGNORECASE)


def is_request_line(head: bytes) -> bool:
    """Whether it begins with a request line to which only the method may be strange (RFC 9112 section 3)."""
    return _LINE.match(head) is not None


def scope_of(head: bytes, target: bytes, root_path: str) -> dict[str, Any]:
    """The scope of a request as far as it is known: the bytes of its head that came, its target if that was parsed."""
    begin = _BEGIN.match(head)
    method = begin[1].decode() if begin is not None else "GET"
    if target:
        # NOTE: what was read with it may begin with other requests, whose fields are not its own.
        head = head[max(head.rfind(b" " + target), 0) :]
    elif begin is not None:
        target = begin[2]
    found = _PATH.match(target)
    path = found[1] if found is not None else b""
    text = unquote(path.decode("latin-1"))
    end = re.search(rb"\n\r?\n", head)
    fields = _FIELD.findall(head, 0, end.start() + 2 if end is not None else len(head))
    return {
        "type": "http",
        "method": method,
        "root_path": root_path,
        "path": root_path + text,
        "raw_path": root_path.encode() + path if path else b"",
        "query_string": b"",
        "headers": [(name.lower(), value) for name, value in fields],
    }


def answer_in_form(app: Any, scope: dict[str, Any], status: int, message: str, headers: bytes) -> bytes:
    """A whole response that the server gives itself; an application that is no Crossbar has no form of its own."""
    while isinstance(app, ProxyHeadersMiddleware | MessageLoggerMiddleware):  # uvicorn's, in front of it
        app = app.app
    if isinstance(app, Crossbar):
        try:
            told = refused(app, scope, status, message)
        except Exception:
            logger.exception("a refusal of the server could not be put into the dialect's form")
        else:
            if told is not None:
                return whole(told[0], told[1], told[2], headers)
    # NOTE: where nobody can say which methods there are, a strange one is told like any other malformed request.
    return answer(400 if status == UNKNOWN_METHOD else status, message, headers)
