"""Users of an account: the people who log in and own devices."""

import secrets

from crossbar import Answer, Body, Context, InvalidData, Reply, Resource, password_secrets


def normal_name(ctx: Context, body: Body) -> Body:
    """Write user names in lower case, as the digests of logins are made."""
    name = body.get("username")
    if isinstance(name, str):
        body["username"] = name.strip().lower()
    return body


def password_with_name(ctx: Context, body: Body) -> Body:
    """A password needs a user name, and a new user name needs the password, since the digests are made of both."""
    found = ctx.found
    if body.get("password") and not body.get("username"):
        raise InvalidData("username", "required", "Field is required but missing: a password needs a user name")
    renamed = found is not None and body.get("username") != found.data().get("username")
    if renamed and found is not None and "credentials" in found.secrets() and not body.get("password"):
        raise InvalidData("password", "required", "The password must be provided when updating the user name")
    return body


class Users(Resource):
    """People of an account. A password is taken in, never given out."""

    name = "users"
    schema = "users"
    summary = ("username", "first_name", "last_name", "email", "priv_level", "enabled", "timezone", "presence_id")
    unique = ("username",)
    private_indexes = ("credentials.md5", "credentials.sha")
    checks = (normal_name, password_with_name)
    owner = "id"
    admin_only = ("create", "delete")
    admin_fields = ("priv_level", "enabled", "verified", "feature_level", "call_restriction", "call_recording")

    async def create(self, ctx: Context) -> Answer | Reply:
        """Store a new user."""
        return await self.insert(ctx, ctx.body, await self._secrets(ctx, {}))

    async def replace(self, ctx: Context, id: str) -> Answer | Reply:
        """Put the body in the place of the user's; a new password ends all of the user's tokens."""
        user = ctx.document()
        ctx.found = user.with_secrets(await self._secrets(ctx, user.secrets()))
        return await super().replace(ctx, id)

    async def _secrets(self, ctx: Context, private: Body) -> Body:
        """The private part with what a password in the body leaves there; the body loses it."""
        password = ctx.body.pop("password", None)
        if password:
            private |= await password_secrets(ctx.app.hasher, ctx.home(), ctx.body["username"], password)
        private.setdefault("identity", secrets.token_hex(16))
        return private
