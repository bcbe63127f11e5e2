"""The addresses below ``nbrelease/`` of a Jupyter server, behind its token.

A request names a notebook by its path in Jupyter.
"""

from __future__ import annotations

import asyncio
import json
import mimetypes
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.nbconvert.handlers import NbconvertFileHandler
from jupyter_server.utils import ensure_async, url_path_join
from pydantic import BaseModel, ValidationError
from tornado import web

from nbrelease.errors import NbreleaseError
from nbrelease.export.cache import Cache
from nbrelease.export.diagnostic import Level
from nbrelease.lab import notebook_state
from nbrelease.lab.findings_page import render
from nbrelease.lab.project_handler import UNPROCESSABLE, ProjectHandler, Session, find_file
from nbrelease.lab.rehearsals import DecisionRequest, RehearsalState, StartRequest
from nbrelease.lab.releases import ReleaseList, is_pack, list_releases
from nbrelease.lab.runbooks import Form, Progress, Run, Runs, read_form
from nbrelease.project_root import SETTINGS_FILE


def list_handlers(base_url: str) -> list[tuple[str, type[JupyterHandler], dict[str, Any]]]:
    """The handlers with their addresses."""
    shared = {"session": Session()}
    api = {
        "notebook": NotebookHandler,
        "export": ExportHandler,
        "sync": SyncHandler,
        "runbook": RunbookHandler,
        "run": RunHandler,
        "releases": ReleasesHandler,
        "rehearsals": RehearsalsHandler,
    }
    handlers: list[tuple[str, type[JupyterHandler], dict[str, Any]]] = [
        (url_path_join(base_url, "nbrelease", name), handler, shared)
        for name, handler in api.items()
    ]
    # Replaces Jupyter's handler of this address, which sends status 500 for a notebook with errors.
    module = (url_path_join(base_url, r"nbconvert/(?P<format>nbrelease)(?P<path>(?:/[^/]+)+)"),)
    evidence = url_path_join(base_url, r"nbrelease/evidence/(?P<path>.+)")
    return [*handlers, (evidence, EvidenceHandler, {}), (*module, ModuleHandler, {})]


@dataclass(frozen=True)
class _Started:
    id: str


def _read_form(path: Path, env: str, model: str, runs: Runs) -> Form:
    """The form of a runbook with its newest run; a notebook outside a project has none."""
    folders = path.resolve().parents
    if not any((folder / SETTINGS_FILE).is_file() for folder in folders):
        return Form()
    newest = runs.newest(path)
    return replace(read_form(path, env, model), run=newest.id if newest else "")


class NotebookHandler(ProjectHandler):
    """``POST notebook?path=`` with the notebook on the screen: roles, diagnostics, preview."""

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Send a :class:`.notebook_state.NotebookState`."""
        path = self.find_notebook()
        cache = self.session.cache(path.parent)
        await self.reply(notebook_state.read_state, path, self.request.body, cache)


class ExportHandler(ProjectHandler):
    """``POST export?path=``: export the saved notebook."""

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Send a :class:`.notebook_state.Written`."""
        await self.reply(notebook_state.export_notebook, self.find_notebook())


class SyncHandler(ProjectHandler):
    """``POST sync?path=``: copy edits by hand to the saved notebook."""

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Send a :class:`.notebook_state.Written`."""
        await self.reply(notebook_state.sync_notebook, self.find_notebook())


class RunbookHandler(ProjectHandler):
    """``GET runbook?path=&env=&model=``: the form of a runbook."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Send a :class:`.runbooks.Form`; one without a name for another notebook."""
        env, model = self.get_query_argument("env", ""), self.get_query_argument("model", "")
        await self.reply(_read_form, self.find_notebook(), env, model, self.session.runs)


class RunHandler(ProjectHandler):
    """The runs of runbooks.

    ``POST run?path=&env=&model=`` starts one, ``GET`` and ``DELETE run?id=`` follow and end it.
    """

    auth_resource = "kernels"  # a user who may not execute code may not run a runbook

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Start a runbook with the parameters of the body and send its id."""
        path, env = self.find_notebook(), self.get_query_argument("env")
        model = self.get_query_argument("model", "")
        body = self.get_json_body() or {}
        if not all(isinstance(each, str) for each in (*body, *body.values())):
            raise web.HTTPError(400, "the parameters must be strings")
        await self.reply(self._start, path, env, model, body)

    def _start(self, path: Path, env: str, model: str, arguments: dict[str, str]) -> _Started:
        return _Started(self.session.runs.start(path, env, model, arguments).id)

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Send a :class:`.runbooks.Progress`; its path is one of Jupyter."""
        run = self._find_run()
        await self.reply(lambda: self._use_jupyter_path(run.read_progress()))

    def _use_jupyter_path(self, progress: Progress) -> Progress:
        return replace(progress, path=self.jupyter_path(progress.path))

    @web.authenticated
    @authorized
    async def delete(self) -> None:
        """End a run."""
        run = self._find_run()
        await asyncio.to_thread(run.stop)
        self.set_status(204)
        await self.finish()

    def _find_run(self) -> Run:
        run = self.session.runs.find(self.get_query_argument("id"))
        if run is None:
            raise web.HTTPError(
                404, "unknown run: the server was restarted, or the run was removed"
            )
        return run


class ReleasesHandler(ProjectHandler):
    """``GET releases?path=``: the releases of the project that a path belongs to."""

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Send a :class:`.releases.ReleaseList`; its pages are paths of Jupyter."""
        path = self.find_notebook()
        folder = path if path.is_dir() else path.parent
        await self.reply(lambda: self._use_jupyter_paths(list_releases(folder)))

    def _use_jupyter_paths(self, listed: ReleaseList) -> ReleaseList:
        return ReleaseList(
            [replace(each, page=self.jupyter_path(each.page)) for each in listed.releases]
        )


class RehearsalsHandler(ProjectHandler):
    """``rehearsals?path=``: the rehearsals of the project that a path belongs to.

    ``GET`` reads them, ``POST`` starts one, ``PUT`` decides on an approval, ``DELETE`` stops one.
    """

    auth_resource = "kernels"  # a user who may not execute code may not rehearse

    @web.authenticated
    @authorized
    async def get(self) -> None:
        """Send a :class:`.rehearsals.RehearsalState`; its pages are paths of Jupyter."""
        await self._reply_with(self.session.rehearsals.read)

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Start the rehearsal of the body, a :class:`.rehearsals.StartRequest`."""
        await self._reply_with(self.session.rehearsals.start, self._read_body(StartRequest))

    @web.authenticated
    @authorized
    async def put(self) -> None:
        """Make the decision of the body, a :class:`.rehearsals.DecisionRequest`."""
        await self._reply_with(self.session.rehearsals.decide, self._read_body(DecisionRequest))

    @web.authenticated
    @authorized
    async def delete(self) -> None:
        """Cancel the rehearsal."""
        await self._reply_with(self.session.rehearsals.stop)

    def _read_body(self, kind: type[BaseModel]) -> BaseModel:
        try:
            return kind.model_validate_json(self.request.body)
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise web.HTTPError(400, f"{where}: {first['msg']}") from None

    async def _reply_with(self, work: Callable[..., RehearsalState], *arguments: Any) -> None:
        path = self.find_notebook()
        folder = path if path.is_dir() else path.parent
        await self.reply(lambda: self._use_jupyter_paths(work(folder, *arguments)))

    def _use_jupyter_paths(self, state: RehearsalState) -> RehearsalState:
        listed = [
            each.model_copy(update={"page": self.jupyter_path(each.page)})
            for each in state.rehearsals
        ]
        return replace(state, rehearsals=listed)


class EvidenceHandler(JupyterHandler):
    """``GET evidence/PATH``: a file of an evidence pack.

    Jupyter's own ``files/`` refuses the links between these pages. Scripts are forbidden: a pack
    contains what notebooks printed.
    """

    auth_resource = "contents"

    @property
    def content_security_policy(self) -> str:
        """The policy of a page without scripts that may be shown in JupyterLab."""
        return "frame-ancestors 'self'; script-src 'none'; sandbox allow-same-origin allow-popups"

    @web.authenticated
    @authorized
    async def get(self, path: str) -> None:
        """Send the file, or 404 for one that is not in a pack."""
        file = find_file(self.contents_manager, path).resolve()
        root = find_file(self.contents_manager, "").resolve()
        packs = [each for each in file.parents if each.is_relative_to(root) and is_pack(each)]
        if not packs or not file.is_file():
            raise web.HTTPError(404)
        kind, _encoding = mimetypes.guess_type(file.name)
        self.set_header("Content-Type", kind or "application/octet-stream")
        self.set_header("X-Content-Type-Options", "nosniff")
        await self.finish(await asyncio.to_thread(file.read_bytes))


class ModuleHandler(NbconvertFileHandler):
    """``GET nbconvert/nbrelease/PATH``: the module, or the findings of a notebook with errors."""

    @web.authenticated
    @authorized
    async def get(self, format: str, path: str) -> None:
        """Send the module as Jupyter's handler does, or the findings with status 422."""
        self.check_xsrf_cookie()
        manager: Any = self.contents_manager
        model = await ensure_async(manager.get(path=path.strip("/")))
        if model["type"] == "notebook":
            file = find_file(manager, path)
            content = json.dumps(model["content"]).encode()
            try:
                state = await asyncio.to_thread(notebook_state.read_state, file, content, Cache())
            except NbreleaseError as error:
                await self._refuse(model["name"], [], str(error))
                return
            errors = [each for each in state.findings if each.level is Level.ERROR]
            if errors or not state.module:
                message = "" if errors else "no cell is tagged export or main"
                await self._refuse(model["name"], state.findings, message)
                return
        handled: Any = super().get(format, path)
        await handled

    async def _refuse(
        self, name: str, findings: list[notebook_state.Finding], message: str
    ) -> None:
        self.set_status(UNPROCESSABLE)
        if self.request.headers.get("Accept", "").startswith("application/json"):
            self.set_header("Content-Type", "application/json")
            await self.finish(
                json.dumps({"message": message, "findings": [asdict(each) for each in findings]})
            )
            return
        await self.finish(render(name, findings, message))
