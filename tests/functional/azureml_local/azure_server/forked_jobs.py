"""Runs jobs in forks of one process, so that slow imports are done once.

A job is an object with ``folder``, where it runs and has its log, and ``variables``. Its function
writes ``responses.json``. A job that raises an error or exits leaves no such file.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path


def run_jobs(jobs: Path, function: Callable[[dict], list[dict]]) -> None:
    """Run all jobs of a file, one after the other."""
    for job in json.loads(jobs.read_text()):
        child = os.fork()
        if child == 0:
            _run_job(job, function)
        os.waitpid(child, 0)


def _run_job(job: dict, function: Callable[[dict], list[dict]]) -> None:
    code = 1
    try:
        os.chdir(job["folder"])
        log = os.open("log", os.O_WRONLY | os.O_CREAT, 0o600)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.environ.update(job["variables"])
        answers = function(job)
        Path("responses.json").write_text(json.dumps(answers))
        code = 0
    except BaseException:  # noqa: BLE001 - the server exits if a script cannot be loaded
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
