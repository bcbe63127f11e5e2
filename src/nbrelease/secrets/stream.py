"""A stream without secrets: what cells print is followed in a console, and kept in its log.

It is masked line by line, because a secret may come in several strokes; a private key is held back
until its last line is there.
"""

from __future__ import annotations

from typing import TextIO

from nbrelease.secrets.masking import Known, mask_text

_BEGIN, _END = "PRIVATE KEY", "-----END"
_LONGEST = 100_000
"""Characters that are held back at most, for a line or a key that never ends."""


class MaskedStream:
    """Writes to another stream, as papermill's ``stdout_file`` and ``stderr_file``."""

    def __init__(self, target: TextIO, known: Known) -> None:
        self._target, self._known = target, known
        self._held = ""

    def write(self, text: str) -> int:
        """Take a part of the text; whole lines go on."""
        self._held += text
        # A line without an end, and of such a length, goes out as it is.
        end = len(self._held) if len(self._held) > _LONGEST else self._whole()
        if end:
            whole, self._held = self._held[:end], self._held[end:]
            self._put(whole)
        return len(text)

    def flush(self) -> None:
        """Nothing: half a line may be half a secret."""

    def close(self) -> None:
        """Let out what is left."""
        self._put(self._held)
        self._held = ""

    def _whole(self) -> int:
        """How many of the held characters are lines that are complete, and no key's beginning."""
        begun = self._held.rfind("-----BEGIN ")
        if (
            begun >= 0
            and _BEGIN in self._held[begun : begun + 40]
            and _END not in self._held[begun:]
        ):
            return self._held.rfind("\n", 0, begun) + 1
        return self._held.rfind("\n") + 1

    def _put(self, text: str) -> None:
        self._target.write(mask_text(text, self._known)[0])
        self._target.flush()
