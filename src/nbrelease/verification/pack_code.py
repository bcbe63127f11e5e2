"""Checks of the code that the pack carries: main.py out of its notebook, runbooks as executed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from nbrelease import pack_code
from nbrelease.checks import Checker
from nbrelease.errors import NbreleaseError
from nbrelease.export import plan
from nbrelease.notebook import Cell, read
from nbrelease.records import CellResult, RunbookResult
from nbrelease.verification.pack import Pack
from nbrelease.verification.report import Result, failed, judged, not_applicable

INJECTED = "injected-parameters"
ASKS = "NBVAL_CHECK_OUTPUT"


def export(pack: Pack) -> Result:
    """The notebooks exported again give main.py and its tests byte for byte."""
    layout = pack_code.read_layout(pack.folder)
    if layout is None:
        return not_applicable("the pack carries no exported notebooks")
    if hidden := sorted({each.file for each in pack_code.read_masked(pack.folder)}):
        return not_applicable(f"secrets were masked in {', '.join(hidden)}")
    try:
        exports = [each for each in plan(layout) if each.exports or each.found]
    except NbreleaseError as error:
        return failed([str(error)])
    problems, same = [], 0
    for each in exports:
        for file in each.files:
            shown = layout.shown(file.path)
            if file.there is None:
                problems.append(f"code/{shown}: is missing, code/{each.path} gives it")
            elif file.path.read_bytes() != file.text.encode("utf-8"):
                line = _first_line(file.there, file.text)
                problems.append(f"code/{shown}:{line}: is not what code/{each.path} gives")
            else:
                same += 1
        if not each.files:
            said = each.found[0].message if each.found else "it gives nothing"
            problems.append(f"code/{each.path}: cannot be exported: {said}")
    written = {layout.shown(file.path) for each in exports for file in each.files}
    for path in sorted(layout.exported.rglob("*.py")):
        if layout.shown(path) not in written:
            problems.append(f"code/{layout.shown(path)}: no notebook of the pack gives it")
    if problems and not pack.same_renderer:
        return not_applicable(f"exported by another nbrelease, verify with it: {problems[0]}")
    if not exports and not problems:
        return not_applicable("the project exports no notebook")
    notebooks = ", ".join(each.path for each in exports)
    return judged(problems, f"{same} files exported again from {notebooks}, byte for byte the same")


def _first_line(there: str, made: str) -> int:
    pairs = zip(there.split("\n"), made.split("\n"), strict=False)
    return next((n for n, (a, b) in enumerate(pairs, start=1) if a != b), 1)


def runbooks(pack: Pack) -> Result:
    """What was executed is the runbook of the commit, and checked outputs are as it has them."""
    if not any((pack.folder / pack_code.CODE / c.source).is_file() for c in pack.claims.values()):
        return not_applicable("the pack carries no sources of runbooks")
    problems: list[str] = []
    checked = 0
    for name, claim in pack.claims.items():
        source = f"{pack_code.CODE}/{claim.source}"
        if not (pack.folder / source).is_file():
            problems.append(f"{source}: is missing, notebooks/{name}.ipynb was made from it")
            continue
        hidden = any(each.file == source for each in claim.masked)
        if pack.sha256(source) != claim.source_sha256 and not hidden:
            problems.append(f"{source}: is not the file that notebooks/{name}.ipynb was made from")
        where = f"notebooks/{name}.ipynb"
        problems += [f"{where}: {text}" for text in _held(pack, claim, source)]
        checked += sum(1 for cell in claim.cells if cell.check is not None)
    said = f"{len(pack.claims)} runbooks executed as they stand in code/"
    return judged(problems, f"{said}, {checked} checked outputs compared again")


def _held(pack: Pack, claim: RunbookResult, source: str) -> Iterator[str]:
    """An executed notebook held against its source, cell by cell."""
    originals = [cell for cell in read(pack.folder / source).cells if cell.kind == "code"]
    raw = {cell.get("id"): cell for cell in pack.json(source)["cells"]}
    executed = [
        cell
        for cell in pack.notebooks[claim.name]["cells"]
        if cell["cell_type"] == "code" and INJECTED not in cell["metadata"].get("tags", [])
    ]
    if [cell.id for cell in originals] != [cell["id"] for cell in executed]:
        yield f"its cells are not those of {source}"
        return
    results = {cell.id: cell for cell in claim.cells}
    checker = Checker.beside(pack.folder / source)
    for original, cell in zip(originals, executed, strict=True):
        if original.source != "".join(cell["source"]):
            yield f"cell {original.id} is not the code of {source}"
        result = results.get(original.id)
        if result is None:
            continue
        if sorted(original.tags) != result.tags:
            yield f"cell {original.id} has other tags than in {source}"
        yield from _compared(original, raw[original.id], cell, result, checker)


def _compared(
    original: Cell,
    reference: Mapping[str, Any],
    cell: Mapping[str, Any],
    result: CellResult,
    checker: Checker,
) -> Iterator[str]:
    asked = "check" in original.tags or ASKS in original.source.split("\n", 1)[0]
    if result.check is None:
        if asked and result.state == "passed":
            yield f"the output of cell {original.id} was to be checked and was not"
        return
    same = _plain(reference) == _plain(cell) or _by_rule(reference, cell, checker)
    if same != result.check.passed:
        word = "is" if same else "is not"
        yield f"the output of cell {original.id} {word} as its source has it, the record says not"


def _plain(cell: Mapping[str, Any]) -> list[Any]:
    """Outputs that need none of nbval's rules to be the same; these take a second to import."""
    return [
        {
            key: "".join(value) if isinstance(value, list) else value
            for key, value in output.items()
            if key not in ("metadata", "execution_count")
        }
        for output in cell["outputs"]
    ]


def _by_rule(reference: Mapping[str, Any], cell: Mapping[str, Any], checker: Checker) -> bool:
    import nbformat.v4

    two = {"cells": [reference, cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 4}
    expected, found = nbformat.v4.to_notebook(two).cells
    return checker.compare(expected, found) is None
