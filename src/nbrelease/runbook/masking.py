"""Mask secrets in executed notebooks and list what was masked.

papermill writes parameters to three places (the injected cell, its own metadata and ours), and a
cell may print a secret. Every save of a notebook is masked, the first one included.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from nbrelease.notebook import INJECTED
from nbrelease.records import Masked
from nbrelease.secrets import Known, collect_texts, mask, may_contain_secret

PARTS = {"source": "code", "outputs": "output", "metadata": "metadata", "attachments": "attachment"}
"""Key of a notebook cell to the name of that part in the record."""


class NotebookMasker:
    """Masks secrets in the saves of one notebook and counts them."""

    def __init__(self, known: Known, file: str) -> None:
        """Create a masker.

        Args:
            known: values that are secret whatever they look like.
            file: the notebook's path within the pack.
        """
        self._known = known
        self._file = file
        self._counts: dict[tuple[str, str, str], int] = {}
        self._clean_texts: set[str] = set()
        self._known_count = known.count

    @property
    def masked(self) -> list[Masked]:
        """What was masked, in the order of first occurrence."""
        return [
            Masked(file=self._file, cell=cell, part=part, what=kind, times=times)
            for (cell, part, kind), times in self._counts.items()
        ]

    def mask_value(self, value: Any, part: str, cell: str = "") -> Any:
        """A JSON value without secrets. It may be the same object: do not modify it."""
        masked, counts = mask(value, self._known)
        for kind, times in counts.items():
            key = (cell, part, kind)
            # A notebook is saved after each cell; each save contains the same secret again.
            self._counts[key] = max(times, self._counts.get(key, 0))
        return masked

    def mask_notebook(self, content: Mapping[str, Any]) -> dict[str, Any]:
        """A copy of a notebook, as JSON, without secrets."""
        cells = [_join_streams_of(cell) for cell in content["cells"]]
        rest = {key: value for key, value in content.items() if key != "cells"}
        # One search is faster than a search for each part.
        texts = collect_texts([*cells, rest])
        if texts is None or self._may_contain_secret(texts):
            cells = [self._mask_cell(cell) for cell in cells]
            rest = self.mask_value(rest, "metadata")
        return {"cells": cells, **rest}

    def _may_contain_secret(self, texts: Iterable[str]) -> bool:
        """Whether one of the texts may contain a secret.

        A notebook is saved twice a cell, so most texts were searched by an earlier save.
        """
        if self._known.count != self._known_count:
            self._known_count = self._known.count
            self._clean_texts.clear()
        new = [text for text in texts if text not in self._clean_texts]
        if may_contain_secret(new, self._known):
            return True
        self._clean_texts.update(new)
        return False

    def _mask_cell(self, cell: Mapping[str, Any]) -> dict[str, Any]:
        is_injected = INJECTED in cell.get("metadata", {}).get("tags", [])
        name = INJECTED if is_injected else str(cell.get("id", ""))
        masked = dict(cell)
        for key, part in PARTS.items():
            if key in cell:
                masked[key] = self.mask_value(cell[key], part, name)
        return masked


def _join_streams_of(cell: Mapping[str, Any]) -> dict[str, Any]:
    return {**cell, "outputs": _join_streams(cell["outputs"])} if "outputs" in cell else {**cell}


def _join_streams(outputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Join adjacent stream outputs: a secret may be split between two of them."""
    joined: list[dict[str, Any]] = []
    for output in outputs:
        last = joined[-1] if joined else {}
        if output["output_type"] == "stream" and output.get("name") == last.get("name"):
            text = _join_lines(last["text"]) + _join_lines(output["text"])
            joined[-1] = {**last, "text": text.splitlines(keepends=True)}
        else:
            joined.append(output)
    return joined


def _join_lines(text: str | list[str]) -> str:
    return text if isinstance(text, str) else "".join(text)
