"""The specification that a job writes for the process of a batch or parallel job."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from typing import TypeAlias


class TableFields(TypedDict):
    """An MLTable in the specification; see :class:`azureml_local.batch.mltable.Table`."""

    files: list[str]
    reader: str
    options: dict[str, bool | str | int]
    partitions: list[dict[str, str]]
    columns: list[tuple[str, list[str]]]


class ScoringSpec(TypedDict, total=False):
    """What is scored, by which code, and how failures are counted."""

    input: str
    output: str
    mini_batch_size: int
    processes: int
    error_threshold: int
    max_retries: int
    seconds: float
    """The timeout of a mini-batch."""
    append_row: bool
    environment: dict[str, str]
    python: str
    """The interpreter of the workers; this one by default."""
    model: str
    code: str
    script: str
    """The scoring script of a batch deployment."""
    # Parallel jobs.
    entry_script: str
    arguments: list[str]
    logging_level: str
    is_mltable: bool
    table: TableFields
    items: str
    """The noun for the items of a mini-batch: files or rows."""
    partition_keys: tuple[str, ...]
    mini_batch_error_threshold: int
    allowed_failed_percent: int
    end_seconds: float
    """How long a worker may take to end."""


class ParallelBatch(TypedDict, total=False):
    """A mini-batch of a parallel job: files, or rows of a table."""

    index: int
    files: list[str]
    tables: list[int]
    """The numbers of the table's files."""
    rows: tuple[int, int]
    """The first row and the end; all rows without it."""
    partition: dict[str, str]
    """The values of the partition keys."""


BatchContent: TypeAlias = "list[str] | ParallelBatch"
"""The content of a mini-batch: the files of a batch deployment, or those of a parallel job."""
