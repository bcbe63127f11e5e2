"""What is under the cursor, as Markdown: a tag, a name of the notebook, a key of settings.ini."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from nbrelease.contract import CONTRACT_FILE, Contract
from nbrelease.errors import NbreleaseError
from nbrelease.export.fixes import IDENTIFIER
from nbrelease.export.layout import Layout, load
from nbrelease.export.source import CodeCell, Role, Source
from nbrelease.export.tags import DESCRIPTIONS, DIRECTIVE_LINE
from nbrelease.notebook import Parameter

SETTING = re.compile(r"^([A-Za-z_]\w*)\s*[=:]")


def describe_in_cell(
    source: Source, layout: Layout, cell_id: str, line: int, column: int
) -> str | None:
    """Describe the directive or the name at a position; on the first line also the cell's tags.

    Args:
        source: the notebook.
        layout: the project's folders.
        cell_id: id of the cell.
        line: 1-based line within the cell.
        column: 1-based column in code points.
    """
    cell = next((each for each in source.notebook.cells if each.id == cell_id), None)
    lines = cell.source.split("\n") if cell is not None else []
    if cell is None or line > len(lines):
        return None
    if line in cell.directive_lines:
        match = DIRECTIVE_LINE.match(lines[line - 1])
        word = match[1] if match else ""
        return f"`#| {word}`: {DESCRIPTIONS[word]}" if word in DESCRIPTIONS else None
    parts = list(_describe_name(source, layout, _word_at(lines[line - 1], column)))
    if line == 1:
        parts += [
            f"Cell tag `{tag}`: {DESCRIPTIONS[tag]}"
            for tag in sorted(cell.tags & DESCRIPTIONS.keys())
        ]
    return "\n\n".join(parts) or None


def _word_at(line: str, column: int) -> str:
    for match in IDENTIFIER.finditer(line):
        if match.start() < column <= match.end() + 1:
            return match[0]
    return ""


def _describe_name(source: Source, layout: Layout, name: str) -> Iterator[str]:
    parameter = next((each for each in source.parameters if each.name == name), None)
    if parameter is not None:
        yield _describe_parameter(parameter)
        yield from _describe_key(name)
    for cell in source.cells:
        if name in cell.defined_names and cell.role is not Role.PARAMETERS:
            yield _describe_definition(source, layout, cell, name)


def _describe_parameter(parameter: Parameter) -> str:
    annotation = f"{parameter.name}: {parameter.annotation} = {parameter.default}"
    lines = [f"```python\n{annotation}\n```", f"Parameter `--{parameter.name}`."]
    if parameter.help:
        lines.append(f"{parameter.help[0].upper()}{parameter.help[1:]}.")
    return "\n".join(lines)


def _describe_definition(source: Source, layout: Layout, cell: CodeCell, name: str) -> str:
    file = "main.py" if source.runnable else "__init__.py"
    module = f"`{layout.relative(layout.exported / source.module / file)}`"
    place = {
        Role.EXPORT: f"exported to {module}",
        Role.MAIN: f"a local variable of `main()` in {module}",
        Role.TEST: "only in its test",
        Role.NONE: "untagged: not in the module",
    }[cell.role]
    return f"`{name}`: defined in cell `{cell.cell.id}`, {place}."


def describe_in_settings(path: Path, text: str, line: int) -> str | None:
    """Describe the key on a line of settings.ini.

    Args:
        path: the file.
        text: its text in the editor.
        line: 1-based line.
    """
    lines = text.split("\n")
    match = SETTING.match(lines[line - 1]) if line <= len(lines) else None
    if match is None:
        return None
    parts = list(_describe_key(match[1]))
    if not parts:
        parts = [_describe_parameter(each) for each in _find_parameters(path, match[1])]
    return "\n\n".join(parts) or None


def _describe_key(name: str) -> Iterator[str]:
    from nbrelease.settings.keys import GROUPS  # pydantic takes longer than the rest of a hover
    from nbrelease.settings.reference import describe_default, describe_type

    for group in GROUPS:
        if field := group.model_fields.get(name):
            default = describe_default(field)
            default = f", default {default}" if default.startswith("`") else ""
            yield f"Setting `{name}`: {field.description} ({describe_type(field)}{default})"


def _find_parameters(path: Path, name: str) -> Iterator[Parameter]:
    """The parameters of that name of all exported notebooks, from their contracts."""
    try:
        exported = load(path.parent).layout.exported
        for folder in sorted(file.parent for file in exported.glob(f"*/{CONTRACT_FILE}")):
            contract = Contract.load(folder)
            yield from (each for each in contract.parameters if each.name == name)
    except NbreleaseError:
        return  # the command that reads the file reports it
