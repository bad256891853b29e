"""Media types of files: which are taken unless somebody says otherwise, and how each is called.

The default set is the table of RingCentral's guide to media content; endpoints name others, such as `audio/*`.
"""

from __future__ import annotations

import mimetypes
import re

BYTES = "application/octet-stream"
MEDIA_TYPES = (
    "application/gzip",
    "application/rtf",
    "application/zip",
    "audio/amr",
    "audio/mp4",
    "audio/mpeg",
    "image/bmp",
    "image/gif",
    "image/jpeg",
    "image/png",
    "image/tiff",
    "text/vcard",
    "video/mp4",
    "video/mpeg",
)

# Names that clients use for one of them (IANA's registry has the others), so that an endpoint need know only one.
SYNONYMS: dict[str, str] = {
    "application/x-gzip": "application/gzip",
    "application/x-pdf": "application/pdf",
    "application/x-zip-compressed": "application/zip",
    "audio/mp3": "audio/mpeg",
    "audio/vnd.wave": "audio/wav",
    "audio/wave": "audio/wav",
    "audio/x-wav": "audio/wav",
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "image/x-ms-bmp": "image/bmp",
    "image/x-png": "image/png",
    "text/rtf": "application/rtf",
    "text/x-vcard": "text/vcard",
}

_ENDINGS = {
    "application/gzip": "gz",
    "application/rtf": "rtf",
    "audio/amr": "amr",
    "audio/mp4": "m4a",
    "audio/mpeg": "mp3",
    "audio/ogg": "ogg",
    "audio/wav": "wav",
    "image/jpeg": "jpg",
    "image/tiff": "tiff",
    "text/vcard": "vcf",
    "video/mp4": "mp4",
    "video/mpeg": "mpeg",
}
_OF_ENDING = {ending: media_type for media_type, ending in _ENDINGS.items()} | {
    "jpeg": "image/jpeg",
    "tif": "image/tiff",
}


# RFC 6838, 4.2: what registered names are made of. A list of types would be read by browsers in ways of their own.
_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,126}/[a-z0-9][a-z0-9!#$&^_.+-]{0,126}")

# How files of some types begin; RIFF and MP4 say what they are a little later.
_BEGINNINGS: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF8", "image/gif"),
    (0, b"BM", "image/bmp"),
    (0, b"II*\0", "image/tiff"),
    (0, b"MM\0*", "image/tiff"),
    (0, b"%PDF-", "application/pdf"),
    (8, b"WAVE", "audio/wav"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"\xff\xfb", "audio/mpeg"),
    (0, b"OggS", "audio/ogg"),
    (0, b"#!AMR", "audio/amr"),
    (4, b"ftyp", "video/mp4"),
    (0, b"PK\3\4", "application/zip"),
    (0, b"\x1f\x8b", "application/gzip"),
    (0, b"{\\rtf", "application/rtf"),
)


def type_by_bytes(start: bytes) -> str:
    """The media type of a file that begins like this, `application/octet-stream` if nobody knows."""
    for at, mark, media_type in _BEGINNINGS:
        if start.startswith(mark, at):
            return media_type
    return BYTES


def is_type(media_type: str) -> bool:
    """Whether this is one media type without parameters, in lower case."""
    return _TYPE.fullmatch(media_type) is not None


def canonical(media_type: str) -> str:
    """The one name of a media type that has several; the type is in lower case and has no parameters."""
    return SYNONYMS.get(media_type, media_type)


def ending_of(media_type: str) -> str:
    """The ending of a file of this type, without the dot; `bin` for a type that nobody knows."""
    return _ENDINGS.get(media_type) or (mimetypes.guess_extension(media_type) or ".bin")[1:]


def type_of(name: str) -> str:
    """The media type that a file's name stands for, `application/octet-stream` if it says nothing."""
    ending = name.rpartition(".")[2].lower()
    return _OF_ENDING.get(ending) or canonical(mimetypes.guess_type(name)[0] or BYTES)
