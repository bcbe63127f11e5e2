"""Steps use a Python environment of the run, never that of this machine."""

import os
from pathlib import Path
from typing import Any

import pytest

from pipelines_local import RunResult

pytestmark = pytest.mark.functional

WHERE = "python -c 'import sys; print(sys.prefix)'"


def log(result: RunResult) -> list[str]:
    return [line for line in result.stages[0].jobs[0].log if line.startswith("/")]


def test_python_and_pip_are_those_of_the_run(run: Any) -> None:
    """What pip installs is found by the next step."""
    package = {
        "pkg/pyproject.toml": "[build-system]\nrequires = []\nbuild-backend = 'b'\nbackend-path = ['.']\n",
        "pkg/b.py": "import zipfile\ndef build_wheel(folder, *_):\n    name = 'x_pkg-1-py3-none-any.whl'\n    with zipfile.ZipFile(f'{folder}/{name}', 'w') as z:\n        z.writestr('x_pkg.py', 'def main(): print(\"/installed\")')\n        z.writestr('x_pkg-1.dist-info/METADATA', 'Metadata-Version: 2.1\\nName: x-pkg\\nVersion: 1\\n')\n        z.writestr('x_pkg-1.dist-info/WHEEL', 'Wheel-Version: 1.0\\nGenerator: b\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n')\n        z.writestr('x_pkg-1.dist-info/entry_points.txt', '[console_scripts]\\nx-pkg = x_pkg:main\\n')\n        z.writestr('x_pkg-1.dist-info/RECORD', '')\n    return name\n",
    }
    result = run(
        f"steps:\n- bash: {WHERE}; python3 -c 'import sys; print(sys.prefix)'\n"
        "- bash: pip --version | cut -d' ' -f4; python -m pip --version | cut -d' ' -f4\n"
        "- bash: echo /$PIP_REQUIRE_VIRTUALENV/$VIRTUAL_ENV\n"
        "- bash: pip install -q --no-index ./pkg\n"
        "- bash: x-pkg\n",
        package,
    )
    prefix = str(result.folder / "python" / "venv")
    *paths, settings, installed = log(result)
    assert len(paths) == 4
    assert all(path.startswith(prefix) for path in paths)
    assert settings == "/true/"
    assert installed == "/installed", result.stages[0].jobs[0].log


def test_use_python_version_has_an_environment_too(run: Any) -> None:
    text = f"steps:\n- checkout: none\n- task: UsePythonVersion@0\n  inputs: {{versionSpec: '>=3.11'}}\n- bash: {WHERE}\n"
    result = run(text)
    assert log(result)[-1].startswith(str(result.folder / "Job" / "_tool"))


@pytest.mark.parametrize("task", ["", "- task: UsePythonVersion@0\n"])
def test_the_python_of_this_machine_on_request(run: Any, task: str) -> None:
    result = run(f"steps:\n- checkout: none\n{task}- bash: {WHERE}\n", host_python=True)
    assert not Path(log(result)[-1]).is_relative_to(result.folder)
    assert Path(log(result)[-1]).is_dir()


def test_an_old_python_must_be_installed(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Microsoft's images have no Python 3.6 any more; an own agent can have it."""
    text = "steps:\n- checkout: none\n- task: UsePythonVersion@0\n  inputs: {versionSpec: '3.6'}\n"
    job = run(text).stages[0].jobs[0]
    assert (job.result, job.issues.codes) == ("Failed", ["missing-python"])
    (tmp_path / "python3.6").write_text("#!/bin/sh\necho 3 6 15\n")
    (tmp_path / "python3.6").chmod(0o700)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert run(text).stages[0].jobs[0].result == "Succeeded"
