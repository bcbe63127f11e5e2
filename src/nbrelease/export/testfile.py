"""The written tests: one for each ``test`` cell, a skipped stub for each function without one.

The file belongs to people. Blocks headed by the notebook's name are written again when their cell
changes; a stub is written once; everything else stays as it is, where it is.
"""

from __future__ import annotations

import ast
import functools
import re
import textwrap
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from nbrelease.export import blocks, imports, module
from nbrelease.export.blocks import Block, Line
from nbrelease.export.checks.state import holds_definitions, is_own_call
from nbrelease.export.imports import Import
from nbrelease.export.ledger import Ledger
from nbrelease.export.source import CodeCell, Role, Source, identifier

STUBS = "yours: tests to write"
YOURS = "yours"
MARK = "no test yet"


@dataclass(frozen=True)
class Written:
    """What a test file is going to be.

    Attributes:
        text: the whole of it.
        blocks: those that the notebook owns.
        untested: public functions that no test uses.
        stubs: the functions that have, or ever had, a stub.
        gone: names that people's tests use and the notebook defined last time.
    """

    text: str
    blocks: list[Block]
    untested: list[str]
    stubs: list[str]
    gone: list[str]


def render(
    source: Source, target: str, there: str | None, ledger: Ledger | None, width: int
) -> Written:
    """The test file, with what people wrote into the one that is there.

    Args:
        source: the notebook, with no error found in it.
        target: the dotted name of the written module.
        there: the file's present text; None without one.
        ledger: what was written last.
        width: the longest line of what is not copied.
    """
    prefix = f"{source.path} "
    parts = blocks.split(there) if there is not None else {"": _top(source, width)}
    base = ledger.tests if ledger is not None else {}
    own = [_test(source, cell) for cell in source.of(Role.TEST)]
    segments = _people(parts, prefix, base)
    people = [text for key, text in segments if not key.startswith(prefix)]
    functions = module.functions(source)
    used, stubbed, bound = _looked_at(people, [block.text for block in own])
    untested = [name for name in functions if name not in used]
    ever = set(ledger.stubs if ledger is not None else ()) | stubbed
    new_stubs = [name for name in untested if name not in ever]
    if new_stubs:
        _append_stubs(segments, new_stubs)
        people = [text for key, text in segments if not key.startswith(prefix)]
        used, stubbed, bound = _looked_at(people, [block.text for block in own])
    code = [*people, *(block.text for block in own)]
    head = _imports(source, target, _names(code) - bound, width)
    written = [Block(f"{prefix}imports", blocks.written(head)), *own]
    before = set(ledger.functions) if ledger is not None else set()
    gone = sorted((before - set(module.public(source))) & _names(people))
    return Written(
        _assembled(segments, written, prefix),
        written,
        untested,
        [name for name in functions if name in ever or name in new_stubs],
        gone,
    )


def _top(source: Source, width: int) -> str:
    text = (
        f"Blocks headed «{source.path} #cell» are the notebook's test cells: edit them there, or "
        "here and run nbrelease sync. Everything else is yours and stays."
    )
    filled = textwrap.fill(text, width, break_long_words=False, break_on_hyphens=False)
    return f'"""Tests of {source.path}.\n\n{filled}\n"""'


def _people(parts: dict[str, str], prefix: str, base: dict[str, str]) -> list[tuple[str, str]]:
    """The file's segments in order; what people wrote below a block of ours gets a heading."""
    found: list[tuple[str, str]] = []
    for key, text in parts.items():
        own, rest = apart(text, base.get(key)) if key.startswith(prefix) else (text, "")
        found.append((key, own))
        if rest:
            found.append((_free(YOURS, [*parts, *(each for each, _ in found)]), rest))
    return found


def apart(text: str, written: str | None) -> tuple[str, str]:
    """A block of ours as it stands in the file, and what people wrote below it.

    Lines that follow the block as it was written are people's when they begin at the margin; an
    indented one belongs to the function above it, and is an edit.
    """
    if written is None or not text.startswith(f"{written}\n"):
        return text, ""
    rest = text[len(written) :].strip("\n")
    return (text, "") if rest[:1].isspace() else (written, rest)


def _free(key: str, taken: Collection[str]) -> str:
    number, name = 1, key
    while name in taken:
        number += 1
        name = f"{key} {number}"
    return name


def _append_stubs(segments: list[tuple[str, str]], names: Iterable[str]) -> None:
    text = "\n\n\n".join(_stub(name) for name in names)
    if segments and segments[-1][0] == STUBS:
        segments[-1] = (STUBS, f"{segments[-1][1]}\n\n\n{text}")
    else:
        segments.append((_free(STUBS, [key for key, _ in segments]), text))


def _stub(name: str) -> str:
    reason = f"{MARK}: write one here, or in a cell tagged test"
    return (
        f'@pytest.mark.skip(reason="{reason}")\n'
        f"def test_{name}() -> None:\n"
        f"    assert callable({name})"
    )


def _assembled(segments: list[tuple[str, str]], written: list[Block], prefix: str) -> str:
    """People's segments where they are, ours with their new text, new ones behind these."""
    new = {block.key: block for block in written}
    places = [
        index for index, (key, _) in enumerate(segments) if key.startswith(prefix) and key in new
    ]
    order: list[tuple[str, str]] = []
    missing = [block.key for block in written if block.key not in {key for key, _ in segments}]
    last = places[-1] if places else 0
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
    # Formatters want one blank line behind a docstring, two behind anything else.
    return text.replace(f"{top}\n\n\n", f"{top}\n\n", 1) if top.endswith('"""') else text


def _imports(source: Source, target: str, used: Collection[str], width: int) -> str:
    """What the tests need: of the notebook's imports, of pytest, and of the written module."""
    cells = source.of(Role.TEST, Role.EXPORT, Role.MAIN, Role.PARAMETERS)
    there: dict[str, Import] = {}
    for cell in cells:
        for each in imports.of(cell):
            if each.bound in used or (each.name == "*" and cell.role is Role.TEST):
                there.setdefault(each.bound, each)
    found = list(there.values())
    if "pytest" in used and "pytest" not in there:
        found.append(Import("", "pytest"))
    defined = {name for cell in source.of(Role.EXPORT) for name in cell.defined}
    defined |= {"main"} if source.runnable else set()
    found += [Import(target, name) for name in sorted((defined & set(used)) - set(there))]
    own = {target.partition(".")[0]}
    return imports.render(found, width, own) or "# nothing is needed"


def _test(source: Source, cell: CodeCell) -> Block:
    """A test cell as a function of pytest; pytest's own code as it is."""
    dropped = blocks.dropped_lines(cell)
    if holds_definitions(cell.tree):
        for node in cell.tree.body:
            if is_own_call(node):
                dropped |= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
        return Block(module.key(source, cell), blocks.of_cell(cell, dropped), cell)
    lines = blocks.of_cell(cell, dropped, inside=True)
    if len(cell.tree.body) <= len(cell.imports):
        lines = (*lines, Line(f"{blocks.INDENT}pass"))
    head = Line(f"def {_name(cell)}() -> None:")
    return Block(module.key(source, cell), (head, *lines), cell)


def _name(cell: CodeCell) -> str:
    """``#| test name`` if it says so, else the cell's id."""
    given = cell.cell.directives.get("test") or cell.cell.id
    name = re.sub(r"\W", "_", given).strip("_")
    return name if name.startswith("test_") else f"test_{identifier(name)}"


def _looked_at(people: list[str], own: list[str]) -> tuple[set[str], set[str], set[str]]:
    """Names that tests use, functions that have a stub, and names that people's code binds."""
    used: set[str] = set()
    stubbed: set[str] = set()
    bound: set[str] = set()
    for text in own:
        used |= _used_in(text)
    for text in people:
        tree = _parsed(text)
        for node in tree.body:
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                stubbed.add(node.name.removeprefix("test_"))
            if not _is_stub(node):
                used |= _used(node)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                bound.add(node.name)
            elif isinstance(node, ast.Import | ast.ImportFrom):
                bound |= set(imports.names_of(node))
            else:
                bound |= {
                    each.id
                    for each in ast.walk(node)
                    if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)
                }
    return used, stubbed, bound


def _is_stub(node: ast.stmt) -> bool:
    return isinstance(node, ast.FunctionDef) and any(
        isinstance(decorator, ast.Call) and MARK in ast.unparse(decorator)
        for decorator in node.decorator_list
    )


def _used(tree: ast.AST) -> set[str]:
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


@functools.lru_cache(maxsize=512)
def _used_in(text: str) -> frozenset[str]:
    return frozenset(_used(_parsed(text)))


def _names(texts: Iterable[str]) -> set[str]:
    return {name for text in texts for name in _used_in(text)}


@functools.lru_cache(maxsize=512)
def _parsed(text: str) -> ast.Module:
    """People may have left their file half-written: it is kept, and not looked into."""
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError):
        return ast.Module([], [])
