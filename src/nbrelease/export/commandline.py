"""The command line of a written module: an option for each parameter, help from its comment.

Options are spelled like the parameters, as Azure ML's ``--x ${{inputs.x}}`` wants it, and a flag
takes ``true`` and ``false`` too, which is how an input of a job arrives.
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
    """Says what is wrong in one line; how it is right is what --help is for."""

    def error(self, message: str) -> NoReturn:
        """End with exit code 2."""
        if message.endswith("expected one argument"):
            message += "; a value that begins with - is written --name=value"
        self.exit(2, f"{self.prog}: error: {message}\\n")
'''
READERS = {
    "bool": '''\
def _bool(text: str) -> bool:
    """Read true or false, as a job's input spells them."""
    if text.lower() not in ("true", "false"):
        raise argparse.ArgumentTypeError(f"{text!r} is neither true nor false")
    return text.lower() == "true"
''',
    "date": '''\
def _date(text: str) -> datetime.date:
    """Read a date."""
    try:
        return datetime.date.fromisoformat(text)
    except ValueError:
        message = f"{text!r} is no date; write YYYY-MM-DD"
        raise argparse.ArgumentTypeError(message) from None
''',
    "list[str]": '''\
def _texts(text: str) -> list[str]:
    """Read texts with commas between them, or a JSON list of texts."""
    if not text.lstrip().startswith("["):
        return [part.strip() for part in text.split(",") if part.strip()]
    try:
        return [str(part) for part in json.loads(text)]
    except json.JSONDecodeError as error:
        raise argparse.ArgumentTypeError(f"no JSON: {error}") from None
''',
    "list": '''\
def _list(text: str) -> list[Any]:
    """Read a JSON list."""
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise argparse.ArgumentTypeError(f"no JSON: {error}") from None
    if not isinstance(value, list):
        message = f"{text!r} is no JSON list; write [1, 2]"
        raise argparse.ArgumentTypeError(message)
    return value
''',
    "dict": '''\
def _dict(text: str) -> dict[str, Any]:
    """Read a JSON object."""
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise argparse.ArgumentTypeError(f"no JSON: {error}") from None
    if not isinstance(value, dict):
        message = f'{text!r} is no JSON object; write {{"name": 1}}'
        raise argparse.ArgumentTypeError(message)
    return value
''',
    "optional": '''\
def _or_none(read: Callable[[str], Any]) -> Callable[[str], Any]:
    """Read None as None, everything else with ``read``."""

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
    """What the code needs that :func:`render` writes."""
    found = [
        Import("", "argparse"),
        Import("collections.abc", "Sequence"),
        Import("typing", "NoReturn"),
    ]
    for kind in _kinds(parameters):
        found += _IMPORTS.get(kind, [])
    return found


def _kinds(parameters: Iterable[Parameter]) -> list[str]:
    found: list[str] = []
    for parameter in parameters:
        kinds = [parameter.type]
        if parameter.optional:
            kinds.append("optional")
        found += [kind for kind in kinds if kind not in found]
    return found


def render(parameters: Sequence[Parameter], width: int) -> str:
    """The parser, what it reads values with, and the lines that run the module."""
    parts = [PARSER.strip("\n")]
    kinds = _kinds(parameters)
    parts += [text.strip("\n") for kind, text in READERS.items() if kind in kinds]
    parts.append("\n".join(_function(parameters, width)))
    call = "main(**vars(_arguments()))" if parameters else "_arguments()\n    main()"
    parts.append(f'if __name__ == "__main__":\n    {call}')
    return "\n\n\n".join(parts)


def _function(parameters: Sequence[Parameter], width: int) -> list[str]:
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
                lines.append(f"    group = parser.add_argument_group({quoted(group)})")
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
        # With None among them, «--x None» is one of the choices.
        items = [*parameter.choices, *([None] if parameter.optional else [])]
        options["choices"] = source(items)
    else:
        options["metavar"] = quoted(METAVARS[parameter.type])
    options["default"] = default(parameter)
    lines = [f"    {target}.add_argument(", f"        {quoted(f'--{parameter.name}')},"]
    for key, value in options.items():
        lines += fitted(f"        {key}=", value, ",", width)
    lines += _help(parameter.help or parameter.annotation, width)
    return [*lines, "    )"]


def _help(text: str, width: int) -> list[str]:
    text = text.replace("%", "%%")
    line = f"        help={quoted(text)},"
    if len(line) <= width:
        return [line]
    parts = textwrap.wrap(text, width - 16, drop_whitespace=False)
    return ["        help=(", *(f"            {quoted(part)}" for part in parts), "        ),"]


def fitted(before: str, value: str, behind: str, width: int) -> list[str]:
    """A line with a value in it; a list, dictionary or subscript that is too long, item by item.

    Args:
        before: what stands before the value, with the indent.
        value: its source text.
        behind: what stands behind it.
        width: the longest line.
    """
    line = f"{before}{value}{behind}"
    if len(line) <= width:
        return [line]
    try:
        node = ast.parse(value, mode="eval").body
    except SyntaxError:
        return [line]  # the pair of a dictionary
    indent = before[: len(before) - len(before.lstrip())]
    head, items, end = _items(node)
    if not items:
        return [line]  # one long text: nothing can be done about it
    inner = [each for item in items for each in fitted(f"{indent}    ", item, ",", width)]
    return [f"{before}{head}", *inner, f"{indent}{end}{behind}"]


def _items(node: ast.expr) -> tuple[str, list[str], str]:
    """The opening, the parts and the end of what can be written over several lines."""
    if isinstance(node, ast.List):
        return "[", [source(ast.literal_eval(each)) for each in node.elts], "]"
    if isinstance(node, ast.Dict):
        pairs = ast.literal_eval(node).items()
        return "{", [f"{source(key)}: {source(value)}" for key, value in pairs], "}"
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Tuple):
        return f"{ast.unparse(node.value)}[", [annotation(each) for each in node.slice.elts], "]"
    if isinstance(node, ast.BinOp):  # Literal[…] | None
        head, items, end = _items(node.left)
        return head, items, f"{end} | {annotation(node.right)}"
    return "", [], ""


def annotation(node: ast.expr) -> str:
    """An annotation in one line, texts in double quotes."""
    if isinstance(node, ast.Constant):
        return source(node.value)
    if isinstance(node, ast.BinOp):
        return f"{annotation(node.left)} | {annotation(node.right)}"
    if isinstance(node, ast.Tuple):
        return ", ".join(annotation(each) for each in node.elts)
    if isinstance(node, ast.Subscript):
        return f"{ast.unparse(node.value)}[{annotation(node.slice)}]"
    return ast.unparse(node)


def default(parameter: Parameter) -> str:
    """The default as source text, texts in double quotes."""
    value = parameter.value
    return source(value) if isinstance(value, str | list | dict | Path) else parameter.default


def source(value: object) -> str:
    """A plain value as source text."""
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, Path):
        return f"Path({quoted(value.as_posix())})"
    if isinstance(value, list):
        return f"[{', '.join(source(item) for item in value)}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{source(key)}: {source(item)}' for key, item in value.items())}}}"
    return repr(value)


def quoted(text: str) -> str:
    """A text as source, in double quotes where that needs no more escapes."""
    shown = repr(text)
    if shown.startswith("'") and '"' not in shown:
        return f'"{shown[1:-1]}"'
    return shown
