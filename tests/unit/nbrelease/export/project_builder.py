"""Build projects of notebooks for tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from nbrelease.export import Export, Layout, plan

METADATA = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}


def notebook(*cells: tuple[str, str, str], **top: Any) -> dict[str, Any]:
    """A notebook of (id, tags, source) triples with outputs."""
    items = [
        {
            "cell_type": "code",
            "execution_count": index,
            "id": cell_id,
            "metadata": {"tags": tags.split()} if tags else {},
            "outputs": [{"name": "stdout", "output_type": "stream", "text": [f"{cell_id}\n"]}],
            "source": source.splitlines(keepends=True),
        }
        for index, (cell_id, tags, source) in enumerate(cells, start=1)
    ]
    return {"cells": items, "metadata": METADATA, "nbformat": 4, "nbformat_minor": 5, **top}


class Project:
    """A project's folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "notebooks").mkdir(parents=True, exist_ok=True)
        self.layout = Layout(root, root / "notebooks", root / "exported", root / "tests")

    def write(self, name: str, *cells: tuple[str, str, str], **top: Any) -> Path:
        path = self.root / "notebooks" / f"{name}.ipynb"
        text = json.dumps(notebook(*cells, **top), indent=1, ensure_ascii=False) + "\n"
        path.write_text(text, encoding="utf-8")
        return path

    def plan(self, *paths: Path) -> list[Export]:
        return plan(self.layout, paths)

    def export(self) -> list[Export]:
        exports = self.plan()
        for export in exports:
            if not export.failed:
                export.write()
        return exports

    def edit(self, path: str, old: str, new: str) -> Path:
        file = self.root / path
        text = file.read_text(encoding="utf-8")
        assert old in text, text
        file.write_text(text.replace(old, new, 1), encoding="utf-8")
        return file

    def sources(self, name: str) -> dict[str, str]:
        content = json.loads(
            (self.root / "notebooks" / f"{name}.ipynb").read_text(encoding="utf-8")
        )
        return {cell["id"]: "".join(cell["source"]) for cell in content["cells"]}


def locations(export: Export) -> list[str]:
    return [
        f"{each.cell}:{each.line}:{each.column} {each.rule.code}"
        for each in export.diagnostics
        if each.rule.level != "note"
    ]


def codes(export: Export) -> list[str]:
    return [each.rule.code for each in export.diagnostics if each.rule.level != "note"]
