"""Import nbformat and papermill without what they import and rarely use."""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import sys
from collections.abc import Iterator
from types import ModuleType

GRAMMARS = "rfc3987_syntax"
"""Its import takes 0.7 s of processor time. jsonschema uses it for the formats ``iri`` only."""
REMOTE_FILES = ("papermill.s3", "papermill.adl", "papermill.abs", "gcsfs", "github", "pyarrow")
"""papermill's clients of remote files take 0.3 s. Runbooks and their outputs are local files."""


def import_nbformat() -> None:
    """Import nbformat and jsonschema; the grammars of jsonschema are imported on first use."""
    is_late = "jsonschema" in sys.modules or GRAMMARS in sys.modules
    if is_late or importlib.util.find_spec(GRAMMARS) is None:
        import nbformat
    else:
        sys.modules[GRAMMARS] = _LazyGrammars(GRAMMARS)
        try:
            import nbformat  # noqa: F401
        finally:
            sys.modules.pop(GRAMMARS, None)


class _LazyGrammars(ModuleType):
    """In place of the grammars while jsonschema imports them."""

    @staticmethod
    def is_valid_syntax(term: str, value: str) -> bool:
        valid: bool = importlib.import_module(GRAMMARS).is_valid_syntax(term, value)
        return valid

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):  # the import statement reads them
            raise AttributeError(name)
        sys.modules.pop(GRAMMARS, None)  # another version of jsonschema imports another name
        return getattr(importlib.import_module(GRAMMARS), name)


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
