"""Import jsonschema, which azure-ai-ml and nbformat use, without its grammars."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from types import ModuleType

GRAMMARS = "rfc3987_syntax"
"""Its import takes a second of processor time. jsonschema uses it for the formats ``iri`` only."""


def import_jsonschema() -> None:
    """Import jsonschema, if it is installed; its grammars are imported on first use."""
    is_late = "jsonschema" in sys.modules or GRAMMARS in sys.modules
    if is_late or not all(map(importlib.util.find_spec, ("jsonschema", GRAMMARS))):
        return
    sys.modules[GRAMMARS] = _LazyGrammars(GRAMMARS)
    try:
        importlib.import_module("jsonschema")
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
