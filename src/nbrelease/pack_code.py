"""The code that a release was made with, carried in its pack under ``code/``.

A digest of main.py proves nothing to somebody who has not got the notebook. So the pack holds the
exported notebooks, what was written from them, and the runbooks, byte for byte: whoever verifies it
exports the notebooks again, and holds the executed runbooks against their sources. Only a secret in
one of them is masked here, too; then the file is listed as masked and no digest fits any more.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from nbrelease import files
from nbrelease.checks import SANITIZE_FILE
from nbrelease.export import ledger
from nbrelease.export.layout import load
from nbrelease.export.result import Layout
from nbrelease.records import Masked
from nbrelease.secrets import Known, mask, mask_text

CODE = "code"
LAYOUT = "layout.json"


def copy_exports(root: Path, pack: Path) -> None:
    """Copy the exported notebooks and all that was written from them.

    Args:
        root: the project's folder.
        pack: the release's folder.
    """
    layout = load(root).layout
    places = {
        "notebooks": layout.shown(layout.notebooks),
        "exported": layout.shown(layout.exported),
        "tests": layout.shown(layout.tests),
        "width": layout.width,
    }
    known = Known.of_environment()
    hidden = [
        each.model_dump()
        for path in _exports(layout)
        for each in _copy(path, f"{CODE}/{layout.shown(path)}", pack, known)
    ]
    content = {**places, "masked": hidden}
    files.write_text(pack / CODE / LAYOUT, json.dumps(content, indent=2) + "\n")


def copy_runbook(source: Path, shown: str, pack: Path, known: Known) -> list[Masked]:
    """Copy a runbook as it is executed, with the file that its comparisons go by.

    Args:
        source: the runbook.
        shown: its path from the project's folder.
        pack: the release's folder.
        known: values that are secret whatever they look like.

    Returns:
        What had to be masked in the copy.
    """
    name = f"{CODE}/{shown}"
    if (source.parent / SANITIZE_FILE).is_file():
        beside = Path(name).with_name(SANITIZE_FILE).as_posix()
        _copy(source.parent / SANITIZE_FILE, beside, pack, known)
    return _copy(source, name, pack, known)


def read_masked(pack: Path) -> list[Masked]:
    """What had to be masked in the carried exports."""
    path = pack / CODE / LAYOUT
    if not path.is_file():
        return []
    hidden = json.loads(path.read_text(encoding="utf-8")).get("masked", [])
    return [Masked.model_validate(each) for each in hidden]


def digests(pack: Path) -> dict[str, str]:
    """The sha256 of each carried file, by its path from the project's folder."""
    top = pack / CODE
    found = {path.relative_to(top).as_posix(): path for path in top.rglob("*") if path.is_file()}
    return {name: files.sha256(path) for name, path in sorted(found.items()) if name != LAYOUT}


def read_layout(pack: Path) -> Layout | None:
    """Where things lie under the pack's ``code/``; None in a pack that carries no exports.

    Raises:
        ValueError, KeyError, TypeError: it is not what :func:`copy_exports` wrote.
    """
    path = pack / CODE / LAYOUT
    if not path.is_file():
        return None
    places = json.loads(path.read_text(encoding="utf-8"))
    top = pack / CODE
    notebooks, exported, tests = (top / str(places[n]) for n in ("notebooks", "exported", "tests"))
    return Layout(top, notebooks, exported, tests, int(places["width"]))


def _exports(layout: Layout) -> Iterator[Path]:
    """Each ledger names the notebook that its folder was written from."""
    for path in sorted(layout.exported.glob(f"*/{ledger.NAME}")):
        last = ledger.load(path)
        if last is not None:
            notebook = layout.root / last.notebook
            test = layout.tests / f"test_{path.parent.name}.py"
            yield from (each for each in (notebook, path, test) if each.is_file())
            yield from sorted(path.parent.glob("*.py"))


def _copy(path: Path, name: str, pack: Path, known: Known) -> list[Masked]:
    """Copy a file into the pack, without secrets; what was hidden in it."""
    content = path.read_bytes()
    try:
        text = content.decode("utf-8")
        if path.suffix == ".ipynb":
            clean, count = mask(json.loads(text), known)
            text = json.dumps(clean, indent=1, ensure_ascii=False) + "\n"
        else:
            text, count = mask_text(text, known)
    except ValueError:  # neither text nor a notebook: whoever reads it says so
        count = Counter()
    files.write_bytes(pack / name, text.encode("utf-8") if count else content)
    return [Masked(file=name, part="file", what=w, times=times) for w, times in count.items()]
