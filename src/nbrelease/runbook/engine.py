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

        def save(**_: Any) -> None:
            if _is_between_cells(nb_man):
                return
            handler = papermill_io.get_handler(nb_man.output_path)
            handler.save(nb_man.nb, nb_man.output_path)
            nb_man.last_save_time = nb_man.now()

        nb_man.save = save
        super().execute_managed_notebook(nb_man, kernel_name, **options)


def _is_between_cells(nb_man: NotebookExecutionManager) -> bool:
    """Whether the start of a code cell follows at once, which is saved: no code cell runs now.

    While one runs, papermill saves its output every 30 seconds.
    """
    states = {
        cell.metadata.papermill["status"] for cell in nb_man.nb.cells if cell.cell_type == "code"
    }
    return nb_man.PENDING in states and not {nb_man.RUNNING, nb_man.FAILED} & states


papermill_engines.register(NAME, Engine)
