"""Sessions: an application on an event loop of its own, and a client that needs no `await`, for plain functions."""

from __future__ import annotations

from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from ..app import Crossbar
from ..stores import Body
from .caller import Caller
from .client import Client
from .exchange import ASGI, Upload
from .lifespan import living
from .response import Response
from .speech import CROSSBAR, Named, Speech
from .stream import StreamedResponse
from .thread import LoopThread
from .websocket import Socket
from .world import Accounts, make_app, plant

T = TypeVar("T")


class Session(Caller[Response]):
    """What Client does, without `await`: the application runs in a thread of its own, and goes on between the calls.

    `client` is the Client that it is made of.
    """

    __slots__ = ("_thread", "client")

    def __init__(self, client: Client[Any], thread: LoopThread) -> None:
        self.client = client
        self._thread = thread

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """What a coroutine returns that is run where the application runs: `session.run(app.store.get(...))`."""
        return self._thread.run(coroutine)

    def request(
        self,
        method: str,
        path: str,
        data: Any = None,
        *,
        body: Upload | None = None,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """The response to a request, as Client has it."""
        return self.run(self.client.request(method, path, data, body=body, query=query, headers=headers))

    def operate(
        self,
        operation: str,
        *nouns: Named,
        body: Any = None,
        page_size: int | None = None,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """The response to an operation on what the nouns name, as Client has it."""
        options: dict[str, Any] = {"body": body, "page_size": page_size, "query": query, "headers": headers}
        return self.run(self.client.operate(operation, *nouns, **options))

    def pages(self, *nouns: Named, **options: Any) -> Iterator[Response]:
        """The pages of a listing, one after the other to the last; CrossbarError if one of them is refused."""
        pages = self.client.pages(*nouns, **options)

        async def following() -> Response | None:
            return await anext(pages, None)

        while (page := self.run(following())) is not None:
            yield page

    def every(self, *nouns: Named, **options: Any) -> list[Body]:
        """All documents of a listing, whatever the number of pages; CrossbarError if one of them is refused."""
        return self.run(self.client.every(*nouns, **options))

    def login(self, account: str, username: str, password: str) -> Response:
        """Log in to a Crossbar as a user; the token goes along from now on. CrossbarError if it is refused."""
        return self.run(self.client.login(account, username, password))

    @contextmanager
    def stream(self, method: str, path: str, data: Any = None, **options: Any) -> Iterator[SessionStream]:
        """A response to read while it comes, as Client has it."""
        streaming = self.client.stream(method, path, data, **options)
        response = self.run(streaming.__aenter__())
        try:
            yield SessionStream(response, self._thread)
        finally:
            self.run(streaming.__aexit__())

    @contextmanager
    def socket(self, path: str, **options: Any) -> Iterator[SessionSocket]:
        """A WebSocket, as Client has it."""
        connecting = self.client.socket(path, **options)
        socket = self.run(connecting.__aenter__())
        try:
            yield SessionSocket(socket, self._thread)
        finally:
            self.run(connecting.__aexit__())


class SessionStream:
    """What StreamedResponse is, without `await`."""

    __slots__ = ("_response", "_thread", "fields", "headers", "status")

    def __init__(self, response: StreamedResponse, thread: LoopThread) -> None:
        self.status = response.status
        self.fields = response.fields
        self.headers = response.headers
        self._response = response
        self._thread = thread

    def __iter__(self) -> Iterator[bytes]:
        """The body, piece by piece, as the application sends it; CrossbarError if it breaks off."""
        while piece := self._thread.run(self._response.piece()):
            yield piece

    def read(self, stop_after: int | None = None) -> bytes:
        """The body up to its end, or as soon as so many bytes of it are there."""
        return self._thread.run(self._response.read(stop_after))

    def until(self, mark: bytes) -> bytes:
        """The body up to a mark, which is included, or what is left of it if the mark does not come any more."""
        return self._thread.run(self._response.until(mark))


class SessionSocket:
    """What Socket is, without `await`."""

    __slots__ = ("_socket", "_thread", "headers", "subprotocol")

    def __init__(self, socket: Socket, thread: LoopThread) -> None:
        self.headers = socket.headers
        self.subprotocol = socket.subprotocol
        self._socket = socket
        self._thread = thread

    def send_text(self, text: str) -> None:
        """Send a text message."""
        self._thread.run(self._socket.send_text(text))

    def send_bytes(self, data: bytes) -> None:
        """Send a binary message."""
        self._thread.run(self._socket.send_bytes(data))

    def send_json(self, data: Any) -> None:
        """Send a text message that holds JSON."""
        self._thread.run(self._socket.send_json(data))

    def receive_text(self) -> str:
        """The next message, which must be text; SocketClosed if there is none any more."""
        return self._thread.run(self._socket.receive_text())

    def receive_bytes(self) -> bytes:
        """The next message, which must be binary; SocketClosed if there is none any more."""
        return self._thread.run(self._socket.receive_bytes())

    def receive_json(self) -> Any:
        """The JSON in the next message; SocketClosed if there is none any more."""
        return self._thread.run(self._socket.receive_json())

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Close it from this side, and wait until the application has ended."""
        self._thread.run(self._socket.close(code, reason))


@dataclass(frozen=True, slots=True)
class RunningWorld(Accounts):
    """The accounts of a small world, for tests that are plain functions: it runs in a thread of its own."""

    thread: LoopThread = field(kw_only=True)

    def client(self, account: str | None = "customer", **options: Any) -> Session:
        """A client for the administrator of the account called so, or for nobody; the options are those of Client."""
        token = None if account is None else self.run(self.token(account))
        return Session(Client(self.app, token, **options), self.thread)

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """What a coroutine returns that is run where the application runs: `world.run(world.app.store.get(...))`."""
        return self.thread.run(coroutine)


@contextmanager
def running_world(**options: Any) -> Iterator[RunningWorld]:
    """An application in a thread of its own, with the accounts of RunningWorld; the options are those of `make_app`."""
    app = make_app(**options)
    with LoopThread(_planted(app)) as thread:
        yield RunningWorld(app, thread=thread)


@contextmanager
def session(
    app: ASGI | None = None,
    *,
    account: str | None = "customer",
    prefix: str | None = None,
    root_path: str = "",
    speech: Speech = CROSSBAR,
    timeout: float | None = 30.0,
    **options: Any,
) -> Iterator[Session]:
    """A client of an application that runs in a thread of its own, from its start to its stop.

    Without an application, one is made (`make_app` has the options) with a small tree of accounts, and the client is
    logged in as the administrator of the `account`. Any ASGI application can be given, and is taken as it is. The other
    parameters are those of Client.
    """
    wire: dict[str, Any] = {"prefix": prefix, "root_path": root_path, "speech": speech, "timeout": timeout}
    if app is None:
        with running_world(**options) as world:
            yield world.client(account, **wire)
        return
    if options:
        raise TypeError(f"{', '.join(sorted(options))}: these make an application, and there is one already")
    with LoopThread(living(app)) as thread:
        yield Session(Client(app, **wire), thread)


@asynccontextmanager
async def _planted(app: Crossbar) -> AsyncIterator[None]:
    """The application, running, with the accounts in its store."""
    async with app.lifespan():
        await plant(Accounts(app))
        yield
