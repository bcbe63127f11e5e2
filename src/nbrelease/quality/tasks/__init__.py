"""What is measured and charted for each task."""

from __future__ import annotations

import difflib

from nbrelease.errors import SettingsError
from nbrelease.quality.tasks import binary, custom, forecasting, multiclass, regression
from nbrelease.quality.tasks.task import Task

__all__ = ["CLASSIFICATION", "NUMBERS", "TASKS", "Task", "get_task"]

TASKS = {
    "binary": binary.TASK,
    "multiclass": multiclass.TASK,
    "regression": regression.TASK,
    "forecasting": forecasting.TASK,
    "custom": custom.TASK,
}
CLASSIFICATION = tuple(name for name, task in TASKS.items() if task.classifier)
"""The tasks whose label has classes."""
NUMBERS = ("regression", "forecasting")
"""The tasks whose label is a number. A custom task may have either."""


def get_task(name: str) -> Task:
    """The task with a name.

    Raises:
        SettingsError: there is no such task.
    """
    if name not in TASKS:
        close = difflib.get_close_matches(name, TASKS, n=1)
        hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(TASKS)}"
        raise SettingsError(f"task = {name}: unknown task; {hint}")
    return TASKS[name]
