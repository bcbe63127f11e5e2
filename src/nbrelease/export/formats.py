"""Findings for people, for programs and for the pages of GitHub and Azure DevOps."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from nbrelease.export.diagnostic import RULES, Diagnostic, Level

HELP = "docs/diagnostics.md"


def text(found: Sequence[Diagnostic]) -> str:
    """One line each: place, level, code, what is wrong, the mend."""
    return "\n".join(
        f"{each.place}: {each.rule.level} {each.rule.code} {each.message}; {each.mend}"
        for each in found
    )


def as_json(found: Sequence[Diagnostic]) -> str:
    """A JSON list of objects."""
    return json.dumps([_plain(each) for each in found], indent=2, ensure_ascii=False)


def _plain(each: Diagnostic) -> dict[str, Any]:
    return {
        "code": each.rule.code,
        "name": each.rule.name,
        "level": each.rule.level.value,
        "path": each.path,
        "cell": each.cell,
        "line": each.line,
        "column": each.column,
        "message": each.message,
        "mend": each.mend,
    }


def sarif(found: Sequence[Diagnostic]) -> str:
    """SARIF 2.1.0; the cell is a logical location, the region counts the lines of the file."""
    rules = sorted({each.rule.code for each in found})
    run = {
        "tool": {
            "driver": {
                "name": "nbrelease export",
                "rules": [
                    {
                        "id": code,
                        "name": RULES[code].name,
                        "shortDescription": {"text": RULES[code].summary},
                        "help": {"text": f"{HELP}#{code.lower()}"},
                        "defaultConfiguration": {"level": RULES[code].level.value},
                    }
                    for code in rules
                ],
            }
        },
        "results": [_result(each) for each in found],
    }
    document = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [run],
    }
    return json.dumps(document, indent=2, ensure_ascii=False)


def _result(each: Diagnostic) -> dict[str, Any]:
    location: dict[str, Any] = {
        "physicalLocation": {
            "artifactLocation": {"uri": each.path},
            "region": {"startLine": _file_line(each)},
        }
    }
    if each.cell:
        location["logicalLocations"] = [
            {"name": each.cell, "fullyQualifiedName": each.place, "kind": "member"}
        ]
    return {
        "ruleId": each.rule.code,
        "level": each.rule.level.value,
        "message": {"text": f"{each.message}; {each.mend}"},
        "locations": [location],
    }


def github(found: Sequence[Diagnostic]) -> str:
    """Workflow commands, which GitHub shows at the line of the file."""
    kinds = {Level.ERROR: "error", Level.WARNING: "warning", Level.NOTE: "notice"}
    return "\n".join(
        f"::{kinds[each.rule.level]} file={_property(each.path)},line={_file_line(each)},"
        f"title={_property(f'{each.rule.code} {each.rule.name}')}::"
        + _data(f"{each.place}: {each.message}; {each.mend}")
        for each in found
    )


def _data(value: str) -> str:
    return value.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(value: str) -> str:
    return _data(value).replace(":", "%3A").replace(",", "%2C")


def ado(found: Sequence[Diagnostic]) -> str:
    """Logging commands of Azure Pipelines; it knows errors and warnings only."""
    return "\n".join(
        "##vso[task.logissue "
        f"type={'error' if each.rule.level is Level.ERROR else 'warning'};"
        f"sourcepath={_vso(each.path)};linenumber={_file_line(each)};columnnumber={each.column};"
        f"code={each.rule.code};]" + _vso_data(f"{each.place}: {each.message}; {each.mend}")
        for each in found
        if each.rule.level is not Level.NOTE
    )


def _vso_data(value: str) -> str:
    return value.replace("%", "%AZP25").replace("\r", "%0D").replace("\n", "%0A")


def _vso(value: str) -> str:
    return _vso_data(value).replace(";", "%3B").replace("]", "%5D")


def _file_line(each: Diagnostic) -> int:
    """The line of the notebook's file that holds the cell's line; the cell's own without a file."""
    if not each.cell:
        return each.line
    try:
        lines = Path(each.path).read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError):
        return each.line
    marks = [
        number for number, line in enumerate(lines) if f'"id": {json.dumps(each.cell)}' in line
    ]
    if len(marks) != 1:
        return each.line
    for number in range(marks[0], len(lines)):
        if '"source": [' in lines[number]:
            return number + 1 + each.line
    return marks[0] + 1


FORMATS: dict[str, Callable[[Sequence[Diagnostic]], str]] = {
    "text": text,
    "json": as_json,
    "sarif": sarif,
    "github": github,
    "ado": ado,
}
