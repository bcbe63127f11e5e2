"""Read the evidence packs of releases, and check what every pack must satisfy."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
from pathlib import Path

from nbrelease.verification import verify


def newest(project: Path, env: str = "dev", model: str = "") -> Path:
    """The newest pack of an environment; ``model``: of that section ``[model:NAME]``."""
    start = f"{env}-{model}-" if model else f"{env}-"
    return max((project / "evidence").glob(f"{start}20*"), key=lambda path: path.name)


def finished(project: Path) -> set[Path]:
    return {manifest.parent for manifest in (project / "evidence").glob("*/manifest.json")}


def ran_in(project: Path, done: subprocess.CompletedProcess[str]) -> Path:
    """The release of a run by hand: the open one, or a new one."""
    folder = re.findall(r" -> (evidence/[^/]+)/notebooks/", done.stdout)[-1]
    return project / folder


def read_record(pack: Path) -> dict:
    return json.loads((pack / "record.json").read_text())


def read_values(pack: Path, runbook: str) -> dict:
    return _notebook(pack, runbook)["metadata"]["nbrelease"]["values"]


def pictures(pack: Path, runbook: str, cell: str) -> int:
    """The number of images in a cell of an executed runbook."""
    [shown] = [each for each in _notebook(pack, runbook)["cells"] if each["id"] == cell]
    return sum("image/png" in output.get("data", {}) for output in shown["outputs"])


def _notebook(pack: Path, runbook: str) -> dict:
    return json.loads((pack / "notebooks" / f"{runbook}.ipynb").read_text())


def check_pack(project: Path, pack: Path) -> None:
    """The pack verifies, contains no path of this machine, and has no broken link."""
    report = verify(pack)
    assert not report.failed, report.text()
    manifest = json.loads((pack / "manifest.json").read_text())["files"]
    present = {path.relative_to(pack).as_posix() for path in pack.rglob("*") if path.is_file()}
    assert present == set(manifest) | {"manifest.json", "later/index.html"}
    for name, digest in manifest.items():
        content = (pack / name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == digest, name
        assert str(project).encode() not in content, name
        assert str(Path.home()).encode() + b"/" not in content, name
    assert (pack / "index.html").stat().st_size < 1 << 20
    assert sum((pack / name).stat().st_size for name in present) < 5 << 20
    for page in (pack / name for name in present if name.endswith(".html")):
        for href in re.findall(r'<a\b[^>]* href="([^"#]+)', page.read_text(encoding="utf-8")):
            if not href.startswith(("http://", "https://")):  # a link to the web in a notebook
                assert (page.parent / href).is_file(), (page.name, href)
