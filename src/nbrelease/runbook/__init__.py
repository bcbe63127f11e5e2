"""Run a runbook: execute it once and write the result of each cell into the executed notebook.

The executed notebook is the evidence. The result is in its metadata under ``nbrelease``; the
release record is built from these results only.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from contextlib import chdir
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

from nbrelease import console, files, pack_code, published_values
from nbrelease.errors import NotebookError, UsageError
from nbrelease.notebook import INJECTED, Notebook, load_nbformat, read
from nbrelease.output_comparison import OutputComparer, markers
from nbrelease.records import CellResult, CheckResult, RunbookResult, result_of
from nbrelease.release import Release
from nbrelease.runbook import (
    execute,
    kernelspec,
    machine_paths,
    parameter_values,
    slow_imports,
    verdict,
)
from nbrelease.runbook.injection import inject, to_json
from nbrelease.runbook.masking import NotebookMasker
from nbrelease.runbook.secret_receiver import receive_secrets
from nbrelease.secrets import SHORTEST_KNOWN, Known, mask, reference
from nbrelease.settings import Environment, Settings

__all__ = ["check", "run", "settings_values"]

CLOCK_TOLERANCE_SECONDS = 2.0


def run(
    source: Path,
    *,
    settings: Settings,
    env: Environment,
    release: Release,
    arguments: Mapping[str, str],
) -> RunbookResult:
    """Execute one runbook as part of a release.

    Args:
        source: the runbook's notebook.
        settings: the project's settings.
        env: the settings of the release's environment.
        release: the release that the executed notebook is written to.
        arguments: parameters from the command line, as text.

    Returns:
        The result, as written to the executed notebook's metadata.

    Raises:
        UserError: the notebook, a parameter or the kernel is wrong; nothing was executed.
    """
    slow_imports.import_papermill()
    runbook = read(source)
    parameters = parameter_values.resolve(
        runbook,
        arguments=arguments,
        published=release.values(before=source.stem),
        identity={
            "env": release.identity.env,
            "release_id": release.id,
            "project_root": _find_root(source, settings.root),
            "criteria_commit": release.identity.parameters.get("criteria_commit", ""),
        },
        settings=settings_values(
            settings, env, release.identity.env, release.identity.settings_model
        ),
    )
    committed = load_nbformat(source)
    notebook_kernel = committed.metadata.get("kernelspec", {}).get("name", "")
    kernel = kernelspec.resolve_kernel(env.kernel_name, notebook_kernel, source)
    checker = OutputComparer.for_notebook(source)
    known = _known_secrets(runbook, parameters)
    masker = NotebookMasker(known, f"notebooks/{source.stem}.ipynb")

    result = RunbookResult(
        name=source.stem,
        source=_relative_path(source, settings.root),
        source_sha256=files.sha256(source),
        env=release.identity.env,
        release_id=release.id,
        parameters=masker.mask_value(
            _without_machine_paths(to_json(parameters), settings, env), "parameters"
        ),
        started=datetime.now(UTC),
        first_started=release.first_start(source.stem),
        stage=os.environ.get("SYSTEM_STAGENAME", ""),
        job=os.environ.get("SYSTEM_PHASENAME", ""),
    )
    steady = time.monotonic()
    output = release.notebook(source.stem)
    prepared = _prepare(load_nbformat(source), runbook, parameters, result)
    if "job_name" not in release.values():  # no training yet: it will use the current exports
        pack_code.copy_exports(settings.root, release.folder)
    hidden = pack_code.copy_runbook(source, result.source, release.folder, known)
    with chdir(settings.root), receive_secrets(known):
        stopped = execute.execute(
            prepared,
            output,
            kernel=kernel,
            folder=source.parent.resolve(),
            cell_timeout=env.cell_timeout_seconds,
            clean=partial(_clean, masker=masker, settings=settings, env=env),
            known=known,
        )
    judged = _judge(output, committed, runbook, result, checker, stopped)
    ended = datetime.now(UTC)
    _warn_if_clock_went_back(source.stem, ended - result.started, time.monotonic() - steady)
    result = judged.model_copy(
        update={
            "masked": masker.masked + hidden,
            "ended": ended,
            "seconds": (ended - result.started).total_seconds(),
        }
    )
    _write_result(output, result, settings, env)
    return result


def _warn_if_clock_went_back(name: str, clock: timedelta, seconds: float) -> None:
    """Warn if the clock measured less time than a clock that cannot be set."""
    lost = seconds - clock.total_seconds()
    if lost > CLOCK_TOLERANCE_SECONDS:
        console.warning(
            f"{name}: the clock of this machine went back {lost:.0f} s while it ran; the times of "
            "this release are not in order, and nbrelease evidence verify reports them"
        )


def settings_values(
    settings: Settings, env: Environment, name: str, model: str = ""
) -> dict[str, Any]:
    """The values of settings.ini for runbook parameters, by name.

    Args:
        settings: the project's settings.
        env: the settings of the environment.
        name: the environment.
        model: a further model; empty for the model of ``[DEFAULT]``.
    """
    return {
        **env.parameters(),
        **settings.source(name, model),
        "model": model,
        "train_parameters": to_json(settings.training_parameters(name, model)),
    }


def check(executed: Path, source: Path) -> RunbookResult:
    """Check an executed notebook again, against the current state of its source.

    Args:
        executed: a notebook that ``run`` wrote.
        source: the notebook with the outputs to compare with.

    Raises:
        NotebookError: one of them is invalid, or the executed one lacks a cell of the source.
    """
    slow_imports.import_nbformat()
    result = result_of(executed)
    runbook = read(source)
    missing = {cell.id for cell in runbook.cells} - {
        cell.get("id") for cell in _load(executed).cells
    }
    if missing:
        raise NotebookError(
            f"{executed}: missing cell {', '.join(sorted(missing))}; {result.source} has changed "
            "since this run: run it again"
        )
    checker = OutputComparer.for_notebook(source)
    return _judge(executed, load_nbformat(source), runbook, result, checker, result.reason)


def _load(path: Path) -> Any:
    import nbformat

    return nbformat.read(path, as_version=4)


def _find_root(source: Path, root: Path) -> str:
    """The path from the folder of a runbook, in which it runs, to the root of the project."""
    return Path(os.path.relpath(root.resolve(), source.parent.resolve())).as_posix()


def _relative_path(path: Path, root: Path) -> str:
    resolved = path.resolve()
    return (
        resolved.relative_to(root.resolve()).as_posix() if root in resolved.parents else path.name
    )


def _prepare(
    notebook: Any, runbook: Notebook, parameters: Mapping[str, Any], result: RunbookResult
) -> Any:
    """Prepare a notebook for papermill: no old outputs, papermill's tags, parameters injected."""
    for cell, read_cell in zip(notebook.cells, runbook.cells, strict=True):
        if cell.cell_type != "code":
            continue
        cell.outputs, cell.execution_count = [], None
        tags = set(cell.metadata.get("tags", []))
        marked = markers(cell, read_cell.tags)
        if marked.skip:
            tags.add(verdict.SKIP)
        if marked.raises:
            tags.add(verdict.RAISES)
        if tags:
            cell.metadata["tags"] = sorted(tags)
    declaring = [i for i, cell in enumerate(runbook.cells) if "parameters" in cell.tags]
    inject(notebook, parameters, declaring[0] + 1 if declaring else 0)
    # In the file from the first save: a run that is killed leaves its identity.
    notebook.metadata["nbrelease"] = result.model_dump(mode="json")
    return notebook


def _judge(
    output: Path,
    committed: Any,
    runbook: Notebook,
    result: RunbookResult,
    checker: OutputComparer,
    stopped: str | None,
) -> RunbookResult:
    """The result with the state of each code cell of the source, and the published values."""
    from nbformat import from_dict

    executed = {cell.get("id"): cell for cell in _load(output).cells}
    results, published = [], {}
    # Secrets in the executed notebook are masked, so the reference must be masked too.
    originals = from_dict(mask(committed)[0]).cells
    for index, (original, read_cell) in enumerate(zip(originals, runbook.cells, strict=True)):
        if original.cell_type != "code" or not original.source.strip():
            continue
        cell = executed[original.id]
        tags = read_cell.tags | set(cell.metadata.get("tags", []))
        state, error = verdict.state_of(cell, frozenset(tags))
        check = None
        if state == "passed" and markers(original, read_cell.tags).check:
            difference = checker.compare(original, cell)
            check = CheckResult(passed=difference is None)
            if difference is not None:
                state = "check failed"
                check = CheckResult(
                    passed=False, expected=difference.expected, found=difference.actual
                )
        published.update(published_values.read_outputs(cell.outputs))
        results.append(
            CellResult(
                id=original.id,
                index=index,
                tags=sorted(read_cell.tags),
                state=state,
                seconds=cell.metadata.get("papermill", {}).get("duration"),
                error=error,
                check=check,
            )
        )
    return result.model_copy(
        update={
            "cells": results,
            "values": published,
            "verdict": "failed" if stopped else verdict.overall([cell.state for cell in results]),
            "reason": stopped,
        }
    )


def _write_result(
    output: Path, result: RunbookResult, settings: Settings, env: Environment
) -> None:
    """Write the executed notebook with its result and without this machine's folders."""
    from papermill.execute import ERROR_MARKER_TAG

    notebook = _load(output)
    cells = []
    for cell in notebook.cells:
        if ERROR_MARKER_TAG not in cell.metadata.get("tags", []):  # the page marks the failed cell
            cells.append(cell)
    notebook.cells = cells
    notebook.metadata["nbrelease"] = result.model_dump(mode="json")
    portable = _make_portable(notebook, settings, env)
    text = json.dumps(portable, indent=1, ensure_ascii=False, allow_nan=False)
    files.write_text(output, text + "\n")


def _known_secrets(runbook: Notebook, parameters: Mapping[str, Any]) -> Known:
    """The secrets in this process's environment and in the runbook's secret parameters.

    Raises:
        UsageError: a secret parameter refers to a variable that is not set or too short to mask.
    """
    names = []
    for parameter in runbook.parameters:
        name = reference.variable_name(parameters.get(parameter.name, parameter.value))
        if not parameter.secret or name is None:
            continue
        value = os.environ.get(name, "")
        where = f"{parameter.where}: parameter {parameter.name} = env:{name}"
        if not value:
            raise UsageError(
                f"{where}: variable {name} is not set; set it (in a pipeline under env:)"
            )
        if len(value.strip()) < SHORTEST_KNOWN:
            raise UsageError(
                f"{where}: {name} has fewer than {SHORTEST_KNOWN} characters and cannot be masked "
                "reliably; use a longer secret"
            )
        names.append(name)
    return Known.of_environment(names)


def _clean(content: Any, masker: NotebookMasker, settings: Settings, env: Environment) -> Any:
    """A notebook without secrets and without this machine's folders."""
    cleaned = _make_portable(masker.mask_notebook(content), settings, env)
    cleaned["metadata"]["nbrelease"]["masked"] = [each.model_dump() for each in masker.masked]
    return cleaned


def _make_portable(notebook: Any, settings: Settings, env: Environment) -> Any:
    """A copy of a notebook without this machine's folders in outputs and values.

    The code of its author stays as it is: a folder such as ``/tmp`` may be part of it.
    """
    portable = _without_machine_paths(notebook, settings, env)
    for cell, original in zip(portable["cells"], notebook["cells"], strict=True):
        if INJECTED not in original["metadata"].get("tags", []):
            cell["source"] = original["source"]
    return portable


def _without_machine_paths(value: Any, settings: Settings, env: Environment) -> Any:
    data = Path(env.training_data)
    extra = {"<data>": data.parent} if data.is_absolute() else {}
    return machine_paths.replace_paths(value, machine_paths.list_replacements(settings.root, extra))
