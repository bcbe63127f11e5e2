"""papermill's engine, with saves that take a fraction of the time.

papermill saves the notebook twice for each cell, also for Markdown. nbformat copies it each time,
to split its texts into lines, and writes indented JSON, for which Python does not use its C
encoder.
"""

from __future__ import annotations

from typing import Any

from papermill.engines import NBClientEngine, NotebookExecutionManager, papermill_engines
from papermill.iorw import papermill_io

NAME = "nbrelease"


class Engine(NBClientEngine):  # type: ignore[misc]  # papermill has no type information
    """Executes a notebook with nbclient; the handler of the output's path saves it as it is."""

    @classmethod
    def execute_managed_notebook(
        cls, nb_man: NotebookExecutionManager, kernel_name: str, **options: Any
    ) -> None:
        """Execute the notebook."""
        saved: list[str] = []

        def save(**_: Any) -> None:
            states = _read_states(nb_man)
            if _is_between_cells(states) or (states == saved and not _has_ended(nb_man)):
                return
            handler = papermill_io.get_handler(nb_man.output_path)
            handler.save(nb_man.nb, nb_man.output_path)
            saved[:] = states
            nb_man.last_save_time = nb_man.now()

        nb_man.save = save
        super().execute_managed_notebook(nb_man, kernel_name, **options)


def _read_states(nb_man: NotebookExecutionManager) -> list[str]:
    """The state of each code cell: pending, running, completed or failed."""
    return [
        cell.metadata.papermill["status"] for cell in nb_man.nb.cells if cell.cell_type == "code"
    ]


def _is_between_cells(states: list[str]) -> bool:
    """Whether a code cell has ended and the next one starts at once: its start is saved."""
    manager = NotebookExecutionManager
    return manager.PENDING in states and not {manager.RUNNING, manager.FAILED} & set(states)


def _has_ended(nb_man: NotebookExecutionManager) -> bool:
    return nb_man.nb.metadata.papermill["end_time"] is not None


papermill_engines.register(NAME, Engine)
