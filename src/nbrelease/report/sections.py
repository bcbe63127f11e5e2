"""What the sections of the report show beyond plain fields of the record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from nbrelease import secrets
from nbrelease.records import CellResult, ReleaseRecord, RunbookResult
from nbrelease.records.published import Column, RolloutStep
from nbrelease.report import svg
from nbrelease.report.labels import tone_of
from nbrelease.report.translations import Translate

SLICE_METRICS = 2
"""Metrics of a slice that are always in the table: the main one and the next one."""

CellOfRunbook = tuple[RunbookResult, CellResult]


@dataclass(frozen=True)
class MaskedSecret:
    """A masked secret: the place with its link, the part of the place, the kind, how often."""

    href: str
    place: str
    part: str
    secret: str
    times: int


def slice_metrics(record: ReleaseRecord) -> list[str]:
    """The metrics in the table of slices, in the order of the comparison.

    They are the first metrics, and those that criteria compare with the champion in a slice.
    """
    slices = record.comparison.slices if record.comparison else []
    names = _in_order(record, {name for each in slices for name in each.metrics})
    compared = {name for each in slices for name in each.difference_intervals or {}}
    return [name for name in names if name in compared or name in names[:SLICE_METRICS]]


def has_more_slice_metrics(record: ReleaseRecord) -> bool:
    """Whether slices have metrics that are not in their table."""
    slices = record.comparison.slices if record.comparison else []
    metrics = set(slice_metrics(record))
    return any(name not in metrics for each in slices for name in each.metrics)


def group_keys(record: ReleaseRecord) -> list[str]:
    """The columns of the table of groups: their rows, then metrics as in the comparison."""
    groups = record.fairness.groups if record.fairness else []
    keys = {name for group in groups for name in group} - {"group"}
    return sorted(_in_order(record, keys), key=lambda name: name != "rows")


def _in_order(record: ReleaseRecord, names: set[str]) -> list[str]:
    """Metrics in the order of the comparison, others behind them by name: JSON has no order."""
    metrics = record.comparison.metrics if record.comparison else []
    places = {each.name: place for place, each in enumerate(metrics)}
    return sorted(names, key=lambda name: (places.get(name, len(places)), name))


def metric_sizes(record: ReleaseRecord) -> dict[str, float]:
    """For each metric of the tables a value that decides the decimals of all its values."""
    groups = record.fairness.groups if record.fairness else []
    sizes: dict[str, float] = {}
    for group in groups:
        for name, value in group.items():
            if isinstance(value, int | float):
                sizes[name] = max(sizes.get(name, 0.0), abs(value))
    comparison = record.comparison
    return sizes | {
        each.name: each.challenger for each in (comparison.metrics if comparison else [])
    }


def column_groups(record: ReleaseRecord) -> dict[str, list[Column]]:
    """The columns of the data by what is known of them: numbers, categories, or dates."""
    groups: dict[str, list[Column]] = {"numeric": [], "categorical": [], "date": []}
    for column in record.data_profile.columns if record.data_profile else []:
        kind = column.kind or ("categorical" if column.distinct is not None else "numeric")
        groups[kind if kind in groups else "categorical"].append(column)
    return groups


def test_cells(record: ReleaseRecord) -> list[CellOfRunbook]:
    """The test cells, failed ones first."""
    order = {"bad": 0, "wait": 1, "good": 2}
    cells = [(runbook, cell) for runbook, cell in _cells(record) if cell.is_test]
    return sorted(cells, key=lambda each: order[tone_of(each[1].state)])


def failed_cells(record: ReleaseRecord) -> list[CellOfRunbook]:
    """All cells that failed, tests or not, in the order of execution."""
    return [(runbook, cell) for runbook, cell in _cells(record) if tone_of(cell.state) == "bad"]


def _cells(record: ReleaseRecord) -> list[CellOfRunbook]:
    return [(runbook, cell) for runbook in record.runbooks for cell in runbook.cells]


def first_error(record: ReleaseRecord, failed: list[CellOfRunbook]) -> str:
    """The error of the first failed cell if a runbook failed; the page links to the cell."""
    if record.because is None or record.because.code != "runbook failed" or not failed:
        return ""
    error = failed[0][1].error
    if error is None:
        return ""
    # The message of an assertion is enough; without one its name is all there is.
    return error.line.removeprefix("AssertionError: ").removeprefix("AssertionError:") or error.line


def masked_secrets(record: ReleaseRecord, _: Translate) -> list[MaskedSecret]:
    """The masked secrets, each with a link to its cell or file."""
    names = {runbook.name for runbook in record.runbooks}
    rows = []
    for each in record.masked:
        page = each.file.removeprefix("notebooks/").removesuffix(".ipynb")
        has_page = each.file != page and page in names
        variable = each.what.removeprefix(secrets.VARIABLE_PREFIX)
        secret = (
            _(each.what)
            if variable == each.what
            else _("the value of %(name)s") % {"name": variable}
        )
        rows.append(
            MaskedSecret(
                href=f"html/{page}.html#{each.cell}" if has_page and each.cell else each.file,
                place=f"{page} · {each.cell}" if each.cell else each.file,
                part=_(each.part),
                secret=secret,
                times=each.times,
            )
        )
    return rows


def rollout(record: ReleaseRecord) -> list[tuple[RolloutStep, Any]]:
    """The steps of the rollout, each with a bar of its traffic: the new deployment first."""
    new = record.endpoints.online.deployment if record.endpoints.online else ""
    steps = []
    for step in record.rollout or []:
        new = step.deployment or new
        parts = sorted(step.traffic.items(), key=lambda item: item[0] != new)
        kinds = [("go" if name == new else "rest", share) for name, share in parts]
        steps.append((step, svg.shares(kinds)))
    return steps
