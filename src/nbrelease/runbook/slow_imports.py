"""Import nbformat and papermill without optional packages that they import and we do not use."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator

FORMAT_VALIDATORS = ("rfc3987_syntax", "rfc3986_validator", "isoduration")
"""jsonschema's grammars take 0.9 s of processor time. nbformat checks no formats of texts."""
REMOTE_FILES = ("papermill.s3", "papermill.adl", "papermill.abs", "gcsfs", "github", "pyarrow")
"""papermill's clients of remote files take 0.3 s. Runbooks and their outputs are local files."""


def import_nbformat() -> None:
    """Import nbformat without the grammars of jsonschema, unless jsonschema is imported."""
    if "jsonschema" not in sys.modules:
        with _hide(FORMAT_VALIDATORS):
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
