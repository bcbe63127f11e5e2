"""Parameters of a notebook, read from the syntax tree of the parameters cell.

papermill infers parameters with a regular expression, which does not understand ``int | None``,
``Literal[...]``, a second ``=`` or a ``#`` in a string, and converts no values. Here the type comes
from the annotation or the default, the help from the trailing comment, and a value is converted to
the type or rejected.

pydantic would convert values too, but an export would then import it on every save.
"""

from __future__ import annotations

import ast
import datetime
import io
import json
import math
import re
import tokenize
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nbrelease.errors import ParameterError, UsageError
from nbrelease.secrets import reference

# The types that a command-line option can have.
TYPES = ("bool", "int", "float", "str", "Path", "date", "list[str]", "dict", "list")
# Options of argparse itself; a second option of that name raises an error at startup.
RESERVED_NAMES = ("help",)
# Comments for tools, which are not help texts.
_TOOL_COMMENT = re.compile(
    r"(?:^|#)\s*(?:noqa|type:|pyright:|pragma:|pylint:|fmt:|nbrelease:|NBVAL_).*$"
)
# Annotations for defaults whose items have unknown types, as mypy requires them.
ANNOTATIONS = {"list": "list[Any]", "dict": "dict[str, Any]"}
_SUPPORTED = f"use {', '.join(TYPES)}, Literal[...] or ... | None"


@dataclass(frozen=True)
class Parameter:
    """One parameter.

    Attributes:
        name: its name.
        type: ``bool``, ``int``, ``float``, ``str``, ``Path``, ``date``, ``list[str]``, ``list`` or
            ``dict``.
        choices: the values of a ``Literal``; empty for other types.
        optional: whether None is allowed.
        annotation: as written, or derived from the default.
        default: source text of the default.
        value: value of the default.
        help: the trailing comment; may be empty.
        group: the comment line above its group; may be empty.
        where: ``path:cell-id:line``.
    """

    name: str
    type: str
    choices: tuple[Any, ...]
    optional: bool
    annotation: str
    default: str
    value: Any
    help: str
    group: str
    where: str

    @property
    def secret(self) -> bool:
        """Whether its default is a reference to an environment variable, ``env:NAME``."""
        return reference.variable_name(self.value) is not None

    def convert(self, value: Any) -> Any:
        """Convert a value to the type of this parameter; text is read as on the command line.

        Raises:
            UsageError: the value has another type, is not a choice, or is the value of a secret.
        """
        try:
            return self.parse(value)
        except ValueError as error:
            raise UsageError(f"{self.where}: parameter {self.name}: {error}") from None

    def parse(self, value: Any) -> Any:
        """Convert a value as :meth:`convert` does, for callers that know where it comes from.

        Raises:
            ValueError: the same errors, without the place of this parameter.
        """
        if self.secret and reference.variable_name(value) is None:
            raise ValueError(
                "a secret must be given as a reference; "
                "pass env:NAME and set the environment variable NAME"
            )
        if value is None or (value == "None" and self.optional):
            if self.optional:
                return None
            raise self._invalid(value)
        try:
            converted = _CONVERTERS[self.type](value)
        except (ValueError, TypeError, OverflowError, RecursionError):
            raise self._invalid(value) from None
        if self.choices and converted not in self.choices:
            raise self._invalid(value)
        return converted

    def _invalid(self, value: Any) -> ValueError:
        expected = " or ".join(map(repr, self.choices)) if self.choices else self.annotation
        return ValueError(f"must be {expected} (got {value!r})")


@dataclass(frozen=True)
class _Line:
    """A line of the parameters cell, for errors."""

    where: str
    number: int

    def __str__(self) -> str:
        return f"{self.where}:{self.number}"

    def error(self, code: str, message: str, fix: str) -> ParameterError:
        return ParameterError(self.where, self.number, code, message, fix)


def read_parameters(source: str, where: str) -> tuple[Parameter, ...]:
    """Read the parameters of a cell.

    Args:
        source: the cell's code.
        where: ``path:cell-id`` for messages.

    Raises:
        ParameterError: a line is not ``name = value`` or ``name: type = value`` with a literal.
    """
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        line = _Line(where, error.lineno or 1)
        raise line.error("syntax", error.msg, "fix the syntax error") from None
    except (ValueError, RecursionError, MemoryError) as error:
        message = f"not valid Python: {error}"
        raise _Line(where, 1).error("syntax", message, "fix the syntax error") from None
    comments, headings = _read_comments(source)
    parameters: list[Parameter] = []
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            continue  # for annotations: Literal, Path, date
        line = _Line(where, node.lineno)
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            name, annotation, value = node.target.id, node.annotation, node.value
        elif isinstance(node, ast.Assign) and len(node.targets) == 1:
            target = node.targets[0]
            if not isinstance(target, ast.Name):
                raise _not_an_assignment(line)
            name, annotation, value = target.id, None, node.value
        else:
            raise _not_an_assignment(line)
        if value is None:
            raise line.error(
                "no-default", f"parameter {name} has no default", f"write `{name} = value`"
            )
        if name in RESERVED_NAMES:
            raise line.error(
                "reserved-name", f"--{name} is an option of argparse", "rename the parameter"
            )
        if any(each.name == name for each in parameters):
            raise line.error("duplicate", f"parameter {name} is defined twice", "remove one line")
        comment = comments.get(node.end_lineno or 0, "")
        group = next((text for number, text in headings if number < node.lineno), "")
        text = ast.get_source_segment(source, annotation) if annotation is not None else None
        parameters.append(_make_parameter(name, annotation, text, value, comment, group, line))
    return tuple(parameters)


def _not_an_assignment(line: _Line) -> ParameterError:
    return line.error(
        "not-an-assignment",
        "a parameters cell may only contain lines `name = value`",
        "move this line to another cell",
    )


def _make_parameter(
    name: str,
    annotation: ast.expr | None,
    annotation_text: str | None,
    node: ast.expr,
    comment: str,
    group: str,
    line: _Line,
) -> Parameter:
    try:
        value = _evaluate(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        message = f"the default of {name} is not a literal"
        raise line.error("computed-default", message, "write a literal value") from None
    kind, choices, optional = _type_of(annotation, value, name, line)
    text = annotation_text or ANNOTATIONS.get(kind, kind)
    default = ast.unparse(node)
    parameter = Parameter(
        name, kind, choices, optional, text, default, value, comment, group, str(line)
    )
    try:
        parameter.convert(value)
    except UsageError:
        fix = f"write `{text} | None`" if value is None else "change the default or the type"
        message = f"the default of {name} is not of type {text} (got {default})"
        raise line.error("wrong-default", message, fix) from None
    return parameter


def _evaluate(node: ast.expr) -> Any:
    """The value of a literal, ``Path("...")`` or ``date(...)``."""
    if isinstance(node, ast.Call):
        called = ast.unparse(node.func).rpartition(".")[2]
        args = [ast.literal_eval(arg) for arg in node.args]
        if called == "Path" and not node.keywords:
            return Path(*args)
        if called == "date" and not node.keywords:
            return datetime.date(*args)
        raise ValueError(called)
    return ast.literal_eval(node)


def _type_of(
    annotation: ast.expr | None, value: Any, name: str, line: _Line
) -> tuple[str, tuple[Any, ...], bool]:
    """The type, the choices, and whether None is allowed."""
    if annotation is None:
        if value is None:
            message = f"the type of {name} is unknown, because its default is None"
            raise line.error("no-type", message, "add an annotation")
        kind = "Path" if isinstance(value, Path) else type(value).__name__
        if value and isinstance(value, list) and all(isinstance(item, str) for item in value):
            kind = "list[str]"
        if kind not in TYPES:
            raise line.error("unsupported-type", f"{name}: unsupported type {kind}", _SUPPORTED)
        return kind, (), False
    parts = _union_members(annotation)
    types = [part for part in parts if not (isinstance(part, ast.Constant) and part.value is None)]
    optional = len(types) < len(parts)
    if len(types) == 1:
        part = types[0]
        text = ast.unparse(part)
        if isinstance(part, ast.Subscript) and ast.unparse(part.value).endswith("Literal"):
            return _literal_choices(part, optional, name, line)
        text = text.rpartition(".")[2] if "[" not in text else text
        if text in TYPES:
            return text, (), optional
        if text.startswith(("dict[", "list[")):
            return text[:4], (), optional
    message = f"{name}: unsupported type {ast.unparse(annotation)}"
    raise line.error("unsupported-type", message, _SUPPORTED)


def _literal_choices(
    node: ast.Subscript, optional: bool, name: str, line: _Line
) -> tuple[str, tuple[Any, ...], bool]:
    """The choices of ``Literal[...]``: strings or numbers of one type, and None."""
    nodes = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    try:
        values = [ast.literal_eval(item) for item in nodes]
    except ValueError:
        values = []
    choices = tuple(value for value in values if value is not None)
    kinds = {type(value).__name__ for value in choices}
    if len(kinds) != 1 or not kinds <= {"str", "int", "bool"}:
        message = f"{name}: unsupported choices {ast.unparse(node)}"
        raise line.error("unsupported-choices", message, "use strings or integers of one type")
    return kinds.pop(), choices, optional or None in values


def _union_members(node: ast.expr) -> list[ast.expr]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return [*_union_members(node.left), *_union_members(node.right)]
    if isinstance(node, ast.Subscript) and ast.unparse(node.value).endswith("Optional"):
        return [*_union_members(node.slice), ast.Constant(None)]
    if isinstance(node, ast.Subscript) and ast.unparse(node.value).endswith("Union"):
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        return [each for part in parts for each in _union_members(part)]
    return [node]


def _read_comments(source: str) -> tuple[dict[int, str], list[tuple[int, str]]]:
    """Trailing comments by line, and comments on their own lines in reverse order.

    Tokenized, because strings may contain ``#``.
    """
    trailing, headings = {}, []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type != tokenize.COMMENT:
            continue
        text = _TOOL_COMMENT.sub("", token.string.lstrip("# ")).strip()
        if not text:
            continue
        if token.line[: token.start[1]].strip():
            trailing[token.start[0]] = text
        else:
            headings.append((token.start[0], text))
    return trailing, headings[::-1]


def _to_bool(value: Any) -> bool:
    if isinstance(value, bool):
        return value
    words = {"true": True, "false": False}
    if not isinstance(value, str) or value.lower() not in words:
        raise ValueError
    return words[value.lower()]


def _to_int(value: Any) -> int:
    if isinstance(value, bool | float):
        raise TypeError
    return int(value)


def _to_float(value: Any) -> float:
    if isinstance(value, bool):
        raise TypeError
    number = float(value)
    if not math.isfinite(number):  # JSON has no such numbers, so the record could not hold them
        raise ValueError
    return number


def _to_str(value: Any) -> str:
    if not isinstance(value, str | Path):
        raise TypeError
    str(value).encode("utf-8")  # raises for bytes of the command line that are not UTF-8
    return str(value)


def _to_date(value: Any) -> datetime.date:
    return value if isinstance(value, datetime.date) else datetime.date.fromisoformat(value)


def _to_strings(value: Any) -> list[str]:
    """Comma-separated strings, or a JSON list for strings that contain commas."""
    if isinstance(value, str) and value.lstrip().startswith("["):
        value = _parse_json(value)
        if not all(isinstance(item, str) for item in value):
            raise TypeError
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return [_to_str(item) for item in value]


def _parse_json(text: str) -> Any:
    """Parse JSON; NaN and Infinity, which Python's parser accepts, are rejected."""

    def reject(constant: str) -> None:
        raise ValueError(constant)

    value = json.loads(text, parse_constant=reject)
    json.dumps(value, ensure_ascii=False, allow_nan=False).encode("utf-8")  # 1e999, lone surrogates
    return value


def _to_json(kind: type[Any]) -> Callable[[Any], Any]:
    def convert(value: Any) -> Any:
        value = _parse_json(value) if isinstance(value, str) else value
        if not isinstance(value, kind):
            raise TypeError
        return value

    return convert


_CONVERTERS: dict[str, Callable[[Any], Any]] = {
    "bool": _to_bool,
    "int": _to_int,
    "float": _to_float,
    "str": _to_str,
    "Path": lambda value: Path(_to_str(value)),
    "date": _to_date,
    "list[str]": _to_strings,
    "list": _to_json(list),
    "dict": _to_json(dict),
}
