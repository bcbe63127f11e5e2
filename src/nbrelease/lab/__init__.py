"""The server extension of JupyterLab: what the command line does, for the notebook on the screen.

``pip install nbrelease`` enables it. The part in the browser is in ``lab/``. Programs that list the
extensions import this package, so it imports the handlers only when a server loads it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import tornado.web
    from jupyter_server.serverapp import ServerApp


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    """The modules with ``_load_jupyter_server_extension``; Jupyter requires the name."""
    return [{"module": "nbrelease.lab"}]


def _load_jupyter_server_extension(app: ServerApp) -> None:
    """Add the handlers to a Jupyter server; Jupyter requires the name."""
    from nbrelease.lab.handlers import list_handlers
    from nbrelease.lab.tracking import VARIABLE, find_tracking_uri

    application: tornado.web.Application = app.web_app
    application.add_handlers(".*$", list_handlers(app.base_url))
    uri = find_tracking_uri(Path(app.root_dir), os.environ)
    if uri:
        os.environ[VARIABLE] = uri  # kernels inherit it
        app.log.info("nbrelease: notebooks log to %s", uri)
