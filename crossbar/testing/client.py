"""A client in the same process: requests to an application without a socket."""

from __future__ import annotations

from collections.abc import AsyncIterator, Coroutine, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Generic
from urllib.parse import quote, urlencode

from ..app import Crossbar
from ..errors import CrossbarError
from ..passwords import wire_credentials
from ..stores import Body
from .caller import URI, Caller
from .exchange import ASGI, Upload, exchanged, scope_of
from .response import Response
from .speech import CROSSBAR, CrossbarSpeech, Named, Speech, nouns_of
from .stream import Streaming
from .websocket import Connecting

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    App = TypeVar("App", bound=ASGI, default=Crossbar)
else:
    from typing import TypeVar

    App = TypeVar("App")


@dataclass(slots=True)
class Client(Caller[Coroutine[Any, Any, Response]], Generic[App]):
    """Sends requests to an ASGI application in the same process; `token` goes along with each of them.

    What the application raises is raised to the test. `prefix` is where paths begin, usually where those of the
    speech's dialect do. `root_path` is where the application is mounted. `timeout` is how many seconds it has to
    answer, or to send the next piece of what is read while it comes; None is any number.
    """

    app: App
    token: str | None = None
    prefix: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    root_path: str = ""
    speech: Speech = CROSSBAR
    timeout: float | None = 30.0

    def __post_init__(self) -> None:
        """Take the prefix of the dialect, unless there is another one."""
        if self.prefix is None:
            self.prefix = self.speech.prefix

    async def request(
        self,
        method: str,
        path: str,
        data: Any = None,
        *,
        body: Upload | None = None,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """The response to a request. `data` is put into the dialect's envelope, `body` is sent as it is.

        A body in pieces (an iterable of bytes, async or not) goes out piece by piece, without a length; one that raises
        ConnectionError stands for a client that goes away in the middle of it.
        """
        scope, upload = self._request(method, path, data, body, query, headers)
        return await exchanged(self.app, scope, upload, timeout=self.timeout, speech=self.speech)

    def stream(
        self,
        method: str,
        path: str,
        data: Any = None,
        *,
        body: Upload | None = None,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Streaming:
        """A response to read while it comes: `async with client.stream("GET", path) as response`.

        When the block ends, the client goes away, and the application must end too.
        """
        scope, upload = self._request(method, path, data, body, query, headers)
        return Streaming(self.app, scope, upload, self.timeout)

    def socket(
        self,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        subprotocols: tuple[str, ...] = (),
    ) -> Connecting:
        """A WebSocket: `async with client.socket(path) as socket`; SocketRefused if it is not accepted."""
        scope = self._scope("websocket", path, query, {}, headers)
        scope |= {"subprotocols": list(subprotocols), "extensions": {"websocket.http.response": {}}}
        return Connecting(self.app, scope, self.timeout)

    # Operations, in whatever dialect.

    async def operate(
        self,
        operation: str,
        *nouns: Named,
        body: Any = None,
        page_size: int | None = None,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """The response to an operation on what the nouns name, in the client's dialect."""
        call = self.speech.call(operation, nouns_of(nouns), page_size)
        words = {**call.query, **(query or {})}
        return await self.request(call.verb, call.path, body, query=words, headers=headers)

    async def pages(
        self,
        *nouns: Named,
        page_size: int | None = None,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> AsyncIterator[Response]:
        """The pages of a listing, one after the other to the last; CrossbarError if one of them is refused."""
        call = self.speech.call("find", nouns_of(nouns), page_size)
        call = replace(call, query={**call.query, **(query or {})})
        while True:
            page = await self.request(call.verb, call.path, query=call.query, headers=headers)
            page.unless_refused()
            yield page
            following = self.speech.following(call, page)
            if following is None:
                return
            if following == call:
                raise CrossbarError(f"the page after {call.path} with {dict(call.query)} is said to be that page again")
            call = following

    async def every(self, *nouns: Named, **options: Any) -> list[Body]:
        """All documents of a listing, whatever the number of pages; CrossbarError if one of them is refused."""
        return [document async for page in self.pages(*nouns, **options) for document in page.documents]

    async def login(self, account: str, username: str, password: str) -> Response:
        """Log in to a Crossbar as a user; the token goes along from now on. CrossbarError if it is refused.

        That is a request of Crossbar's own dialect, whichever one the client speaks.
        """
        credentials = wire_credentials(username, password)[0]
        speaks = isinstance(self.speech, CrossbarSpeech)
        caller = self if speaks else replace(self, prefix=CROSSBAR.prefix, speech=CROSSBAR)
        response = await caller.put("/user_auth", {"credentials": credentials, "account_name": account})
        if response.status != 201:
            raise CrossbarError(f"login as {username!r} of {account!r} was refused: {response.body.decode()}")
        self.token = response.json()["auth_token"]
        return response

    # On the wire.

    def _request(
        self,
        method: str,
        path: str,
        data: Any,
        body: Upload | None,
        query: Mapping[str, str] | None,
        headers: Mapping[str, str] | None,
    ) -> tuple[dict[str, Any], Upload]:
        """The scope and the body of a request."""
        if body is None:
            body = self.speech.body(data) if data is not None else b""
        about = {}
        if isinstance(body, bytes):
            if body:
                about = {"content-type": "application/json", "content-length": str(len(body))}
        else:
            about = {"content-type": "application/json", "transfer-encoding": "chunked"}
        return self._scope("http", path, query, about, headers) | {"method": method}, body

    def _scope(
        self,
        kind: str,
        path: str,
        query: Mapping[str, str] | None,
        about: Mapping[str, str],
        headers: Mapping[str, str] | None,
    ) -> dict[str, Any]:
        """The scope of a connection; a header field with an empty value is left out."""
        target = self._target(path)
        path, _, words = target.partition("?")
        raw_path = quote(self.root_path + path, safe="/%:@!$&'()*+,;=~-._")
        words = "&".join(filter(None, [words, urlencode(query or {})]))
        sent = {"host": "testserver", **self.headers, **about}
        if self.token is not None:
            sent |= self.speech.credentials(self.token)
        sent |= {name.lower(): value for name, value in (headers or {}).items()}
        fields = [(name.encode(), value.encode("latin-1")) for name, value in sent.items() if value]
        return scope_of(kind, f"{raw_path}?{words}".encode(), fields, root_path=self.root_path)

    def _target(self, path: str) -> str:
        """What a path means, from where the application is mounted."""
        if path.startswith(URI):
            return "/" + path.partition("://")[2].partition("/")[2].removeprefix(f"{self.root_path.lstrip('/')}/")
        return path[1:] if path.startswith("//") else f"{self.prefix}{path}"
