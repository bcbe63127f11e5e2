"""Reads MLTable files: tables and lists of files, with what parallel jobs need.

An MLTable with a ``read_...`` transformation is a table; another one is a list of files. Columns
can come from the files' paths (``extract_columns_from_partition_format``). The reader uses pandas,
so dates stay text, where Azure's library recognizes them.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

PARTITION = "extract_columns_from_partition_format"
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
    options: dict[str, Any] = field(default_factory=dict)
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
        except yaml.YAMLError as error:
            message = str(error).replace("\n", " ")
            raise InvalidTable(f"MLTable is not valid YAML: {message}") from None
        if not isinstance(content, dict):
            raise InvalidTable("MLTable must be a mapping with paths")
        files = _find_files(folder, content.get("paths") or [])
        reader, partition_format = "", ""
        options: dict[str, Any] = {}
        columns: list[tuple[str, list[str]]] = []
        for each in content.get("transformations") or []:
            name, value = (each, {}) if isinstance(each, str) else next(iter(each.items()))
            if name in READERS and not reader:
                reader, options = name, _check_options(name, value or {})
            elif name == PARTITION:
                partition_format = value["partition_format"]
            elif name in OTHERS:
                columns.append((name, [value] if isinstance(value, str) else list(value)))
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
        return [(dict(zip(keys, values, strict=True)), files) for values, files in groups.items()]

    def read(self, indexes: list[int]) -> Any:
        """Some of the files as one data frame.

        Raises:
            InvalidTable: a file does not have the columns or the lines that the options say.
        """
        import pandas as pd

        frames = []
        for index in indexes:
            frame = self._read_file(Path(self.files[index]))
            for name, value in (self.partitions[index] if self.partitions else {}).items():
                frame[name] = value
            frames.append(frame)
        table = pd.concat(frames, ignore_index=True)
        for action, names in self.columns:
            if action == "drop_columns":
                table = table.drop(columns=names, errors="ignore")
            else:
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

    def to_json(self) -> dict[str, Any]:
        """The table as arguments of the class, in JSON."""
        return asdict(self)


def _check_options(reader: str, options: Any) -> dict[str, Any]:
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


def _encoding(options: dict[str, Any]) -> str:
    """Python's name of the encoding."""
    encoding: str = options.get("encoding", "utf8")
    return ENCODINGS.get(encoding, encoding)


def _read_delimited(path: Path, options: dict[str, Any], first: Path) -> Any:
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
    separator, encoding = options.get("delimiter", ","), _encoding(options)
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


def _find_files(folder: Path, paths: list[dict[str, str]]) -> list[str]:
    """The files of the paths, which are relative to the folder of the MLTable.

    Raises:
        InvalidTable: a path is not a local file, folder or pattern.
    """
    files: list[Path] = []
    for each in paths:
        kind, value = next(iter(each.items()))
        if "://" in value:
            raise InvalidTable(f"MLTable: {value} is not supported by azureml-local; use a path")
        value = value.removeprefix("./")
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
    pattern = "".join(
        f"(?P<{part}>[^/]+?)" if number % 2 else re.escape(part)
        for number, part in enumerate(parts)
    )
    match = re.search(f"(?:^|/){pattern}$", Path(file).as_posix())
    if match is None:
        raise InvalidTable(f"MLTable: {file} does not match partition_format {partition_format}")
    return match.groupdict()
