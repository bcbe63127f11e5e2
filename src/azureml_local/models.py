"""What is particular to models: where their files lie, and what their MLmodel file says."""

from __future__ import annotations

import re
from typing import Any

from azureml_local.errors import NotFound
from azureml_local.state import ARTIFACTS, FILES, State, Workspace

ARTIFACT_PATH = re.compile(r"^azureml://jobs/([^/]+)/outputs/artifacts/(?:paths/)?(.+?)/?$")
OUTPUT_PATH = re.compile(r"^azureml://jobs/([^/]+)/outputs/([^/]+)(?:/paths/(.*?))?/?$")
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
    """
    uri = _resolved(state, workspace, properties.get("modelUri", ""))
    path = state.local_path(workspace, uri)
    if not path.exists():
        raise NotFound(f"there is nothing at {properties.get('modelUri')}", "UserError")
    flavors: dict[str, Any] = {}
    mlmodel = path / "MLmodel"
    if mlmodel.is_file():
        import yaml

        found = yaml.safe_load(mlmodel.read_text(encoding="utf-8")).get("flavors", {})
        flavors = {name: {"data": {k: str(v) for k, v in f.items()}} for name, f in found.items()}
    return {**properties, "modelUri": uri, "flavors": flavors}


def _resolved(state: State, workspace: Workspace, uri: str) -> str:
    match = ARTIFACT_PATH.match(uri) or RUN_PATH.match(uri)
    if match:
        path = f"{run_prefix(match[1])}/{match[2]}"
        return state.long_uri(workspace, ARTIFACTS, path)
    match = OUTPUT_PATH.match(uri)
    if match:
        rest = f"/{match[3]}" if match[3] else ""
        return state.long_uri(workspace, FILES, f"azureml/{match[1]}/{match[2]}{rest}")
    return uri
