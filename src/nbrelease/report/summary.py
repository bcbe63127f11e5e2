"""The summary of a release as Markdown: what the page of a pipeline run shows."""

from __future__ import annotations

import html
import re
from typing import Any

from nbrelease.records import ReleaseRecord
from nbrelease.report.headline import headline, reason
from nbrelease.report.labels import state_name, tone_of
from nbrelease.report.overview import overview
from nbrelease.report.translations import translator

SIGNS = {"good": "✅", "bad": "❌", "wait": "🟧"}
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~])")
_TAG = re.compile(r"<[^>]*>")


def render_summary(record: ReleaseRecord) -> str:
    """The verdict of a release and its overview as Markdown."""
    _ = translator(record.language)
    verdict = state_name(record.verdict, _)
    verdict = verdict[:1].upper() + verdict[1:]
    sign = SIGNS[tone_of(record.verdict)]
    lines = [f"## {sign} {_plain(verdict)}: {_plain(headline(record, _))}"]
    if why := reason(record, _):
        lines += ["", _plain(why)]
    lines += ["", _plain(_("Release %(id)s") % {"id": record.release_id}), "", "| | |", "|---|---|"]
    for box in overview(record, _):
        details = [_plain(fact.text) for fact in box.details]
        text = "<br>".join([f"**{_plain(box.lead.text)}**", *details])
        lines.append(f"| {_plain(box.label)} | {text} |")
    closing = (
        _("The report so far is an artifact of the last job of this run. Open its index.html.")
        if record.waiting_for
        else _("The full report is the artifact evidence-pack of this run. Open its index.html.")
    )
    return "\n".join([*lines, "", closing, ""])


def _plain(text: Any) -> str:
    """Text for Markdown: without links, and with special characters escaped."""
    words = html.unescape(_TAG.sub("", text)) if hasattr(text, "__html__") else str(text)
    return _SPECIAL.sub(r"\\\1", " ".join(words.split()))
