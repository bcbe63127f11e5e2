"""The reason of a build that failed, from what pip or uv printed."""

from __future__ import annotations

import pytest

from azureml_local.interpreters import Requirements, build_error

UV = """\
Using Python 3.11.7 environment at: interpreters/1
  \N{MULTIPLICATION SIGN} No solution found when resolving dependencies:
  ╰─▶ Because no-such-package was not found in the package registry and you
      require no-such-package==1.0, we can conclude that your requirements are
      unsatisfiable.
"""
PIP = """Looking in links: wheels
ERROR: Could not find a version that satisfies the requirement no-such-package==1.0
ERROR: No matching distribution found for no-such-package==1.0
"""


@pytest.mark.parametrize(
    ("output", "first", "last"),
    [
        (UV, "No solution found", "unsatisfiable."),
        (PIP, "ERROR: Could not find", "found for no-such-package==1.0"),
        ("error: Failed to read `/none.whl`\n  Caused by: none\n", "Failed to read", "none"),
        ("first\nKilled\n", "Killed", "Killed"),
    ],
)
def test_the_error_of_a_build(output, first, last):
    error = build_error(output)
    assert error.startswith(first)
    assert error.endswith(last)
    assert "\n" not in error


def test_the_requirements_of_a_conda_file():
    text = "dependencies: [python=3.11, pip<25, numpy>=2, {pip: [mlflow==3.15.0, 'a @ file:///a.whl']}]"
    requirements = Requirements.from_conda_file(text)
    assert str(requirements.python) == "==3.11.*"
    assert requirements.lines == ("numpy>=2", "mlflow==3.15.0", "a @ file:///a.whl")
