"""The rules of `allow`: a small language that says yes or no about a request. Pure; nothing in it is ever executed.

It has `and`, `or`, `not`, the comparisons `==`, `!=`, `<`, `<=`, `>`, `>=`, `in`, `not in`, texts, numbers, `true`,
`false`, `null`, lists of these but for `null`, parentheses, and names: `claims.account`, `claims['https://x/roles']`,
`claims.groups[0]`, `path.account`, `principal.role`, `request.method`. It is written, and read, as Python is.

Nothing in a request raises an error, and what does not fit together is false:

- What is missing is null. `== null` and `!= null` ask for that. Any other comparison with it is neither so nor not so,
  and lets nobody pass, with `not` before it or without.
- `==` compares as JSON does: `1` is `1.0`, but never `true`, nor `"1"`.
- `<` and its kin compare numbers with numbers and texts with texts; of anything else nobody can say.
- `in` looks for an element of a list, or for a word of a text: `'admin' in claims.scope` is true for `"read admin"`, as
  in OAuth (RFC 6749, 3.3), and false for `"administrators"`. Of what is neither list nor text, and of anything but a
  text in a text, nobody can say.
- A name that stands alone is true if it is `true`, and after `not` if it is `false` or null: `"true"` and `1` are
  neither.

NOTE: what nobody can say stays so after `not`: without a claim `x`, neither `claims.x < 3` nor `not (claims.x < 3)`
lets anybody pass, nor do `claims.x != 'a'` and `'a' not in claims.x`; `claims.x == null or claims.x != 'a'` does.
"""

from __future__ import annotations

import ast
import difflib
import warnings
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from .policy_terms import (
    COMPARISONS,
    Facts,
    Look,
    Test,
    compared,
    every,
    is_missing,
    is_no,
    is_yes,
    look_up,
    shown,
    some,
)

MOST_CHARACTERS = 2_000
MOST_LEVELS = 50
MOST_NUMBER = 2**53
"""Beyond it, not everybody reads the same number (RFC 8259, 6)."""

KNOWN: dict[str, frozenset[str] | None] = {
    "claims": None,
    "path": frozenset(),
    "principal": frozenset({"account", "user", "role", "provider"}),
    "request": frozenset({"method", "host", "address"}),
}
"""The first words of names, and what follows them: None for anything; the parameters of a route are put to `path`."""

_WORDS = {"true": True, "false": False, "null": None}


class PolicyError(ValueError):
    """A text is no policy; `position` is the character at which that shows, counted from 1."""

    def __init__(self, message: str, position: int) -> None:
        super().__init__(f"character {position}: {message}")
        self.position = position


class Policy:
    """Says whether a request with some facts may pass; `compile_policy` makes it of a text."""

    __slots__ = ("_parts", "_test", "text")

    def __init__(self, text: str, test: Test, parts: Iterable[_Part]) -> None:
        self.text = text
        self._test = test
        self._parts = tuple(parts)

    def __call__(self, facts: Facts) -> bool:
        """Whether these facts satisfy it; never an error."""
        return self._test(facts)

    def why(self, facts: Facts) -> str:
        """What each comparison in it says of these facts, with the values that it looks at; for a human."""
        return "; ".join(part.told(facts) for part in self._parts)


def compile_policy(text: str, parameters: Iterable[str]) -> Policy:
    """The policy that a text writes, for a route whose path has these parameters; PolicyError if it writes none."""
    if len(text) > MOST_CHARACTERS:
        raise PolicyError(f"a rule has at most {MOST_CHARACTERS} characters", MOST_CHARACTERS + 1)
    compiler = _Compiler(text, {**KNOWN, "path": frozenset(parameters)})
    return Policy(text, compiler.logic(compiler.tree(), True, 0), compiler.parts)


class _Part(NamedTuple):
    """A comparison, or a name that stands alone, with the names that it looks at."""

    text: str
    test: Test
    names: Mapping[str, Look]

    def told(self, facts: Facts) -> str:
        """What it says, and of which values."""
        said = f"{self.text}: {'yes' if self.test(facts) else 'no'}"
        values = ", ".join(f"{name} is {shown(look(facts))}" for name, look in self.names.items())
        return f"{said} ({values})" if values else said


class _Operand(NamedTuple):
    """A side of a comparison: how it is looked up, and whether it is the word `null`."""

    look: Look
    is_null: bool = False


class _Compiler:
    """Turns one text into functions, and collects the parts of it."""

    def __init__(self, text: str, known: Mapping[str, frozenset[str] | None]) -> None:
        whole = text.replace("\r\n", "\n").replace("\r", "\n")
        # NOTE: a rule may be indented, which for Python it may not.
        self._source = whole.strip()
        self._indent = len(whole) - len(whole.lstrip())
        self._lines = self._source.split("\n")
        self._known = known
        self.parts: list[_Part] = []

    def tree(self) -> ast.expr:
        """The text as Python reads it."""
        if not self._source:
            raise PolicyError("a rule is empty: leave it out, or say what must be so", 1)
        try:
            with warnings.catch_warnings():
                # NOTE: a text with a wrong escape is only a warning, and yet a mistake.
                warnings.simplefilter("error")
                # NOTE: without the end of the line, Python does not say where something is missing there.
                return ast.parse(f"{self._source}\n", mode="eval").body
        except SyntaxError as error:
            position = self._position(error.lineno or 1, max(error.offset or 1, 1) - 1)
            raise PolicyError(f"this cannot be read ({error.msg})", position) from None
        except (ValueError, MemoryError, RecursionError):
            raise PolicyError("this cannot be read", self._position(1, 0)) from None

    def logic(self, node: ast.expr, positive: bool, level: int) -> Test:
        """What says yes or no, or if it is not `positive`, the opposite.

        `not` goes down to the comparisons, so that `not (a or b)` is what `not a and not b` is, always.
        """
        if level > MOST_LEVELS:
            raise self._error(f"this is nested more than {MOST_LEVELS} levels deep", node)
        if isinstance(node, ast.BoolOp):
            tests = tuple(self.logic(value, positive, level + 1) for value in node.values)
            return every(tests) if isinstance(node.op, ast.And) is positive else some(tests)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            return self.logic(node.operand, not positive, level + 1)
        if isinstance(node, ast.Compare):
            return self._comparison(node, positive)
        if isinstance(node, ast.Attribute | ast.Subscript):
            look = self._name(node)
            name = ast.unparse(node)
            self.parts.append(_Part(name, is_yes(look), {name: look}))
            return is_yes(look) if positive else is_no(look)
        value = self._constant(node)
        if not isinstance(value, bool):
            raise self._error(f"{self._written(node)} is neither true nor false: compare it with something", node)
        is_so = value is positive
        return lambda facts: is_so

    def _comparison(self, node: ast.Compare, positive: bool) -> Test:
        """Whether a comparison is so, or if not `positive`, whether it is not; neither where nobody can say."""
        names: dict[str, Look] = {}
        operands = [self._operand(each, names) for each in (node.left, *node.comparators)]
        tests: list[Test] = []
        opposites: list[Test] = []
        for left, sign, right in zip(operands, node.ops, operands[1:], strict=False):
            compare = COMPARISONS.get(type(sign))
            if compare is None:
                raise self._error("'is' is not known here: write == or !=", node)
            if isinstance(sign, ast.Eq | ast.NotEq) and (left.is_null or right.is_null):
                look, missing = left.look if right.is_null else right.look, isinstance(sign, ast.Eq)
                tests.append(is_missing(look, missing))
                opposites.append(is_missing(look, not missing))
            else:
                tests.append(compared(left.look, compare, right.look, so=True))
                opposites.append(compared(left.look, compare, right.look, so=False))
        test = tests[0] if len(tests) == 1 else every(tuple(tests))
        self.parts.append(_Part(ast.unparse(node), test, names))
        if positive:
            return test
        return opposites[0] if len(opposites) == 1 else some(tuple(opposites))

    def _operand(self, node: ast.expr, names: dict[str, Look]) -> _Operand:
        if isinstance(node, ast.Attribute | ast.Subscript):
            look = names[ast.unparse(node)] = self._name(node)
            return _Operand(look)
        if isinstance(node, ast.List | ast.Tuple):
            values = tuple(self._constant(each) for each in node.elts)
            if None in values:
                raise self._error("there is a null in a list: compare with it by == or !=", node)
            return _Operand(lambda facts: values)
        value = self._constant(node)
        return _Operand(lambda facts: value, value is None)

    def _constant(self, node: ast.expr) -> Any:
        """A text, number, boolean or null that is written out."""
        if isinstance(node, ast.Name):
            if node.id in _WORDS:
                return _WORDS[node.id]
            raise self._unknown(node)
        sign = 1
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            node, sign = node.operand, -1
        value = node.value if isinstance(node, ast.Constant) else ...
        if isinstance(value, int | float) and not isinstance(value, bool):
            if abs(value) > MOST_NUMBER:
                raise self._error(f"this number is larger than {MOST_NUMBER}", node)
            return sign * value
        if sign < 0 or not (value is None or isinstance(value, str | bool)):
            raise self._error(f"{self._written(node)} has no part in a rule, or not here", node)
        return value

    def _name(self, node: ast.expr) -> Look:
        """What finds the value of a name such as `claims.a['b'][0]`; null if there is none."""
        keys: list[str | int] = []
        inner = node
        while isinstance(inner, ast.Attribute | ast.Subscript):
            keys.insert(0, inner.attr if isinstance(inner, ast.Attribute) else self._key(inner.slice))
            if isinstance(inner, ast.Attribute) and inner.attr.startswith("__"):
                raise self._error(f"{inner.attr!r} is no name: those that begin with __ stand in brackets", inner)
            inner = inner.value
        if not isinstance(inner, ast.Name) or inner.id not in self._known:
            raise self._unknown(inner)
        if len(keys) > MOST_LEVELS:
            raise self._error(f"this name goes more than {MOST_LEVELS} levels deep", node)
        known = self._known[inner.id]
        if known is not None and keys[0] not in known:
            raise self._error(f"{inner.id} has no {keys[0]!r}{_nearest(keys[0], known)}", node)
        if known is not None and len(keys) > 1:
            raise self._error(f"{inner.id}.{keys[0]} is a text, and has nothing in it", node)
        return look_up(inner.id, tuple(keys))

    def _key(self, node: ast.expr) -> str | int:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            return node.value
        if isinstance(node, ast.Constant) and type(node.value) is int and node.value <= MOST_NUMBER:
            return node.value
        raise self._error("in brackets stands a text, or a place in a list", node)

    def _unknown(self, node: ast.expr) -> PolicyError:
        if not isinstance(node, ast.Name):
            return self._error(f"{self._written(node)} has no part in a rule", node)
        if node.id in self._known:
            return self._error(f"say what of it: {node.id}.NAME", node)
        return self._error(f"there is no {node.id!r}{_nearest(node.id, self._known)}; a text stands in quotes", node)

    def _written(self, node: ast.expr) -> str:
        """A piece of the text as it is written, shortened if it is long."""
        piece = ast.get_source_segment(self._source, node) or ""
        return repr(piece if len(piece) <= 40 else f"{piece[:37]}...")

    def _error(self, message: str, node: ast.expr) -> PolicyError:
        # NOTE: Python counts bytes here, and characters in its own errors.
        before = self._lines[node.lineno - 1].encode()[: node.col_offset]
        return PolicyError(message, self._position(node.lineno, len(before.decode())))

    def _position(self, line: int, column: int) -> int:
        return self._indent + sum(len(each) + 1 for each in self._lines[: line - 1]) + column + 1


def _nearest(name: str | int, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(str(name), known, 1, 0.5)
    return f", did you mean {near[0]!r}?" if near else f": there is {', '.join(sorted(known)) or 'nothing'}"
