"""Loads a scoring script and checks that it defines ``init`` and ``run``."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any


class InvalidScript(Exception):
    """The scoring script is not valid."""


def load_script(folder: Path, script: str) -> Any:
    """Import a scoring script; its ``init`` is not called yet.

    Args:
        folder: the deployment's code.
        script: the script's path in it.

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
