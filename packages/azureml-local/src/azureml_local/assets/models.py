"""Model versions: the location of their files, and the flavors in their MLmodel file."""

from __future__ import annotations

from pathlib import Path

from azureml_local.addresses import resolve_job_uri
from azureml_local.documents.assets import AssetVersion, Flavor
from azureml_local.errors import BadRequest, NotFound
from azureml_local.json_fields import text_of
from azureml_local.state import Workspace


def prepare_model(workspace: Workspace, properties: AssetVersion) -> AssetVersion:
    """A model version's properties with the datastore URI of its files and its flavors.

    The address of a job's output is replaced, because the SDK's download reads the datastore's name
    from the address.

    Raises:
        NotFound: nothing exists at the address.
        BadRequest: the type is ``mlflow_model`` and there is no valid MLmodel file.
    """
    model_uri = text_of(properties, "modelUri")
    uri = resolve_job_uri(workspace, model_uri)
    path = workspace.local_path(uri)
    if not path.exists():
        raise NotFound(f"modelUri: nothing exists at {model_uri}", "UserError", target="modelUri")
    mlmodel = path / "MLmodel"
    if properties.get("modelType") == "mlflow_model" and not mlmodel.is_file():
        raise BadRequest(
            f"modelType mlflow_model: no MLmodel file at {model_uri}",
            "UserError",
            target="modelType",
        )
    if mlmodel.is_file():
        workspace.state.on_model_stored()
    return {**properties, "modelUri": uri, "flavors": _read_flavors(mlmodel)}


def _read_flavors(mlmodel: Path) -> dict[str, Flavor]:
    """The flavors in an MLmodel file as the API shows them: every value is a string."""
    if not mlmodel.is_file():
        return {}
    import yaml

    try:
        flavors = yaml.safe_load(mlmodel.read_text(encoding="utf-8")).get("flavors", {})
        return {name: {"data": {k: str(v) for k, v in f.items()}} for name, f in flavors.items()}
    except (yaml.YAMLError, AttributeError, UnicodeDecodeError) as error:
        raise BadRequest(f"the MLmodel file cannot be read: {error}", "UserError") from None
