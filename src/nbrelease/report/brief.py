"""The first screen as Markdown: what a pipeline's run shows in its summary, beside the pack."""

from __future__ import annotations

import html
import re
from typing import Any

from nbrelease.records import ReleaseRecord
from nbrelease.report.answers import answers
from nbrelease.report.headline import headline, reason
from nbrelease.report.templating import tone_of
from nbrelease.report.words import translator

SIGNS = {"good": "✅", "bad": "❌", "wait": "🟧"}
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~])")
_TAG = re.compile(r"<[^>]*>")


def render(record: ReleaseRecord) -> str:
    """The summary of a release: what became of it, then the six answers."""
    _ = translator(record.language)
    verdict = _(record.verdict)
    lines = [f"## {SIGNS[tone_of(record.verdict)]} {_plain(verdict[:1].upper() + verdict[1:])}: "
             f"{_plain(headline(record, _))}"]  # fmt: skip
    if why := reason(record, _):
        lines += ["", _plain(why)]
    lines += ["", _plain(_("Release %(id)s") % {"id": record.release_id}), "", "| | |", "|---|---|"]
    for answer in answers(record, _):
        said = "<br>".join([f"**{_plain(answer.lead)}**", *map(_plain, answer.lines)])
        lines.append(f"| {_plain(answer.question)} | {said} |")
    closing = (
        _("The pages so far are an artifact of this run's last job: open its index.html.")
        if record.waiting_for
        else _("The whole pack is the artifact evidence-pack of this run: open its index.html.")
    )
    return "\n".join([*lines, "", closing, ""])


def _plain(text: Any) -> str:
    """Words as Markdown shows them and no more: without links, and nothing in them is markup."""
    words = html.unescape(_TAG.sub("", text)) if hasattr(text, "__html__") else str(text)
    return _SPECIAL.sub(r"\\\1", " ".join(words.split()))
