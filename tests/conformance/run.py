"""Run Microsoft's end-to-end tests of azure-ai-ml against a local workspace and print a table.

The tests are in the source distribution of azure-ai-ml, without the YAML files that they read:
`test_configs` contains replacements, which were written from the assertions of the tests.
`tests.json` lists the tests that can pass on one machine ("local"), that need services of Azure
("azure_only"), and that Microsoft skips or whose files are missing ("broken"). Only local tests
run. The exit code is 1 if fewer tests of a folder pass than `floors.json` requires.

With `--cycle`, `client/cycle.py` runs instead, which works with any version of the SDK.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import results

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PIN = re.compile(r"^azure-ai-ml==(\S+)$", re.MULTILINE)
RUN_SECONDS = 3600
MODEL = "deployments/model-1/model/sklearn_regression_model.pkl"


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    arguments = _parse(argv)
    work: Path = arguments.work.resolve()
    catalog = results.Catalog.read(HERE)
    unknown = sorted(set(arguments.folders) - set(catalog.folders))
    if unknown:
        print(f"unknown folder {unknown[0]}; use one of {', '.join(catalog.folders)}")
        return 2
    if arguments.cycle:
        work.mkdir(parents=True, exist_ok=True)
        code = run_cycle(work, create_environment(work, arguments.sdk))
        print(f"azure-ai-ml {arguments.sdk}: {'a step failed' if code else 'all steps succeeded'}")
        return code
    if not arguments.report:
        work.mkdir(parents=True, exist_ok=True)
        sdk = unpack_sdk(work, arguments.sdk)
        python = create_environment(work, arguments.sdk)
        for folder in arguments.folders or catalog.folders:
            run_folder(catalog, folder, work, sdk, python, arguments.select)
        if arguments.select:
            return 0
    outcomes = results.read(work, catalog)
    print(results.table(catalog, outcomes))
    shortfalls = results.shortfalls(catalog, outcomes, arguments.folders)
    for line in [*results.details(outcomes, arguments.folders), *shortfalls]:
        print(line)
    return 1 if shortfalls else 0


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folders", nargs="*", help="Run these folders of tests. Default: all.")
    parser.add_argument(
        "--report", action="store_true", help="Print the last results without running tests."
    )
    parser.add_argument(
        "-k", dest="select", help="Run the tests that match, as pytest -k does, without a table."
    )
    parser.add_argument(
        "--cycle",
        action="store_true",
        help="Run the cycle of a model, from workspace to endpoints, instead of the tests.",
    )
    parser.add_argument("--sdk", default=_pinned_version(), help="Test this version.")
    parser.add_argument(
        "--work", type=Path, default=ROOT / ".conformance", help="Use this folder for all files."
    )
    return parser.parse_args(argv)


def _pinned_version() -> str:
    pin = PIN.search((ROOT / "requirements.txt").read_text(encoding="utf-8"))
    if pin is None:
        raise SystemExit("requirements.txt: no line azure-ai-ml==VERSION")
    return pin[1]


def unpack_sdk(work: Path, version: str) -> Path:
    """Download the source distribution once and unpack it; returns its folder with our files."""
    target = work / f"azure_ai_ml-{version}"
    archive = work / f"azure_ai_ml-{version}.tar.gz"
    if not archive.is_file():
        download: list[str] = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        download += ["--no-binary", ":all:", "--dest", str(work), f"azure-ai-ml=={version}"]
        subprocess.run(download, check=True)
    shutil.rmtree(target, ignore_errors=True)  # its copies of our files may be old
    with tarfile.open(archive) as file:
        file.extractall(work, filter="data")
    configs = target / "tests" / "test_configs"
    _copy_missing(HERE / "test_configs", configs)
    _save_scikit_learn_model(configs / MODEL)
    return target


def _copy_missing(source: Path, target: Path) -> None:
    """Copy the files that the target does not have; those of Microsoft stay."""
    for path in source.rglob("*"):
        copy = target / path.relative_to(source)
        if path.is_file() and not copy.exists():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, copy)


def _save_scikit_learn_model(path: Path) -> None:
    """Save the model of the tests of online deployments, which has ten features."""
    import joblib
    import numpy as np
    from sklearn.linear_model import Ridge

    path.parent.mkdir(parents=True, exist_ok=True)
    joblib.dump(Ridge().fit(np.eye(10), np.arange(10.0)), path)


def create_environment(work: Path, version: str) -> Path:
    """Create the environment of the tests once; returns its interpreter."""
    folder = work / f"venv-{version}"
    python = folder / "bin" / "python"
    requirements = HERE / "requirements.txt"
    installed = folder / requirements.name
    if not installed.is_file() or installed.read_bytes() != requirements.read_bytes():
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        install += ["--requirement", str(requirements), f"azure-ai-ml=={version}"]
        subprocess.run(install, check=True)
        shutil.copy(requirements, installed)
    return python


def run_cycle(work: Path, python: Path) -> int:
    """Run the cycle of a model in a fresh local workspace; returns its exit code."""
    data = work / "cycle"
    shutil.rmtree(data, ignore_errors=True)
    command = _with_server(data, str(python), str(HERE / "client" / "cycle.py"))
    return subprocess.run(command, check=False, timeout=RUN_SECONDS).returncode


def _with_server(data: Path, *command: str) -> list[str]:
    """The command line that runs a command with a server of its own."""
    local = [sys.executable, "-m", "azureml_local", "run", "--strict", "--data", str(data)]
    return [*local, "--", *command]


def run_folder(
    catalog: results.Catalog,
    folder: str,
    work: Path,
    sdk: Path,
    python: Path,
    select: str | None = None,
) -> None:
    """Run the local tests of one folder in a fresh local workspace."""
    output = work / ("selected" if select else "results") / folder
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir(parents=True)
    (output / "tests.txt").write_text("\n".join(catalog.local[folder]), encoding="utf-8")
    files = sorted({test.partition("::")[0] for test in catalog.local[folder]})
    run_tests = str(HERE / "client" / "run_tests.py")
    command = _with_server(output / "workspace", str(python), run_tests, *files)
    command += ["-q", "--tb=short", "-W", "ignore", "-p", "no:cacheprovider"]
    command += ["-c", os.devnull, "--rootdir", str(sdk)]  # not the configuration of this project
    command += ["-k", select] if select else []
    variables = {
        "PYTHONPATH": os.pathsep.join([str(HERE / "client"), *_python_path()]),
        "PYTHONDONTWRITEBYTECODE": "1",
        "CONFORMANCE_RESULTS": str(output / results.FILE),
        "CONFORMANCE_TESTS": str(output / "tests.txt"),
    }
    with (output / "log.txt").open("w", encoding="utf-8") as log:
        subprocess.run(
            command,
            cwd=sdk,
            env={**os.environ, **variables},
            stdout=log,
            stderr=log,
            timeout=RUN_SECONDS,
            check=False,  # failed tests are in the results
        )
    print(f"{folder}: {output / 'log.txt'}", flush=True)


def _python_path() -> list[str]:
    """The folders in this program's PYTHONPATH."""
    return [folder for folder in os.environ.get("PYTHONPATH", "").split(os.pathsep) if folder]


if __name__ == "__main__":
    sys.exit(main())
