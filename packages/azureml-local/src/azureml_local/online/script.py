"""Loads a scoring script for the inference server: ``init()`` once, ``run()`` for each request."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Collection
from pathlib import Path
from types import ModuleType
from typing import Any

from azureml_local import import_shims
from azureml_local.online.inference_server import InferenceServer
from azureml_local.scoring.script_loader import call_init, load_script

RAW_HTTP_MODULES = ("azureml_local.online.raw_http", *import_shims.RAW_REQUEST)
SCHEMA_MODULE = "inference_schema.schema_util"


def load_script_server(
    folder: Path, script: str, name: str, missing: Collection[str] = ()
) -> InferenceServer:
    """Load a scoring script and call its ``init``.

    Args:
        folder: the deployment's code.
        script: the script's path in it.
        name: of the endpoint, for the swagger document.
        missing: packages of Azure's server that the deployment's environment lacks.

    Raises:
        InvalidScript: it has no ``init``, or no ``run`` with a named parameter.
    """
    import_shims.install(collector=import_shims.MONITORING_PACKAGE not in missing)
    module = load_script(folder, script)
    raw_modules = [sys.modules.get(each) for each in RAW_HTTP_MODULES]
    raw = any(getattr(each, "_rawHttpRequested", False) for each in raw_modules)
    schema = _schema_module(module.run)
    server = InferenceServer(module.run, name, schema=schema, raw=raw, folder=folder)
    call_init(module)
    print(f"{script}: init() is done", flush=True)
    return server


def _schema_module(run: Any) -> ModuleType | None:
    """The module that has the schemas of ``run``; None if it has no schema decorators."""
    util = sys.modules.get(SCHEMA_MODULE)
    if util is None and "inference_schema" in sys.modules:
        util = importlib.import_module(SCHEMA_MODULE)
    return util if util is not None and util.is_schema_decorated(run) else None
