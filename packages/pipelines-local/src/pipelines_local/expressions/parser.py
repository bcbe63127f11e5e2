"""Parse an expression to a tree; check names and the number of arguments.

The position of an error is that of Azure Pipelines: a wrong number of arguments is reported at the
token that makes it wrong, an unclosed call at its name. An unknown name is reported only if the
expression has no syntax error.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias, Union

from pipelines_local.errors import ParseError
from pipelines_local.expressions.lexer import Kind, Token, tokenize
from pipelines_local.expressions.slots import COUNTER, GENERAL, STATUS, Slot
from pipelines_local.expressions.values import Value

MAX_LENGTH = 21_000
MAX_DEPTH = 50
MAX_LOOKUPS = 300  # not a limit of Azure Pipelines; protects the recursion of the evaluator
MANY = 255
_COUNTS = {
    "and": (2, MANY),
    "coalesce": (2, MANY),
    "contains": (2, 2),
    "containsvalue": (2, 2),
    "converttojson": (1, 1),
    "counter": (2, 2),
    "endswith": (2, 2),
    "eq": (2, 2),
    "format": (1, MANY),
    "ge": (2, 2),
    "gt": (2, 2),
    "iif": (3, 3),
    "in": (1, MANY),
    "join": (2, 2),
    "le": (2, 2),
    "length": (1, 1),
    "lower": (1, 1),
    "lt": (2, 2),
    "ne": (2, 2),
    "not": (1, 1),
    "notin": (1, MANY),
    "or": (2, MANY),
    "replace": (3, 3),
    "split": (2, 2),
    "startswith": (2, 2),
    "trim": (1, 1),
    "upper": (1, 1),
    "xor": (2, 2),
    "always": (0, 0),
    "canceled": (0, 0),
    "failed": (0, MANY),
    "succeeded": (0, MANY),
    "succeededorfailed": (0, MANY),
}  # fmt: skip - a table


@dataclass(frozen=True)
class Literal:
    """A literal."""

    value: Value
    at: int


@dataclass(frozen=True)
class Name:
    """A named value: variables, parameters, a loop variable."""

    name: str
    at: int


@dataclass(frozen=True)
class Call:
    """A function call; the name is in lower case."""

    function: str
    arguments: tuple[Expression, ...]
    at: int


@dataclass(frozen=True)
class Index:
    """One value of a collection: ``a.b``, ``a['b']``, ``a[0]``."""

    base: Expression
    key: Expression
    at: int


@dataclass(frozen=True)
class Filter:
    """All values of a collection: ``a.*``."""

    base: Expression
    at: int


Expression: TypeAlias = Union[Literal, Name, Call, Index, Filter]  # noqa: UP007


def parse(text: str, slot: Slot) -> Expression:
    """Parse an expression for ``slot``.

    Raises:
        ParseError: a syntax error, or a name that is unknown in this slot.
    """
    if len(text) > MAX_LENGTH:
        raise ParseError(f"longer than {MAX_LENGTH} characters", MAX_LENGTH)
    parser = _Parser(list(tokenize(text)), slot)
    if parser.at_end:
        raise ParseError("empty expression", 1)
    tree = parser.expression(1)
    if not parser.at_end:
        raise parser.unexpected_symbol()
    if parser.unknown is not None:
        raise parser.unknown
    return tree


class _Parser:
    """Recursive descent with one token of lookahead."""

    def __init__(self, tokens: list[Token], slot: Slot) -> None:
        self._tokens = tokens
        self._next = 0
        self._lookups = 0
        self._slot = slot
        self.unknown: ParseError | None = None

    @property
    def token(self) -> Token:
        return self._tokens[self._next]

    @property
    def at_end(self) -> bool:
        return self.token.kind is Kind.END

    def _take(self) -> Token:
        token = self.token
        self._next += 1
        return token

    def _expect(self, mark: str) -> Token:
        if not self.token.is_(mark):
            raise self.unexpected_symbol(f"expected {mark!r}")
        return self._take()

    def _defer(self, message: str, at: int) -> None:
        """Remember the first unknown name; it is reported if there is no syntax error."""
        self.unknown = self.unknown or ParseError(message, at)

    def unexpected_symbol(self, hint: str = "") -> ParseError:
        token = self.token
        message = f"unexpected symbol {token.text!r}" if token.text else "unexpected end"
        return ParseError(f"{message}; {hint}" if hint else message, token.at)

    def expression(self, depth: int) -> Expression:
        """Parse a literal, a name or a call with the property accesses that follow."""
        if depth > MAX_DEPTH:
            raise ParseError(f"nested deeper than {MAX_DEPTH}", self.token.at)
        tree = self._primary(depth)
        while True:
            token = self.token
            if token.kind is Kind.DOT:
                self._take()
                tree = self._property(tree, token.at)
            elif token.is_("[") and not isinstance(tree, Literal):
                self._take()
                if self.token.is_("*"):
                    self._take()
                    tree = Filter(tree, token.at)
                else:
                    tree = Index(tree, self.expression(depth + 1), token.at)
                if self.at_end:
                    raise ParseError("'[' has no ']'", token.at)
                self._expect("]")
            else:
                return tree
            self._lookups += 1
            if self._lookups > MAX_LOOKUPS:
                raise ParseError(f"more than {MAX_LOOKUPS} lookups", token.at)

    def _property(self, base: Expression, at: int) -> Expression:
        token = self.token
        if token.is_("*"):
            self._take()
            return Filter(base, at)
        is_word = token.kind is Kind.NAME or isinstance(token.value, bool)
        if self.at_end:
            raise ParseError("expected a name after '.'", at)
        if not is_word:
            raise self.unexpected_symbol("expected a name after '.'; for other keys use ['...']")
        self._take()
        return Index(base, Literal(token.text, token.at), at)

    def _primary(self, depth: int) -> Expression:
        token = self.token
        if token.kind is Kind.LITERAL:
            self._take()
            return Literal(token.value, token.at)
        if token.kind is not Kind.NAME:
            hint = "grouping parentheses are not supported" if token.is_("(") else ""
            raise self.unexpected_symbol(hint)
        self._take()
        if self.token.is_("("):
            return self._call(token, depth)
        name = token.text.lower()
        if name in self._slot.functions and name not in self._slot.names:
            self._defer(f"expected '(' after the function {token.text!r}", token.at)
        elif name not in self._slot.names:
            self._defer(f"unrecognized value: {token.text!r} ({self._available()})", token.at)
        return Name(token.text.lower(), token.at)

    def _available(self) -> str:
        if not self._slot.names:
            return "no names are available here"
        return f"available here: {', '.join(sorted(self._slot.names))}"

    def _call(self, name: Token, depth: int) -> Expression:
        function = name.text.lower()
        if function not in self._slot.functions:
            if function in GENERAL | STATUS | COUNTER:
                self._defer(f"the function {name.text!r} is not available here", name.at)
            else:
                self._defer(f"unrecognized function: {name.text!r}", name.at)
            least, most = 0, MANY
        else:
            least, most = self._counts(function)
        self._expect("(")
        arguments: list[Expression] = []
        while not self.token.is_(")"):
            if len(arguments) >= most and not self.at_end:
                raise self.unexpected_symbol(f"{name.text}() takes {_arguments(most, 'at most')}")
            if arguments and not self.at_end:
                self._expect(",")
            if self.at_end:
                raise ParseError(f"the function {name.text!r} has no ')'", name.at)
            arguments.append(self.expression(depth + 1))
        if len(arguments) < least:
            raise self.unexpected_symbol(
                f"{name.text}() takes {_arguments(least, 'at least')} (got {len(arguments)})"
            )
        self._take()
        return Call(function, tuple(arguments), name.at)

    def _counts(self, function: str) -> tuple[int, int]:
        if function in STATUS and not self._slot.status_arguments:
            return 0, 0
        return _COUNTS[function]


def _arguments(count: int, bound: str) -> str:
    if count == 0:
        return "no arguments"
    return f"{bound} {count} argument{'s' if count > 1 else ''}"
