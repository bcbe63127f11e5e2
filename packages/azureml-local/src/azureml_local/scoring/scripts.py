"""How a scoring script is loaded: by its path, beside its own modules, with what it must define."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any


class WrongScript(Exception):
    """The scoring script is none, or what it does is none of what a script may do."""


def load(folder: Path, script: str) -> Any:
    """The module of a scoring script; its ``init`` is not called yet.

    Args:
        folder: the deployment's code.
        script: the script's path in it.

    Raises:
        WrongScript: it is no Python file, or has no ``init`` or no ``run``.
    """
    path = folder / script
    sys.path.insert(0, str(path.parent))
    spec = importlib.util.spec_from_file_location("entry_module", path)
    if spec is None or spec.loader is None:
        raise WrongScript(f"{script} is no Python file")
    module: Any = importlib.util.module_from_spec(spec)
    sys.modules["entry_module"] = module
    spec.loader.exec_module(module)
    # Some scripts come wrapped in another, which calls them; what they are asked is theirs.
    inner: Any = getattr(module, "driver_module", None)
    if callable(getattr(inner, "run", None)):
        module.run = inner.run
    for wanted in ("init", "run"):
        if not callable(getattr(module, wanted, None)):
            raise WrongScript(f"{script} defines no function {wanted}()")
    return module
