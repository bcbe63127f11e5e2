"""Metrics of the project: functions of the training notebook.

The release agent does not have the packages of the model. So only the functions and the code that
they use are run, not the whole ``main.py``.
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nbrelease.contract import Contract
from nbrelease.errors import SettingsError
from nbrelease.quality.metrics.metric import SINGLE_RESAMPLES, Measure, Metric
from nbrelease.quality.metrics.scorer import measure_each
from nbrelease.quality.predictions import ScoredRows
from nbrelease.records.published import Direction


def read_own_metrics(folder: Path) -> list[Metric]:
    """The metrics that a training notebook exports.

    Args:
        folder: of the export, with ``main.py`` and ``contract.json``.

    Raises:
        SettingsError: a function is missing, or needs a package that is not installed here.
    """
    metrics = Contract.load(folder).metrics
    if not metrics:
        return []
    main = folder / "main.py"
    tree = ast.parse(main.read_text(encoding="utf-8"))
    return [
        make_own_metric(each.name, each.direction, _load_function(each.name, tree, main), each.help)
        for each in metrics
    ]


def make_own_metric(
    name: str, direction: Direction, function: Callable[..., Any], help: str = ""
) -> Metric:
    """A function as a metric.

    Args:
        name: of the metric.
        direction: which values are better.
        function: of label and prediction, each of shape (rows,) and with its own values, and of
            the probabilities of shape (rows, classes) if it has a parameter ``probability``.
        help: what it measures, for readers.
    """
    needs_probability = "probability" in inspect.signature(function).parameters

    def prepare(rows: ScoredRows) -> Measure:
        probability = rows.scores.probability
        if needs_probability and probability is None:
            raise SettingsError(f"criteria: {name} needs probabilities, and the model has none")

        def score(positions: NDArray[np.intp]) -> float:
            values = [rows.label[positions], rows.scores.prediction[positions]]
            if needs_probability and probability is not None:
                values.append(probability[positions])
            return float(function(*values))

        try:
            score(np.arange(len(rows.label)))
        except Exception as error:
            raise SettingsError(
                f"metric {name} of the training notebook: {type(error).__name__}: {error}"
            ) from error
        return measure_each(score)

    return Metric(
        name, direction, "any", prepare, probability=needs_probability,
        resamples=SINGLE_RESAMPLES, help=help,
    )  # fmt: skip


def _load_function(name: str, tree: ast.Module, main: Path) -> Callable[..., Any]:
    statements: dict[str, ast.stmt] = {}
    for statement in tree.body:
        statements |= dict.fromkeys(_bound_names(statement), statement)
    if name not in statements:
        raise SettingsError(f"{main}: has no function {name}; run nbrelease export")
    needed: set[int] = set()
    pending = [name]
    while pending:
        used = statements.get(pending.pop())
        if used is not None and id(used) not in needed:
            needed.add(id(used))
            pending += [each.id for each in ast.walk(used) if isinstance(each, ast.Name)]
    body = [
        each
        for each in tree.body
        if id(each) in needed or (isinstance(each, ast.ImportFrom) and each.module == "__future__")
    ]
    module = ast.Module(body=body, type_ignores=[])
    namespace: dict[str, Any] = {"__name__": main.stem}
    try:
        with _shared_modules(main.parent):
            exec(compile(module, str(main), "exec"), namespace)  # noqa: S102 - the project's code
    except ImportError as error:
        raise SettingsError(
            f"{main}: metric {name}: {error}; metrics are measured here, without the packages of "
            "the model"
        ) from None
    function: Callable[..., Any] = namespace[name]
    return function


@contextmanager
def _shared_modules(folder: Path) -> Iterator[None]:
    """Lets the shared modules of the project be imported, which the export copies to a folder."""
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))


def _bound_names(statement: ast.stmt) -> list[str]:
    """The names that a statement at the top of a module defines."""
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return [each.asname or each.name.partition(".")[0] for each in statement.names]
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        return [statement.name]
    return [
        each.id
        for each in ast.walk(statement)
        if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Store)
    ]
