"""Generate ``contract.json``: what others need to know about a module with a ``main()``.

It lists the parameters with types, defaults and help texts, the metrics of cells tagged ``metric``,
and the public functions. :mod:`nbrelease.contract` reads it.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

from nbrelease.contract import SCHEMA
from nbrelease.export import diagnostic as rules
from nbrelease.export import generated_module
from nbrelease.export.source import CodeCell, Source
from nbrelease.notebook import Parameter

ARGUMENTS = (("label", "prediction"), ("label", "prediction", "probability"))
"""The arguments that a metric may have."""


def render(source: Source) -> str:
    """The text of the file."""
    content = {
        "schema_version": SCHEMA,
        "notebook": source.path,
        "parameters": [_describe_parameter(each) for each in source.parameters],
        "metrics": [
            {
                "name": node.name,
                "direction": cell.cell.directives.get("metric") or "higher",
                "help": (ast.get_docstring(node) or "").partition("\n")[0],
            }
            for cell, node in _metrics(source)
        ],
        "functions": generated_module.functions(source),
    }
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def check(source: Source) -> None:
    """Report metrics with other arguments than those that they are called with."""
    for cell, node in _metrics(source):
        arguments = node.args
        names = tuple(each.arg for each in (*arguments.posonlyargs, *arguments.args))
        if names in ARGUMENTS and not (arguments.kwonlyargs or arguments.vararg or arguments.kwarg):
            continue
        source.report(
            rules.METRIC,
            cell.cell,
            node,
            f"metric {node.name}: the arguments must be label, prediction and optionally "
            f"probability (got {ast.unparse(arguments) or 'none'})",
            f"write `def {node.name}(label, prediction)`, or tag other functions export",
        )


def _metrics(source: Source) -> Iterator[tuple[CodeCell, ast.FunctionDef]]:
    """The public functions of the cells tagged ``metric``, with their cells."""
    for cell in source.cells:
        if "metric" in cell.cell.tags:
            for node in cell.tree.body:
                if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                    yield cell, node


def _describe_parameter(parameter: Parameter) -> dict[str, Any]:
    return {
        "name": parameter.name,
        "type": parameter.type,
        "optional": parameter.optional,
        "choices": list(parameter.choices),
        "default": _to_json(parameter.value),
        "help": parameter.help,
        "group": parameter.group,
    }


def _to_json(value: Any) -> Any:
    if isinstance(value, Path):
        return value.as_posix()
    return value.isoformat() if isinstance(value, date) else value
