"""The log: what records look like when they are written, and that nothing can keep them from it."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from crossbar import RedactingFormatter, log
from crossbar.log import LONGEST, MOST_LINES, AccessLog, escaped


class Unprintable:
    """Something that cannot even be shown."""

    def __str__(self) -> str:
        raise RuntimeError("a secret of hunter2")


@pytest.fixture
def written() -> Iterator[tuple[logging.Logger, io.StringIO]]:
    """A logger, and what its handler writes."""
    stream = io.StringIO()
    logger = logging.Logger("crossbar.test")
    handler = log._Handler(stream)
    handler.setFormatter(RedactingFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s")))
    logger.addHandler(handler)
    yield logger, stream
    logger.removeHandler(handler)


Written = tuple[logging.Logger, io.StringIO]

# Records.


def test_a_record(written: Written) -> None:
    """A record without anything odd is as the formatter within has it."""
    logger, stream = written
    logger.info("served %d of %s", 3, "b\u00fccher")
    assert "INFO crossbar.test: served 3 of b\u00fccher\n" == stream.getvalue()


FORGED = "ok\n2026-01-01 00:00:00 ERROR crossbar: forged"


@pytest.mark.parametrize("sign", ["\n", "\r", "\r\n", "\x1b", "\0", "\x07", "\x85", "\u2028", "\u202e", "\x7f", "\v"])
def test_one_record_is_one_line(written: Written, sign: str) -> None:
    """Nothing in a message ends its line, or tells a terminal what to do."""
    logger, stream = written
    logger.info("before %safter", sign)
    assert f"INFO crossbar.test: before {repr(sign)[1:-1]}after\n" == stream.getvalue()


def test_no_traceback_passes_for_a_record(written: Written) -> None:
    """What an exception says stands in lines that are indented, whatever line ends it has."""
    logger, stream = written
    try:
        raise ValueError(FORGED + "\x1b[31m\rred")
    except ValueError:
        logger.exception("crash")
    first, *lines = stream.getvalue().splitlines()
    assert "ERROR crossbar.test: crash" == first
    assert [] == [line for line in lines if not line.startswith("    ")]
    assert any("forged\\x1b[31m\\rred" in line for line in lines)


def test_the_stack_of_a_record(written: Written) -> None:
    """A stack that is asked for is written like a traceback."""
    logger, stream = written
    logger.warning("here", stack_info=True)
    first, *lines = stream.getvalue().splitlines()
    assert first == "WARNING crossbar.test: here"
    assert any("test_the_stack_of_a_record" in line for line in lines)


def test_the_record_stays_as_it_is(written: Written) -> None:
    """Other handlers get the same record, with its exception."""
    records: list[logging.LogRecord] = []
    logger, _ = written

    def kept(record: logging.LogRecord) -> bool:
        records.append(record)
        return True

    logger.addFilter(kept)
    try:
        raise ValueError("token=abcdef")
    except ValueError:
        logger.exception("crash of %s", "token=abcdef")
    assert "crash of token=abcdef" == records[0].getMessage()
    assert records[0].exc_info is not None
    assert (None, ("token=abcdef",)) == (records[0].exc_text, records[0].args)


# How long.


def test_long_messages(written: Written) -> None:
    """A message, and every line of a traceback, has an end."""
    logger, stream = written
    try:
        raise ValueError("x" * 1_000_000)
    except ValueError:
        logger.exception("y" * 1_000_000)
    lines = stream.getvalue().splitlines()
    assert len(lines[0]) == len("ERROR crossbar.test: ") + LONGEST
    assert LONGEST + 4 == max(map(len, lines[1:]))


def test_long_tracebacks(written: Written) -> None:
    """Of very many lines the first and the last are kept, since they say what it was."""
    logger, stream = written
    try:
        raise ValueError("first" + "\n" * 10_000 + "last")
    except ValueError:
        logger.exception("crash")
    lines = stream.getvalue().splitlines()
    assert MOST_LINES + 2 == len(lines)
    assert ["Traceback (most recent call last):", "last"] == [lines[1].strip(), lines[-1].strip()]
    assert any(" lines ..." in line for line in lines)


# What cannot be written.


def test_records_that_cannot_be_formatted(written: Written, capsys: pytest.CaptureFixture[str]) -> None:
    """They become a line that names the place; what they were given is told to nobody."""
    logger, stream = written
    logger.info("%d", "hunter2")
    logger.info("%s", Unprintable())
    logger.info("%s %s", "hunter2")
    lines = stream.getvalue().splitlines()
    assert 3 == len(lines)
    for line in lines:
        assert line.startswith("INFO crossbar.test: a record that cannot be formatted, ")
        assert __file__ in line
    assert "hunter2" not in stream.getvalue()
    assert ("", "") == tuple(capsys.readouterr())


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), ValueError("closed"), BrokenPipeError()])
def test_a_stream_that_fails(error: Exception, capsys: pytest.CaptureFixture[str]) -> None:
    """A full disk, a closed file: the record is dropped, its arguments are not printed, and the caller goes on."""

    class Full(io.StringIO):
        """A stream that takes nothing."""

        def write(self, text: str) -> int:
            """Take nothing."""
            raise error

    logger = logging.Logger("crossbar.test")
    handler = log._Handler(Full())
    logger.addHandler(handler)
    logger.error("password %s", "hunter2")
    lines = AccessLog(Full())
    lines._lines.append((0.0, "", "GET", "/", 200, "", 0.0, "id", ""))
    lines.flush()
    assert ("", "") == tuple(capsys.readouterr())


def test_a_stream_that_cannot_say_it() -> None:
    """Characters that a stream has no code for are left out with their record, and not told in another way."""
    raw = io.BytesIO()
    logger = logging.Logger("crossbar.test")
    handler = log._Handler(io.TextIOWrapper(raw, "ascii", write_through=True))
    handler.setFormatter(RedactingFormatter(logging.Formatter("%(message)s")))
    logger.addHandler(handler)
    logger.info("b\u00fccher")
    logger.info("books")
    assert b"books" in raw.getvalue()


@pytest.mark.parametrize("text", ["plain", "", "b\u00fccher", "a b"])
def test_what_needs_no_escaping(text: str) -> None:
    """Text that can be printed stays as it is."""
    assert text == escaped(text)


# Lines of access.


def line_of(**facts: Any) -> str:
    """The line of a request."""
    told = {"at": 0.0, "client": "::1", "method": "GET", "path": "/", "status": 200, "reason": "", "seconds": 0.1}
    stream = io.StringIO()
    lines = AccessLog(stream)
    agent = facts.pop("agent", "")
    lines._lines.append((*(told | facts).values(), "id", agent))
    lines.flush()
    return stream.getvalue()


def test_a_line_of_access() -> None:
    """What there is to know of a request."""
    assert "1970-01-01T00:00:00Z ::1 GET /v2 200 100.0ms - id -\n" == line_of(path="/v2")


@pytest.mark.parametrize(
    "agent",
    [
        "RCMobile/3.6.0 (RingCentral; Android/2.6; rev.12345)",
        "RCMobile/3.6.1 (OfficeAtHand; iOS/6.0; rev.987654)",
        "Softphone/6.2.0.11632",
    ],
)
def test_a_line_names_the_client(agent: str) -> None:
    """As it calls itself, in quotes; these are the examples of RingCentral's documentation."""
    assert line_of(agent=agent).endswith(f' id "{agent}"\n')


def test_what_a_client_calls_itself_cannot_break_the_line() -> None:
    """Quotes, secrets, control characters and sheer length are kept out."""
    line = line_of(agent='a"b\nc\x1b token=hunter2 ' + "x" * 10_000)
    assert (1, False, True) == (line.count("\n"), "hunter2" in line, len(line) < 300)
    assert 2 == line.count('"')


@pytest.mark.parametrize("field", ["client", "method", "path", "reason", "agent"])
@pytest.mark.parametrize("sign", ["\n", "\r", "\x1b", "\0", "\x85"])
def test_a_line_of_access_is_one_line(field: str, sign: str) -> None:
    """Whatever a field holds."""
    line = line_of(**{field: f"a{sign}b"})
    assert (1, True) == (line.count("\n"), line[:-1].isprintable())


def test_a_blank_in_the_path() -> None:
    """It would end what is shown, and the client would write the status behind it."""
    assert "/open/x%20200%20fake" == line_of(path="/open/x 200 fake").split(" ")[3]


def test_a_query_in_the_path() -> None:
    """Who encodes the `?` puts the token into the path."""
    token = "eyJhbGciOiJIUzI1NiJ9.eyJhIjoxfQ.c2lnbmF0dXJl"
    assert "hunter2" not in line_of(path="/v2/about?auth_token=hunter2&x=1")
    assert token not in line_of(path=f"/v2/token_auth/{token}")
    assert len(line_of(path="/" + "a=" * 10_000)) < 700
