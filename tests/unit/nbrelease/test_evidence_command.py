"""``nbrelease evidence`` at the command line."""

from __future__ import annotations

import shutil
from pathlib import Path

import packs
import pytest

from nbrelease.cli import main
from nbrelease.pack import load_record

SETTINGS = Path(__file__).parents[3] / "settings.ini"


@pytest.fixture
def project(tmp_path, monkeypatch):
    shutil.copy(SETTINGS, tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_build_says_the_verdict_and_where_to_read(project, capsys):
    folder = packs.rejected(project / "evidence")
    assert main(["evidence", "build", "--env", "prod", folder.name]) == 0
    verdict, page = capsys.readouterr().out.splitlines()
    assert verdict.startswith("rejected: ")
    assert "Bob" in verdict
    assert page == f"evidence/{folder.name}/index.html"
    assert (folder / "manifest.json").is_file()


def test_build_takes_the_pipelines_word(project, capsys):
    folder = packs.first(project / "evidence")
    words = ["--results", "train=Succeeded register=Canceled deploy"]
    assert main(["evidence", "build", "--env", "prod", *words, folder.name]) == 0
    assert capsys.readouterr().out.startswith("interrupted: ")
    because = load_record(folder).because
    assert (because.code, because.about) == ("stage cancelled", {"stage": "register"})


@pytest.mark.parametrize(
    ("words", "place"),
    [
        (["build", "--env", "prod", "prod-1"], "prod-1"),
        (["build", "--env", "nowhere", "prod-1"], "nowhere"),
        (["site"], "evidence/"),
    ],
)
def test_wrong_arguments_are_reported_in_one_line(project, capsys, words, place):
    assert main(["evidence", *words]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert place in lines[0]
    assert "Traceback" not in "".join(lines)


def test_site_says_how_much_was_new(project, capsys):
    for make in (packs.first, packs.full):
        folder = make(project / "evidence")
        assert main(["evidence", "build", "--env", "prod", folder.name]) == 0
    capsys.readouterr()
    assert main(["evidence", "site"]) == 0
    assert capsys.readouterr().out.splitlines() == ["2 releases, 2 new", "evidence/index.html"]
    assert main(["evidence", "site", "--env", "prod"]) == 0
    assert "2 releases, 0 new" in capsys.readouterr().out
