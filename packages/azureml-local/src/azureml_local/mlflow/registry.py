"""MLflow's model registry over the workspace's models: one truth, two ways to ask for it.

As on Azure, a model that is registered through MLflow is one of ``ml_client.models``, and the other
way round. Nothing is copied: MLflow's operations on models are answered here, from the same
documents that the SDK's are answered from. Errors have MLflow's form, which its client reads.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from azureml_local import assets
from azureml_local.addresses import ARTIFACT_PATH, RUN_PATH, run_artifacts_path
from azureml_local.errors import AzureError, BadRequest, Conflict, NotFound, NotSupported
from azureml_local.mlflow import filters
from azureml_local.mlflow.entities import ModelView, stage_of, tags_of, with_tag
from azureml_local.state import ARTIFACTS, State, Workspace, json_of, text_of
from azureml_local.store import Resource

PATH = re.compile(
    r"/(?:ajax-)?api/2\.0/(?:preview/)?mlflow/((?:registered-models|model-versions)/[\w-]+)\Z"
)
KIND, CONTAINERS = "models", "modelsContainers"
STAGES = ("None", "Staging", "Production", "Archived")
OF_RUN = re.compile(r"^azureml://.*/runs/([^/?]+)/artifacts/(.+?)/?\Z")
STORED = re.compile(r"^azureml://artifacts/([^/]+)/([^/]+)/(.+?)/?\Z")
PROXIED = re.compile(r"^mlflow-artifacts:(?://[^/]+)?/(.+?)/?\Z")
NAMED = re.compile(r"^models:/([^/]+)/([^/]+)\Z")
WORDS = {
    NotFound: "RESOURCE_DOES_NOT_EXIST",
    Conflict: "RESOURCE_ALREADY_EXISTS",
    NotSupported: "NOT_IMPLEMENTED",
}

Body = dict[str, Any]
Answer = Callable[[Body], Body]


async def answer(state: State, workspace: Workspace, view: ModelView, request: Request) -> Response:
    """Answer one of MLflow's operations on models; ``request`` is one whose path ``PATH`` fits."""
    try:
        match = PATH.search(request.path_params["path"])
        operation = match[1] if match else ""
        registry = Registry(state, workspace, view)
        body = await _body(request)
        found = registry.operations.get((operation, request.method))
        if found is None:
            raise NotSupported(
                f"MLflow's {request.method} {operation}: azureml-local does not have it; Azure ML "
                "documents versions, tags and stages of models, and nothing else"
            )
        return JSONResponse(found(body))
    except AzureError as error:
        word = WORDS.get(type(error), "INVALID_PARAMETER_VALUE")
        return JSONResponse({"error_code": word, "message": error.message}, error.status)


async def _body(request: Request) -> Body:
    """The fields of a request: its JSON, or of a GET its query."""
    if request.method == "GET":
        query = request.query_params
        lists = {name: query.getlist(name) for name in ("order_by", "stages") if name in query}
        return {**query, **lists}
    return await json_of(request)


class Registry:
    """MLflow's operations on the models of one workspace, for clients of one kind."""

    def __init__(self, state: State, workspace: Workspace, view: ModelView) -> None:
        self._state = state
        self._workspace = workspace
        self._view = view
        models, versions = "registered-models/", "model-versions/"
        self.operations: dict[tuple[str, str], Answer] = {
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

    def _create(self, body: Body) -> Body:
        name = assets.validate_name("Model", text_of(body, "name"))
        with self._state.store.transaction():
            if self._container(name) or self._versions(name):
                raise Conflict(f"Registered model {name} already exists.")
            kept = {"description": text_of(body, "description"), "tags": tags_of(body)}
            self._state.store.put(self._workspace.key, CONTAINERS, name, "", kept)
        return self._model(name)

    def _get(self, body: Body) -> Body:
        return self._model(text_of(body, "name"))

    def _search(self, body: Body) -> Body:
        names = dict.fromkeys(
            each.name
            for kind in (CONTAINERS, KIND)
            for each in self._state.store.entries(self._workspace.key, kind)
        )
        shown = [self._model(name)["registered_model"] for name in sorted(names)]
        shown, token = filters.page(body, filters.kept(body, shown))
        return {"registered_models": shown, "next_page_token": token}

    def _update(self, body: Body) -> Body:
        return self._change(body, description=text_of(body, "description"))

    def _delete(self, body: Body) -> Body:
        name = text_of(body, "name")
        self._model(name)
        with self._state.store.transaction():
            for each in self._versions(name):
                self._state.store.delete(self._workspace.key, KIND, each.name, each.version)
            self._state.store.delete(self._workspace.key, CONTAINERS, name)
        return {}

    def _latest(self, body: Body) -> Body:
        wanted = body.get("stages") or list(STAGES)
        if not isinstance(wanted, list) or not all(isinstance(each, str) for each in wanted):
            raise BadRequest("stages must be a list of names")
        self._model(text_of(body, "name"))
        return {"model_versions": self._newest(text_of(body, "name"), wanted)}

    def _set_tag(self, body: Body) -> Body:
        tags = with_tag(self._kept(body).get("tags"), text_of(body, "key"), body.get("value"))
        self._change(body, tags=tags)
        return {}

    def _delete_tag(self, body: Body) -> Body:
        self._change(body, tags=with_tag(self._kept(body).get("tags"), text_of(body, "key"), None))
        return {}

    # Versions.

    def _create_version(self, body: Body) -> Body:
        name, source = text_of(body, "name"), text_of(body, "source")
        self._model(name)
        uri, run = self._located(source)
        run = text_of(body, "run_id") or run
        path = self._state.local_path(self._workspace, uri)
        kind = "mlflow_model" if (path / "MLmodel").is_file() else "custom_model"
        given: Body = {
            "modelUri": uri,
            "modelType": kind,
            "description": text_of(body, "description"),
            "tags": tags_of(body),
            **({"jobName": run} if run else {}),
        }
        with self._state.store.transaction():
            version = assets.next_version(self._state, self._workspace, KIND, name)
            found, _ = assets.register_version(
                self._state, self._workspace, KIND, name, version, given
            )
        return self._version(found)

    def _get_version(self, body: Body) -> Body:
        return self._version(self._find(body))

    def _search_versions(self, body: Body) -> Body:
        found = self._state.store.entries(self._workspace.key, KIND)
        shown = [self._view.version(each) for each in reversed(found)]
        shown, token = filters.page(body, filters.kept(body, shown))
        return {"model_versions": shown, "next_page_token": token}

    def _update_version(self, body: Body) -> Body:
        return self._change_version(body, description=text_of(body, "description"))

    def _delete_version(self, body: Body) -> Body:
        found = self._find(body)
        self._state.store.delete(self._workspace.key, KIND, found.name, found.version)
        return {}

    def _download(self, body: Body) -> Body:
        return {"artifact_uri": self._view.files(self._find(body))}

    def _transition(self, body: Body) -> Body:
        wanted = text_of(body, "stage").title()
        if wanted not in STAGES:
            raise BadRequest(f"{wanted!r} is no stage; there are {', '.join(STAGES)}")
        found = self._find(body)
        if str(body.get("archive_existing_versions")).lower() == "true":
            for each in self._versions(found.name):
                if stage_of(each) == wanted and each.version != found.version:
                    self._put(each, stage="Archived")
        return self._version(self._put(found, stage=wanted))

    def _set_version_tag(self, body: Body) -> Body:
        tags = self._find(body).body.get("tags")
        self._change_version(body, tags=with_tag(tags, text_of(body, "key"), body.get("value")))
        return {}

    def _delete_version_tag(self, body: Body) -> Body:
        tags = self._find(body).body.get("tags")
        self._change_version(body, tags=with_tag(tags, text_of(body, "key"), None))
        return {}

    # What they are made of.

    def _container(self, name: str) -> Resource | None:
        return self._state.store.get(self._workspace.key, CONTAINERS, name)

    def _versions(self, name: str) -> list[Resource]:
        return self._state.store.entries(self._workspace.key, KIND, name)

    def _find(self, body: Body) -> Resource:
        return assets.find(
            self._state, self._workspace, KIND, text_of(body, "name"), text_of(body, "version")
        )

    def _model(self, name: str) -> Body:
        container, versions = self._container(name), self._versions(name)
        if container is None and not versions:
            raise NotFound(f"Registered model {name} was not found.")
        newest = self._newest(name, list(STAGES))
        return {"registered_model": self._view.model(container, versions, newest)}

    def _newest(self, name: str, stages: list[str]) -> list[Body]:
        """The newest version of each stage, as MLflow shows them."""
        newest = {stage_of(each): each for each in self._versions(name)}
        wanted = [stage.title() for stage in stages]
        return [self._view.version(each) for stage, each in newest.items() if stage in wanted]

    def _version(self, found: Resource) -> Body:
        return {"model_version": self._view.version(found)}

    def _kept(self, body: Body) -> Body:
        found = self._container(text_of(body, "name"))
        return found.body if found else {}

    def _change(self, body: Body, **changes: Any) -> Body:
        name = text_of(body, "name")
        with self._state.store.transaction():
            self._model(name)
            kept = self._kept(body) | changes
            self._state.store.put(self._workspace.key, CONTAINERS, name, "", kept)
        return self._model(name)

    def _change_version(self, body: Body, **changes: Any) -> Body:
        with self._state.store.transaction():
            return self._version(self._put(self._find(body), **changes))

    def _put(self, found: Resource, **changes: Any) -> Resource:
        body = found.body | changes
        return self._state.store.put(self._workspace.key, KIND, found.name, found.version, body)

    def _located(self, source: str) -> tuple[str, str]:
        """The address in a datastore of what a version is made of, and the run that made it.

        Raises:
            BadRequest: it is an address of no kind that Azure ML takes.
        """
        run = OF_RUN.match(source) or RUN_PATH.match(source) or ARTIFACT_PATH.match(source)
        if run:
            path, job = f"{run_artifacts_path(run[1])}/{run[2]}", run[1]
            return self._state.datastore_uri(self._workspace, ARTIFACTS, path), job
        named = NAMED.match(source)
        if named:
            found = assets.find(self._state, self._workspace, KIND, named[1], named[2])
            return str(found.body["modelUri"]), str(found.body.get("jobName") or "")
        stored = STORED.match(source)
        proxied = PROXIED.match(source)
        if stored or proxied:
            path = "/".join(stored.groups()) if stored else proxied[1] if proxied else ""
            made = re.match(r"ExperimentRun/dcid\.([^/]+)/", path)
            uri = self._state.datastore_uri(self._workspace, ARTIFACTS, path)
            return uri, made[1] if made else ""
        if source.startswith("azureml://"):
            return source, ""
        raise BadRequest(
            f"{source!r} is no address of this workspace: give runs:/<run>/<path>, models:/... or "
            "azureml://...; log the model to a run first"
        )
