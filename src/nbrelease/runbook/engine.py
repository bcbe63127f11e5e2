"""papermill's engine, with saves that take a fraction of the time.

papermill saves the notebook twice a cell. Python writes indented JSON without its C encoder, and
that took half of the processor time of a runbook.
"""

from __future__ import annotations

from typing import Any

import nbformat
from papermill.engines import NBClientEngine, NotebookExecutionManager, papermill_engines
from papermill.iorw import papermill_io

NAME = "nbrelease"


class Engine(NBClientEngine):  # type: ignore[misc]
    """Executes a notebook with nbclient; the saves while it runs have no indentation."""

    @classmethod
    def execute_managed_notebook(
        cls, nb_man: NotebookExecutionManager, kernel_name: str, **options: Any
    ) -> None:
        """Execute the notebook."""

        def save(**_: Any) -> None:
            papermill_io.write(nbformat.writes(nb_man.nb, indent=None), nb_man.output_path)
            nb_man.last_save_time = nb_man.now()

        nb_man.save = save
        super().execute_managed_notebook(nb_man, kernel_name, **options)


papermill_engines.register(NAME, Engine)
