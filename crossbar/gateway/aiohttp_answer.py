"""The response to a call whose body is read off one of aiohttp's connections."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aiohttp import ClientError
from aiohttp.http import HttpProcessingError

from .aiohttp_line import Line, fault_of
from .transport import Broken

if TYPE_CHECKING:
    from aiohttp.connector import Connection
    from aiohttp.streams import StreamReader

    from .aiohttp_upload import Upload

FAULTS = (ClientError, OSError, RuntimeError, HttpProcessingError)
"""What aiohttp raises to those who read from a connection."""


class AiohttpAnswer:
    """A response; see the port. `framing` is the length of its body, and whether that goes on until the end."""

    __slots__ = (
        "_connection",
        "_content",
        "_endless",
        "_line",
        "_upload",
        "_where",
        "fields",
        "length",
        "status",
        "whole",
    )

    def __init__(
        self,
        status: int,
        fields: list[tuple[bytes, bytes]],
        framing: tuple[int | None, bool],
        content: StreamReader,
        connection: Connection,
        line: Line,
        upload: Upload | None,
        where: str,
    ) -> None:
        self.status = status
        self.fields = fields
        self.length, self._endless = framing
        self._content = content
        self._connection: Connection | None = connection
        self._line = line
        self._upload = upload
        self._where = where
        self.whole: bytes | None = None
        if content.is_eof():
            self.whole = self._checked(content.read_nowait())
            self._end()

    async def piece(self) -> bytes:
        """The next piece; see the port."""
        if self._connection is None:
            return b""
        try:
            data = await self._content.readany()
            if data:
                return data
            self._checked(b"")
        except FAULTS as exc:
            fault = fault_of(self._line, exc, self._where, headed=True)
            self.release()
            raise fault from exc
        except BaseException:
            self.release()
            raise
        self._end()
        return b""

    def release(self) -> None:
        """Let go of the call; see the port."""
        if self._connection is not None:
            self._line.cut()
            self._connection.close()
            self._connection = None
            if self._upload is not None:
                self._upload.stop()

    def _checked(self, data: bytes) -> bytes:
        """The bytes as they are, if this is a proper end; else Broken."""
        # NOTE: aiohttp takes every end for the end of such a body, also that of a connection which was cut off.
        if self._endless and not self._line.ended:
            raise Broken(f"{self._where} cut the connection after a part of its response")
        return data

    def _end(self) -> None:
        """Keep the connection for another call, if it has nothing more to send or to receive; else close it."""
        line, upload, connection = self._line, self._upload, self._connection
        if connection is None:
            return
        transport = line.transport
        if (
            (upload is not None and not upload.sent)
            or transport is None
            or transport.get_write_buffer_size()
            or not line.rest()
        ):
            self.release()
        else:
            connection.release()
            self._connection = None
