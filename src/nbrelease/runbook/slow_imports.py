"""Import nbformat and papermill without what they import and rarely use."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

REMOTE_FILES = ("papermill.s3", "papermill.adl", "papermill.abs", "gcsfs", "github", "pyarrow")
"""papermill's clients of remote files take 0.3 s. Runbooks and their outputs are local files."""


def import_nbformat() -> None:
    """Import nbformat and jsonschema; the grammars of jsonschema are imported on first use."""
    from child_processes.preload import import_jsonschema

    import_jsonschema()
    import nbformat  # noqa: F401


def import_papermill() -> None:
    """Import papermill without its clients of remote files, unless it is imported."""
    import_nbformat()
    with _hide(REMOTE_FILES):
        import papermill.execute  # noqa: F401


@contextlib.contextmanager
def _hide(names: tuple[str, ...]) -> Iterator[None]:
    """Let imports of modules that are not imported yet raise ModuleNotFoundError."""
    hidden = [name for name in names if name not in sys.modules]
    sys.modules |= dict.fromkeys(hidden)  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]
