"""Reads MLTable files: tables and lists of files, with what parallel jobs need.

An MLTable with a ``read_...`` transformation is a table; another one is a list of files. Columns
can come from the files' paths (``extract_columns_from_partition_format``). The reader uses pandas,
so dates stay text, where Azure's library recognizes them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from azureml_local.documents.scoring import TableFields

if TYPE_CHECKING:
    from typing import TypeAlias

PARTITION = "extract_columns_from_partition_format"
PATHS = ("file", "folder", "pattern")
READERS = ("read_delimited", "read_parquet", "read_json_lines")
OTHERS = (PARTITION, "drop_columns", "keep_columns")
ENCODINGS = {
    "utf8": "utf-8",
    "utf8bom": "utf-8-sig",
    "iso88591": "latin-1",
    "windows1252": "cp1252",
}
COMMON_OPTIONS = {"include_path_column": bool, "path_column": str}
OPTIONS: dict[str, dict[str, type]] = {
    "read_delimited": {
        **COMMON_OPTIONS,
        "delimiter": str,
        "empty_as_string": bool,
        "encoding": str,
        "header": str,
        "infer_column_types": bool,
        "partition_size": int,  # of Azure's reader; the rows are the same
        "support_multi_line": bool,
    },
    "read_parquet": COMMON_OPTIONS,
    "read_json_lines": {**COMMON_OPTIONS, "encoding": str},
}
"""The options of each reader that azureml-local supports."""
VALUES: dict[type, str] = {bool: "true or false", str: "a string", int: "an integer"}
Options: TypeAlias = "dict[str, bool | str | int]"
"""The options of a reader by name."""
HEADERS = ("all_files_same_headers", "from_first_file", "all_files_different_headers", "no_header")


class InvalidTable(Exception):
    """The MLTable is not valid, or has something that azureml-local does not support."""


@dataclass(frozen=True)
class Table:
    """The files of an MLTable, and how they are read.

    Attributes:
        files: their paths.
        reader: the transformation that reads them; empty for a list of files.
        options: of the reader.
        partitions: for each file, the values of the columns from its path.
        columns: the other transformations, in order: name and columns.
    """

    files: list[str]
    reader: str = ""
    options: Options = field(default_factory=dict)
    partitions: list[dict[str, str]] = field(default_factory=list)
    columns: list[tuple[str, list[str]]] = field(default_factory=list)

    @classmethod
    def parse(cls, folder: Path) -> Table:
        """Read the MLTable file of a folder.

        Raises:
            InvalidTable: it is missing or not valid.
        """
        import yaml

        file = folder / "MLTable"
        if not file.is_file():
            raise InvalidTable(f"{folder} has no file MLTable")
        try:
            content = yaml.safe_load(file.read_text(encoding="utf-8"))
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            message = str(error).replace("\n", " ")
            raise InvalidTable(f"MLTable is not valid YAML: {message}") from None
        if not isinstance(content, dict):
            raise InvalidTable(f"MLTable must be a mapping with paths (got {content!r})")
        paths, transformations = content.get("paths"), content.get("transformations")
        if not isinstance(paths, list) or not paths:
            raise InvalidTable(
                f"MLTable: paths must be a list of at least one path (got {paths!r})"
            )
        if not isinstance(transformations, (list, type(None))):
            raise InvalidTable(f"MLTable: transformations must be a list (got {transformations!r})")
        files = _find_files(folder, [_read_entry("paths", path) for path in paths])
        reader, partition_format = "", ""
        options: Options = {}
        columns: list[tuple[str, list[str]]] = []
        for each in transformations or []:
            entry = {each: None} if isinstance(each, str) else each
            name, value = _read_entry("transformations", entry)
            if name in READERS and not reader:
                reader, options = name, _check_options(name, {} if value is None else value)
            elif name == PARTITION:
                partition_format = _read_partition_format(value)
            elif name in OTHERS:
                columns.append((name, _read_columns(name, value)))
            else:
                raise InvalidTable(
                    f"MLTable: transformation {name} is not supported by azureml-local; use "
                    f"{', '.join((*READERS, *OTHERS))}"
                )
        values = [_partition_values(partition_format, file) for file in files]
        return cls(files, reader, options, values if partition_format else [], columns)

    def groups(self, keys: list[str]) -> list[tuple[dict[str, str], list[int]]]:
        """The numbers of the files with the same values of the keys, by these values.

        Raises:
            InvalidTable: a key is not in the partition format.
        """
        groups: dict[tuple[str, ...], list[int]] = {}
        for index in range(len(self.files)):
            values = self.partitions[index] if self.partitions else {}
            missing = [key for key in keys if key not in values]
            if missing:
                raise InvalidTable(
                    f"partition_keys: {', '.join(missing)} must be in the partition_format of "
                    f"{PARTITION} in MLTable"
                )
            groups.setdefault(tuple(values[key] for key in keys), []).append(index)
        return [(dict(zip(keys, values)), files) for values, files in groups.items()]

    def read(self, indexes: list[int]) -> Any:
        """Some of the files as one data frame.

        Raises:
            InvalidTable: a file cannot be read with the options, or does not have the columns.
        """
        import pandas as pd

        frames = []
        for index in indexes:
            path = Path(self.files[index])
            try:
                frame = self._read_file(path)
            except (ValueError, LookupError, OSError) as error:  # of pandas and pyarrow
                raise InvalidTable(f"MLTable: {path} cannot be read: {error}") from None
            for name, value in (self.partitions[index] if self.partitions else {}).items():
                frame[name] = value
            frames.append(frame)
        table = pd.concat(frames, ignore_index=True)
        for action, names in self.columns:
            if action == "drop_columns":
                table = table.drop(columns=names, errors="ignore")
            else:
                missing = [name for name in names if name not in table.columns]
                if missing:
                    raise InvalidTable(
                        f"MLTable: keep_columns: the files have no column {', '.join(missing)}"
                    )
                table = table[names]
        return table

    def _read_file(self, path: Path) -> Any:
        import pandas as pd

        if self.reader == "read_parquet":
            frame = pd.read_parquet(path)
        elif self.reader == "read_json_lines":
            frame = pd.read_json(path, lines=True, encoding=_encoding(self.options))
        else:
            frame = _read_delimited(path, self.options, Path(self.files[0]))
        if self.options.get("include_path_column"):
            frame.insert(0, self.options.get("path_column", "Path"), str(path))
        return frame

    def to_json(self) -> TableFields:
        """The table as arguments of the class, in JSON."""
        return {
            "files": self.files,
            "reader": self.reader,
            "options": self.options,
            "partitions": self.partitions,
            "columns": self.columns,
        }


def _read_entry(field: str, entry: Any) -> tuple[str, Any]:
    """The name and the value of an entry of a list in the MLTable.

    Raises:
        InvalidTable: it is not a mapping with one name.
    """
    if not isinstance(entry, dict) or len(entry) != 1:
        raise InvalidTable(f"MLTable: each of the {field} must have one name (got {entry!r})")
    name, value = next(iter(entry.items()))
    return str(name), value


def _read_partition_format(value: Any) -> str:
    """The partition format in the options of the transformation.

    Raises:
        InvalidTable: it is missing, or another option is there.
    """
    if not isinstance(value, dict) or set(value) != {"partition_format"}:
        raise InvalidTable(f"MLTable: {PARTITION} must have a partition_format (got {value!r})")
    partition_format = value["partition_format"]
    if not isinstance(partition_format, str) or not partition_format:
        raise InvalidTable(f"MLTable: partition_format must be a text (got {partition_format!r})")
    return partition_format


def _read_columns(transformation: str, value: Any) -> list[str]:
    """The columns of a transformation: one name, or a list of names.

    Raises:
        InvalidTable: it has other values.
    """
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not names or not all(isinstance(n, str) for n in names):
        raise InvalidTable(f"MLTable: {transformation} must be names of columns (got {value!r})")
    return names


def _check_options(reader: str, options: Any) -> Options:
    """The options of a reader.

    Raises:
        InvalidTable: one is unknown or has a value that azureml-local does not support.
    """
    if not isinstance(options, dict):
        raise InvalidTable(f"MLTable: {reader} must be a mapping of options (got {options!r})")
    supported = OPTIONS[reader]
    unknown = [str(name) for name in options if name not in supported]
    if unknown:
        raise InvalidTable(
            f"MLTable: {reader}: {', '.join(unknown)} is not supported by azureml-local; use "
            f"{', '.join(supported)}"
        )
    for name, value in options.items():
        kind = supported[name]
        if type(value) is not kind:
            raise InvalidTable(f"MLTable: {reader}: {name} must be {VALUES[kind]} (got {value!r})")
    header = options.get("header", HEADERS[0])
    if header not in HEADERS:
        raise InvalidTable(f"MLTable: header must be one of {', '.join(HEADERS)} (got {header})")
    return options


def _encoding(options: Options) -> str:
    """Python's name of the encoding."""
    encoding = str(options.get("encoding", "utf8"))
    return ENCODINGS.get(encoding, encoding)


def _read_delimited(path: Path, options: Options, first: Path) -> Any:
    """A file as a data frame.

    Args:
        path: the file.
        options: of the reader.
        first: the first file of the table, which can have the names of all columns.

    Raises:
        InvalidTable: it has other columns than the first file, or line breaks in fields.
    """
    import pandas as pd

    header = options.get("header", HEADERS[0])
    names_of_first = header == "from_first_file" and path != first
    separator, encoding = str(options.get("delimiter", ",")), _encoding(options)
    frame = pd.read_csv(
        path,
        sep=separator,
        encoding=encoding,
        header=None if header == "no_header" or names_of_first else 0,
        keep_default_na=not options.get("empty_as_string"),
        dtype=str if options.get("infer_column_types") is False else None,
    )
    if header == "no_header":
        frame.columns = pd.Index([f"Column{number}" for number in range(1, frame.shape[1] + 1)])
    if names_of_first:
        names = pd.read_csv(first, sep=separator, encoding=encoding, nrows=0).columns
        if len(names) != frame.shape[1]:
            raise InvalidTable(
                f"MLTable: {path} has {frame.shape[1]} columns, and the header of {first} has "
                f"{len(names)}"
            )
        frame.columns = names
    texts = (
        frame[name].dropna().astype(str) for name in frame.select_dtypes(exclude=["number", "bool"])
    )
    if not options.get("support_multi_line") and any(
        text.str.contains("\n", regex=False).any() for text in texts
    ):
        # Azure ends a row at each line break then; pandas does not.
        raise InvalidTable(
            f"MLTable: {path} has line breaks in fields; set support_multi_line: true in "
            "read_delimited"
        )
    return frame


def _find_files(folder: Path, paths: list[tuple[str, Any]]) -> list[str]:
    """The files of the paths, which are relative to the folder of the MLTable.

    Raises:
        InvalidTable: a path is not a local file, folder or pattern.
    """
    files: list[Path] = []
    for kind, value in paths:
        if kind not in PATHS or not isinstance(value, str) or not value:
            raise InvalidTable(
                f"MLTable: paths: use one of {', '.join(PATHS)} with a path (got {kind}: {value!r})"
            )
        if "://" in value or value.startswith("/"):
            raise InvalidTable(
                f"MLTable: {value} is not supported by azureml-local; use a path relative to the "
                "MLTable"
            )
        value = re.sub(r"^\./", "", value)
        if kind == "pattern":
            matches = sorted(path for path in folder.glob(value) if path.is_file())
        else:
            path = folder / value
            matches = sorted(path.rglob("*")) if path.is_dir() else [path]
            matches = [match for match in matches if match.is_file()]
        if not matches:
            raise InvalidTable(f"MLTable: no file at {value}")
        files += matches
    return [str(file) for file in files if file.name != "MLTable"]


def _partition_values(partition_format: str, file: str) -> dict[str, str]:
    """The values of a path by the names in the format, which matches the end of the path.

    Raises:
        InvalidTable: the path does not match, or a name has a format for dates.
    """
    if not partition_format:
        return {}
    parts = re.split(r"\{([^{}]+)\}", partition_format.lstrip("/"))
    dated = [name for name in parts[1::2] if not name.isidentifier()]
    if dated:
        raise InvalidTable(f"MLTable: {{{dated[0]}}} in partition_format is not supported")
    if len(set(parts[1::2])) < len(parts[1::2]):
        raise InvalidTable(f"MLTable: a name is twice in partition_format {partition_format}")
    pattern = "".join(
        f"(?P<{part}>[^/]+?)" if number % 2 else re.escape(part)
        for number, part in enumerate(parts)
    )
    match = re.search(f"(?:^|/){pattern}$", Path(file).as_posix())
    if match is None:
        raise InvalidTable(f"MLTable: {file} does not match partition_format {partition_format}")
    return match.groupdict()
