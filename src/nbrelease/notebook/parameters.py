"""The parameters that a cell declares, read from its syntax tree.

papermill reads them with a regular expression, which loses ``int | None``, ``Literal[...]`` and any
line with a second ``=``, splits texts at ``#``, and converts nothing. Here the type is the
annotation's or the default's, the help is the trailing comment, and a value is converted to the
type or refused.
"""

from __future__ import annotations

import ast
import datetime
import io
import json
import re
import tokenize
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nbrelease.errors import NotebookError, UsageError
from nbrelease.secrets import reference

# What a command line can read.
SIMPLE = ("bool", "int", "float", "str", "Path", "date", "list[str]", "dict", "list")
# argparse's own option; a second one of that name is an error when the module starts.
TAKEN = ("help",)
# A comment for a tool is no help for people.
_FOR_TOOLS = re.compile(
    r"(?:^|#)\s*(?:noqa|type:|pyright:|pragma:|pylint:|fmt:|nbrelease:|NBVAL_).*$"
)
# What a default tells of its type, as a type checker wants it.
ANY = {"list": "list[Any]", "dict": "dict[str, Any]"}
_THERE_ARE = f"there are {', '.join(SIMPLE)}, Literal[…] and … | None"


@dataclass(frozen=True)
class Parameter:
    """One parameter.

    Attributes:
        name: its name.
        type: ``bool``, ``int``, ``float``, ``str``, ``Path``, ``date``, ``list[str]``, ``list`` or
            ``dict``.
        choices: the values of a ``Literal``; empty where any will do.
        optional: whether None is allowed.
        annotation: as written, or derived from the default.
        default: the default's source text.
        value: the default's value.
        help: the trailing comment; may be empty.
        group: the comment line that heads its group; may be empty.
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
        """Whether it is declared secret: its default is a reference, ``env:NAME``."""
        return reference.variable_name(self.value) is not None

    def convert(self, given: Any) -> Any:
        """``given`` as this parameter's type; text is read the way a command line is.

        Raises:
            UsageError: it is not of the type, or none of the choices, or the value of a secret.
        """
        if self.secret and reference.variable_name(given) is None:
            raise UsageError(
                f"{self.where}: parameter {self.name} is a secret: give a reference, env:NAME, "
                "and set the variable NAME; a value would stand in the evidence"
            )
        if given is None or (given == "None" and self.optional):
            if self.optional:
                return None
            raise self._wrong(given)
        try:
            value = _READ[self.type](given)
        except (ValueError, TypeError):
            raise self._wrong(given) from None
        if self.choices and value not in self.choices:
            raise self._wrong(given)
        return value

    def _wrong(self, given: Any) -> UsageError:
        wanted = " or ".join(map(repr, self.choices)) if self.choices else self.annotation
        return UsageError(f"{self.where}: parameter {self.name} = {given!r}: wants {wanted}")


def declared(source: str, where: str) -> tuple[Parameter, ...]:
    """The parameters in a cell's source.

    Args:
        source: the cell's code.
        where: ``path:cell-id`` for messages.

    Raises:
        NotebookError: a line is not ``name = value`` or ``name: type = value`` with a plain value.
    """
    try:
        tree = ast.parse(source)
    except SyntaxError as error:
        raise NotebookError(f"{where}:{error.lineno}: {error.msg}") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise NotebookError(f"{where}:1: no plain Python: {error}") from None
    comments, headings = _comments(source)
    found: list[Parameter] = []
    for node in tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            continue  # what annotations need: Literal, Path, date
        place = f"{where}:{node.lineno}"
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            name, annotation, value = node.target.id, node.annotation, node.value
        elif isinstance(node, ast.Assign) and len(node.targets) == 1:
            target = node.targets[0]
            if not isinstance(target, ast.Name):
                raise _not_plain(place)
            name, annotation, value = target.id, None, node.value
        else:
            raise _not_plain(place)
        if value is None:
            raise NotebookError(f"{place}: parameter {name} has no default; write {name} = …")
        if name in TAKEN:
            raise NotebookError(f"{place}: --{name} is the program's own; give it another name")
        if any(each.name == name for each in found):
            raise NotebookError(f"{place}: parameter {name} is there twice; keep one of the lines")
        comment = comments.get(node.end_lineno or 0, "")
        group = next((text for line, text in headings if line < node.lineno), "")
        written = ast.get_source_segment(source, annotation) if annotation is not None else None
        found.append(_parameter(name, annotation, written, value, comment, group, place))
    return tuple(found)


def _not_plain(place: str) -> NotebookError:
    return NotebookError(
        f"{place}: a parameters cell holds only «name = value»; move this line out"
    )


def _parameter(
    name: str,
    annotation: ast.expr | None,
    written: str | None,
    node: ast.expr,
    comment: str,
    group: str,
    place: str,
) -> Parameter:
    try:
        value = _value(node)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        raise NotebookError(
            f"{place}: the default of {name} is computed; write a plain value"
        ) from None
    kind, choices, optional = _type(annotation, value, name, place)
    text = written or ANY.get(kind, kind)
    default = ast.unparse(node)
    made = Parameter(name, kind, choices, optional, text, default, value, comment, group, place)
    try:
        made.convert(value)
    except UsageError:
        also = f"; write {text} | None" if value is None else ""
        raise NotebookError(
            f"{place}: the default of {name}, {default}, is no {text}{also}"
        ) from None
    return made


def _value(node: ast.expr) -> Any:
    """A literal, ``Path("…")`` or ``date(…)``."""
    if isinstance(node, ast.Call):
        called = ast.unparse(node.func).rpartition(".")[2]
        args = [ast.literal_eval(arg) for arg in node.args]
        if called == "Path" and not node.keywords:
            return Path(*args)
        if called == "date" and not node.keywords:
            return datetime.date(*args)
        raise ValueError(called)
    return ast.literal_eval(node)


def _type(
    annotation: ast.expr | None, value: Any, name: str, place: str
) -> tuple[str, tuple[Any, ...], bool]:
    if annotation is None:
        if value is None:
            raise NotebookError(f"{place}: annotate {name}: None alone does not tell its type")
        kind = "Path" if isinstance(value, Path) else type(value).__name__
        if value and isinstance(value, list) and all(isinstance(item, str) for item in value):
            kind = "list[str]"
        if kind not in SIMPLE:
            raise NotebookError(f"{place}: {name}: {kind} is no type for a parameter; {_THERE_ARE}")
        return kind, (), False
    parts = _union(annotation)
    kept = [part for part in parts if not (isinstance(part, ast.Constant) and part.value is None)]
    optional = len(kept) < len(parts)
    if len(kept) == 1:
        part = kept[0]
        text = ast.unparse(part)
        if isinstance(part, ast.Subscript) and ast.unparse(part.value).endswith("Literal"):
            return _literal(part, optional, name, place)
        text = text.rpartition(".")[2] if "[" not in text else text
        if text in SIMPLE:
            return text, (), optional
        if text.startswith(("dict[", "list[")):
            return text[:4], (), optional
    raise NotebookError(
        f"{place}: {name}: {ast.unparse(annotation)} is no type for a parameter; {_THERE_ARE}"
    )


def _literal(
    node: ast.Subscript, optional: bool, name: str, place: str
) -> tuple[str, tuple[Any, ...], bool]:
    """The choices of ``Literal[...]``: texts or numbers of one type, and None."""
    nodes = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    try:
        values = [ast.literal_eval(item) for item in nodes]
    except ValueError:
        values = []
    choices = tuple(value for value in values if value is not None)
    kinds = {type(value).__name__ for value in choices}
    if len(kinds) != 1 or not kinds <= {"str", "int", "bool"}:
        raise NotebookError(
            f"{place}: {name}: {ast.unparse(node)} is no choice for a command line; "
            "write texts, or whole numbers"
        )
    return kinds.pop(), choices, optional or None in values


def _union(node: ast.expr) -> list[ast.expr]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return [*_union(node.left), *_union(node.right)]
    if isinstance(node, ast.Subscript) and ast.unparse(node.value).endswith("Optional"):
        return [*_union(node.slice), ast.Constant(None)]
    if isinstance(node, ast.Subscript) and ast.unparse(node.value).endswith("Union"):
        parts = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
        return [each for part in parts for each in _union(part)]
    return [node]


def _comments(source: str) -> tuple[dict[int, str], list[tuple[int, str]]]:
    """Trailing comments by line, and those on lines of their own, the last first.

    Tokenised, because texts may hold ``#``.
    """
    trailing, headings = {}, []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type != tokenize.COMMENT:
            continue
        text = _FOR_TOOLS.sub("", token.string.lstrip("# ")).strip()
        if not text:
            continue
        if token.line[: token.start[1]].strip():
            trailing[token.start[0]] = text
        else:
            headings.append((token.start[0], text))
    return trailing, headings[::-1]


def _bool(given: Any) -> bool:
    if isinstance(given, bool):
        return given
    words = {"true": True, "false": False}
    if not isinstance(given, str) or given.lower() not in words:
        raise ValueError
    return words[given.lower()]


def _int(given: Any) -> int:
    if isinstance(given, bool | float):
        raise TypeError
    return int(given)


def _float(given: Any) -> float:
    if isinstance(given, bool):
        raise TypeError
    return float(given)


def _str(given: Any) -> str:
    if not isinstance(given, str | Path):
        raise TypeError
    return str(given)


def _json(kind: type[Any]) -> Any:
    def read(given: Any) -> Any:
        value = json.loads(given) if isinstance(given, str) else given
        if not isinstance(value, kind):
            raise TypeError
        return value

    return read


def _texts(given: Any) -> list[str]:
    """Texts with commas between them; as JSON where a text holds a comma itself."""
    if isinstance(given, str) and given.lstrip().startswith("["):
        given = json.loads(given)
        if not all(isinstance(item, str) for item in given):
            raise TypeError
    if isinstance(given, str):
        return [part.strip() for part in given.split(",") if part.strip()]
    return [_str(item) for item in given]


_READ = {
    "bool": _bool,
    "int": _int,
    "float": _float,
    "str": _str,
    "Path": lambda given: Path(_str(given)),
    "date": lambda given: (
        given if isinstance(given, datetime.date) else datetime.date.fromisoformat(given)
    ),
    "list[str]": _texts,
    "list": _json(list),
    "dict": _json(dict),
}
