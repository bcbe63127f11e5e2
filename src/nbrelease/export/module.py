"""The written module: functions at its level, ``main(...)`` with the parameters, a command line.

Blocks are headed by the id of their cell, as ``# %%``, which editors open as cells.
"""

from __future__ import annotations

import ast
import re
import textwrap

from nbrelease.errors import NotebookError
from nbrelease.export import code
from nbrelease.notebook import Cell, Notebook, Parameter

WIDTH = 100

COMMAND_LINE = '''
class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line; the usage is what --help is for."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: error: {message}\\n")

'''


def has_code(notebook: Notebook) -> bool:
    """Whether any cell is tagged for the module."""
    return bool(notebook.tagged("export") or notebook.tagged("main"))


def render(notebook: Notebook, source: str) -> str:
    """The module's text.

    Args:
        notebook: the notebook.
        source: its path from the project's folder, with forward slashes.

    Raises:
        NotebookError: a tagged cell is no plain Python.
    """
    exported = [(cell, code.parse(cell, source)) for cell in notebook.tagged("export")]
    mains = [(cell, code.parse(cell, source)) for cell in notebook.tagged("main")]
    parameters = notebook.parameters
    nodes = [node for _, tree in exported for node in code.imports(tree)]
    for cell in notebook.tagged("parameters"):
        nodes += code.imports(code.parse(cell, source))
    nodes += ast.parse(
        "from __future__ import annotations\nimport argparse\nimport sys\n"
        "from collections.abc import Sequence\nfrom typing import NoReturn"
        if mains
        else "from __future__ import annotations"
    ).body  # type: ignore[arg-type]
    parts = [
        f'"""{_docstring(notebook, source)}"""',
        code.import_block(nodes),
        _all(exported, bool(mains)),
        *_blocks(exported),
    ]
    if mains:
        parts += [_main(parameters, mains), _arguments(parameters), _entry(parameters)]
    text = "\n\n".join(part.strip("\n") for part in parts[:3] if part)
    text += "".join(f"\n\n\n{part.strip(chr(10))}" for part in parts[3:] if part)
    return text + "\n"


def _docstring(notebook: Notebook, source: str) -> str:
    """The first markdown cell's heading and first paragraph, and where the module is from."""
    lines = [f"Written by nbrelease export from {source}; edit the notebook, not this file."]
    for cell in notebook.cells:
        if cell.kind == "markdown":
            head, *rest = [part.strip() for part in cell.source.strip().split("\n\n")]
            title = _sentence(head.lstrip("# "))
            body = " ".join(rest[0].split()) if rest else ""
            wrapped = textwrap.fill(body.replace("\\", "").replace('"""', "'''"), WIDTH)
            lines = [title, *(["", wrapped] if body else []), "", *lines]
            break
    return "\n".join(lines) + "\n"


def _sentence(text: str) -> str:
    text = " ".join(text.split()).replace("\\", "").replace('"""', "'''")
    return text if text.endswith((".", "?", "!")) else f"{text}."


def _all(exported: list[tuple[Cell, ast.Module]], with_main: bool) -> str:
    names = {name for _, tree in exported for name in defined(tree) if not name.startswith("_")}
    if with_main:
        names.add("main")
    items = sorted(names, key=lambda name: (not name.isupper(), not name[:1].isupper(), name))
    line = f"__all__ = [{', '.join(_quoted(item) for item in items)}]"
    if len(line) <= WIDTH:
        return line
    return "__all__ = [\n" + "".join(f"    {_quoted(item)},\n" for item in items) + "]"


def defined(tree: ast.Module) -> list[str]:
    """The names that a module's top level gives a value to, imports left out."""
    names = []
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.append(node.name)
        elif isinstance(node, ast.Assign):
            names += [target.id for target in node.targets if isinstance(target, ast.Name)]
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.append(node.target.id)
    return names


def _blocks(exported: list[tuple[Cell, ast.Module]]) -> list[str]:
    found = []
    for cell, tree in exported:
        body = code.without_imports(cell.code, tree)
        if body.strip():
            found.append(f"# %% {cell.id}\n{body}")
    return found


def _main(parameters: tuple[Parameter, ...], mains: list[tuple[Cell, ast.Module]]) -> str:
    lines = ["# %% main", "def main("]
    if parameters:
        lines.append("    *,")
        lines += [f"    {p.name}: {p.annotation} = {_default(p)}," for p in parameters]
    lines.append(") -> None:")
    lines.append('    """Run the cells tagged main, in the notebook\'s order.')
    if parameters:
        lines += ["", "    Args:"]
        lines += [f"        {p.name}: {p.help or 'see the notebook'}." for p in parameters]
    lines.append('    """')
    for cell, _ in mains:
        lines += [f"    # %% {cell.id}", code.indented(cell.code.strip("\n"))]
    return "\n".join(lines)


def _default(parameter: Parameter) -> str:
    """The default's source, texts in double quotes."""
    return _quoted(parameter.value) if isinstance(parameter.value, str) else parameter.default


def _quoted(text: str) -> str:
    shown = repr(text)
    if shown.startswith("'") and '"' not in shown:
        return f'"{shown[1:-1]}"'
    return shown


def _arguments(parameters: tuple[Parameter, ...]) -> str:
    lines = [
        COMMAND_LINE.strip("\n"),
        "",
        "",
        "def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:",
        "    parser = _Parser(",
        '        description=(__doc__ or "").partition("\\n")[0],',
        "        formatter_class=argparse.ArgumentDefaultsHelpFormatter,",
        "    )",
    ]
    group = None
    target = "parser"
    for parameter in parameters:
        if parameter.group != group:
            group = parameter.group
            target = "group" if group else "parser"
            if group:
                lines.append(f"    group = parser.add_argument_group({_quoted(group)})")
        lines += _argument(target, parameter)
    lines.append("    return parser.parse_args(argv)")
    return "\n".join(lines)


def _argument(target: str, parameter: Parameter) -> list[str]:
    names = [_quoted(f"--{parameter.name}")]
    if "_" in parameter.name:
        names.append(_quoted(f"--{parameter.name.replace('_', '-')}"))
    options = {"default": _default(parameter)}
    if parameter.type == "bool":
        options["action"] = "argparse.BooleanOptionalAction"
    elif parameter.type == "list[str]":
        options["nargs"] = '"*"'
    elif parameter.type == "date":
        options["type"] = "datetime.date.fromisoformat"
    elif parameter.type in ("dict", "list"):
        raise NotebookError(
            f"{parameter.where}: {parameter.name}: {parameter.type} has no form on a command line; "
            "use str, or list[str]"
        )
    elif parameter.type != "str":
        options["type"] = parameter.type
    if parameter.choices:
        options["choices"] = f"[{', '.join(_quoted(str(c)) for c in parameter.choices)}]"
    help_text = re.sub("%", "%%", parameter.help or parameter.annotation)
    options["help"] = _quoted(help_text)
    lines = [f"    {target}.add_argument("]
    lines += [f"        {name}," for name in names]
    lines += [f"        {key}={value}," for key, value in options.items()]
    return [*lines, "    )"]


def _entry(parameters: tuple[Parameter, ...]) -> str:
    return '''if __name__ == "__main__":
    main(**vars(_arguments(sys.argv[1:])))'''
