"""Loads a scoring script, checks that it defines ``init`` and ``run``, and calls ``init``."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from typing import Any


class InvalidScript(Exception):
    """The scoring script is not valid."""


class ModelNotFound(Exception):
    """The scoring script looks for the model in another folder."""


def load_script(folder: Path, script: str) -> Any:
    """Import a scoring script; its ``init`` is not called yet.

    Raises:
        InvalidScript: it is not a Python file, or has no ``init`` or no ``run``.
    """
    path = folder / script
    sys.path.insert(0, str(path.parent))
    spec = importlib.util.spec_from_file_location("entry_module", path)
    if spec is None or spec.loader is None:
        raise InvalidScript(f"{script} is not a Python file")
    module: Any = importlib.util.module_from_spec(spec)
    sys.modules["entry_module"] = module
    spec.loader.exec_module(module)
    # A wrapper script, as some tools generate them: use the parameters of the wrapped run().
    inner: Any = getattr(module, "driver_module", None)
    if callable(getattr(inner, "run", None)):
        module.run = inner.run
    for name in ("init", "run"):
        if not callable(getattr(module, name, None)):
            raise InvalidScript(f"{script} defines no function {name}()")
    return module


def call_init(module: Any) -> None:
    """Call ``init``.

    Raises:
        ModelNotFound: it did not find the model. As on Azure, the model is in a folder of
            ``AZUREML_MODEL_DIR`` with the name of the last folder of the registered path, also if
            it was registered through MLflow.
    """
    try:
        module.init()
    except Exception as error:
        models = os.environ.get("AZUREML_MODEL_DIR")
        if models and models in str(error) and Path(models).is_dir():
            names = ", ".join(sorted(each.name for each in Path(models).iterdir()))
            raise ModelNotFound(f"{error}; AZUREML_MODEL_DIR has: {names}") from error
        raise
