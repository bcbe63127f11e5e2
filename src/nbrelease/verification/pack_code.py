"""Checks of the code in the pack: main.py against its notebook, runbooks against their source."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from nbrelease import pack_code
from nbrelease.attestation.problem import Problem
from nbrelease.errors import NbreleaseError
from nbrelease.export import plan
from nbrelease.notebook import INJECTED, Cell, read
from nbrelease.output_comparison import OutputComparer, list_plain_outputs
from nbrelease.records import CellResult, RunbookResult
from nbrelease.verification.pack import Pack
from nbrelease.verification.report import Result, failed, not_applicable, passed_unless

CHECK_MARKER = "NBVAL_CHECK_OUTPUT"


def export(pack: Pack) -> Result:
    """Exporting the notebooks again gives main.py and its tests byte for byte."""
    layout = pack_code.read_layout(pack.folder)
    if layout is None:
        return not_applicable("no exported notebooks in the pack")
    if hidden := sorted({each.file for each in pack_code.read_masked(pack.folder)}):
        return not_applicable(f"secrets were masked in {', '.join(hidden)}")
    try:
        exports = [each for each in plan(layout) if each.exports or each.diagnostics]
    except NbreleaseError as error:
        return failed([Problem("NBV501", str(error))])
    problems: list[Problem] = []
    equal_files = 0
    for each in exports:
        for file in each.files:
            relative = layout.relative(file.path)
            if file.current is None:
                problems.append(
                    Problem("NBV502", f"code/{relative}: missing; code/{each.path} exports to it")
                )
            elif file.path.read_bytes() != file.text.encode("utf-8"):
                line = _first_line(file.current, file.text)
                problems.append(
                    Problem(
                        "NBV503",
                        f"code/{relative}:{line}: differs from the export of code/{each.path}",
                    )
                )
            else:
                equal_files += 1
        if not each.files:
            reason = each.diagnostics[0].message if each.diagnostics else "no exported cells"
            problems.append(Problem("NBV504", f"code/{each.path}: cannot be exported: {reason}"))
    exported = {layout.relative(file.path) for each in exports for file in each.files}
    for path in sorted(layout.exported.rglob("*.py")):
        if layout.relative(path) not in exported:
            problems.append(
                Problem("NBV505", f"code/{layout.relative(path)}: no notebook exports to it")
            )
    if problems and not pack.same_renderer:
        return not_applicable(
            f"exported by another nbrelease; verify with that version: {problems[0]}"
        )
    if not exports and not problems:
        return not_applicable("no notebook is exported")
    notebooks = ", ".join(each.path for each in exports)
    return passed_unless(problems, f"{equal_files} files equal to a new export of {notebooks}")


def _first_line(existing: str, exported: str) -> int:
    pairs = zip(existing.split("\n"), exported.split("\n"), strict=False)
    return next((n for n, (a, b) in enumerate(pairs, start=1) if a != b), 1)


def runbooks(pack: Pack) -> Result:
    """The executed runbooks equal their source in the pack; checked outputs are compared again."""
    if not any((pack.folder / pack_code.CODE / c.source).is_file() for c in pack.claims.values()):
        return not_applicable("no sources of runbooks in the pack")
    problems: list[Problem] = []
    checked = 0
    for name, claim in pack.claims.items():
        source = f"{pack_code.CODE}/{claim.source}"
        if not (pack.folder / source).is_file():
            problems.append(
                Problem("NBV511", f"{source}: missing; the source of notebooks/{name}.ipynb")
            )
            continue
        hidden = any(each.file == source for each in claim.masked)
        if pack.sha256(source) != claim.source_sha256 and not hidden:
            problems.append(
                Problem(
                    "NBV512", f"{source}: not the source that notebooks/{name}.ipynb was run from"
                )
            )
        where = f"notebooks/{name}.ipynb"
        problems += [each.at(where) for each in _compare_cells(pack, claim, source)]
        checked += sum(1 for cell in claim.cells if cell.check is not None)
    result = f"{len(pack.claims)} executed runbooks equal their source in code/"
    return passed_unless(problems, f"{result}, {checked} checked outputs compared again")


def _compare_cells(pack: Pack, claim: RunbookResult, source: str) -> Iterator[Problem]:
    """Compare an executed notebook with its source, cell by cell."""
    cells = read(pack.folder / source).cells
    originals = [cell for cell in cells if cell.kind == "code"]
    raw = {
        cell.id: content for cell, content in zip(cells, pack.json(source)["cells"], strict=True)
    }
    executed = [
        cell
        for cell in pack.notebooks[claim.name]["cells"]
        if cell["cell_type"] == "code" and INJECTED not in cell["metadata"].get("tags", [])
    ]
    if [cell.id for cell in originals] != [cell["id"] for cell in executed]:
        yield Problem("NBV513", f"its cells differ from {source}")
        return
    results = {cell.id: cell for cell in claim.cells}
    checker = OutputComparer.for_notebook(pack.folder / source)
    for original, cell in zip(originals, executed, strict=True):
        if original.source != "".join(cell["source"]):
            yield Problem("NBV514", f"cell {original.id} differs from its code in {source}")
        result = results.get(original.id)
        if result is None:
            continue
        if sorted(original.tags) != result.tags:
            yield Problem("NBV515", f"cell {original.id} has other tags in {source}")
        yield from _compare_output(original, raw[original.id], cell, result, checker)


def _compare_output(
    original: Cell,
    reference: Mapping[str, Any],
    cell: Mapping[str, Any],
    result: CellResult,
    checker: OutputComparer,
) -> Iterator[Problem]:
    required = "check" in original.tags or CHECK_MARKER in original.source.split("\n", 1)[0]
    if result.check is None:
        if required and result.state == "passed":
            yield Problem("NBV516", f"cell {original.id}: its output was not checked")
        return
    # nbformat is slow to import, and most outputs are equal.
    is_equal = list_plain_outputs(reference) == list_plain_outputs(cell) or _equal_by_rules(
        reference, cell, checker
    )
    if is_equal != result.check.passed:
        word = "equals" if is_equal else "differs from"
        yield Problem(
            "NBV517", f"cell {original.id}: its output {word} the source, the record says otherwise"
        )


def _equal_by_rules(
    reference: Mapping[str, Any], cell: Mapping[str, Any], checker: OutputComparer
) -> bool:
    from child_processes.preload import import_jsonschema

    import_jsonschema()  # nbformat imports it, with its grammars
    import nbformat.v4

    two = {"cells": [reference, cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 4}
    expected, actual = nbformat.v4.to_notebook(two).cells
    return checker.compare(expected, actual) is None
