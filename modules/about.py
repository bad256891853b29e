"""What server this is."""

from crossbar import Context, Endpoint, Json, __version__


class About(Endpoint):
    """The name and version of the server, for anybody who is logged in."""

    name = "about"
    anywhere = True

    async def find(self, ctx: Context) -> Json:
        """The server's name, version and node, and the host name that the client used."""
        return {
            "name": "crossbar",
            "version": __version__,
            "node": ctx.app.settings.server.node,
            "used_host": ctx.header(b"host") or "",
        }
