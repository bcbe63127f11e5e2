"""The pipeline of pull requests fails if tests fail or are missing, and publishes their results."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from tests.e2e.projects import checkout

from pipelines_local import RunResult, run_pipeline

pytestmark = pytest.mark.e2e

FAILS = "from exported.train import main\n\n\ndef test_it():\n    assert main is None\n"


def quality(project: Path) -> RunResult:
    """Run the job ``code`` of the pipeline; the runbooks have tests of their own."""
    file = project / ".ado" / "mlops-qa-ci-pipeline.yml"
    text = file.read_text()
    file.write_text(text[: text.index("      - job: runbooks")])
    return run_pipeline(
        file, root=project, work_dir=project / ".pipelines-local", variables={"VENV": sys.prefix}
    )


@pytest.mark.parametrize(
    ("source", "code"),
    [
        pytest.param(FAILS, 1, id="one fails"),
        pytest.param("", 5, id="none", marks=pytest.mark.drill),
    ],
)
def test_results_are_published_also_when_tests_fail(tmp_path: Path, source: str, code: int) -> None:
    project = checkout(tmp_path)
    tests = project / "tests" / "exported"  # what export wrote has to stay as it is
    (tests / "conftest.py").write_text('collect_ignore = ["test_score.py", "test_train.py"]\n')
    if source:
        (tests / "test_it.py").write_text(source)
    result = quality(project)
    steps = {step.display: step for _, job in result.jobs() for step in job.steps}
    assert result.result == "Failed"
    failed = steps["Unit tests of the exported code"]
    assert (failed.result, failed.exit_code) == ("Failed", code)
    assert steps["Run the notebooks and check their outputs"].result == "Skipped"
    count = 1 if source else 0
    assert [(t["total"], t["failed"]) for t in result.tests] == [(count, count)]
    assert (result.folder / "tests" / "exported.xml").is_file()
    if source:
        assert steps["Publish the test results"].result == "Failed"
        assert steps["Publish the code coverage"].result == "Succeeded"
        assert (result.folder / "coverage" / "coverage.xml").is_file()
