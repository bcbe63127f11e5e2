"""Read tables: a CSV or Parquet file, or a folder of files of one of the two kinds.

Types are kept. A column that is read as text keeps ``01234`` and ``NA`` as they are, and only its
empty fields are missing. Floating-point numbers are read exactly as they were written.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbrelease.errors import DataError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

SUFFIXES = (".csv", ".parquet")
MISSING = (
    "", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN",
    "<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null",
)  # fmt: skip
"""What is missing in columns that are not read as text: as ``pandas.read_csv`` has it."""
INDEX = re.compile(r"__index_level_\d+__")
"""A column in which pandas stores an index without a name; it is no data."""
OTHER_SEPARATORS = {";": "a semicolon", "\t": "a tab", "|": "a vertical bar"}
BLOCK_BYTES = 16 * 2**20
BATCH_ROWS = 200_000
CONVERSION_ERROR = re.compile(
    r"In CSV column #(?P<column>\d+): .*conversion error to (?P<type>\w+).*?"
    r"(invalid value '(?P<value>.*)'|invalid UTF8 data|$)"
)


def find_files(path: Path) -> list[Path]:
    """The files of a table, in the order of their names; hidden files are left out.

    Raises:
        DataError: there is no such file or folder, or a folder with no files, with files of both
            kinds, or with one that is neither.
    """
    if path.is_file():
        if path.suffix.lower() not in SUFFIXES:
            raise DataError(f"{path}: not a CSV or Parquet file: name it .csv or .parquet")
        return [path]
    if not path.is_dir():
        raise DataError(f"{path}: no such file or folder")
    visible = [
        each
        for each in sorted(path.rglob("*"))
        if each.is_file()
        and not any(part.startswith((".", "_")) for part in each.relative_to(path).parts)
    ]
    suffixes = {each.suffix.lower() for each in visible}
    if not suffixes:
        raise DataError(f"{path}: the folder has no CSV or Parquet files")
    if len(suffixes) > 1 or not suffixes <= set(SUFFIXES):
        names = ", ".join(sorted(suffix or "without a suffix" for suffix in suffixes))
        raise DataError(
            f"{path}: the files of a folder have to be all CSV or all Parquet (found {names})"
        )
    return visible


@dataclass
class BatchReader:
    """Reads a table in batches, so that its rows are never in memory all at once.

    ``types`` are the types of the columns after all batches. ``ragged_rows`` are the CSV rows,
    ``<file>:<row>`` with the header as row 1, whose number of fields is not that of the header;
    they are in no batch.
    """

    path: Path
    columns_as_text: Collection[str] = ()
    types: dict[str, pa.DataType] = field(default_factory=dict)
    ragged_rows: list[str] = field(default_factory=list)

    def read(self) -> Iterator[pd.DataFrame]:
        """The batches; columns of texts are pandas categoricals.

        Raises:
            DataError: a file cannot be read, or files have different columns.
            RetypeError: a later batch has values of another type than the first: start again.
        """
        files = find_files(self.path)
        self.ragged_rows = []
        for file in files:
            batches = self._read_parquet(file) if _is_parquet(file) else self._read_csv(file)
            for batch in batches:
                known = self.types or {each.name: each.type for each in batch.schema}
                _require_same_columns(file, batch.schema.names, files[0], list(known))
                self.types = known
                yield self._to_pandas(batch, is_parquet=_is_parquet(file))

    def _read_parquet(self, file: Path) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa
        from pyarrow import parquet

        try:
            content = parquet.ParquetFile(file)
            _require_unique(file, content.schema_arrow.names)
            for batch in content.iter_batches(BATCH_ROWS):
                columns = zip(batch.schema.names, batch.columns, strict=True)
                yield pa.RecordBatch.from_pydict(
                    {name: _simplify(each) for name, each in columns if not INDEX.fullmatch(name)}
                )
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            raise DataError(f"{file}: {_first_line(error)}") from None

    def _read_csv(self, file: Path) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa
        from pyarrow import csv as arrow_csv

        def note_ragged(row: Any) -> str:
            self.ragged_rows.append(f"{file.name}:{row.number}")
            return "skip"

        types = self.types | {name: pa.string() for name in self.columns_as_text}
        _check_header(file)
        try:
            reader = arrow_csv.open_csv(
                file,
                # Rows are numbered only when a single thread reads them.
                read_options=arrow_csv.ReadOptions(block_size=BLOCK_BYTES, use_threads=False),
                parse_options=arrow_csv.ParseOptions(
                    newlines_in_values=True, invalid_row_handler=note_ragged
                ),
                convert_options=arrow_csv.ConvertOptions(
                    column_types=types, null_values=list(MISSING), strings_can_be_null=False
                ),
            )
            if any(pa.types.is_binary(kind) for kind in reader.schema.types):
                raise _not_utf8(file)
            yield from reader
        except pa.ArrowInvalid as error:
            message = _first_line(error)
            if "invalid UTF8 data" in message:
                raise _not_utf8(file) from None
            if "Empty CSV file" in message:
                raise DataError(f"{file}: the file has no rows") from None
            if (failed := CONVERSION_ERROR.search(message)) is None or failed["type"] == "string":
                raise DataError(f"{file}: {message}") from None
            name = _read_header(file)[int(failed["column"])]
            self.types[name] = _find_wider_type(failed["type"], failed["value"])
            raise RetypeError(name) from None

    def _to_pandas(self, batch: pa.RecordBatch, *, is_parquet: bool) -> pd.DataFrame:
        import pandas as pd
        import pyarrow as pa

        nullable = {
            pa.bool_(): pd.BooleanDtype(), pa.int8(): pd.Int8Dtype(), pa.int16(): pd.Int16Dtype(),
            pa.int32(): pd.Int32Dtype(), pa.int64(): pd.Int64Dtype(), pa.uint8(): pd.UInt8Dtype(),
            pa.uint16(): pd.UInt16Dtype(), pa.uint32(): pd.UInt32Dtype(),
            pa.uint64(): pd.UInt64Dtype(),
        }  # fmt: skip
        arrays = {
            name: self._encode_texts(name, column, is_parquet=is_parquet)
            for name, column in zip(batch.schema.names, batch.columns, strict=True)
        }
        frame: pd.DataFrame = pa.table(arrays).to_pandas(
            date_as_object=False, types_mapper=nullable.get, split_blocks=True
        )
        return frame

    def _encode_texts(self, name: str, column: pa.Array, *, is_parquet: bool) -> pa.Array:
        """A column of texts as a dictionary, without those that are missing; others unchanged."""
        import pyarrow as pa
        from pyarrow import compute

        if not (pa.types.is_string(column.type) or pa.types.is_large_string(column.type)):
            return column
        encoded = column.dictionary_encode()
        if is_parquet:  # what is missing is null
            return encoded
        missing = pa.array(("",) if name in self.columns_as_text else MISSING, column.type)
        if not compute.any(compute.is_in(encoded.dictionary, missing)).as_py():
            return encoded
        present = compute.if_else(
            compute.is_in(column, missing), pa.scalar(None, column.type), column
        )
        return present.dictionary_encode()


class RetypeError(Exception):
    """A later batch has values of another type than the first: read again from the start."""


def _require_same_columns(file: Path, names: list[str], first: Path, known: list[str]) -> None:
    if different := sorted(set(names) ^ set(known)):
        raise DataError(f"{file}: not the columns of {first.name}: {', '.join(different)}")


def _require_unique(file: Path, names: list[str]) -> None:
    if repeated := sorted({name or '""' for name in names if names.count(name) > 1}):
        raise DataError(
            f"{file}: more than one column has the name {', '.join(repeated)}; rename them"
        )


def _check_header(file: Path) -> None:
    """Refuse a CSV file that would be read with other columns than its author meant."""
    try:
        names = _read_header(file)
    except UnicodeDecodeError:
        raise _not_utf8(file) from None
    except csv.Error as error:
        raise DataError(f"{file}: {error}") from None
    if any("\0" in name for name in names):  # UTF-16 without a byte order mark
        raise _not_utf8(file)
    if len(names) == 1:
        for separator, name in OTHER_SEPARATORS.items():
            if separator in names[0]:
                raise DataError(f"{file}: the columns are separated by {name}; save it with commas")
    _require_unique(file, names)


def _read_header(file: Path) -> list[str]:
    with file.open(newline="", encoding="utf-8-sig") as lines:
        return next((row for row in csv.reader(lines) if row), [])  # Arrow skips empty lines too


def _not_utf8(file: Path) -> DataError:
    return DataError(f"{file}: the text is not in UTF-8; save it as UTF-8")


def _simplify(column: pa.Array) -> pa.Array:
    """A column of Parquet as one of the types that pandas and NumPy have.

    Categories become their values, and times with a zone those in UTC. Values of other types, such
    as a time of day, a period or a list, become texts.
    """
    import pandas as pd
    import pyarrow as pa

    kind = column.type
    if pa.types.is_dictionary(kind):
        return _simplify(column.dictionary_decode())
    if pa.types.is_timestamp(kind):
        return column.cast(pa.timestamp(kind.unit))
    if pa.types.is_time(kind) or pa.types.is_nested(kind):
        return pa.array([None if each is None else str(each) for each in column.to_pylist()])
    if isinstance(kind, pa.BaseExtensionType) or pa.types.is_interval(kind):
        values = column.to_pandas()
        return pa.array([None if pd.isna(each) else str(each) for each in values], pa.string())
    return column


def _find_wider_type(narrow: str, value: str) -> pa.DataType:
    """The type that a column needs for a value that its present type cannot hold."""
    import pyarrow as pa

    if narrow in ("null", "int64"):
        for parse, wider in ((int, pa.int64()), (float, pa.float64())):
            try:
                parse(value)
            except ValueError:
                continue
            if str(wider) != narrow:
                return wider
    return pa.string()


def _is_parquet(file: Path) -> bool:
    return file.suffix.lower() == ".parquet"


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
