"""Artifacts of ``resources.pipelines``: those of the last successful run, or a folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pipelines_local.artifacts import Artifacts
from pipelines_local.model import Pipeline
from pipelines_local.results import GOOD
from pipelines_local.run import folders, predefined


def find_pipeline_artifacts(
    pipeline: Pipeline, folders_by_alias: Mapping[str, Path], work: Path
) -> tuple[dict[str, Artifacts], dict[str, str]]:
    """Return the artifacts of pipeline resources by lower-case alias, and their variables.

    Args:
        pipeline: the pipeline.
        folders_by_alias: folders with artifacts of the caller.
        work: the folder of runs, with the last successful one of each pipeline.
    """
    folders = {alias.lower(): path for alias, path in folders_by_alias.items()}
    artifacts: dict[str, Artifacts] = {}
    variables: dict[str, str] = {}
    for resource in pipeline.resources:
        alias = resource.alias.lower()
        run = None if alias in folders else _last_success(work, resource.source)
        folder = folders.get(alias) or (run.artifacts if run else None)
        if folder is not None and Path(folder).is_dir():
            artifacts[alias] = Artifacts(Path(folder))
            variables |= predefined.resource_variables(resource.alias, resource.source, run)
    return artifacts, variables


def _last_success(work: Path, source: str) -> folders.RunFolder | None:
    for folder in folders.list_runs(work):
        result = folder.read_result()
        name = Path(str(result.get("pipeline", ""))).stem
        if result.get("result") in GOOD and name.lower() == source.rpartition("/")[2].lower():
            return folder
    return None
