"""JSON texts at the edges of RFC 8259, class by class: what is JSON, what is none, and what a reader may decide."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

REFUSED = object()
"""The decision that a text is no JSON to us."""


def within(text: Iterable[bytes]) -> list[bytes]:
    """Each of these inside of a JSON text, between quotation marks."""
    return [b'"' + each + b'"' for each in text]


def code_units(*units: int) -> bytes:
    """A JSON text with these UTF-16 code units as escapes."""
    return b'"' + b"".join(b"\\u%04x" % unit for unit in units) + b'"'


def deep(levels: int, opening: bytes = b"[", closing: bytes = b"]", inner: bytes = b"") -> bytes:
    """So many levels in each other."""
    return opening * levels + inner + closing * levels


BLANKS = [b" ", b"\t", b"\n", b"\r", b"\r\n", b" \t\n\r "]

VALID: dict[str, list[bytes]] = {
    "literals": [b"true", b"false", b"null", b"[true,false,null]", b'{"a":null,"b":true,"c":false}'],
    "structure": [
        *(b"[]", b"{}", b"[[]]", b"[{}]", b'{"a":{}}', b'{"a":[]}', b"[1]", b"[1,2]", b'{"a":1}', b'{"a":1,"b":2}'),
        *(b"[[1],[2,[3]]]", b'{"a":{"b":{"c":[{"d":[]}]}}}', b'["a",1,1.5,true,null,{},[]]', b'[{"a":1},{"a":1}]'),
        b"[" + b",".join([b"null"] * 1000) + b"]",
        b"{" + b",".join(b'"k%d":%d' % (n, n) for n in range(990)) + b"}",
    ],
    "blanks": [
        *(blank + b"[1]" + blank for blank in BLANKS),
        *(b"[" + blank + b"1" + blank + b"," + blank + b"2" + blank + b"]" for blank in BLANKS),
        *(b"{" + blank + b'"a"' + blank + b":" + blank + b"1" + blank + b"}" for blank in BLANKS),
        *(b"[" + blank + b"]" for blank in BLANKS),
    ],
    "integers": [
        *(b"%d" % n for n in (0, 1, -1, 9, 10, 123456789, 2**31, -(2**31), 2**32, 2**53 - 1, 2**53, 2**53 + 1)),
        *(b"%d" % n for n in (-(2**53) - 1, 10**18, 2**62, 2**63 - 1, -(2**63))),
    ],
    "fractions": [
        *(b"0.0", b"0.5", b"-0.5", b"1.0", b"1.5", b"123.456", b"0.1", b"-0.0", b"3.141592653589793", b"100.000"),
        *(b"1e3", b"1E3", b"1e+3", b"1E+3", b"1e-3", b"1E-3", b"1.5e3", b"1.5E-10", b"0e0", b"0e+1", b"0E-1", b"1e00"),
        *(b"1e308", b"-1e308", b"1.7976931348623157e308", b"2.2250738585072014e-308", b"5e-324", b"1e22", b"1e23"),
    ],
    "escapes": [
        *within([b'\\"', b"\\\\", b"\\/", b"\\b", b"\\f", b"\\n", b"\\r", b"\\t", b'\\"\\\\\\/\\b\\f\\n\\r\\t']),
        *(code_units(unit) for unit in (0x0, 0x1, 0x1F, 0x22, 0x2F, 0x41, 0x5C, 0x7F, 0x80, 0xE9, 0x2028, 0x20AC)),
        *(code_units(unit) for unit in (0xD7FF, 0xE000, 0xFDD0, 0xFEFF, 0xFFFD, 0xFFFE, 0xFFFF)),
        *(code_units(*pair) for pair in ((0xD800, 0xDC00), (0xD83D, 0xDE00), (0xDBFF, 0xDFFF), (0xD834, 0xDD1E, 0x41))),
        *within([b"\\u00E9", b"\\u00e9", b"a\\u0041a", b"\\\\u0041", b"\\\\\\u0041", b"\\uD83d\\uDe00"]),
    ],
    "texts": [
        *within([b"", b" ", b"a", b"/", b"'", b"\x7f", b"a" * 10_000, b"/* no comment */", b"# none // either"]),
        *within(chr(point).encode() for point in (0x80, 0xE9, 0x7FF, 0x800, 0x2028, 0x2029, 0xD7FF, 0xE000, 0xFEFF)),
        *within(chr(point).encode() for point in (0xFFFE, 0xFFFF, 0x10000, 0x1F600, 0x1FFFE, 0x10FFFF)),
        *within(["e\u0301 \u202e\u200b\u00ad".encode(), "日本語 עברית".encode(), b'[1,{\\"a\\":2}]', b"NaN", b"1e999"]),
    ],
    "keys": [
        *(b"{" + key + b":1}" for key in within([b"", b" ", b"a.b", b"$a", b"$where", b"__proto__", b"constructor"])),
        *(
            b"{" + key + b":1}"
            for key in within([b"\\n", b"\\u00e9", "é".encode(), b"\\ud83d\\ude00", b"a" * 256, b"id"])
        ),
        *(b'{"a":1,"A":2}', b'{"\\u00e9":1,"e\\u0301":2}', b'{"1":1,"01":2}', b'{"_a":1,"pvt_a":2}'),
    ],
    "depth": [deep(62), deep(62, inner=b"1")[1:-1], deep(61, b'{"a":', b"}", b"1"), deep(30, b'[{"a":', b"}]", b"[]")],
}

CONTROLS = [bytes([code]) for code in range(0x20)]
# What UTF-8 (RFC 3629) does not allow: stray continuations, overlong forms, surrogates, beyond U+10FFFF, cut sequences.
NOT_UTF_8 = [
    *(b"\x80", b"\xbf", b"\xc0\x80", b"\xc0\xaf", b"\xc1\xbf", b"\xe0\x80\x80", b"\xe0\x9f\xbf", b"\xf0\x80\x80\xaf"),
    *(b"\xf0\x8f\xbf\xbf", b"\xed\xa0\x80", b"\xed\xaf\xbf", b"\xed\xb0\x80", b"\xed\xa0\xbd\xed\xb8\x80", b"\xfe\xff"),
    *(b"\xf4\x90\x80\x80", b"\xf5\x80\x80\x80", b"\xf8\x88\x80\x80\x80", b"\xfc\x84\x80\x80\x80\x80", b"\xff", b"\xe9"),
    *(b"\xc3", b"\xe2\x82", b"\xf0\x9f\x98", b"\xc3\xc3\xa9", b"\xe2\x28\xa1", b"\xf0\x28\x8c\xbc"),
]
STRANGE_BLANKS = [
    *(b"\x0b", b"\x0c", b"\x00", b"\x1e", b"\x85", b"\xa0", b"\\n", b"\\t", b"\\u0020"),
    *(chr(point).encode() for point in (0x85, 0xA0, 0x1680, 0x2003, 0x2028, 0x200B, 0x2060, 0x3000, 0xFEFF)),
]

INVALID: dict[str, list[bytes]] = {
    "literals": [
        *(
            b"nul",
            b"nulll",
            b"NULL",
            b"Null",
            b"True",
            b"TRUE",
            b"tru",
            b"truee",
            b"fals",
            b"FALSE",
            b"undefined",
            b"nil",
        ),
        *(
            b"None",
            b"NaN",
            b"-NaN",
            b"nan",
            b"Infinity",
            b"-Infinity",
            b"inf",
            b"truefalse",
            b"true false",
            b"yes",
            b"a",
        ),
    ],
    "unclosed": [
        *(
            b"[",
            b"{",
            b"[1",
            b"[1,",
            b"[[",
            b"[[]",
            b"[{}",
            b"[{",
            b'{"a"',
            b'{"a":',
            b'{"a":1',
            b'{"a":1,',
            b'{"a":{}',
        ),
        *(b'{"a":[', b'["a', b'{"a', b'["', b"[1,[2,[3]", b'[{"a":1', b'[{"a":1]'),
    ],
    "overclosed": [b"]", b"}", b"[]]", b"{}}", b"[}", b"{]", b"[1}", b'{"a":1]', b"1]", b"[1]]", b'{"a":1}}', b"[[1}]"],
    "commas": [
        *(b"[,]", b"[,1]", b"[1,]", b"[1,,2]", b"[,,]", b"[1 2]", b"[1;2]", b"1,", b",1", b",", b"{,}", b'{"a":1,}'),
        *(b'{,"a":1}', b'{"a":1,,"b":2}', b'{"a":1 "b":2}', b'{"a":1;"b":2}', b"[1,2,]", b'["a",]'),
    ],
    "colons": [
        *(b'{"a" 1}', b'{"a":}', b'{"a"::1}', b"{:1}", b'{"a":1:2}', b'["a":1]', b'{"a","b"}', b'{"a"=1}', b'{"a"=>1}'),
        *(b"[1:2]", b":", b'{"a"}', b'{"a":1,"b"}', b'{"a":1,2}'),
    ],
    "keys": [
        *(b"{1:1}", b"{a:1}", b"{'a':1}", b"{null:1}", b"{true:1}", b"{[]:1}", b"{{}:1}", b'{"a\n":1}'),
        b'{"\\a":1}',
    ],
    "numbers": [
        *(b"+1", b"+0", b"01", b"-01", b"00", b"-00", b"012.5", b"1.", b"-1.", b".5", b"-.5", b"1.e1", b"0.e1", b".e1"),
        *(
            b"1e",
            b"1E",
            b"1e+",
            b"1e-",
            b"0e",
            b"0e+",
            b"1e1.5",
            b"1e1e1",
            b"1.2.3",
            b"1ee1",
            b"1e+-1",
            b"1e 1",
            b"1 e1",
        ),
        *(b"0x1", b"0x", b"0b1", b"0o7", b"1_000", b"1,000", b"1 000", b"1'000", b"--1", b"-", b"- 1", b"-+1", b"1-1"),
        *(
            b"1+1",
            b"1a",
            b"-a",
            b"1n",
            b"1L",
            b"1.0f",
            b"0.1.",
            b"1/2",
            b"$1",
            b"1%",
            b"#1",
            b"e1",
            b"E",
            b"-e1",
            b"0.-1",
        ),
        # Digits and signs of other scripts: Arabic and full-width digits, a minus sign, an Arabic decimal point.
        *("\u0661 \uff11 \u00bd \u221e \u22121 1\u00b2 \u066b5".encode().split()),
    ],
    "quotation marks": [
        *(b'"', b'"a', b'a"', b"'a'", b"`a`", "“a”".encode(), "«a»".encode(), b'"a""b"', b'"a" "b"', b'"a"b', b'"""'),
        *(b'\\"a\\"', b"\\u0022a\\u0022", b"'", b"\"a'", b"'a\"", b'["a]'),
    ],
    "escapes": [
        *within([b"\\a", b"\\v", b"\\0", b"\\x41", b"\\'", b"\\ ", b"\\U0041", b"\\N{DASH}", b"\\101", b"\\?", b"\\e"]),
        *within(
            [
                b"\\u",
                b"\\u1",
                b"\\u12",
                b"\\u123",
                b"\\u123g",
                b"\\u 123",
                b"\\u{41}",
                b"\\u+041",
                b"\\u-041",
                b"\\u.041",
            ]
        ),
        *within([b"\\ud83d\\u", b"\\ud83d\\u00", b"\\ud83d\\ude0g", b"\\\n", b"\\\t", b"\\\xc3\xa9", b"\\"]),
    ],
    "control characters": [
        *within(CONTROLS),
        *(b'"a' + control + b'b"' for control in (b"\x00", b"\n", b"\r", b"\t", b"\x1f")),
        *(b'{"' + control + b'":1}' for control in (b"\x00", b"\n", b"\x1f")),
    ],
    "UTF-8": [*within(NOT_UTF_8), *(b'{"a' + each + b'":1}' for each in NOT_UTF_8[:8]), b"[\xff]", b"\xe9", b"[1\xc3]"],
    "blanks": [*(b"[1" + blank + b"]" for blank in STRANGE_BLANKS), *(blank + b"1" for blank in STRANGE_BLANKS)],
    "comments": [
        *(b"1//a", b"1#a", b"1/*a*/", b"/*a*/1", b"[1/**/]", b"[1//\n]", b"[1#\n]", b"1--a", b"<!--a-->1", b"1/"),
    ],
    "other formats": [
        *(
            b"<a/>",
            b"a=1",
            b"a: 1",
            b"- 1",
            b"(1)",
            b"[1](2)",
            b"\x1f\x8b\x08\x00",
            b"\xff\xd8\xff",
            b"%7B%7D",
            b"&#34;",
        ),
        *(b"jsonp([1])", b")]}',\n[1]", b"while(1);[1]", b"\x1e[1]", b"1;", b"\x93\x01\x02\x03", b"\x81\xa1a\x01"),
    ],
    "depth": [
        *(deep(100_000, closing=b""), deep(1000, closing=b""), deep(500, b'{"a":', b""), deep(100_000, b"]", b"")),
        *(deep(64, closing=b""), deep(63) + b"]", deep(300, b"[", b"}")),
    ],
}

HUGE = b"1" + b"0" * 400
# What RFC 8259 leaves to the reader, and what we do: take it for this value, or refuse it.
DECIDED: dict[str, tuple[bytes, Any]] = {
    # Surrogates that stand alone: no store and no other reader could hold them.
    **{f"lone surrogate {n}": (text, REFUSED) for n, text in enumerate([code_units(0xD800), code_units(0xDFFF)])},
    "two high surrogates": (code_units(0xD800, 0xD800), REFUSED),
    "surrogates the wrong way round": (code_units(0xDC00, 0xD800), REFUSED),
    "half a pair and a letter": (code_units(0xD83D, 0x41), REFUSED),
    "half a pair and an escape": (b'"\\ud83d\\n"', REFUSED),
    "half a pair at the end": (b'"a\\udbff"', REFUSED),
    "a lone surrogate in a key": (b'{"\\ud800":1}', REFUSED),
    # Encodings other than UTF-8, and its mark (RFC 8259, 8.1).
    "a byte order mark": (b"\xef\xbb\xbf[1]", REFUSED),
    "half a byte order mark": (b"\xef\xbb[1]", REFUSED),
    **{name: ('["é"]'.encode(name), REFUSED) for name in ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be")},
    "latin-1": ('["é"]'.encode("latin-1"), REFUSED),
    # Integers that are not of 64 bits with a sign.
    **{f"{n:+}": (b"%d" % n, REFUSED) for n in (2**63, -(2**63) - 1, 2**64 - 1, 2**64, 2**64 + 1, -(2**64), 10**30)},
    "an integer of 401 digits": (HUGE, REFUSED),
    "a negative one": (b"-" + HUGE, REFUSED),
    # Doubles: the nearest one, if there is one.
    "beyond a double": (b"1e309", REFUSED),
    "beyond a negative double": (b"-1.8e308", REFUSED),
    "a huge exponent": (b"123e100000", REFUSED),
    "a huge exponent of many digits": (b"1e" + b"9" * 300, REFUSED),
    "401 digits and a fraction": (HUGE + b".5", REFUSED),
    "zero with a huge exponent": (b"0e99999", 0.0),
    "below a double": (b"1e-400", 0.0),
    "below a negative double": (b"-5e-325", -0.0),
    "minus zero": (b"-0", 0),
    "more digits than a double has": (b"0.12345678901234567890123456789", 0.12345678901234568),
    "2^53 + 1 as a fraction": (b"9007199254740993.0", 9007199254740992.0),
    "2^64 as a fraction": (b"18446744073709551616.0", 18446744073709551616.0),
    "2^63 with an exponent": (b"9223372036854775808e0", 9223372036854775808.0),
    # Keys: of equal ones the last; none that a store cannot hold.
    "a key twice": (b'{"a":1,"a":2}', {"a": 2}),
    "a key twice with one value": (b'{"a":1,"a":1}', {"a": 1}),
    "a key twice, spelled differently": (b'{"a":1,"b":0,"\\u0061":2}', {"a": 2, "b": 0}),
    "a key twice, with objects": (b'{"a":{"b":1},"a":{"c":2}}', {"a": {"c": 2}}),
    "NUL in a key": (b'{"a\\u0000":1}', REFUSED),
    "a key of 257 characters": (b'{"' + b"a" * 257 + b'":1}', REFUSED),
    "1,001 keys": (b"{" + b",".join(b'"%d":1' % n for n in range(1001)) + b"}", REFUSED),
    # Depth: 64 levels, of which the envelope and its data are two.
    **{f"{n} levels of lists": (deep(n - 2), REFUSED) for n in (65, 66, 253, 254, 255, 1024, 1025, 100_000)},
    **{f"{n} levels of objects": (deep(n - 2, b'{"a":', b"}", b"1"), REFUSED) for n in (65, 254, 1024, 20_000)},
}
