"""The parameters of the training job: those that it logged, compared with the settings."""

from __future__ import annotations

from typing import NamedTuple

from nbrelease.records import ReleaseRecord
from nbrelease.report import formats
from nbrelease.report.translations import Translate

LABEL = "label_column"
MAX_PARAMETERS = 3
"""Parameters in a line of text; the section on the lineage has all of them."""
MAX_LENGTH = 60


class DifferentParameter(NamedTuple):
    """A parameter whose value in the settings is not the one that the job used."""

    name: str
    setting: str
    used: str


def different_parameters(record: ReleaseRecord) -> list[DifferentParameter]:
    """The parameters of the release that the training job logged with another value."""
    used = record.job_parameters or {}
    return [
        DifferentParameter(name, str(value), used[name])
        for name, value in record.parameters.items()
        if name in used and not _is_same(value, used[name])
    ]


def _is_same(setting: object, used: str) -> bool:
    """Whether a typed value is the text that MLflow stores of it; ``1`` is ``1.0``."""
    if str(setting) == used:
        return True
    try:
        return float(str(setting)) == float(used)
    except ValueError:
        return setting in ("", None) and used in ("", "None")


def changed_parameters(record: ReleaseRecord) -> list[str] | None:
    """The parameters that changed since the previous release; None if that is unknown."""
    changed = record.since_last.parameters if record.since_last else None
    if changed is None:
        return None
    return [
        f"{name} {old or formats.NO_VALUE} → {new or formats.NO_VALUE}"
        for name, (old, new) in changed.items()
    ]


def used_parameters(record: ReleaseRecord) -> list[str]:
    """The parameters that the training job logged, each with its value, without the label."""
    used = record.job_parameters or {}
    return [f"{name} {value}" for name, value in used.items() if value and name != LABEL]


def join_parameters(texts: list[str], _: Translate) -> str:
    """The first parameters in one line, and how many more there are."""
    values = ", ".join(formats.shorten(text, MAX_LENGTH) for text in texts[:MAX_PARAMETERS])
    more = len(texts) - MAX_PARAMETERS
    return values + (_(", and %(count)s more") % {"count": more} if more > 0 else "")
