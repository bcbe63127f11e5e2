"""All notebooks of a project: which are exported, to where, and what stands against it."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

from nbrelease.errors import NotebookError, UsageError
from nbrelease.export import beside, blocks, checks, ledger, module
from nbrelease.export import diagnostic as rules
from nbrelease.export.cache import Cache, Entry, plain
from nbrelease.export.diagnostic import Diagnostic, Level
from nbrelease.export.outputs import Copy, add_tests, file_at
from nbrelease.export.reading import load
from nbrelease.export.result import Export, Layout
from nbrelease.export.source import Source
from nbrelease.notebook import parse


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
    if not chosen:
        found += work.orphans()
    (cache or work.cache).save()
    return [export for export in found if chosen or export.files or export.found or export.exports]


def shared_modules(layout: Layout, cache: Cache | None = None) -> frozenset[str]:
    """The modules that the project's notebooks without a ``main`` give."""
    return frozenset(_Plan(layout, _notebooks(layout), cache or Cache(None, "")).libraries)


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
        modules = [f"{entry.module} {shown}" for shown, entry in self.entries.items()]
        self.names = hashlib.sha256("\n".join([*self.libraries, "", *modules]).encode()).hexdigest()

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
        if entry is not None and self._holds(entry) and entry.files_match():
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
            known.names = self.names
            known.uses = {name: self.sha256[self.libraries[name]] for name in export.uses}
            known.files = {
                str(file.path): hashlib.sha256(file.text.encode("utf-8")).hexdigest()
                for file in export.files
            }
            known.found, known.untested = plain(export.found), export.untested
            self.cache.entries[shown] = known
        return export

    def _holds(self, entry: Entry) -> bool:
        """Whether nothing else that an entry depends on has changed."""
        return entry.names == self.names and all(
            self.sha256.get(self.libraries.get(name, "")) == sha256
            for name, sha256 in entry.uses.items()
        )

    def orphans(self) -> list[Export]:
        """Written modules that no notebook gives any more, each as a finding."""
        modules = {entry.module for entry in self.entries.values()}  # also of what has errors
        broken = any(not entry.module for entry in self.entries.values())
        found = []
        for path in sorted(self.layout.exported.glob(f"*/{ledger.NAME}")):
            last = ledger.load(path) if path.parent.name not in modules and not broken else None
            if last is None:
                continue
            shown = self.layout.shown(path.parent)
            gone = last.notebook not in self.content
            message = f"it was written from {last.notebook}, which " + (
                "is gone" if gone else "is no longer exported to it"
            )
            mend = "delete the folder and its test file; what people wrote there is yours to move"
            found.append(
                Export(shown, found=[Diagnostic(rules.ORPHAN, shown, "", 1, 1, message, mend)])
            )
        return found

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
    if not shown.isprintable():
        message = "its name holds what cannot stand in a comment"
        export.found.append(
            Diagnostic(rules.UNREADABLE, ascii(shown), "", 1, 1, message, "rename it")
        )
        return export
    export.source = load(notebook, shown)
    return export


def _complete(work: _Plan, export: Export) -> None:
    source = export.source
    if source is None:
        return
    export.found, export.exports = source.found, source.exports
    if not source.exports:
        return
    checks.run(source)
    beside.check(source, work.layout.exported.name)
    if same := work.same_module(source):
        source.report(
            rules.SAME_MODULE,
            None,
            1,
            f"{same} is exported to {source.module} too",
            "rename one of them, or give it a cell with «#| default_exp name»",
        )
    if not export.failed:
        _render(work, export, source)
    source.finish(complete=not export.failed)


def _render(work: _Plan, export: Export, source: Source) -> None:
    """The files of a notebook in which no error was found."""
    layout = work.layout
    folder = layout.exported / source.module
    written = module.render(source, layout.width, work.libraries.keys())
    name = "main.py" if source.runnable else "__init__.py"
    export.files.append(file_at(folder / name, blocks.join(written)))
    copies = []
    export.uses = beside.needed(source, work.libraries.keys(), work.library)
    for library in export.uses:
        other = work.library(library)
        checked = Source(other.notebook, other.path, other.cells, other.parameters)
        checks.run(checked)
        if any(each.rule.level is Level.ERROR for each in (*other.found, *checked.found)):
            continue  # it has findings of its own
        text = blocks.join(module.render(checked, layout.width, work.libraries.keys()))
        copies.append(Copy(file_at(folder / f"{library}.py", text), other.path))
    add_tests(layout, export, source, written, copies)
