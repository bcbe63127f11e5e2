"""Operations on artifacts for azureml-mlflow: lists of names, and signed addresses of blobs.

Artifacts of runs are in the artifact store under ``ExperimentRun/dcid.<run>``. The same operations
serve uploads of model folders (``LocalUpload/...``) and, read-only, the files of registered models
(``Models/<name>/<version>``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from azureml_local.addresses import blob_endpoint, run_artifacts_path
from azureml_local.documents.assets import MODELS as MODEL_VERSIONS
from azureml_local.documents.jobs import JobError
from azureml_local.errors import BadRequest, NotFound
from azureml_local.files import inside
from azureml_local.identity import auth
from azureml_local.json_fields import JsonObject, json_of
from azureml_local.routing import WORKSPACE, Routes
from azureml_local.state import ARTIFACTS, State, Workspace

MODELS = "Models"
RUN = f"/history/v1.0{WORKSPACE}/experiments/{{experiment}}/runs/{{name}}/artifacts"
ANY_ORIGIN = f"/artifact/v2.0{WORKSPACE}/artifacts/{{origin}}/{{folder}}"
MAX_PATHS = 1000
"""The maximum number of artifacts in a request; azureml-mlflow sends 50."""


class ArtifactInformation(TypedDict):
    """An artifact with a signed address for reading or writing its content."""

    origin: str
    container: str
    path: str
    artifactId: str
    contentUri: str


@dataclass(frozen=True)
class ArtifactFolder:
    """A folder of artifacts: its origin and name in artifact ids, and its local path."""

    origin: str
    name: str
    folder: Path

    writable = True

    def locate(self, path: str) -> Path:
        """The local path of an artifact, which may not exist.

        Raises:
            BadRequest: the path is outside of the folder.
        """
        return inside(self.folder, path)

    def paths(self) -> list[str]:
        """The names of all artifacts, sorted."""
        return sorted(each.relative_to(self.folder).as_posix() for each in files(self.folder))

    def about(self, workspace: Workspace, path: str) -> ArtifactInformation:
        """An artifact with a signed address for reading or writing its content."""
        blob = self.locate(path).relative_to(workspace.blobs)
        base = blob_endpoint(workspace)
        signature = auth.sas_token(workspace.state.secret, workspace.key)
        return {
            "origin": self.origin,
            "container": self.name,
            "path": path,
            "artifactId": f"{self.origin}/{self.name}/{path}",
            "contentUri": f"{base}/{quote(blob.as_posix())}?{signature}",
        }


@dataclass(frozen=True)
class ModelFolder(ArtifactFolder):
    """The files of all versions of a model, in a folder for each version."""

    versions: dict[str, Path]

    writable = False

    def locate(self, path: str) -> Path:
        """The local path of a file of a version."""
        version, _, rest = path.partition("/")
        root = self.versions.get(version)
        if root is None:
            raise NotFound(f"Model {self.name}:{version} was not found.", "UserError")
        return root if root.is_file() and rest == root.name else inside(root, rest)

    def paths(self) -> list[str]:
        """The names of the files of all versions."""
        return [
            f"{version}/{each.relative_to(root).as_posix() if root.is_dir() else root.name}"
            for version, root in self.versions.items()
            for each in sorted(files(root))
        ]


FindFolder = Callable[[State, Request], ArtifactFolder]


def files(root: Path) -> Iterator[Path]:
    """The files in a folder and its subfolders; for a file, the file itself."""
    if root.is_file():
        yield root
    yield from (each for each in root.rglob("*") if each.is_file())


def register(routes: Routes, state: State) -> None:
    """Add the operations of this module."""
    for base, title, find_folder in (
        (RUN, "Run artifacts", _run_of_request),
        (ANY_ORIGIN, "Artifacts", _folder_of_request),
    ):
        _register(routes, state, base, title, find_folder)


def _register(routes: Routes, state: State, base: str, title: str, find_folder: FindFolder) -> None:
    @routes.add("GET", base, f"{title} - List")
    async def list_all(request: Request) -> Response:
        artifact_folder = find_folder(state, request)
        names = await run_in_threadpool(artifact_folder.paths)
        value = [
            {"origin": artifact_folder.origin, "container": artifact_folder.name, "path": p}
            for p in names
        ]
        return JSONResponse({"value": value})

    @routes.add("GET", base + "/contentinfo", f"{title} - Get content information")
    async def content(request: Request) -> Response:
        artifact_folder = find_folder(state, request)
        path = request.query_params.get("path", "")
        if not path or not artifact_folder.locate(path).is_file():
            raise NotFound(
                f"Artifact {path!r} was not found in {artifact_folder.name}.", "UserError"
            )
        return JSONResponse(artifact_folder.about(state.workspace(request), path))

    @routes.add("POST", base + "/batch/metadata", f"{title} - Create (batch)")
    async def create(request: Request) -> Response:
        artifact_folder = find_folder(state, request)
        if not artifact_folder.writable:
            raise BadRequest("files of registered models are read-only", "UserError")
        workspace = state.workspace(request)
        done: dict[str, ArtifactInformation] = {}
        errors: dict[str, JobError] = {}
        for path in _requested_paths(await json_of(request)):
            if artifact_folder.locate(path).exists():
                # As on Azure, an existing artifact is never replaced.
                identifier = f"{artifact_folder.origin}/{artifact_folder.name}/{path}"
                message = f"Resource Conflict: ArtifactId {identifier} already exists."
                errors[path] = {"error": {"code": "UserError", "message": message}}
            else:
                done[path] = artifact_folder.about(workspace, path)
        about = {"artifacts": done, "artifactContentInformation": done, "errors": errors}
        return JSONResponse(about)


def _requested_paths(body: JsonObject) -> Iterator[str]:
    """The paths in a request's body.

    Raises:
        BadRequest: it has no list of paths, or too many.
    """
    paths = body.get("paths")
    if not isinstance(paths, list) or len(paths) > MAX_PATHS:
        raise BadRequest(f"paths: must be a list with at most {MAX_PATHS} items", target="paths")
    for each in paths:
        path = each.get("path") if isinstance(each, dict) else None
        if not isinstance(path, str) or not path.strip("/"):
            raise BadRequest("paths: each item must be an object with a path", target="paths")
        yield path


def _run_of_request(state: State, request: Request) -> ArtifactFolder:
    return _run_folder(state.workspace(request), request.path_params["name"])


def _run_folder(workspace: Workspace, run: str) -> ArtifactFolder:
    origin, _, name = run_artifacts_path(run).partition("/")
    return ArtifactFolder(
        origin, name, inside(workspace.container(ARTIFACTS), run_artifacts_path(run))
    )


def _folder_of_request(state: State, request: Request) -> ArtifactFolder:
    workspace, params = state.workspace(request), request.path_params
    origin, name = params["origin"], params["folder"]
    if origin == MODELS:
        return model_folder(workspace, name)
    return ArtifactFolder(origin, name, inside(workspace.container(ARTIFACTS), f"{origin}/{name}"))


def model_folder(workspace: Workspace, name: str) -> ModelFolder:
    """The files of all versions of a model."""
    versions = {
        each.version: workspace.local_path(each.body["modelUri"])
        for each in workspace.documents.entries(MODEL_VERSIONS, name)
    }
    return ModelFolder(MODELS, name, workspace.state.data, versions)
