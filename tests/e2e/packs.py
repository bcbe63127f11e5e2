"""The evidence that a release left: what to read from it, and what holds for every pack."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
from pathlib import Path

from nbrelease.verification import verify


def newest(project: Path, env: str = "dev") -> Path:
    return max((project / "evidence").glob(f"{env}-*"), key=lambda path: path.name)


def finished(project: Path) -> set[Path]:
    return {manifest.parent for manifest in (project / "evidence").glob("*/manifest.json")}


def ran_in(project: Path, done: subprocess.CompletedProcess[str]) -> Path:
    """The release that a run by hand went into: an open one where there is one, or a new one."""
    folder = re.findall(r" -> (evidence/[^/]+)/notebooks/", done.stdout)[-1]
    return project / folder


def read_record(pack: Path) -> dict:
    return json.loads((pack / "record.json").read_text())


def read_values(pack: Path, runbook: str) -> dict:
    return _notebook(pack, runbook)["metadata"]["nbrelease"]["values"]


def pictures(pack: Path, runbook: str, cell: str) -> int:
    """How many a cell of an executed runbook shows."""
    [found] = [each for each in _notebook(pack, runbook)["cells"] if each["id"] == cell]
    return sum("image/png" in output.get("data", {}) for output in found["outputs"])


def _notebook(pack: Path, runbook: str) -> dict:
    return json.loads((pack / "notebooks" / f"{runbook}.ipynb").read_text())


def check_pack(project: Path, pack: Path) -> None:
    """It verifies, also after a bad end; nothing names this machine, links lead somewhere."""
    report = verify(pack)
    assert not report.failed, report.text()
    manifest = json.loads((pack / "manifest.json").read_text())["files"]
    there = {path.relative_to(pack).as_posix() for path in pack.rglob("*") if path.is_file()}
    assert there == set(manifest) | {"manifest.json", "later/index.html"}
    for name, digest in manifest.items():
        content = (pack / name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == digest, name
        assert str(project).encode() not in content, name
        assert str(Path.home()).encode() + b"/" not in content, name
    assert (pack / "index.html").stat().st_size < 1 << 20
    assert sum((pack / name).stat().st_size for name in there) < 5 << 20
    for page in (pack / name for name in there if name.endswith(".html")):
        for href in re.findall(r'<a\b[^>]* href="([^"#]+)', page.read_text(encoding="utf-8")):
            if not href.startswith(("http://", "https://")):  # an author's link to the web
                assert (page.parent / href).is_file(), (page.name, href)
