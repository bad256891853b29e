"""The settings of CORS: what is not safe does not start."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from crossbar.errors import SettingsError
from crossbar.settings import Cors
from crossbar.testing import make_app

from .test_cors import GRANTS, PAGE, ahead, granted
from .tools import SETTINGS, wire


async def test_every_site() -> None:
    """`*` lets every page read, and none of them act as its visitor."""
    app = make_app(replace(SETTINGS, cors=Cors(("*",), max_age=5)))
    response = await wire(app, "OPTIONS", b"/v2/about", ahead("GET", "https://anybody.example"))
    assert ("*", "5") == (
        response.headers["access-control-allow-origin"],
        response.headers["access-control-max-age"],
    )
    assert "access-control-allow-credentials" not in response.headers
    assert {} == granted(await wire(app, "GET", b"/v2/about", [(b"origin", b"null")]))
    await app.stop()


async def test_credentials() -> None:
    """With `cors.credentials`, the listed sites are told so, by name."""
    app = make_app(replace(SETTINGS, cors=Cors((PAGE,), credentials=True)))
    for headers in (ahead("GET"), [(b"origin", PAGE.encode())]):
        response = await wire(app, "OPTIONS", b"/v2/about", headers)
        assert (PAGE, "true") == tuple(response.headers[name] for name in GRANTS[:2])
    await app.stop()


WRONG = [
    pytest.param(Cors(("*",), credentials=True), "every site act as its visitors", id="any with credentials"),
    pytest.param(Cors((PAGE, "*"), credentials=True), "every site act as its visitors", id="any among others"),
    pytest.param(Cors(("null",)), "can never be allowed", id="null"),
    pytest.param(Cors(("app.example.com",)), "is no origin", id="no scheme"),
    pytest.param(Cors(("https://app.example.com/",)), "is no origin", id="slash"),
    pytest.param(Cors(("https://app.example.com/page",)), "is no origin", id="path"),
    pytest.param(Cors(("https://user@app.example.com",)), "is no origin", id="user"),
    pytest.param(Cors(("https://*.example.com",)), "wildcard", id="wildcard"),
    pytest.param(Cors(("https://App.example.com",)), "lower case", id="case"),
    pytest.param(Cors(("https://b\u00fccher.example",)), "xn--", id="international"),
    pytest.param(Cors(("https://app.example.com:443",)), "leave out the port 443", id="port"),
    pytest.param(Cors(("https://app.example.com:port",)), "is no origin", id="no port"),
    pytest.param(Cors(("https://a.example\r\nset-cookie: a=b",)), "is no", id="line ends"),
    pytest.param(Cors(("",)), "is no origin", id="empty"),
    pytest.param(Cors((PAGE,), headers=("x y",)), "is no name of a header field", id="header"),
    pytest.param(Cors((PAGE,), headers=("*",)), "is no name of a header field", id="any header"),
    pytest.param(Cors((PAGE,), headers=("x\r\ny",)), "is no name of a header field", id="header with line ends"),
]


@pytest.mark.parametrize(("rules", "told"), WRONG)
def test_settings_that_are_not_safe(rules: Cors, told: str) -> None:
    """The application does not come up with them, and says why in one sentence."""
    with pytest.raises(SettingsError) as caught:
        make_app(replace(SETTINGS, cors=rules))
    assert 1 == len(caught.value.faults)
    assert told in caught.value.faults[0]
    assert "\n" not in caught.value.faults[0]


def test_all_faults_at_once() -> None:
    """Each has its sentence."""
    with pytest.raises(SettingsError) as caught:
        make_app(replace(SETTINGS, cors=Cors(("null", "*", "x"), credentials=True, headers=("a b",))))
    assert 4 == len(caught.value.faults)
