"""The addresses below ``nbrelease/`` of a Jupyter server, behind its token.

A request names a notebook by its path in Jupyter. Work runs in a thread, one request at a time for
each server: the results of a project's other notebooks are cached between requests.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from jupyter_server.auth.decorator import authorized
from jupyter_server.base.handlers import APIHandler, JupyterHandler
from jupyter_server.nbconvert.handlers import NbconvertFileHandler
from jupyter_server.utils import ensure_async, url_path_join
from tornado import web

from nbrelease.errors import NbreleaseError
from nbrelease.export.cache import Cache
from nbrelease.export.diagnostic import Level
from nbrelease.lab import notebook_state
from nbrelease.lab.findings_page import render

UNPROCESSABLE = 422
"""The status of a notebook with errors, and of other errors of the user."""


class _Session:
    """What requests share: a cache for each project's folder, and the order of the work."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.caches: dict[Path, Cache] = {}

    def cache(self, folder: Path) -> Cache:
        return self.caches.setdefault(folder, Cache())


def list_handlers(base_url: str) -> list[tuple[str, type[JupyterHandler], dict[str, Any]]]:
    """The handlers with their addresses.

    Args:
        base_url: of the server.
    """
    shared = {"session": _Session()}
    api = {
        "notebook": NotebookHandler,
        "export": ExportHandler,
        "sync": SyncHandler,
    }
    handlers: list[tuple[str, type[JupyterHandler], dict[str, Any]]] = [
        (url_path_join(base_url, "nbrelease", name), handler, shared)
        for name, handler in api.items()
    ]
    # Replaces Jupyter's handler of this address, which sends status 500 for a notebook with errors.
    module = (url_path_join(base_url, r"nbconvert/(?P<format>nbrelease)(?P<path>(?:/[^/]+)+)"),)
    return [*handlers, (*module, ModuleHandler, {})]


def find_file(manager: Any, path: str) -> Path:
    """The file of a path in Jupyter.

    Raises:
        HTTPError: 404 for a path outside the folder of the server.
    """
    return Path(manager._get_os_path(path.strip("/")))


class _Handler(APIHandler):
    """A request about a notebook or its project."""

    auth_resource = "nbrelease"

    def initialize(self, session: _Session) -> None:
        self.session = session

    def find_notebook(self) -> Path:
        """The file of the notebook that the request names."""
        return find_file(self.contents_manager, self.get_query_argument("path"))

    async def reply(self, work: Callable[..., Any], *arguments: Any) -> None:
        """Run work in a thread and send its result; an error of the user has status 422."""
        try:
            async with self.session.lock:
                result = await asyncio.to_thread(work, *arguments)
        except NbreleaseError as error:
            self.set_status(UNPROCESSABLE)
            result = None
            await self.finish(json.dumps({"message": str(error)}))
        else:
            await self.finish(json.dumps(asdict(result), default=str))


class NotebookHandler(_Handler):
    """``POST notebook?path=`` with the notebook on the screen: roles, diagnostics, preview."""

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Send a :class:`.notebook_state.NotebookState`."""
        path = self.find_notebook()
        cache = self.session.cache(path.parent)
        await self.reply(notebook_state.read_state, path, self.request.body, cache)


class ExportHandler(_Handler):
    """``POST export?path=``: export the saved notebook."""

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Send a :class:`.notebook_state.Written`."""
        await self.reply(notebook_state.export_notebook, self.find_notebook())


class SyncHandler(_Handler):
    """``POST sync?path=``: copy edits by hand to the saved notebook."""

    @web.authenticated
    @authorized
    async def post(self) -> None:
        """Send a :class:`.notebook_state.Written`."""
        await self.reply(notebook_state.sync_notebook, self.find_notebook())


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
