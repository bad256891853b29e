"""Replies as a record keeps them, and as they are given again."""

from __future__ import annotations

import orjson

from .context import Context
from .reply import Blob, Page, Reply, Stream, created
from .stores import Body, Document
from .target import Noun

MOST_KEPT = 65_536
"""Bytes of a reply that are kept; of a longer one only where the document is."""
NOT_KEPT = ("auth_token",)
"""Words that are a secret; and a client may have logged in again before it repeats a request."""


def place_of(document: Document) -> Body:
    """Where the document is."""
    return {"tenant": document.tenant, "kind": document.kind, "id": document.id}


def snapshot_of(document: Document) -> Body:
    """The document without its private part, to be kept in the private part of the record."""
    return place_of(document) | {
        "body": orjson.Fragment(document.body),
        "created": document.created,
        "modified": document.modified,
        "revision": document.revision,
    }


def kept_of(reply: Reply) -> Body | None:
    """The reply as it is kept, None if it is too long, or no document and no JSON."""
    answer = reply.answer
    if isinstance(answer, Page | Stream | Blob):
        return None
    shown = {"document": snapshot_of(answer)} if isinstance(answer, Document) else {"json": answer}
    try:
        encoded = orjson.dumps(
            shown
            | {
                "status": reply.status,
                "headers": [[name.decode("latin-1"), value.decode("latin-1")] for name, value in reply.headers],
                "envelope": {name: value for name, value in reply.envelope.items() if name not in NOT_KEPT},
                "location": [[name, list(args)] for name, args in reply.location],
                "deleted": reply.deleted,
            }
        )
    except TypeError:
        return None
    kept: Body = orjson.loads(encoded)
    return kept if len(encoded) <= MOST_KEPT else None


def restored(kept: Body) -> Reply:
    """The reply that was kept."""
    return Reply(
        _document(kept["document"]) if "document" in kept else kept["json"],
        kept["status"],
        tuple([(name.encode("latin-1"), value.encode("latin-1")) for name, value in kept["headers"]]),
        kept["envelope"],
        tuple([Noun(name, tuple(args)) for name, args in kept["location"]]),
        kept["deleted"],
    )


async def rebuilt(ctx: Context, made: Body | None) -> Reply:
    """What there is to say of a create whose reply is not known, from the document that it has made."""
    if made is None:
        return created()
    document: Document | Body
    if "body" in made:
        document = _document(made)
    else:
        document = await ctx.app.store.get(made["tenant"], made["kind"], made["id"]) or {"id": made["id"]}
    if ctx.bound is not None and ctx.bound.route.operation == "create" and isinstance(document, Document):
        return created(document)
    nouns = [Noun(endpoint.name, args) for endpoint, args in ctx.resolved]
    return created(document, *nouns[:-1], Noun(nouns[-1].name, (made["id"],)))


def _document(kept: Body) -> Document:
    """The document of a snapshot."""
    facts = (kept["created"], kept["modified"], kept["revision"])
    return Document(kept["tenant"], kept["kind"], kept["id"], orjson.dumps(kept["body"]), *facts)
