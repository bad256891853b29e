"""Nothing leaks: no token, code or secret is in the store or in the log, whatever happens to them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import orjson
import pytest

from crossbar import Change, Document
from crossbar.stores.memory import MemoryStore
from crossbar.testing import Clock

from .oauth_desk import JWT, VERIFIER, Desk, at_desk, got, refused

PASSWORD = "difference-engine"


class Watched(MemoryStore):
    """A store that remembers everything that was ever written into it, and can fail."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.written: list[bytes] = []
        self.fails = False

    async def write(self, changes: Sequence[Change]) -> list[Document | None]:
        """Write, and remember."""
        documents = [
            change.document
            for change in changes
            if hasattr(change, "document") and not isinstance(change.document, str)
        ]
        self.written += [b"|".join((each.id.encode(), each.body, each.private or b"")) for each in documents]
        if self.fails and any(each.kind.startswith("oauth_") for each in documents):
            raise RuntimeError(f"a fault with {documents!r}")
        return await super().write(changes)


async def everything(desk: Desk) -> dict[str, str]:
    """Use every secret that there is, and give them by name."""
    app = await desk.app()
    found = {"client_secret": app.secret, "password": PASSWORD, "code_verifier": VERIFIER}
    await desk.user(username="ada", password=PASSWORD)
    ada = {"username": "ada", "password": PASSWORD}
    tokens = await desk.login(app, **ada)
    following = got(await desk.refresh(app, tokens))
    own = got(await desk.ask(app, "client_credentials"))
    client = await desk.world.client("customer")
    made = (await client.post("/oauth/assertion", {"client_id": app.id})).data
    by_assertion = got(await desk.ask(app, JWT, assertion=made["assertion"]))
    code = await desk.code(app, **ada)
    by_code = got(await desk.redeem(app, code))
    unused = await desk.code(app, **ada)
    found |= {"assertion": made["assertion"], "code": code, "unused code": unused}
    for name, pair in (
        ("login", tokens),
        ("refresh", following),
        ("own", own),
        ("jwt", by_assertion),
        ("code", by_code),
    ):
        found |= {f"{key} of {name}": pair[key] for key in ("access_token", "refresh_token") if key in pair}
    refused(await desk.redeem(app, code), "invalid_grant")
    refused(await desk.ask(app, "password", username="ada", password="wrong-one"), "invalid_grant")
    await desk.revoke(app, following["refresh_token"])
    await desk.revoke(app, own["access_token"])
    return found


async def test_no_secret_is_stored(caplog: pytest.LogCaptureFixture) -> None:
    """Neither as it is, nor as the part that a guesser would lack; and no line of the log has one."""
    caplog.set_level(logging.DEBUG)
    clock = Clock()
    store = Watched(clock)
    async with at_desk(store) as desk:
        desk.clock.now = clock.now
        secrets = await everything(desk)
    kept = b"\n".join(store.written)
    assert (True, True) == (len(secrets) > 12, len(store.written) > 20)
    for name, secret in secrets.items():
        parts = {secret, secret.rpartition(".")[2], quote(secret, safe="")}
        assert [] == [name for part in parts if part.encode() in kept]
        assert [] == [name for part in parts if part in caplog.text]


async def test_no_secret_is_told_when_it_fails(caplog: pytest.LogCaptureFixture) -> None:
    """A store that quotes what it was given shows no token, for it was given none."""
    caplog.set_level(logging.DEBUG)
    store = Watched(Clock())
    async with at_desk(store) as desk:
        app = await desk.app()
        tokens = await desk.login(app)
        store.fails = True
        answers: list[Any] = [
            await desk.refresh(app, tokens),
            await desk.ask(app, "password", username="admin", password="crossbar"),
            await desk.sign_in(app),
        ]
        assert [500] * 3 == [each.status for each in answers]
        store.fails = False
        got(await desk.refresh(app, tokens))
    assert "a fault with" in caplog.text
    for secret in (app.secret, tokens["refresh_token"], tokens["access_token"]):
        assert secret.rpartition(".")[2] not in caplog.text
        assert not any(secret in str(orjson.loads(each.body)) for each in answers)
