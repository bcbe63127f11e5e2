"""The files around a written module: its tests and its ledger, and whether people edited any."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from nbrelease.errors import UsageError
from nbrelease.export import blocks, edits, ledger, module, testfile
from nbrelease.export import diagnostic as rules
from nbrelease.export.diagnostic import Diagnostic
from nbrelease.export.edits import Edit
from nbrelease.export.ledger import Ledger
from nbrelease.export.result import Export, File, Layout
from nbrelease.export.source import Role, Source


@dataclass(frozen=True)
class Copy:
    """The module of another notebook, ``owner``, as it has to lie beside a ``main.py``."""

    file: File
    owner: str

    @property
    def digest(self) -> str:
        """The sha256 of its text."""
        return _digest(self.file.text)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def add_tests(
    layout: Layout,
    export: Export,
    source: Source,
    written: list[blocks.Block],
    copies: Sequence[Copy] = (),
) -> None:
    """Add copies, test file and ledger to an export, and say what was edited by hand.

    Args:
        layout: where things are.
        export: has the module's file.
        source: the notebook.
        written: the module's blocks.
        copies: modules of other notebooks that it imports.
    """
    [main] = export.files
    folder = main.path.parent
    path = folder / ledger.NAME
    last = ledger.load(path)
    export.files += [copy.file for copy in copies]
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
    export.edits += _edited_copies(layout, copies, last)
    _report(export, source, tests, layout.shown(test_path), last)
    new = Ledger(
        source.path,
        {block.key: block.text for block in written},
        {block.key: block.text for block in tests.blocks},
        module.functions(source),
        tests.stubs,
        {copy.file.path.name: copy.digest for copy in copies},
    )
    export.files.append(file_at(path, new.dumps()))


def _edited_copies(layout: Layout, copies: Sequence[Copy], last: Ledger | None) -> list[Edit]:
    """Copies that are neither what they have to be nor what was written last."""
    known = last.copies if last is not None else {}
    return [
        Edit(
            layout.shown(copy.file.path),
            "",
            1,
            None,
            copy.file.there,
            copy.file.text,
            None,
            conflict=False,
            owner=copy.owner,
        )
        for copy in copies
        if copy.file.there is not None
        and copy.file.stale
        and _digest(copy.file.there) != known.get(copy.file.path.name)
    ]


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
        if edit.owner:
            message = f"{edit.title} is not what was written"
            mend = f"make the change in {edit.owner}, delete this file, export again"
        elif edit.base is None and last is None:
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
        before = len(source.found)
        source.report(
            rules.UNTESTED,
            cell.cell,
            next((node for node in cell.tree.body if getattr(node, "name", "") == name), 1),
            f"no test uses {name}",
            f"write one in a cell tagged test, or in {shown}",
        )
        if len(source.found) > before:
            export.untested.append(name)
    for name in tests.gone:
        fresh = [each for each in module.functions(source) if last and each not in last.functions]
        close = difflib.get_close_matches(name, fresh, n=1) or (fresh if len(fresh) == 1 else [])
        mend = f"was it renamed to {close[0]}?" if close else "remove the test, or mend it"
        message = f"a test uses {name}, which {source.path} no longer defines"
        export.found.append(Diagnostic(rules.UNKNOWN_FUNCTION, shown, "", 1, 1, message, mend))


def file_at(path: Path, text: str) -> File:
    """A file's new text beside what is there."""
    return File(path, text, _text(path))


def _text(path: Path) -> str | None:
    """A file's text with line feeds as line ends, whatever a checkout made of them."""
    try:
        return path.read_bytes().decode("utf-8").replace("\r\n", "\n")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError:
        raise UsageError(f"{path}: is not UTF-8; save it as UTF-8") from None
