"""Copy the lines that a data collector kept of a time to this job's output."""

from __future__ import annotations

import argparse
import shutil
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path


def hours(since: datetime, until: datetime) -> set[str]:
    """The collector's folders of a time: yyyy/MM/dd/HH, in UTC."""
    hour = since.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    found = set()
    while hour < until:
        found.add(hour.strftime("%Y/%m/%d/%H"))
        hour += timedelta(hours=1)
    return found


def main() -> None:
    """Copy what lies in the folders of these hours; the reader looks at each line's own time."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--collected", type=Path, required=True)
    parser.add_argument("--since", type=datetime.fromisoformat, required=True)
    parser.add_argument("--until", type=datetime.fromisoformat, required=True)
    parser.add_argument("--rows", type=Path, required=True)
    given = parser.parse_args()
    wanted = hours(given.since, given.until)
    copied = 0
    for file in sorted(given.collected.rglob("*.jsonl")):
        inside = file.relative_to(given.collected)
        if "/".join(inside.parts[-5:-1]) in wanted:
            target = given.rows / inside
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)
            copied += 1
    sys.stdout.write(f"{copied} files of {len(wanted)} hours\n")


if __name__ == "__main__":
    main()
