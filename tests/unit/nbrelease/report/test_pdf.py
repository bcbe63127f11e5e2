"""``nbrelease evidence pdf`` with fake browsers; tests/browser prints with a real one."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from nbrelease.cli import main

PRINTS = """#!/bin/sh
for word in "$@"; do case "$word" in
  --print-to-pdf=*) to="${word#--print-to-pdf=}";;
  file://*) page="${word#file://}";;
esac; done
{ printf '%%PDF-1.4\\n'; cat "$page"; } > "$to"
"""


@pytest.fixture
def pack(english, tmp_path) -> Path:
    return shutil.copytree(english["full"].folder, tmp_path / "evidence" / "prod-1")


def browser(tmp_path: Path, monkeypatch, script: str) -> None:
    program = tmp_path / "browser"
    program.write_text(script)
    program.chmod(0o755)
    monkeypatch.setenv("NBRELEASE_BROWSER", str(program))


def test_the_pdf_is_written_next_to_the_pack(pack, tmp_path, monkeypatch, capsys):
    browser(tmp_path, monkeypatch, PRINTS)
    before = sorted(pack.rglob("*"))
    assert main(["evidence", "pdf", str(pack)]) == 0
    printed = (pack.parent / "prod-1.pdf").read_text(encoding="utf-8")
    assert sorted(pack.rglob("*")) == before
    assert "diabetes-classifier" in printed
    assert 'href="#tests"' in printed  # within the page
    assert 'href="html/' not in printed  # a PDF would name this machine's folder
    assert "record.json</a>" in printed
    assert capsys.readouterr().out.strip().endswith("evidence/prod-1.pdf")


def test_a_notebook_and_another_target(pack, tmp_path, monkeypatch):
    browser(tmp_path, monkeypatch, PRINTS)
    assert main(["evidence", "pdf", str(pack / "html" / "02_train.html")]) == 0
    assert (pack.parent / "prod-1-02_train.pdf").is_file()
    assert main(["evidence", "pdf", str(pack), "-o", str(tmp_path / "a" / "b.pdf")]) == 0
    assert (tmp_path / "a" / "b.pdf").is_file()


def test_without_a_browser_the_error_is_one_line(pack, tmp_path, monkeypatch, capsys):
    monkeypatch.delenv("NBRELEASE_BROWSER", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("nbrelease.report.pdf.MACOS_PROGRAMS", ())
    assert main(["evidence", "pdf", str(pack)]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert "apt-get install chromium" in lines[0]
    assert "NBRELEASE_BROWSER" in lines[0]


def test_a_missing_browser_is_named(pack, monkeypatch, capsys):
    monkeypatch.setenv("NBRELEASE_BROWSER", "no-such-browser")
    assert main(["evidence", "pdf", str(pack)]) == 2
    assert "NBRELEASE_BROWSER=no-such-browser" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("#!/bin/sh\necho first >&2; echo cannot start >&2; exit 5\n", "cannot start"),
        ("#!/bin/sh\nexit 0\n", "exit code 0"),
        ("not a program", "Exec format error"),
    ],
)
def test_a_browser_that_fails_leaves_no_pdf(pack, tmp_path, monkeypatch, capsys, script, message):
    browser(tmp_path, monkeypatch, script)
    assert main(["evidence", "pdf", str(pack)]) == 1
    assert message in capsys.readouterr().err
    assert not list(pack.parent.glob("*.pdf"))


def test_other_files_are_refused(pack, monkeypatch, capsys):
    assert main(["evidence", "pdf", str(pack / "record.json")]) == 2
    assert main(["evidence", "pdf", str(pack / "junit")]) == 2
    assert str(pack / "junit") in capsys.readouterr().err
