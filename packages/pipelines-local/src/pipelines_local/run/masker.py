"""Mask secrets in logs and documents."""

from __future__ import annotations

import re
import threading

MASK = "***"


class Masker:
    """The secrets of a run; steps can add more."""

    def __init__(self) -> None:
        self._secrets: set[str] = set()
        self._pattern: re.Pattern[str] | None = None
        self._lock = threading.Lock()

    def add(self, secret: str) -> None:
        """Mask ``secret`` from now on; also each line of a secret with several lines."""
        with self._lock:
            parts = {part for part in (secret, *secret.splitlines()) if part.strip()}
            if parts <= self._secrets:
                return
            self._secrets |= parts
            longest_first = sorted(self._secrets, key=len, reverse=True)
            self._pattern = re.compile("|".join(map(re.escape, longest_first)))

    def mask(self, text: str) -> str:
        """Return ``text`` with each secret replaced by ``***``."""
        pattern = self._pattern
        return text if pattern is None else pattern.sub(MASK, text)
