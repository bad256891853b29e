"""Accounts: the tree of tenants. Every other noun belongs to one of them."""

import secrets
from hashlib import sha256

from crossbar import (
    Answer,
    BadIdentifier,
    Body,
    Change,
    Conflict,
    Context,
    Delete,
    Document,
    Forbidden,
    Guard,
    GuardFailed,
    Insert,
    InvalidData,
    Json,
    Noun,
    Page,
    Query,
    Replace,
    Reply,
    Resource,
    action,
    created,
    holding,
    listing,
    login_name,
    where,
    write,
)


def with_realm(ctx: Context, body: Body) -> Body:
    """Write realms in lower case; an account keeps the one it has, and a new one without gets one of its own."""
    known = ctx.found.data().get("realm") if ctx.found is not None else None
    body["realm"] = str(body.get("realm") or known or f"{secrets.token_hex(4)}.sip.invalid").lower()
    return body


def nobody_called(name: str) -> Guard:
    """Logins name an account without regard to case and blanks, so no two names may differ in these alone."""
    return Guard(Query("", "accounts", (where("login_name", login_name(name), private=True),)), finds=False)


def hashed_key(key: str) -> str:
    """The id under which an API key is found; the key itself is only in its account's private part."""
    return sha256(key.encode()).hexdigest()


class Accounts(Resource):
    """An account and its place in the tree. A new one goes below the account in the path, or the caller's."""

    name = "accounts"
    anywhere = True
    schema = "accounts"
    summary = ("name", "realm", "enabled", "prefix")
    unique = ("name", "realm", "prefix")
    indexes = ("id",)  # a new account looks whether its parent is still there
    private_indexes = ("parent", "login_name")
    tenants = True
    operations = ("find", "create", "read", "replace", "patch", "delete")
    checks = (with_realm,)
    admin_only = ("writes", "find", "api_key", "children", "descendants", "siblings")

    def tenant(self, ctx: Context) -> str:
        """Accounts themselves belong to nobody but the tree."""
        return ""

    async def find(self, ctx: Context) -> Answer:
        """The accounts directly below the one that the path leads into, or below the caller's own."""
        parent = ctx.tenant or ctx.caller().account_id
        return await listing(ctx, "", self.name, where("parent", parent, private=True))

    async def create(self, ctx: Context) -> Answer | Reply:
        """A new account below the one that the path leads into, or below the caller's own."""
        return await self._plant(ctx, ctx.tenant or ctx.caller().account_id)

    @action("PUT {id}")
    async def create_below(self, ctx: Context, id: str) -> Answer | Reply:
        """A new account below this one."""
        parent = ctx.document()
        ctx.found = None
        await self.validate(ctx)
        account = await self._plant(ctx, parent.id)
        return created(account, Noun(self.name, (account.id,)))

    async def replace(self, ctx: Context, id: str) -> Answer | Reply:
        """Put the body in the place of the account's."""
        account, name = ctx.document(), ctx.body["name"]
        if id == ctx.caller().account_id and ctx.body.get("enabled") is False:
            raise Forbidden("an account cannot switch itself off: nobody in it could switch it on again")
        private = account.secrets()
        renamed = private.get("login_name") != login_name(name)
        private["login_name"] = login_name(name)
        changed = Replace(account.with_data(ctx.body).with_secrets(private))
        stored = await self._written(ctx, *([nobody_called(name)] if renamed else []), changed)
        return stored[-1]

    async def delete(self, ctx: Context, id: str) -> Answer | Reply:
        """Take the account away, if nothing is below it and it is not the caller's own."""
        if id == ctx.caller().account_id:
            raise Forbidden("an account cannot delete itself")
        found = ctx.document()
        childless = Guard(Query("", self.name, (where("parent", id, private=True),)), finds=False)
        purge = ctx.flag("should_soft_delete") is False
        try:
            await write(ctx, childless, Delete("", self.name, id, found.revision, purge))
        except GuardFailed:
            told = "the account has descendants: delete them first"
            raise Conflict(told, word="account_has_descendants") from None
        return Reply(found, deleted=True)

    @action("GET {id}/children")
    async def children(self, ctx: Context, id: str) -> Answer:
        """The accounts directly below."""
        return await listing(ctx, "", self.name, where("parent", id, private=True))

    @action("GET {id}/descendants")
    async def descendants(self, ctx: Context, id: str) -> Answer:
        """All accounts below, at any depth."""
        return await listing(ctx, "", self.name, holding("tree", id, private=True))

    @action("GET {id}/siblings")
    async def siblings(self, ctx: Context, id: str) -> Answer:
        """The accounts with the same parent, which the caller must be above; the account itself is among them."""
        parent = ctx.document().secrets().get("parent", "")
        if not parent:
            return Page.of([])
        if id == ctx.caller().account_id:
            raise Forbidden("the siblings of your own account belong to somebody else")
        return await listing(ctx, "", self.name, where("parent", parent, private=True))

    @action("GET {id}/parents")
    async def ancestors(self, ctx: Context, id: str) -> Json:
        """The accounts above, as far up as the caller's own, the nearest last."""
        return await self._above(ctx, id)

    @action("GET {id}/tree")
    async def tree(self, ctx: Context, id: str) -> Json:
        """The same as `parents`, under the name that newer clients use."""
        return await self._above(ctx, id)

    @action("GET {id}/api_key")
    async def api_key(self, ctx: Context, id: str) -> Json:
        """The account's API key, for programs that log in with `api_auth`."""
        return {"api_key": ctx.document().secrets().get("api_key", "")}

    @action("PUT {id}/api_key")
    async def new_api_key(self, ctx: Context, id: str) -> Reply:
        """A new API key in the place of the old one; tokens that the old one brought end at once."""
        account = ctx.document()
        private = account.secrets()
        old = private.get("api_key")
        key = private["api_key"] = secrets.token_hex(32)
        private["identity"] = secrets.token_hex(16)
        changes: list[Change] = [Insert(key_document(ctx.now, key, id))]
        if old and await ctx.app.store.get("", "api_keys", hashed_key(old)) is not None:
            changes.append(Delete("", "api_keys", hashed_key(old), purge=True))
        await self.store(ctx, account.with_secrets(private), *changes)
        return created({"api_key": key})

    async def _plant(self, ctx: Context, parent: str) -> Document:
        """Store the body as a new account below `parent`."""
        tree = [*(await ctx.app.tenants.ancestors(parent)), parent]
        key = secrets.token_hex(32)
        private: Body = {
            "tree": tree,
            "parent": parent,
            "api_key": key,
            "identity": secrets.token_hex(16),
            "login_name": login_name(ctx.body["name"]),
        }
        account = self.made(ctx, ctx.body, private)
        await self._written(
            ctx,
            Guard(Query("", self.name, (where("id", parent),))),
            nobody_called(ctx.body["name"]),
            Insert(account),
            Insert(key_document(ctx.now, key, account.id)),
        )
        return account

    async def _written(self, ctx: Context, *changes: Change) -> list[Document | None]:
        """Write an account whose name must be its own, below a parent that must be there."""
        try:
            return await write(ctx, *changes)
        except GuardFailed as failed:
            if isinstance(failed.guard, Guard) and failed.guard.finds:
                raise BadIdentifier(cause=ctx.tenant) from None
            name = ctx.body["name"]
            raise InvalidData("name", "unique", "the name is already in use", cause=name, value=name) from None

    async def _above(self, ctx: Context, id: str) -> list[Body]:
        own = ctx.caller().account_id
        tree = await ctx.app.tenants.ancestors(id)
        visible = tree[tree.index(own) :] if own in tree else ()
        found = [await ctx.app.tenants.account(ancestor) for ancestor in visible]
        return [{"id": account.id, "name": account.data().get("name")} for account in found if account is not None]


def key_document(now: int, key: str, account_id: str) -> Document:
    """What an API key is found by."""
    return Document.of("", "api_keys", hashed_key(key), {"account_id": account_id}, now)
