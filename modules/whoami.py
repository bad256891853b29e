"""Who is asking: what the server knows about the caller."""

from crossbar import Context, Document, Endpoint, Json

_OF_THE_USER = ("username", "first_name", "last_name", "number", "extension_group_id")


class Whoami(Endpoint):
    """The caller's account, user and rights; what does not apply is null."""

    name = "whoami"
    anywhere = True

    async def find(self, ctx: Context) -> Json:
        """Who the caller is, whatever account the path leads into."""
        caller = ctx.caller()
        account = await ctx.app.tenants.account(caller.account_id) if caller.account_id else None
        user = None
        if account is not None and caller.user_id:
            user = await ctx.app.store.get(caller.account_id, "users", caller.user_id)
        own, common = _said(user), _said(account)
        return {
            "account_id": caller.account_id or None,
            "account_name": common.get("name"),
            "user_id": caller.user_id or None,
            **{field: own.get(field) for field in _OF_THE_USER},
            "role": caller.role,
            "master": caller.master,
            "method": caller.method or None,
            "timezone": own.get("timezone") or common.get("timezone"),
            "language": own.get("language") or common.get("language"),
        }


def _said(document: Document | None) -> dict[str, Json]:
    return document.data() if document is not None else {}
