"""Where the application is mounted, and what of a path is left below that place. Pure.

ASGI has it that `path` is the whole path, decoded, and begins with `root_path`. Not every host keeps to that:

| Who | `root_path` | `path` | `raw_path` |
| --- | --- | --- | --- |
| Starlette, FastAPI | `/api` | `/api/v2/about` | `/api/v2/about` |
| the same, whose `root_path` a proxy has taken off | `/proxy/api` | `/api/v2/about` | `/api/v2/about` |
| a server told of such a proxy | `/proxy` | `/v2/about` | `/v2/about` |
| Litestar | | `/v2/about/` | `/api/v2/about` |
| hosts that shorten the path, and say so | `/api` | `/v2/about` | `/api/v2/about` |
"""

from __future__ import annotations

from urllib.parse import quote, unquote

UNRESERVED = "/:@!$&'()*+,;=~-._"
"""What stands in a path as it is, beside letters and digits (RFC 3986, 3.3)."""


def below_mount(path: str, raw_path: bytes, root_path: str, outer: str = "") -> tuple[bytes, str]:
    """The raw path below the place where the application is mounted, and that place as clients know it, decoded.

    `outer` is the part of `root_path` that was there before the host added to it (Starlette's `app_root_path`).

    What is left of the raw path decodes to what the host has left of `path`: whoever lets a request pass because of the
    one must find that it is the other which is served.
    """
    # PERF: most paths are spelled in one way only.
    if path == raw_path.decode("latin-1") and path.startswith(f"{root_path}/") and "%" not in path and path.isascii():
        return raw_path[len(root_path) :], root_path
    found = _cut(raw_path, path)
    if found is not None and (found[0] or not root_path):
        above, rest = found
        if f"{above}/".startswith(f"{root_path}/"):
            return rest, above
        return rest, root_path if root_path.endswith(above) else root_path + above
    for place in (root_path, root_path.removeprefix(outer.rstrip("/"))):
        if f"{path}/".startswith(f"{place}/"):
            found = _cut(raw_path, path[len(place) :])
            if found is None:
                return _encoded(path[len(place) :] or "/"), root_path
            above, rest = found
            # NOTE: a server may have been told of the place in its percent-encoded form.
            return rest, root_path if place.endswith(above) else root_path.removesuffix(place) + above
    return raw_path if found is not None else _encoded(path), root_path


def _cut(raw_path: bytes, tail: str) -> tuple[str, bytes] | None:
    """The path above a tail, decoded, and the tail as the raw path spells it; None if it does not end with it.

    Empty segments count for nothing, since hosts add and drop them.
    """
    whole, wanted = _plain(_decoded(raw_path)), _plain(tail)
    if wanted and not f"/{whole}".endswith(f"/{wanted}"):
        return None
    above = whole.removesuffix(wanted).rstrip("/")
    if not above:
        return "", raw_path
    segments = raw_path.split(b"/")
    # NOTE: `%2F` may spell a slash of the place above; one that spells the slash at its end leaves no segment to begin.
    length = taken = 0
    while length < len(above):
        piece = _plain(_decoded(segments[taken]))
        length += len(piece) + (1 if piece and length else 0)
        taken += 1
    if length > len(above):
        return None
    return f"/{above}", b"".join([b"/" + segment for segment in segments[taken:]]) or b"/"


def _decoded(raw_path: bytes) -> str:
    """The path as servers decode it, who let through what is no UTF-8."""
    return unquote(raw_path.decode("utf-8", "replace"))


def _encoded(path: str) -> bytes:
    return quote(path, safe=UNRESERVED, errors="surrogatepass").encode()


def _plain(path: str) -> str:
    """The path without empty segments."""
    return "/".join(filter(None, path.split("/")))
