"""The files of one pipeline: found beside the file that names them, read once, counted."""

from __future__ import annotations

import os.path
from dataclasses import dataclass, field
from pathlib import Path

from pipelines_local.errors import Refused
from pipelines_local.yamltree import Mapping, Scalar, load

MAX_FILES = 100
MAX_NESTING = 20
MAX_NODES = 200_000


@dataclass
class Files:
    """What is read and produced so far, against the limits that Azure sets too.

    Attributes:
        root: the repository; a path that begins with ``/`` counts from here.
        read: the documents by path.
        nodes: how much was produced.
    """

    root: Path
    read: dict[Path, Mapping] = field(default_factory=dict)
    nodes: int = 0

    def template(self, reference: Scalar, nesting: int) -> Mapping:
        """The template that ``reference`` names.

        Raises:
            Refused: it is not there, lies outside of the repository, or is one too many.
        """
        if nesting > MAX_NESTING:
            raise Refused(f"templates are nested deeper than {MAX_NESTING}", reference.at)
        path = self._path(reference)
        if path not in self.read:
            if len(self.read) >= MAX_FILES:
                raise Refused(f"more than {MAX_FILES} files", reference.at)
            try:
                document = load(path)
            except OSError:
                raise Refused(f"no such template: {reference.text}", reference.at) from None
            if not isinstance(document, Mapping):
                raise Refused("a template has to be a mapping", document.at)
            self.read[path] = document
        return self.read[path]

    def _path(self, reference: Scalar) -> Path:
        name, _, repository = reference.text.partition("@")
        if repository.lower() not in ("", "self"):
            raise Refused(
                f"templates of other repositories are not supported: {reference.text}",
                reference.at,
            )
        if not name.strip() or "\0" in name:
            raise Refused("a template needs a path", reference.at)
        name = name.replace("\\", "/")
        base = self.root if name.startswith("/") else reference.at.file.parent
        path = Path(os.path.normpath(base / name.lstrip("/")))
        if not path.is_relative_to(self.root):
            raise Refused(f"the template lies outside of the repository: {name}", reference.at)
        return path

    def count(self, at: Scalar | Mapping) -> None:
        """One more thing was produced.

        Raises:
            Refused: that was one too many.
        """
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise Refused(f"the expanded pipeline has more than {MAX_NODES} values", at.at)
