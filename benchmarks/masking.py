"""Mask the executed notebooks in a folder and print what was masked, to count false positives.

    python benchmarks/masking.py FOLDER [--limit PLACES] [--json FILE]

The folder has notebooks without secrets, for example those of public repositories. Each masked
place is printed with the text before it, and only its first characters, because it may be a real
secret. Exit code 1: more places than ``--limit``.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from nbrelease.secrets import NAMED_SECRET, find, is_named_secret, mask

SHOWN = 12
CONTEXT = 50


@dataclass(frozen=True)
class Place:
    """A masked place.

    Attributes:
        notebook: the path in the folder.
        kind: the kind of secret.
        before: the text in front of it, or the key of its value.
        start: its first characters.
    """

    notebook: str
    kind: str
    before: str
    start: str


def places(notebook: str, value: Any) -> Iterator[Place]:
    """The places that are masked in the texts and named values of a JSON value, to print them."""
    if isinstance(value, list) and value and all(isinstance(item, str) for item in value):
        value = "".join(value)
    if isinstance(value, str):
        for match in find(value):
            before = value[max(0, match.start - CONTEXT) : match.start]
            yield Place(notebook, match.kind, before, value[match.start : match.end][:SHOWN])
    elif isinstance(value, list):
        for item in value:
            yield from places(notebook, item)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key.startswith("image/"):
                continue
            if isinstance(item, str) and is_named_secret(key, item):
                yield Place(notebook, NAMED_SECRET, key, item[:SHOWN])
            else:
                yield from places(notebook, item)


def is_executed(notebook: Any) -> bool:
    """Whether three cells or more have outputs."""
    return sum(bool(cell.get("outputs")) for cell in notebook.get("cells", [])) > 2


def main() -> int:
    """Measure, print, and return 1 when the limit is exceeded."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--limit", type=int, help="the largest number of places")
    parser.add_argument("--json", type=Path, help="write the places as JSON")
    options = parser.parse_args()
    shown: list[Place] = []
    masked, count, unreadable, start = 0, 0, 0, time.process_time()
    for path in sorted(options.folder.rglob("*.ipynb")):
        try:
            notebook = json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            unreadable += 1
            continue
        if is_executed(notebook):
            count += 1
            masked += mask(notebook)[1].total()
            shown += places(path.relative_to(options.folder).as_posix(), notebook)
    seconds = time.process_time() - start
    for place in shown:
        print(f"{place.notebook}: {place.kind}: {place.before!r} {place.start!r}")
    notebooks = len({place.notebook for place in shown})
    print(
        f"{count} executed notebooks, {unreadable} unreadable: {masked} masked places, "
        f"{len(shown)} of them shown, in {notebooks} notebooks, {seconds:.1f} s CPU"
    )
    if options.json:
        text = json.dumps([asdict(place) for place in shown], indent=1, ensure_ascii=False)
        options.json.write_text(text + "\n", encoding="utf-8")
    return 1 if options.limit is not None and masked > options.limit else 0


if __name__ == "__main__":
    sys.exit(main())
