"""The code folder of a job: the exported notebook, and the code that evaluates its model."""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import asdict
from pathlib import Path

from nbrelease.training.job import settings as job_settings
from nbrelease.training.job.settings import Settings

PACKAGE = "nbrelease_job"


def write_job_code(settings: Settings, exported: Path | None = None) -> Path:
    """Write the code folder of a job; the same content gives the same files.

    Args:
        settings: of the job, for the evaluation of a model.
        exported: folder of the exported training notebook; None for a job that only predicts.

    Returns:
        A new temporary folder with ``main.py``, ``nbrelease_job`` and the settings.
    """
    folder = Path(tempfile.mkdtemp())
    ignore = shutil.ignore_patterns("__pycache__", ".*")
    if exported is not None:
        shutil.copytree(exported, folder, dirs_exist_ok=True, ignore=ignore)
    shutil.copytree(Path(job_settings.__file__).parent, folder / PACKAGE, ignore=ignore)
    text = json.dumps(asdict(settings), indent=2, ensure_ascii=False)
    (folder / job_settings.SETTINGS).write_text(text + "\n", encoding="utf-8")
    return folder
