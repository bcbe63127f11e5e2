"""Notebook in, module and tests out: what is tagged becomes what others run and trust.

The notebook is the source. A written file carries the digest of what was written, so that an edit
by hand is told from a stale file and is never overwritten.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from nbrelease import files
from nbrelease.export import module, written
from nbrelease.export import tests as test_file
from nbrelease.notebook import read

__all__ = ["Exported", "export", "exportable"]


@dataclass(frozen=True)
class Exported:
    """One file that a notebook is exported to."""

    path: Path
    changed: bool
    untested: tuple[str, ...] = ()


def exportable(folder: Path) -> list[Path]:
    """The notebooks of a folder that have something to export, in order of their names."""
    found = sorted(path for path in folder.glob("*.ipynb") if not path.name.startswith("."))
    return [path for path in found if module.has_code(read(path))]


def export(
    notebook: Path, *, root: Path, exported: Path, tests: Path, write: bool = True
) -> list[Exported]:
    """Bring the module and the tests of a notebook up to date.

    Args:
        notebook: the notebook.
        root: the project's folder; written files name the notebook relative to it.
        exported: the folder of the modules; this one is ``<exported>/<name>/main.py``.
        tests: the folder of the tests; this notebook's are ``<tests>/test_<name>.py``.
        write: False only tells what would change.

    Returns:
        The two files, each with whether it was stale.

    Raises:
        NotebookError: a tagged cell cannot be exported; nothing was written.
        EditedByHand: a file was changed after it was written; nothing was written.
    """
    found = read(notebook)
    name = notebook.stem
    source = notebook.resolve().relative_to(root.resolve()).as_posix()
    main, test = exported / name / "main.py", tests / f"test_{name}.py"
    content = {
        main: written.seal(module.render(found, source)),
        test: test_file.render(found, source, test, _relative(main, test)),
    }
    written.check(main, source)
    untested = tuple(test_file.untested(found))
    results = []
    for path, text in content.items():
        changed = not path.is_file() or path.read_text(encoding="utf-8") != text
        if changed and write:
            files.write_text(path, text)
        results.append(Exported(path, changed, untested if path == test else ()))
    return results


def _relative(module_path: Path, test: Path) -> str:
    """The way from the test file's folder to the module, with forward slashes."""
    import os

    return Path(os.path.relpath(module_path, test.parent)).as_posix()
