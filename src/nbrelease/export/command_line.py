"""Generate the command line of an exported module: one option per parameter.

An option has the name of its parameter, for Azure ML's ``--x ${{inputs.x}}``. A flag also accepts
``true`` and ``false``, the values of a boolean input of a job.
"""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path

from nbrelease.export.imports import Import
from nbrelease.notebook import Parameter

METAVARS = {
    "bool": "BOOL",
    "int": "INT",
    "float": "FLOAT",
    "str": "TEXT",
    "Path": "PATH",
    "date": "YYYY-MM-DD",
    "list[str]": "A,B",
    "list": "JSON",
    "dict": "JSON",
}
PARSER = '''\
class _Parser(argparse.ArgumentParser):
    """Prints an error on one line, without the usage."""

    def error(self, message: str) -> NoReturn:
        """Exit with code 2."""
        if message.endswith("expected one argument"):
            message += "; a value that begins with - is written --name=value"
        self.exit(2, f"{self.prog}: error: {message}\\n")
'''
READERS = {
    "bool": '''\
def _bool(text: str) -> bool:
    """Read true or false, the values of a boolean input of a job."""
    if text.lower() not in ("true", "false"):
        raise argparse.ArgumentTypeError(f"must be true or false (got {text!r})")
    return text.lower() == "true"
''',
    "date": '''\
def _date(text: str) -> datetime.date:
    """Read a date."""
    try:
        return datetime.date.fromisoformat(text)
    except ValueError:
        message = f"must be a date YYYY-MM-DD (got {text!r})"
        raise argparse.ArgumentTypeError(message) from None
''',
    "list[str]": '''\
def _texts(text: str) -> list[str]:
    """Read comma-separated strings, or a JSON list of strings."""
    if not text.lstrip().startswith("["):
        return [part.strip() for part in text.split(",") if part.strip()]
    try:
        return [str(part) for part in json.loads(text)]
    except json.JSONDecodeError as error:
        raise argparse.ArgumentTypeError(f"invalid JSON: {error}") from None
''',
    "list": '''\
def _list(text: str) -> list[Any]:
    """Read a JSON list."""
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise argparse.ArgumentTypeError(f"invalid JSON: {error}") from None
    if not isinstance(value, list):
        message = f"must be a JSON list such as [1, 2] (got {text!r})"
        raise argparse.ArgumentTypeError(message)
    return value
''',
    "dict": '''\
def _dict(text: str) -> dict[str, Any]:
    """Read a JSON object."""
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise argparse.ArgumentTypeError(f"invalid JSON: {error}") from None
    if not isinstance(value, dict):
        message = f'must be a JSON object such as {{"name": 1}} (got {text!r})'
        raise argparse.ArgumentTypeError(message)
    return value
''',
    "optional": '''\
def _or_none(read: Callable[[str], Any]) -> Callable[[str], Any]:
    """Read None as None and other values with ``read``."""

    @functools.wraps(read, updated=())
    def reader(text: str) -> Any:
        return None if text == "None" else read(text)

    return reader
''',
}
_READER = {
    "bool": "_bool",
    "int": "int",
    "float": "float",
    "str": "str",
    "Path": "Path",
    "date": "_date",
    "list[str]": "_texts",
    "list": "_list",
    "dict": "_dict",
}
_IMPORTS = {
    "date": [Import("", "datetime")],
    "list[str]": [Import("", "json")],
    "list": [Import("", "json"), Import("typing", "Any")],
    "dict": [Import("", "json"), Import("typing", "Any")],
    "optional": [
        Import("", "functools"),
        Import("collections.abc", "Callable"),
        Import("typing", "Any"),
    ],
    "Path": [Import("pathlib", "Path")],
}


def imports(parameters: Iterable[Parameter]) -> list[Import]:
    """The imports of the code that :func:`render` generates."""
    required = [
        Import("", "argparse"),
        Import("collections.abc", "Sequence"),
        Import("typing", "NoReturn"),
    ]
    for kind in _reader_kinds(parameters):
        required += _IMPORTS.get(kind, [])
    return required


def _reader_kinds(parameters: Iterable[Parameter]) -> list[str]:
    """The types of the parameters, and ``optional``, without duplicates."""
    kinds: dict[str, None] = {}
    for parameter in parameters:
        kinds[parameter.type] = None
        if parameter.optional:
            kinds["optional"] = None
    return list(kinds)


def render(parameters: Sequence[Parameter], width: int) -> str:
    """The argument parser, its value readers, and the ``__main__`` block."""
    parts = [PARSER.strip("\n")]
    kinds = _reader_kinds(parameters)
    parts += [text.strip("\n") for kind, text in READERS.items() if kind in kinds]
    parts.append("\n".join(_arguments_function(parameters, width)))
    call = "main(**vars(_arguments()))" if parameters else "_arguments()\n    main()"
    parts.append(f'if __name__ == "__main__":\n    {call}')
    return "\n\n\n".join(parts)


def _arguments_function(parameters: Sequence[Parameter], width: int) -> list[str]:
    lines = [
        "def _arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:",
        '    """Read the command line; each option is an argument of main()."""',
        "    parser = _Parser(",
        '        description=(__doc__ or "").partition("\\n")[0],',
        "        formatter_class=argparse.ArgumentDefaultsHelpFormatter,",
        "        allow_abbrev=False,",
        "    )",
    ]
    group, target = "", "parser"
    for parameter in parameters:
        if parameter.group != group:
            group = parameter.group
            target = "group" if group else "parser"
            if group:
                lines.append(f"    group = parser.add_argument_group({quote(group)})")
        lines += _option(target, parameter, width)
    return [*lines, "    return parser.parse_args(argv)"]


def _option(target: str, parameter: Parameter, width: int) -> list[str]:
    options: dict[str, str] = {}
    if parameter.type == "bool":
        options |= {"nargs": '"?"', "const": "True"}
    reader = _READER[parameter.type]
    if parameter.optional:
        options["type"] = f"_or_none({reader})"
    elif reader != "str":
        options["type"] = reader
    if parameter.choices:
        # None makes `--x None` one of the choices.
        items = [*parameter.choices, *([None] if parameter.optional else [])]
        options["choices"] = format_value(items)
    else:
        options["metavar"] = quote(METAVARS[parameter.type])
    options["default"] = format_default(parameter)
    lines = [f"    {target}.add_argument(", f"        {quote(f'--{parameter.name}')},"]
    for key, value in options.items():
        lines += wrap_value(f"        {key}=", value, ",", width)
    lines += _help_argument(parameter.help or parameter.annotation, width)
    return [*lines, "    )"]


def _help_argument(text: str, width: int) -> list[str]:
    text = text.replace("%", "%%")
    line = f"        help={quote(text)},"
    if len(line) <= width:
        return [line]
    parts = textwrap.wrap(text, width - 16, drop_whitespace=False)
    return ["        help=(", *(f"            {quote(part)}" for part in parts), "        ),"]


def wrap_value(prefix: str, value: str, suffix: str, width: int) -> list[str]:
    """A line with a value; a list, dictionary or subscript that is too long has one item per line.

    Args:
        prefix: the text before the value, with the indentation.
        value: source text of the value.
        suffix: the text after the value.
        width: maximum line length.
    """
    line = f"{prefix}{value}{suffix}"
    if len(line) <= width:
        return [line]
    try:
        node = ast.parse(value, mode="eval").body
    except SyntaxError:
        return [line]  # a pair of a dictionary
    indent = prefix[: len(prefix) - len(prefix.lstrip())]
    opening, items, closing = _split_items(node)
    if not items:
        return [line]  # a long string cannot be wrapped
    inner = [each for item in items for each in wrap_value(f"{indent}    ", item, ",", width)]
    return [f"{prefix}{opening}", *inner, f"{indent}{closing}{suffix}"]


def _split_items(node: ast.expr) -> tuple[str, list[str], str]:
    """Opening bracket, items and closing bracket of a collection or subscript; else empty."""
    if isinstance(node, ast.List):
        return "[", [format_value(ast.literal_eval(each)) for each in node.elts], "]"
    if isinstance(node, ast.Dict):
        pairs = ast.literal_eval(node).items()
        return "{", [f"{format_value(key)}: {format_value(value)}" for key, value in pairs], "}"
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Tuple):
        items = [format_annotation(each) for each in node.slice.elts]
        return f"{ast.unparse(node.value)}[", items, "]"
    if isinstance(node, ast.BinOp):  # Literal[...] | None
        opening, items, closing = _split_items(node.left)
        return opening, items, f"{closing} | {format_annotation(node.right)}"
    return "", [], ""


def format_annotation(node: ast.expr) -> str:
    """An annotation on one line with double quotes."""
    if isinstance(node, ast.Constant):
        return format_value(node.value)
    if isinstance(node, ast.BinOp):
        return f"{format_annotation(node.left)} | {format_annotation(node.right)}"
    if isinstance(node, ast.Tuple):
        return ", ".join(format_annotation(each) for each in node.elts)
    if isinstance(node, ast.Subscript):
        return f"{ast.unparse(node.value)}[{format_annotation(node.slice)}]"
    return ast.unparse(node)


def format_default(parameter: Parameter) -> str:
    """Source text of the default with double quotes."""
    value = parameter.value
    if isinstance(value, str | list | dict | Path):
        return format_value(value)
    return parameter.default


def format_value(value: object) -> str:
    """Source text of a value with double quotes."""
    if isinstance(value, str):
        return quote(value)
    if isinstance(value, Path):
        return f"Path({quote(value.as_posix())})"
    if isinstance(value, list):
        return f"[{', '.join(format_value(item) for item in value)}]"
    if isinstance(value, dict):
        pairs = (f"{format_value(key)}: {format_value(item)}" for key, item in value.items())
        return f"{{{', '.join(pairs)}}}"
    return repr(value)


def quote(text: str) -> str:
    """A string literal, in double quotes unless that needs more escapes."""
    literal = repr(text)
    if literal.startswith("'") and '"' not in literal:
        return f'"{literal[1:-1]}"'
    return literal
