"""Findings for people, for programs and for the pages of GitHub and Azure DevOps."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from nbrelease.export.diagnostic import RULES, Diagnostic, Level
from nbrelease.export.places import in_file

HELP = "docs/diagnostics.md"


def text(found: Sequence[Diagnostic], root: Path = Path()) -> str:
    """One line each: place, level, code, what is wrong, the mend."""
    del root  # places are those of cells
    return "\n".join(
        f"{each.place}: {each.rule.level} {each.rule.code} {each.message}; {each.mend}"
        for each in found
    )


def as_json(found: Sequence[Diagnostic], root: Path = Path()) -> str:
    """A JSON list of objects; file_line and file_column are those of the notebook's JSON."""
    return json.dumps([_plain(each, root) for each in found], indent=2, ensure_ascii=False)


def _plain(each: Diagnostic, root: Path) -> dict[str, Any]:
    file_line, file_column = in_file(each, root)
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
        "mend": each.mend,
    }


def sarif(found: Sequence[Diagnostic], root: Path = Path()) -> str:
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
        "columnKind": "unicodeCodePoints",
        "results": [_result(each, rules.index(each.rule.code), root) for each in found],
    }
    document = {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [run],
    }
    return json.dumps(document, indent=2, ensure_ascii=False)


def _result(each: Diagnostic, rule: int, root: Path) -> dict[str, Any]:
    line, column = in_file(each, root)
    location: dict[str, Any] = {
        "physicalLocation": {
            "artifactLocation": {"uri": quote(each.path), "uriBaseId": "%SRCROOT%"},
            "region": {"startLine": line, "startColumn": column},
        }
    }
    if each.cell:
        location["logicalLocations"] = [
            {"name": each.cell, "fullyQualifiedName": each.place, "kind": "member"}
        ]
    return {
        "ruleId": each.rule.code,
        "ruleIndex": rule,
        "level": each.rule.level.value,
        "message": {"text": f"{each.message}; {each.mend}"},
        "locations": [location],
        # The same finding after lines moved: a cell keeps its id.
        "partialFingerprints": {"cell/v1": f"{each.path}:{each.cell}:{each.rule.code}"},
    }


def github(found: Sequence[Diagnostic], root: Path = Path()) -> str:
    """Workflow commands, which GitHub shows at the line of the file."""
    kinds = {Level.ERROR: "error", Level.WARNING: "warning", Level.NOTE: "notice"}
    return "\n".join(
        f"::{kinds[each.rule.level]} file={_property(each.path)},line={line},col={column},"
        f"title={_property(f'{each.rule.code} {each.rule.name}')}::"
        + _data(f"{each.place}: {each.message}; {each.mend}")
        for each, (line, column) in ((each, in_file(each, root)) for each in found)
    )


def _data(value: str) -> str:
    return value.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(value: str) -> str:
    return _data(value).replace(":", "%3A").replace(",", "%2C")


def ado(found: Sequence[Diagnostic], root: Path = Path()) -> str:
    """Logging commands of Azure Pipelines; it knows errors and warnings only."""
    return "\n".join(
        "##vso[task.logissue "
        f"type={'error' if each.rule.level is Level.ERROR else 'warning'};"
        f"sourcepath={_vso(each.path)};linenumber={line};columnnumber={column};"
        f"code={each.rule.code};]" + _vso_data(f"{each.place}: {each.message}; {each.mend}")
        for each, (line, column) in ((each, in_file(each, root)) for each in found)
        if each.rule.level is not Level.NOTE
    )


def _vso_data(value: str) -> str:
    return value.replace("%", "%AZP25").replace("\r", "%0D").replace("\n", "%0A")


def _vso(value: str) -> str:
    return _vso_data(value).replace(";", "%3B").replace("]", "%5D")


FORMATS: dict[str, Callable[[Sequence[Diagnostic], Path], str]] = {
    "text": text,
    "json": as_json,
    "sarif": sarif,
    "github": github,
    "ado": ado,
}
