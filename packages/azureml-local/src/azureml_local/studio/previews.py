"""Previews of data: the first rows of a table, the start of a text, an image, or a list of files.

What is read is bounded in bytes. pyarrow is imported only for a Parquet file.
"""

from __future__ import annotations

import codecs
import csv
import io
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

MAX_ROWS, MAX_COLUMNS, MAX_CELL = 50, 40, 200
READ_BYTES = 256_000
"""How much of a text or table is read."""
TEXT_LINES = 200
IMAGE_BYTES = 5_000_000
ROW_GROUP_BYTES = 64_000_000
"""pyarrow reads the first rows of a larger row group with too much memory."""
MAX_FILES = 200
IMAGES = (".png", ".jpg", ".jpeg", ".gif")
JSON_LINES = (".jsonl", ".ndjson")
DELIMITERS = ",;\t|"
MLTABLE = "MLTable"

File = tuple[str, int]
"""A path, and the size in bytes."""


class Unreadable(Exception):
    """The data has no preview; the message says why."""


@dataclass(frozen=True)
class Preview:
    """A preview; parts that the data does not have are empty.

    Attributes:
        columns: the names of the columns of a table.
        rows: its first rows.
        text: the start of a text.
        image: whether it is an image that a browser can show.
        files: the files in the folder.
        note: what is left out, or why there is no preview.
    """

    columns: list[str] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)
    text: str = ""
    image: bool = False
    files: list[File] = field(default_factory=list)
    note: str = ""


def preview_data(path: Path) -> Preview:
    """The preview of a file, of a folder, or of the folder of an MLTable."""
    try:
        if path.is_dir():
            files = list_files(path)
            note = f"the first {MAX_FILES} files" if len(files) > MAX_FILES else ""
            return Preview(
                text=_text(path / MLTABLE)[0] if (path / MLTABLE).is_file() else "",
                files=files[:MAX_FILES],
                note=note or ("" if files else "the folder has no files"),
            )
        if not path.is_file():
            raise Unreadable("there is no file at its address")
        return _preview_file(path)
    except (Unreadable, OSError, csv.Error) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        return Preview(note=f"No preview: {reason}.")


def list_files(folder: Path) -> list[File]:
    """The files in a folder and its subfolders with their sizes, by name; some more than 200."""
    entries = []
    for path in folder.rglob("*"):
        if path.is_file() and not path.name.startswith("."):
            entries.append((path.relative_to(folder).as_posix(), path.stat().st_size))
        if len(entries) > MAX_FILES:
            break
    return sorted(entries)


def _preview_file(path: Path) -> Preview:
    ending = path.suffix.lower()
    if ending in IMAGES:
        if path.stat().st_size > IMAGE_BYTES:
            raise Unreadable(f"the image has more than {IMAGE_BYTES // 1_000_000} MB")
        return Preview(image=True)
    if ending == ".parquet":
        return _parquet(path)
    text, complete = _text(path)
    if ending in (".csv", ".tsv"):
        return _delimited(text, complete, "\t" if ending == ".tsv" else "")
    if ending in JSON_LINES:
        return _json_lines(text, complete)
    lines = text.splitlines()
    cut = not complete or len(lines) > TEXT_LINES
    return Preview(
        text="\n".join(lines[:TEXT_LINES]),
        note="the start of the file" if cut else "" if text else "the file is empty",
    )


def _text(path: Path) -> tuple[str, bool]:
    """The complete lines at the start of a text file, and whether this is all of it.

    Raises:
        Unreadable: it is not a text in UTF-8.
    """
    with path.open("rb") as file:
        content = file.read(READ_BYTES)
        complete = not file.read(1)
    try:
        text = codecs.getincrementaldecoder("utf-8-sig")().decode(content, final=complete)
    except UnicodeDecodeError:
        raise Unreadable(
            "it is neither text in UTF-8 nor a table or image of a known kind"
        ) from None
    if "\0" in text:
        raise Unreadable("it is neither text nor a table or image of a known kind")
    if not complete and "\n" in text:
        text = text[: text.rindex("\n") + 1]
    return text, complete


def _table(columns: list[str], rows: list[list[str]], *, more: bool) -> Preview:
    """A table with at most 50 rows and 40 columns; ``more``: further rows were not read."""
    parts = []
    if more or len(rows) > MAX_ROWS:
        parts.append(f"the first {min(len(rows), MAX_ROWS)} rows")
    if len(columns) > MAX_COLUMNS:
        parts.append(f"the first {MAX_COLUMNS} of {len(columns)} columns")
    return Preview(
        [_cut(each) for each in columns[:MAX_COLUMNS]],
        [[_cut(each) for each in row[:MAX_COLUMNS]] for row in rows[:MAX_ROWS]],
        note=", ".join(parts) or ("" if rows else "the table has no rows"),
    )


def _cut(value: object) -> str:
    text = "" if value is None else str(value)
    return text if len(text) <= MAX_CELL else f"{text[:MAX_CELL]}\N{HORIZONTAL ELLIPSIS}"


def _delimited(text: str, complete: bool, delimiter: str) -> Preview:
    first = text.split("\n", 1)[0]
    delimiter = delimiter or max(DELIMITERS, key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    rows = list(islice((row for row in reader if row), MAX_ROWS + 2))
    if not rows:
        raise Unreadable("the file is empty")
    if all(_is_number(cell) for cell in rows[0]):
        columns = [str(number) for number in range(1, len(rows[0]) + 1)]
    else:
        columns = rows.pop(0)
    width = max(len(columns), *(len(row) for row in rows), 0)
    columns = columns + [""] * (width - len(columns))
    columns = [name or str(position) for position, name in enumerate(columns, start=1)]
    rows = [row + [""] * (width - len(row)) for row in rows]
    return _table(columns, rows, more=not complete)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _json_lines(text: str, complete: bool) -> Preview:
    records: list[dict[str, object]] = []
    lines = [line for line in text.splitlines() if line.strip()]
    for number, line in enumerate(lines[: MAX_ROWS + 1], start=1):
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            raise Unreadable(f"line {number} is not valid JSON") from None
        records.append(value if isinstance(value, dict) else {"value": value})
    columns = list(dict.fromkeys(key for record in records for key in record))
    rows = [[_json_cell(record.get(key)) for key in columns] for record in records]
    if not rows:
        raise Unreadable("the file is empty")
    return _table(columns, rows, more=not complete)


def _json_cell(value: object) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, ensure_ascii=False)


def _parquet(path: Path) -> Preview:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as file:
            names = list(file.schema_arrow.names)
            count = file.metadata.num_rows
            groups = file.metadata.num_row_groups
            if groups and file.metadata.row_group(0).total_byte_size > ROW_GROUP_BYTES:
                raise Unreadable("its first row group is too large")
            batches: Iterable[pa.RecordBatch] = file.iter_batches(
                batch_size=MAX_ROWS, row_groups=[0] if groups else [], columns=names[:MAX_COLUMNS]
            )
            values = [batch.to_pydict() for batch in islice(batches, 1)]
    except (pa.ArrowException, ValueError) as error:
        line = " ".join(str(error).split())
        raise Unreadable(f"it is not a valid Parquet file ({_cut(line)})") from None
    columns = values[0] if values else {}
    rows = [[_cut(each) for each in row] for row in zip(*columns.values(), strict=True)]
    return _table(names, rows, more=count > len(rows))
