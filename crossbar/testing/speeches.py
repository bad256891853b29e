"""The speeches of RingCentral's dialect and of the realm style, and what speeches without an envelope have in common.

Nouns are Crossbar's, and are written in the words of the dialect; documents are as clients of the dialect see them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar
from urllib.parse import quote

import orjson

from ..dialects.plain import Plain
from ..dialects.realm import RealmDialect
from ..dialects.ringcentral import RingCentralDialect
from ..stores import Body
from ..target import ALIAS, Noun
from .response import Response
from .speech import Call

_NEXT = re.compile(r'<([^<>]*)>\s*;\s*rel="?next"?')


class PlainSpeech:
    """A dialect that is a subclass of `Plain`: its verbs and words, bare documents, bearer tokens, `Link` to go on.

    `own` is what stands in paths for the caller's own account, which the noun `account` means; without it, there is no
    such noun.
    """

    own: ClassVar[str] = ""
    size_word: ClassVar[str] = "per_page"

    def __init__(self, dialect: Plain, prefix: str = "") -> None:
        self.dialect = dialect
        self.prefix = prefix or dialect.prefixes[0]

    def call(self, operation: str, nouns: tuple[Noun, ...], page_size: int | None) -> Call:
        """The verb of the dialect's table, the nouns in its words as a path, the page size as a word of the query."""
        path = "".join([f"/{quote(token, safe='~@*')}" for noun in nouns for token in self.tokens(noun)])
        query = {} if page_size is None else {self.size_word: str(page_size)}
        return Call(self.dialect.verbs[operation], self.ended(path, nouns), query)

    def tokens(self, noun: Noun) -> tuple[str, ...]:
        """A noun as segments of a path, in the words of the dialect."""
        if noun.name == ALIAS and self.own:
            return (self.dialect.word("accounts"), self.own, *noun.args)
        return (self.dialect.word(noun.name), *noun.args)

    def ended(self, path: str, nouns: tuple[Noun, ...]) -> str:
        """The path with what stands at its end."""
        return path

    def body(self, data: Any) -> bytes:
        """The data as it is."""
        return orjson.dumps(data)

    def credentials(self, token: str) -> Mapping[str, str]:
        """A bearer token."""
        return {"authorization": f"Bearer {token}"}

    def document(self, response: Response) -> Body:
        """The body as it is."""
        document: Body = response.json()
        return document

    def documents(self, response: Response) -> list[Body]:
        """The body as it is, which is an array."""
        documents: list[Body] = response.json()
        return documents

    def following(self, call: Call, response: Response) -> Call | None:
        """What `Link` says is next."""
        found = _NEXT.search(response.headers.get("link", ""))
        return None if found is None else Call(call.verb, f"http://testserver{found[1]}")

    def word(self, response: Response) -> str:
        """`status` of the error."""
        word: str = response.json()["status"]
        return word


class RingCentralSpeech(PlainSpeech):
    """RingCentral's dialect: `/account/~/extension`, `records`, and `navigation` to go on."""

    own: ClassVar[str] = "~"
    size_word: ClassVar[str] = "perPage"

    def __init__(self, dialect: Plain | None = None, prefix: str = "") -> None:
        super().__init__(dialect or RingCentralDialect(), prefix or ("" if dialect else "/restapi/v1.0"))

    def documents(self, response: Response) -> list[Body]:
        """`records` of the page."""
        documents: list[Body] = response.json()["records"]
        return documents

    def following(self, call: Call, response: Response) -> Call | None:
        """The URI of the next page, or the page token that leads there."""
        following = response.json()["navigation"].get("nextPage")
        if following is not None:
            return Call(call.verb, following["uri"])
        token = response.json()["navigation"].get("nextPageToken")
        return None if token is None else Call(call.verb, call.path, {"pageToken": token})

    def word(self, response: Response) -> str:
        """`errorCode` of the first error."""
        word: str = response.json()["errors"][0]["errorCode"]
        return word


class RealmSpeech(PlainSpeech):
    """The realm style: `/client/@me/extension/`, arrays, a slash behind words."""

    own: ClassVar[str] = "@me"

    def __init__(self, dialect: Plain | None = None, prefix: str = "") -> None:
        super().__init__(dialect or RealmDialect(), prefix)

    def ended(self, path: str, nouns: tuple[Noun, ...]) -> str:
        """The path with a slash if its last segment is a word: ids stand behind words, and actions behind ids."""
        is_word = bool(nouns) and len(self.tokens(nouns[-1])) % 2 == 1
        return f"{path}/" if is_word else path


RINGCENTRAL = RingCentralSpeech()
REALM = RealmSpeech()
