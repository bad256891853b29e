"""Logging in as an account, with its API key."""

from hashlib import sha256
from typing import ClassVar

from crossbar import ANONYMOUS, Context, Endpoint, InvalidData, Json, Principal, Reply, Unauthorized, created, enabled


class ApiAuth(Endpoint):
    """Tokens for programs: an API key stands for the account as a whole, not for one of its users."""

    name = "api_auth"
    anywhere = True
    costs: ClassVar = {"create": 35}

    async def authenticate(self, ctx: Context) -> Principal | None:
        """Whoever logs in is not known yet."""
        return ANONYMOUS if ctx.creates else None

    async def create(self, ctx: Context) -> Reply:
        """A new token, and the account that it stands for."""
        violations = ctx.app.schemas.compiled("api_auth").check(ctx.body)
        if violations:
            raise InvalidData(violations)
        # NOTE: keys are 256 random bits, so a fast digest keeps them; the store never holds the key itself.
        # A wrong key is nobody's, so that failures count against the address only.
        async with ctx.app.logins.attempt(ctx):
            key = await ctx.app.store.get("", "api_keys", sha256(ctx.body["api_key"].encode()).hexdigest())
            account = await ctx.app.tenants.account(key.data()["account_id"]) if key is not None else None
            if account is None or not enabled(account):
                raise Unauthorized
        token = await ctx.app.tokens.issue(account, None, "cb_api_auth", ctx.body.get("restrictions"))
        answer: dict[str, Json] = {"account_id": account.id, "account_name": account.data().get("name"), "apps": []}
        return created(answer, auth_token=token)
