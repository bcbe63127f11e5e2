"""Plan the export of a project: read its notebooks, check them and render their files."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from nbrelease.contract import CONTRACT_FILE
from nbrelease.errors import NotebookFormatError, UsageError
from nbrelease.export import (
    blocks,
    checks,
    export_state,
    generated_contract,
    generated_module,
    shared_modules,
)
from nbrelease.export import diagnostic as rules
from nbrelease.export.cache import Cache, CacheEntry
from nbrelease.export.cell_parser import parse_notebook
from nbrelease.export.diagnostic import Diagnostic, Level
from nbrelease.export.generated_files import SharedCopy, add_generated_files, file_with_text
from nbrelease.export.layout import Layout
from nbrelease.export.result import Export
from nbrelease.export.source import Source
from nbrelease.notebook import parse


def plan(
    layout: Layout,
    notebooks: Sequence[Path] = (),
    cache: Cache | None = None,
    unsaved: Mapping[Path, bytes] = MappingProxyType({}),
) -> list[Export]:
    """Check notebooks and render their files. Nothing is written.

    Args:
        layout: the project's folders.
        notebooks: the notebooks; by default all with cells to export.
        cache: results of notebooks that have not changed.
        unsaved: the content of notebooks that an editor holds, used instead of the file.

    Raises:
        UsageError: a notebook does not exist or lies outside the project.
    """
    project_notebooks = _find_notebooks(layout)
    for path in notebooks:
        if path not in unsaved and not path.is_file():
            raise UsageError(f"{path}: no such notebook{_suggestion(path, project_notebooks)}")
        if not path.resolve().is_relative_to(layout.root.resolve()):
            raise UsageError(
                f"{path}: outside the project {layout.root}; run nbrelease in its project"
            )
    by_path = {path.resolve(): path for path in (*project_notebooks, *notebooks)}
    selected = {layout.relative(path) for path in notebooks or project_notebooks}
    content = {layout.relative(path): text for path, text in unsaved.items()}
    for path in by_path.values():
        if layout.relative(path) not in content:
            content[layout.relative(path)] = _read_bytes(path)
    planner = _Planner(layout, content, cache or Cache())
    exports = [planner.export(path) for path in planner.paths if path in selected]
    if not notebooks:
        exports += planner.orphans()
    planner.cache.save()
    return [
        export
        for export in exports
        if notebooks or export.files or export.diagnostics or export.exports
    ]


def shared_module_names(layout: Layout, cache: Cache | None = None) -> frozenset[str]:
    """The names of the shared modules of a project."""
    content = {layout.relative(path): _read_bytes(path) for path in _find_notebooks(layout)}
    return frozenset(_Planner(layout, content, cache or Cache()).shared)


class _Planner:
    """Exports the notebooks of a project; parses those that are not in the cache."""

    def __init__(self, layout: Layout, content: dict[str, bytes], cache: Cache) -> None:
        self.layout, self.cache, self.content = layout, cache, content
        self.paths = sorted(self.content)
        self.sha256 = {
            path: hashlib.sha256(content).hexdigest() for path, content in self.content.items()
        }
        self.parsed: dict[str, Export] = {}
        self.entries = {path: self._entry(path) for path in self.paths}
        self.shared = {
            entry.module: path
            for path, entry in self.entries.items()
            if entry.exports and not entry.runnable
        }
        modules = [f"{entry.module} {path}" for path, entry in self.entries.items()]
        names = "\n".join([*self.shared, "", *modules])
        self.module_names = hashlib.sha256(names.encode()).hexdigest()

    def _entry(self, path: str) -> CacheEntry:
        entry = self.cache.entries.get(path)
        if entry is not None and entry.sha256 == self.sha256[path]:
            return entry
        self.cache.entries.pop(path, None)
        source = self._parse(path).source
        if source is None:
            return CacheEntry(self.sha256[path], "", False, False)
        return CacheEntry(self.sha256[path], source.module, source.runnable, source.exports)

    def _parse(self, path: str) -> Export:
        if path not in self.parsed:
            self.parsed[path] = _parse(path, self.content[path])
        return self.parsed[path]

    def export(self, path: str) -> Export:
        """The files and diagnostics of a notebook, from the cache if nothing has changed."""
        cached = self.cache.entries.get(path)
        if cached is not None and self._is_current(cached) and cached.files_match():
            return Export(
                path,
                diagnostics=cached.load_diagnostics(),
                untested=cached.untested,
                exports=cached.exports,
                sha256=self.sha256[path],
            )
        export = self._parse(path)
        export.sha256 = self.sha256[path]
        _check_and_render(self, export)
        self.cache.entries.pop(path, None)
        if not export.failed:
            entry = self.entries[path]
            entry.module_names = self.module_names
            entry.shared = {name: self.sha256[self.shared[name]] for name in export.shared}
            entry.files = {
                str(file.path): hashlib.sha256(file.text.encode("utf-8")).hexdigest()
                for file in export.files
            }
            entry.store_diagnostics(export.diagnostics)
            entry.untested = export.untested
            self.cache.entries[path] = entry
        return export

    def _is_current(self, entry: CacheEntry) -> bool:
        """Whether the other notebooks that an entry depends on are unchanged."""
        return entry.module_names == self.module_names and all(
            self.sha256.get(self.shared.get(name, "")) == sha256
            for name, sha256 in entry.shared.items()
        )

    def orphans(self) -> list[Export]:
        """A diagnostic for each exported module that no notebook produces any more."""
        modules = {entry.module for entry in self.entries.values()}  # also those with errors
        unreadable = any(not entry.module for entry in self.entries.values())
        exports = []
        for path in sorted(self.layout.exported.glob(f"*/{export_state.STATE_FILE}")):
            if path.parent.name in modules or unreadable:
                continue
            state = export_state.load(path)
            if state is None:
                continue
            folder = self.layout.relative(path.parent)
            exists = state.notebook in self.content
            message = f"exported from {state.notebook}, which " + (
                "is now exported to another module" if exists else "does not exist"
            )
            fix = "delete the folder and its test file; move tests that you wrote first"
            orphan = Diagnostic(rules.ORPHAN, folder, "", 1, 1, message, fix)
            exports.append(Export(folder, diagnostics=[orphan]))
        return exports

    def load_shared(self, name: str) -> Source:
        """The notebook of a shared module."""
        source = self._parse(self.shared[name]).source
        assert source is not None  # noqa: S101 - an unreadable notebook has no module
        return source

    def notebook_with_same_module(self, source: Source) -> str:
        """Another notebook that is exported to the same module; may be empty."""
        return next(
            (
                path
                for path in self.paths
                if path != source.path
                and self.entries[path].exports
                and self.entries[path].module == source.module
            ),
            "",
        )


def _find_notebooks(layout: Layout) -> list[Path]:
    """The notebooks of a project and its subfolders, without hidden and checkpoint folders."""
    return sorted(
        path
        for path in layout.notebooks.rglob("*.ipynb")
        if not any(part.startswith(".") for part in path.relative_to(layout.notebooks).parts)
    )


def _suggestion(path: Path, notebooks: Iterable[Path]) -> str:
    by_name = {each.name: each for each in notebooks}
    similar = difflib.get_close_matches(path.name, by_name, n=1)
    return f"; did you mean {by_name[similar[0]]}?" if similar else ""


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None


def _parse(path: str, content: bytes) -> Export:
    export = Export(path)
    try:
        notebook = parse(content, Path(path))
    except NotebookFormatError as error:
        export.diagnostics.append(
            Diagnostic(rules.UNREADABLE, path, "", 1, 1, error.message, error.fix)
        )
        return export
    if not path.isprintable():
        message = "the file name contains characters that cannot be printed"
        export.diagnostics.append(
            Diagnostic(rules.UNREADABLE, ascii(path), "", 1, 1, message, "rename the file")
        )
        return export
    export.source = parse_notebook(notebook, path)
    return export


def _check_and_render(planner: _Planner, export: Export) -> None:
    source = export.source
    if source is None:
        return
    export.diagnostics, export.exports = source.diagnostics, source.exports
    if not source.exports:
        return
    checks.run(source)
    generated_contract.check(source)
    shared_modules.check(source, planner.layout.exported.name)
    if other := planner.notebook_with_same_module(source):
        source.report(
            rules.SAME_MODULE,
            None,
            1,
            f"{other} is exported to the module {source.module} too",
            "rename one of the notebooks, or name its module with `#| default_exp name`",
        )
    if not export.failed:
        _render(planner, export, source)
    source.finish(complete=not export.failed)


def _render(planner: _Planner, export: Export, source: Source) -> None:
    """Render the files of a notebook without errors."""
    layout = planner.layout
    folder = layout.exported / source.module
    module_blocks = generated_module.render(source, layout, planner.shared.keys())
    name = "main.py" if source.runnable else "__init__.py"
    export.files.append(file_with_text(folder / name, blocks.join(module_blocks)))
    copies = []
    export.shared = shared_modules.required_modules(
        source, planner.shared.keys(), planner.load_shared
    )
    for module in export.shared:
        other = planner.load_shared(module)
        checked = Source(other.notebook, other.path, other.cells, other.parameters)
        checks.run(checked)
        diagnostics = (*other.diagnostics, *checked.diagnostics)
        if any(each.rule.level is Level.ERROR for each in diagnostics):
            continue  # reported for its own notebook
        rendered = generated_module.render(checked, layout, planner.shared.keys())
        file = file_with_text(folder / f"{module}.py", blocks.join(rendered))
        copies.append(SharedCopy(file, other.path))
    add_generated_files(layout, export, source, module_blocks, copies)
    if source.runnable:
        path = folder / CONTRACT_FILE
        export.files.append(file_with_text(path, generated_contract.render(source)))
