"""The files of one pipeline: resolve template paths, read each file once, enforce the limits."""

from __future__ import annotations

import os.path
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
        root: the repository; a path with a leading ``/`` starts here.
        documents: the documents by path.
        nodes: number of expanded values.
    """

    root: Path
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
        if repository.lower() not in ("", "self"):
            raise InvalidPipeline(
                "unsupported-repository",
                f"templates of other repositories are not supported: {reference.text}",
                reference.at,
            )
        if not name.strip() or "\0" in name:
            raise InvalidPipeline("missing-template", "a template needs a path", reference.at)
        name = name.replace("\\", "/")
        base = self.root if name.startswith("/") else reference.at.file.parent
        path = Path(os.path.normpath(base / name.lstrip("/")))
        if not path.is_relative_to(self.root):
            raise InvalidPipeline(
                "template-outside-repository",
                f"the template is outside of the repository: {name}",
                reference.at,
            )
        return path

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
