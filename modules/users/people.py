"""The noun `users`: people with names, passwords and photos."""

import secrets

from crossbar import (
    Answer,
    Attachment,
    Blob,
    Body,
    Context,
    InvalidData,
    Reply,
    Resource,
    action,
    blob_of,
    files_of,
    password_secrets,
)

from .membership import in_a_group, still_there
from .vcards import Photo, vcard

PHOTO = Attachment(
    "photo", types=("image/png", "image/jpeg", "image/gif", "image/webp", "image/bmp"), most=1_048_576, inline=True
)
SMALL = 65_536
"""Bytes of a photo at most that a vCard has inside of it."""
VCARDS = ("text/vcard", "text/x-vcard", "text/directory")


def normal_name(ctx: Context, body: Body) -> Body:
    """Write user names in lower case, as the digests of logins are made."""
    name = body.get("username")
    if isinstance(name, str):
        body["username"] = name.strip().lower()
    return body


def typed_number(ctx: Context, body: Body) -> Body:
    """A number rings a phone unless it says something else."""
    if body.get("number"):
        body.setdefault("extension_type", "phone")
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
    summary = (
        *("username", "first_name", "last_name", "email", "priv_level", "enabled", "timezone", "presence_id"),
        *("number", "extension_group_id", "extension_type"),
    )
    unique = ("username", "number")
    indexes = ("extension_group_id",)
    private_indexes = ("credentials.md5", "credentials.sha")
    checks = (normal_name, typed_number, in_a_group, password_with_name)
    attachments = (PHOTO,)
    owner = "id"
    admin_only = ("create", "delete")
    admin_fields = (
        *("priv_level", "enabled", "verified", "feature_level", "call_restriction", "call_recording"),
        *("number", "extension_group_id", "extension_type"),
    )

    async def create(self, ctx: Context) -> Answer | Reply:
        """Store a new user."""
        return await self.insert(ctx, ctx.body, await self._secrets(ctx, {}), *still_there(ctx))

    async def replace(self, ctx: Context, id: str) -> Answer | Reply:
        """Put the body in the place of the user's; a new password ends all of the user's tokens."""
        user, guards = ctx.document(), still_there(ctx)
        changed = user.with_secrets(await self._secrets(ctx, user.secrets()))
        return await self.store(ctx, changed.with_data(ctx.body), *guards)

    @action("GET {id}/vcard", provides=VCARDS)
    async def vcard(self, ctx: Context, id: str) -> Blob:
        """The user as a vCard 4.0, with the photo in it if that is small."""
        user = ctx.document()
        account = await ctx.app.tenants.account(ctx.home())
        card = vcard(
            user.data(),
            organization=str(account.data().get("name", "")) if account is not None else "",
            modified=user.modified,
            photo=await self._small_photo(ctx),
        )
        content_type = ctx.media_type if ctx.media_type in VCARDS else VCARDS[0]
        name = " ".join(filter(None, (user.data().get("first_name"), user.data().get("last_name")))) or id
        return Blob(card, f"{content_type}; charset=utf-8", f"{name}.vcf")

    async def _small_photo(self, ctx: Context) -> Photo | None:
        """The user's photo, if there is one and it is small."""
        known = files_of(ctx.document(), PHOTO).get(PHOTO.name)
        if known is None or known["size"] > SMALL:
            return None
        content = blob_of(ctx.app.store, ctx.document(), PHOTO).content
        assert not isinstance(content, bytes)
        return Photo(known["content_type"], b"".join([piece async for piece in content.read(0, content.size)]))

    async def _secrets(self, ctx: Context, private: Body) -> Body:
        """The private part with what a password in the body leaves there; the body loses it."""
        password = ctx.body.pop("password", None)
        if password:
            private |= await password_secrets(ctx.app.hasher, ctx.home(), ctx.body["username"], password)
        private.setdefault("identity", secrets.token_hex(16))
        return private
