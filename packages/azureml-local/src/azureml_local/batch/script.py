"""A batch scoring script: ``init()`` once a process, ``run(mini_batch)`` with paths of files.

What ``run`` gives back is a data frame or a list. With ``append_row`` a row or element of it is a
line of the output, a data frame's values with blanks between them and without a header, as Azure
ML's driver writes them. Each element counts as one file that was scored.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from azureml_local.scoring.scripts import WrongScript, load


class Script:
    """Scores mini-batches of files by a script."""

    def __init__(self, folder: Path, script: str) -> None:
        """Load the script and call its ``init``.

        Args:
            folder: the deployment's code.
            script: the script's path in it.

        Raises:
            WrongScript: it has no ``init`` or no ``run``.
        """
        module = load(folder, script)
        module.init()
        self._run = module.run

    def score(self, files: list[Path], part: Path | None) -> tuple[int, int]:
        """Score files, and write what the script gives back to ``part``.

        Returns:
            Files that were scored, and those that were not.

        Raises:
            WrongScript: the script gives back neither a data frame nor a list.
        """
        found = self._run([str(path) for path in files])
        if isinstance(found, str | bytes | dict) or not hasattr(found, "__len__"):
            raise WrongScript(
                f"run() must give back a data frame or a list, not {type(found).__name__}"
            )
        if part is not None:
            _write(found, part)
        good = min(len(files), len(found))
        print(f"mini-batch of {len(files)} files: {len(found)} results", flush=True)
        return good, len(files) - good


def _write(found: Any, part: Path) -> None:
    if hasattr(found, "to_csv") and hasattr(found, "columns"):
        found.to_csv(part, sep=" ", header=False, index=False)
        return
    with part.open("w", encoding="utf-8", newline="") as file:
        file.writelines(f"{each}\n" for each in found)
