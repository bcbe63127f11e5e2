"""Output formats for diagnostics: text, JSON, SARIF, GitHub and Azure Pipelines commands."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from nbrelease.export.diagnostic import RULES, Diagnostic, Level
from nbrelease.export.file_locations import locate_in_file

# Escapes of GitHub workflow commands and of Azure Pipelines logging commands.
_GITHUB_DATA = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_GITHUB_PROPERTY = _GITHUB_DATA | str.maketrans({":": "%3A", ",": "%2C"})
_VSO_DATA = str.maketrans({"%": "%AZP25", "\r": "%0D", "\n": "%0A"})
_VSO_PROPERTY = _VSO_DATA | str.maketrans({";": "%3B", "]": "%5D"})


def format_text(diagnostics: Sequence[Diagnostic], root: Path = Path()) -> str:
    """One line per diagnostic: location, level, code, message, fix."""
    del root  # locations are those of cells
    return "\n".join(
        f"{each.location}: {each.rule.level} {each.rule.code} {each.message}; {each.fix}"
        for each in diagnostics
    )


def format_json(diagnostics: Sequence[Diagnostic], root: Path = Path()) -> str:
    """A JSON list; ``file_line`` and ``file_column`` count in the notebook's JSON file."""
    return json.dumps([_fields(each, root) for each in diagnostics], indent=2, ensure_ascii=False)


def _fields(each: Diagnostic, root: Path) -> dict[str, Any]:
    file_line, file_column = locate_in_file(each, root)
    return {
        "code": each.rule.code,
        "name": each.rule.name,
        "level": each.rule.level.value,
        "path": each.path,
        "cell": each.cell,
        "line": each.line,
        "column": each.column,
        "file_line": file_line,
        "file_column": file_column,
        "message": each.message,
        "fix": each.fix,
    }


def format_sarif(diagnostics: Sequence[Diagnostic], root: Path = Path()) -> str:
    """SARIF 2.1.0: the cell is a logical location, the region counts lines of the file."""
    rules = sorted({each.rule.code for each in diagnostics})
    run = {
        "tool": {
            "driver": {
                "name": "nbrelease export",
                "rules": [
                    {
                        "id": code,
                        "name": RULES[code].name,
                        "shortDescription": {"text": RULES[code].summary},
                        "help": {"text": RULES[code].url},
                        "defaultConfiguration": {"level": RULES[code].level.value},
                    }
                    for code in rules
                ],
            }
        },
        "columnKind": "unicodeCodePoints",
        "results": [_sarif_result(each, rules.index(each.rule.code), root) for each in diagnostics],
    }
    document = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [run],
    }
    return json.dumps(document, indent=2, ensure_ascii=False)


def _sarif_result(each: Diagnostic, rule: int, root: Path) -> dict[str, Any]:
    line, column = locate_in_file(each, root)
    location: dict[str, Any] = {
        "physicalLocation": {
            "artifactLocation": {"uri": quote(each.path), "uriBaseId": "%SRCROOT%"},
            "region": {"startLine": line, "startColumn": column},
        }
    }
    if each.cell:
        location["logicalLocations"] = [
            {"name": each.cell, "fullyQualifiedName": each.location, "kind": "member"}
        ]
    return {
        "ruleId": each.rule.code,
        "ruleIndex": rule,
        "level": each.rule.level.value,
        "message": {"text": f"{each.message}; {each.fix}"},
        "locations": [location],
        # Identifies the result after lines have moved: a cell keeps its id.
        "partialFingerprints": {"cell/v1": f"{each.path}:{each.cell}:{each.rule.code}"},
    }


def format_github(diagnostics: Sequence[Diagnostic], root: Path = Path()) -> str:
    """GitHub workflow commands, which annotate lines of files."""
    kinds = {Level.ERROR: "error", Level.WARNING: "warning", Level.NOTE: "notice"}
    return "\n".join(
        f"::{kinds[each.rule.level]} file={each.path.translate(_GITHUB_PROPERTY)},"
        f"line={line},col={column},title={each.rule.code} {each.rule.name}::"
        + f"{each.location}: {each.message}; {each.fix}".translate(_GITHUB_DATA)
        for each, (line, column) in ((each, locate_in_file(each, root)) for each in diagnostics)
    )


def format_ado(diagnostics: Sequence[Diagnostic], root: Path = Path()) -> str:
    """Azure Pipelines logging commands; these know errors and warnings only."""
    return "\n".join(
        "##vso[task.logissue "
        f"type={'error' if each.rule.level is Level.ERROR else 'warning'};"
        f"sourcepath={each.path.translate(_VSO_PROPERTY)};linenumber={line};columnnumber={column};"
        f"code={each.rule.code};]"
        + f"{each.location}: {each.message}; {each.fix}".translate(_VSO_DATA)
        for each, (line, column) in ((each, locate_in_file(each, root)) for each in diagnostics)
        if each.rule.level is not Level.NOTE
    )


FORMATS: dict[str, Callable[[Sequence[Diagnostic], Path], str]] = {
    "text": format_text,
    "json": format_json,
    "sarif": format_sarif,
    "github": format_github,
    "ado": format_ado,
}
