"""What the tests of token restrictions share: an endpoint with every verb, logins, and templates."""

from __future__ import annotations

from typing import Any

from crossbar import Context, Endpoint, Json
from crossbar.passwords import wire_credentials
from crossbar.testing import Client, World

DENIED = "access denied by token restrictions"
MD5, _ = wire_credentials("admin", "crossbar")
READ = {"_": [{"rules": {"#": ["GET"]}}]}


class Echo(Endpoint):
    """An endpoint with every verb, and arguments."""

    name = "echo"
    anywhere = True

    async def find(self, ctx: Context, *args: str) -> Json:
        """Answer."""
        return [*args]

    create = replace = patch = delete = find


async def login(world: World, account: str = "customer", **more: Any) -> Client:
    """A client of the administrator, after a login."""
    client = Client(world.app)
    body = {"credentials": MD5, "account_id": world.id(account), **more}
    response = await client.put("/user_auth", body)
    assert 201 == response.status, response.body
    client.token = response.json()["auth_token"]
    return client


async def restrict(world: World, template: Any, account: str = "customer") -> None:
    """Store a template for an account."""
    response = await (await world.client(account)).post("/account/token_restrictions", {"restrictions": template})
    assert 200 == response.status, response.body


def everyone(rules: dict[str, Any]) -> dict[str, Any]:
    """A template that has the same for every login."""
    return {"_": {"_": rules}}


async def status(client: Client, method: str, path: str, **options: Any) -> int:
    """The status of a request; a refusal must say why."""
    response = await client.request(method, path, {} if method in ("PUT", "POST", "PATCH") else None, **options)
    if response.status == 403:
        assert ("forbidden", DENIED) == (response.json()["message"], response.data["cause"])
    return response.status
