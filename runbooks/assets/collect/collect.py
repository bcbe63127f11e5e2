"""Copy what a data collector stored in a period to this job's output."""

from __future__ import annotations

import argparse
import shutil
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path


def list_hours(since: datetime, until: datetime) -> set[str]:
    """The data collector's folders of a period: yyyy/MM/dd/HH, in UTC."""
    hour = since.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    hours = set()
    while hour < until:
        hours.add(hour.strftime("%Y/%m/%d/%H"))
        hour += timedelta(hours=1)
    return hours


def main() -> None:
    """Copy the folders of these hours; the reader checks the time of each line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--collected", type=Path, required=True)
    parser.add_argument("--since", type=datetime.fromisoformat, required=True)
    parser.add_argument("--until", type=datetime.fromisoformat, required=True)
    parser.add_argument("--rows", type=Path, required=True)
    options = parser.parse_args()
    hours = list_hours(options.since, options.until)
    copied = 0
    for file in sorted(options.collected.rglob("*.jsonl")):
        path = file.relative_to(options.collected)
        if "/".join(path.parts[-5:-1]) in hours:
            target = options.rows / path
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)
            copied += 1
    sys.stdout.write(f"copied {copied} files of {len(hours)} hours\n")


if __name__ == "__main__":
    main()
