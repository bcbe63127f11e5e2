"""Mirror files: mirror/outputs holds the expected export of each notebook in mirror/inputs.

The expected diagnostics are listed by location, level and code. A change of the export shows as a
diff of these files. To update them:
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

HERE = Path(__file__).parent / "mirror"
NAMES = sorted(path.stem for path in (HERE / "inputs").glob("*.ipynb"))
OTHER_NOTEBOOKS = {"same-module": ["whole"]}
# Rules about exported files and package lists, which have tests of their own.
FILE_RULES = {
    "NBR502",
    "NBR601",
    "NBR602",
    "NBR603",
    "NBR604",
    "NBR701",
    "NBR702",
    "NBR703",
    "NBR704",
}


def layout(root: Path) -> Layout:
    return Layout(root, root / "notebooks", root / "exported", root / "tests")


def copied(root: Path, *names: str) -> list[Path]:
    (root / "notebooks").mkdir(exist_ok=True)
    for name in names:
        shutil.copy(HERE / "inputs" / f"{name}.ipynb", root / "notebooks")
    return [root / "notebooks" / f"{name}.ipynb" for name in names]


def render_mirror(root: Path, name: str) -> str:
    [path, *_] = copied(root, name, *OTHER_NOTEBOOKS.get(name, []))
    [export] = plan(layout(root), [path])
    diagnostics = [
        f"{each.location}: {each.rule.level} {each.rule.code}\n" for each in export.diagnostics
    ]
    parts = ["===== diagnostics\n", *diagnostics]
    for file in export.files:
        has_metrics = file.path.name == "contract.json" and name == "metrics"
        if file.path.suffix == ".py" or has_metrics:
            parts.append(f"===== {file.path.relative_to(root).as_posix()}\n{file.text}")
    return "".join(parts)


@pytest.mark.parametrize("name", NAMES)
def test_mirror(name, tmp_path):
    rendered = render_mirror(tmp_path, name)
    path = HERE / "outputs" / f"{name}.txt"
    if os.environ.get("MIRROR_UPDATE"):
        path.write_text(rendered, encoding="utf-8")
    assert rendered == path.read_text(encoding="utf-8")


def test_every_notebook_rule_has_a_mirror_file():
    assert len(NAMES) >= 40
    outputs = [path.read_text(encoding="utf-8") for path in (HERE / "outputs").glob("*.txt")]
    assert {path.stem for path in (HERE / "outputs").glob("*.txt")} == set(NAMES)
    seen = {code for code in RULES if any(f" {code}\n" in output for output in outputs)}
    assert seen == set(RULES) - FILE_RULES


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project with all mirror notebooks that can be exported."""
    root = tmp_path_factory.mktemp("project")
    copied(root, *(name for name in NAMES if name not in ("same-module", "import-beside-code")))
    exports = [export for export in plan(layout(root)) if not export.failed]
    for export in exports:
        export.write()
    return root


def test_exported_files_are_valid_python(project):
    files = [*project.rglob("exported/**/*.py"), *project.rglob("tests/*.py")]
    assert len(files) > 50
    for file in files:
        ast.parse(file.read_text(encoding="utf-8"))


def test_ruff_reports_only_problems_of_the_notebooks(project):
    """Sorted imports, no unused ones, no undefined names."""
    chosen = ["--select", "E,F,I,W,RUF022,RUF100", "--ignore", "F403,F405,F811,E402,E702"]
    done = subprocess.run(
        [sys.executable, "-m", "ruff", "check", "--isolated", *chosen, "exported", "tests"],
        cwd=project, capture_output=True, text=True, check=False,
    )  # fmt: skip
    left = [line for line in done.stdout.splitlines() if re.match(r"[EFIWR][A-Z]*\d+ ", line)]
    # Some notebooks use undefined names or unused imports on purpose.
    assert sorted({line.split()[0] for line in left} - {"F821", "F401"}) == [], done.stdout


@pytest.mark.parametrize("name", ["main", "__init__"])
def test_mypy_accepts_exports_of_typed_notebooks(project, name):
    """Generated code is typed for every type of parameter."""
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
        # This notebook uses `dict` without type arguments.
        more = ["--allow-any-generics"] if "parameter_types" in file else []
        done = mypy_api.run(["--strict", *more, "--no-error-summary", f"--cache-dir={project}/.mypy", "--config-file=", str(project / file)])  # fmt: skip
        assert done[2] == 0, done[0] + done[1]


def test_generated_code_is_formatted_as_ruff_does(project):
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


def test_every_option_type_is_read(project):
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
    "options",
    [
        ["--limit", "many"],
        ["--rate", "half"],
        ["--fast", "perhaps"],
        ["--kind", "three"],
        ["--level", "4"],
        ["--day", "today"],
        ["--extra", "{"],
        ["--nothing"],
    ],
)
def test_invalid_option_exits_with_code_2_and_one_line(project, options):
    done = run(project, "parameter_types", *options)
    assert done.returncode == 2
    assert done.stdout == ""
    [line] = done.stderr.splitlines()
    assert line.startswith("main.py: error: ")
    assert options[0] in line


def test_help_shows_groups_and_defaults(project):
    page = run(project, "parameter_types", "--help").stdout
    assert "Where:\n" in page
    assert "50% of them (default: 0.5)" in page
    assert "--day YYYY-MM-DD" in page


def test_exported_tests_run(project):
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:nbval", "--rootdir", project,
         "tests/test_whole.py", "tests/test_tests_of_pytest.py", "tests/test_tests_with_names.py", "tests/test_untested.py"],
        cwd=project, capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert "6 passed, 3 skipped" in done.stdout, done.stdout
