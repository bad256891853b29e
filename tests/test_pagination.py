"""Pages: the sealed start_key, what it is bound to, and everything that it must not be."""

from __future__ import annotations

from base64 import b64encode, urlsafe_b64decode, urlsafe_b64encode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossbar import BadRequest, Filter
from crossbar.filters import parse_filters
from crossbar.pagination import Listing, PageRequest, StartKeys
from crossbar.stores import listing_key
from crossbar.testing import NOW, Client, World, small_world

KEYS = StartKeys(b"s" * 32, 3600)
BINDING = b"tenant and route"
KEY = listing_key(NOW, "0197f1a2b3c4" + "5" * 20)
SEALED = KEYS.seal(KEY, BINDING, NOW)


def refusal(text: str, binding: bytes = BINDING, now: float = NOW, keys: StartKeys = KEYS) -> tuple[int, str]:
    """Give status and word of the refusal that a start_key meets."""
    with pytest.raises(BadRequest) as refused:
        keys.open(text, binding, now)
    return refused.value.status, refused.value.word


REFUSED = (400, "invalid_start_key")


def raw(text: str) -> bytes:
    """Give the bytes of a start_key."""
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))


def spelt(data: bytes) -> str:
    """Give bytes the spelling of a start_key."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


@settings(max_examples=200, deadline=None)
@given(
    key=st.text(st.characters(codec="utf-8"), min_size=1, max_size=80),
    binding=st.binary(max_size=40),
    now=st.integers(0, 2**39),
)
def test_round_trip(key: str, binding: bytes, now: int) -> None:
    """What is sealed is opened again, until its last second."""
    sealed = KEYS.seal(key, binding, now)
    assert [key, key] == [KEYS.open(sealed, binding, now), KEYS.open(sealed, binding, now + 3600)]


def test_the_longest_key_of_a_listing_can_be_opened() -> None:
    """An id as long as a segment of the path may be still leads on."""
    key = listing_key(NOW, "x" * 256)
    assert key == KEYS.open(KEYS.seal(key, BINDING, NOW), BINDING, NOW)


def test_a_start_key_is_safe_in_a_url() -> None:
    """A start_key is letters, digits, `-` and `_`, at most 512 of them."""
    sealed = [KEYS.seal("\xff" * length, BINDING, NOW) for length in range(1, 100)]
    assert (True, True) == (
        all(text.replace("-", "").replace("_", "").isalnum() and text.isascii() for text in sealed),
        max(map(len, sealed)) <= 512,
    )


def test_every_single_bit_counts() -> None:
    """A start_key with any one bit of its bytes changed is refused."""
    data = raw(SEALED)
    for position in range(len(data) * 8):
        changed = bytearray(data)
        changed[position // 8] ^= 1 << position % 8
        assert REFUSED == refusal(spelt(bytes(changed))), position


def test_every_single_character_counts() -> None:
    """A start_key with any one character replaced by any other is refused, so that each has one spelling."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_+/= .%é"
    for position, old in enumerate(SEALED):
        for new in alphabet:
            if new != old:
                assert REFUSED == refusal(SEALED[:position] + new + SEALED[position + 1 :]), (position, new)


def test_every_cut_is_refused() -> None:
    """A start_key without some of its beginning or its end is refused."""
    data = raw(SEALED)
    for length in range(len(SEALED)):
        assert [REFUSED, REFUSED] == [refusal(SEALED[:length]), refusal(SEALED[-length:] if length else "")]
    for length in range(len(data)):
        assert [REFUSED, REFUSED] == [refusal(spelt(data[:length])), refusal(spelt(data[length + 1 :]))]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(SEALED + "=" * (-len(SEALED) % 4), id="padded") if len(SEALED) % 4 else pytest.param("=", id="="),
        pytest.param(SEALED + "=", id="one padding character"),
        pytest.param(SEALED + "====", id="four padding characters"),
        pytest.param(SEALED + "A", id="one character more"),
        pytest.param(SEALED + "AAAA", id="three bytes more"),
        pytest.param(SEALED + "\n", id="a line end"),
        pytest.param(" " + SEALED, id="a blank before"),
        pytest.param(SEALED[:8] + " " + SEALED[8:], id="a blank inside"),
        pytest.param(SEALED[:8] + "\0" + SEALED[8:], id="NUL inside"),
        pytest.param(SEALED.swapcase(), id="other case"),
        pytest.param("%" + f"{ord(SEALED[0]):02x}" + SEALED[1:], id="percent-encoded"),
        pytest.param(SEALED + SEALED, id="twice"),
        pytest.param("", id="empty"),
        pytest.param("A", id="one character"),
        pytest.param("A" * 512, id="long"),
        pytest.param("A" * 513, id="too long"),
        pytest.param("A" * 100_000, id="far too long"),
        pytest.param("é" * 40, id="not ASCII"),
        pytest.param("g2wAAAACbgUAvn1W1A5tAAAACDk4MDE2ODAwag", id="one of Kazoo's"),
        pytest.param("g24FAPch18wO", id="another of Kazoo's"),
        pytest.param(KEY, id="the plain key"),
        pytest.param("null", id="null"),
    ],
)
def test_other_spellings_are_refused(text: str) -> None:
    """Whatever is not letter by letter what was given out is refused."""
    assert REFUSED == refusal(text)


def test_the_standard_alphabet_is_refused() -> None:
    """A start_key written with `+` and `/` in the place of `-` and `_` is refused."""
    sealed = next(
        text for text in (KEYS.seal(f"key {n}", BINDING, NOW) for n in range(99)) if "-" in text and "_" in text
    )
    assert REFUSED == refusal(sealed.replace("-", "+").replace("_", "/"))
    assert REFUSED == refusal(sealed.replace("-", "+")) == refusal(b64encode(raw(sealed)).decode())


@pytest.mark.parametrize(
    ("binding", "keys"),
    [
        pytest.param(b"tenant and other route", KEYS, id="another listing"),
        pytest.param(b"", KEYS, id="no listing"),
        pytest.param(BINDING + b"\0", KEYS, id="one byte more"),
        pytest.param(BINDING[:-1], KEYS, id="one byte less"),
        pytest.param(BINDING, StartKeys(b"t" * 32, 3600), id="another secret"),
    ],
)
def test_a_foreign_start_key_is_refused(binding: bytes, keys: StartKeys) -> None:
    """A start_key is good for the listing and the server that it was made for."""
    assert REFUSED == refusal(SEALED, binding, keys=keys)


def test_nothing_moves_between_key_and_binding() -> None:
    """The end of the key cannot be taken for the beginning of what it is bound to."""
    sealed = KEYS.seal("ab", b"c", NOW)
    shorter = raw(sealed)[:-1]
    assert REFUSED == refusal(spelt(shorter), b"bc") == refusal(sealed, b"") == refusal(sealed, b"bc")


@pytest.mark.parametrize("late", [3601, 3601.5, 10**6, 2**39])
def test_an_old_start_key_is_refused(late: float) -> None:
    """After its life a start_key is refused, and the message says what to do."""
    assert REFUSED == refusal(SEALED, now=NOW + late)
    with pytest.raises(BadRequest, match="begin again without it"):
        KEYS.open(SEALED, BINDING, NOW + late)


# What a start_key is bound to.

PLAIN = Listing(PageRequest(50))
NAMED = (Filter("equals", ("name",), "a"),)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(Listing(PageRequest(50, descending=False)), id="the other order"),
        pytest.param(Listing(PLAIN.page, filters=NAMED), id="a filter"),
        pytest.param(Listing(PLAIN.page, created_from=1), id="created_from"),
        pytest.param(Listing(PLAIN.page, created_to=1), id="created_to"),
        pytest.param(Listing(PLAIN.page, modified_from=1), id="modified_from"),
        pytest.param(Listing(PLAIN.page, modified_to=1), id="modified_to"),
    ],
)
def test_what_changes_the_listing_changes_the_binding(other: Listing) -> None:
    """Order, filters and times are part of what a start_key is good for."""
    assert PLAIN.binding("t", "r") != other.binding("t", "r")


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(Listing(PageRequest(7)), id="the page size"),
        pytest.param(Listing(PageRequest(50, start=SEALED)), id="the start_key itself"),
        pytest.param(Listing(PLAIN.page, fields=("name",)), id="the fields shown"),
        pytest.param(Listing(PLAIN.page, full=True), id="whole documents"),
        pytest.param(Listing(PageRequest(50, number=3)), id="the number of the page"),
        pytest.param(Listing(PageRequest(50, backward=True)), id="the way back"),
    ],
)
def test_what_may_change_on_the_way(other: Listing) -> None:
    """A walk over pages may change how much of how many rows it sees."""
    assert PLAIN.binding("t", "r") == other.binding("t", "r")


def test_tenant_and_route_are_part_of_the_binding() -> None:
    """No two pairs of tenant and route share a binding, however they are cut."""
    pairs = [("a", "b"), ("b", "a"), ("ab", ""), ("", "ab"), ("a', 'b", ""), ("a", "b/c"), ("a/b", "c")]
    assert len(pairs) == len({PLAIN.binding(tenant, route) for tenant, route in pairs})


def test_filters_are_bound_in_a_canonical_order() -> None:
    """The same filters in another order lead to the same listing, other values to another one."""
    words = [("filter_a", "1"), ("filter_b", "2"), ("has_key", "c"), ("filter_any_d", '["x","y"]')]
    bound = [Listing(PLAIN.page, filters=parse_filters(given)).binding("t", "r") for given in (words, words[::-1])]
    other = Listing(PLAIN.page, filters=parse_filters([*words[:3], ("filter_any_d", '["x"]')])).binding("t", "r")
    assert (True, True) == (bound[0] == bound[1], bound[0] != other)


# Over the wire.


@pytest.fixture(scope="module")
async def world() -> World:
    """Give an application with five menus in two accounts."""
    world = await small_world()
    client = await world.client()
    for account in (world.master, world.customer):
        for number in range(5):
            created = await client.put(
                f"/accounts/{account}/menus", {"name": f"menu {number}", "even": number % 2 == 0}
            )
            assert 201 == created.status, created.body
    return world


@pytest.fixture(scope="module")
async def client(world: World) -> Client:
    """Give a client that is logged in at the top."""
    return await world.client()


@pytest.mark.parametrize("order", [{}, {"ascending": "true"}, {"descending": "false"}, {"ascending": "false"}])
@pytest.mark.parametrize("size", ["1", "2", "3", "4", "5", "6"])
async def test_a_walk_sees_every_row_once(world: World, client: Client, size: str, order: dict[str, str]) -> None:
    """Following next_start_key page by page gives every row once, in the order asked for, whatever the page size."""
    names: list[str] = []
    start: dict[str, str] = {}
    counts = []
    for _ in range(6):
        query = {"page_size": size, **order, **start}
        envelope = (await client.get(f"/accounts/{world.master}/menus", query=query)).json()
        names += [row["name"] for row in envelope["data"]]
        counts.append(envelope["page_size"])
        if start:
            assert start["start_key"] == envelope["start_key"]
        if "next_start_key" not in envelope:
            break
        start = {"start_key": envelope["next_start_key"]}
    # NOTE: within one millisecond ids are random, so only the set of names is certain.
    assert ([f"menu {number}" for number in range(5)], 5) == (sorted(names), sum(counts))
    whole = (await client.get(f"/accounts/{world.master}/menus", query={"paginate": "false", **order})).data
    assert [row["name"] for row in whole] == names


async def test_the_first_start_key_leads_back_to_the_page(world: World, client: Client) -> None:
    """The start_key of a first page, sent back, gives the same page."""
    path = f"/accounts/{world.master}/menus"
    first = (await client.get(path, query={"page_size": "2"})).json()
    again = (await client.get(path, query={"page_size": "2", "start_key": first["start_key"]})).json()
    assert (first["data"], first["start_key"]) == (again["data"], again["start_key"])


@pytest.mark.parametrize(
    ("path", "query"),
    [
        pytest.param("/accounts/{customer}/menus", {}, id="another account"),
        pytest.param("/accounts/{master}/devices", {}, id="another noun"),
        pytest.param("/accounts/{master}/menus", {"ascending": "true"}, id="the other order"),
        pytest.param("/accounts/{master}/menus", {"filter_even": "true"}, id="with a filter"),
        pytest.param("/accounts/{master}/menus", {"created_from": "1"}, id="with a time"),
        pytest.param("/accounts/{master}/children", {}, id="an action"),
    ],
)
async def test_a_start_key_of_another_listing(world: World, client: Client, path: str, query: dict[str, str]) -> None:
    """Another tenant, noun, order, filter or time makes a start_key foreign."""
    first = (await client.get(f"/accounts/{world.master}/menus", query={"page_size": "2"})).json()
    path = path.replace("{customer}", world.customer).replace("{master}", world.master)
    response = await client.get(path, query={**query, "start_key": first["next_start_key"]})
    assert (400, "invalid_start_key") == (response.status, response.json()["message"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("1", 1, id="the least"),
        pytest.param("5", 5, id="all"),
        pytest.param("1000", 5, id="the most"),
        pytest.param("1001", 5, id="above the most is the most"),
        pytest.param("0", None, id="none"),
        pytest.param("-1", None, id="less than none"),
        pytest.param("+5", None, id="a sign"),
        pytest.param(" 5", None, id="a blank"),
        pytest.param("1_0", None, id="an underscore"),
        pytest.param("05", None, id="a leading zero"),
        pytest.param("5.0", None, id="a fraction"),
        pytest.param("1e1", None, id="an exponent"),
        pytest.param("0x5", None, id="hexadecimal"),
        pytest.param("\u0665", None, id="an Arabic digit"),
        pytest.param("\u00b2", None, id="a superscript"),
        pytest.param("", None, id="empty"),
        pytest.param("all", None, id="a word"),
        pytest.param("1" * 20, None, id="very many"),
        pytest.param("9" * 1500, None, id="very many digits"),
    ],
)
async def test_page_size(world: World, client: Client, text: str, expected: int | None) -> None:
    """A page size is a whole number of at least one in ASCII digits, capped; anything else is a 400."""
    response = await client.get(f"/accounts/{world.master}/menus", query={"page_size": text})
    told = response.json()
    assert (200 if expected else 400, expected) == (response.status, told.get("page_size"))
    assert expected is not None or told["message"] == "bad_page_size"


async def test_the_version_without_pages(world: World, client: Client) -> None:
    """Version 1 never pages, whatever is asked of it."""
    response = await client.get(f"//v1/accounts/{world.master}/menus?paginate=true&page_size=2")
    assert ([], 5) == ([key for key in response.json() if key.endswith(("key", "size"))], len(response.data))
