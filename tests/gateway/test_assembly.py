"""Out of settings, a gateway: every fault of them is told at once, each with its key."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest

from crossbar import Crossbar
from crossbar.errors import SettingsError
from crossbar.gateway.keeping import prepared
from crossbar.gateway.upstreams import Service
from crossbar.settings import Upstream
from crossbar.settings.gateway import Tls
from crossbar.testing import make_app

from .standins import NOUN, keys, route, settings_of

UP: dict[str, Any] = {"targets": ["http://up.example:9000"]}
SECURE: dict[str, Any] = {"targets": ["https://up.example"]}
JWT: dict[str, Any] = {"issuer": "https://login.example"}


def faults(*routes: dict[str, Any], **tables: Any) -> list[str]:
    """What is wrong with a gateway of these settings."""
    with pytest.raises(SettingsError) as found:
        prepared(_app(), settings_of(*routes, **tables))
    return list(found.value.faults)


@cache
def _app() -> Crossbar:
    """An application without a gateway, which could have one."""
    return make_app(settings_of(upstream={}))


@pytest.mark.parametrize(
    ("upstream", "told"),
    [
        ({"targets": ["http://up:x"]}, "upstream.a.targets: 'http://up:x'"),
        ({"targets": ["http://up:70000"]}, "upstream.a.targets: 'http://up:70000'"),
        (
            {"targets": ["http://up", "http://up"]},
            "upstream.a.targets: 'http://up' and 'http://up' are the same target",
        ),
        ({"targets": ["http://up", "http://up:80 weight=2"]}, "upstream.a.targets: 'http://up' and"),
        (UP | {"eject": "after 5 failures in 0s for 30s"}, "upstream.a.eject: 'after 5 failures in 0s"),
        (
            UP | {"retry": "2 tries on conect"},
            "upstream.a.retry: '2 tries on conect': no call is tried again on 'conect'",
        ),
        (UP | {"health": "GET /x every 1s within 2s"}, "upstream.a.health: 'GET /x every 1s within 2s': a check has"),
        (UP | {"identity": "signed"}, "upstream.a.secret: the secret of 'a' has 0 bytes"),
        (UP | {"identity": "signed", "secret": "x" * 31}, "upstream.a.secret: the secret of 'a' has 31 bytes"),
        (SECURE | {"tls": {"ca": "/nowhere/ca.pem"}}, "upstream.a.tls.ca: cannot use /nowhere/ca.pem: No such file"),
        (SECURE | {"tls": {"cert": "/nowhere/c.pem"}}, "upstream.a.tls.cert: cannot use /nowhere/c.pem: No such file"),
        (SECURE | {"tls": {"key": "/nowhere/k.pem"}}, "upstream.a.tls.key: without a cert"),
    ],
)
def test_faults_of_an_upstream(upstream: dict[str, Any], told: str) -> None:
    """Each begins with its key, and routes that lead there are not blamed for it."""
    [fault] = faults(
        route("/x", "a"), route("/m", merge={"one": "a:/", "two": "module:users"}), upstream={"a": upstream}
    )
    assert fault.startswith(told), fault


def test_all_faults_of_an_upstream_are_told() -> None:
    """One after the other, and those of the next one too."""
    wrong = {"targets": ["http://x:y", "http://z:y"], "eject": "after 1 failures in 0s for 0s", "retry": "2 tries on x"}
    found = faults(route("/x", "a"), upstream={"a": wrong, "b": wrong | {"targets": ["http://ok"]}})
    assert [f"upstream.{key}" for key in ("a.targets", "a.targets", "a.eject", "a.retry", "b.eject", "b.retry")] == [
        fault.partition(":")[0] for fault in found
    ]


def test_files_that_are_no_certificates(tmp_path: Path) -> None:
    """What is in them counts, and a key with a password is refused at once, where the library would ask for it."""
    (tmp_path / "ca.pem").write_text("no certificate")
    (tmp_path / "key.pem").write_text("no key")
    tls = {"ca": str(tmp_path / "ca.pem")}
    [fault] = faults(route("/x", "a"), upstream={"a": SECURE | {"tls": tls}})
    assert fault.startswith(f"upstream.a.tls.ca: cannot use {tmp_path}/ca.pem: ")
    [fault] = faults(route("/x", "a"), upstream={"a": SECURE | {"tls": {"cert": str(tmp_path / "key.pem")}}})
    assert fault.startswith(f"upstream.a.tls.cert: cannot use {tmp_path}/key.pem: ")


def test_other_certificates_in_the_same_files(tmp_path: Path) -> None:
    """An upstream is another one then, though its settings are what they were."""
    file = tmp_path / "ca.pem"
    file.write_text("")
    settings = Upstream(targets=("http://up",), tls=Tls(ca=str(file)))
    service = Service("a", settings)
    assert service.is_as(settings)
    (tmp_path / "new.pem").write_text("new")
    (tmp_path / "new.pem").replace(file)
    assert not service.is_as(settings)
    file.unlink()
    assert not service.is_as(settings)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"to": "other:/x"}, "to: there is no upstream 'other'; there are up"),
        ({"to": "up:"}, "to: 'up:' names no path"),
        ({"to": "up:x"}, "to: 'x' does not begin with '/'"),
        ({"to": "up:/x?y"}, "to: '/x?y' has a '?'"),
        ({"to": "up:/{nobody}"}, "to: '/{nobody}' wants the parameter 'nobody': the route has id"),
        ({"to": ""}, 'to: say where it leads: to = "UPSTREAM:/path", or merge'),
        ({"merge": {"a": "up:/x"}}, 'to: say where it leads: to = "UPSTREAM:/path", or merge'),
        ({"to": "", "merge": {"incomplete": "up:/x"}}, "merge.incomplete: this is where missing parts are named"),
        ({"to": "", "merge": {"a": "nobody:/x"}}, "merge.a: there is no upstream 'nobody'; there are module, up"),
        ({"to": "", "merge": {"a": "up"}}, 'merge.a: say what is asked for, such as "up:/path"'),
        ({"to": "", "merge": {"a": "up:/{x}"}}, "merge.a: '/{x}' wants the parameter 'x'"),
        ({"to": "", "merge": {"a": "up:/"}, "methods": ["POST"]}, "methods: what is merged is read, and POST"),
        ({"auth": []}, 'auth: name who says who is asking, or "none"'),
        ({"auth": "nobody"}, "auth: there is no provider 'nobody'; there are crossbar, none, keys"),
        ({"auth": ["keys", "other"]}, "auth: there is no provider 'other'"),
        ({"allow": "path.nobody == 1"}, "allow: character 1: path has no 'nobody'"),
        ({"allow": "claims."}, "allow: character"),
        ({"form": "nobody"}, "form: 'nobody' is no form of errors; there are problem, crossbar, ringcentral, realm"),
        ({"retry": "2 tries on nothing"}, "retry: '2 tries on nothing'"),
        ({"timeout": {"connect": "1s"}}, "timeout.connect: connections belong to the upstream"),
        ({"methods": ["GET", "TRACE"]}, "methods: TRACE is taken at no route"),
        ({"methods": ["CONNECT"]}, "methods: CONNECT is taken at no route"),
        ({"cors": {"origins": ["null"]}}, "cors.origins: 'null' is the origin of any sandboxed page"),
        ({"cors": {"origins": ["*"], "credentials": True}}, 'cors.origins: "*" together with'),
        ({"cors": {"origins": ["https://a"], "headers": ["a b"]}}, "cors.headers: 'a b' is no name of a header field"),
        ({"request": {"set": {"Host": "x"}}}, "request: set: 'Host' is for the setting"),
        ({"response": {"remove": ["Content-Length"]}}, "response: remove: 'Content-Length' belongs to the connection"),
        ({"path": "/a/{id}/{id}"}, "path: '/a/{id}/{id}' has two parameters called 'id'"),
        ({"path": "/a/../b"}, "path: '/a/../b' has the segment '..'"),
        ({"path": "/a/**", "to": "", "merge": {"a": "up:/"}}, "path: what is merged is at one place"),
        ({"path": "/v2/{noun}"}, "path: name a noun behind the version"),
        ({"path": "/v2"}, "path: name a noun behind the version"),
        ({"path": "/v2/**"}, "path: name a noun behind the version"),
        ({"path": "/v2/accounts/{id}"}, "path: name a noun behind the version"),
        ({"path": "/v2/accounts/{a}/users/{id}/**"}, "path: name a noun behind the version"),
        ({"path": "/v2/account/x/{id}"}, "path: 'account' stands for the caller's own account"),
        ({"path": "/v2/v3/{id}"}, "path: 'v3' from a route of the gateway is a word of the path itself"),
        ({"path": "/v2/accounts/x/{id}"}, "path: the noun 'accounts' is that of a module"),
        ({"path": "/v2/accounts/{id}/devices"}, "path: the noun 'devices' is that of a module"),
        ({"path": "/v2/users/{id}/badges"}, "path: what belongs to users belongs to an account"),
        ({"path": "/v2/accounts/{id}/accounts/{b}/x"}, "path: one account is enough"),
        ({"path": "/v2/accounts/{id}/My-things"}, "path: the noun 'My-things' must be lower-case letters"),
        ({"path": "/v2/accounts/{id}/%61bc"}, "path: the noun '%61bc' must be lower-case letters"),
        ({"path": "/v2/accounts/{id}/things", "host": "a.example"}, "host: a noun answers at every host"),
        ({"path": "/v2/accounts/{id}/things", "auth": "none"}, "auth: whoever enters an account must be known"),
        (
            {"path": "/v2/accounts/{id}/things", "auth": ["keys", "none"]},
            "auth: whoever enters an account must be known",
        ),
        ({"path": "/v2/accounts/{id}/things", "methods": ["PURGE"]}, "methods: a noun sends on GET, HEAD, POST, PUT"),
        ({"path": "/v2/accounts/{id}/things", "methods": ["OPTIONS"]}, "methods: a noun sends on GET, HEAD, POST, PUT"),
        ({"path": "/restapi/**", "to": "up"}, "path: /restapi is a prefix of the dialect ringcentral"),
        ({"path": "/restapi", "to": "up"}, "path: /restapi is a prefix of the dialect ringcentral"),
        ({"path": "/api/ver1.0/{id}"}, "path: /api/ver1.0 is a prefix of the dialect realm"),
    ],
)
def test_faults_of_a_route(said: dict[str, Any], told: str) -> None:
    """Each is told with the name of the route and its key."""
    one = {"name": "wrong", "path": "/w/{id}", "to": "up:/w", "auth": "keys"} | said
    found = faults(one, provider={"keys": keys(acme={})})
    assert [f"route 'wrong': {told}"] == [fault[: len(told) + 15] for fault in found], found


@pytest.mark.parametrize("host", ["a.example:80", "*", "*.*.example", "a b", "bücher.example", "", "a..b"])
def test_hosts_that_nobody_asks_for(host: str) -> None:
    """All of them are told, for every route."""
    found = faults(route("/x", host=[host, "ok.example"], name="one"), route("/y", host=host, name="two"))
    assert ["route 'one': host ", "route 'two': host "] == [fault[:18] for fault in found]


def test_all_faults_are_told_at_once() -> None:
    """Those of upstreams, of providers, and of each route, and of one route all that do not hang on each other."""
    found = faults(
        route("/x/{id}", "nobody:/x", auth=["other"], form="y", retry="2 tries on z", methods=["TRACE"], name="a"),
        route("/y/{", "nobody", limit=["1/s per consumer"], response={"set": {"host": "x"}}, name="b"),
        route("/z", "bad", auth="staff", form="y", name="c"),
        route("/ok", "up"),
        upstream={"up": UP, "bad": UP | {"retry": "2 tries on y"}, "module": UP},
        provider={"staff": {"jwt": JWT | {"issuer": ""}}, "both": {}, "none": keys(acme={})},
    )
    assert [
        "upstream.bad.retry",
        "upstream.module",
        "provider.staff.jwt.issuer",
        "provider.both",
        "provider.none",
        "route 'a': form",
        "route 'a': methods",
        "route 'a': auth",
        "route 'a': to",
        "route 'a': retry",
        "route 'b': path",
        "route 'b': to",
        "route 'b': response",
        "route 'c': form",
    ] == [":".join(fault.split(":")[: 2 if fault.startswith("route") else 1]) for fault in found], found


def test_a_rule_for_administrators_that_cannot_be_read() -> None:
    """It is told with the key of the provider."""
    provider = {"staff": {"jwt": JWT | {"admins": "claims.x = 1"}}}
    [fault] = faults(route("/x", auth="staff", name="a"), provider=provider)
    assert fault.startswith("route 'a': provider.staff.jwt.admins: character ")


def test_ties_are_told_with_the_whole_paths() -> None:
    """Whether they are plain or nouns; all of them."""
    found = faults(
        route("/x/{a}", name="one"),
        route("/x/{b}", name="two"),
        route("/v2/accounts/{a}/things/{b}", name="three"),
        route("/v2/accounts/{c}/things/{d}", name="four"),
        route("/v2/things2", name="five"),
        route("/v2/things2/", name="six"),
    )
    assert 3 == len(found)
    for fault, names in zip(found, (("one", "two"), ("three", "four"), ("five", "six")), strict=True):
        assert fault.startswith(f"route '{names[0]}' and route '{names[1]}' match the same requests")
    assert "/v2/accounts/{a}/things/{b} and /v2/accounts/{c}/things/{d}" in found[1]


def test_one_noun_has_one_place() -> None:
    """Below accounts or beside them; below several nouns of accounts is well."""
    [fault] = faults(route("/v2/accounts/{a}/things"), route("/v2/things"))
    assert "the noun 'things' stands below accounts and beside them" in fault
    make_app(settings_of(route("/v2/accounts/{a}/things"), route("/v2/accounts/{a}/users/{u}/things")))


def test_names_are_names_of_one() -> None:
    """A name that was chosen twice is a fault; of one path there may be several routes."""
    [fault] = faults(route("/x", name="a"), route("/y", name="a"))
    assert "route 'a': name: another route is called so: choose another name" == fault
    app = make_app(settings_of(route("/x", methods=["GET"]), route("/x", methods=["PUT"]), route("/y")))
    assert app.gateway is not None
    assert ["/x", "/x #1", "/y"] == [routed.name for routed in app.gateway.current.routes]


def test_routes_share_what_is_the_same_for_them() -> None:
    """A thousand of them remember the names of fields once."""
    many = [route(f"/{number}/**") for number in range(50)] + [route("/own", auth="crossbar")]
    app = make_app(settings_of(*many))
    assert app.gateway is not None
    assert 2 == len({id(routed.dropper) for routed in app.gateway.current.routes})


def test_no_gateway_is_no_fault() -> None:
    """Without routes and upstreams there is none, and upstreams alone are well."""
    assert make_app(settings_of(upstream={})).gateway is None
    assert make_app(settings_of()).gateway is not None
    assert "invoices" in make_app(settings_of(route(NOUN))).registry.names
