"""Logging in as a user, with the digest of user name and password."""

from typing import Any, ClassVar

from crossbar import (
    ANONYMOUS,
    Context,
    Document,
    Endpoint,
    InvalidData,
    Json,
    Principal,
    Query,
    Reply,
    Unauthorized,
    created,
    enabled,
    find_user,
    login_name,
    where,
)


class UserAuth(Endpoint):
    """Tokens for users: `credentials` is md5 or sha1 of `username:password`, beside what names the account."""

    name = "user_auth"
    anywhere = True
    costs: ClassVar = {"create": 35}

    async def authenticate(self, ctx: Context) -> Principal | None:
        """Whoever logs in is not known yet."""
        return ANONYMOUS if ctx.creates else None

    async def create(self, ctx: Context) -> Reply:
        """A new token, and who it stands for."""
        body = ctx.body
        violations = ctx.app.schemas.compiled("user_auth").check(body)
        if violations:
            raise InvalidData(violations)
        method = body["method"]
        account = await self._account(ctx, body)
        async with ctx.app.logins.attempt(ctx, account.id if account is not None else _called(body)):
            user = await find_user(ctx.app.store, ctx.app.hasher, account, method, body["credentials"])
            if account is None or user is None or not enabled(account) or not enabled(user):
                raise Unauthorized
        token = await ctx.app.tokens.issue(account, user, "cb_user_auth", body.get("restrictions"))
        account_data = account.data()
        answer: dict[str, Json] = {
            "account_id": account.id,
            "owner_id": user.id,
            "account_name": account_data.get("name"),
            "language": user.data().get("language") or account_data.get("language") or "en-us",
            "is_reseller": bool(account_data.get("is_reseller", False)),
            "reseller_id": next(iter((await ctx.app.tenants.ancestors(account.id))[-1:]), account.id),
            "apps": [],
        }
        return created(answer, auth_token=token)

    async def _account(self, ctx: Context, body: dict[str, Any]) -> Document | None:
        """The account that the request names, by name, realm, phone number or id."""
        name = body.get("account_name")
        realm = body.get("account_realm") or body.get("realm")
        if body.get("account_id"):
            return await ctx.app.tenants.account(body["account_id"])
        if name:
            wanted = where("login_name", login_name(name), private=True)
        elif realm:
            wanted = where("realm", realm.lower())
        else:
            raise InvalidData("account_name", "required", "name the account: account_name, account_realm or account_id")
        found = await ctx.app.store.find(Query("", "accounts", (wanted,), limit=1, full=True))
        return next(iter(found), None)


def _called(body: dict[str, Any]) -> str:
    """What a request calls an account that there is not, one way: a failure counts against that name."""
    # NOTE: an account's name and realm differ; a name that there is not must not count as a realm, or the other way.
    realm = body.get("account_realm") or body.get("realm")
    for sort, name in (("id", body.get("account_id")), ("name", body.get("account_name")), ("realm", realm)):
        if name:
            return f"{sort} {login_name(name)}"
    return ""
