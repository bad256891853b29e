"""The tokenizer: from the raw path to a version and a chain of nouns."""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from crossbar import BadRequest, Noun, Target, tokenize
from crossbar.target import is_version, split_path
from crossbar.testing import Client, exchanged, scope_of, small_world

from . import models

NAMES = frozenset({"accounts", "devices", "users", "schemas", "applications", "entitlements"})
GREEDY = frozenset({"schemas"})
MASTER = "a0" * 16

Nouns = list[tuple[str, list[str]]]


def nouns_of(path: str | bytes, names: frozenset[str] = NAMES, greedy: frozenset[str] = GREEDY) -> Nouns:
    """Give the chain of a path in plain lists."""
    return [(noun.name, list(noun.args)) for noun in tokenize(path, names, greedy).nouns]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param("/v2", [], id="1 the version is stripped"),
        pytest.param("/v2/accounts", [("accounts", [])], id="2 an endpoint is tracked"),
        pytest.param("/v2/accounts/A", [("accounts", ["A"])], id="3 anything else is its data"),
        pytest.param("/v2/accounts/A/devices", [("accounts", ["A"]), ("devices", [])], id="4 the next endpoint"),
        pytest.param("/v2/accounts/A/devices/D", [("accounts", ["A"]), ("devices", ["D"])], id="5 its argument"),
    ],
)
def test_worked_example(path: str, expected: Nouns) -> None:
    """The five steps of the documented example lead to the documented modules."""
    assert (expected, "v2") == (nouns_of(path), tokenize(path, NAMES, GREEDY).version)


DEVICES_OF_A: Nouns = [("accounts", ["A"]), ("devices", [])]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param("/v2/accounts/A/devices/", DEVICES_OF_A, id="one slash at the end"),
        pytest.param("/v2/accounts/A/devices//", DEVICES_OF_A, id="two slashes at the end"),
        pytest.param("/v2/accounts/A/devices///", DEVICES_OF_A, id="three slashes at the end"),
        pytest.param("/v2/accounts/A//devices", [("accounts", ["A", ""]), ("devices", [])], id="empty token inside"),
        pytest.param("/v2//accounts/A", [], id="empty token first"),
        pytest.param("//v2/accounts/A", [], id="empty token before the version"),
        pytest.param(
            "/v2/accounts/A/devices/1/devices/2",
            [("accounts", ["A"]), ("devices", ["1"]), ("devices", ["2"])],
            id="the same endpoint twice",
        ),
        pytest.param("/v2/accounts/A/accounts/B", [("accounts", ["A"]), ("accounts", ["B"])], id="two accounts"),
        pytest.param("/v2/devices/users", [("devices", []), ("users", [])], id="id equal to an endpoint name"),
        pytest.param("/v2/nothing/accounts/A", [], id="unknown first token"),
        pytest.param("/v2/accounts/A/nothing", [("accounts", ["A", "nothing"])], id="unknown later token"),
        pytest.param("/v2/accounts/A%2Fdevices%2fD", [("accounts", ["A/devices/D"])], id="an encoded slash"),
        pytest.param("/v2/%61ccounts/A", [("accounts", ["A"])], id="decoded before it is looked up"),
        pytest.param("/v2/devices/+1202", [("devices", ["+1202"])], id="a plus stays a plus"),
        pytest.param("/v2/devices/%2B1202", [("devices", ["+1202"])], id="an encoded plus"),
        pytest.param("/v2/devices/a%20b", [("devices", ["a b"])], id="a blank"),
        pytest.param("/v2/devices/%2520", [("devices", ["%20"])], id="decoded once"),
        pytest.param("/v2/devices/%252e%252e", [("devices", ["%2e%2e"])], id="dots encoded twice"),
        pytest.param("/v2/devices/./..", [("devices", [".", ".."])], id="dots are not resolved"),
        pytest.param("/v2/devices/%2e%2E/x", [("devices", ["..", "x"])], id="encoded dots are not resolved"),
        pytest.param("/v2/devices;a=b/@me/*", [], id="matrix parameters are ordinary, in a name"),
        pytest.param("/v2/devices/D;a=b/@me/*", [("devices", ["D;a=b", "@me", "*"])], id="ordinary characters"),
        pytest.param("/v2/schemas/accounts", [("schemas", ["accounts"])], id="greedy takes endpoint names"),
        pytest.param(
            "/v2/accounts/A/schemas/devices/users/",
            [("accounts", ["A"]), ("schemas", ["devices", "users"])],
            id="greedy in the chain takes the rest",
        ),
        pytest.param("/v2/schemas", [("schemas", [])], id="greedy without arguments"),
        pytest.param("/v2/Accounts/A", [], id="names are case-sensitive"),
        pytest.param("/v2/accounts/A/Devices", [("accounts", ["A", "Devices"])], id="capitals are no name"),
        pytest.param("/v2/\uff41ccounts/A", [], id="full-width letters are not normalised"),
        pytest.param("/v2/devices_v2", [], id="names are not built from parts"),
        pytest.param("/", [], id="a slash only"),
        pytest.param("", [], id="nothing at all"),
    ],
)
def test_edge_cases(path: str, expected: Nouns) -> None:
    """Each edge case of the reference's table 1.2 parses as its verdict says, from text as from bytes."""
    assert [expected, expected] == [nouns_of(path), nouns_of(path.encode())]


def test_a_greedy_endpoint_keeps_its_literals() -> None:
    """What Kazoo re-routes by hand, an endpoint gets by being greedy: its literals win over an endpoint's name."""
    path = "/v2/applications/video/entitlements"
    assert [("applications", ["video"]), ("entitlements", [])] == nouns_of(path)
    assert [("applications", ["video", "entitlements"])] == nouns_of(path, greedy=frozenset({"applications"}))


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param("/v2/account", [("account", [])], id="alone"),
        pytest.param("/v2/account/", [("account", [])], id="with a slash"),
        pytest.param("/v2/account/devices/D", [("account", []), ("devices", ["D"])], id="before an endpoint"),
        pytest.param("/v2/account/account", [("account", []), ("account", [])], id="twice"),
        pytest.param("/v2/account/schemas/users", [("account", []), ("schemas", ["users"])], id="before a greedy one"),
        pytest.param("/v2/account/A", [], id="before an argument"),
        pytest.param("/v2/account/A/devices", [], id="before an argument and an endpoint"),
        pytest.param("/v2/account//devices", [], id="before an empty token"),
        pytest.param("/v2/acc%6Funt/devices", [("account", []), ("devices", [])], id="encoded"),
        pytest.param("/v2/schemas/account", [("schemas", ["account"])], id="after a greedy one it is an argument"),
        pytest.param("/v2/devices/account", [("devices", ["account"])], id="after an endpoint it is an argument"),
        pytest.param(
            "/v2/accounts/A/account/devices",
            [("accounts", ["A", "account"]), ("devices", [])],
            id="among arguments it is one of them",
        ),
    ],
)
def test_the_alias_for_the_callers_account(path: str, expected: Nouns) -> None:
    """`account` opens a noun without arguments where a noun may begin, and only there: it is no endpoint itself."""
    assert expected == nouns_of(path)


@pytest.mark.parametrize(
    ("path", "version"),
    [
        pytest.param("/v2/devices", "v2", id="v2"),
        pytest.param("/v1/devices", "v1", id="v1"),
        pytest.param("/v3/devices", "v3", id="v3"),
        pytest.param("/v10/devices", "v10", id="v10"),
        pytest.param("/v02/devices", "v02", id="v02"),
        pytest.param("v2/devices", "v2", id="without the first slash"),
        pytest.param("/%762/devices", "v2", id="encoded"),
        pytest.param("/V2/devices", None, id="capital V"),
        pytest.param("/v/devices", None, id="v alone"),
        pytest.param("/v2a/devices", None, id="v2a"),
        pytest.param("/v-2/devices", None, id="v-2"),
        pytest.param("/v2.0/devices", None, id="v2.0"),
        pytest.param("/v²/devices", None, id="a superscript"),
        pytest.param("/v٢/devices", None, id="an Arabic digit"),
        pytest.param("/2/devices", None, id="2"),
        pytest.param("/hooks/devices", None, id="hooks"),
        pytest.param("/devices", None, id="no version"),
        pytest.param("/", None, id="nothing"),
    ],
)
def test_versions(path: str, version: str | None) -> None:
    """A version is `v` and ASCII digits; each row of the reference's table 1.3 is told apart."""
    assert version == tokenize(path, NAMES).version


def test_versions_do_not_change_the_chain() -> None:
    """Every version leads to the same nouns."""
    chains = [nouns_of(f"/{version}/accounts/A/devices") for version in ("v1", "v2", "v3", "v10", "v02")]
    assert [DEVICES_OF_A] * 5 == chains


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("/v2/%", id="a percent sign alone"),
        pytest.param("/v2/%2", id="one digit"),
        pytest.param("/v2/devices/100%", id="at the end"),
        pytest.param("/v2/%zz", id="no digits"),
        pytest.param("/v2/%2z", id="a bad second digit"),
        pytest.param("/v2/%g1", id="a bad first digit"),
        pytest.param("/v2/%+1", id="a sign"),
        pytest.param("/v2/% 1", id="a blank"),
        pytest.param("/v2/%_1", id="an underscore"),
        pytest.param("/v2/%%0a0a", id="a percent sign within"),
        pytest.param("/v2/%u0041", id="the form of JavaScript"),
        pytest.param("/v2/%\uff12\uff11", id="full-width digits"),
        pytest.param("/v2/%2/F", id="cut by a slash"),
        pytest.param("/v2/%41%4", id="a good one before"),
        pytest.param("/v2/%ff", id="no UTF-8"),
        pytest.param("/v2/%c0%ae", id="an overlong dot"),
        pytest.param("/v2/%ed%a0%80", id="an encoded surrogate"),
        pytest.param("/v2/%c3/%a9", id="a character cut by a slash"),
        pytest.param("/v2/%f5%80%80%80", id="beyond Unicode"),
        pytest.param(b"/v2/\xff", id="raw bytes that are no UTF-8"),
        pytest.param(b"/v2/%41\xe9", id="raw Latin-1 beside an escape"),
        pytest.param("/v2/\ud800", id="a surrogate"),
        pytest.param("/v2/%41\ud800", id="a surrogate beside an escape"),
    ],
)
def test_what_cannot_be_decoded_is_refused(path: str | bytes) -> None:
    """A broken escape or anything that is not UTF-8 is a refusal, never a guess and never a crash."""
    with pytest.raises(BadRequest) as refused:
        tokenize(path, NAMES)
    assert (400, "bad_path") == (refused.value.status, refused.value.word)


def test_a_broken_escape_is_named() -> None:
    """The message shows the characters that are no percent-encoding."""
    with pytest.raises(BadRequest, match="'%g1'"):
        split_path("/v2/devices/%g1x")


WORDS = [*sorted(NAMES), "account"]
ODD = ["A", "D", "", "v2", "v1", "v", "%61ccounts", "acc%6funt", "%2F", "%2", "%zz", "+", "%25", "%C3%A9", "é"]
TOKENS = st.sampled_from(WORDS) | st.sampled_from(ODD) | st.sampled_from(WORDS) | st.text(max_size=3)
PATHS = st.builds("{}{}".format, st.sampled_from(["", "/", "/v2/", "/v2/"]), st.lists(TOKENS, max_size=7).map("/".join))
SETS = st.just(NAMES) | st.frozensets(st.sampled_from(sorted(NAMES)))


def outcome(path: str | bytes, names: frozenset[str], greedy: frozenset[str]) -> object:
    """Give what the tokenizer says of a path, None if it refuses it."""
    try:
        version, nouns = tokenize(path, names, greedy)
    except BadRequest:
        return None
    return version, [(noun.name, noun.args) for noun in nouns]


def modelled(path: str | bytes, names: frozenset[str], greedy: frozenset[str]) -> object:
    """Give what the model says of a path, None if it refuses it."""
    try:
        return models.parse(path, names, greedy)
    except models.Malformed:
        return None


@settings(max_examples=400, deadline=None)
@given(path=PATHS, names=SETS, greedy=SETS)
def test_agrees_with_the_model(path: str, names: frozenset[str], greedy: frozenset[str]) -> None:
    """The tokenizer and the model of section 1.1 say the same of any path, in text and in bytes."""
    expected = modelled(path, names, greedy)
    assert [expected, expected] == [outcome(path, names, greedy), outcome(path.encode(), names, greedy)]


@settings(max_examples=200, deadline=None)
@given(raw=st.binary(max_size=24), names=SETS, greedy=SETS)
def test_agrees_with_the_model_on_any_bytes(raw: bytes, names: frozenset[str], greedy: frozenset[str]) -> None:
    """The tokenizer and the model say the same of bytes that nobody meant as a path."""
    assert modelled(b"/v2/" + raw, names, greedy) == outcome(b"/v2/" + raw, names, greedy)


@settings(max_examples=200, deadline=None)
@given(path=PATHS, names=SETS, greedy=SETS, new=st.sampled_from(sorted(NAMES)), new_is_greedy=st.booleans())
def test_a_new_endpoint_leaves_other_paths_alone(
    path: str, names: frozenset[str], greedy: frozenset[str], new: str, new_is_greedy: bool
) -> None:
    """Adding an endpoint never changes the parse of a path without a token of that name."""
    before = outcome(path, names - {new}, greedy)
    assume(before is not None and new not in split_path(path))
    assert before == outcome(path, names | {new}, greedy | {new} if new_is_greedy else greedy)


@settings(max_examples=200, deadline=None)
@given(path=PATHS, names=SETS)
def test_no_token_is_lost(path: str, names: frozenset[str]) -> None:
    """The nouns and their arguments, in a row, are the tokens of the path, unless there are no nouns."""
    assume(outcome(path, names, frozenset()) is not None)
    version, nouns = tokenize(path, names)
    spelt = [token for noun in nouns for token in (noun.name, *noun.args)]
    tokens = split_path(path)[0 if version is None else 1 :]
    assert spelt in (tokens, [])


class Counting(frozenset[str]):
    """Names that count how often they are asked."""

    asked = 0

    def __contains__(self, name: object) -> bool:
        """Count the question, then answer it."""
        type(self).asked += 1
        return super().__contains__(name)


@pytest.mark.parametrize("token", ["devices", "x", "", "a%20b"], ids=["endpoints", "arguments", "empty", "escapes"])
def test_effort_grows_with_the_length_only(token: str) -> None:
    """A path of very many tokens asks for each of them at most once in each table."""
    many = 50_000
    Counting.asked = 0
    tokenize("/v2/accounts" + f"/{token}" * many + "/end", Counting(NAMES), Counting())
    assert Counting.asked <= 2 * (many + 2)


def test_a_very_long_token_is_decoded_whole() -> None:
    """One token of a million escapes is decoded once, from end to end."""
    assert ["devices", "%20" * 300_000] == split_path("/devices/" + "%2520" * 300_000)


def test_values_compare_and_read_well() -> None:
    """A noun and a target are values that show what they hold."""
    assert Target("v2", (Noun("accounts", ("A",)), Noun("devices"))) == tokenize("/v2/accounts/A/devices", NAMES)
    assert "accounts(A, x)" == str(Noun("accounts", ("A", "x")))


@pytest.mark.parametrize(
    ("token", "expected"), [("v2", True), ("v0", True), ("v", False), ("", False), ("v2\n", False)]
)
def test_is_version(token: str, expected: bool) -> None:
    """A version is told from any other token."""
    assert expected is is_version(token)


@pytest.fixture(scope="module")
async def client() -> Client:
    """Give a client that is logged in at the top of the small world."""
    return await (await small_world()).client()


@pytest.mark.parametrize(
    ("path", "status", "word"),
    [
        pytest.param("/about", 200, "", id="a path"),
        pytest.param("/about/", 200, "", id="a slash at the end"),
        pytest.param("/about?x=/accounts/A", 200, "", id="the query is never tokenized"),
        pytest.param("/account/about", 200, "", id="the alias"),
        pytest.param("//v1/about", 200, "", id="version 1"),
        pytest.param("//v3/about", 200, "", id="a later version"),
        pytest.param("//about", 404, "not_found", id="no version"),
        pytest.param("//V2/about", 404, "not_found", id="no version in capitals"),
        pytest.param("//hooks/about", 404, "not_found", id="hooks"),
        pytest.param("//", 404, "not_found", id="nothing"),
        pytest.param("//v2//about", 404, "not_found", id="an empty first token"),
        pytest.param("/nothing", 404, "not_found", id="unknown first token"),
        pytest.param("/account/nothing", 404, "not_found", id="a stray token after the alias"),
        pytest.param("/accounts/{master}//devices", 404, "not_found", id="an empty token inside"),
        pytest.param("/accounts/{master}/nothing/devices", 404, "not_found", id="a stray token"),
        pytest.param("/accounts/{master}/a/b/devices", 404, "not_found", id="two stray tokens"),
        pytest.param("/about/%zz", 400, "bad_path", id="a broken escape"),
        pytest.param("/accounts/{master}/devices/%00", 400, "bad_path", id="NUL"),
        pytest.param("/accounts/{master}/devices/%0d%0a", 400, "bad_path", id="a line end"),
        pytest.param("/accounts/{master}/devices/%e2%80%ae", 400, "bad_path", id="a bidi override"),
    ],
)
async def test_each_outcome_has_an_envelope(client: Client, path: str, status: int, word: str) -> None:
    """Whatever the path, the answer is an envelope with the right status, also where Kazoo sends none."""
    response = await client.get(path.replace("{master}", MASTER))
    envelope = response.json()
    told = (response.status, envelope.get("message", ""), envelope["status"])
    assert (status, word, "error" if word else "success") == told


@pytest.mark.parametrize(
    ("id", "shown"), [("a%zz", "a%zz"), ("100%", "100%"), ("%41", "%41"), ("K\u00f6ln", "K\u00f6ln"), ("a b", "a b")]
)
async def test_a_server_that_sends_no_raw_path(client: Client, id: str, shown: str) -> None:
    """ASGI's `path` is decoded already: where it is all that there is, it is not decoded again."""
    path = f"/v2/accounts/{MASTER}/menus/{id}"
    headers = [(b"x-auth-token", (client.token or "").encode())]
    scope = scope_of("http", b"", headers, method="GET", path=path)
    del scope["raw_path"]
    response = await exchanged(client.app, scope)
    assert (404, shown) == (response.status, response.data["cause"])
