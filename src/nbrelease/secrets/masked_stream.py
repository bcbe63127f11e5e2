"""A text stream that masks secrets, for what cells print to the console while they run.

Text is masked line by line, because a secret may arrive in several writes. A private key is held
until its last line has arrived.
"""

from __future__ import annotations

from typing import TextIO

from nbrelease.secrets.masking import Known, mask_text

_KEY, _END = "PRIVATE KEY", "-----END"
_MAX_HELD = 100_000
"""Maximum number of characters held for a line or a key without an end.

More are masked and written in pieces, and a secret at a cut is not found.
"""


class MaskedStream:
    """Masks text and writes it to another stream; papermill's ``stdout_file``."""

    def __init__(self, target: TextIO, known: Known) -> None:
        self._target, self._known = target, known
        self._held = ""

    def write(self, text: str) -> int:
        """Write the complete lines and hold the rest."""
        self._held += text
        # Not held for ever: what has no end is masked in pieces.
        end = len(self._held) if len(self._held) > _MAX_HELD else self._complete_length()
        if end:
            complete, self._held = self._held[:end], self._held[end:]
            self._write_masked(complete)
        return len(text)

    def flush(self) -> None:
        """Do nothing: half a line may be half a secret."""

    def close(self) -> None:
        """Write what is held."""
        self._write_masked(self._held)
        self._held = ""

    def _complete_length(self) -> int:
        """The number of held characters in complete lines before an incomplete key."""
        key_start = self._held.rfind("-----BEGIN ")
        if (
            key_start >= 0
            and _KEY in self._held[key_start : key_start + 40]
            and _END not in self._held[key_start:]
        ):
            return self._held.rfind("\n", 0, key_start) + 1
        return self._held.rfind("\n") + 1

    def _write_masked(self, text: str) -> None:
        self._target.write(mask_text(text, self._known)[0])
        self._target.flush()
