"""Checks that derive cells' states, record, pages and test reports again, and compare them.

States and values come from the executed cells, the record from these, the pages and the test
reports from the record.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import zip_longest
from typing import Any

from nbrelease import published_values
from nbrelease.attestation.problem import Problem
from nbrelease.notebook import INJECTED
from nbrelease.pack import SUMMARY, derive_record
from nbrelease.records import CellResult, RunbookResult, junit
from nbrelease.report import pages as writer
from nbrelease.report.summary import render_summary
from nbrelease.runbook import verdict
from nbrelease.secrets import MASK
from nbrelease.verification.pack import Pack, Unreadable
from nbrelease.verification.report import Result, failed, not_applicable, passed, passed_unless

CONSTRUCTORS = ("_Path", "_date.fromisoformat")
"""Calls in the injected cell; their argument is the text in the record."""
TAG = re.compile(r"<[^>]*>")


def cells(pack: Pack) -> Result:
    """Results follow from the cells; in a passed release all cells were executed."""
    problems: list[Problem] = []
    try:
        claims = pack.claims
    except Unreadable as error:
        return failed([Problem("NBV201", str(error))])
    for name, claim in claims.items():
        where = f"notebooks/{name}.ipynb"
        problems += [each.at(where) for each in _notebook(claim, pack.notebooks[name])]
        if not pack.negative:
            problems += [each.at(where) for each in _check_executed(claim)]
    states = [cell.state for claim in claims.values() for cell in claim.cells]
    if not claims and pack.negative:
        return not_applicable(f"{pack.record.verdict} before the first runbook")
    if not claims:
        return failed([Problem("NBV202", "no runbook was run")])
    executed = sum(1 for state in states if state in ("passed", "failed", "check failed"))
    bad = sum(1 for state in states if state in ("failed", "check failed"))
    text = f"{len(states)} cells in {len(claims)} runbooks, {executed} executed, {bad} failed"
    return passed_unless(
        problems, text + (f": the release is {pack.record.verdict}" if bad else "")
    )


def _check_executed(claim: RunbookResult) -> Iterator[Problem]:
    if claim.ended is None:
        yield Problem("NBV203", "was interrupted")
    if not any(cell.state == "passed" for cell in claim.cells):
        yield Problem("NBV204", "no cell was executed")
    for cell in claim.cells:
        if cell.state == "not run":
            yield Problem("NBV205", f"cell {cell.id} was not executed")


def _notebook(claim: RunbookResult, content: Mapping[str, Any]) -> Iterator[Problem]:
    if claim.ended is None and not claim.cells:
        return  # killed before it could write results of cells
    code_cells = {cell["id"]: cell for cell in content["cells"] if cell["cell_type"] == "code"}
    values: dict[str, Any] = {}
    for result in claim.cells:
        cell = code_cells.get(result.id)
        if cell is None:
            yield Problem("NBV206", f"cell {result.id}: missing")
            continue
        yield from _state(result, cell)
        values.update(published_values.read_outputs(cell.get("outputs", [])))
    known = {result.id for result in claim.cells}
    for id, cell in code_cells.items():
        if id not in known and not _has_no_result(cell):
            yield Problem("NBV207", f"cell {id}: not in the results")
    states = [result.state for result in claim.cells]
    expected = "failed" if claim.reason else verdict.overall(list(states))
    if claim.verdict != expected:
        yield Problem("NBV208", f"verdict {claim.verdict}, from its cells {expected}")
    for name in sorted(values.keys() | claim.values.keys()):
        if values.get(name) != claim.values.get(name):
            values_differ = difference(claim.values.get(name), values.get(name), name)
            yield Problem("NBV209", f"published value {values_differ} in its cell")
    yield from _check_parameters(claim, code_cells.values())
    counts = [
        cell["execution_count"] for cell in code_cells.values() if cell.get("execution_count")
    ]
    if counts != sorted(set(counts)):
        yield Problem("NBV210", "execution counts do not increase: cells were moved or run twice")


def _has_no_result(cell: Mapping[str, Any]) -> bool:
    """Whether a cell has no result: injected parameters, empty cells."""
    tags = cell.get("metadata", {}).get("tags", [])
    return INJECTED in tags or not "".join(cell["source"]).strip()


def _state(result: CellResult, cell: Mapping[str, Any]) -> Iterator[Problem]:
    tags = frozenset(result.tags) | set(cell.get("metadata", {}).get("tags", []))
    state, error = verdict.state_of(cell, tags)
    if state == "passed" and result.check is not None and not result.check.passed:
        state = "check failed"
    if state != result.state:
        yield Problem("NBV211", f"cell {result.id}: state {result.state}, from its outputs {state}")
    elif error != result.error:
        yield Problem("NBV212", f"cell {result.id}: its error differs from its outputs")


def _check_parameters(claim: RunbookResult, code_cells: Any) -> Iterator[Problem]:
    """Parameters equal the literals that the injected cell assigns."""
    for cell in code_cells:
        if INJECTED not in cell.get("metadata", {}).get("tags", []):
            continue
        for node in ast.parse("".join(cell["source"])).body:
            if not isinstance(node, ast.Assign) or not isinstance(node.targets[0], ast.Name):
                continue
            name = node.targets[0].id
            literal = node.value
            if isinstance(literal, ast.Call) and ast.unparse(literal.func) in CONSTRUCTORS:
                literal = literal.args[0]
            try:
                value = ast.literal_eval(literal)
            except ValueError:
                continue  # float('nan') and the like
            known = claim.parameters.get(name, value)
            if known != value and MASK not in f"{known}{value}":  # hidden in code and JSON alike
                yield Problem(
                    "NBV213",
                    f"parameter {difference(claim.parameters[name], value, name)} injected",
                )


def record(pack: Pack) -> Result:
    """record.json equals the record that is derived again from the executed notebooks."""
    unchanged = {
        "since_last": pack.record.since_last,
        "schema_version": pack.record.schema_version,  # the check "schema" says which are known
    }
    results = [
        claim.model_copy(update={"values": _values(claim, pack.notebooks[name])})
        for name, claim in pack.claims.items()
    ]
    again = derive_record(pack.folder, results, pack.notebooks)
    again = again.model_copy(update=unchanged)
    derived, existing = again.model_dump(mode="json"), pack.raw
    if not pack.same_renderer:  # an earlier version has fewer fields, and other texts
        derived = _keep_texts(_drop_new_fields(derived, existing), existing)
    if derived == existing:
        return passed(f"equal to the record derived from {len(results)} executed notebooks")
    names = [name for name in [*derived, *existing] if derived.get(name) != existing.get(name)]
    differences = [
        difference(existing.get(name), derived.get(name), name) for name in dict.fromkeys(names)
    ]
    return failed(
        [Problem("NBV221", f"record.json: {each} from the notebooks") for each in differences]
    )


def _keep_texts(derived: dict[str, Any], existing: dict[str, Any]) -> dict[str, Any]:
    """The derived record with the texts of the pack. ``because.code`` has the reason as data."""
    texts = {"reason": existing.get("reason"), "unreadable": existing.get("unreadable", [])}
    because, other = derived.get("because"), existing.get("because")
    if because and other and "why" in because["about"]:
        about = {**because["about"], "why": other["about"].get("why")}
        texts["because"] = {**because, "about": about}
    return {**derived, **{name: text for name, text in texts.items() if name in derived}}


def _drop_new_fields(derived: Any, existing: Any) -> Any:
    """The derived value, without keys that the pack does not have."""
    if isinstance(derived, dict) and isinstance(existing, dict):
        return {
            name: _drop_new_fields(derived[name], existing[name])
            for name in derived
            if name in existing
        }
    if isinstance(derived, list) and isinstance(existing, list) and len(derived) == len(existing):
        return [_drop_new_fields(one, other) for one, other in zip(derived, existing, strict=True)]
    return derived


def _values(claim: RunbookResult, content: Mapping[str, Any]) -> dict[str, Any]:
    known = {cell.id for cell in claim.cells}
    values: dict[str, Any] = {}
    for cell in content["cells"]:
        if cell.get("id") in known:
            values.update(published_values.read_outputs(cell.get("outputs", [])))
    return values


def difference(existing: Any, derived: Any, where: str) -> str:
    """The first place in which two JSON values differ, as text."""
    if isinstance(existing, dict) and isinstance(derived, dict):
        for name in [*existing, *derived]:
            if existing.get(name) != derived.get(name):
                return difference(existing.get(name), derived.get(name), f"{where}.{name}")
    if isinstance(existing, list) and isinstance(derived, list) and len(existing) == len(derived):
        for index, (one, other) in enumerate(zip(existing, derived, strict=True)):
            if one != other:
                return difference(one, other, f"{where}[{index}]")
    return f"{where}: {_short(existing)} in the pack, {_short(derived)}"


def _short(value: Any) -> str:
    text = "nothing" if value is None else str(value)
    return text if len(text) <= 80 else f"{text[:79]}…"


def pages(pack: Pack) -> Result:
    """Every page equals the page that is rendered again from record and notebooks."""
    record = pack.record
    if not pack.same_renderer:
        return not_applicable(
            f"rendered by nbrelease {pack.manifest.version or 'unknown'}; verify with that version"
        )
    has_card = "model-card.md" in pack.manifest.files
    rendered = {
        "index.html": writer.render_index(record, has_card=has_card),
        SUMMARY: render_summary(record),
    }
    problems: list[Problem] = []
    for result in record.runbooks:
        content = pack.notebooks[result.name]
        rendered[f"html/{result.name}.html"] = writer.render_notebook(record, result, content)
    if has_card:
        text = pack.text("model-card.md")
        rendered["model-card.html"] = writer.render_model_card_page(record, text)
        problems += _card(pack, text)
    for name, page in rendered.items():
        try:
            existing = pack.text(name)
        except Unreadable as error:
            problems.append(Problem("NBV231", str(error)))
            continue
        if existing != page:
            problems.append(Problem("NBV232", f"{name}: {_first_difference(existing, page)}"))
    extra = {path.name for path in (pack.folder / "html").glob("*")}
    for name in sorted(extra - {f"{result.name}.html" for result in record.runbooks}):
        problems.append(Problem("NBV233", f"html/{name}: no executed notebook has this page"))
    return passed_unless(problems, f"{len(rendered)} pages equal to a new rendering")


def _card(pack: Pack, text: str) -> Iterator[Problem]:
    from nbrelease.report.model_card import card_contents

    for content, times in Counter(card_contents(pack.record)).items():
        if text.count(content) < times:
            yield Problem("NBV234", f"model-card.md: does not contain '{_short(content)}'")


def _first_difference(existing: str, rendered: str) -> str:
    for line, other in zip_longest(existing.split("\n"), rendered.split("\n"), fillvalue=""):
        if line != other:
            at = next(
                (i for i, (a, b) in enumerate(zip(line, other, strict=False)) if a != b),
                min(len(line), len(other)),
            )
            return f"shows '{_near(line, at)}', from the record '{_near(other, at)}'"
    return "differs at its end"


def _near(line: str, at: int) -> str:
    """The text around a position in a line of HTML."""
    words = TAG.sub(" ", line[max(0, at - 30) : at + 30])
    return " ".join(words.split())


def reports(pack: Pack) -> Result:
    """The JUnit reports equal those rendered from the record."""
    rendered = {f"{each.name}.xml": junit.report(each) for each in pack.record.runbooks}
    existing = {path.name for path in (pack.folder / "junit").glob("*")}
    problems = [
        Problem("NBV241", f"junit/{name}: missing") for name in sorted(rendered.keys() - existing)
    ]
    problems += [
        Problem("NBV242", f"junit/{name}: no executed notebook has this report")
        for name in sorted(existing - set(rendered))
    ]
    for name in sorted(existing & rendered.keys()):
        if pack.same_renderer and pack.text(f"junit/{name}") != rendered[name]:
            problems.append(Problem("NBV243", f"junit/{name}: differs from the record"))
    if not rendered and not problems:
        return not_applicable("no runbook was run")
    return passed_unless(problems, f"{len(rendered)} reports equal to a new rendering")
