"""The code of a release, copied into its pack under ``code/``.

The pack has the exported notebooks, the files exported from them, and the runbooks, byte for byte.
Verification exports the notebooks again and compares the executed runbooks with their sources.
Secrets are masked here too; the masked file is listed, and its digest differs from the original.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from nbrelease import files
from nbrelease.contract import CONTRACT_FILE
from nbrelease.export import export_state
from nbrelease.export.layout import Layout, load
from nbrelease.output_comparison import SANITIZE_FILE
from nbrelease.records import Masked
from nbrelease.secrets import Known, mask, mask_text

CODE = "code"
LAYOUT = "layout.json"


def copy_exports(root: Path, pack: Path) -> None:
    """Copy the exported notebooks and the files exported from them."""
    layout = load(root).layout
    places = {
        "notebooks": layout.relative(layout.notebooks),
        "exported": layout.relative(layout.exported),
        "tests": layout.relative(layout.tests),
        "width": layout.width,
    }
    known = Known.of_environment()
    hidden = [
        each.model_dump()
        for path in _exports(layout)
        for each in _copy(path, f"{CODE}/{layout.relative(path)}", pack, known)
    ]
    content = {**places, "masked": hidden}
    files.write_text(pack / CODE / LAYOUT, json.dumps(content, indent=2) + "\n")


def copy_runbook(source: Path, shown: str, pack: Path, known: Known) -> list[Masked]:
    """Copy the source of a runbook, with the rules for comparing its outputs.

    Args:
        source: the runbook.
        shown: its path from the project's folder.
        pack: the release's folder.
        known: secret values, in any form.

    Returns:
        The secrets that were masked in the copy.
    """
    name = f"{CODE}/{shown}"
    if (source.parent / SANITIZE_FILE).is_file():
        rules = Path(name).with_name(SANITIZE_FILE).as_posix()
        _copy(source.parent / SANITIZE_FILE, rules, pack, known)
    return _copy(source, name, pack, known)


def read_masked(pack: Path) -> list[Masked]:
    """The secrets that were masked in the exported files."""
    path = pack / CODE / LAYOUT
    if not path.is_file():
        return []
    hidden = json.loads(path.read_text(encoding="utf-8")).get("masked", [])
    return [Masked.model_validate(each) for each in hidden]


def digests(pack: Path) -> dict[str, str]:
    """The sha256 of each file under ``code/``, by its path in the project."""
    top = pack / CODE
    paths = {path.relative_to(top).as_posix(): path for path in top.rglob("*") if path.is_file()}
    return {name: files.sha256(path) for name, path in sorted(paths.items()) if name != LAYOUT}


def read_layout(pack: Path) -> Layout | None:
    """The project's folders under ``code/`` in the pack; None in a pack without exported files.

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
    """The state file of an export names its notebook."""
    for path in sorted(layout.exported.glob(f"*/{export_state.STATE_FILE}")):
        last = export_state.load(path)
        if last is not None:
            notebook = layout.root / last.notebook
            test = layout.tests / f"test_{path.parent.name}.py"
            yield from (each for each in (notebook, path, test) if each.is_file())
            yield from sorted(path.parent.glob("*.py"))
            yield from path.parent.glob(CONTRACT_FILE)


def _copy(path: Path, name: str, pack: Path, known: Known) -> list[Masked]:
    """Copy a file into the pack and mask its secrets."""
    content = path.read_bytes()
    constants: list[str] = []  # NaN and infinity: not valid JSON, written as null
    try:
        text = content.decode("utf-8-sig")
        if path.suffix == ".ipynb":
            clean, count = mask(json.loads(text, parse_constant=constants.append), known)
            text = json.dumps(clean, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
        else:
            text, count = mask_text(text, known)
    except ValueError:  # neither text nor a notebook; its reader reports that
        count = Counter()
    files.write_bytes(pack / name, text.encode("utf-8") if count or constants else content)
    return [Masked(file=name, part="file", what=w, times=times) for w, times in count.items()]
