"""The entry script of a parallel job in a worker: ``init()``, ``run(mini_batch)``, ``shutdown()``.

``run`` gets a list of paths, or a data frame of a table. It can have a parameter
``mini_batch_context``. Scripts can import ``EntryScript`` of ``azureml_user.parallel_run``, whose
``logger`` writes to the job's log.
"""

from __future__ import annotations

import inspect
import logging
import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from azureml_local.batch.mltable import Table
from azureml_local.batch.script import write_results
from azureml_local.documents.scoring import ParallelBatch, ScoringSpec
from azureml_local.scoring.script_loader import load_script

CONTEXT = "mini_batch_context"
LOGGER = "azureml_user.parallel_run"


@dataclass(frozen=True)
class MiniBatchContext:
    """The context of a mini-batch, for ``run``."""

    minibatch_index: int
    partition_key_value: dict[str, str] | None


class EntryScript:
    """A loaded entry script."""

    def __init__(self, spec: ScoringSpec) -> None:
        """Load the script and call its ``init``.

        Args:
            spec: ``code``, ``entry_script``, ``arguments``, ``logging_level`` and ``table``.

        Raises:
            InvalidScript: it has no ``init`` or no ``run``.
        """
        _add_module(_create_logger(spec["logging_level"]))
        script = spec["entry_script"]
        sys.argv = [script, *spec.get("arguments", [])]
        self._table = Table(**spec["table"]) if spec.get("table") else None
        self._rows: Any = None
        self._module = load_script(Path(spec["code"]), script)
        self._module.init()

    def score(self, content: ParallelBatch, part: Path | None) -> tuple[int, int]:
        """Run a mini-batch, and write its results to ``part``.

        Args:
            content: ``index``; ``files``, or the numbers of ``tables``, with ``rows`` (first, end).
            part: the file for the results; None: they are not written.

        Returns:
            The counts of successful and failed files or rows.

        Raises:
            InvalidScript: ``run`` returns neither a data frame nor a list.
        """
        batch = self._read(self._table, content) if self._table else content["files"]
        context = MiniBatchContext(content["index"], content.get("partition"))
        run = self._module.run
        with_context = CONTEXT in inspect.signature(run).parameters
        results = run(batch, **({CONTEXT: context} if with_context else {}))
        count = min(len(batch), write_results(results, part))
        print(f"mini-batch {context.minibatch_index}: {len(batch)} items, {count} results")
        sys.stdout.flush()
        return count, len(batch) - count

    def _read(self, table: Table, content: ParallelBatch) -> Any:
        """The data frame of a mini-batch; a table that is divided by size is read once."""
        if "rows" not in content:
            return table.read(content["tables"])
        if self._rows is None:
            self._rows = table.read(content["tables"])
        first, end = content["rows"]
        return self._rows.iloc[first:end].reset_index(drop=True)

    def shutdown(self) -> None:
        """Call the script's ``shutdown`` if it has one."""
        if callable(getattr(self._module, "shutdown", None)):
            self._module.shutdown()


def _create_logger(level: str) -> logging.Logger:
    logger = logging.getLogger(LOGGER)
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter("%(asctime)s|%(levelname)s|%(message)s"))
    logger.addHandler(handler)
    logger.setLevel(level)
    return logger


def _add_module(logger: logging.Logger) -> None:
    """Provide Azure's module with the entry script's logger."""

    class UserEntryScript:
        """Azure's singleton."""

        def __init__(self) -> None:
            self.logger = logger

    package, module = ModuleType("azureml_user"), ModuleType("azureml_user.parallel_run")
    module.__dict__["EntryScript"] = UserEntryScript
    package.__dict__["parallel_run"] = module
    sys.modules.update({package.__name__: package, module.__name__: module})
