"""All notebooks of a project: which are exported, to where, and whether what is there is right."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from nbrelease import files
from nbrelease.errors import NotebookError, UsageError
from nbrelease.export import blocks, checks, edits, ledger, module, testfile
from nbrelease.export import diagnostic as rules
from nbrelease.export.cache import Cache, Entry, plain
from nbrelease.export.diagnostic import Diagnostic, Level
from nbrelease.export.edits import Edit
from nbrelease.export.imports import of as imports_of
from nbrelease.export.ledger import Ledger
from nbrelease.export.source import Role, Source, load
from nbrelease.notebook import parse

DEFAULT_WIDTH = 88


@dataclass(frozen=True)
class Layout:
    """Where things are.

    Attributes:
        root: the project's folder.
        notebooks: the folder of the notebooks.
        exported: the folder of the modules, one folder a notebook.
        tests: the folder of the written tests.
        width: the longest line of written code.
    """

    root: Path
    notebooks: Path
    exported: Path
    tests: Path
    width: int = DEFAULT_WIDTH

    def shown(self, path: Path) -> str:
        """A path from the project's folder, with forward slashes."""
        path = path.resolve()
        root = self.root.resolve()
        return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()


@dataclass(frozen=True)
class File:
    """A written file: its new text and what is there now (None: nothing)."""

    path: Path
    text: str
    there: str | None

    @property
    def stale(self) -> bool:
        """Whether it has to be written."""
        return self.text != self.there


@dataclass
class Export:
    """What one notebook gives.

    Attributes:
        path: the notebook, from the project's folder.
        source: the notebook, read; None when it cannot be.
        files: what is to be written; empty when there is an error.
        edits: edits by hand, which keep everything from being written.
        found: the findings.
        untested: public functions that no test uses.
        exports: whether anything of it is exported.
    """

    path: str
    source: Source | None = None
    files: list[File] = field(default_factory=list)
    edits: list[Edit] = field(default_factory=list)
    found: list[Diagnostic] = field(default_factory=list)
    untested: list[str] = field(default_factory=list)
    exports: bool = False

    @property
    def failed(self) -> bool:
        """Whether an error keeps it from being written."""
        return any(each.rule.level is Level.ERROR for each in self.found)

    @property
    def stale(self) -> list[File]:
        """The files that are not what the notebook gives."""
        return [file for file in self.files if file.stale]

    def write(self) -> list[File]:
        """Bring the files up to date, beside and renamed; returns those that were not."""
        written = self.stale
        for file in written:
            files.write_text(file.path, file.text)
        return written


def plan(layout: Layout, chosen: Sequence[Path] = (), cache: Cache | None = None) -> list[Export]:
    """What the notebooks give, and what stands against writing it. Nothing is written.

    Args:
        layout: where things are.
        chosen: the notebooks; by default all of the folder that have cells to export.
        cache: what is known of notebooks that have not changed.

    Raises:
        UsageError: a chosen notebook is not there, or lies outside of the project.
    """
    everything = _notebooks(layout)
    for path in chosen:
        if not path.is_file():
            raise UsageError(f"{path}: no such notebook{_nearest(path, everything)}")
        if not path.resolve().is_relative_to(layout.root.resolve()):
            raise UsageError(f"{path}: outside of the project {layout.root}")
    every = {path.resolve(): path for path in (*everything, *chosen)}
    wanted = {layout.shown(path) for path in chosen or everything}
    work = _Plan(layout, list(every.values()), cache or Cache(None, ""))
    found = [work.complete(shown) for shown in work.order if shown in wanted]
    (cache or work.cache).save()
    return [export for export in found if chosen or export.files or export.found or export.exports]


class _Plan:
    """The notebooks of one round: each is parsed when something of it is not known."""

    def __init__(self, layout: Layout, paths: list[Path], cache: Cache) -> None:
        self.layout, self.cache = layout, cache
        self.content = {layout.shown(path): _bytes(path) for path in paths}
        self.order = sorted(self.content)
        self.sha256 = {
            shown: hashlib.sha256(content).hexdigest() for shown, content in self.content.items()
        }
        self.read: dict[str, Export] = {}
        self.entries = {shown: self._entry(shown) for shown in self.order}
        self.libraries = {
            entry.module: shown
            for shown, entry in self.entries.items()
            if entry.exports and not entry.runnable
        }
        names = [f"{name} {self.sha256[shown]}" for name, shown in self.libraries.items()]
        modules = [f"{entry.module} {shown}" for shown, entry in self.entries.items()]
        self.shared = hashlib.sha256("\n".join([*names, "", *modules]).encode()).hexdigest()

    def _entry(self, shown: str) -> Entry:
        known = self.cache.entries.get(shown)
        if known is not None and known.sha256 == self.sha256[shown]:
            return known
        self.cache.entries.pop(shown, None)
        source = self._load(shown).source
        if source is None:
            return Entry(self.sha256[shown], "", False, False)
        return Entry(self.sha256[shown], source.module, source.runnable, source.exports)

    def _load(self, shown: str) -> Export:
        if shown not in self.read:
            self.read[shown] = _read(shown, self.content[shown])
        return self.read[shown]

    def complete(self, shown: str) -> Export:
        """One notebook's files and findings, from the cache if nothing of it changed."""
        entry = self.cache.entries.get(shown)
        if entry is not None and entry.libraries == self.shared and entry.files_match():
            return Export(
                shown,
                found=entry.diagnostics(),
                untested=entry.untested,
                exports=entry.exports,
            )
        export = self._load(shown)
        _complete(self, export)
        self.cache.entries.pop(shown, None)
        if not export.failed:
            known = self.entries[shown]
            known.libraries = self.shared
            known.files = {
                str(file.path): hashlib.sha256(file.text.encode("utf-8")).hexdigest()
                for file in export.files
            }
            known.found, known.untested = plain(export.found), export.untested
            self.cache.entries[shown] = known
        return export

    def library(self, name: str) -> Source:
        """The notebook of a shared module."""
        source = self._load(self.libraries[name]).source
        assert source is not None  # noqa: S101 - it was read to become one
        return source

    def same_module(self, source: Source) -> str:
        """Another notebook that is exported to the same module; empty when there is none."""
        return next(
            (
                shown
                for shown in self.order
                if shown != source.path
                and self.entries[shown].exports
                and self.entries[shown].module == source.module
            ),
            "",
        )


def _notebooks(layout: Layout) -> list[Path]:
    """The project's notebooks, in subfolders too, hidden and checkpoint folders left out."""
    return sorted(
        path
        for path in layout.notebooks.rglob("*.ipynb")
        if not any(part.startswith(".") for part in path.relative_to(layout.notebooks).parts)
    )


def _nearest(path: Path, everything: Iterable[Path]) -> str:
    names = {each.name: each for each in everything}
    close = difflib.get_close_matches(path.name, names, n=1)
    return f"; did you mean {names[close[0]]}?" if close else ""


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None


def _read(shown: str, content: bytes) -> Export:
    export = Export(shown)
    try:
        notebook = parse(content, Path(shown))
    except NotebookError as error:
        message, _, mend = str(error).removeprefix(f"{shown}: ").partition("; ")
        export.found.append(
            Diagnostic(rules.UNREADABLE, shown, "", 1, 1, message, mend or "restore it from git")
        )
        return export
    export.source = load(notebook, shown)
    return export


def _complete(work: _Plan, export: Export) -> None:
    source = export.source
    if source is None:
        return
    layout = work.layout
    export.found, export.exports = source.found, source.exports
    if not source.exports:
        return
    checks.run(source)
    if same := work.same_module(source):
        source.report(
            rules.SAME_MODULE,
            None,
            1,
            f"{same} is exported to {source.module} too",
            "rename one of them, or give it a cell with «#| default_exp name»",
        )
    if export.failed:
        return
    folder = layout.exported / source.module
    written = module.render(source, layout.width, work.libraries.keys())
    name = "main.py" if source.runnable else "__init__.py"
    export.files.append(_file(folder / name, blocks.join(written)))
    for library in _needed(source, work):
        other = work.library(library)
        checked = Source(other.notebook, other.path, other.cells, other.parameters)
        checks.run(checked)
        if any(each.rule.level is Level.ERROR for each in checked.found):
            continue  # it has findings of its own
        text = blocks.join(module.render(checked, layout.width, work.libraries.keys()))
        export.files.append(_file(folder / f"{library}.py", text))
    _with_tests(layout, export, source, written, folder)


def _needed(source: Source, work: _Plan) -> list[str]:
    """The libraries that a runnable module imports, and those that they import.

    A job is given one folder, so each runnable module has its own copies beside it.
    """
    if not source.runnable or not work.libraries:
        return []
    found: list[str] = []
    todo = [source]
    while todo:
        current = todo.pop()
        for cell in current.of(Role.EXPORT, Role.MAIN):
            for each in imports_of(cell):
                name = (each.module or each.name).partition(".")[0]
                if name in work.libraries and name not in found:
                    found.append(name)
                    todo.append(work.library(name))
    return sorted(found)


def _with_tests(
    layout: Layout, export: Export, source: Source, written: list[blocks.Block], folder: Path
) -> None:
    path = folder / ledger.NAME
    last = ledger.load(path)
    main = export.files[0]
    target = ".".join(Path(layout.shown(folder)).parts)
    target += ".main" if source.runnable else ""
    test_path = layout.tests / f"test_{source.module}.py"
    there = _text(test_path)
    tests = testfile.render(source, target, there, last, layout.width)
    export.files.append(File(test_path, tests.text, there))
    shown = layout.shown(main.path)
    if main.there is not None and main.stale:
        parts = blocks.split(main.there)
        base = last.module if last is not None else None
        export.edits += edits.find(shown, main.there, parts, base, written)
    if there is not None and tests.text != there:
        parts = _owned(there, source, last)
        base = last.tests if last is not None else None
        export.edits += edits.find(layout.shown(test_path), there, parts, base, tests.blocks)
    export.untested = tests.untested
    _report(export, source, tests, layout.shown(test_path), last)
    new = Ledger(
        source.path,
        {block.key: block.text for block in written},
        {block.key: block.text for block in tests.blocks},
        module.functions(source),
        tests.stubs,
    )
    export.files.append(_file(path, new.dumps()))


def _owned(there: str, source: Source, last: Ledger | None) -> dict[str, str]:
    """The blocks of a test file that are the notebook's, without what people wrote below them."""
    prefix = f"{source.path} "
    base = last.tests if last is not None else {}
    found = {}
    for key, text in blocks.split(there).items():
        if key.startswith(prefix):
            found[key], _ = testfile.apart(text, base.get(key))
    return found


def _report(
    export: Export, source: Source, tests: testfile.Written, shown: str, last: Ledger | None
) -> None:
    for edit in export.edits:
        rule = rules.BOTH_SIDES if edit.conflict else rules.EDITED
        if edit.base is None and last is None:
            message = f"{edit.title} is not what the notebook gives, and no record says why"
            mend = "carry what is right over to the notebook, delete the file, export again"
        elif edit.conflict:
            message = f"{edit.title} was edited, and so was its cell"
            mend = "make one of them like the other; nothing was written"
        else:
            message = f"{edit.title} was edited by hand"
            mend = "run nbrelease sync, which carries it back to the notebook"
        export.found.append(Diagnostic(rule, edit.path, "", edit.line, 1, message, mend))
    for name in tests.untested:
        cells = [cell for cell in source.of(Role.EXPORT) if name in cell.defined]
        cell = (cells or source.of(Role.MAIN))[0]  # main() begins where the first main cell does
        source.report(
            rules.UNTESTED,
            cell.cell,
            next((node for node in cell.tree.body if getattr(node, "name", "") == name), 1),
            f"no test uses {name}",
            f"write one in a cell tagged test, or in {shown}",
        )
    for name in tests.gone:
        fresh = [each for each in module.functions(source) if last and each not in last.functions]
        close = difflib.get_close_matches(name, fresh, n=1) or (fresh if len(fresh) == 1 else [])
        mend = f"was it renamed to {close[0]}?" if close else "remove the test, or mend it"
        message = f"a test uses {name}, which {source.path} no longer defines"
        export.found.append(Diagnostic(rules.UNKNOWN_FUNCTION, shown, "", 1, 1, message, mend))


def _file(path: Path, text: str) -> File:
    return File(path, text, _text(path))


def _text(path: Path) -> str | None:
    """A file's text with line feeds as line ends, whatever a checkout made of them."""
    try:
        return path.read_bytes().decode("utf-8").replace("\r\n", "\n")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        raise UsageError(f"{path}: is not UTF-8; save it as UTF-8") from None
