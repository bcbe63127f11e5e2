"""nbval's rules, applied to a notebook that has already been executed.

nbval executes what it checks; a checked runbook would deploy a second time. So its comparison is
done here on the executed notebook, against the outputs committed in the source notebook: the same
markers (comments beat tags), the same sanitise file, the same fields left out of the comparison,
with nbval's own functions where it offers them.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nbrelease.errors import NotebookError

SANITIZE_FILE = "nbval_sanitize.cfg"
# What stock nbval leaves out: it differs from run to run, or is another output's business.
LEFT_OUT = frozenset(
    {
        "metadata",
        "traceback",
        "prompt_number",
        "output_type",
        "name",
        "execution_count",
        "application/vnd.jupyter.widget-view+json",
        "image/png",
        "image/jpeg",
    }
)


@dataclass(frozen=True)
class Difference:
    """A cell whose output is not what its reference says."""

    expected: str
    found: str


class Checker:
    """Compares executed cells with their references, after sanitising both sides."""

    def __init__(self, patterns: Sequence[tuple[str, str]] = ()) -> None:
        self._patterns = patterns

    @classmethod
    def beside(cls, notebook: Path) -> Checker:
        """With the sanitise file of the notebook's folder, where there is one.

        Raises:
            NotebookError: a pattern in it is no regular expression.
        """
        file = notebook.parent / SANITIZE_FILE
        if not file.is_file():
            return cls()
        from nbval.plugin import get_sanitize_patterns

        patterns = get_sanitize_patterns(file.read_text(encoding="utf-8"))
        for regex, _ in patterns:
            try:
                re.compile(regex)
            except re.error as error:
                raise NotebookError(
                    f"{file}: «{regex}» is no regular expression: {error}"
                ) from None
        return cls(patterns)

    def compare(
        self, reference: Mapping[str, Any], executed: Mapping[str, Any]
    ) -> Difference | None:
        """Hold an executed code cell against its reference cell.

        Returns:
            None where they agree, or where the reference was never run (nbval's rule).

        Raises:
            NotebookError: the reference has outputs but no execution count, so that nobody can tell
                whether they are its own.
        """
        if reference.get("execution_count") is None:
            if reference.get("outputs"):
                raise NotebookError(
                    f"cell {reference.get('id')}: marked for a check, with outputs but never run; "
                    "run the notebook and save it"
                )
            return None
        expected = self._fields(reference["outputs"])
        found = self._fields(executed["outputs"])
        if expected == found:
            return None
        return Difference(_text(expected, found), _text(found, expected))

    def _fields(self, outputs: Iterable[Any]) -> dict[str, list[Any]]:
        """Each field's values over all outputs: the order of unlike outputs does not count."""
        from nbval.plugin import coalesce_streams, transform_streams_for_comparison

        merged = transform_streams_for_comparison(coalesce_streams(copy.deepcopy(list(outputs))))
        fields: dict[str, list[Any]] = {}
        for output in merged:
            flat = {key: value for key, value in output.items() if key != "data"}
            flat.update(output.get("data", {}))
            for key, value in flat.items():
                if key not in LEFT_OUT:
                    fields.setdefault(key, []).append(self._sanitize(value))
        return fields

    def _sanitize(self, value: Any) -> Any:
        if isinstance(value, str):
            for regex, replacement in self._patterns:
                value = re.sub(regex, replacement, value)
        return value


@dataclass(frozen=True)
class Markers:
    """What the markers of a code cell ask for."""

    check: bool
    skip: bool
    raises: bool


def markers(cell: Mapping[str, Any], tags: frozenset[str]) -> Markers:
    """Our tags and nbval's, then nbval's comments, which beat them.

    Args:
        cell: the code cell.
        tags: its tags and directives.
    """
    from nbval.plugin import find_comment_markers, find_metadata_tags

    options = {"check": "check" in tags, "skip": "skip" in tags, "check_exception": False}
    options.update(find_metadata_tags({"tags": sorted(tags)}))
    options.update(find_comment_markers(cell["source"]))
    return Markers(options["check"], options["skip"], options["check_exception"])


def _text(fields: Mapping[str, list[Any]], other: Mapping[str, list[Any]]) -> str:
    """The fields in which two sides differ, for people."""
    lines = []
    for key, values in fields.items():
        if other.get(key) != values:
            lines += [f"{key}:" if key not in ("stdout", "text/plain") else "", *map(str, values)]
    return "\n".join(line for line in lines if line) or "(nothing)"
