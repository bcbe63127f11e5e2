"""Build the evidence pack of a release from its executed notebooks.

A pack is a pure function of the notebooks and of the identity, which is written when the release
begins: building it again gives the same record and pages.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from nbrelease import files, pack_code, published_values, release_files
from nbrelease.attestation import chain, manifest, sign
from nbrelease.records import (
    DECISIONS,
    IDENTITY,
    OUTCOME,
    ReleaseRecord,
    RunbookResult,
    in_order_of_execution,
    junit,
    read_decisions,
    read_identity,
    read_outcome,
    read_results,
    release_prefix,
)
from nbrelease.records.summary import derive, since_last
from nbrelease.report import later_entries, pages
from nbrelease.report.model_card import render_model_card
from nbrelease.report.summary import render_summary

__all__ = [
    "build_pack", "derive_record", "load_record", "render_entries_page", "write_entries_page",
]  # fmt: skip

CARD = "model-card.md"
SUMMARY = "summary.md"


def build_pack(folder: Path, *, card: bool = True) -> ReleaseRecord:
    """Build the pack of a release: record, pages, test reports, model card, manifest.

    Args:
        folder: ``evidence/<release_id>`` with ``record.json`` and ``notebooks/*.ipynb``; with
            ``decisions.json`` of approvers and ``outcome.json`` of a pipeline.
        card: whether to write the card of a registered model.

    Returns:
        The record, as in ``record.json``.

    Raises:
        NotebookError: a notebook or the identity is malformed.
    """
    for name in (IDENTITY, DECISIONS, OUTCOME):
        release_files.mask_secrets(folder, name)
    results = read_results(folder)
    notebooks = {result.name: _notebook(folder, result.name) for result in results}
    record = derive_record(folder, results, notebooks)
    if record.since_last is None:
        changes = since_last(record, _earlier_records(folder, record))
        record = record.model_copy(update={"since_last": changes})
    files.write_text(folder / "record.json", record.model_dump_json(indent=2) + "\n")
    for result in results:
        page = pages.render_notebook(record, result, notebooks[result.name])
        files.write_text(folder / "html" / f"{result.name}.html", page)
        files.write_text(folder / "junit" / f"{result.name}.xml", junit.report(result))
    if card and record.model is not None:
        files.write_text(folder / CARD, render_model_card(record))
    has_card = (folder / CARD).is_file()
    if has_card:
        text = (folder / CARD).read_text(encoding="utf-8")
        files.write_text(folder / "model-card.html", pages.render_model_card_page(record, text))
    files.write_text(folder / "index.html", pages.render_index(record, has_card=has_card))
    files.write_text(folder / SUMMARY, render_summary(record))
    manifest.write(folder)
    write_entries_page(folder)
    return record


def derive_record(
    folder: Path, results: list[RunbookResult], notebooks: dict[str, dict[str, Any]]
) -> ReleaseRecord:
    """The record of a pack, from its notebooks, its identity and the pipeline's files.

    Args:
        folder: the pack.
        results: of the executed runbooks, in order.
        notebooks: the executed notebooks by their name.
    """
    return derive(
        read_identity(folder),
        results,
        read_decisions(folder),
        read_outcome(folder),
        _sources(folder, results, notebooks),
        pack_code.digests(folder),
        pack_code.read_masked(folder),
    )


def _notebook(folder: Path, name: str) -> dict[str, Any]:
    path = folder / "notebooks" / f"{name}.ipynb"
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def _sources(
    folder: Path, results: list[RunbookResult], notebooks: dict[str, dict[str, Any]]
) -> dict[str, str]:
    """The page and cell of each published value; of one name the last."""
    sources = {}
    for result in in_order_of_execution(results):
        for cell in notebooks[result.name]["cells"]:
            for value in published_values.read_outputs(cell.get("outputs", [])):
                sources[value] = f"html/{result.name}.html#{cell.get('id', '')}"
    files_of = {"decisions": DECISIONS, "stages": OUTCOME}
    sources.update({name: file for name, file in files_of.items() if (folder / file).is_file()})
    return sources


def _earlier_records(folder: Path, record: ReleaseRecord) -> Iterator[ReleaseRecord]:
    """The earlier releases of the model into the same environment with a pack, newest first."""
    prefix = release_prefix(record.env, record.settings_model)
    for path in sorted(folder.parent.glob(f"{prefix}-*Z-*/{manifest.NAME}"), reverse=True):
        if path.parent.name < folder.name:
            try:
                earlier = load_record(path.parent)
            except (OSError, ValueError):  # another version, or damaged: verify reports it
                continue
            if (earlier.env, earlier.settings_model) == (record.env, record.settings_model):
                yield earlier


def load_record(folder: Path) -> ReleaseRecord:
    """The record of a built pack."""
    text = (folder / "record.json").read_text(encoding="utf-8")
    return ReleaseRecord.model_validate_json(text)


def write_entries_page(folder: Path) -> None:
    """Write the page of a pack's later entries, even without entries."""
    entries, _ = chain.check(folder)
    page = render_entries_page(folder, entries)
    files.write_text(folder / manifest.LATER / chain.PAGE, page)


def render_entries_page(folder: Path, entries: Sequence[chain.Entry]) -> str:
    """The page of a pack's later entries."""
    record = json.loads((folder / "record.json").read_text(encoding="utf-8"))
    rows = [_entry_row(folder, entry) for entry in entries]
    language = record.get("language", "en")
    return later_entries.render_later_entries(
        record["release_id"], rows, language, manifest.renderer()
    )


def _entry_row(folder: Path, entry: chain.Entry) -> later_entries.LaterEntry:
    name = chain.entry_name(entry.number)
    envelope = folder / manifest.LATER / f"{name}{sign.SUFFIX}"
    return later_entries.LaterEntry(
        number=entry.number,
        kind=entry.kind,
        time=entry.time,
        actor=entry.actor,
        text=entry.text,
        about=entry.about.release_id if entry.about else "",
        files=sorted(entry.files),
        sha256=chain.digest_of(folder, entry.number),
        signed_by=sign.read(envelope).key_ids if envelope.is_file() else [],
    )
