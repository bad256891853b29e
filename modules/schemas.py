"""The JSON Schemas that documents keep to, for clients that build forms or check before they send."""

from copy import deepcopy
from typing import Any

from crossbar import ANONYMOUS, Context, Endpoint, InvalidData, Json, NotFound, Principal, action


class Schemas(Endpoint):
    """Every schema by name; open to everybody for reading, and able to check a candidate."""

    name = "schemas"
    anywhere = True
    greedy = True  # a schema is called like the endpoint that uses it

    async def authenticate(self, ctx: Context) -> Principal | None:
        """Schemas are no secret."""
        return ANONYMOUS if ctx.verb == "GET" else None

    async def find(self, ctx: Context) -> Json:
        """The names of all schemas."""
        return list(ctx.app.schemas.names())

    async def read(self, ctx: Context, name: str) -> Json:
        """One schema."""
        # NOTE: hooks of other modules may change what is answered, and must not change what is checked by.
        return deepcopy(self._schema(ctx, name))

    @action("PUT {name}/validation")
    async def validation(self, ctx: Context, name: str) -> Json:
        """The candidate in `data` with defaults filled in, or everything that is wrong with it."""
        self._schema(ctx, name)
        candidate: dict[str, Any] = ctx.body
        violations = ctx.app.schemas.compiled(name).check(candidate)
        if violations:
            raise InvalidData(violations)
        return candidate

    def _schema(self, ctx: Context, name: str) -> dict[str, Any]:
        schema = ctx.app.schemas.document(name)
        if schema is None:
            raise NotFound(f"there is no schema {name!r}", word="bad_identifier", cause=name)
        return schema
