"""PublishTestResults@2 and PublishCodeCoverageResults@2: read, counted, kept with the run."""

from __future__ import annotations

import re
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from xml.etree import ElementTree

from pipelines_local import files, globs
from pipelines_local.tasks.context import TaskContext, TaskFailed

_DOCTYPE = re.compile(rb"<!(DOCTYPE|ENTITY)", re.IGNORECASE)
MAX_BYTES = 100_000_000


@dataclass
class Tests:
    """The tests of one publication."""

    title: str
    files: int = 0
    total: int = 0
    failed: int = 0
    skipped: int = 0

    @property
    def passed(self) -> int:
        """Those that ran and did not fail."""
        return self.total - self.failed - self.skipped


def publish_tests(context: TaskContext) -> None:
    """PublishTestResults@2, format JUnit."""
    folder = context.path("searchfolder", context.folders.sources)
    found = _find(folder, context.text("testresultsfiles", "**/TEST-*.xml"))
    if not found:
        message = f"No test result files matching {context.text('testresultsfiles')!r} were found."
        if context.flag("failtaskonmissingresultsfile"):
            raise TaskFailed(message)
        context.issue("warning", message)
        return
    tests = Tests(context.text("testruntitle", context.job))
    for path in found:
        try:
            _count(path, tests)
        except (ElementTree.ParseError, OSError, ValueError) as error:
            message = f"{path}: no JUnit file ({error})"
            if context.flag("failtaskonfailuretopublishresults"):
                raise TaskFailed(message) from None
            context.issue("warning", message)
            continue
        _keep(path, context.kept / "tests")
    context.tests({**asdict(tests), "passed": tests.passed})
    context.log(
        f"{tests.title}: {tests.total} tests, {tests.passed} passed, {tests.failed} failed, "
        f"{tests.skipped} skipped"
    )
    if tests.failed:
        message = f"There are {tests.failed} failed tests in {tests.title}"
        if context.flag("failtaskonfailedtests"):
            raise TaskFailed(message)
        context.issue("warning", message)


def publish_coverage(context: TaskContext) -> None:
    """PublishCodeCoverageResults@2: Cobertura's line rate is shown."""
    found = _find(context.folders.sources, context.text("summaryfilelocation"))
    if not found:
        message = "No code coverage results were found to publish."
        if context.flag("failifcoverageempty"):
            raise TaskFailed(message)
        context.issue("warning", message)
        return
    for path in found:
        _keep(path, context.kept / "coverage")
        try:
            rate = _parse(path).get("line-rate")
        except (ElementTree.ParseError, OSError, ValueError):
            context.issue("warning", f"{path}: no Cobertura file")
            continue
        shown = f"{float(rate):.1%} of lines" if rate else "no line rate"
        context.log(f"Coverage {path.name}: {shown}")


def _find(folder: Path, patterns: str) -> list[Path]:
    """The files that patterns name; absolute ones stand alone."""
    found: list[Path] = []
    relative = []
    for raw in patterns.splitlines():
        line = raw.strip()
        if line.lstrip("!").startswith("/"):
            base, rest = _fixed(line.lstrip("!"))
            chosen = globs.select(files.files_below(base), rest) if base.is_dir() else []
            named = {base / name for name in chosen}
            if line.startswith("!"):
                found = [path for path in found if path not in named]
            else:
                found += sorted(named)
        elif line:
            relative.append(line)
    if relative and folder.is_dir():
        names = globs.select(files.files_below(folder), "\n".join(relative))
        found += [folder / name for name in names]
    return list(dict.fromkeys(found))


def _fixed(pattern: str) -> tuple[Path, str]:
    """The folder before the first wildcard, and the rest."""
    parts = pattern.split("/")
    wild = (i for i, part in enumerate(parts) if re.search(r"[*?\[{]", part))
    first = min(next(wild, len(parts) - 1), len(parts) - 1)
    return Path("/".join(parts[:first]) or "/"), "/".join(parts[first:])


def _parse(path: Path) -> ElementTree.Element:
    if path.stat().st_size > MAX_BYTES:
        raise ValueError("too large")
    content = path.read_bytes()
    if _DOCTYPE.search(content[:4096]) and b"<!ENTITY" in content:
        raise ValueError("it declares entities")
    return ElementTree.fromstring(content)  # noqa: S314 - entities are refused above


def _count(path: Path, tests: Tests) -> None:
    root = _parse(path)
    if root.tag not in ("testsuite", "testsuites"):
        raise ValueError(f"it begins with <{root.tag}>")
    tests.files += 1
    for case in root.iter("testcase"):
        tests.total += 1
        kinds = {child.tag for child in case}
        if kinds & {"failure", "error"}:
            tests.failed += 1
        elif "skipped" in kinds:
            tests.skipped += 1


def _keep(path: Path, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    target, number = folder / path.name, 1
    while target.exists():
        number += 1
        target = folder / f"{path.stem}-{number}{path.suffix}"
    shutil.copyfile(path, target)
