"""The request body: JSON that every store can hold, and nothing that could hurt one."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossbar.body import decode_json
from crossbar.errors import InvalidEnvelope
from crossbar.settings import Limits
from crossbar.testing import Client, World, small_world

LIMITS = Limits()
LARGEST = 2**63 - 1
SMALLEST = -(2**63)


def code_of(raw: bytes, limits: Limits = LIMITS) -> str:
    """Give the code of the rule that a body breaks."""
    with pytest.raises(InvalidEnvelope) as refused:
        decode_json(raw, limits)
    [violation] = refused.value.violations
    assert (("json",), "body", 400) == (violation.path, violation.target, refused.value.status)
    return violation.code


def nested(opening: str, depth: int, inner: str = "") -> bytes:
    """Give so many levels of lists (`[`) or objects around something."""
    closing = "]" if opening == "[" else "}"
    return (opening * depth + inner + closing * depth).encode()


def objects(depth: int, inner: str = "{}") -> bytes:
    """Give so many levels of objects, the innermost as given."""
    return ('{"a":' * (depth - 1) + inner + "}" * (depth - 1)).encode()


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        pytest.param(b"{}", {}, id="an object"),
        pytest.param(b"[]", [], id="a list"),
        pytest.param(b"null", None, id="null"),
        pytest.param(b' {"a" : [ 1 , true ] } \n', {"a": [1, True]}, id="blanks"),
        pytest.param(b'"K\\u00f6ln"', "Köln", id="an escape"),
        pytest.param('"Köln \U0001f600"'.encode(), "Köln \U0001f600", id="UTF-8"),
        pytest.param(b'"\\ud83d\\ude00"', "\U0001f600", id="a pair of surrogates"),
        pytest.param(b'"a\\u0000b"', "a\0b", id="NUL in text"),
        pytest.param(b'{"":1}', {"": 1}, id="an empty key"),
        pytest.param(b'{"$a.b":1,"__proto__":2}', {"$a.b": 1, "__proto__": 2}, id="odd keys"),
        pytest.param(b"-0", 0, id="minus zero"),
        pytest.param(b"1e3", 1000.0, id="an exponent"),
        pytest.param(b"-1.5", -1.5, id="a fraction"),
    ],
)
def test_json(raw: bytes, expected: Any) -> None:
    """JSON as RFC 8259 has it is taken as it is."""
    assert expected == decode_json(raw, LIMITS)


@pytest.mark.parametrize("raw", [b'{"a":1,"a":2}', b'{"a":1,"b":0,"\\u0061":2}', b'{"b":0,"a":{"a":1},"a":2}'])
def test_of_duplicate_keys_the_last_wins(raw: bytes) -> None:
    """A key that comes twice has its last value, also when it is written in another way."""
    assert 2 == decode_json(raw, LIMITS)["a"]


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b" ", id="a blank"),
        pytest.param(b"{", id="half an object"),
        pytest.param(b'{"a":1,}', id="a comma too many"),
        pytest.param(b"{'a':1}", id="single quotation marks"),
        pytest.param(b"{a:1}", id="a key without quotation marks"),
        pytest.param(b"{} {}", id="two values"),
        pytest.param(b"{}x", id="something after it"),
        pytest.param(b"// x\n{}", id="a comment"),
        pytest.param(b"01", id="a leading zero"),
        pytest.param(b"+1", id="a plus"),
        pytest.param(b".5", id="no digit before the point"),
        pytest.param(b"5.", id="no digit after the point"),
        pytest.param(b"0x10", id="hexadecimal"),
        pytest.param(b"NaN", id="NaN"),
        pytest.param(b"[Infinity]", id="Infinity"),
        pytest.param(b"[-Infinity]", id="-Infinity"),
        pytest.param(b"1e999", id="beyond a double"),
        pytest.param(b"[-1e400]", id="beyond a double in a list"),
        pytest.param(b"True", id="Python's true"),
        pytest.param(b'"\xff"', id="no UTF-8"),
        pytest.param(b'"\xc0\xae"', id="an overlong dot"),
        pytest.param(b'"\xed\xa0\x80"', id="a raw surrogate"),
        pytest.param(b'{"\xe9":1}', id="Latin-1 in a key"),
        pytest.param(b'"\\ud800"', id="a lone high surrogate"),
        pytest.param(b'"\\udc00"', id="a lone low surrogate"),
        pytest.param(b'{"\\ud800":1}', id="a lone surrogate in a key"),
        pytest.param(b'"\\ud800\\u0041"', id="half a pair"),
        pytest.param(b"\xef\xbb\xbf{}", id="a byte order mark"),
        pytest.param("{}".encode("utf-16"), id="UTF-16"),
        pytest.param("{}".encode("utf-16-le"), id="UTF-16 without a mark"),
        pytest.param("{}".encode("utf-32"), id="UTF-32"),
        pytest.param(b'"a\nb"', id="a line end in text"),
        pytest.param(b'"a\0b"', id="a raw NUL in text"),
        pytest.param(b'"\\x41"', id="an escape of another language"),
        pytest.param(b"\x1f\x8b\x08\x00", id="gzip"),
    ],
)
def test_what_is_no_json(raw: bytes) -> None:
    """Everything else is refused as no JSON."""
    assert "invalid" == code_of(raw)


@pytest.mark.parametrize("inner", ["", "1", '"a"', "null"])
def test_64_levels_of_lists(inner: str) -> None:
    """64 levels are taken, whatever is in the innermost, and the 65th is refused, even if it is empty."""
    assert orjson.dumps(decode_json(nested("[", 64, inner), LIMITS)) == nested("[", 64, inner)
    assert "depth" == code_of(nested("[", 65, inner))


@pytest.mark.parametrize("inner", ["{}", '{"a":1}', "[]", "[1]"])
def test_64_levels_of_objects(inner: str) -> None:
    """The limit is the same for objects, and for objects and lists in each other."""
    assert orjson.dumps(decode_json(objects(64, inner), LIMITS)) == objects(64, inner)
    assert "depth" == code_of(objects(65, inner))


def test_the_limit_is_a_setting() -> None:
    """Another depth is kept as exactly."""
    limits = Limits(depth=4)
    assert [[[[]]]] == decode_json(b"[[[[]]]]", limits)
    assert "depth" == code_of(b"[[[[[]]]]]", limits)


def test_a_deep_branch_in_a_wide_tree() -> None:
    """One branch that is too deep is found among many that are not."""
    wide = b"[" + b"1," * 1000 + nested("[", 64) + b"]"
    assert "depth" == code_of(wide)


@pytest.mark.parametrize("depth", [1_000, 10_000, 200_000])
@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_bombs_of_depth(opening: str, depth: int) -> None:
    """Thousands of levels are refused like 65, whether they are closed or not."""
    closed = opening * depth + "1" + ("]" if opening == "[" else "}") * depth
    assert {"depth", "invalid"} >= {code_of(closed.encode()), code_of((opening * depth).encode())}


@pytest.mark.parametrize("number", [LARGEST, SMALLEST, LARGEST - 1, -LARGEST, 10**18, -(10**18), 2**62, 0], ids=str)
def test_integers_that_can_be_stored(number: int) -> None:
    """Every integer of 64 signed bits is taken unchanged, wherever it stands."""
    raw = f'{{"a":[{number}],"b":{number}}}'.encode()
    found = decode_json(raw, LIMITS)
    assert ({"a": [number], "b": number}, int) == (found, type(found["b"]))


@pytest.mark.parametrize(
    "digits",
    [
        pytest.param(str(2**63), id="2^63"),
        pytest.param(str(2**64 - 1), id="2^64-1"),
        pytest.param(str(2**64), id="2^64"),
        pytest.param(str(SMALLEST - 1), id="-2^63-1"),
        pytest.param(str(-(2**64)), id="-2^64"),
        pytest.param("9" * 19, id="nineteen nines"),
        pytest.param("9" * 20, id="twenty nines"),
        pytest.param("1" + "0" * 30, id="thirty zeros"),
        pytest.param("9" * 5_000, id="5000 digits"),
        pytest.param("-" + "9" * 5_000, id="minus and 5000 digits"),
        pytest.param("9" * 500_000, id="500000 digits"),
    ],
)
@pytest.mark.parametrize("around", ["@", "[@]", '{"a":@}', '{"a":"@","b":[1,@]}', "[ @ ]", "[1.5,@,2e5]", "[\n@]"])
def test_integers_that_cannot(digits: str, around: str) -> None:
    """An integer beyond 64 signed bits is refused wherever it stands, never rounded."""
    # NOTE: what would not even be a double is refused before anybody looks at its digits.
    assert ("number" if len(digits) < 300 else "invalid") == code_of(around.replace("@", digits).encode())


@pytest.mark.parametrize(
    "text",
    [str(2**64), "9" * 5_000, f"a {2**64} b", f'\\"{2**64}', f'\\\\\\",{2**64},\\"', f"[{2**64}]", f":{2**64}"],
    ids=[
        "alone",
        "5000 digits",
        "in words",
        "after a quotation mark",
        "like a list item",
        "in brackets",
        "like a value",
    ],
)
def test_digits_in_text_are_text(text: str) -> None:
    """Digits inside text or keys are no number, however many there are."""
    raw = f'{{"a":"{text}","b":["{text}"]}}'.encode()
    assert orjson.loads(raw) == decode_json(raw, LIMITS)
    key = text[:200]
    assert [key.replace("\\", "x")] == list(decode_json(orjson.dumps({key.replace("\\", "x"): 1}), LIMITS))


@pytest.mark.parametrize(
    "raw",
    [b"[1.2345678901234567890123]", b"0.00000000000000000000001", b"12345678901234567890e5", b"-9999999999999999999.5"],
)
def test_long_fractions_are_fractions(raw: bytes) -> None:
    """A number with a point or an exponent is a double, however many digits it has."""
    assert orjson.loads(raw) == decode_json(raw, LIMITS)


@pytest.mark.parametrize("raw", [b'{"a\\u0000":1}', b'{"\\u0000":1}', b'[{"a":{"\\u0000b":1}}]'])
def test_keys_with_nul_are_refused(raw: bytes) -> None:
    """A key with NUL is refused at any depth: not every store can hold it."""
    assert "key" == code_of(raw)


@pytest.mark.parametrize(
    ("letter", "length", "code"),
    [("a", 256, ""), ("a", 257, "key"), ("a", 500_000, "key"), ("\u00f6", 256, ""), ("\u00f6", 257, "key")],
)
def test_long_keys(letter: str, length: int, code: str) -> None:
    """A key has its length in characters."""
    raw = orjson.dumps([{"x": {letter * length: 1}}])
    if code:
        assert code == code_of(raw)
    else:
        assert [{"x": {letter * length: 1}}] == decode_json(raw, LIMITS)


def test_many_keys() -> None:
    """An object of 1,000 keys is taken, one of 1,001 is refused."""
    thousand = {f"k{number}": number for number in range(1_000)}
    assert {"a": thousand} == decode_json(orjson.dumps({"a": thousand}), LIMITS)
    assert "maxProperties" == code_of(orjson.dumps({"a": thousand | {"one": 1}}))


def test_many_duplicate_keys_are_one() -> None:
    """Keys are counted after duplicates have fallen together."""
    assert {"a": 1} == decode_json(b"{" + b",".join([b'"a":1'] * 5_000) + b"}", LIMITS)


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        pytest.param(b"[" + b",".join([b"1"] * 100_000) + b"]", "", id="as many as allowed"),
        pytest.param(b"[" + b",".join([b"1"] * 100_001) + b"]", "maxItems", id="one more"),
        pytest.param(b"[" + b",".join([b"[1]"] * 50_001) + b"]", "maxItems", id="at two levels together"),
        pytest.param(b"[" + b",".join([b'{"a":{}}'] * 50_001) + b"]", "maxItems", id="objects"),
        pytest.param(b"[" + b",".join([b"1"] * 1_000_000) + b"]", "maxItems", id="a million"),
    ],
)
def test_many_values(raw: bytes, code: str) -> None:
    """The values of all levels together have a limit."""
    if code:
        assert code == code_of(raw)
    else:
        assert 100_000 == len(decode_json(raw, LIMITS))


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(SMALLEST, LARGEST)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8"), max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=4), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None)
@given(JSON)
def test_whatever_can_be_written_is_taken(value: Any) -> None:
    """Every JSON value within the limits comes out as it went in."""
    assert value == decode_json(orjson.dumps(value), LIMITS)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=40) | st.text(st.sampled_from('{}[]",:\\u0d8 1e-.tnf\0'), max_size=40).map(str.encode))
def test_whatever_is_taken_can_be_written(raw: bytes) -> None:
    """Any bytes are refused, or become a value that can be written and read again."""
    try:
        value = decode_json(raw, LIMITS)
    except InvalidEnvelope:
        return
    assert value == decode_json(orjson.dumps(value), LIMITS)


# Over the wire.


@pytest.fixture(scope="module")
async def world() -> World:
    """Give a small world."""
    return await small_world()


@pytest.fixture(scope="module")
async def client(world: World) -> Client:
    """Give a client that is logged in at the top."""
    return await world.client()


@pytest.mark.parametrize(
    ("body", "status", "field", "code"),
    [
        pytest.param(b'{"data":{"name":"a"}}', 201, "", "", id="an envelope"),
        pytest.param(b'{"DATA":{"name":"b"},"Auth-Token":"x"}', 201, "", "", id="keys in another spelling"),
        pytest.param(b"{}", 400, "data", "required", id="no data"),
        pytest.param(b'{"data":null}', 400, "data", "type", id="null for data"),
        pytest.param(b'{"data":[]}', 400, "data", "type", id="a list for data"),
        pytest.param(b'{"data":"x"}', 400, "data", "type", id="text for data"),
        pytest.param(b"[]", 400, "json", "invalid", id="a list"),
        pytest.param(b'"x"', 400, "json", "invalid", id="text"),
        pytest.param(b"null", 400, "json", "invalid", id="null"),
        pytest.param(b"{", 400, "json", "invalid", id="no JSON"),
        pytest.param(b" ", 400, "json", "invalid", id="a blank"),
        pytest.param(b'{"data":{"x":' + b"[" * 70 + b"]" * 70 + b"}}", 400, "json", "depth", id="too deep"),
        pytest.param(b'{"data":{"x":9223372036854775808}}', 400, "json", "number", id="too large a number"),
        pytest.param(b'{"data":{"a\\u0000":1}}', 400, "json", "key", id="NUL in a key"),
    ],
)
async def test_over_the_wire(world: World, client: Client, body: bytes, status: int, field: str, code: str) -> None:
    """A body that is no envelope is a 400 in the shape of a validation error, with the field that is wrong."""
    response = await client.request("PUT", f"/accounts/{world.master}/menus", body=body)
    assert status == response.status, response.body
    if field:
        assert {field: [code]} == {name: list(codes) for name, codes in response.data.items()}


async def test_an_empty_body_is_an_empty_object(world: World, client: Client) -> None:
    """No body at all is an empty object, so that the schema says what is missing."""
    response = await client.request("PUT", f"/accounts/{world.master}/menus")
    assert (400, {"name": ["required"]}) == (
        response.status,
        {name: list(codes) for name, codes in response.data.items()},
    )


async def test_private_fields_are_dropped(world: World, client: Client) -> None:
    """Fields of the framework's own cannot be set from outside, and the id neither."""
    sent = {"name": "private", "_id": "x", "_rev": "y", "pvt_tree": ["z"], "id": "0" * 32}
    created = await client.put(f"/accounts/{world.master}/menus", sent)
    stored = await client.get(f"/accounts/{world.master}/menus/{created.data['id']}")
    assert (set(), True) == ({"_id", "_rev", "pvt_tree"} & set(stored.data), "0" * 32 != stored.data["id"])


async def test_a_body_over_its_limit(world: World, client: Client) -> None:
    """A body of more than a MiB is a 413 in an envelope."""
    body = b'{"data":{"name":"' + b"x" * 1_048_576 + b'"}}'
    response = await client.request("PUT", f"/accounts/{world.master}/menus", body=body)
    assert (413, "content_too_large") == (response.status, response.json()["message"])


async def test_nothing_that_is_stored_cannot_be_listed(world: World, client: Client) -> None:
    """A document at the limit of depth is stored, read, patched and listed again."""
    deep: Any = "end"
    for _ in range(62):
        deep = [deep]
    path = f"/accounts/{world.master}/menus"
    created = await client.put(path, {"name": "deep", "x": deep})
    one = f"{path}/{created.data['id']}"
    responses = [
        await client.get(one),
        await client.patch(one, {"y": deep}),
        await client.get(f"{path}?full_docs=true"),
    ]
    assert [201, 200, 200, 200] == [created.status, *(response.status for response in responses)]
