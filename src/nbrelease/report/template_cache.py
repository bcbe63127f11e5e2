"""Templates as the code they compile to, kept where Python keeps that of modules.

Compiling the templates takes longer than filling them in, and a command line has to do it each time
that it is started. So what they compile to lies in ``__pycache__`` beside them, under the rules of
modules: another Python has files of its own, ``PYTHONDONTWRITEBYTECODE`` and
``PYTHONPYCACHEPREFIX`` are heeded, and where nothing can be written nothing is kept.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import marshal
import sys
from pathlib import Path
from typing import Any

import jinja2

from nbrelease import files


class Compiled(jinja2.BytecodeCache):
    """What a template compiles to, for as long as neither its text nor Jinja changes."""

    def get_cache_key(self, name: str, filename: str | None = None) -> str:
        """A template's own path: it leads to where its code is kept."""
        return filename or name

    def get_source_checksum(self, source: str) -> str:
        """Of all that the code depends on."""
        return hashlib.sha256(f"{jinja2.__version__}\n{source}".encode()).hexdigest()

    def load_bytecode(self, bucket: Any) -> None:
        """Give the bucket its code, where it is there and still right."""
        checksum = bucket.checksum.encode()
        try:
            content = _place(bucket).read_bytes()
            if content.startswith(checksum):
                bucket.code = marshal.loads(content[len(checksum) :])  # noqa: S302 - as Python's own
        except (OSError, EOFError, ValueError, TypeError):
            return  # not there, or damaged: it is compiled

    def dump_bytecode(self, bucket: Any) -> None:
        """Keep the bucket's code."""
        if sys.dont_write_bytecode:
            return
        with contextlib.suppress(OSError):  # a folder that cannot be written, as with modules
            content = bucket.checksum.encode() + marshal.dumps(bucket.code)
            files.write_bytes(_place(bucket), content)


def _place(bucket: Any) -> Path:
    return Path(importlib.util.cache_from_source(bucket.key))
