"""What a client can be asked, whether it is waited for with `await` or not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Generic, TypeVar

from .exchange import Upload
from .speech import Named

Result = TypeVar("Result", covariant=True)

URI = ("http://", "https://")
"""What whole URIs begin with."""


class Caller(Generic[Result]):
    """Requests by verb and path, and operations by nouns; `Result` is a Response, or what is awaited for one.

    A path is below the client's prefix, is written as it goes over the wire, and may carry a query; `//x` is sent
    without the prefix, as `/x`, and so is a whole URI, as answers have it, whatever its host. Nouns are written as
    `"devices"` or `("devices", id)`, outermost first.
    """

    __slots__ = ()

    def request(
        self,
        method: str,
        path: str,
        data: Any = None,
        *,
        body: Upload | None = None,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Result:
        """The response to a request. `data` is put into the dialect's envelope, `body` is sent as it is.

        A body in pieces (an iterable of bytes, async or not) goes out piece by piece, without a length; one that raises
        ConnectionError stands for a client that goes away in the middle of it.
        """
        raise NotImplementedError

    def operate(
        self,
        operation: str,
        *nouns: Named,
        body: Any = None,
        page_size: int | None = None,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Result:
        """The response to an operation on what the nouns name, in the client's dialect."""
        raise NotImplementedError

    # Verbs.

    def get(self, path: str, **options: Any) -> Result:
        """GET the path."""
        return self.request("GET", path, **options)

    def put(self, path: str, data: Any = None, **options: Any) -> Result:
        """PUT an envelope around `data`."""
        return self.request("PUT", path, data, **options)

    def post(self, path: str, data: Any = None, **options: Any) -> Result:
        """POST an envelope around `data`."""
        return self.request("POST", path, data, **options)

    # Verbs that are operations too: a path begins with a slash, or is a whole URI, and a noun never is.

    def patch(self, *where: Any, **options: Any) -> Result:
        """PATCH a path with an envelope around the data that follows it, or patch what the nouns name with `body`."""
        return self._either("PATCH", "patch", *where, **options)

    def delete(self, *where: Any, **options: Any) -> Result:
        """DELETE a path, or delete what the nouns name."""
        return self._either("DELETE", "delete", *where, **options)

    def _either(self, verb: str, operation: str, *where: Any, **options: Any) -> Result:
        if where and isinstance(where[0], str) and where[0].startswith(("/", *URI)):
            return self.request(verb, *where, **options)
        return self.operate(operation, *where, **options)

    # Operations.

    def find(self, *nouns: Named, **options: Any) -> Result:
        """Find the documents of a collection: a page of them, of `page_size` rows at most."""
        return self.operate("find", *nouns, **options)

    def create(self, *nouns: Named, body: Any, **options: Any) -> Result:
        """Create a document in a collection."""
        return self.operate("create", *nouns, body=body, **options)

    def read(self, *nouns: Named, **options: Any) -> Result:
        """Read a document."""
        return self.operate("read", *nouns, **options)

    def replace(self, *nouns: Named, body: Any, **options: Any) -> Result:
        """Replace a document."""
        return self.operate("replace", *nouns, body=body, **options)
