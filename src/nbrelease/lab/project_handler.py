"""What the handlers of the Jupyter server share: the work of a session, and replies.

Work runs in a thread, one request at a time for each server: the results of a project's other
notebooks are cached between requests.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from jupyter_server.base.handlers import APIHandler
from pydantic import BaseModel

from nbrelease.errors import NbreleaseError
from nbrelease.export.cache import Cache
from nbrelease.lab.rehearsals import Rehearsals
from nbrelease.lab.runbooks import Runs

UNPROCESSABLE = 422
"""The status of a notebook with errors, and of other errors of the user."""


class Session:
    """What requests share: a cache for each project's folder, and the order of the work."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.caches: dict[Path, Cache] = {}
        self.runs = Runs()
        self.rehearsals = Rehearsals()

    def cache(self, folder: Path) -> Cache:
        """The cache of the notebooks in a folder."""
        return self.caches.setdefault(folder, Cache())


def find_file(manager: Any, path: str) -> Path:
    """The file of a path in Jupyter.

    Raises:
        HTTPError: 404 for a path outside the folder of the server.
    """
    return Path(manager._get_os_path(path.strip("/")))


def _to_json(value: Any) -> Any:
    return value.model_dump(mode="json") if isinstance(value, BaseModel) else str(value)


class ProjectHandler(APIHandler):
    """A request about a notebook or its project."""

    auth_resource = "nbrelease"

    def initialize(self, session: Session) -> None:
        """Set what all requests share; called by tornado."""
        self.session = session

    def find_notebook(self) -> Path:
        """The file of the notebook that the request names."""
        return find_file(self.contents_manager, self.get_query_argument("path"))

    def jupyter_path(self, file: str) -> str:
        """The path of a file in Jupyter; empty if it is outside the folder of the server."""
        root = find_file(self.contents_manager, "").resolve()
        path = Path(file).resolve()
        return path.relative_to(root).as_posix() if file and path.is_relative_to(root) else ""

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
            await self.finish(json.dumps(asdict(result), default=_to_json))
