"""`Content-Disposition`, and file names that can lead nowhere and break out of nothing."""

from __future__ import annotations

import re
import unicodedata
from email.message import Message
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crossbar.media.disposition import LONGEST, disposition, ending_in, field_text, file_name, safe_name

NAMES: list[Any] = [
    pytest.param("photo.png", "photo.png", id="plain"),
    pytest.param("a.tar.gz", "a.tar.gz", id="two endings"),
    pytest.param("my photo.png", "my photo.png", id="a blank"),
    pytest.param("Köln.png", "Köln.png", id="other letters"),
    pytest.param("Ko\u0308ln.png", "Köln.png", id="a letter in two parts"),
    pytest.param("通话记录.mp3", "通话记录.mp3", id="another script"),
    pytest.param("🎉 party 🎉.wav", "🎉 party 🎉.wav", id="emoji"),
    pytest.param("../../etc/passwd", "passwd", id="a way out"),
    pytest.param("/etc/passwd", "passwd", id="from the root"),
    pytest.param("C:\\Windows\\calls.csv", "calls.csv", id="a path of another system"),
    pytest.param("\\\\server\\share\\x.wav", "x.wav", id="a share"),
    pytest.param("C:calls.csv", "C_calls.csv", id="a drive"),
    pytest.param("calls/", "", id="a folder"),
    pytest.param("..", "", id="the folder above"),
    pytest.param("...", "", id="dots"),
    pytest.param(". . .", "", id="dots and blanks"),
    pytest.param("", "", id="nothing"),
    pytest.param("   ", "", id="blanks"),
    pytest.param("\0", "", id="NUL alone"),
    pytest.param("\u202e", "", id="a direction alone"),
    pytest.param(".htaccess", "htaccess", id="hidden"),
    pytest.param("a.png.", "a.png", id="a dot at the end"),
    pytest.param("a.png . ", "a.png", id="dots and blanks at the end"),
    pytest.param("a\r\nSet-Cookie: x=1", "a Set-Cookie_ x=1", id="a header field"),
    pytest.param("a\nb", "a b", id="a line"),
    pytest.param("a\u2028b\u2029c\x85d", "a b c d", id="lines of other kinds"),
    pytest.param("a\0b.png", "a b.png", id="NUL"),
    pytest.param("a\x7f\x1bb", "a b", id="controls"),
    pytest.param("\u202egpj.exe", "gpj.exe", id="from right to left"),
    pytest.param("a\u2066b\u2069\u200b\u200e\ufeffc.txt", "abc.txt", id="not to be seen"),
    pytest.param("a\udcff\ue000b.txt", "ab.txt", id="no characters"),
    pytest.param('a"; filename="b.exe', "a_; filename=_b.exe", id="quotation marks"),
    pytest.param("a\\", "", id="a backslash at the end"),
    pytest.param("a<b>c|d?e*f.txt", "a_b_c_d_e_f.txt", id="reserved"),
    pytest.param("%2e%2e%2fx.txt", "%2e%2e%2fx.txt", id="percent-encoded"),
    pytest.param("100%.txt", "100%.txt", id="percent"),
    pytest.param(None, "", id="no text"),
    pytest.param(["a"], "", id="a list"),
    pytest.param(7, "", id="a number"),
    pytest.param(b"a", "", id="bytes"),
]


@pytest.mark.parametrize(("wanted", "expected"), NAMES)
def test_safe_names(wanted: object, expected: str) -> None:
    """What was wanted becomes a base name in its own script; what is left may be nothing."""
    assert expected == safe_name(wanted)
    assert (expected or "other") == safe_name(wanted, "other")


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ("x" * 5000, "x" * LONGEST),
        ("x" * 5000 + ".wav", "x" * 124 + ".wav"),
        ("é" * 5000 + ".wav", "é" * 124 + ".wav"),
        ("🎉" * 5000 + ".wav", "🎉" * 62 + ".wav"),
        ("../" * 5000 + "x.wav", "x.wav"),
        ("x." + "y" * 5000, "x." + "y" * 126),
    ],
    ids=["ascii", "ending", "two bytes", "four bytes", "folders", "a long ending"],
)
def test_long_names(wanted: str, expected: str) -> None:
    """A name has at most 128 characters and 255 bytes, and keeps its ending."""
    assert expected == safe_name(wanted)


CHOICES: list[Any] = [
    pytest.param(("a.wav",), "a.wav", "a.wav.csv", id="another ending"),
    pytest.param(("a.csv",), "a.csv", "a.csv", id="the same ending"),
    pytest.param(("a.CSV",), "a.CSV", "a.csv", id="in capitals"),
    pytest.param(("a",), "a.csv", "a.csv", id="none"),
    pytest.param((".csv",), "csv.csv", "result.csv", id="an ending only"),
    pytest.param(("a.exe",), "a.exe", "a.exe.csv", id="a dangerous one"),
    pytest.param(("report 2.0 final",), "report 2.0 final.csv", "report 2.0 final.csv", id="a dot"),
    pytest.param(("x." + "y" * 40,), "x." + "y" * 40 + ".csv", "x." + "y" * 40 + ".csv", id="a long one"),
    pytest.param((), "result.csv", "result.csv", id="no name"),
    pytest.param((None, "", "..", "b.csv"), "b.csv", "b.csv", id="the first that is one"),
    pytest.param(("a", "b"), "a.csv", "a.csv", id="the first"),
    pytest.param(("x" * 5000,), "x" * 124 + ".csv", "x" * 124 + ".csv", id="a long name"),
]


@pytest.mark.parametrize(("wanted", "free", "fixed"), CHOICES)
def test_file_names(wanted: tuple[object, ...], free: str, fixed: str) -> None:
    """A file has an ending: its own or the one that is given, or the given one always."""
    assert [free, fixed] == [file_name(wanted, "csv"), file_name(wanted, "csv", always=True)]


FIELDS: list[Any] = [
    pytest.param("photo.png", 'inline; filename="photo.png"', id="plain"),
    pytest.param("my photo.png", "inline; filename=\"my_photo.png\"; filename*=UTF-8''my%20photo.png", id="a blank"),
    pytest.param("résumé.pdf", "inline; filename=\"resume.pdf\"; filename*=UTF-8''r%C3%A9sum%C3%A9.pdf", id="accents"),
    pytest.param("通话.mp3", "inline; filename=\"result.mp3\"; filename*=UTF-8''%E9%80%9A%E8%AF%9D.mp3", id="a script"),
    pytest.param("🎉.wav", "inline; filename=\"result.wav\"; filename*=UTF-8''%F0%9F%8E%89.wav", id="emoji"),
    pytest.param("100%.txt", "inline; filename=\"100.txt\"; filename*=UTF-8''100%25.txt", id="percent"),
    pytest.param("a;b='c'.txt", "inline; filename=\"a_b_c.txt\"; filename*=UTF-8''a%3Bb%3D%27c%27.txt", id="marks"),
]


@pytest.mark.parametrize(("name", "expected"), FIELDS)
def test_the_field(name: str, expected: str) -> None:
    """A name of plain characters stands there once, any other in two forms, the better one last."""
    assert expected == disposition("inline", name).decode()


@settings(max_examples=400, deadline=None)
@given(st.text(max_size=300) | st.text(st.sampled_from("ab./\\ ._-\r\n\0\"%;='\u202e\u00e9\U0001f389:"), max_size=300))
def test_any_name(wanted: str) -> None:
    """Whatever is wanted, the name is a short base name, visible, and the field says it and nothing else."""
    name = file_name([wanted], "bin")
    assert name == safe_name(name) == PurePosixPath(name).name == PureWindowsPath(name).name
    assert (True, True) == (len(name) <= LONGEST, len(name.encode()) <= 255)
    assert (True, True) == (bool(ending_in(name)), name[0] not in ". ")
    assert [] == [each for each in name if unicodedata.category(each)[0] == "C"]
    field = disposition("attachment", name)
    assert re.fullmatch(rb"attachment; filename=\"[A-Za-z0-9._-]+\"(; filename\*=UTF-8''[A-Za-z0-9._~%-]+)?", field)
    read = Message()
    read["content-disposition"] = field.decode()
    assert name == read.get_filename() or unquote(field.decode().rpartition("''")[2]) == name
    assert name.rpartition(".")[2] == field.decode().split('"')[1].rpartition(".")[2]


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=300) | st.text(st.sampled_from('ab./\\ ._-\r\n"%'), max_size=300))
def test_any_name_of_a_listing(wanted: str) -> None:
    """A name that has to have an ending has it, and something before it."""
    name = file_name([wanted], "csv", always=True)
    assert (True, True, True) == (name.endswith(".csv"), len(name) > 4, len(name) <= LONGEST)


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("a.png", "a.png"),
        ("K\xc3\xb6ln", "Köln"),
        ("K\xf6ln", "Köln"),
        ("", ""),
        ("\xff\xfe", "\xff\xfe"),
        ("é€", "é€"),
    ],
)
def test_the_text_of_a_field(field: str, expected: str) -> None:
    """Bytes of a header field are UTF-8 if they can be, and Latin-1 otherwise."""
    assert expected == field_text(field)
