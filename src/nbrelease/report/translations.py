"""The pages' messages in other languages: gettext catalogues, with the English text as id.

A catalogue is read when a page of its language is made. polib reads the Japanese one in 10 ms,
its own import included; Babel needs 50 ms for its import and takes 33 MB of disk.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

from nbrelease.records import Language

Translate = Callable[[str], str]
CATALOGUES = Path(__file__).parent / "locale"


def N_(message: str) -> str:  # noqa: N802 - gettext's usual name
    """Mark a message for extraction; it is translated where it is shown."""
    return message


@cache
def translator(language: Language) -> Translate:
    """A function from an English message to ``language``; unknown messages stay English."""
    messages = read_catalogue(language)
    return lambda message: messages.get(message, message)


def read_catalogue(language: Language) -> dict[str, str]:
    """The translations of a language by their English message; English has none."""
    if language == "en":
        return {}
    import polib  # type: ignore[import-untyped]

    entries = polib.pofile(str(CATALOGUES / f"{language}.po"), encoding="utf-8")
    return {entry.msgid: entry.msgstr for entry in entries}
