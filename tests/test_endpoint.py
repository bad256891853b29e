"""Endpoints: what is read out of a class when it is defined, and what answers at which path and verb."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import permutations
from typing import Any

import pytest

from crossbar import Answer, Context, Endpoint, Resource, action
from crossbar.dialects.crossbar import CrossbarDialect
from crossbar.dispatch import Dispatch, Verbs
from crossbar.errors import DefinitionError
from crossbar.routes import OPERATIONS, VERBS

KAZOO = CrossbarDialect.verbs
RINGCENTRAL = {"find": "GET", "create": "POST", "read": "GET", "replace": "PUT", "patch": "PATCH", "delete": "DELETE"}
REALM = {"find": "GET", "create": "POST", "read": "GET", "patch": "PUT", "replace": "POST", "delete": "DELETE"}

Method = Callable[..., Any]


async def at_noun(self: Endpoint, ctx: Context) -> Answer:
    """Answer at the noun itself."""
    return None


async def at_id(self: Endpoint, ctx: Context, id: str) -> Answer:
    """Answer one level deeper."""
    return None


async def at_two(self: Endpoint, ctx: Context, id: str, part: str) -> Answer:
    """Answer two levels deeper."""
    return None


async def at_most_two(self: Endpoint, ctx: Context, id: str = "", part: str = "") -> Answer:
    """Answer at three depths."""
    return None


async def anywhere(self: Endpoint, ctx: Context, *args: str) -> Answer:
    """Answer at every depth."""
    return None


async def from_two(self: Endpoint, ctx: Context, id: str, part: str, *rest: str) -> Answer:
    """Answer from two levels on."""
    return None


async def positional(self: Endpoint, ctx: Context, id: str, /) -> Answer:
    """Answer one level deeper, with parameters that have no names outside."""
    return None


async def keyword_only(self: Endpoint, ctx: Context, *, id: str) -> Answer:
    """Never be called with a keyword."""
    return None


async def without_ctx(self: Endpoint) -> Answer:
    """Lack the context."""
    return None


async def pieces(self: Endpoint, ctx: Context) -> Any:
    """Yield, which is no answer."""
    yield 1


def plain(self: Endpoint, ctx: Context) -> Answer:
    """Lack `async`."""
    return None


@action("POST {id}/sync")
async def sync_without_id(self: Endpoint, ctx: Context) -> Answer:
    """Take less than the path of the action has."""
    return None


@action("POST sync")
async def sync_with_id(self: Endpoint, ctx: Context, id: str) -> Answer:
    """Take more than the path of the action has."""
    return None


@action("POST sync")  # type: ignore[type-var]
def plain_sync(self: Endpoint, ctx: Context) -> Answer:
    """Be an action without `async`."""
    return None


def made(**facts: Any) -> type[Endpoint]:
    """Define an endpoint class called Things."""
    return type("Things", (Endpoint,), {"name": "things", **facts})


def acting(*spellings: str) -> type[Endpoint]:
    """Define an endpoint class with an action for each spelling, called one, two, three."""
    return made(**{name: fresh(spelling) for name, spelling in zip(("one", "two", "three"), spellings, strict=False)})


def fresh(spelling: str) -> Method:
    """Give an action that takes any arguments."""

    @action(spelling)
    async def method(self: Endpoint, ctx: Context, *args: str) -> Answer:
        return None

    return method


def dispatch(cls: type[Endpoint], verbs: Mapping[str, str] = KAZOO) -> Dispatch:
    """Give what an endpoint of that class answers, in the verbs of a dialect."""
    return Dispatch(cls(), Verbs("tried", verbs))


def answering(cls: type[Endpoint], path: str, verbs: Mapping[str, str] = KAZOO) -> dict[str, str]:
    """Give verb and method of everything that answers at a path below the noun; empty if nothing does."""
    place = dispatch(cls, verbs).at(tuple(path.split("/")) if path else ())
    return {} if place is None else {verb: bound.route.name for verb, bound in place.verbs.items()}


@pytest.mark.parametrize(
    ("define", "method", "remedy"),
    [
        pytest.param(lambda: made(find=plain), "find", "async def", id="not async"),
        pytest.param(lambda: made(find=pieces), "find", "async def", id="a generator"),
        pytest.param(lambda: made(create=without_ctx), "create", "(self, ctx)", id="no context"),
        pytest.param(lambda: made(read=staticmethod(without_ctx)), "read", "(self, ctx)", id="a static method"),
        pytest.param(lambda: made(delete=keyword_only), "delete", "(self, ctx)", id="keyword only"),
        pytest.param(lambda: made(find=5), "find", "async def", id="no method at all"),
        pytest.param(lambda: made(find=at_id, read=at_id), "find and read", "another number", id="find and read meet"),
        pytest.param(lambda: made(find=anywhere, read=at_id), "find and read", "another number", id="meet by *args"),
        pytest.param(lambda: made(find=at_most_two, read=at_two), "find and read", "another number", id="by default"),
        pytest.param(lambda: made(operations=("find", "list")), "'list'", "find, create, read", id="no such operation"),
        pytest.param(lambda: made(resolve=plain), "resolve", "async def", id="a hook that is not async"),
        pytest.param(lambda: made(sync=sync_without_id), "sync", "the method takes 0", id="an action of lower arity"),
        pytest.param(lambda: made(sync=sync_with_id), "sync", "the method takes 1", id="an action of higher arity"),
        pytest.param(lambda: made(sync=plain_sync), "sync", "async def", id="an action that is not async"),
    ],
)
def test_a_class_that_is_not_well_formed(define: Callable[[], object], method: str, remedy: str) -> None:
    """A mistake fails when the class is defined, with class, method and remedy in the message."""
    with pytest.raises(DefinitionError) as error:
        define()
    message = str(error.value)
    assert ["Things", method, remedy] == [part for part in ("Things", method, remedy) if part in message], message


@pytest.mark.parametrize(
    "name",
    ["Things", "1things", "_things", "thi-ngs", "thi ngs", "thi/ngs", "thíngs", "t" * 33, "things\n", "thi.ngs"],
)
def test_a_name_that_cannot_be_a_noun(name: str) -> None:
    """A noun is lower-case ASCII letters, digits and underscores; anything else is refused with class and rule."""
    with pytest.raises(DefinitionError, match=r"Things.*lower-case"):
        made(name=name)


@pytest.mark.parametrize("name", ["a", "t" * 32, "user_auth", "i18n"])
def test_a_name_that_can_be_a_noun(name: str) -> None:
    """Names of Kazoo's modules are nouns."""
    assert name == made(name=name).name


@pytest.mark.parametrize(
    "spelling",
    [
        *("", "GET ", "get", "FETCH", "get count", "HEAD count", "OPTIONS count", "FETCH count", "GET  count"),
        *(
            "GET /count",
            "GET count/",
            "GET a//b",
            "GET {id",
            "GET id}",
            "GET {}",
            "GET {Id}",
            "GET Count",
            "GET {a}{b}",
        ),
        *("GET {a.b}", "GET a b", "GET ../x", "GET *", "GET count\n"),
    ],
)
def test_an_action_that_cannot_be_spelt_so(spelling: str) -> None:
    """An action is a verb, a blank and a path; the message shows the spelling and an example."""
    with pytest.raises(DefinitionError) as error:
        action(spelling)
    assert [True, True] == [repr(spelling) in str(error.value), "POST {id}/sync" in str(error.value)]


@pytest.mark.parametrize(
    ("method", "depths"),
    [
        pytest.param(at_noun, [0], id="ctx"),
        pytest.param(at_id, [1], id="ctx and one"),
        pytest.param(at_two, [2], id="ctx and two"),
        pytest.param(at_most_two, [0, 1, 2], id="optional ones"),
        pytest.param(anywhere, [0, 1, 2, 3, 4, 31, 32, 33, 200], id="any number"),
        pytest.param(from_two, [2, 3, 4, 31, 32, 33, 200], id="two and any number"),
        pytest.param(positional, [1], id="positional only"),
    ],
)
def test_arity_is_depth(method: Method, depths: list[int]) -> None:
    """An operation answers at exactly the depths that its signature can be called with."""
    things = made(delete=method)
    asked = [0, 1, 2, 3, 4, 31, 32, 33, 200]
    found = [depth for depth in asked if answering(things, "/".join("x" * depth))]
    assert depths == found


class Everything(Endpoint):
    """All operations, and actions beside them."""

    name = "everything"

    async def find(self, ctx: Context) -> Answer:
        """Answer at the noun."""
        return "find"

    async def create(self, ctx: Context) -> Answer:
        """Answer at the noun."""
        return "create"

    async def read(self, ctx: Context, id: str) -> Answer:
        """Answer at an id."""
        return id

    async def replace(self, ctx: Context, id: str) -> Answer:
        """Answer at an id."""
        return id

    async def patch(self, ctx: Context, id: str) -> Answer:
        """Answer at an id."""
        return id

    async def delete(self, ctx: Context, id: str) -> Answer:
        """Answer at an id."""
        return id

    @action("GET count")
    async def count(self, ctx: Context) -> Answer:
        """Count."""
        return 0

    @action("GET {id}/parts/{part}")
    async def part(self, ctx: Context, id: str, part: str) -> Answer:
        """Show a part."""
        return [id, part]

    @action("PUT {id}/parts")
    async def add_part(self, ctx: Context, id: str) -> Answer:
        """Add a part."""
        return id

    @action("GET {id}/parts")
    async def parts(self, ctx: Context, id: str) -> Answer:
        """Show all parts."""
        return id

    @action("DELETE {id}/parts/all")
    async def drop_parts(self, ctx: Context, id: str) -> Answer:
        """Drop all parts."""
        return id


@pytest.mark.parametrize(
    ("verbs", "path", "expected"),
    [
        pytest.param(KAZOO, "", {"GET": "find", "PUT": "create"}, id="Crossbar, the noun"),
        pytest.param(
            KAZOO, "x", {"GET": "read", "POST": "replace", "PATCH": "patch", "DELETE": "delete"}, id="Crossbar, an id"
        ),
        pytest.param(RINGCENTRAL, "", {"GET": "find", "POST": "create"}, id="RingCentral, the noun"),
        pytest.param(
            RINGCENTRAL,
            "x",
            {"GET": "read", "PUT": "replace", "PATCH": "patch", "DELETE": "delete"},
            id="RingCentral, id",
        ),
        pytest.param(REALM, "", {"GET": "find", "POST": "create"}, id="realm, the noun"),
        pytest.param(KAZOO, "count", {"GET": "count"}, id="a literal wins over an argument"),
        pytest.param(
            KAZOO, "count2", {"GET": "read", "POST": "replace", "PATCH": "patch", "DELETE": "delete"}, id="near"
        ),
        pytest.param(KAZOO, "x/parts", {"GET": "parts", "PUT": "add_part"}, id="two actions at one place"),
        pytest.param(KAZOO, "x/parts/y", {"GET": "part"}, id="an action with two parameters"),
        pytest.param(KAZOO, "x/parts/all", {"DELETE": "drop_parts"}, id="the longer literal wins"),
        pytest.param(KAZOO, "x/other", {}, id="no such literal"),
        pytest.param(KAZOO, "x/parts/y/z", {}, id="too deep"),
    ],
)
def test_what_answers(verbs: Mapping[str, str], path: str, expected: dict[str, str]) -> None:
    """Each place has its verbs, in the words of the dialect that asks; actions keep their own verb."""
    assert expected == answering(Everything, path, verbs)


@pytest.mark.parametrize(
    ("path", "allow"),
    [
        pytest.param("", "GET, HEAD, PUT, OPTIONS", id="the noun"),
        pytest.param("x", "GET, HEAD, POST, PATCH, DELETE, OPTIONS", id="an id"),
        pytest.param("count", "GET, HEAD, OPTIONS", id="a literal"),
        pytest.param("x/parts/all", "DELETE, OPTIONS", id="without GET there is no HEAD"),
    ],
)
def test_allow(path: str, allow: str) -> None:
    """`Allow` names what is answered: HEAD beside GET, OPTIONS always."""
    place = dispatch(Everything).at(tuple(path.split("/")) if path else ())
    assert place is not None
    assert allow == place.allow


@pytest.mark.parametrize("verbs", [KAZOO, RINGCENTRAL, REALM], ids=["crossbar", "ringcentral", "realm"])
def test_allow_is_the_table_of_verbs(verbs: Mapping[str, str]) -> None:
    """At every place, `Allow` without HEAD and OPTIONS is the set of verbs that are dispatched there."""
    for place in dispatch(Everything, verbs).places():
        told = set(place.allow.split(", "))
        assert set(place.verbs) | {"OPTIONS"} | ({"HEAD"} if "GET" in place.verbs else set()) == told


@pytest.mark.parametrize(
    ("path", "verb", "arguments"),
    [
        pytest.param("x", "GET", ("x",), id="an operation"),
        pytest.param("x/parts/y", "GET", ("x", "y"), id="an action without its literals"),
        pytest.param("count", "GET", (), id="a literal only"),
        pytest.param("count/parts/count", "GET", ("count", "count"), id="arguments that look like literals"),
    ],
)
def test_arguments_are_the_parameters(path: str, verb: str, arguments: tuple[str, ...]) -> None:
    """An action is called with its parameters, in the order of its path, without the literals."""
    args = tuple(path.split("/"))
    place = dispatch(Everything).at(args)
    assert place is not None
    assert arguments == place.verbs[verb].arguments(args)


@pytest.mark.parametrize(
    "spellings",
    [
        pytest.param(("GET count", "GET count"), id="the same literal"),
        pytest.param(("GET {a}", "GET {b}"), id="the same parameter"),
        pytest.param(("GET {a}/x", "GET y/{b}"), id="crossing"),
        pytest.param(("POST {a}/x/{b}", "POST {c}/{d}/z"), id="crossing further down"),
        pytest.param(("GET {a}/x", "POST y/{b}"), id="crossing with other verbs, where one would hide the other"),
    ],
)
def test_ambiguous_actions(spellings: tuple[str, str]) -> None:
    """Two actions that could both be meant by one path are refused, and both are named."""
    with pytest.raises(DefinitionError) as error:
        acting(*spellings)
    message = str(error.value)
    assert ["Things", "one", "two"] == [name for name in ("Things", "one", "two") if name in message], message


@pytest.mark.parametrize(
    "spellings",
    [
        pytest.param(("GET count", "POST count"), id="other verbs"),
        pytest.param(("GET count", "GET total"), id="other literals"),
        pytest.param(("GET {a}", "GET count"), id="a literal before a parameter"),
        pytest.param(("GET {a}/x", "GET {a}/{b}"), id="a longer literal before a parameter"),
        pytest.param(("GET {a}/x", "GET {a}/x/{b}"), id="other depths"),
        pytest.param(("GET {a}/x", "GET b/y"), id="literals that differ"),
    ],
)
def test_actions_that_can_be_told_apart(spellings: tuple[str, str]) -> None:
    """Actions that a path tells apart live side by side."""
    assert ["one", "two"] == [route.name for route in acting(*spellings).routes]


@pytest.mark.parametrize("order", list(permutations(["GET {a}/{b}", "GET {a}/x", "GET y/x"])), ids=" ".join)
def test_the_most_literal_action_wins(order: tuple[str, ...]) -> None:
    """Whatever the order of definition, the action with literals further to the left answers."""
    things = acting(*order)
    spelt = {getattr(things, name).__dict__["crossbar_action"][2]: name for name in ("one", "two", "three")}
    found = [answering(things, path)["GET"] for path in ("y/x", "z/x", "z/z", "y/z")]
    assert [spelt["GET y/x"], spelt["GET {a}/x"], spelt["GET {a}/{b}"], spelt["GET {a}/{b}"]] == found


def test_operations_can_be_switched_off() -> None:
    """`operations` says which of the methods that are there are offered."""

    class Logs(Everything):
        name = "logs"
        operations = ("find", "read")

    assert {"GET": "find"} == answering(Logs, "")
    assert {"GET": "read"} == answering(Logs, "x")


def test_an_inherited_operation_can_be_taken_away() -> None:
    """A method that is set to None is not there."""

    class Fixed(Resource):
        name = "fixed"
        delete = None  # type: ignore[assignment]

    assert {"GET", "POST", "PATCH"} == set(answering(Fixed, "x"))


def test_a_resource_answers_like_kazoo() -> None:
    """A resource offers the verbs of the reference's section 1.4 without a line of code."""

    class Boxes(Resource):
        name = "boxes"

    assert {"GET", "PUT"} == set(answering(Boxes, ""))
    assert {"GET", "POST", "PATCH", "DELETE"} == set(answering(Boxes, "x"))
    assert {} == answering(Boxes, "x/y")


def test_any_number_beside_one() -> None:
    """A method with one argument and one with any number share the depths at which both answer."""
    things = made(read=at_id, delete=anywhere)
    assert [{"DELETE"}, {"GET", "DELETE"}, {"DELETE"}, {"DELETE"}] == [
        set(answering(things, path)) for path in ("", "x", "x/y", "/".join("x" * 40))
    ]


def test_an_abstract_class_needs_no_name() -> None:
    """A class without a name is a base for others, and its routes are inherited."""
    base = made(name="", find=at_noun)
    child: type[Endpoint] = type("Child", (base,), {"name": "child"})
    assert {"GET": "find"} == answering(child, "")


def test_only_hooks_that_are_there_are_asked() -> None:
    """`overrides` names the hooks that a class or its bases define, and no others."""

    async def authorize(self: Endpoint, ctx: Context) -> None:
        return None

    base = made(authorize=authorize)
    child: type[Endpoint] = type("Child", (base,), {"name": "child"})
    assert [frozenset(), {"authorize"}, {"authorize"}] == [made().overrides, base.overrides, child.overrides]


def test_verbs_are_those_of_the_protocol() -> None:
    """Every operation of the dialect has a verb, and actions may take each of these."""
    assert [set(OPERATIONS), True] == [set(KAZOO), set(KAZOO.values()) <= set(VERBS)]


def test_writes_are_validated() -> None:
    """Operations that store a body are marked as writes; the others and actions are not."""
    writes = {route.name for route in Everything.routes if route.writes}
    assert {"create", "replace", "patch"} == writes


def test_an_action_at_the_noun_itself() -> None:
    """A verb alone is an action where the noun stands; a dialect that creates with this verb does that instead."""
    made = type("Things", (Endpoint,), {"name": "things", "create": at_noun, "change": action("POST")(_another())})()
    kazoo, ringcentral = dispatch(type(made)).at(()), dispatch(type(made), RINGCENTRAL).at(())
    assert kazoo is not None
    assert ringcentral is not None
    assert {"PUT": "create", "POST": "change"} == {verb: bound.route.name for verb, bound in kazoo.verbs.items()}
    assert {"POST": "create"} == {verb: bound.route.name for verb, bound in ringcentral.verbs.items()}


def _another() -> Method:
    async def change(self: Endpoint, ctx: Context) -> Answer:
        return None

    return change
