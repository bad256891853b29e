"""Documents with files, and how they are uploaded, for the tests of attachments."""

from __future__ import annotations

from typing import Any, ClassVar

from crossbar import Attachment, Body, Context, File, Query, Resource
from crossbar.testing import Client, Response, World

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256))
BOUNDARY = "a-boundary"
FORM = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}
MIXED = {"content-type": f"multipart/mixed; boundary={BOUNDARY}"}


class Papers(Resource):
    """Documents with a cover, and with pages."""

    name = "papers"
    attachments = (
        Attachment("cover", types=("image/*",), most=5_000, inline=True),
        Attachment("pages", types=("application/pdf", "text/plain"), many=True),
    )

    def attached(self, ctx: Context, body: Body, slot: str, file: File | None) -> Body:
        """Keep the name of the cover in the document."""
        return body | {"covered": file.name if file is not None else None} if slot == "cover" else body


class Notes(Resource):
    """Documents whose one file is of the types that are taken where nothing is said."""

    name = "notes"
    attachments: ClassVar[tuple[Attachment | str, ...]] = ("file",)


async def made(client: Client, noun: str, data: Body) -> str:
    """Make a document, and give its path."""
    response = await client.put(f"/account/{noun}", data)
    assert 201 == response.status
    return f"/account/{noun}/{response.data['id']}"


def part(content: bytes, head: str, content_type: str = "") -> bytes:
    """Write a part of a multipart body."""
    typed = f"\r\nContent-Type: {content_type}" if content_type else ""
    return f"--{BOUNDARY}\r\nContent-Disposition: {head}{typed}\r\n\r\n".encode() + content + b"\r\n"


def form(*parts: bytes) -> bytes:
    """Write a multipart body."""
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


async def send(
    client: Client, path: str, body: Any, content_type: str, method: str = "POST", **headers: str
) -> Response:
    """Upload a body."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return await client.request(method, path, body=body, headers={"content-type": content_type, **sent})


async def blobs(world: World) -> int:
    """Count the blobs that documents keep, by what every document of the papers and notes says."""
    count = 0
    for kind in ("papers", "notes"):
        for document in await world.app.store.find(Query(world.customer, kind, limit=100)):
            for kept in document.secrets().get("attachments", {}).values():
                count += 1 if "blob" in kept else len(kept)
    return count
