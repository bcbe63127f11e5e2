"""Files next to an exported module: its tests, copies of shared modules, the export's state.

Also compares these files with the last export and reports edits by hand.
"""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nbrelease.errors import UsageError
from nbrelease.export import (
    blocks,
    export_state,
    generated_module,
    generated_tests,
    manual_edits,
)
from nbrelease.export import diagnostic as rules
from nbrelease.export.diagnostic import Diagnostic
from nbrelease.export.export_state import ExportState
from nbrelease.export.layout import Layout
from nbrelease.export.manual_edits import ManualEdit
from nbrelease.export.result import Export, ExportedFile
from nbrelease.export.source import CodeCell, Role, Source


@dataclass(frozen=True)
class SharedCopy:
    """A copy of a shared module next to a ``main.py``, and the notebook of that module."""

    file: ExportedFile
    notebook: str

    @property
    def digest(self) -> str:
        """The sha256 of its text."""
        return _digest(self.file.text)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def add_generated_files(
    layout: Layout,
    export: Export,
    source: Source,
    module_blocks: list[blocks.Block],
    copies: Sequence[SharedCopy] = (),
) -> None:
    """Add copies, test file and state to an export, and report edits by hand.

    Args:
        layout: the project's folders.
        export: the export; its first file is the module.
        source: the notebook.
        module_blocks: the blocks of the module.
        copies: copies of the shared modules that it imports.
    """
    [module] = export.files
    folder = module.path.parent
    state_path = folder / export_state.STATE_FILE
    last = export_state.load(state_path)
    export.files += [copy.file for copy in copies]
    import_path = ".".join(Path(layout.relative(folder)).parts)
    import_path += ".main" if source.runnable else ""
    test_path = layout.tests / f"test_{source.module}.py"
    current = _read_text(test_path)
    tests = generated_tests.render(source, import_path, current, last, layout)
    export.files.append(ExportedFile(test_path, tests.text, current))
    if module.current is not None and module.stale:
        in_file = blocks.split(module.current)
        base = last.module if last is not None else None
        export.edits += manual_edits.find_edits(
            layout.relative(module.path), module.current, in_file, base, module_blocks
        )
    if current is not None and tests.text != current:
        in_file = _notebook_blocks(current, source, last)
        base = last.tests if last is not None else None
        export.edits += manual_edits.find_edits(
            layout.relative(test_path), current, in_file, base, tests.blocks
        )
    export.edits += _edited_copies(layout, copies, last)
    _report_edits(export, last)
    _report_untested(export, source, tests.untested, layout.relative(test_path))
    _report_unknown_functions(
        export, source, tests.unknown_functions, layout.relative(test_path), last
    )
    state = ExportState(
        source.path,
        {block.key: block.text for block in module_blocks},
        {block.key: block.text for block in tests.blocks},
        list(generated_module.functions(source)),
        tests.stubs,
        {copy.file.path.name: copy.digest for copy in copies},
    )
    export.files.append(file_with_text(state_path, state.dumps()))


def _edited_copies(
    layout: Layout, copies: Sequence[SharedCopy], last: ExportState | None
) -> list[ManualEdit]:
    """Copies that differ from the shared module and from the last export."""
    exported = last.copies if last is not None else {}
    return [
        ManualEdit(
            layout.relative(copy.file.path),
            "",
            1,
            None,
            copy.file.current,
            copy.file.text,
            None,
            conflict=False,
            copied_from=copy.notebook,
        )
        for copy in copies
        if copy.file.current is not None
        and copy.file.stale
        and _digest(copy.file.current) != exported.get(copy.file.path.name)
    ]


def _notebook_blocks(text: str, source: Source, last: ExportState | None) -> dict[str, str]:
    """The blocks of a test file that the notebook generates, without tests written below them."""
    prefix = f"{source.path} "
    base = last.tests if last is not None else {}
    return {
        key: generated_tests.split_block(block, base.get(key))[0]
        for key, block in blocks.split(text).items()
        if key.startswith(prefix)
    }


def _report_edits(export: Export, last: ExportState | None) -> None:
    for edit in export.edits:
        rule = rules.CONFLICTING_EDITS if edit.conflict else rules.EDITED
        if edit.copied_from:
            message = f"{edit.title} was edited"
            fix = f"make the change in {edit.copied_from}, delete this file and export again"
        elif edit.base is None and last is None:
            message = f"{edit.title} differs from the notebook, and there is no earlier export"
            fix = "copy your changes to the notebook, delete the file and export again"
        elif edit.conflict:
            message = f"{edit.title} and its cell were both edited"
            fix = "make both the same"
        else:
            message = f"{edit.title} was edited by hand"
            fix = "run `nbrelease sync` to copy the edit to the notebook"
        export.diagnostics.append(Diagnostic(rule, edit.path, "", edit.line, 1, message, fix))


def _report_untested(export: Export, source: Source, untested: list[str], test_file: str) -> None:
    cells: dict[str, CodeCell] = {}
    for cell in source.cells_with(Role.EXPORT):
        for name in cell.defined_names:
            cells.setdefault(name, cell)
    for name in untested:
        # main() begins with the first main cell
        cell = cells[name] if name in cells else source.cells_with(Role.MAIN)[0]
        before = len(source.diagnostics)
        source.report(
            rules.UNTESTED,
            cell.cell,
            next((node for node in cell.tree.body if getattr(node, "name", "") == name), 1),
            f"no test uses {name}",
            f"write a test in a cell tagged test or in {test_file}",
        )
        if len(source.diagnostics) > before:
            export.untested.append(name)


def _report_unknown_functions(
    export: Export, source: Source, names: list[str], test_file: str, last: ExportState | None
) -> None:
    functions = generated_module.functions(source)
    new = [name for name in functions if last and name not in last.functions]
    for name in names:
        renamed = difflib.get_close_matches(name, new, n=1) or (new if len(new) == 1 else [])
        fix = f"did you rename it to {renamed[0]}?" if renamed else "change or remove the test"
        message = f"a test uses {name}, which {source.path} no longer defines"
        export.diagnostics.append(
            Diagnostic(rules.UNKNOWN_FUNCTION, test_file, "", 1, 1, message, fix)
        )


def file_with_text(path: Path, text: str) -> ExportedFile:
    """A file with its new text and its text on disk."""
    return ExportedFile(path, text, _read_text(path))


def _read_text(path: Path) -> str | None:
    """The text of a file with line feeds as line ends; None if it does not exist."""
    try:
        return path.read_bytes().decode("utf-8").replace("\r\n", "\n")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        raise UsageError(f"{path}: not UTF-8; save the file as UTF-8") from None
