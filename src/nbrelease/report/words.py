"""The words of the pages in other languages than English, by the English text."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from nbrelease.records import Language
from nbrelease.report.japanese import JAPANESE

LANGUAGES: dict[Language, dict[str, str]] = {"en": {}, "ja": JAPANESE}


@cache
def translator(language: Language) -> Callable[[str], str]:
    """A function from English to ``language``; what has no translation stays as it is."""
    words = LANGUAGES[language]
    return lambda text: words.get(text, text)
