"""``nbrelease export`` and ``sync`` as subprocesses."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.functional
BIN = Path(sys.executable).parent
MALFORMED = Path(__file__).parents[2] / "unit" / "nbrelease" / "export"
CELLS = [
    ("params", ["parameters"], "n: int = 2  # what is doubled"),
    ("double", ["export"], "def double(x: int) -> int:\n    return 2 * x"),
    ("go", ["main"], "print(double(n))"),
    ("test-double", ["test"], "assert double(2) == 4"),
]


def write(root: Path, name: str, cells) -> Path:
    content = {
        "cells": [
            {"cell_type": "code", "execution_count": None, "id": cell_id, "metadata": {"tags": tags}, "outputs": [], "source": source}
            for cell_id, tags, source in cells
        ],
        "metadata": {}, "nbformat": 4, "nbformat_minor": 5,
    }  # fmt: skip
    path = root / "notebooks" / f"{name}.ipynb"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return path


@pytest.fixture
def root(tmp_path) -> Path:
    (tmp_path / "settings.ini").write_text("[DEFAULT]\n", encoding="utf-8")
    write(tmp_path, "some", CELLS)
    return tmp_path


def nbrelease(root: Path, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    clean = {
        key: value for key, value in os.environ.items() if key not in ("TF_BUILD", "GITHUB_ACTIONS")
    }
    return subprocess.run(
        [BIN / "nbrelease", *words], cwd=root, capture_output=True, text=True, check=False, timeout=60,
        env={**clean, "XDG_CACHE_HOME": str(root / ".cache"), **env},
    )  # fmt: skip


def test_export_check_edit_sync(root):
    done = nbrelease(root, "export", "--check")
    assert done.returncode == 1
    assert "exported/some/main.py:1:1: error NBR601" in done.stderr
    assert "tests/exported/test_some.py:1:1: error NBR601" in done.stderr
    assert not (root / "exported").exists()
    assert nbrelease(root, "export").returncode == 0
    assert nbrelease(root, "export", "--check").returncode == 0
    done = subprocess.run(
        [sys.executable, "exported/some/main.py", "--n", "21"], cwd=root, capture_output=True, text=True, check=True
    )  # fmt: skip
    assert done.stdout == "42\n"
    main = root / "exported/some/main.py"
    main.write_text(
        main.read_text("utf-8").replace("return 2 * x", "return x + x"), encoding="utf-8"
    )
    done = nbrelease(root, "export")
    assert done.returncode == 1
    assert "NBR602" in done.stderr
    assert "+    return x + x" in done.stderr
    done = nbrelease(root, "sync")
    assert done.returncode == 0
    assert done.stdout.startswith("notebooks/some.ipynb: ")
    assert "return x + x" in (root / "notebooks/some.ipynb").read_text("utf-8")
    assert nbrelease(root, "export", "--check").returncode == 0


def test_untested_functions_fail_if_the_settings_require_tests(root):
    write(root, "some", CELLS[:3])
    assert nbrelease(root, "export").returncode == 0
    assert nbrelease(root, "export", "--check").returncode == 0
    (root / "settings.ini").write_text("[DEFAULT]\nexport_untested = fail\n", encoding="utf-8")
    done = nbrelease(root, "export", "--check")
    assert done.returncode == 1
    assert "double (notebooks/some.ipynb), main (notebooks/some.ipynb)" in done.stderr


def test_malformed_notebooks_are_reported_and_not_changed(root, monkeypatch):
    """In every output format, by sync, and by clean."""
    monkeypatch.syspath_prepend(str(MALFORMED))
    from malformed_notebooks import COUNT, malformed

    there = {}
    for number in range(0, COUNT, 9):  # two of each kind
        path = root / "notebooks" / f"n{number}.ipynb"
        path.write_bytes(malformed(number))
        there[path] = path.read_bytes()
    for form in ("text", "json", "sarif", "github", "ado"):
        done = nbrelease(root, "export", "--format", form)
        assert done.returncode == 1, done.stderr[-2000:]
        assert "Traceback" not in done.stdout + done.stderr
        assert "NBR101" in done.stdout + done.stderr
        if form in ("json", "sarif"):
            json.loads(done.stdout)
    assert nbrelease(root, "sync").returncode == 0
    assert nbrelease(root, "export", "--check").returncode == 1
    assert {path: path.read_bytes() for path in there} == there
    for path, content in list(there.items())[::14]:
        done = subprocess.run([BIN / "nbrelease", "clean", "-"], input=content, capture_output=True, check=False)  # fmt: skip
        assert done.returncode == 0
        assert done.stdout == content or not done.stderr
        assert nbrelease(root, "clean", str(path)).returncode in (0, 2)


USES_OWN_PACKAGE = [("f", ["export"], "import mine\nimport pandas\n\nx = mine.read(pandas)")]
FIXED = {"LC_ALL": "C", "PYTHONHASHSEED": "1", "PYTHONUTF8": "0", "TZ": "Asia/Tokyo"}


def test_exported_bytes_do_not_depend_on_machine_folder_or_order(tmp_path):
    """Another folder, hash seed, locale, time zone, order of files, and one notebook at a time."""
    names = ("whole", "library", "parameter-types", "unicode", "imports-sorted", "tests-with-names")
    exported = []
    for number, env in enumerate((FIXED, {"PYTHONHASHSEED": "2", "LC_ALL": "C.UTF-8"})):
        root = tmp_path / ("a" if number else "a rather longer place")
        (root / "notebooks" / "deep").mkdir(parents=True)
        (root / "settings.ini").write_text("[DEFAULT]\n", encoding="utf-8")
        (root / "src" / "mine").mkdir(parents=True)
        ordered = [*names, "own"] if number else ["own", *names[::-1]]
        for name in names:
            shutil.copy(MALFORMED / "mirror" / "inputs" / f"{name}.ipynb", root / "notebooks")
        write(root, "own", USES_OWN_PACKAGE)
        if number:
            assert nbrelease(root / "notebooks" / "deep", "export", **env).returncode == 0
        else:
            for name in ordered:
                done = nbrelease(root, "export", f"notebooks/{name}.ipynb", **env)
                assert done.returncode == 0, done.stderr
        written = [*root.glob("exported/**/*"), *root.glob("tests/**/*")]
        exported.append({p.relative_to(root): p.read_bytes() for p in written if p.is_file()})
    assert len(exported[0]) >= 3 * len(names)
    assert exported[0] == exported[1]
    assert b"import pandas\n\nimport mine\n" in exported[0][Path("exported/own/__init__.py")]


def test_a_new_package_of_the_project_is_sorted_as_such(root):
    write(root, "own", USES_OWN_PACKAGE)
    nbrelease(root, "export")
    (root / "src" / "mine").mkdir(parents=True)
    nbrelease(root, "export")
    exported = (root / "exported" / "own" / "__init__.py").read_text(encoding="utf-8")
    assert "import pandas\n\nimport mine\n" in exported


BROKEN = [("f", ["export"], "x = 1\n\n\ndef f():\n    return nowhere")]


@pytest.mark.parametrize(
    ("words", "env", "expected"),
    [
        (
            ["--format", "text"],
            {},
            "notebooks/bad.ipynb:f:5:12: error NBR302 ",
        ),
        (
            [],
            {"TF_BUILD": "True"},
            "##vso[task.logissue type=error;sourcepath=notebooks/bad.ipynb;linenumber=",
        ),
        ([], {"GITHUB_ACTIONS": "true"}, "::error file=notebooks/bad.ipynb,line="),
    ],
)
def test_output_format_follows_the_environment(root, words, env, expected):
    write(root, "bad", BROKEN)
    done = nbrelease(root, "export", "--check", *words, **env)
    assert done.returncode == 1
    assert expected in done.stdout + done.stderr


def test_json_and_sarif(root):
    write(root, "bad", BROKEN)
    [diagnostic] = [
        each
        for each in json.loads(nbrelease(root, "export", "--format", "json").stdout)
        if each["level"] == "error"
    ]
    assert (diagnostic["code"], diagnostic["cell"], diagnostic["line"], diagnostic["column"]) == (
        "NBR302",
        "f",
        5,
        12,
    )
    run = json.loads(nbrelease(root, "export", "--format", "sarif").stdout)["runs"][0]
    assert [rule["id"] for rule in run["tool"]["driver"]["rules"]] == ["NBR302", "NBR501"][
        : len(run["tool"]["driver"]["rules"])
    ]
    assert run["results"][0]["ruleId"] == "NBR302"


def test_an_error_in_one_notebook_does_not_prevent_the_export_of_others(root):
    write(root, "bad", BROKEN)
    done = nbrelease(root, "export")
    assert done.returncode == 1
    assert "notebooks/bad.ipynb" in done.stderr.splitlines()[-1]
    assert (root / "exported/some/main.py").is_file()
    assert not (root / "exported/bad").exists()


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["export", "notebooks/sme.ipynb"], "notebooks/some.ipynb"),
        (["export", "--format", "xml"], "'--format'"),
        (["sync", "nowhere.ipynb"], "nowhere.ipynb"),
    ],
)
def test_usage_errors_exit_with_code_2_and_one_line(root, words, text):
    done = nbrelease(root, *words)
    assert done.returncode == 2
    assert text in done.stderr
    assert len(done.stderr.splitlines()) == 1


SHARED = [("f", ["export"], "def f() -> int:\n    return 1")]


def save(root: Path, name: str, cells) -> None:
    """Write a notebook in one step: a watcher sees the old or the new content, nothing between."""
    path = root / "notebooks" / f"{name}.ipynb"
    write(root, f".{name}.new", cells).replace(path)


def test_watch_exports_saved_notebooks(tmp_path):
    root = tmp_path / ".hidden" / "project"  # hidden folders above the project do not matter
    root.mkdir(parents=True)
    (root / "settings.ini").write_text("[DEFAULT]\n", encoding="utf-8")
    write(root, "some", CELLS)
    process = subprocess.Popen(
        [BIN / "nbrelease", "export", "--watch"], cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )  # fmt: skip
    try:
        assert process.stdout is not None
        assert "notebooks/" in process.stdout.readline()
        assert "notebooks/some.ipynb: exported/some/main.py" in process.stdout.readline()
        save(root, "some", [*CELLS[:2], ("go", ["main"], "print(double(n) + 1)"), CELLS[3]])
        assert "notebooks/some.ipynb: exported/some/main.py" in process.stdout.readline()
        assert "print(double(n) + 1)" in (root / "exported/some/main.py").read_text("utf-8")
        save(root, "some", BROKEN)
        line = process.stdout.readline()
        assert line.startswith("notebooks/some.ipynb: ")
        assert "main.py" not in line
        save(root, "shared", SHARED)
        assert "notebooks/shared.ipynb: exported/shared/__init__.py" in process.stdout.readline()
        save(root, "some", [("go", ["main"], "from shared import f\n\nprint(f())")])
        line = process.stdout.readline()
        assert "notebooks/some.ipynb: exported/some/main.py, exported/some/shared.py" in line
        save(root, "shared", [("f", ["export"], "def f() -> int:\n    return 7")])
        assert "notebooks/shared.ipynb: exported/shared/__init__.py" in process.stdout.readline()
        assert "notebooks/some.ipynb: exported/some/shared.py (" in process.stdout.readline()
        saved = (
            root / "notebooks" / ".~some.ipynb"
        )  # Jupyter saves to a temporary file and renames it
        saved.write_bytes(write(root, "some", CELLS).read_bytes())
        assert "notebooks/some.ipynb: exported/some/main.py" in process.stdout.readline()
        saved.write_text(saved.read_text("utf-8").replace("2 * x", "x * 2"), encoding="utf-8")
        saved.rename(root / "notebooks" / "some.ipynb")
        assert "notebooks/some.ipynb: exported/some/main.py (" in process.stdout.readline()
    finally:
        process.terminate()
        process.communicate(timeout=60)
    assert process.returncode == 130


def test_fix_changes_what_follows_from_the_notebook(root):
    path = write(
        root, "fixable",
        [
            ("untagged", [], "import math"),
            ("unused", ["export"], "import os, sys\nimport json"),
            ("area", ["export"], "def area(r):\n    return json.dumps(math.pi * r * r)"),
            ("wait", ["main"], "print(area(float(input())))"),
        ],
    )  # fmt: skip
    before = path.read_bytes()
    assert nbrelease(root, "export", "--fix", "--check", str(path)).returncode == 2
    assert path.read_bytes() == before
    done = nbrelease(root, "export", "--fix", str(path))
    assert done.returncode == 1  # input() needs a decision
    codes = {line.split()[2] for line in done.stderr.splitlines() if " error " in line}
    assert codes == {"NBR206"}
    sources = ["".join(c["source"]) for c in json.loads(path.read_text())["cells"]]
    assert sources == [
        "import math",
        "import json",
        "import math\ndef area(r):\n    return json.dumps(math.pi * r * r)",
        "print(area(float(input())))",
    ]
    again = path.read_bytes()
    assert nbrelease(root, "export", "--fix", str(path)).returncode == 1
    assert path.read_bytes() == again
