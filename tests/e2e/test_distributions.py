"""A drill: the wheels of this repository, each installed in a fresh environment without a checkout.

The sizes of the installations are printed: ``pytest -m drill -k size`` with this file.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.e2e.projects import REPOSITORY

pytestmark = [pytest.mark.e2e, pytest.mark.drill]
NAMES = ("child-processes", "azureml-local", "pipelines-local")
LIMITS = {"pipelines-local": (10, 15), "azureml-local": (110, 700), "nbrelease": (300, 1200)}
"""Packages and megabytes of an installation, without compiled bytecode."""


def _run(*words: str | Path, cwd: Path, **variables: str) -> str:
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    process = subprocess.run(
        [str(word) for word in words],
        cwd=cwd, capture_output=True, text=True, timeout=900, stdin=subprocess.DEVNULL,
        check=False, env={**clean, **variables},
    )  # fmt: skip
    assert process.returncode == 0, process.stdout[-2000:] + process.stderr[-2000:]
    return process.stdout


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheels")
    sources = [REPOSITORY / "packages" / name for name in NAMES]
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", folder]
    _run(sys.executable, "-m", "pip", "wheel", *options, *sources, REPOSITORY, cwd=folder)
    return folder


def _environment(folder: Path, wheels: Path, name: str) -> Path:
    """Install one distribution in a fresh environment; returns its bin folder."""
    uv = Path(sys.prefix, "bin", "uv")
    _run(uv, "venv", "--quiet", "--python", sys.executable, folder / "env", cwd=folder)
    python = folder / "env" / "bin" / "python"
    _run(uv, "pip", "install", "-q", "--find-links", wheels, "--python", python, name, cwd=folder)
    return python.parent


def _installed(binaries: Path) -> set[str]:
    code = "from importlib import metadata; print(*(d.name for d in metadata.distributions()))"
    return set(_run(binaries / "python", "-c", code, cwd=binaries).split())


def _megabytes(binaries: Path) -> float:
    files = [path for path in binaries.parent.joinpath("lib").rglob("*") if path.is_file()]
    return sum(path.stat().st_size for path in files) / 1e6


@pytest.mark.parametrize("name", LIMITS)
def test_size_of_an_installation(
    tmp_path: Path, wheels: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    binaries = _environment(tmp_path, wheels, name)
    packages, megabytes = len(_installed(binaries)), _megabytes(binaries)
    with capsys.disabled():
        sys.stdout.write(f"\n{name}: {packages} packages, {megabytes:.1f} MB\n")
    assert packages <= LIMITS[name][0]
    assert megabytes <= LIMITS[name][1]


def test_pipelines_local_alone_validates(tmp_path: Path, wheels: Path) -> None:
    binaries = _environment(tmp_path, wheels, "pipelines-local")
    (tmp_path / "p.yml").write_text("steps:\n- bash: echo done > result.txt\n")
    assert not {"mlflow", "azureml-local", "nbrelease"} & _installed(binaries)
    _run(binaries / "pipelines-local", "validate", "p.yml", cwd=tmp_path)


def test_azureml_local_alone_starts_and_stops(tmp_path: Path, wheels: Path) -> None:
    binaries = _environment(tmp_path, wheels, "azureml-local")
    assert not {"pipelines-local", "nbrelease", "jupyterlab"} & _installed(binaries)
    output = _run(
        binaries / "azureml-local", "run", "--", "sh", "-c", "echo $ARM_CLOUD_METADATA_URL",
        cwd=tmp_path,
    )  # fmt: skip
    assert output.strip().startswith("https://")


def test_a_new_project_works_without_a_checkout(tmp_path: Path, wheels: Path) -> None:
    binaries = _environment(tmp_path, wheels, "nbrelease")
    _run(binaries / "nbrelease", "new", "churn", cwd=tmp_path)
    project = tmp_path / "churn"
    author = ["-c", "user.name=T", "-c", "user.email=t@example.org"]
    for words in (["init", "-q"], ["add", "-A"], [*author, "commit", "-q", "-m", "first"]):
        _run("git", *words, cwd=project)
    _run("make", "rehearse", cwd=project)
    _run("make", "test", cwd=project)
    assert len(list(project.glob("evidence/dev-*/record.json"))) == 1
    # The environment that nbrelease itself was installed in rehearses too.
    _run(binaries / "nbrelease", "rehearse", "dev", cwd=project)
    assert len(list(project.glob("evidence/dev-*/record.json"))) == 2
    assert _run("git", "status", "--short", cwd=project) == ""
