"""Run a runbook: execute it once, and leave the executed notebook with a verdict a cell.

The executed notebook is the evidence, so everything that is known of the run goes into its
metadata under ``nbrelease``; the release record is made from there and from nowhere else.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from contextlib import chdir
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from nbrelease import files, pack_code, published_values
from nbrelease.checks import Checker, markers
from nbrelease.errors import NotebookError, UsageError
from nbrelease.notebook import Notebook, read
from nbrelease.records import CellResult, CheckResult, RunbookResult, result_of
from nbrelease.release import Release
from nbrelease.runbook import execute, kernel, portable, values, verdict
from nbrelease.runbook.masked import INJECTED, Masker
from nbrelease.secrets import SHORTEST_KNOWN, Known, mask, reference
from nbrelease.settings import Environment, Settings

__all__ = ["check", "run"]

# nbformat's validator imports this checker of IRIs when it is installed, which takes a second to
# build its grammar; no schema of a notebook asks for IRIs. jsonschema goes on without it.
sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]


def run(
    source: Path,
    *,
    settings: Settings,
    env: Environment,
    release: Release,
    given: Mapping[str, str],
) -> RunbookResult:
    """Execute one runbook within a release.

    Args:
        source: the runbook's notebook.
        settings: the project's settings.
        env: those of the release's environment.
        release: where values come from and the executed notebook goes to.
        given: parameters from the command line, as text.

    Returns:
        The result, as it stands in the executed notebook's metadata.

    Raises:
        UserError: the notebook, a parameter or the kernel is wrong; nothing was executed.
    """
    runbook = read(source)
    parameters = values.resolve(
        runbook,
        given=given,
        published=release.values(before=source.stem),
        identity={
            "env": release.identity.env,
            "release_id": release.id,
            "criteria_commit": release.identity.parameters.get("criteria_commit", ""),
        },
        settings={**env.parameters(), **settings.source(release.identity.env)},
    )
    committed = _load(source)
    named = committed.metadata.get("kernelspec", {}).get("name", "")
    chosen = kernel.resolve(env.kernel_name, named, source)
    checker = Checker.beside(source)
    known = _known(runbook, parameters)
    masker = Masker(known, f"notebooks/{source.stem}.ipynb")

    result = RunbookResult(
        name=source.stem,
        source=_relative(source, settings.root),
        source_sha256=files.sha256(source),
        env=release.identity.env,
        release_id=release.id,
        parameters=masker.value(_portable(parameters, settings, env), "parameters"),
        started=datetime.now(UTC),
        stage=os.environ.get("SYSTEM_STAGENAME", ""),
        job=os.environ.get("SYSTEM_PHASENAME", ""),
    )
    output = release.notebook(source.stem)
    prepared = _prepared(_load(source), runbook, result)
    if "job_name" not in release.values():  # what is trained with is what stands here now
        pack_code.copy_exports(settings.root, release.folder)
    hidden = pack_code.copy_runbook(source, result.source, release.folder, known)
    with chdir(settings.root):
        stopped = execute.execute(
            prepared,
            output,
            parameters=parameters,
            kernel=chosen,
            folder=source.parent.resolve(),
            cell_timeout=env.cell_timeout_seconds,
            clean=partial(_clean, masker=masker, settings=settings, env=env),
            known=known,
        )
    judged = _judge(output, committed, runbook, result, checker, stopped)
    result = _ended(judged.model_copy(update={"masked": masker.found + hidden}))
    _finish(output, result, settings, env)
    return result


def check(executed: Path, source: Path) -> RunbookResult:
    """Judge an executed notebook once more, against its source as it is now.

    Args:
        executed: a notebook that ``run`` left.
        source: the notebook with the outputs to compare with.

    Raises:
        NotebookError: one of them is not what it should be, or a cell of the source is missing
            in the executed one.
    """
    result = result_of(executed)
    runbook = read(source)
    missing = {cell.id for cell in runbook.cells} - {
        cell.get("id") for cell in _load(executed).cells
    }
    if missing:
        raise NotebookError(
            f"{executed}: has no cell {', '.join(sorted(missing))}; "
            f"{result.source} changed since it was executed"
        )
    checker = Checker.beside(source)
    return _judge(executed, _load(source), runbook, result, checker, result.reason)


def _load(path: Path) -> Any:
    import nbformat

    return nbformat.read(path, as_version=4)


def _relative(path: Path, root: Path) -> str:
    resolved = path.resolve()
    return (
        resolved.relative_to(root.resolve()).as_posix() if root in resolved.parents else path.name
    )


def _prepared(notebook: Any, runbook: Notebook, result: RunbookResult) -> Any:
    """The notebook as papermill gets it: no old outputs, our tags in the engine's words."""
    for cell, read_cell in zip(notebook.cells, runbook.cells, strict=True):
        if cell.cell_type != "code":
            continue
        cell.outputs, cell.execution_count = [], None
        tags = set(cell.metadata.get("tags", []))
        asked = markers(cell, read_cell.tags)
        if asked.skip:
            tags.add(verdict.SKIP)
        if asked.raises:
            tags.add(verdict.RAISES)
        if tags:
            cell.metadata["tags"] = sorted(tags)
    # Stands in the file from the first save on: a run that is killed leaves its beginning.
    notebook.metadata["nbrelease"] = result.model_dump(mode="json")
    return notebook


def _judge(
    output: Path,
    committed: Any,
    runbook: Notebook,
    result: RunbookResult,
    checker: Checker,
    stopped: str | None,
) -> RunbookResult:
    """The result with a state for each code cell of the source, and the values it published."""
    from nbformat import from_dict

    executed = {cell.get("id"): cell for cell in _load(output).cells}
    results, published = [], {}
    # What was executed has no secrets any more, so what it is held against must not have them.
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
                    passed=False, expected=difference.expected, found=difference.found
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


def _ended(result: RunbookResult) -> RunbookResult:
    ended = datetime.now(UTC)
    seconds = (ended - result.started).total_seconds()
    return result.model_copy(update={"ended": ended, "seconds": seconds})


def _finish(output: Path, result: RunbookResult, settings: Settings, env: Environment) -> None:
    """Write the executed notebook once more: with its result, without this machine's folders."""
    from papermill.execute import ERROR_MARKER_TAG

    notebook = _load(output)
    cells = []
    for cell in notebook.cells:
        tags = cell.metadata.get("tags", [])
        if ERROR_MARKER_TAG in tags:
            continue  # the page marks the failing cell itself
        if INJECTED in tags:
            cell["id"] = INJECTED  # papermill's is a new one each time
        cells.append(cell)
    notebook.cells = cells
    notebook.metadata["nbrelease"] = result.model_dump(mode="json")
    clean = _portable(notebook, settings, env)
    files.write_text(output, json.dumps(clean, indent=1, ensure_ascii=False) + "\n")


def _known(runbook: Notebook, parameters: Mapping[str, Any]) -> Known:
    """The secrets of this process and of the parameters that are declared so.

    Raises:
        UsageError: a parameter refers to a variable that is not set, or to what cannot be hidden.
    """
    names = []
    for parameter in runbook.parameters:
        name = reference.name_in(parameters.get(parameter.name, parameter.value))
        if not parameter.secret or name is None:
            continue
        value = os.environ.get(name, "")
        where = f"{parameter.where}: parameter {parameter.name} = env:{name}"
        if not value:
            raise UsageError(f"{where}: no variable {name} is set; set it, in a pipeline by env:")
        if len(value.strip()) < SHORTEST_KNOWN:
            raise UsageError(
                f"{where}: {name} has fewer than {SHORTEST_KNOWN} characters, which stand in "
                "ordinary text too and cannot be hidden; take a longer one"
            )
        names.append(name)
    return Known.of_environment(names)


def _clean(content: Any, masker: Masker, settings: Settings, env: Environment) -> Any:
    """A notebook as it may be saved: without secrets, without this machine's folders."""
    clean = _portable(masker.notebook(content), settings, env)
    clean["metadata"]["nbrelease"]["masked"] = [each.model_dump() for each in masker.found]
    return clean


def _portable(value: Any, settings: Settings, env: Environment) -> Any:
    data = Path(env.training_data)
    extra = {"<data>": data.parent} if data.is_absolute() else {}
    return portable.without(value, portable.folders(settings.root, extra))
