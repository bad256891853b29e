"""Who is asking, said twice; and sites that may never be allowed."""

from __future__ import annotations

import pytest

from crossbar.errors import SettingsError
from crossbar.settings import Server, Settings
from crossbar.testing import exchanged, make_app, scope_of

from .tools import Home, refused


@pytest.mark.parametrize("field", [b"x-auth-token", b"authorization"])
async def test_two_that_differ(home: Home, field: bytes) -> None:
    """Servers on the way might each believe another one of them; the same one twice does no harm."""
    token = str(home.client.token).encode()
    value = token if field == b"x-auth-token" else b"Bearer " + token
    for other, status in ((value + b"x", 400), (value, 200)):
        fields = [(b"host", b"x"), (field, other), (field, value)]
        scope = scope_of("http", f"/v2{home.at('/devices')}".encode(), fields, method="GET")
        response = await exchanged(home.world.app, scope, speech=home.client.speech)
        assert status == response.status
        if status == 400:
            refused(response, 400, "bad_header")


@pytest.mark.parametrize("origin", ["null", "*", "https://*.example.com", "example.com", "https://a.example.com/"])
def test_origins_of_sockets(origin: str) -> None:
    """What may open a WebSocket here is a site by its name, and not any page that calls itself nobody."""
    with pytest.raises(SettingsError, match=r"server\.origins"):
        make_app(Settings(server=Server(origins=(origin,))))
