"""Generate pytest tests: one per ``test`` cell, and a skipped stub for each untested function.

Users may edit the file. Blocks headed with the notebook's name are generated again when their cell
changes. A stub is generated once. Everything else is kept where it is.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import operator
import re
import textwrap
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from nbrelease.export import blocks, generated_module, imports
from nbrelease.export.blocks import Block, Line
from nbrelease.export.checks.name_scopes import is_pytest_code, is_test_call
from nbrelease.export.export_state import ExportState
from nbrelease.export.imports import Import
from nbrelease.export.layout import Layout
from nbrelease.export.name_usage import bound_by
from nbrelease.export.source import CodeCell, Role, Source, to_identifier

STUBS_HEADING = "yours: tests to write"
USER_HEADING = "yours"
STUB_REASON = "no test yet"
_STUB_TEXT = f"""@pytest.mark.skip(reason="{STUB_REASON}: write one here, or in a cell tagged test")
def test_NAME() -> None:
    assert callable(NAME)"""
_STUB = re.compile(
    "^" + re.escape(_STUB_TEXT).replace("NAME", r"(\w+)", 1).replace("NAME", r"\1") + "$",
    re.MULTILINE,
)


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
    source: Source, import_path: str, current: str | None, last: ExportState | None, layout: Layout
) -> GeneratedTests:
    """Render the test file, with everything that users wrote into it.

    Args:
        source: the notebook, without errors.
        import_path: dotted name of the exported module.
        current: the text of the file on disk; None if it does not exist.
        last: the last export.
        layout: the project's folders.
    """
    prefix = f"{source.path} "
    parts = blocks.split(current) if current is not None else {"": _docstring(source, layout.width)}
    base = last.tests if last is not None else {}
    cell_tests = [_test_block(source, cell) for cell in source.cells_with(Role.TEST)]
    segments = _split_segments(parts, prefix, base)
    user_code = [text for key, text in segments if not key.startswith(prefix)]
    functions = generated_module.functions(source)
    of_cells = _names_in(block.text for block in cell_tests).all
    of_user = _names_in(user_code)
    untested = [name for name in functions if name not in of_user.used | of_cells]
    had_stub = {*(last.stubs if last is not None else ()), *of_user.tested}
    new_stubs = [name for name in untested if name not in had_stub]
    if new_stubs:
        _append_stubs(segments, new_stubs)
        of_user = _names_in(text for key, text in segments if not key.startswith(prefix))
    import_text = _imports(source, import_path, (of_user.all | of_cells) - of_user.bound, layout)
    generated = [Block(f"{prefix}imports", blocks.generated_lines(import_text)), *cell_tests]
    removed = set(last.functions if last is not None else ()) - set(
        generated_module.public_names(source)
    )
    return GeneratedTests(
        _assemble(segments, generated, prefix),
        generated,
        untested,
        [name for name in functions if name in had_stub or name in new_stubs],
        sorted(removed & of_user.all),
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
    return _STUB_TEXT.replace("NAME", name)


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


def _imports(source: Source, import_path: str, used: Collection[str], layout: Layout) -> str:
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
    return imports.render(selected, layout, project_package) or "# no imports"


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


class _Names(NamedTuple):
    """The names in test code.

    Attributes:
        all: all names.
        used: those outside stubs.
        bound: those that it binds.
        tested: functions with a test of their name, which may be a stub.
    """

    all: frozenset[str] = frozenset()
    used: frozenset[str] = frozenset()
    bound: frozenset[str] = frozenset()
    tested: frozenset[str] = frozenset()

    def __or__(self, other: _Names) -> _Names:
        return _Names(*(one | two for one, two in zip(self, other, strict=True)))


def _names_in(texts: Iterable[str]) -> _Names:
    return functools.reduce(operator.or_, map(_names_in_text, texts), _Names())


@functools.lru_cache(maxsize=512)
def _names_in_text(text: str) -> _Names:
    """The names in a text; none in code that a user has not finished."""
    # Unchanged stubs are found by their text: parsing them takes a tenth of an export.
    tested = set(_STUB.findall(text))
    names = {*tested, "callable", "pytest"} if tested else set()
    used: set[str] = set()
    bound = {f"test_{name}" for name in tested}
    for node in _parse(_STUB.sub("", text), text).body:
        of_node = {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
        names |= of_node
        if not _is_stub(node):
            used |= of_node
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            tested.add(node.name.removeprefix("test_"))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            bound.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            bound.update(bound_by(alias) for alias in node.names)
        else:
            bound |= {
                each.id
                for each in ast.walk(node)
                if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)
            }
    return _Names(frozenset(names), frozenset(used), frozenset(bound), frozenset(tested))


def _parse(*texts: str) -> ast.Module:
    """The syntax tree of the first text that has one; empty if none has."""
    for text in texts:
        with contextlib.suppress(SyntaxError, ValueError):
            return ast.parse(text)
    return ast.Module([], [])


def _is_stub(node: ast.stmt) -> bool:
    """Whether a function is a stub that a user has changed, for example formatted."""
    return isinstance(node, ast.FunctionDef) and any(
        isinstance(each, ast.Constant) and STUB_REASON in str(each.value)
        for decorator in node.decorator_list
        if isinstance(decorator, ast.Call)
        for each in ast.walk(decorator)
    )
