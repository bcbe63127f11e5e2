"""Executed notebooks without secrets, and the list of what was hidden in them.

papermill keeps what it was given three times over (the injected cell, its own metadata, ours), and
a cell prints what it likes; so every save of a notebook goes through here, the first one as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nbrelease.records import Masked
from nbrelease.secrets import Known, mask

INJECTED = "injected-parameters"
PARTS = {"source": "code", "outputs": "output", "metadata": "metadata", "attachments": "attachment"}


class Masker:
    """Hides secrets in the saves of one notebook, and remembers what there was to hide."""

    def __init__(self, known: Known, file: str) -> None:
        """Begin.

        Args:
            known: values that are secret whatever they look like.
            file: the notebook's path within the pack.
        """
        self._known = known
        self._file = file
        self._times: dict[tuple[str, str, str], int] = {}

    @property
    def found(self) -> list[Masked]:
        """What was hidden, in the order in which it was met."""
        return [
            Masked(file=self._file, cell=cell, part=part, what=what, times=times)
            for (cell, part, what), times in self._times.items()
        ]

    def value(self, value: Any, part: str, cell: str = "") -> Any:
        """A JSON value without secrets; not to be changed, it may be the very one."""
        clean, count = mask(value, self._known)
        for what, times in count.items():
            key = (cell, part, what)
            # A notebook is saved after each cell; the same secret is met again each time.
            self._times[key] = max(times, self._times.get(key, 0))
        return clean

    def notebook(self, content: Mapping[str, Any]) -> dict[str, Any]:
        """A copy of a notebook, as JSON, without secrets."""
        cells = [self._cell(cell) for cell in content["cells"]]
        rest = {key: value for key, value in content.items() if key != "cells"}
        return {"cells": cells, **self.value(rest, "metadata")}

    def _cell(self, cell: Mapping[str, Any]) -> dict[str, Any]:
        injected = INJECTED in cell.get("metadata", {}).get("tags", [])
        name = INJECTED if injected else str(cell.get("id", ""))
        clean = dict(cell)
        for key, part in PARTS.items():
            if key in cell:
                told = _joined(cell[key]) if key == "outputs" else cell[key]
                clean[key] = self.value(told, part, name)
        return clean


def _joined(outputs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Streams that follow each other as one: a secret may have been written in two strokes."""
    joined: list[dict[str, Any]] = []
    for output in outputs:
        last = joined[-1] if joined else {}
        if output["output_type"] == "stream" and output.get("name") == last.get("name"):
            text = _text(last["text"]) + _text(output["text"])
            joined[-1] = {**last, "text": text.splitlines(keepends=True)}
        else:
            joined.append(output)
    return joined


def _text(value: str | list[str]) -> str:
    return value if isinstance(value, str) else "".join(value)
