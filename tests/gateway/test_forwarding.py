"""Header fields on their way through: what stays behind, whatever its spelling, and what nobody can make disappear."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crossbar.errors import BadRequest
from crossbar.gateway.forwarding import (
    FRAMED,
    GUARDED,
    Dropper,
    Rules,
    counted_down,
    loops,
    response_fields,
    via,
)
from crossbar.settings import FieldRules

Fields = list[tuple[bytes, bytes]]

ACCEPT = (b"accept", b"*/*")
names = st.text("abcxyz-_", min_size=1, max_size=12).map(str.encode)
values = st.binary(max_size=40).filter(lambda value: not {*value} & {*range(32), 127})
lists = st.lists(st.tuples(names | st.sampled_from([b"connection", b"te", b"via"]), values), max_size=12)


# Hop by hop.


@pytest.mark.parametrize("name", sorted(FRAMED), ids=bytes.decode)
def test_fields_of_one_connection_stay_behind(name: bytes) -> None:
    """What is for the neighbour only is taken out without being named, and so is the framing."""
    assert [ACCEPT] == Dropper().kept([(name, b"x"), ACCEPT])


@pytest.mark.parametrize(
    ("connection", "expected"),
    [
        ([], [b"x-a", b"x-b", b"x-c"]),
        ([b""], [b"x-a", b"x-b", b"x-c"]),
        ([b"keep-alive"], [b"x-a", b"x-b", b"x-c"]),
        ([b"close, X-A"], [b"x-b", b"x-c"]),
        ([b" ,x-a ,\tX-B\t,,"], [b"x-c"]),
        ([b"x-a", b"close", b"X-c"], [b"x-b"]),
        ([b"x-a;x-b"], [b"x-a", b"x-b", b"x-c"]),
        ([b"x-d, \xff"], [b"x-a", b"x-b", b"x-c"]),
    ],
    ids=["none", "empty", "usual", "case", "blanks", "several fields", "no list", "unknown"],
)
def test_what_connection_names_stays_behind(connection: list[bytes], expected: list[bytes]) -> None:
    """Every name in every Connection field counts, whatever stands before or after it (RFC 9110, 7.6.1)."""
    fields: Fields = [(b"x-a", b"1"), (b"x-b", b"2"), *((b"connection", value) for value in connection), (b"x-c", b"3")]
    assert expected == [name for name, _ in Dropper().kept(fields)]


@given(lists)
def test_what_goes_on_is_some_of_what_came(fields: Fields) -> None:
    """Nothing is changed, doubled or put in another order, and what went on once goes on again."""
    kept = Dropper().kept(fields)
    rest = iter(fields)
    assert all(any(pair == other for other in rest) for pair in kept)
    assert kept == Dropper().kept(kept)


@pytest.mark.parametrize(
    ("name", "stays"),
    [
        (b"x-auth-user", False),
        (b"x_auth_user", False),
        (b"x-auth_user", False),
        (b"X-Auth-User", False),
        (b"x-auth-token", True),
        (b"x_auth_token", False),
        (b"x-author", True),
        (b"content_length", False),
        (b"Transfer_Encoding", False),
        (b"X.Auth.User", False),
        (b"x!auth!user", False),
        (b"x~auth.token", False),
        (b"x.own", False),
        (b"x.author", True),
        (b"x-own", False),
        (b"x_own", False),
        (b"x-owner", True),
        (b"bad name", False),
        (b"", False),
    ],
    ids=lambda value: repr(value),
)
def test_every_spelling_is_taken_out(name: bytes, stays: bool) -> None:
    """CGI and WSGI make one variable of all these spellings; only the very name that is spared stays."""
    dropper = Dropper(FRAMED | {b"x-own"}, (b"x-auth-",), spared=frozenset({b"x-auth-token"}))
    expected = [(name, b"1"), ACCEPT] if stays else [ACCEPT]
    for _ in ("found out", "remembered"):
        assert expected == dropper.kept([(name, b"1"), ACCEPT])


def test_names_that_were_never_seen_do_no_harm() -> None:
    """However many names clients think of, the rules hold for all of them, also for very long ones."""
    dropper = Dropper(frozenset(), (b"x-no-",))
    for number in range(1000):
        mine, theirs = (b"x-%d" % number, b"1"), (b"x-no-%d" % number, b"1")
        assert [mine] == dropper.kept([mine, theirs])
    assert [] == dropper.kept([(b"x-no-" + b"a" * 5000, b"1")])
    assert len(dropper._fates) <= 256
    assert 64 >= max(map(len, dropper._fates))


@pytest.mark.parametrize(
    "named",
    [b"Authorization", b"x-crossbar-user", b"X_Crossbar_User", b"host", b"close, x-forwarded-for", b"content-length"],
    ids=bytes.decode,
)
def test_connection_cannot_take_away_what_matters(named: bytes) -> None:
    """A request that names an identity or a forwarding field in Connection is refused."""
    dropper = Dropper(FRAMED, (b"x-crossbar-", b"x-forwarded"), guarded=GUARDED)
    with pytest.raises(BadRequest, match="Connection names") as caught:
        dropper.kept([(b"connection", named)])
    assert "bad_header" == caught.value.word


@pytest.mark.parametrize("named", [b"upgrade", b"TE, close", b"x-mine", b"Keep-Alive, Transfer-Encoding"])
def test_connection_may_name_what_is_its_own(named: bytes) -> None:
    """Fields of the connection, and those that mean nothing to us, are named without harm."""
    dropper = Dropper(FRAMED, (b"x-crossbar-",), guarded=GUARDED)
    fields = [(b"connection", named), (b"upgrade", b"h2c"), (b"te", b"trailers"), (b"x-mine", b"1"), ACCEPT]
    assert ACCEPT == dropper.kept(fields)[-1]


def test_the_name_is_told() -> None:
    """Any Connection field counts, and the sentence says which name it was."""
    dropper = Dropper(guarded=GUARDED)
    with pytest.raises(BadRequest, match="'cookie'"):
        dropper.kept([(b"connection", b"close"), ACCEPT, (b"connection", b"x, Cookie")])
    with pytest.raises(BadRequest, match="'x_auth_token'"):
        dropper.kept([(b"connection", b"X_Auth_Token")])


# Responses.


def test_a_response_loses_what_is_ours_to_say() -> None:
    """Framing, connection and request id are ours, and with CORS of ours that is, too; all else is the upstream's."""
    fields: Fields = [
        (b"content-length", b"5"),
        (b"connection", b"x-hop"),
        (b"x-hop", b"1"),
        (b"x-request-id", b"theirs"),
        (b"access-control-allow-origin", b"*"),
        (b"set-cookie", b"a=1"),
        (b"set-cookie", b"b=2"),
        (b"x-content-type-options", b"nosniff"),
    ]
    assert fields[5:] == response_fields(fields, cors_is_ours=True)
    assert fields[4:] == response_fields(fields, cors_is_ours=False)


@pytest.mark.parametrize("bad", [b"a\r\nb: c", b"a\nb", b"\0", b"\x1b[2J", b"\x7f"], ids=repr)
def test_a_control_character_in_a_response_is_told(bad: bytes) -> None:
    """It is not passed on, and the sentence names the field; a field that is not passed on may hold what it likes."""
    with pytest.raises(ValueError, match="'x-a' of the response"):
        response_fields([ACCEPT, (b"x-a", bad)], cors_is_ours=False)
    assert [ACCEPT] == response_fields([ACCEPT, (b"keep-alive", bad)], cors_is_ours=False)


def test_tabs_and_bytes_beyond_ascii_are_no_control_characters() -> None:
    """RFC 9110, 5.5 allows both in a value."""
    fields = [(b"x-a", b"a\tb\xc3\xa4")]
    assert fields == response_fields(fields, cors_is_ours=False)


# Via and Max-Forwards.


@given(st.lists(st.sampled_from([b"1.0 fred", b"1.1 p.example.net:80 (a, b)", b"HTTP/2 x"]), max_size=4))
def test_via_tells_the_way_and_ends_a_loop(came: list[bytes]) -> None:
    """What came stays in its order, we are last, and only what has been here is seen to have been."""
    fields = [(b"via", hop) for hop in came]
    told = via(fields, b"crossbar", b"1.1")
    assert b", ".join([*came, b"1.1 crossbar"]) == told
    assert not loops(fields, b"crossbar")
    assert loops([(b"via", told)], b"crossbar")
    assert loops([ACCEPT, *fields, (b"via", told)], b"Crossbar")
    assert loops([(b"via", told.replace(b"crossbar", b"CROSSBAR (at the edge)"))], b"crossbar")


@pytest.mark.parametrize("hop", [b"1.1 crossbars", b"1.1 x crossbar", b"crossbar", b"crossbar 1.1", b"1.1 a.crossbar"])
def test_others_with_a_similar_name_are_no_loop(hop: bytes) -> None:
    """Only the name of who received it counts, and all of it."""
    assert not loops([(b"via", hop)], b"crossbar")


@pytest.mark.parametrize(
    ("method", "value", "goes_on", "sent"),
    [
        ("TRACE", b"3", True, b"2"),
        ("OPTIONS", b"1", True, b"0"),
        ("OPTIONS", b"0", False, b"0"),
        ("GET", b"0", True, b"0"),
    ],
)
def test_max_forwards_is_counted_down(method: str, value: bytes, goes_on: bool, sent: bytes) -> None:
    """At zero it goes no further; other methods have no such field (RFC 9110, 7.6.2)."""
    fields = [ACCEPT, (b"max-forwards", value)]
    assert goes_on == counted_down(method, fields)
    assert [ACCEPT, (b"max-forwards", sent)] == fields


@pytest.mark.parametrize("sent", [[b"-1"], [b""], [b"x"], [b"9" * 11], [b"1", b"1"], [b"1, 2"]], ids=repr)
def test_max_forwards_that_is_no_number(sent: list[bytes]) -> None:
    """What cannot be counted down is refused, and not counted for ever."""
    with pytest.raises(BadRequest, match="Max-Forwards"):
        counted_down("OPTIONS", [(b"max-forwards", value) for value in sent])


def test_no_max_forwards_goes_on() -> None:
    """The field is the client's to send."""
    assert counted_down("OPTIONS", [ACCEPT])


# Rules.


def test_rules_remove_set_and_add_in_this_order() -> None:
    """A field that is set is there once, also if it was removed; one that is added joins those that are there."""
    rules = Rules(FieldRules(remove=("X-A", "x-b"), set={"X-B": "new", "accept": " text/plain "}, add={"X-C": "2"}))
    fields = [(b"x-a", b"1"), (b"x-b", b"1"), ACCEPT, (b"x-c", b"1"), ACCEPT]
    rules.apply(fields)
    assert rules
    assert [(b"x-c", b"1"), (b"x-b", b"new"), (b"accept", b"text/plain"), (b"x-c", b"2")] == fields


def test_no_rules_change_nothing() -> None:
    """They are false, so that nobody need apply them."""
    fields = [ACCEPT]
    rules = Rules(FieldRules())
    rules.apply(fields)
    assert not rules
    assert [ACCEPT] == fields


@pytest.mark.parametrize("verb", ["remove", "set", "add"])
@pytest.mark.parametrize(
    "name", ["Content-Length", "transfer-encoding", "CONNECTION", "Upgrade", "te", "trailer", "Host"]
)
def test_rules_cannot_touch_the_framing(verb: str, name: str) -> None:
    """Two servers must not read one message as two; the sentence names what is wrong and where."""
    value = {name: "1"}
    rules = {"remove": FieldRules(remove=(name,)), "set": FieldRules(set=value), "add": FieldRules(add=value)}[verb]
    with pytest.raises(ValueError, match=f"{verb}: '{name}'"):
        Rules(rules)


def test_rules_about_the_host_are_told_where_to_go() -> None:
    """The upstream's own setting says which host it hears."""
    with pytest.raises(ValueError, match=r"add: 'HOST' is for the setting `host` of the upstream"):
        Rules(FieldRules(add={"HOST": "a"}))


def test_every_fault_of_rules_is_told() -> None:
    """Names are the same in any case, and all faults stand in one sentence after another."""
    with pytest.raises(ValueError, match=r"remove: 'TE'.*; set: 'x-a' is there more than once"):
        Rules(FieldRules(remove=("TE",), set={"x-a": "1", "X-A": "2"}))
