"""Any other label: it is measured by the metrics of criteria.yml alone, without charts."""

from __future__ import annotations

from nbrelease.quality.tasks.task import Task

TASK = Task(classifier=False, metrics=(), group_metrics=(), draw_curves=lambda *_: None)
