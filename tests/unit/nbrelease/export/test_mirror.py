"""Mirror files: each notebook of mirror/inputs has what it gives in mirror/outputs.

A change of what is written or said shows as a diff of these files. After looking at it:
``MIRROR_UPDATE=1 pytest tests/unit/nbrelease/export/test_mirror.py``.
"""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from mypy import api as mypy_api

from nbrelease.export import Layout, plan
from nbrelease.export.diagnostic import RULES
from nbrelease.export.formats import text

HERE = Path(__file__).parent / "mirror"
NAMES = sorted(path.stem for path in (HERE / "inputs").glob("*.ipynb"))
BESIDE = {"same-module": ["whole"]}
# A mirror of another cell's finding, or one that needs files: looked at in other tests.
ELSEWHERE = {"NBR502", "NBR601", "NBR602", "NBR603", "NBR604"}


def layout(root: Path) -> Layout:
    return Layout(root, root / "notebooks", root / "exported", root / "tests")


def copied(root: Path, *names: str) -> list[Path]:
    (root / "notebooks").mkdir(exist_ok=True)
    for name in names:
        shutil.copy(HERE / "inputs" / f"{name}.ipynb", root / "notebooks")
    return [root / "notebooks" / f"{name}.ipynb" for name in names]


def given(root: Path, name: str) -> str:
    [path, *_] = copied(root, name, *BESIDE.get(name, []))
    [export] = plan(layout(root), [path])
    parts = [f"===== findings\n{text(export.found)}\n"]
    for file in export.files:
        if file.path.suffix == ".py":
            parts.append(f"===== {file.path.relative_to(root).as_posix()}\n{file.text}")
    return "".join(parts)


@pytest.mark.parametrize("name", NAMES)
def test_mirror(name, tmp_path):
    found = given(tmp_path, name)
    path = HERE / "outputs" / f"{name}.txt"
    if os.environ.get("MIRROR_UPDATE"):
        path.write_text(found, encoding="utf-8")
    assert found == path.read_text(encoding="utf-8")


def test_there_are_enough_and_every_rule_is_among_them():
    assert len(NAMES) >= 40
    outputs = [path.read_text(encoding="utf-8") for path in (HERE / "outputs").glob("*.txt")]
    assert {path.stem for path in (HERE / "outputs").glob("*.txt")} == set(NAMES)
    seen = {code for code in RULES if any(f" {code} " in output for output in outputs)}
    assert seen == set(RULES) - ELSEWHERE


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """All mirror notebooks that can be exported, in one project."""
    root = tmp_path_factory.mktemp("project")
    copied(root, *(name for name in NAMES if name not in ("same-module", "import-beside-code")))
    exports = [export for export in plan(layout(root)) if not export.failed]
    for export in exports:
        export.write()
    return root


def test_what_is_written_is_python(project):
    files = [*project.rglob("exported/**/*.py"), *project.rglob("tests/*.py")]
    assert len(files) > 50
    for file in files:
        ast.parse(file.read_text(encoding="utf-8"))


def test_ruff_finds_nothing_but_what_the_notebooks_themselves_have(project):
    """Sorted imports, no unused ones, no undefined names."""
    chosen = ["--select", "E,F,I,W,RUF022,RUF100", "--ignore", "F403,F405,F811,E402,E702"]
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--isolated", *chosen, "exported", "tests"],
        cwd=project, capture_output=True, text=True, check=False,
    )  # fmt: skip
    left = [line for line in done.stdout.splitlines() if re.match(r"[EFIWR][A-Z]*\d+ ", line)]
    # «ignored» uses an undefined name on purpose; three notebooks have imports for later
    assert sorted({line.split()[0] for line in left} - {"F821", "F401"}) == [], done.stdout


@pytest.mark.parametrize("name", ["main", "__init__"])
def test_mypy_finds_nothing_where_the_notebooks_are_typed(project, name):
    """Strictly; what is written around the cells is typed for every type of parameter."""
    typed = [
        "whole",
        "parameter_types",
        "parameters_more_types",
        "parameter_long_help",
        "long_lines",
        "library",
    ]
    files = [f"exported/{each}/{name}.py" for each in typed]
    files = [file for file in files if (project / file).is_file()]
    assert files
    for file in files if name == "main" else [files[0]]:
        # «dict» without its types is the notebook's own word there.
        more = ["--allow-any-generics"] if "parameter_types" in file else []
        done = mypy_api.run(["--strict", *more, "--no-error-summary", f"--cache-dir={project}/.mypy", "--config-file=", str(project / file)])  # fmt: skip
        assert done[2] == 0, done[0] + done[1]


def test_ruff_would_write_the_shipped_shape_the_same_way(project):
    chosen = ["exported/whole/main.py", "exported/library/__init__.py", "tests/test_whole.py"]
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "format", "--isolated", "--check", "--diff", *chosen],
        cwd=project, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout


def run(project: Path, name: str, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, project / "exported" / name / "main.py", *options],
        capture_output=True, text=True, check=False, timeout=30,
    )  # fmt: skip


def test_every_type_of_option_is_read(project):
    done = run(
        project, "parameter_types", "--limit", "7", "--fast", "true", "--kind", "two", "--level", "3",
        "--columns", "x, y", "--day", "2026-02-28", "--extra", '{"b": [2]}', "--folder", "/tmp", "--rate", "1",
    )  # fmt: skip
    assert done.stdout.strip() == (
        "https://example.org/?a=1&b=2#part /tmp 7 1.0 True two 3 ['x', 'y'] 2026-02-28 {'b': [2]} it's"
    )
    assert (
        "None 0.5 False one 2 ['a', 'b'] 2026-01-31 {'a': 1} it's"
        in run(project, "parameter_types").stdout
    )
    assert "True" in run(project, "parameter_types", "--fast").stdout
    assert " None " in run(project, "parameter_types", "--limit", "None").stdout


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--limit", "many"], "argument --limit: invalid int value: 'many'"),
        (["--rate", "half"], "argument --rate: invalid float value: 'half'"),
        (["--fast", "perhaps"], "argument --fast: 'perhaps' is neither true nor false"),
        (
            ["--kind", "three"],
            "argument --kind: invalid choice: 'three' (choose from 'one', 'two')",
        ),
        (["--level", "4"], "argument --level: invalid choice: 4 (choose from 1, 2, 3)"),
        (["--day", "today"], "argument --day: 'today' is no date; write YYYY-MM-DD"),
        (["--extra", "{"], "argument --extra: no JSON: "),
        (["--nothing"], "unrecognized arguments: --nothing"),
    ],
)
def test_a_wrong_value_is_one_line_and_exit_code_2(project, options, message):
    done = run(project, "parameter_types", *options)
    assert done.returncode == 2
    assert done.stdout == ""
    [line] = done.stderr.splitlines()
    assert line.startswith("main.py: error: ")
    assert message.replace("'", "") in line.replace(
        "'", ""
    )  # Python versions quote choices differently


def test_help_is_grouped_and_tells_the_defaults(project):
    page = run(project, "parameter_types", "--help").stdout
    assert "Where:\n" in page
    assert "50% of them (default: 0.5)" in page
    assert "--day YYYY-MM-DD" in page


def test_the_written_tests_run(project):
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", project,
         "tests/test_whole.py", "tests/test_tests_of_pytest.py", "tests/test_tests_with_names.py", "tests/test_untested.py"],
        cwd=project, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert "6 passed, 3 skipped" in done.stdout, done.stdout
