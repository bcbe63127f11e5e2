"""The files that the docs name exist, and the design describes all packages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = ["README.md", "CONTRIBUTING.md", *sorted(f"docs/{p.name}" for p in ROOT.glob("docs/*.md"))]
FOLDERS = ("src", "packages", "tests", "benchmarks", "lab", "infra", ".ado", "docs", "runbooks")
PATH = re.compile(rf"`((?:{'|'.join(map(re.escape, FOLDERS))})/[\w./-]+)`")
MODULE = re.compile(r"`([\w-]+/[\w/-]+\.py)`")
EXAMPLES = {
    "runbooks/NN_name.ipynb",  # of a runbook to add
    "runbooks/assets/payload.py",  # of a user's project
    "src/score.py",  # of a parallel step
}
SOURCES = [path.as_posix() for top in (*FOLDERS, "exported") for path in (ROOT / top).rglob("*.py")]
PACKAGES = {
    "nbrelease": ROOT / "src" / "nbrelease",
    "azureml_local": ROOT / "packages" / "azureml-local" / "src" / "azureml_local",
}


@pytest.mark.parametrize("page", PAGES)
def test_files_that_a_page_names_exist(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    assert sorted(p for p in {*PATH.findall(text)} - EXAMPLES if not (ROOT / p).exists()) == []
    modules = {f"/{each}" for each in {*MODULE.findall(text)} - EXAMPLES}
    assert sorted(each for each in modules if not any(s.endswith(each) for s in SOURCES)) == []


@pytest.mark.parametrize("name", PACKAGES)
def test_the_design_describes_each_package(name):
    text = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    section = text.partition(f"### Packages of {name}\n")[2].partition("\n#")[0]
    rows = re.findall(r"^\| (`[^|]+) \|", section, re.MULTILINE)
    described = {each for row in rows for each in re.findall(r"`(\w+)`", row)}
    folder = PACKAGES[name]
    packages = {path.parent.name for path in folder.glob("*/__init__.py")}
    assert packages - described == set()
    modules = packages | {path.stem for path in folder.glob("*.py")}
    assert described - modules == set()
