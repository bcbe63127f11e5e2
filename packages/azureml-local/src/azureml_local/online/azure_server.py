"""Answers requests with Microsoft's own ``azureml-inference-server-http``.

Used in the deployment's own interpreter, if its environment has the server. On Azure the command
``azmlinfsrv`` starts gunicorn with the server's application. Here the worker process calls the same
application, so that deployments of both kinds have one pool, the same limits and no open port.
"""

from __future__ import annotations

import importlib
import os
from importlib import metadata

from azureml_local import import_shims
from azureml_local.scoring.frames import ScoringRequest, ScoringResponse
from azureml_local.scoring.wsgi import App, call_app

DISTRIBUTION = "azureml-inference-server-http"
PACKAGE = "azureml_inference_server_http"
VERSION_VARIABLE = "HTTP_X_MS_SERVER_VERSION"
"""``azmlinfsrv`` sets it, and the application sends it as ``x-ms-server-version``."""


class AzureServer:
    """Microsoft's application, which has loaded the script."""

    def __init__(self, app: App) -> None:
        self._app = app

    def answer(self, request: ScoringRequest) -> ScoringResponse:
        """The application's response, with what the script's data collector got."""
        response = call_app(self._app, request)
        response.collected = import_shims.take_collected()
        return response


def load_azure_server() -> AzureServer:
    """Load the server; its environment variables name the script, which it loads.

    Raises:
        SystemExit: the script cannot be loaded, or its ``init`` raises an exception; the log has
            the traceback.
    """
    version = metadata.version(DISTRIBUTION)
    os.environ.setdefault(VERSION_VARIABLE, f"azmlinfsrv/{version}")
    import_shims.install_collector()
    print(f"Azure ML inference server {version}", flush=True)
    module = importlib.import_module(f"{PACKAGE}.server.create_app")
    return AzureServer(module.create())
