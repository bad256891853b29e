"""The token that the request came with: what it says, and its end."""

from crossbar import Context, Endpoint, Json, Unauthorized


class TokenAuth(Endpoint):
    """The caller's own token."""

    name = "token_auth"
    anywhere = True

    async def find(self, ctx: Context) -> Json:
        """The claims of the token."""
        claims = ctx.caller().claims
        if claims is None:
            raise Unauthorized("the request did not come with a token")
        return {name: value for name, value in claims.items() if name != "identity_sig"}

    async def delete(self, ctx: Context) -> Json:
        """Revoke the token, at once and in every worker process."""
        await ctx.app.tokens.revoke(ctx.caller())
        return {}
