"""What is particular to models: where their files lie, and what their MLmodel file says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from azureml_local.errors import BadRequest, NotFound
from azureml_local.state import ARTIFACTS, FILES, State, Workspace, text_of

ARTIFACT_PATH = re.compile(r"^azureml://jobs/([^/]+)/outputs/artifacts/(?:paths/)?(.+?)/?$")
OUTPUT_PATH = re.compile(r"^azureml://jobs/([^/]+)/outputs/([^/]+)(?:/paths/(.*?))?/?$")
SHORT_PATH = re.compile(r"^azureml://datastores/([^/]+)/paths/(.+)$")
RUN_PATH = re.compile(r"^runs:/([^/]+)/(.+?)/?$")


def run_prefix(run: str) -> str:
    """Where a run's artifacts lie in the artifact store."""
    return f"ExperimentRun/dcid.{run}"


def prepare_model(state: State, workspace: Workspace, properties: dict[str, Any]) -> dict[str, Any]:
    """A model version's properties with its files' own address and its flavors.

    The address of a job's output is replaced by that of the files: the SDK's download reads the
    datastore's name out of the address.

    Raises:
        NotFound: there is nothing at the address.
        BadRequest: it is no model of the type that it shall be.
    """
    given = text_of(properties, "modelUri")
    uri = resolved(state, workspace, given)
    path = state.local_path(workspace, uri)
    if not path.exists():
        raise NotFound(f"there is nothing at {given}", "UserError", target="modelUri")
    mlmodel = path / "MLmodel"
    if properties.get("modelType") == "mlflow_model" and not mlmodel.is_file():
        raise BadRequest(
            f"there is no MLmodel file at {given}, so it is no model of type mlflow_model",
            "UserError",
            target="modelType",
        )
    return {**properties, "modelUri": uri, "flavors": _flavors(mlmodel)}


def _flavors(mlmodel: Path) -> dict[str, Any]:
    """The flavors in an MLmodel file, as the API shows them: every value a text."""
    if not mlmodel.is_file():
        return {}
    import yaml

    try:
        found = yaml.safe_load(mlmodel.read_text(encoding="utf-8")).get("flavors", {})
        return {name: {"data": {k: str(v) for k, v in f.items()}} for name, f in found.items()}
    except (yaml.YAMLError, AttributeError, UnicodeDecodeError) as error:
        raise BadRequest(f"the MLmodel file cannot be read: {error}", "UserError") from None


def resolved(state: State, workspace: Workspace, uri: str) -> str:
    """The address in a datastore of what a job gave out; other addresses as they are."""
    match = ARTIFACT_PATH.match(uri) or RUN_PATH.match(uri)
    if match:
        path = f"{run_prefix(match[1])}/{match[2]}"
        return state.long_uri(workspace, ARTIFACTS, path)
    match = OUTPUT_PATH.match(uri)
    if match:
        rest = f"/{match[3]}" if match[3] else ""
        job = state.store.get(workspace.key, "jobs", match[1])
        kept = ((job.body.get("outputs") or {}) if job else {}).get(match[2])
        if kept:
            return f"{str(kept).rstrip('/')}{rest}"
        return state.long_uri(workspace, FILES, f"azureml/{match[1]}/{match[2]}{rest}")
    match = SHORT_PATH.match(uri)
    return state.long_uri(workspace, match[1], match[2]) if match else uri
