"""The files of one pipeline: resolve template paths, read each file once, enforce the limits."""

from __future__ import annotations

import os.path
from collections.abc import Mapping as Map
from dataclasses import dataclass, field
from pathlib import Path

from pipelines_local.errors import InvalidPipeline, LimitExceeded
from pipelines_local.yamltree import Mapping, Scalar, load

MAX_FILES = 100
MAX_NESTING = 20
MAX_NODES = 200_000


@dataclass
class TemplateFiles:
    """The documents that were read, and the limits that Azure Pipelines sets too.

    Attributes:
        root: the repository of the pipeline; a path with a leading ``/`` starts here.
        repositories: the folders of other repositories by lower-case alias.
        documents: the documents by path.
        nodes: number of expanded values.
    """

    root: Path
    repositories: Map[str, Path] = field(default_factory=dict)
    documents: dict[Path, Mapping] = field(default_factory=dict)
    nodes: int = 0

    def read_template(self, reference: Scalar, nesting: int) -> Mapping:
        """Read the template that ``reference`` names.

        Raises:
            InvalidPipeline: the template is missing or outside of the repository.
            LimitExceeded: too many or too deeply nested templates.
        """
        if nesting > MAX_NESTING:
            raise LimitExceeded(
                "template-nesting",
                f"templates are nested deeper than {MAX_NESTING} levels",
                reference.at,
            )
        path = self._resolve(reference)
        if path not in self.documents:
            if len(self.documents) >= MAX_FILES:
                raise LimitExceeded("too-many-files", f"more than {MAX_FILES} files", reference.at)
            try:
                document = load(path)
            except OSError:
                raise InvalidPipeline(
                    "missing-template", f"no such template: {reference.text}", reference.at
                ) from None
            if not isinstance(document, Mapping):
                raise InvalidPipeline("invalid-type", "a template must be a mapping", document.at)
            self.documents[path] = document
        return self.documents[path]

    def _resolve(self, reference: Scalar) -> Path:
        name, _, repository = reference.text.partition("@")
        if not name.strip() or "\0" in name:
            raise InvalidPipeline("missing-template", "a template needs a path", reference.at)
        name = name.replace("\\", "/")
        root = self._repository(repository, reference)
        is_relative = not name.startswith("/") and not repository
        base = reference.at.file.parent if is_relative else root
        path = Path(os.path.normpath(base / name.lstrip("/")))
        if not path.is_relative_to(root):
            raise InvalidPipeline(
                "template-outside-repository",
                f"the template is outside of the repository: {name}",
                reference.at,
            )
        return path

    def _repository(self, alias: str, reference: Scalar) -> Path:
        """Return the folder of a repository; without an alias that of the file itself."""
        if alias.lower() == "self":
            return self.root
        if not alias:
            inside = [r for r in self.repositories.values() if reference.at.file.is_relative_to(r)]
            return max((self.root, *inside), key=lambda path: path in inside)
        if alias.lower() not in self.repositories:
            raise InvalidPipeline(
                "missing-repository",
                f"the repository {alias!r} is not available on this machine",
                reference.at,
                f"use --repository {alias}=FOLDER",
            )
        return self.repositories[alias.lower()]

    def count_node(self, node: Scalar | Mapping) -> None:
        """Count an expanded value.

        Raises:
            LimitExceeded: the pipeline has too many values.
        """
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise LimitExceeded(
                "too-many-values",
                f"the expanded pipeline has more than {MAX_NODES} values",
                node.at,
            )
