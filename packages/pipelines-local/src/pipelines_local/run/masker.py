"""Mask secrets in logs and documents, in the same forms as the agent of Azure Pipelines."""

from __future__ import annotations

import json
import re
import threading
from urllib.parse import quote

MASK = "***"
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_UNESCAPED = {"a": "\a", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", "v": "\v"}


class Masker:
    """The secrets of a run; steps can add more."""

    def __init__(self) -> None:
        self._secrets: frozenset[str] = frozenset()
        self._lock = threading.Lock()

    def add(self, secret: str) -> None:
        """Mask ``secret`` from now on; also each line of a secret with several lines."""
        forms: set[str] = set()
        for part in (secret, *secret.splitlines()):
            if part.strip():
                forms |= {part, *encoded_forms(part)}
        with self._lock:
            self._secrets |= forms

    def mask(self, text: str) -> str:
        """Return ``text`` with secrets replaced by ``***``; overlapping ones become one mask."""
        spans = sorted(span for secret in self._secrets for span in _find(text, secret))
        if not spans:
            return text
        parts: list[str] = []
        position, (start, end) = 0, spans[0]
        for next_start, next_end in spans[1:]:
            if next_start < end:
                end = max(end, next_end)
                continue
            parts += [text[position:start], MASK]
            position, start, end = end, next_start, next_end
        parts += [text[position:start], MASK, text[end:]]
        return "".join(parts)


def encoded_forms(secret: str) -> set[str]:
    """Return the forms that the agent masks too: in JSON, in a URI, without backslash escapes.

    Source: ``HostContext.CreateSecretMasker`` of azure-pipelines-agent.
    """
    forms = {
        json.dumps(secret, ensure_ascii=False)[1:-1],
        quote(secret.encode("utf-8", "surrogatepass"), safe="-_.~"),
        _ESCAPED.sub(lambda match: _UNESCAPED.get(match[1], match[1]), secret),
    }
    return {form for form in forms if form.strip()}


def _find(text: str, secret: str) -> list[tuple[int, int]]:
    """Return start and end of all occurrences, also of overlapping ones."""
    spans = []
    start = text.find(secret)
    while start >= 0:
        spans.append((start, start + len(secret)))
        start = text.find(secret, start + 1)
    return spans
