"""The files of the demo data: sounds, pictures and pages, each made by arithmetic from the id that it belongs to."""

from __future__ import annotations

import io
import math
import struct
import wave
import zlib
from functools import cache
from typing import NamedTuple

RATE = 8_000
"""Samples in a second, each of one byte, as a telephone has them."""

_NOTES = (392, 440, 494, 523, 587, 659, 698, 784)
_CELLS, _CELL = 5, 12


class DemoFile(NamedTuple):
    """A file: the slot of its document, what it is called, its type and bytes; `many` if the slot is for several."""

    slot: str
    name: str
    content_type: str
    content: bytes
    many: bool = False


def sound(id: str, milliseconds: int) -> bytes:
    """A WAV file with a few notes that follow from the id."""
    digits = [int(digit, 16) for digit in id[:16]]
    notes = digits[: max(1, milliseconds // 300)]
    samples = b"".join(
        [_note(_NOTES[digit % len(_NOTES)], milliseconds // len(notes), 40 + 8 * (digit // 2)) for digit in notes]
    )
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(1)
        writer.setframerate(RATE)
        writer.writeframes(samples)
    return file.getvalue()


@cache
def _note(hertz: int, milliseconds: int, loudness: int) -> bytes:
    """A tone that fades, in samples around 128."""
    count = RATE * milliseconds // 1000
    turn = 2 * math.pi * hertz / RATE
    # NOTE: rounded, because the last bits of a sine differ between machines.
    return bytes(
        [128 + int(round(math.sin(place * turn), 6) * loudness * (count - place) / count) for place in range(count)]
    )


def picture(id: str) -> bytes:
    """A PNG file: five by five cells in a colour, alike on both sides, as the id has it."""
    bits = int(id, 16)
    colour = bytes([96 + (bits >> shift) % 128 for shift in (0, 8, 16)])
    rows = []
    for row in range(_CELLS):
        cells = [bits >> (24 + 3 * row + min(column, _CELLS - 1 - column)) & 1 for column in range(_CELLS)]
        line = b"".join([(colour if cell else b"\xf0\xf0\xf0") * _CELL for cell in cells])
        rows += [b"\0" + line] * _CELL  # a line begins with its filter: none
    size = _CELLS * _CELL
    header = struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(b"".join(rows), 9)), (b"IEND", b""))
    packed = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


def page(*lines: str) -> bytes:
    """A PDF file of one page with these lines on it; what is not ASCII becomes a question mark."""
    shown = [line.encode("ascii", "replace").translate(None, b"()\\").decode() for line in lines]
    text = "BT /F1 14 Tf 72 760 Td 20 TL " + " ".join(f"({line}) Tj T*" for line in shown) + " ET"
    objects = (
        "<< /Type /Catalog /Pages 2 0 R >>",
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R"
        " /Resources << /Font << /F1 5 0 R >> >> >>",
        f"<< /Length {len(text)} >>\nstream\n{text}\nendstream",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    )
    body, places = "%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        places.append(len(body))
        body += f"{number} 0 obj\n{content}\nendobj\n"
    table = "".join([f"{place:010d} 00000 n \n" for place in places])
    count = len(objects) + 1
    body += f"xref\n0 {count}\n0000000000 65535 f \n{table}trailer\n<< /Size {count} /Root 1 0 R >>\n"
    return f"{body}startxref\n{body.index('xref')}\n%%EOF\n".encode()
