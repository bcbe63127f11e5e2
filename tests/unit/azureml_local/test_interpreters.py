"""Interpreters: the requirements of a conda file, and builds that fail."""

from __future__ import annotations

import asyncio

import pytest
import yaml

from azureml_local import packages
from azureml_local.errors import AzureError, BadRequest
from azureml_local.interpreters import Interpreter, Interpreters, Requirements, build_error

UV = """\
Using Python 3.11.7 environment at: interpreters/1
  \N{MULTIPLICATION SIGN} No solution found when resolving dependencies:
  ╰─▶ Because no-such-package was not found in the package registry and you
      require no-such-package==1.0, we can conclude that your requirements are
      unsatisfiable.
"""
UNREACHABLE = """\
error: Request failed after 3 retries in 8.7s
  cause: Failed to fetch: http://127.0.0.1:9/simple/some-package/
  cause: error sending request for url (http://127.0.0.1:9/simple/some-package/)
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


@pytest.mark.parametrize(
    ("line", "requirement"),
    [
        ("numpy", "numpy"),
        ("numpy 1.26", "numpy==1.26"),  # as in conda: exact without "="
        ("numpy 1.26.4", "numpy==1.26.4"),
        ("numpy =1.26", "numpy==1.26.*"),
        ("numpy=1.26.*", "numpy==1.26.*"),
        ("numpy 1.26*", "numpy==1.26.*"),
        ("numpy *", "numpy"),
        ("numpy==1.26", "numpy==1.26"),
        ("numpy 1.26.4 py311h64a7726_0", "numpy==1.26.4"),
        ("numpy=1.26.4=py311h64a7726_0", "numpy==1.26.4"),
        ("conda-forge::numpy >=1.26, <2", "numpy<2,>=1.26"),
        ("numpy >= 1.26.*", "numpy>=1.26"),
        ("numpy!=1.26.1", "numpy!=1.26.1"),
        ("scikit-learn[version='>=1.2']", "scikit-learn>=1.2"),
        ('scikit-learn[version=">=1.2,<2", build="py311*"]', "scikit-learn<2,>=1.2"),
        ("scikit-learn=1.1[version='=1.2']", "scikit-learn==1.2.*"),
        ("scikit-learn[version=1.2]", "scikit-learn==1.2"),
    ],
)
def test_a_dependency_of_conda_as_a_requirement_of_pip(line, requirement):
    text = yaml.safe_dump({"dependencies": [line]})
    assert Requirements.from_conda_file(text).lines == (requirement,)


@pytest.mark.parametrize(
    "line",
    [
        "numpy 1.26|1.27",
        "numpy ^1.2.*$",
        "numpy[>=1.2]",
        "numpy (>=1.2)",
        "numpy 1.*.4",
        {"numpy": 1},
    ],
)
def test_a_dependency_that_is_not_understood_is_named(line):
    text = yaml.safe_dump({"dependencies": ["pip", line]})
    with pytest.raises(BadRequest) as caught:
        Requirements.from_conda_file(text)
    assert repr(str(line)) in caught.value.message
    (warning,) = packages.package_warnings("env:1", text)
    assert repr(str(line)) in warning


def test_a_version_after_a_blank_is_compared():
    (warning,) = packages.package_warnings("env:1", "dependencies: [pyyaml 0.1]")
    assert "pyyaml==0.1" in warning


CONDA = "dependencies: [{pip: [no-such-package==1.0]}]"


def run_that_prints(output, log, calls):
    async def run(command):
        calls.append(command)
        with log.open("a") as file:
            file.write(output)
        return 1

    return run


def get(interpreters, output, log, calls):
    return asyncio.run(interpreters.get(CONDA, log, run_that_prints(output, log, calls)))


def test_an_optional_build_without_a_package_index_is_no_error_and_not_repeated(tmp_path):
    log, calls = tmp_path / "log", []
    interpreters = Interpreters(tmp_path / "interpreters", optional=True)
    assert get(interpreters, UNREACHABLE, log, calls) is None
    assert get(interpreters, UNREACHABLE, log, calls) is None
    assert len(calls) == 1
    assert log.read_text().count("warning: ") == 2


@pytest.mark.parametrize(("output", "optional"), [(UNREACHABLE, False), (PIP, False), (PIP, True)])
def test_other_builds_that_fail_are_errors(tmp_path, output, optional):
    interpreters = Interpreters(tmp_path / "interpreters", optional=optional)
    with pytest.raises(AzureError) as raised:
        get(interpreters, output, tmp_path / "log", [])
    assert raised.value.code == "ImageBuildFailure"


@pytest.mark.parametrize(("version", "accepted"), [("3.7", False), ("3.8", True), ("3.14", True)])
def test_workers_need_python_3_8(tmp_path, version, accepted):
    (tmp_path / f"venv/lib/python{version}/site-packages").mkdir(parents=True)
    interpreter = Interpreter(tmp_path / "venv", tmp_path / "modules")
    if accepted:
        assert interpreter.add_variables({})["VIRTUAL_ENV"] == str(tmp_path / "venv")
    else:
        with pytest.raises(AzureError, match=r"Python3\.7"):
            interpreter.add_variables({})
