"""What a program imports, read from its code without running it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path


def missing_imports(arguments: list[str], folder: Path, required: list[str]) -> list[str]:
    """The packages of ``required`` that a program does not import.

    A fork has them imported already. In a program that does not import them itself, a forgotten
    ``import`` of a part of them, or of what they import, would not fail.

    Args:
        arguments: of the interpreter: ``-m`` and a module, or a script.
        folder: the working folder.
        required: names of packages.
    """
    if arguments[0] == "-m":
        # A package may load modules of the folder by their names.
        files = [*_module_files(folder, arguments[1]), *sorted(folder.glob("*.py"))]
    else:
        script = folder / arguments[0]
        folder, files = script.resolve().parent, [script]
    imported: set[str] = set()
    seen: set[Path] = set()
    while files:
        file = files.pop()
        if file in seen:
            continue
        seen.add(file)
        for name in _imports(file):
            imported.add(name.partition(".")[0])
            files += _module_files(folder, name)
    return [name for name in required if name not in imported]


def _imports(file: Path) -> Iterator[str]:
    """The names that a file imports when it runs: not in its functions."""
    try:
        statements: list[ast.AST] = [ast.parse(file.read_bytes())]
    except (OSError, SyntaxError, ValueError):  # the program reports it
        return
    while statements:
        statement = statements.pop()
        if isinstance(statement, ast.Import):
            yield from (each.name for each in statement.names)
        elif isinstance(statement, ast.ImportFrom):
            if not statement.level and statement.module:
                yield from (f"{statement.module}.{each.name}" for each in statement.names)
        elif not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            statements += ast.iter_child_nodes(statement)


def _module_files(folder: Path, name: str) -> list[Path]:
    """The files of the folder that run when a dotted name is imported, or run with ``-m``."""
    files = []
    path = folder
    for part in name.split("."):
        path /= part
        files += [path / "__init__.py", path / "__main__.py", path.with_name(f"{part}.py")]
    return [file for file in files if file.is_file()]
