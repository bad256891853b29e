"""The error tree: as it is drawn, so it is."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from typing import NamedTuple

import orjson
import pytest

import crossbar
from crossbar import errors
from crossbar.envelope import envelope_message, failure_data
from crossbar.errors import (
    BadIdentifier,
    BadRequest,
    Conflict,
    CrossbarError,
    DefinitionError,
    DocumentMissing,
    Fault,
    Forbidden,
    InvalidData,
    InvalidEnvelope,
    MethodNotAllowed,
    NotFound,
    Refusal,
    RevisionConflict,
    SettingsError,
    Unauthorized,
    Unavailable,
    UniqueConflict,
    Violation,
)

LINE = re.compile(r"    (?P<branch>[│├└─ ]*)(?P<name>[A-Z]\w+)\s+(?P<rest>.*)|    (?P<root>CrossbarError)")


class Drawn(NamedTuple):
    """One line of the drawing."""

    name: str
    parent: str
    rest: str


def drawing() -> list[Drawn]:
    """Give the lines of the tree in the docstring of the module, each with the name above it."""
    found: list[Drawn] = []
    above: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        match = LINE.fullmatch(line)
        if match is None:
            continue
        name = match["name"] or match["root"]
        depth = len(match["branch"] or "") // 4
        del above[depth:]
        found.append(Drawn(name, above[-1] if above else "", match["rest"] or ""))
        above.append(name)
    return found


def classes() -> dict[str, type[CrossbarError]]:
    """Give every error class of the module by its name."""
    return {
        name: thing
        for name, thing in vars(errors).items()
        if isinstance(thing, type) and issubclass(thing, CrossbarError)
    }


REFUSALS = sorted(
    (cls for cls in classes().values() if issubclass(cls, Refusal) and cls is not Refusal), key=lambda cls: cls.__name__
)
DRAWN = {line.name: line for line in drawing()}


def test_the_tree_is_drawn_as_it_is() -> None:
    """Every class stands in the drawing under its parent, and nothing else does."""
    real = {name: cls.__bases__[0].__name__ if cls is not CrossbarError else "" for name, cls in classes().items()}
    assert real == {line.name: line.parent for line in drawing()}


def test_the_tree_is_drawn_in_the_order_of_the_file() -> None:
    """Whoever looks a class up in the drawing finds it at the same place in the file."""
    assert list(classes()) == [line.name for line in drawing()]


@pytest.mark.parametrize("cls", REFUSALS, ids=lambda cls: cls.__name__)
def test_status_and_word_are_drawn_as_they_are(cls: type[Refusal]) -> None:
    """Beside each refusal stand its status and its word."""
    status, word = re.split(r"[\s,;]+", DRAWN[cls.__name__].rest)[:2]
    assert (str(cls.status), cls.word) == (status, word)


@pytest.mark.parametrize("cls", REFUSALS, ids=lambda cls: cls.__name__)
def test_each_refusal_can_be_told(cls: type[Refusal]) -> None:
    """Each refusal has a status of an error, a word for machines, and a sentence in a docstring."""
    assert (True, True, True) == (
        300 <= cls.status < 600,
        re.fullmatch(r"[a-z]+(_[a-z]+)*", cls.word) is not None,
        bool(cls.__doc__),
    )


def test_every_error_of_the_package_is_in_the_tree() -> None:
    """No exception class of the package stands outside of the tree, but for those that never leave their own room."""
    private = {
        "crossbar.cli.examples.NoExample",
        "crossbar.cli.matching._Unknown",
        "crossbar.cli.output.Failure",
        "crossbar.cli.schema_reading.TooIntricate",
        "crossbar.context.Answered",
        "crossbar.gateway.guard.ClientGone",
        "crossbar.gateway.guard.Overdue",
        "crossbar.gateway.matching.Clash",
        "crossbar.gateway.policy.PolicyError",
        "crossbar.gateway.routes.RouteFault",
        "crossbar.gateway.transport.Broken",
        "crossbar.gateway.transport.Garbled",
        "crossbar.gateway.transport.NotConnected",
        "crossbar.gateway.transport.NotInTime",
        "crossbar.gateway.transport.Rejected",
        "crossbar.gateway.transport.TransportError",
        "crossbar.protocol.head.Refused",
        "crossbar.stores.mongo.writes.Clash",
    }
    outside = set()
    for module in pkgutil.walk_packages(crossbar.__path__, "crossbar."):
        if module.name.endswith("__main__"):
            continue
        for thing in vars(importlib.import_module(module.name)).values():
            if inspect.isclass(thing) and issubclass(thing, Exception) and thing.__module__.startswith("crossbar."):
                outside |= set() if issubclass(thing, CrossbarError) else {f"{thing.__module__}.{thing.__qualname__}"}
    assert private == outside


@pytest.mark.parametrize(
    ("cls", "status", "word"),
    [
        (Unauthorized, 401, "invalid_credentials"),
        (Forbidden, 403, "forbidden"),
        (NotFound, 404, "not_found"),
        (BadIdentifier, 404, "bad_identifier"),
        (MethodNotAllowed, 405, "invalid_method"),
        (Conflict, 409, "datastore_conflict"),
        (Fault, 500, "unspecified_fault"),
    ],
)
def test_words_that_clients_know(cls: type[Refusal], status: int, word: str) -> None:
    """Where Kazoo has a word for an error we use it, with its status."""
    assert (status, word) == (cls.status, cls.word)


def test_a_refusal_says_what_it_is_told() -> None:
    """Message, word, cause, details and headers of one refusal are its own and leave the class alone."""
    refusal = NotFound("no such thing", word="faulty_request", cause=5, details={"a": 1}, headers=[(b"x", b"y")])
    assert ("no such thing", "faulty_request", 5, {"a": 1}, ((b"x", b"y"),), "no such thing") == (
        refusal.message,
        refusal.word,
        refusal.cause,
        refusal.details,
        refusal.headers,
        str(refusal),
    )
    assert ("not found", "not_found", None, None, ()) == (
        NotFound().message,
        NotFound().word,
        NotFound().cause,
        NotFound().details,
        NotFound().headers,
    )


@pytest.mark.parametrize(
    ("refusal", "headers"),
    [
        pytest.param(MethodNotAllowed("GET, OPTIONS"), ((b"allow", b"GET, OPTIONS"),), id="Allow"),
        pytest.param(Unavailable(), ((b"retry-after", b"5"),), id="Retry-After"),
        pytest.param(Unavailable("away", retry=30), ((b"retry-after", b"30"),), id="Retry-After as told"),
    ],
)
def test_headers_that_belong_to_a_status(refusal: Refusal, headers: tuple[tuple[bytes, bytes], ...]) -> None:
    """A 405 says what is allowed, a 503 when to come back."""
    assert headers == refusal.headers


def test_the_short_form_of_invalid_data() -> None:
    """One field and its rule are enough; dots lead into objects."""
    refusal = InvalidData("a.b", "format", "no", target=1, cause=2, value=3)
    assert (Violation(("a", "b"), "format", "no", 1, 2, 3),) == refusal.violations


def test_the_long_form_of_invalid_data() -> None:
    """A list of violations is kept as it is."""
    violations = [Violation(("a",), "x", "y"), Violation(("b", 0), "x", "y")]
    assert tuple(violations) == InvalidData(violations).violations


@pytest.mark.parametrize(
    ("refusal", "message", "data"),
    [
        pytest.param(NotFound(), "not_found", {"message": "not found"}, id="the default"),
        pytest.param(
            BadIdentifier(cause="x"), "bad_identifier", {"message": "bad identifier", "cause": "x"}, id="cause"
        ),
        pytest.param(
            BadRequest("no", details={"a": [1]}, cause=0),
            "bad_request",
            {"message": "no", "cause": 0, "a": [1]},
            id="details",
        ),
        pytest.param(
            MethodNotAllowed("GET"), "invalid_method", {"message": "method not allowed", "allow": "GET"}, id="allow"
        ),
        pytest.param(
            InvalidData("a.b", "format", "no", cause=False, target=""),
            "validation error",
            {"a.b": {"format": {"message": "no", "target": "", "cause": False}}},
            id="a field",
        ),
        pytest.param(
            InvalidData([Violation(("a", 0), "x", "y"), Violation(("a", 0), "z", "w"), Violation(("b.c",), "x", "y")]),
            "validation error",
            {"a.0": {"x": {"message": "y"}, "z": {"message": "w"}}, "b%2Ec": {"x": {"message": "y"}}},
            id="several fields",
        ),
        pytest.param(
            InvalidEnvelope("json", "invalid", "no", target="body"),
            "invalid request envelope",
            {"json": {"invalid": {"message": "no", "target": "body"}}},
            id="an envelope",
        ),
    ],
)
def test_what_clients_read(refusal: Refusal, message: str, data: object) -> None:
    """The envelope says the word, with blanks for validation, and under `data` what is wrong."""
    assert (message, data) == (envelope_message(refusal), failure_data(refusal))
    assert orjson.dumps(failure_data(refusal))


def test_version_1_reads_sentences() -> None:
    """In version 1 a field has codes with sentences; other errors are as they are."""
    assert {"a": {"format": "no"}} == failure_data(InvalidData("a", "format", "no", value=1), plain=True)
    assert {"message": "not found"} == failure_data(NotFound(), plain=True)


@pytest.mark.parametrize(
    ("error", "parts"),
    [
        pytest.param(DocumentMissing("t", "devices", "d"), ("t", "devices", "d"), id="DocumentMissing"),
        pytest.param(RevisionConflict("devices", "d", 1, 2), ("devices", "d", "1", "2"), id="RevisionConflict"),
        pytest.param(UniqueConflict("devices", "mac"), ("devices", "mac"), id="UniqueConflict"),
        pytest.param(SettingsError(["a: x", "b: y"], "file"), ("file", "a: x", "b: y"), id="SettingsError"),
    ],
)
def test_errors_name_the_thing(error: CrossbarError, parts: tuple[str, ...]) -> None:
    """A message names everything that is needed to find the place."""
    assert parts == tuple(part for part in parts if part in str(error))


def test_a_class_that_is_not_well_formed_is_a_type_error() -> None:
    """Who expects Python's own error for a class that cannot be catches ours."""
    assert issubclass(DefinitionError, TypeError)
