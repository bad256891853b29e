"""A response as it left the application, and what its dialect makes of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from ..errors import CrossbarError
from ..stores import Body
from .speech import CROSSBAR, Speech

Fields = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Response:
    """A response as it left the application.

    `headers` are the header fields by their lower-case names; one that stands there several times has its values joined
    by commas (RFC 9110, 5.3), and `values` gives them one by one. `speech` reads the body in the client's dialect.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    fields: Fields = ()
    speech: Speech = CROSSBAR

    @classmethod
    def of(cls, status: int, fields: Fields, body: bytes, speech: Speech = CROSSBAR) -> Response:
        """A response with these header fields, as they came."""
        return cls(status, joined(fields), body, fields, speech)

    def values(self, name: str) -> list[str]:
        """Every value of a header field, such as `set-cookie`, in the order in which they came."""
        return [value for known, value in self.fields if known == name.lower()]

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()

    def json(self) -> Any:
        """The body, decoded as JSON."""
        return orjson.loads(self.body)

    @property
    def data(self) -> Any:
        """`data` of the envelope."""
        return self.json()["data"]

    # In any dialect.

    @property
    def document(self) -> Body:
        """The document that it shows; CrossbarError if it is a refusal."""
        self.unless_refused()
        return self.speech.document(self)

    @property
    def documents(self) -> list[Body]:
        """The documents of a listing; CrossbarError if it is a refusal."""
        self.unless_refused()
        return self.speech.documents(self)

    @property
    def word(self) -> str:
        """The word that names the error, empty if it is none."""
        return self.speech.word(self) if self.status >= 400 else ""

    def unless_refused(self) -> None:
        """Raise CrossbarError, with what the body says, if the status is that of an error."""
        if self.status >= 400:
            raise CrossbarError(f"the request was refused with {self.status}: {self.body.decode(errors='replace')}")


def decoded(raw: Iterable[tuple[bytes, bytes]]) -> Fields:
    """The header fields of an ASGI message as text, their names in lower case."""
    return tuple([(name.decode("ascii").lower(), value.decode("latin-1")) for name, value in raw])


def joined(fields: Fields) -> dict[str, str]:
    """Header fields by name, the values of a repeated one joined by commas."""
    headers: dict[str, str] = {}
    for name, value in fields:
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers
