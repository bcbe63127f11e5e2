"""Hides secrets in everything that is written or shown."""

from __future__ import annotations

import re
import threading

MASK = "***"


class Masker:
    """Knows the secrets of a run; they are added while it goes on."""

    def __init__(self) -> None:
        self._secrets: set[str] = set()
        self._pattern: re.Pattern[str] | None = None
        self._lock = threading.Lock()

    def add(self, secret: str) -> None:
        """Hide ``secret`` from now on; of a secret with several lines, each line."""
        with self._lock:
            found = {part for part in (secret, *secret.splitlines()) if part.strip()}
            if found <= self._secrets:
                return
            self._secrets |= found
            longest_first = sorted(self._secrets, key=len, reverse=True)
            self._pattern = re.compile("|".join(map(re.escape, longest_first)))

    def mask(self, text: str) -> str:
        """``text`` without secrets."""
        pattern = self._pattern
        return text if pattern is None else pattern.sub(MASK, text)
