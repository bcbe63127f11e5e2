"""Generate pytest tests: one per ``test`` cell, and a skipped stub for each untested function.

Users may edit the file. Blocks headed with the notebook's name are generated again when their cell
changes. A stub is generated once. Everything else is kept where it is.
"""

from __future__ import annotations

import ast
import functools
import re
import textwrap
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from nbrelease.export import blocks, generated_module, imports
from nbrelease.export.blocks import Block, Line
from nbrelease.export.checks.name_scopes import is_pytest_code, is_test_call
from nbrelease.export.export_state import ExportState
from nbrelease.export.imports import Import
from nbrelease.export.name_usage import bound_by
from nbrelease.export.source import CodeCell, Role, Source, to_identifier

STUBS_HEADING = "yours: tests to write"
USER_HEADING = "yours"
STUB_REASON = "no test yet"


@dataclass(frozen=True)
class GeneratedTests:
    """A rendered test file.

    Attributes:
        text: the whole file.
        blocks: the blocks that the notebook generates.
        untested: public functions that no test uses.
        stubs: functions that have, or ever had, a stub.
        unknown_functions: functions that users' tests use and the notebook no longer defines.
    """

    text: str
    blocks: list[Block]
    untested: list[str]
    stubs: list[str]
    unknown_functions: list[str]


def render(
    source: Source, import_path: str, current: str | None, last: ExportState | None, width: int
) -> GeneratedTests:
    """Render the test file, with everything that users wrote into it.

    Args:
        source: the notebook, without errors.
        import_path: dotted name of the exported module.
        current: the text of the file on disk; None if it does not exist.
        last: the last export.
        width: maximum line length of generated code.
    """
    prefix = f"{source.path} "
    parts = blocks.split(current) if current is not None else {"": _docstring(source, width)}
    base = last.tests if last is not None else {}
    cell_tests = [_test_block(source, cell) for cell in source.cells_with(Role.TEST)]
    segments = _split_segments(parts, prefix, base)
    user_code = [text for key, text in segments if not key.startswith(prefix)]
    functions = generated_module.functions(source)
    usage = _analyze_tests(user_code, [block.text for block in cell_tests])
    untested = [name for name in functions if name not in usage.used]
    had_stub = set(last.stubs if last is not None else ()) | usage.stubs
    new_stubs = [name for name in untested if name not in had_stub]
    if new_stubs:
        _append_stubs(segments, new_stubs)
        user_code = [text for key, text in segments if not key.startswith(prefix)]
        usage = _analyze_tests(user_code, [block.text for block in cell_tests])
    code = [*user_code, *(block.text for block in cell_tests)]
    import_text = _imports(source, import_path, _names_in(code) - usage.bound, width)
    generated = [Block(f"{prefix}imports", blocks.generated_lines(import_text)), *cell_tests]
    removed = set(last.functions if last is not None else ()) - set(
        generated_module.public_names(source)
    )
    return GeneratedTests(
        _assemble(segments, generated, prefix),
        generated,
        untested,
        [name for name in functions if name in had_stub or name in new_stubs],
        sorted(removed & _names_in(user_code)),
    )


def _docstring(source: Source, width: int) -> str:
    text = (
        f"Blocks headed `{source.path} #cell` are generated from the notebook's test cells: edit "
        "them there, or here and run nbrelease sync. You may edit everything else."
    )
    filled = textwrap.fill(text, width, break_long_words=False, break_on_hyphens=False)
    return f'"""Tests of {source.path}.\n\n{filled}\n"""'


def _split_segments(
    parts: dict[str, str], prefix: str, base: dict[str, str]
) -> list[tuple[str, str]]:
    """The blocks of the file in order; users' code below a generated block gets a heading."""
    segments: list[tuple[str, str]] = []
    for key, text in parts.items():
        own, rest = split_block(text, base.get(key)) if key.startswith(prefix) else (text, "")
        segments.append((key, own))
        if rest:
            headings = [*parts, *(each for each, _ in segments)]
            segments.append((_unused_heading(USER_HEADING, headings), rest))
    return segments


def split_block(text: str, exported: str | None) -> tuple[str, str]:
    """Split a generated block from the code that a user wrote below it.

    Lines after the exported block are the user's if they begin at the margin. An indented line
    belongs to the function above it and is an edit of the block.
    """
    if exported is None or not text.startswith(f"{exported}\n"):
        return text, ""
    rest = text[len(exported) :].strip("\n")
    return (text, "") if rest[:1].isspace() else (exported, rest)


def _unused_heading(heading: str, headings: Collection[str]) -> str:
    number, name = 1, heading
    while name in headings:
        number += 1
        name = f"{heading} {number}"
    return name


def _append_stubs(segments: list[tuple[str, str]], names: Iterable[str]) -> None:
    text = "\n\n\n".join(_stub(name) for name in names)
    if segments and segments[-1][0] == STUBS_HEADING:
        segments[-1] = (STUBS_HEADING, f"{segments[-1][1]}\n\n\n{text}")
    else:
        segments.append((_unused_heading(STUBS_HEADING, [key for key, _ in segments]), text))


def _stub(name: str) -> str:
    reason = f"{STUB_REASON}: write one here, or in a cell tagged test"
    return (
        f'@pytest.mark.skip(reason="{reason}")\n'
        f"def test_{name}() -> None:\n"
        f"    assert callable({name})"
    )


def _assemble(segments: list[tuple[str, str]], generated: list[Block], prefix: str) -> str:
    """Users' blocks in place, generated blocks with their new text, new blocks after these."""
    new = {block.key: block for block in generated}
    positions = [
        index for index, (key, _) in enumerate(segments) if key.startswith(prefix) and key in new
    ]
    order: list[tuple[str, str]] = []
    missing = [block.key for block in generated if block.key not in {key for key, _ in segments}]
    last = positions[-1] if positions else 0
    for index, (key, text) in enumerate(segments):
        if not key.startswith(prefix):
            order.append((key, text))
        elif key in new:
            order.append((key, new[key].text))
        if index == last:
            order += [(name, new[name].text) for name in missing]
    parts = [f"# %% {key}\n{text}" if key else text for key, text in order if key or text]
    text = "\n\n\n".join(parts) + "\n"
    top = parts[0]
    # Formatters want one blank line after a docstring, two after other code.
    return text.replace(f"{top}\n\n\n", f"{top}\n\n", 1) if top.endswith('"""') else text


def _imports(source: Source, import_path: str, used: Collection[str], width: int) -> str:
    """The imports of the tests: from the notebook, pytest, and the exported module."""
    required: dict[str, Import] = {}
    for cell in source.cells_with(Role.TEST, Role.EXPORT, Role.MAIN, Role.PARAMETERS):
        for each in imports.imports_of(cell):
            if each.bound in used or (each.name == "*" and cell.role is Role.TEST):
                required.setdefault(each.bound, each)
    selected = list(required.values())
    if "pytest" in used and "pytest" not in required:
        selected.append(Import("", "pytest"))
    defined = {name for cell in source.cells_with(Role.EXPORT) for name in cell.defined_names}
    defined |= {"main"} if source.runnable else set()
    selected += [
        Import(import_path, name) for name in sorted((defined & set(used)) - set(required))
    ]
    project_package = {import_path.partition(".")[0]}
    return imports.render(selected, width, project_package) or "# no imports"


def _test_block(source: Source, cell: CodeCell) -> Block:
    """A test cell as a pytest function; pytest tests and fixtures are copied as they are."""
    omitted = blocks.omitted_lines(cell)
    heading = generated_module.key(source, cell)
    if is_pytest_code(cell.tree):
        for node in cell.tree.body:
            if is_test_call(node):
                omitted |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
        return Block(heading, blocks.cell_lines(cell, omitted), cell)
    lines = blocks.cell_lines(cell, omitted, indented=True)
    if len(cell.tree.body) <= len(cell.imports):
        lines = (*lines, Line(f"{blocks.INDENT}pass"))
    return Block(heading, (Line(f"def {_function_name(cell)}() -> None:"), *lines), cell)


def _function_name(cell: CodeCell) -> str:
    """The name in ``#| test name``, else the id of the cell."""
    name = re.sub(r"\W", "_", cell.cell.directives.get("test") or cell.cell.id).strip("_")
    return name if name.startswith("test_") else f"test_{to_identifier(name)}"


@dataclass(frozen=True)
class _TestUsage:
    """Names that tests use, functions with a stub, and names that users' code binds."""

    used: set[str]
    stubs: set[str]
    bound: set[str]


def _analyze_tests(user_code: list[str], cell_tests: list[str]) -> _TestUsage:
    usage = _TestUsage(_names_in(cell_tests), set(), set())
    for text in user_code:
        for node in _parse(text).body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                usage.stubs.add(node.name.removeprefix("test_"))
            if not _is_stub(node):
                usage.used.update(_names_of(node))
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                usage.bound.add(node.name)
            elif isinstance(node, ast.Import | ast.ImportFrom):
                usage.bound.update(bound_by(alias) for alias in node.names)
            else:
                usage.bound.update(
                    each.id
                    for each in ast.walk(node)
                    if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)
                )
    return usage


def _is_stub(node: ast.stmt) -> bool:
    return isinstance(node, ast.FunctionDef) and any(
        STUB_REASON in text
        for decorator in node.decorator_list
        if isinstance(decorator, ast.Call)
        for text in _texts_in(decorator)
    )


def _texts_in(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def _names_of(tree: ast.AST) -> set[str]:
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


@functools.lru_cache(maxsize=512)
def _names_in_text(text: str) -> frozenset[str]:
    return frozenset(_names_of(_parse(text)))


def _names_in(texts: Iterable[str]) -> set[str]:
    return {name for text in texts for name in _names_in_text(text)}


@functools.lru_cache(maxsize=512)
def _parse(text: str) -> ast.Module:
    """The syntax tree; empty for code that a user has not finished, which is kept."""
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError):
        return ast.Module([], [])
