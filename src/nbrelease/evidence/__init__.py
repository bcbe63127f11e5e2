"""The evidence pack: what a release manager reads, made out of the executed notebooks.

A pack is a pure function of the notebooks and of the identity written when the release began:
building it again gives the same record and pages.
"""

from __future__ import annotations

import json
from pathlib import Path

from nbrelease import files
from nbrelease.evidence import junit, pages
from nbrelease.evidence.summary import summarise
from nbrelease.records import ReleaseRecord, executed, read_decisions, read_identity, read_outcome

__all__ = ["build", "load"]


def build(folder: Path) -> ReleaseRecord:
    """Make the pack of a release: record, pages, test reports, manifest.

    Args:
        folder: ``evidence/<release_id>`` with ``record.json``, ``notebooks/*.ipynb``; where
            somebody was asked ``decisions.json``, after a pipeline ``outcome.json``.

    Returns:
        The record, as it stands in ``record.json``.

    Raises:
        NotebookError: a notebook or the identity is not ours.
    """
    record = summarise(
        read_identity(folder), executed(folder), read_decisions(folder), read_outcome(folder)
    )
    files.write_text(folder / "record.json", record.model_dump_json(indent=2) + "\n")
    for result in record.runbooks:
        notebook = folder / "notebooks" / f"{result.name}.ipynb"
        content = json.loads(notebook.read_text(encoding="utf-8"))
        files.write_text(folder / "html" / f"{result.name}.html", pages.notebook(result, content))
        files.write_text(folder / "junit" / f"{result.name}.xml", junit.report(result))
    files.write_text(folder / "index.html", pages.index(record))
    _write_manifest(folder)
    return record


def load(folder: Path) -> ReleaseRecord:
    """The record of a pack that was built."""
    text = (folder / "record.json").read_text(encoding="utf-8")
    return ReleaseRecord.model_validate_json(text)


def _write_manifest(folder: Path) -> None:
    """The sha256 of every other file of the pack, by its path."""
    names = sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "manifest.json"
    )
    manifest = {"algorithm": "sha256", "files": {n: files.sha256(folder / n) for n in names}}
    files.write_text(folder / "manifest.json", json.dumps(manifest, indent=2) + "\n")
