"""Artifacts as azureml-mlflow asks for them: lists of names, and signed addresses of blobs.

A run's artifacts lie in the artifact store under ``ExperimentRun/dcid.<run>``; the same operations
also serve what a script uploads to register a model from its own folder (``LocalUpload/…``), and
the files of the workspace's models (``Models/<name>/<version>``), which are read alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from azureml_local import auth
from azureml_local.addresses import blob_endpoint, run_artifacts_path
from azureml_local.errors import BadRequest, NotFound
from azureml_local.routing import WORKSPACE, Routes
from azureml_local.state import ARTIFACTS, State, Workspace, inside, json_of

MODELS = "Models"
RUN = f"/history/v1.0{WORKSPACE}/experiments/{{experiment}}/runs/{{name}}/artifacts"
ANY = f"/artifact/v2.0{WORKSPACE}/artifacts/{{origin}}/{{folder}}"
MOST = 1000
"""Artifacts of one request; azureml-mlflow sends fifty at a time."""


@dataclass(frozen=True)
class Shelf:
    """A folder of artifacts: what it is called in ids, and where it lies."""

    origin: str
    name: str
    folder: Path

    writable = True

    def locate(self, path: str) -> Path:
        """Where an artifact lies, or would.

        Raises:
            BadRequest: the path leads out of the folder.
        """
        return inside(self.folder, path)

    def paths(self) -> list[str]:
        """The names of all artifacts, sorted."""
        return sorted(each.relative_to(self.folder).as_posix() for each in files(self.folder))

    def about(self, state: State, workspace: Workspace, path: str) -> dict[str, Any]:
        """An artifact with the signed address that its content is read from or put to."""
        blob = self.locate(path).relative_to(state.data / "blobs" / workspace.key)
        base = blob_endpoint(state, workspace)
        signature = auth.sas_token(state.secret, workspace.key)
        return {
            "origin": self.origin,
            "container": self.name,
            "path": path,
            "artifactId": f"{self.origin}/{self.name}/{path}",
            "contentUri": f"{base}/{quote(blob.as_posix())}?{signature}",
        }


@dataclass(frozen=True)
class Models(Shelf):
    """The files of all versions of a model, each under its version."""

    versions: dict[str, Path]

    writable = False

    def locate(self, path: str) -> Path:
        """Where a file of a version lies."""
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


def files(root: Path) -> Iterator[Path]:
    """The files in a folder and below it; the file itself where it is one."""
    if root.is_file():
        yield root
    yield from (each for each in root.rglob("*") if each.is_file())


def register(routes: Routes, state: State) -> None:
    """Add the operations of this module."""
    for base, title, shelf in (
        (RUN, "Run artifacts", _of_run),
        (ANY, "Artifacts", _of_origin),
    ):
        _register(routes, state, base, title, shelf)


def _register(routes: Routes, state: State, base: str, title: str, shelf: Any) -> None:
    @routes.add("GET", base, f"{title} - List")
    async def list_all(request: Request) -> Response:
        found: Shelf = shelf(state, request)
        names = await run_in_threadpool(found.paths)
        value = [{"origin": found.origin, "container": found.name, "path": p} for p in names]
        return JSONResponse({"value": value})

    @routes.add("GET", base + "/contentinfo", f"{title} - Get content information")
    async def content(request: Request) -> Response:
        found: Shelf = shelf(state, request)
        path = request.query_params.get("path", "")
        if not path or not found.locate(path).is_file():
            raise NotFound(f"there is no artifact {path!r} in {found.name}", "UserError")
        return JSONResponse(found.about(state, state.workspace(request), path))

    @routes.add("POST", base + "/batch/metadata", f"{title} - Create (batch)")
    async def create(request: Request) -> Response:
        found = shelf(state, request)
        if not found.writable:
            raise BadRequest("the files of a registered model cannot be changed", "UserError")
        workspace = state.workspace(request)
        done: dict[str, Any] = {}
        errors: dict[str, Any] = {}
        for path in _wanted(await json_of(request)):
            if found.locate(path).exists():
                # As on Azure: an artifact that is there is never replaced.
                identifier = f"{found.origin}/{found.name}/{path}"
                message = f"Resource Conflict: ArtifactId {identifier} already exists."
                errors[path] = {"error": {"code": "UserError", "message": message}}
            else:
                done[path] = found.about(state, workspace, path)
        about = {"artifacts": done, "artifactContentInformation": done, "errors": errors}
        return JSONResponse(about)


def _wanted(body: dict[str, Any]) -> Iterator[str]:
    """The paths in a request's body.

    Raises:
        BadRequest: it holds something else, or too many.
    """
    given = body.get("paths")
    if not isinstance(given, list) or len(given) > MOST:
        raise BadRequest(f"paths must be a list of at most {MOST}", target="paths")
    for each in given:
        path = each.get("path") if isinstance(each, dict) else None
        if not isinstance(path, str) or not path.strip("/"):
            raise BadRequest("each of paths must be an object with a path", target="paths")
        yield path


def _of_run(state: State, request: Request) -> Shelf:
    return _stored(state, state.workspace(request), request.path_params["name"])


def _stored(state: State, workspace: Workspace, run: str) -> Shelf:
    origin, _, name = run_artifacts_path(run).partition("/")
    return Shelf(
        origin, name, inside(state.container(workspace, ARTIFACTS), run_artifacts_path(run))
    )


def _of_origin(state: State, request: Request) -> Shelf:
    workspace, params = state.workspace(request), request.path_params
    origin, name = params["origin"], params["folder"]
    if origin == MODELS:
        return models(state, workspace, name)
    return Shelf(origin, name, inside(state.container(workspace, ARTIFACTS), f"{origin}/{name}"))


def models(state: State, workspace: Workspace, name: str) -> Models:
    """The files of all versions of the model of that name."""
    found = {
        each.version: state.local_path(workspace, each.body["modelUri"])
        for each in state.store.entries(workspace.key, "models", name)
    }
    return Models(MODELS, name, state.data, found)
