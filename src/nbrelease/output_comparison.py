"""Compare the outputs of an executed notebook with its source by nbval's rules.

nbval itself executes the notebook that it checks, and a runbook must not deploy twice. So an
already executed notebook is compared with the committed outputs: with nbval's markers (comments
take precedence over tags), its sanitize file and the fields that it ignores, and with its own
functions where it has them.
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
NBVAL_MARKER = re.compile("nbval|pytest.validate|raises-exception", re.IGNORECASE)
"""What each of nbval's tags and comments contains. nbval imports pytest, which takes a second."""
# The fields that nbval ignores by default.
IGNORED_FIELDS = frozenset(
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
    """The differing outputs of a cell in its source and in the executed notebook."""

    expected: str
    actual: str


class OutputComparer:
    """Compares executed cells with their source cells after sanitizing both."""

    def __init__(self, patterns: Sequence[tuple[str, str]] = ()) -> None:
        self._patterns = patterns

    @classmethod
    def for_notebook(cls, notebook: Path) -> OutputComparer:
        """A comparer with the sanitize file in the folder of a notebook, if it exists.

        Raises:
            NotebookError: a pattern in the file is not a regular expression.
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
                    f"{file}: invalid regular expression `{regex}`: {error}"
                ) from None
        return cls(patterns)

    def compare(
        self, reference: Mapping[str, Any], executed: Mapping[str, Any]
    ) -> Difference | None:
        """Compare an executed code cell with its source cell.

        Returns:
            None if the outputs are equal, or if the source cell was never run (nbval's rule).

        Raises:
            NotebookError: the source cell has outputs but no execution count, so these may be the
                outputs of other code.
        """
        if reference.get("execution_count") is None:
            if reference.get("outputs"):
                raise NotebookError(
                    f"cell {reference.get('id')}: checked outputs without an execution count; "
                    "run the notebook and save it"
                )
            return None
        if list_plain_outputs(reference) == list_plain_outputs(executed):
            return None
        expected = self._field_values(reference["outputs"])
        actual = self._field_values(executed["outputs"])
        if expected == actual:
            return None
        return Difference(_differing_fields(expected, actual), _differing_fields(actual, expected))

    def _field_values(self, outputs: Iterable[Any]) -> dict[str, list[Any]]:
        """The values of each field; the order of outputs of different kinds does not matter."""
        from nbval.plugin import coalesce_streams, transform_streams_for_comparison

        merged = transform_streams_for_comparison(coalesce_streams(copy.deepcopy(list(outputs))))
        fields: dict[str, list[Any]] = {}
        for output in merged:
            flat = {key: value for key, value in output.items() if key != "data"}
            flat.update(output.get("data", {}))
            for key, value in flat.items():
                if key not in IGNORED_FIELDS:
                    fields.setdefault(key, []).append(self._sanitize(value))
        return fields

    def _sanitize(self, value: Any) -> Any:
        if isinstance(value, str):
            for regex, replacement in self._patterns:
                value = re.sub(regex, replacement, value)
        return value


@dataclass(frozen=True)
class Markers:
    """What the tags and comments of a code cell request.

    Attributes:
        check: compare its outputs with the source.
        skip: do not run it.
        raises: it must raise an exception.
    """

    check: bool
    skip: bool
    raises: bool


def markers(cell: Mapping[str, Any], tags: frozenset[str]) -> Markers:
    """Read the markers of a code cell: tags, then nbval's comments, which take precedence."""
    options = {"check": "check" in tags, "skip": "skip" in tags, "check_exception": False}
    if NBVAL_MARKER.search("\n".join([*tags, cell["source"]])):
        from nbval.plugin import find_comment_markers, find_metadata_tags  # it imports pytest

        options.update(find_metadata_tags({"tags": sorted(tags)}))
        options.update(find_comment_markers(cell["source"]))
    return Markers(options["check"], options["skip"], options["check_exception"])


def list_plain_outputs(cell: Mapping[str, Any]) -> list[Any]:
    """Outputs as plain values, with texts that are not split into lines."""
    return [
        {
            key: "".join(value) if isinstance(value, list) else value
            for key, value in output.items()
            if key not in ("metadata", "execution_count")
        }
        for output in cell["outputs"]
    ]


def _differing_fields(fields: Mapping[str, list[Any]], other: Mapping[str, list[Any]]) -> str:
    """The fields that differ from those of another output, as text."""
    lines = []
    for key, values in fields.items():
        if other.get(key) != values:
            lines += [f"{key}:" if key not in ("stdout", "text/plain") else "", *map(str, values)]
    return "\n".join(line for line in lines if line) or "(nothing)"
