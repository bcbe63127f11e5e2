"""The process of a parallel job: ``python -m azureml_local.batch.parallel_driver SPEC``.

It divides the input into mini-batches: by number of files, by bytes of a table, or by partition
keys. Workers score them as those of batch deployments do.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from azureml_local.batch.driver import MiniBatch, divide_files, list_files, score_batches
from azureml_local.batch.mltable import InvalidTable, Table
from azureml_local.documents.scoring import ParallelBatch, ScoringSpec

FILES, BYTES = 10, 2**20
"""The default sizes of mini-batches of files and of tables."""


def main(argv: list[str]) -> int:
    """Run the mini-batches of the specification; returns the exit code."""
    spec: ScoringSpec = json.loads(Path(argv[1]).read_text(encoding="utf-8"))
    try:
        batches = divide(spec)
    except InvalidTable as error:
        print(error, flush=True)
        return 1
    if not batches:
        print("nothing to process: the input has no files or rows", flush=True)
        return 1
    return score_batches(spec, batches)


def divide(spec: ScoringSpec) -> list[MiniBatch]:
    """The mini-batches of the input; the specification gets the table for the workers.

    Raises:
        InvalidTable: the input cannot be divided in this way.
    """
    keys, size = list(spec["partition_keys"]), spec["mini_batch_size"]
    table = Table(list_files(Path(spec["input"]), any_suffix=True))
    if spec["is_mltable"]:
        table = Table.parse(Path(spec["input"]))
    if table.reader:
        spec |= {"table": table.to_json(), "items": "rows"}
        contents = _by_keys(table, keys) if keys else _by_bytes(table, size or BYTES)
    elif keys:
        contents = _by_keys(table, keys)
    else:
        groups = divide_files(table.files, size or FILES)
        contents = [({"files": group}, len(group)) for group in groups]
    return [MiniBatch({"index": i, **each}, count) for i, (each, count) in enumerate(contents)]


def _by_keys(table: Table, keys: list[str]) -> list[tuple[ParallelBatch, int]]:
    contents = []
    for values, indexes in table.groups(keys):
        content: ParallelBatch = {"partition": values}
        if table.reader:
            count = len(table.read(indexes))
            content["tables"] = indexes
        else:
            count = len(indexes)
            content["files"] = [table.files[index] for index in indexes]
        contents.append((content, count))
    return contents


def _by_bytes(table: Table, size: int) -> list[tuple[ParallelBatch, int]]:
    """Mini-batches of about ``size`` bytes, by the average size of a row."""
    indexes = list(range(len(table.files)))
    count = len(table.read(indexes)) if indexes else 0
    total = sum(Path(file).stat().st_size for file in table.files)
    step = max(1, count * size // max(1, total))
    starts = range(0, count, step)
    ranges = [(start, min(start + step, count)) for start in starts]
    return [({"tables": indexes, "rows": each}, each[1] - each[0]) for each in ranges]


if __name__ == "__main__":
    sys.exit(main(sys.argv))
