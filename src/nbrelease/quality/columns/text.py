"""Free text, which differs in most rows. Lengths and words are compared."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nbrelease.quality.columns import statistics
from nbrelease.quality.columns.kind import Bars
from nbrelease.quality.criteria import ColumnLimits, Monitor
from nbrelease.quality.finding import Finding
from nbrelease.records.published import ColumnKind

SMALLEST_SAMPLE = 20
"""Fewer different values are categories."""
MOST_CATEGORIES = 200
"""A column with more different values is text."""
DISTINCT_SHARE = 0.5
"""A column with more different values than this share of the rows is text."""
WORDS = re.compile(r"\w+")


class Text:
    """Free text, and codes with so many values that they are no categories."""

    name: ColumnKind = "text"
    invalid_value: Any = None

    def matches(self, column: pd.Series) -> bool:
        """Whether all values are texts, and they differ in most rows or there are many."""
        known = column.dropna()
        if pd.api.types.is_numeric_dtype(column) or not len(known):
            return False
        if not all(isinstance(each, str) for each in known):
            return False
        distinct = known.nunique()
        if distinct <= SMALLEST_SAMPLE:
            return False
        return distinct > MOST_CATEGORIES or distinct > DISTINCT_SHARE * len(known)

    def convert(self, column: pd.Series) -> pd.Series:
        """As texts."""
        if isinstance(column.dtype, pd.CategoricalDtype):
            categories = column.cat.categories
            if pd.api.types.infer_dtype(categories) in ("string", "empty"):
                return column
        return column.astype(object).where(column.isna(), column.astype(str))

    def start_profile(self, limits: ColumnLimits) -> TextProfile:
        """Lengths, and how many texts there are."""
        return TextProfile(limits)

    def compare(
        self, name: str, before: pd.Series, now: pd.Series, limits: Monitor
    ) -> list[Finding]:
        """Kolmogorov-Smirnov of the lengths, and Welch of the share of known words."""
        lengths = _lengths(before), _lengths(now)
        length = statistics.compare_numbers(name, *lengths, limits, question="length")
        return [length, _compare_vocabulary(name, before, now, limits)]

    def stability_index(self, before: pd.Series, now: pd.Series) -> float:
        """Of the lengths."""
        return statistics.stability_index(_lengths(before), _lengths(now))

    def bars(self, before: pd.Series, now: pd.Series) -> Bars:
        """The lengths."""
        return statistics.bin_numbers(_lengths(before), _lengths(now))


class TextProfile:
    """Lengths, different texts, and rows whose text the limits do not allow."""

    def __init__(self, limits: ColumnLimits) -> None:
        self._pattern = re.compile(limits.pattern) if limits.pattern else None
        self._shortest, self._longest = float("inf"), 0.0
        self._mismatches = 0
        self._hashes: list[NDArray[np.uint64]] = []

    def add(self, values: pd.Series) -> None:
        """Add texts."""
        texts, counts = statistics.count_values(values)
        if not len(texts):
            return
        self._hashes.append(pd.util.hash_array(texts, categorize=False).astype(np.uint64))
        lengths = [len(text) for text in texts]
        self._shortest = min(self._shortest, min(lengths))
        self._longest = max(self._longest, max(lengths))
        if self._pattern is not None:
            matches = np.array([self._pattern.fullmatch(text) is not None for text in texts])
            self._mismatches += int(counts[~matches].sum())

    def describe(self) -> dict[str, Any]:
        """``distinct``; ``min`` and ``max`` are of numbers and stay empty."""
        return {"distinct": statistics.count_distinct(self._hashes)}

    def measure(self) -> dict[str, float]:
        """``shortest`` and ``longest`` in characters, and ``mismatches`` of the pattern in rows."""
        shortest, longest = self._shortest, self._longest
        if not self._hashes:
            shortest = longest = float("nan")
        return {"shortest": shortest, "longest": longest, "mismatches": self._mismatches}


def _lengths(values: pd.Series) -> NDArray[np.float64]:
    return np.array([len(text) for text in values], np.float64)


def _compare_vocabulary(name: str, before: pd.Series, now: pd.Series, limits: Monitor) -> Finding:
    """Are more words unknown? The effect is the loss of the mean share of known words of a text.

    A word of a current text is known when a text of the reference has it. A word of the reference
    is known when another text of it has it, so that texts of the same source have the same share.
    """
    old, new = ([set(WORDS.findall(text.lower())) for text in texts] for texts in (before, now))
    texts_by_word = Counter(word for words in old for word in words)
    known = [_known_shares(old, texts_by_word, 2), _known_shares(new, texts_by_word, 1)]
    means = [float(each.mean()) for each in known]
    return statistics.compare_means(
        name,
        "share of known words",
        known[1],
        known[0],
        ("vocabulary_loss", means[0] - means[1], limits.vocabulary_loss),
        (f"{means[0]:.1%}", f"{means[1]:.1%}"),
    )


def _known_shares(
    texts: list[set[str]], texts_by_word: Counter[str], least: int
) -> NDArray[np.float64]:
    """The share of each text's words that so many texts of the reference have; 1 without words."""
    known = [sum(texts_by_word[word] >= least for word in words) for words in texts]
    counts = [len(words) for words in texts]
    shares = (np.array(known, float) + np.equal(counts, 0)) / np.maximum(counts, 1)
    return np.asarray(shares, np.float64)
