"""A diary of what an application answered, without what nobody chose, so that two of them can be compared."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

import orjson

from crossbar.testing import Client, Clock, Response, World
from tests.modules.tools import Receiver, until

HOST = "platform.example.com"
SHOWN = frozenset(
    {
        *("accept-ranges", "allow", "content-disposition", "content-range", "content-type", "etag"),
        *("idempotency-replayed", "last-modified", "link", "location", "retry-after", "www-authenticate"),
        *("x-total-count",),
    }
)
"""The header fields of answers that are written down."""

# What nobody chose: tokens, keys of pages, secrets, ports, realms, ids, and what is made of ids.
_MADE_UP = re.compile(
    r"eyJ[\w-]+\.[\w-]+\.[\w-]+"
    r"|(?<=start_key=)[\w-]+|(?<=start_key\":\")[\w-]+|(?<=pageToken=)[\w-]+"
    r"|(?<=etag: )\S+|(?<=token\":\")[\w.-]+|(?<=ecret\":\")[\w=/+-]+|(?<=127\.0\.0\.1:)\d+"
    r"|[0-9a-f]{8}(?=\.sip\.)|(?<=revision\":\")[0-9a-f]{6,}"
    r"|(?<![0-9a-f])(?:[0-9a-f]{64}|[0-9a-f]{32})(?![0-9a-f])"
)
_TIME_OF_DAY = re.compile(r"(?<=\"timestamp\":\")[^\"]*")


class Diary:
    """Sends requests to a world, a second of its clock apart, and writes down what came of them.

    It asks as the administrator of the account called `account`. Made-up texts are called by the order in which they
    come. With `wrapped`, data is put into Crossbar's envelope.
    """

    def __init__(self, world: World, clock: Clock, receiver: Receiver, account: str, *, wrapped: bool = False) -> None:
        self.world = world
        self.receiver = receiver
        self.account = account
        self.branch = f"Branch of {account}"
        self.pages: list[str] = []
        self._clock = clock
        self._wrapped = wrapped
        self._token = ""
        self._known: dict[str, str] = {}

    async def log_in(self) -> None:
        """Ask with a token that is made now."""
        self._token = await self.world.token(self.account)

    async def ask(
        self,
        method: str,
        path: str,
        data: Any = None,
        status: int = 200,
        *,
        body: bytes | None = None,
        token: str | None = None,
        **fields: str,
    ) -> Response:
        """The answer to a request, which must have this status; `_` in the name of a header field stands for `-`.

        An empty token is none.
        """
        self._clock.now += 1
        headers = {"host": HOST, "x-request-id": f"request-{len(self.pages)}"}
        headers |= {name.replace("_", "-"): value for name, value in fields.items()}
        if token := self._token if token is None else token:
            headers["authorization"] = f"Bearer {token}"
        if data is not None:
            body = orjson.dumps({"data": data} if self._wrapped else data)
            headers.setdefault("content-type", "application/json")
        answer = await Client(self.world.app, None, "").request(method, path, body=body, headers=headers)
        assert status == answer.status, (method, path, answer.body[:2000])
        self.write(f"{method} {path}", answer.status, answer.headers, answer.body)
        return answer

    async def made(self, method: str, path: str, data: Any, status: int = 201) -> Any:
        """What was made, or changed."""
        answer = (await self.ask(method, path, data, status)).json()
        return answer["data"] if self._wrapped else answer

    def write(self, what: str, status: int, fields: Mapping[str, str], body: bytes) -> None:
        """Write something down."""
        try:
            text = body.decode()
        except UnicodeDecodeError:
            text = f"{len(body)} bytes, {hashlib.md5(body, usedforsecurity=False).digest()!r}"
        shown = [f"{name}: {fields[name]}" for name in sorted(SHOWN & set(fields))]
        page = _TIME_OF_DAY.sub("", "\n".join([f"{what}: {status}", *shown, text]))
        self.pages.append(_MADE_UP.sub(lambda found: self._called(found[0]), page))

    async def received(self, count: int) -> None:
        """Wait until so many events were told, in an order that nobody promises, and write down what they said."""
        await until(lambda: len(self.receiver.received) >= count)
        for body in sorted(each.body for each in self.receiver.received):
            self.write("received", 200, {}, body)

    def forward(self, seconds: float) -> None:
        """Let the clock go on."""
        self._clock.now += seconds

    def _called(self, text: str) -> str:
        return self._known.setdefault(text, f"<{len(self._known)}>")
