"""papermill's engine, with saves that take a fraction of the time.

papermill saves the notebook twice a cell. nbformat copies it each time, to split its texts into
lines, and writes indented JSON, for which Python does not use its C encoder.
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
            handler = papermill_io.get_handler(nb_man.output_path)
            handler.save(nb_man.nb, nb_man.output_path)
            nb_man.last_save_time = nb_man.now()

        nb_man.save = save
        super().execute_managed_notebook(nb_man, kernel_name, **options)


papermill_engines.register(NAME, Engine)
