"""Base64 (RFC 4648, 4) that comes in pieces, decoded as it comes."""

from __future__ import annotations

import binascii

from ..errors import InvalidData


class Base64Pieces:
    """Decodes pieces of base64 text. Line breaks and blanks are passed over, all else that is none is refused."""

    def __init__(self) -> None:
        self._left = b""
        self._padded = False

    def take(self, text: bytes) -> bytes:
        """The bytes that are complete with this text; InvalidData if it is not base64."""
        text = self._left + text.translate(None, b" \t\r\n")
        whole = len(text) - len(text) % 4
        self._left, text = text[whole:], text[:whole]
        if not text:
            return b""
        if self._padded:
            raise not_base64()
        self._padded = text.endswith(b"=")
        try:
            return binascii.a2b_base64(text, strict_mode=True)
        except binascii.Error:
            raise not_base64() from None

    def finish(self) -> None:
        """Raise InvalidData if the text ended in the middle of four characters."""
        if self._left:
            raise not_base64()


def not_base64() -> InvalidData:
    """The refusal of a file that is not what it says."""
    return InvalidData("file", "encoding", "the file is not base64: send data:TYPE;base64,... or the base64 text alone")
