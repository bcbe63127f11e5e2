"""What templates compile to is kept like Python's modules, and used while it is right."""

from __future__ import annotations

import sys

import jinja2
import pytest

from nbrelease.report.template_cache import Compiled


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    monkeypatch.setattr(sys, "pycache_prefix", None)
    (tmp_path / "page.j2").write_text("one {{ x }}")
    return tmp_path


def render(folder) -> str:
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder), bytecode_cache=Compiled(), autoescape=True
    )
    return made.get_template("page.j2").render(x=1)


def kept(folder):
    return list(folder.glob("__pycache__/*"))


def test_the_second_time_nothing_is_compiled(folder, monkeypatch):
    assert render(folder) == "one 1"
    assert len(kept(folder)) == 1
    monkeypatch.setattr(jinja2.Environment, "compile", None)
    assert render(folder) == "one 1"


def test_a_changed_template_is_compiled_again(folder):
    render(folder)
    (folder / "page.j2").write_text("two {{ x }}")
    assert render(folder) == "two 1"
    assert len(kept(folder)) == 1


@pytest.mark.parametrize("cut", [0, 40, 64, 80])
def test_a_damaged_file_is_made_again(folder, cut):
    render(folder)
    [path] = kept(folder)
    whole = path.read_bytes()
    path.write_bytes(whole[:cut])
    assert render(folder) == "one 1"
    assert path.read_bytes() == whole


def test_nothing_is_written_where_python_writes_none(folder, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    assert render(folder) == "one 1"
    assert kept(folder) == []


def test_a_folder_that_cannot_be_written_is_no_reason_to_fail(folder):
    (folder / "__pycache__").write_text("a file is in the way")
    assert render(folder) == "one 1"
