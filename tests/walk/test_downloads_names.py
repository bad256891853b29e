"""Downloads: the name under which a blob is kept, and whether a browser shows it."""

from __future__ import annotations

from typing import Any

import pytest

from crossbar.testing import Client

from .recordings import Recordings, blob
from .tools import refused

AT = "/tapes"

SHOWN: list[Any] = [
    ("", False, "attachment"),
    ("", True, "inline"),
    ("content_disposition=inline", False, "inline"),
    ("content_disposition=attachment", True, "attachment"),
    ("content_disposition=Inline", False, "inline"),
    ("contentDisposition=Inline", False, "inline"),
    ("contentDisposition=Attachment", True, "attachment"),
    ("content_disposition=inline&contentDisposition=Attachment", False, "inline"),
]


@pytest.mark.parametrize(("query", "inline", "expected"), SHOWN)
async def test_who_decides(listener: Client, recordings: Recordings, query: str, inline: bool, expected: str) -> None:
    """Whether it is shown is the client's to say, else the endpoint's."""
    recordings.answer = blob(inline=inline)
    response = await listener.get(f"{AT}?{query}")
    assert f'{expected}; filename="call.wav"' == response.headers["content-disposition"]
    assert ("media-src 'self'" in response.headers["content-security-policy"]) is (expected == "inline")


@pytest.mark.parametrize("query", ["content_disposition=", "content_disposition=x", "contentDisposition=inline;x"])
async def test_dispositions_that_there_are_not(listener: Client, recordings: Recordings, query: str) -> None:
    """Another word is refused, whatever else is asked."""
    recordings.answer = blob(etag="a")
    for headers in ({}, {"if-none-match": '"a"'}, {"range": "bytes=99-"}):
        refused(await listener.get(f"{AT}?{query}", headers=headers), 400, "bad_disposition")


@pytest.mark.parametrize(
    ("media_type", "shown"),
    [
        ("audio/wav", True),
        ("audio/mpeg; rate=8000", True),
        ("video/mp4", True),
        ("image/png", True),
        ("text/plain; charset=utf-8", True),
        ("application/pdf", True),
        ("APPLICATION/PDF", True),
        ("image/svg+xml", False),
        ("IMAGE/SVG+XML; x=y", False),
        ("text/html", False),
        ("text/html; charset=utf-8", False),
        ("application/xhtml+xml", False),
        ("application/xml", False),
        ("text/xml", False),
        ("text/javascript", False),
        ("application/javascript", False),
        ("text/css", False),
        ("multipart/x-mixed-replace", False),
        ("application/octet-stream", False),
        ("nonsense", False),
        ("", False),
    ],
)
async def test_what_runs_is_never_shown(listener: Client, recordings: Recordings, media_type: str, shown: bool) -> None:
    """A type that a browser would run is always saved, whoever wants it shown."""
    recordings.answer = blob(media_type=media_type, inline=True)
    for query in ("", "?content_disposition=inline"):
        told = (await listener.get(f"{AT}{query}")).headers["content-disposition"]
        assert ("inline" if shown else "attachment") == told.partition(";")[0]


NAMED: list[Any] = [
    ({}, {}, 'filename="call.wav"'),
    ({"x-file-name": "mine.wav"}, {}, 'filename="mine.wav"'),
    ({}, {"file_name": "mine.wav"}, 'filename="mine.wav"'),
    ({}, {"contentDispositionFilename": "mine.wav"}, 'filename="mine.wav"'),
    ({"x-file-name": "a.wav"}, {"file_name": "b.wav"}, 'filename="a.wav"'),
    ({}, {"file_name": "a.wav", "contentDispositionFilename": "b.wav"}, 'filename="a.wav"'),
    ({"x-file-name": "..."}, {"file_name": "b.wav"}, 'filename="b.wav"'),
    ({}, {"file_name": "mine"}, 'filename="mine.wav"'),
    ({}, {"file_name": "mine.mp3"}, 'filename="mine.mp3"'),
    ({}, {"file_name": ""}, 'filename="call.wav"'),
    ({}, {"file_name": "../../etc/passwd"}, 'filename="passwd.wav"'),
    ({}, {"file_name": "..\\..\\"}, 'filename="call.wav"'),
    ({}, {"file_name": "\u202egnp.wav"}, 'filename="gnp.wav"'),
    ({}, {"file_name": "a\r\nx-evil: 1"}, "filename=\"a_x-evil_1.wav\"; filename*=UTF-8''a%20x-evil_%201.wav"),
    ({}, {"file_name": 'a"; x="'}, "filename=\"a_x.wav\"; filename*=UTF-8''a_%3B%20x%3D_.wav"),
    ({}, {"file_name": "🎉"}, "filename=\"result.wav\"; filename*=UTF-8''%F0%9F%8E%89.wav"),
    ({"x-file-name": "Köln".encode().decode("latin-1")}, {}, "filename=\"Koln.wav\"; filename*=UTF-8''K%C3%B6ln.wav"),
    ({"x-file-name": "K\xf6ln"}, {}, "filename=\"Koln.wav\"; filename*=UTF-8''K%C3%B6ln.wav"),
    ({}, {"file_name": "x" * 2000}, f'filename="{"x" * 124}.wav"'),
]


@pytest.mark.parametrize(("headers", "query", "expected"), NAMED)
async def test_names(listener: Client, recordings: Recordings, headers: Any, query: Any, expected: str) -> None:
    """The name is the client's, else the blob's own; it leads nowhere, and brings no field along."""
    recordings.answer = blob()
    response = await listener.get(AT, headers=headers, query=query)
    assert (200, f"attachment; {expected}") == (response.status, response.headers["content-disposition"])
    assert "x-evil" not in response.headers
