"""Long runs of the characters that tokens consist of.

Every token of an issuer and every base64 text is in such a run. Most texts have few of them, so
searching only the runs for many words is fast.
"""

from __future__ import annotations

SHORTEST = 18
_PUNCTUATION = "_-+/=.%:@~"
_CHARACTERS = bytes(
    b"x"[0] if n < 128 and (chr(n).isalnum() or chr(n) in _PUNCTUATION) else 0 for n in range(256)
)
_RUN = b"x" * SHORTEST


def long_runs(text: str) -> list[tuple[int, int]]:
    """The (start, end) of each run, in order."""
    # One byte a character, so that positions are those of the text.
    shapes = text.encode("latin-1", "replace").translate(_CHARACTERS)
    runs, at = [], shapes.find(_RUN)
    while at >= 0:
        end = shapes.find(b"\0", at)
        end = len(shapes) if end < 0 else end
        runs.append((at, end))
        at = shapes.find(_RUN, end)
    return runs
