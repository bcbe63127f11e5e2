"""The catalog of the examples, the outcomes of a run, and the table that is printed."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Self

REFUSED = re.compile(r"NotSupportedLocally|not supported by the local az")
"""The code of azureml-local's 501, and the message of its az."""
MISSING = re.compile(
    r"No module named '?[\w.]+|\w+: command not found|--map \S+=FILE|cannot import name '\w+'"
    r"|No matching distribution found for \S+"
    r"|needs \w+, which is not installed|does not exist \(https?://\S+\)"
    r"|Name or service not known|name resolution|No address associated|CUDA\w* not|URLError"
)
"""What a log says if a package, a program, a GPU or the network is missing."""
ERROR = re.compile(r"^(?:ERROR: \S|\x1b?\S*\w*(?:Error|Exception)\b).*|^\S*\(x\).*", re.MULTILINE)
STYLE = re.compile(r"\x1b\[[\d;]*m")
SUCCESSES = ("passed", "accepted")
COLUMNS = ("passed", "accepted", "refused", "missing", "failed", "not run")


@dataclass(frozen=True)
class Outcome:
    """The outcome of an example, with its reason.

    Attributes:
        example: the path below the checkout.
        result: passed; accepted (a job whose command cannot run here); refused (by name); missing
            (it needs a package, a program, a GPU or the network); or failed.
        reason: the error, or what is missing.
        log: the output of the example.
    """

    example: str
    result: str
    reason: str = ""
    log: str = field(default="", repr=False)

    @property
    def kind(self) -> str:
        """Files or notebooks."""
        return "notebooks" if self.example.endswith(".ipynb") else "files"


@dataclass(frozen=True)
class Catalog:
    """What is known about the examples: `examples.json`.

    Attributes:
        floors: the number of files and notebooks that must succeed.
        excluded: why files and notebooks cannot run on one machine, by path or folder.
        needs: a pattern in the log and what is missing then, by path or folder.
        kinds: the group of `az ml` for YAML files without a schema.
        before: commands that an example's script runs before, by file or folder.
        strict: notebooks that create workspaces, which need a server of their own.
        isolated: notebooks whose jobs need the Python of their conda files, which must be on the
            PATH. They have a server of their own.
        options: options of `az ml ... create` by file, as in the example's script.
    """

    floors: dict[str, int]
    excluded: dict[str, str]
    needs: dict[str, tuple[str, str]]
    kinds: dict[str, str]
    before: dict[str, list[str]]
    options: dict[str, str]
    strict: list[str]
    isolated: list[str]

    @classmethod
    def read(cls, file: Path) -> Self:
        """Read the JSON file."""
        values = json.loads(file.read_text(encoding="utf-8"))
        values["needs"] = {path: tuple(need) for path, need in values["needs"].items()}
        return cls(**values)

    def is_excluded(self, path: str) -> bool:
        """Whether the path or one of its folders is excluded."""
        return any(str(each) in self.excluded for each in (path, *Path(path).parents))

    def judge(self, example: str, log: str, lacks: str) -> Outcome:
        """The outcome of an example that did not succeed.

        Args:
            example: its path.
            log: its output.
            lacks: the result if something is missing: accepted or missing.
        """
        log = STYLE.sub("", log)
        if REFUSED.search(log):
            return Outcome(example, "refused", _first_error(log), log)
        for place in (example, *map(str, Path(example).parents)):
            pattern, meaning = self.needs.get(place, ("", ""))
            if pattern and re.search(pattern, log):
                return Outcome(example, lacks, meaning, log)
        if missing := MISSING.search(log):
            return Outcome(example, lacks, missing[0], log)
        return Outcome(example, "failed", _first_error(log), log)


def _first_error(log: str) -> str:
    errors = [match[0] for match in ERROR.finditer(log)] or log.strip().splitlines() or [""]
    named = next((error for error in errors if REFUSED.search(error)), errors[-1])
    return " ".join(named.split())[:240]


def write(file: Path, outcome: Outcome) -> None:
    """Add an outcome to those of earlier runs, without its log."""
    lines = {each.example: each for each in read(file)}
    lines[outcome.example] = replace(outcome, log="")
    text = "".join(json.dumps(asdict(lines[path])) + "\n" for path in sorted(lines))
    file.write_text(text, encoding="utf-8")


def read(file: Path) -> list[Outcome]:
    """The outcomes of earlier runs."""
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    return [Outcome(**json.loads(line)) for line in lines]


def table(outcomes: list[Outcome], total: Counter[str]) -> str:
    """The counts of files and notebooks as text, and a line for each that did not pass."""
    lines = ["".ljust(12) + "".join(name.rjust(10) for name in COLUMNS)]
    for kind in ("files", "notebooks"):
        counts = Counter(each.result for each in outcomes if each.kind == kind)
        counts["not run"] = total[kind] - counts.total()
        lines.append(kind.ljust(12) + "".join(str(counts[name]).rjust(10) for name in COLUMNS))
    lines += [
        f"{each.result}  {each.example}\n    {each.reason}"
        for each in sorted(outcomes, key=lambda each: (COLUMNS.index(each.result), each.example))
        if each.result != "passed"
    ]
    return "\n".join(lines)


def shortfalls(catalog: Catalog, outcomes: list[Outcome]) -> list[str]:
    """A line for each kind of which fewer examples succeed than its floor."""
    lines = []
    for kind, floor in catalog.floors.items():
        count = sum(each.result in SUCCESSES for each in outcomes if each.kind == kind)
        if count < floor:
            lines.append(f"error: {count} {kind} succeeded, examples.json requires {floor}")
    return lines
