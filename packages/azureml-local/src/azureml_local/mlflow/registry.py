"""MLflow's model registry, backed by the workspace's models.

As on Azure, a model that is registered through MLflow is one of ``ml_client.models``, and vice
versa: both APIs use the same documents. Errors have the form that MLflow's client expects.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Unpack

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from azureml_local.addresses import ARTIFACT_PATH, RUN_PATH, run_artifacts_path
from azureml_local.assets.versions import Assets
from azureml_local.documents.assets import (
    MODELS,
    AssetContainer,
    AssetResource,
    AssetVersion,
)
from azureml_local.errors import AzureError, BadRequest, Conflict, NotFound, NotSupported
from azureml_local.json_fields import JsonObject, json_of, text_of
from azureml_local.mlflow import artifacts, filters
from azureml_local.mlflow.entities import (
    ModelResponse,
    ModelVersion,
    ModelView,
    RegisteredModel,
    VersionResponse,
    run_of,
    stage_of,
    tags_of,
    with_tag,
)
from azureml_local.state import ARTIFACTS, Workspace
from azureml_local.store import Resource

PATH = re.compile(
    r"/(?:ajax-)?api/2\.0/(?:preview/)?mlflow/((?:registered-models|model-versions)/[\w-]+)\Z"
)
STAGES = ("None", "Staging", "Production", "Archived")
RUN_ARTIFACT = re.compile(r"^azureml://.*/runs/([^/?]+)/artifacts(?:/(.*?))?/?\Z")
ARTIFACT = re.compile(r"^azureml://artifacts/([^/]+/[^/]+(?:/.+?)?)/?\Z")
MLFLOW_ARTIFACT = re.compile(r"^mlflow-artifacts:(?://[^/]+)?/(.+?)/?\Z")
RUN_FOLDER = re.compile(r"ExperimentRun/dcid\.([^/]+)(?:/|\Z)")
MODEL_FOLDER = re.compile(rf"{artifacts.MODELS}/([^/]+)/([^/]+)\Z")
"""The address of a version's files, which MLflow shows as its source."""
MODEL_URI = re.compile(r"^models:/([^/]+)/([^/]+)\Z")
ERROR_CODES = {
    NotFound: "RESOURCE_DOES_NOT_EXIST",
    Conflict: "RESOURCE_ALREADY_EXISTS",
    NotSupported: "NOT_IMPLEMENTED",
}

Operation = Callable[[JsonObject], Mapping[str, object]]


async def handle(workspace: Workspace, view: ModelView, request: Request) -> Response:
    """Handle an operation of MLflow's registry; the request's path must match ``PATH``."""
    try:
        match = PATH.search(request.path_params["path"])
        operation = match[1] if match else ""
        registry = Registry(workspace, view)
        body = await _body(request)
        handler = registry.operations.get((operation, request.method))
        if handler is None:
            raise NotSupported(
                f"MLflow {request.method} {operation}: not supported by azureml-local; Azure ML "
                "documents only versions, tags and stages of models"
            )
        return JSONResponse(handler(body))
    except AzureError as error:
        error_code = ERROR_CODES.get(type(error), "INVALID_PARAMETER_VALUE")
        return JSONResponse({"error_code": error_code, "message": error.message}, error.status)


async def _body(request: Request) -> JsonObject:
    """The fields of a request: its JSON body, or the query of a GET."""
    if request.method == "GET":
        query = request.query_params
        fields: JsonObject = {**query}
        lists = (name for name in ("order_by", "stages") if name in query)
        return fields | {name: [*query.getlist(name)] for name in lists}
    return await json_of(request)


class Registry:
    """MLflow's registry operations on the models of one workspace, for one kind of client."""

    def __init__(self, workspace: Workspace, view: ModelView) -> None:
        self._workspace = workspace
        self._assets = Assets(workspace, MODELS)
        self._view = view
        models, versions = "registered-models/", "model-versions/"
        self.operations: dict[tuple[str, str], Operation] = {
            (models + "create", "POST"): self._create,
            (models + "get", "GET"): self._get,
            (models + "search", "GET"): self._search,
            (models + "update", "PATCH"): self._update,
            (models + "delete", "DELETE"): self._delete,
            (models + "get-latest-versions", "GET"): self._latest,
            (models + "get-latest-versions", "POST"): self._latest,
            (models + "set-tag", "POST"): self._set_tag,
            (models + "delete-tag", "DELETE"): self._delete_tag,
            (versions + "create", "POST"): self._create_version,
            (versions + "get", "GET"): self._get_version,
            (versions + "search", "GET"): self._search_versions,
            (versions + "update", "PATCH"): self._update_version,
            (versions + "delete", "DELETE"): self._delete_version,
            (versions + "get-download-uri", "GET"): self._download,
            (versions + "transition-stage", "POST"): self._transition,
            (versions + "set-tag", "POST"): self._set_version_tag,
            (versions + "delete-tag", "DELETE"): self._delete_version_tag,
        }

    # Registered models: on Azure, containers of versions.

    def _create(self, body: JsonObject) -> ModelResponse:
        name = self._assets.validate_name(text_of(body, "name"))
        with self._workspace.documents.transaction():
            if self._container(name) or self._versions(name):
                raise Conflict(f"Registered model {name} already exists.")
            container: AssetContainer = {
                "description": text_of(body, "description"),
                "tags": tags_of(body),
            }
            self._workspace.documents.put(self._assets.containers, name, container)
        return self._model(name)

    def _get(self, body: JsonObject) -> ModelResponse:
        return self._model(text_of(body, "name"))

    def _search(self, body: JsonObject) -> Mapping[str, object]:
        containers = self._workspace.documents.entries(self._assets.containers)
        names = {each.name for each in containers} | {e.name for e in self._assets.versions()}
        items = [self._registered_model(name) for name in sorted(names)]
        items, token = filters.page(body, filters.filter_and_sort(body, items))
        return {"registered_models": items, "next_page_token": token}

    def _update(self, body: JsonObject) -> ModelResponse:
        return self._change(body, description=text_of(body, "description"))

    def _delete(self, body: JsonObject) -> Mapping[str, object]:
        name = text_of(body, "name")
        self._registered_model(name)
        with self._workspace.documents.transaction():
            for each in self._versions(name):
                self._workspace.documents.delete(MODELS, each.name, each.version)
            self._workspace.documents.delete(self._assets.containers, name)
        return {}

    def _latest(self, body: JsonObject) -> Mapping[str, object]:
        stages = body.get("stages") or list(STAGES)
        if not isinstance(stages, list) or not all(isinstance(stage, str) for stage in stages):
            raise BadRequest("stages: must be a list of names")
        self._registered_model(text_of(body, "name"))
        names = [str(stage) for stage in stages]
        return {"model_versions": self._newest(text_of(body, "name"), names)}

    def _set_tag(self, body: JsonObject) -> Mapping[str, object]:
        tags = with_tag(
            self._container_body(body).get("tags"), text_of(body, "key"), body.get("value")
        )
        self._change(body, tags=tags)
        return {}

    def _delete_tag(self, body: JsonObject) -> Mapping[str, object]:
        self._change(
            body, tags=with_tag(self._container_body(body).get("tags"), text_of(body, "key"), None)
        )
        return {}

    # Versions.

    def _create_version(self, body: JsonObject) -> VersionResponse:
        name, source = text_of(body, "name"), text_of(body, "source")
        self._registered_model(name)
        uri, run = self._locate_source(source)
        run = text_of(body, "run_id") or run
        path = self._workspace.local_path(uri)
        kind = "mlflow_model" if (path / "MLmodel").is_file() else "custom_model"
        properties: AssetVersion = {
            "modelUri": uri,
            "modelType": kind,
            "description": text_of(body, "description"),
            "tags": tags_of(body),
        }
        if run:
            properties["jobName"] = run
        with self._workspace.documents.transaction():
            version = self._assets.next_version(name)
            model, _ = self._assets.register(name, version, properties)
        return self._version(model)

    def _get_version(self, body: JsonObject) -> VersionResponse:
        return self._version(self._find(body))

    def _search_versions(self, body: JsonObject) -> Mapping[str, object]:
        items = [self._view.version(version) for version in reversed(self._assets.versions())]
        items, token = filters.page(body, filters.filter_and_sort(body, items))
        return {"model_versions": items, "next_page_token": token}

    def _update_version(self, body: JsonObject) -> VersionResponse:
        return self._change_version(body, description=text_of(body, "description"))

    def _delete_version(self, body: JsonObject) -> Mapping[str, object]:
        model = self._find(body)
        self._workspace.documents.delete(MODELS, model.name, model.version)
        return {}

    def _download(self, body: JsonObject) -> Mapping[str, object]:
        return {"artifact_uri": self._view.files(self._find(body))}

    def _transition(self, body: JsonObject) -> VersionResponse:
        stage = text_of(body, "stage").title()
        if stage not in STAGES:
            raise BadRequest(f"stage: {stage!r} is unknown; use one of {', '.join(STAGES)}")
        model = self._find(body)
        if str(body.get("archive_existing_versions")).lower() == "true":
            for version in self._versions(model.name):
                if stage_of(version) == stage and version.version != model.version:
                    self._put(version, stage="Archived")
        return self._version(self._put(model, stage=stage))

    def _set_version_tag(self, body: JsonObject) -> Mapping[str, object]:
        tags = self._find(body).body.get("tags")
        self._change_version(body, tags=with_tag(tags, text_of(body, "key"), body.get("value")))
        return {}

    def _delete_version_tag(self, body: JsonObject) -> Mapping[str, object]:
        tags = self._find(body).body.get("tags")
        self._change_version(body, tags=with_tag(tags, text_of(body, "key"), None))
        return {}

    # Helpers.

    def _container(self, name: str) -> Resource[AssetContainer] | None:
        return self._assets.container(name)

    def _versions(self, name: str) -> list[AssetResource]:
        return self._assets.versions(name)

    def _find(self, body: JsonObject) -> AssetResource:
        return self._assets.find(text_of(body, "name"), text_of(body, "version"))

    def _model(self, name: str) -> ModelResponse:
        return {"registered_model": self._registered_model(name)}

    def _registered_model(self, name: str) -> RegisteredModel:
        container, versions = self._container(name), self._versions(name)
        if container is None and not versions:
            raise NotFound(f"Registered model {name} was not found.")
        newest = self._newest(name, list(STAGES))
        return self._view.model(container, versions, newest)

    def _newest(self, name: str, stages: list[str]) -> list[ModelVersion]:
        """The newest version of each stage, as MLflow shows them."""
        newest = {stage_of(version): version for version in self._versions(name)}
        titles = [stage.title() for stage in stages]
        return [self._view.version(version) for stage, version in newest.items() if stage in titles]

    def _version(self, model: AssetResource) -> VersionResponse:
        return {"model_version": self._view.version(model)}

    def _container_body(self, body: JsonObject) -> AssetContainer:
        container = self._container(text_of(body, "name"))
        return container.body if container else {}

    def _change(self, body: JsonObject, **changes: Unpack[AssetContainer]) -> ModelResponse:
        name = text_of(body, "name")
        with self._workspace.documents.transaction():
            self._registered_model(name)
            container: AssetContainer = {**self._container_body(body), **changes}
            self._workspace.documents.put(self._assets.containers, name, container)
        return self._model(name)

    def _change_version(
        self, body: JsonObject, **changes: Unpack[AssetContainer]
    ) -> VersionResponse:
        with self._workspace.documents.transaction():
            return self._version(self._put(self._find(body), **changes))

    def _put(self, model: AssetResource, **changes: Unpack[AssetContainer]) -> AssetResource:
        body: AssetVersion = {**model.body, **changes}
        return self._workspace.documents.put(MODELS, model.name, body, model.version)

    def _locate_source(self, source: str) -> tuple[str, str]:
        """The datastore URI of a version's source, and the run that created it.

        Raises:
            BadRequest: Azure ML does not accept this kind of address.
        """
        run = RUN_ARTIFACT.match(source) or RUN_PATH.match(source) or ARTIFACT_PATH.match(source)
        if run:
            path = "/".join(filter(None, (run_artifacts_path(run[1]), run[2])))
            return self._workspace.datastore_uri(ARTIFACTS, path), run[1]
        artifact = ARTIFACT.match(source) or MLFLOW_ARTIFACT.match(source)
        model = MODEL_URI.match(source) or (artifact and MODEL_FOLDER.match(artifact[1]))
        if model:
            version = self._assets.find(model[1], model[2])
            return version.body["modelUri"], run_of(version.body)
        if artifact:
            owner = RUN_FOLDER.match(artifact[1])
            uri = self._workspace.datastore_uri(ARTIFACTS, artifact[1])
            return uri, owner[1] if owner else ""
        if source.startswith("azureml://"):
            return source, ""
        raise BadRequest(
            f"source: {source!r} is not in this workspace; log the model to a run first, and use "
            "runs:/<run>/<path>, models:/... or azureml://..."
        )
