"""A batch scoring script: ``init()`` once a process, ``run(mini_batch)`` with paths of files.

``run`` returns a data frame or a list. With ``append_row`` each row or element is a line of the
output. As in Azure ML, the values of a data frame are separated by blanks, without a header. Each
element counts as one scored file.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from azureml_local.scoring.script_loader import InvalidScript, call_init, load_script


class Script:
    """A batch scoring script."""

    def __init__(self, folder: Path, script: str) -> None:
        """Load the script and call its ``init``.

        Args:
            folder: the deployment's code.
            script: the script's path in it.

        Raises:
            InvalidScript: it has no ``init`` or no ``run``.
        """
        module = load_script(folder, script)
        call_init(module)
        self._run = module.run

    def score(self, content: list[str], part: Path | None) -> tuple[int, int]:
        """Score files, and write the results to ``part``.

        Returns:
            The counts of scored and failed files.

        Raises:
            InvalidScript: ``run`` returns neither a data frame nor a list.
        """
        count = write_results(self._run(content), part)
        scored = min(len(content), count)
        print(f"mini-batch of {len(content)} files: {count} results", flush=True)
        return scored, len(content) - scored


def write_results(results: Any, part: Path | None) -> int:
    """Write what ``run`` returned as lines to ``part``; returns the number of elements.

    Raises:
        InvalidScript: it is neither a data frame nor a list.
    """
    if isinstance(results, (str, bytes, dict)) or not hasattr(results, "__len__"):
        raise InvalidScript(
            f"run() must return a data frame or a list, not {type(results).__name__}"
        )
    if part is not None:
        _write_lines(results, part)
    return len(results)


def _write_lines(results: Any, part: Path) -> None:
    if hasattr(results, "to_csv") and hasattr(results, "columns"):
        results.to_csv(part, sep=" ", header=False, index=False)
        return
    with part.open("w", encoding="utf-8", newline="") as file:
        file.writelines(f"{each}\n" for each in results)
