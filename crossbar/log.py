"""The log: one line a request, written in batches off the hot path; everything else through `logging`.

Query strings, tokens and bodies never reach the line of a request, be it text or JSON. What goes through `logging`
passes a `RedactingFormatter`: secrets are taken out, control characters escaped, lengths bounded, and nothing is ever
raised.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
import sys
import threading
import time
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Literal, TextIO

import orjson

from .redaction import of_present, redacted

FLUSH_SECONDS = 0.2
FLUSH_LINES = 2_000
LONGEST = 2_048
"""Characters of a message, and of each line of a traceback."""
MOST_LINES = 400
_LOOKED_AT = 65_536
_INDENT = "\n    "
_KEYS = re.compile(r"[0-9a-fA-F]{64,}")
_NOT_ASCII = re.compile(r"[^ -~]")
_IN_TEXT = ("route", "upstream", "target", "tries")

Plain = tuple[float, str, str, str, int, str, float, str, str]
Line = Plain | tuple[*Plain, Mapping[str, Any]]
"""What is known of a request, in the order of the arguments of `AccessLog.add`."""


class AccessLog:
    """Collects what is known of finished requests and writes it a few times a second, many lines at once.

    As `text`, a line is for people; as `json` it is one JSON object, in ASCII only, with everything that is known.
    """

    def __init__(self, stream: TextIO | None = None, format: Literal["text", "json"] = "text") -> None:
        self._stream = stream
        self._written = _as_json if format == "json" else _as_text
        self._lines: list[Line] = []
        self._timer: asyncio.TimerHandle | None = None

    def add(
        self,
        at: float,
        client: str,
        method: str,
        path: str,
        status: int,
        reason: str,
        seconds: float,
        request_id: str,
        agent: str = "",
        more: Mapping[str, Any] | None = None,
    ) -> None:
        """Remember one finished request.

        `agent` is what the client calls itself. `more` holds facts by their names, None for those that are not known:
        JSON has all of them, text the route, the upstream, its target, and the number of tries.
        """
        line = (at, client, method, path, status, reason, seconds, request_id, agent)
        self._lines.append((*line, more) if more else line)
        if len(self._lines) >= FLUSH_LINES:
            self.flush()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(FLUSH_SECONDS, self.flush)

    def flush(self) -> None:
        """Write what was collected; a log that cannot be written never fails a request."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        lines, self._lines = self._lines, []
        if not lines:
            return
        stream = self._stream or sys.stderr
        try:
            stream.write("".join([self._written(line) for line in lines]))
            stream.flush()
        except (OSError, ValueError):
            pass


def _as_text(line: Line) -> str:
    at, client, method, path, status, reason, seconds, request_id, agent, *more = line
    # NOTE: a blank ends what is shown, so that no path can look like the status and the time behind it.
    shown = _ascii(_hidden(path)).replace(" ", "%20")
    took = f"{seconds * 1000:.1f}ms"
    written = f"{_clock(int(at))}Z {client or '-'} {method[:32]} {shown[:512]} {status} {took} {reason[:128] or '-'}"
    written = f"{written} {request_id}"
    for facts in more:
        told = [(name, facts.get(name)) for name in _IN_TEXT]
        written += "".join([f" {name}={fact}" for name, fact in told if fact is not None])
    called = _ascii(_hidden_agent(agent))[:128].replace('"', "'")
    return f'{escaped(written)} "{called}"\n' if agent else f"{escaped(written)} -\n"


def _as_json(line: Line) -> str:
    at, client, method, path, status, reason, seconds, request_id, agent, *more = line
    # NOTE: by way of microseconds, since the nearest number to 0.29 seconds is a little less than 290 milliseconds.
    second, micros = divmod(round(at * 1_000_000), 1_000_000)
    facts: dict[str, Any] = {
        "time": f"{_clock(second)}.{micros // 1000:03}Z",  # RFC 3339
        "client": client,
        "method": method[:32],
        "path": _hidden(path)[:512],
        "status": status,
        "seconds": round(seconds, 6),
        "reason": reason[:128],
        "request_id": request_id,
        "agent": _hidden_agent(agent)[:128],
    }
    if not reason:
        del facts["reason"]
    for others in more:
        for name, fact in others.items():
            # PERF: most facts are short words and numbers, which are as they are to be.
            if type(fact) is int or (type(fact) is str and len(fact) < 64 and not _LOOKS(fact)):
                facts[name] = fact
            elif fact is not None:
                facts[name] = _plain(fact)
    try:
        written = orjson.dumps(facts).decode()
    except TypeError:  # half of a surrogate pair, or a number that is too large
        written = json.dumps(facts)
    if not written.isascii() or "\x7f" in written:
        written = _NOT_ASCII.sub(_as_escape, written)
    return f"{written}\n"


_LOOKS = re.compile("=|eyJ|cb_").search
"""Whether a text may hold what `redacted` takes out."""


def _plain(fact: Any) -> Any:
    """A fact as JSON has it: a number, or a text without secrets that is not too long."""
    if fact is None or isinstance(fact, int):
        return fact
    return round(fact, 6) if isinstance(fact, float) else _hidden(str(fact))[:512]


def _as_escape(found: re.Match[str]) -> str:
    """A character as JSON escapes it (RFC 8259, 7)."""
    units = found[0].encode("utf-16-be")
    return "".join([f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2)])


# PERF: the lines of a second share their clock, and those of a client what it calls itself.
@lru_cache(maxsize=4)
def _clock(second: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))


@lru_cache(maxsize=128)
def _hidden_agent(agent: str) -> str:
    """What a client calls itself, without secrets."""
    if _LOOKS(agent) or len(agent) >= 64:
        return _KEYS.sub("***", redacted(agent[:LONGEST]))
    return agent


def _hidden(path: str) -> str:
    """A path without secrets."""
    # NOTE: a client that encodes the `?` writes its query, with the token in it, into the path.
    if _LOOKS(path):
        path = redacted(path[:LONGEST])
    if len(path) >= 64:
        path = _KEYS.sub("***", path[:LONGEST])  # an API key that was put into the path by mistake
    return path


def _ascii(text: str) -> str:
    return text if text.isprintable() and text.isascii() else ascii(text)[1:-1]


class RedactingFormatter(logging.Formatter):
    """Another formatter's text, or that of `logging`, without secrets: for any handler of yours.

        handler.setFormatter(RedactingFormatter(your_formatter))

    What it hides: what the present request carries (its tokens, credentials and passwords, wherever they are quoted),
    what looks like a token, and what stands after a name such as `password` or `Authorization`. A record takes up one
    line, and its traceback further ones that are indented, so that no message can pass for a record of its own. A
    message and each line of a traceback have at most 2,048 characters.

    A record that cannot be formatted becomes a line that names where it comes from.
    """

    def __init__(self, inner: logging.Formatter | None = None) -> None:
        super().__init__()
        self._inner = inner or logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """The record as the handler may write it."""
        try:
            return self._told(record)
        except Exception:
            return f"{record.levelname} {record.name}: a record that cannot be formatted, {_place(record)}"

    def _told(self, record: logging.LogRecord) -> str:
        values = of_present()
        message = record.getMessage()
        # NOTE: the formatter writes what it is given, so it is given a copy that is fit to be written.
        copy = logging.makeLogRecord(record.__dict__)
        copy.msg, copy.args = _fit(message, values), None
        copy.exc_info = copy.exc_text = copy.stack_info = None
        told = self._inner.format(copy)
        below = [record.exc_text or self.formatException(record.exc_info)] if record.exc_info else []
        below += [self.formatStack(record.stack_info)] if record.stack_info else []
        lines = [line for text in below for line in _lines(text, values)]
        return told + "".join([_INDENT + line for line in lines])


def _lines(text: str, values: list[str]) -> list[str]:
    """The lines of a traceback, the middle ones left out if there are very many."""
    # NOTE: a secret may have line ends in it, so it is taken out before the text is cut into lines.
    lines = redacted(text, values).split("\n")
    if len(lines) > MOST_LINES:
        kept = MOST_LINES // 2
        lines = [*lines[:kept], f"... {len(lines) - 2 * kept} lines ...", *lines[-kept:]]
    return [_cut(escaped(line)) for line in lines]


def _fit(text: str, values: list[str]) -> str:
    """A message on one line, without secrets and not too long."""
    return _cut(escaped(redacted(text[:_LOOKED_AT], values)))


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def escaped(text: str) -> str:
    """The text with control characters, line ends among them, written as Python writes them."""
    if text.isprintable():
        return text
    return "".join([each if each.isprintable() else repr(each)[1:-1] for each in text])


def _place(record: logging.LogRecord) -> str:
    return f"{record.pathname}, line {record.lineno}"


class _Handler(logging.StreamHandler[TextIO]):
    """Writes records to standard error; what cannot be written is dropped."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """Do nothing: `logging` would print the record's arguments, which nobody has taken the secrets out of."""


def configure(level: str) -> None:
    """Send the log of this process, warnings and what threads fail with to standard error; hosts have their own."""
    handler = _Handler(sys.stderr)
    handler.setFormatter(RedactingFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler])
    # NOTE: on the level debug the driver of MongoDB writes down whole documents, the signing keys among them.
    logging.getLogger("pymongo").setLevel(logging.INFO)
    logging.captureWarnings(True)
    if threading.excepthook is threading.__excepthook__:
        threading.excepthook = _thread_failed
    if sys.unraisablehook is sys.__unraisablehook__:
        sys.unraisablehook = _left_behind


def loop_failed(loop: asyncio.AbstractEventLoop, failure: dict[str, Any]) -> None:
    """Log what a task has ended with that nobody waits for: as of the request, if any, that has started it.

    A handler for `loop.set_exception_handler`. Before Python 3.12 a task does not tell whose it is, and what only its
    request could tell to be a secret is then not known to be one.
    """
    context = getattr(failure.get("task") or failure.get("future"), "get_context", None)
    if context is not None:
        context().run(loop.default_exception_handler, failure)
    else:
        loop.default_exception_handler(failure)


def _thread_failed(failed: threading.ExceptHookArgs) -> None:
    """Log what a thread has ended with."""
    if failed.exc_type is not SystemExit and failed.exc_value is not None:
        name = failed.thread.name if failed.thread is not None else "?"
        logging.getLogger("crossbar").error("crash in the thread %r", name, exc_info=failed.exc_value)


def _left_behind(failed: sys.UnraisableHookArgs) -> None:
    """Log what was raised where nobody can catch it, such as in a destructor."""
    what = failed.err_msg or "an exception that nobody can catch"
    logging.getLogger("crossbar").error("%s in %r", what, type(failed.object), exc_info=failed.exc_value)
