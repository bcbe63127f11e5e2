"""Run the examples of Azure/azureml-examples against a local workspace and print a table.

The argument is a checkout of the repository. It is copied, and the examples run unmodified: YAML
files below `cli` are submitted with `az ml ... create --file`, after the commands that the script
of the example runs before (`examples.json`); notebooks below `sdk/python` are executed in a kernel,
with the placeholders for subscription, resource group and workspace filled in. Jobs, deployments
and kernels use one virtual environment with packages of the examples' time.

What counts:

- A file succeeds if `az` accepts it. A deployment must be ready. A job must complete. A job whose
  command cannot run here, because a package, a program, a GPU or a file of the network is missing,
  counts as accepted; its log must name what is missing.
- A notebook succeeds if all cells run.
- "refused" has the error NotSupportedLocally or a message of the local az that names the command.
- "missing" is a deployment or notebook that needs a package, a program, a GPU or the network.
- `excluded` in `examples.json` lists the examples that do not run, with the reason: they need
  models or services of Azure, they are no files of the Azure CLI, or the SDK refuses them.

The exit code is 1 if fewer examples succeed than the floors in `examples.json` require.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import example_outcomes as outcomes
from example_files import Example, Submission, find_examples
from example_notebooks import Execution, find_notebooks

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
RESULTS = "outcomes.jsonl"
DATASETS = "https://azuremlexamples.blob.core.windows.net/datasets"
TITANIC = "cli/assets/data/sample-data/titanic.csv"
PUBLIC_FILES = {
    "https://dprepdata.blob.core.windows.net/demo/Titanic.csv": TITANIC,
    "https://azuremlexampledata.blob.core.windows.net/data/heart-disease-uci/data/heart.csv": (
        "cli/endpoints/batch/deploy-pipelines/training-with-components/data/train/heart.csv"
    ),
}
"""Files of the checkout with the same content as a public address."""
COPY_DATA = f"""\
# The script setup/setup-repo/copy-data.sh of the examples copies the same files with azcopy.
command: cp -r ${{{{inputs.datasets}}}}/* ${{{{outputs.example_data}}}}
environment: azureml://registries/azureml/environments/sklearn-1.5/labels/latest
inputs:
  datasets: {{type: uri_folder, path: "{DATASETS}"}}
outputs:
  example_data: {{type: uri_folder, path: azureml://datastores/workspaceblobstore/paths/example-data}}
"""


def main(argv: list[str] | None = None) -> int:
    """Run the command line and return the exit code."""
    arguments = _parse(argv)
    work: Path = arguments.work.resolve()
    catalog = outcomes.Catalog.read(HERE / "examples.json")
    if arguments.inside:  # within the client environment of the server
        run_examples(arguments, catalog, work)
        return 0
    if not (arguments.checkout / "cli").is_dir():
        print(f"{arguments.checkout}: not a checkout of Azure/azureml-examples")
        return 2
    if not arguments.report:
        work.mkdir(parents=True, exist_ok=True)
        start_server(arguments, work, create_environment(work))
    results = outcomes.read(work / RESULTS)
    files, notebooks = select(arguments.checkout, catalog, "")
    print(outcomes.table(results, Counter(files=len(files), notebooks=len(notebooks))))
    shortfalls = [] if arguments.select else outcomes.shortfalls(catalog, results)
    for line in shortfalls:
        print(line)
    return 1 if shortfalls else 0


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("checkout", type=Path, help="Use this checkout of azureml-examples.")
    parser.add_argument(
        "--select", default="", help="Run the examples whose path this regular expression matches."
    )
    parser.add_argument(
        "--report", action="store_true", help="Print the last results without running examples."
    )
    parser.add_argument("--workers", type=int, default=2, help="Run so many at the same time.")
    parser.add_argument(
        "--work",
        type=Path,
        default=ROOT / ".conformance" / "examples",
        help="Use this folder for all files.",
    )
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args(argv)


def select(
    checkout: Path, catalog: outcomes.Catalog, pattern: str
) -> tuple[list[Example], list[str]]:
    """The files and notebooks that the pattern matches, without the excluded ones."""
    files = [
        each
        for each in find_examples(checkout, catalog.kinds)
        if re.search(pattern, each.path) and not catalog.is_excluded(each.path)
    ]
    notebooks = [
        each
        for each in find_notebooks(checkout)
        if re.search(pattern, each) and not catalog.is_excluded(each)
    ]
    return files, notebooks


def create_environment(work: Path) -> Path:
    """Create the environment of jobs, deployments and kernels once; returns its interpreter."""
    folder = work / "venv"
    python = folder / "bin" / "python"
    requirements = HERE / "examples-requirements.txt"
    installed = folder / requirements.name
    if not installed.is_file() or installed.read_bytes() != requirements.read_bytes():
        subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*install, "--requirement", str(requirements)], check=True)
        (packages,) = folder.glob("lib/python*/site-packages")
        shutil.copy(HERE / "client" / "public_files.py", packages / "sitecustomize.py")
        shutil.copy(requirements, installed)
    return python


def start_server(arguments: argparse.Namespace, work: Path, python: Path) -> None:
    """Run the examples with a server that stops with them."""
    for name in ("workspaces", "checkout", "strict", "isolation"):
        shutil.rmtree(work / name, ignore_errors=True)
    public = write_public_files(work / "public", arguments.checkout)
    (work / "copy-data.yml").write_text(COPY_DATA, encoding="utf-8")
    command = [sys.executable, "-m", "azureml_local", "run", "--data", str(work / "workspaces")]
    command += ["--interpreter", str(python.parents[1]), "--mlflow-uri", "azureml"]
    for address, path in public.items():
        command += ["--map", f"{address}={path}"]
    command += ["--", sys.executable, __file__, "--inside"]
    command += ["--work", str(work), "--select", arguments.select]
    command += ["--workers", str(arguments.workers), str(arguments.checkout.resolve())]
    # Jobs share one environment, so they must not install packages.
    variables = {"PYTHONDONTWRITEBYTECODE": "1", "PIP_NO_INDEX": "1"}
    variables["EXAMPLES_PUBLIC_FILES"] = json.dumps(public)
    subprocess.run(command, env={**os.environ, **variables}, check=True)


def write_public_files(folder: Path, checkout: Path) -> dict[str, str]:
    """Write the public data that scikit-learn or the checkout has too.

    Returns:
        The local path for each public address.
    """
    from sklearn.datasets import load_diabetes, load_iris

    folder.mkdir(parents=True, exist_ok=True)
    iris = load_iris(as_frame=True)
    frame = iris.frame.set_axis(
        ["sepal_length", "sepal_width", "petal_length", "petal_width", "species"], axis=1
    )
    frame["species"] = [iris.target_names[each] for each in frame["species"]]
    frame.to_csv(folder / "iris.csv", index=False)
    load_diabetes(as_frame=True).frame.to_csv(folder / "diabetes.csv", index=False)
    shutil.copy(checkout / TITANIC, folder)
    files = {address: str(checkout.resolve() / path) for address, path in PUBLIC_FILES.items()}
    return {DATASETS: str(folder), **files}


def run_examples(arguments: argparse.Namespace, catalog: outcomes.Catalog, work: Path) -> None:
    """Run the selected examples in a copy of the checkout and write their outcomes."""
    copy = work / "checkout"
    shutil.copytree(arguments.checkout, copy, symlinks=True, ignore=shutil.ignore_patterns(".git"))
    files, notebooks = select(copy, catalog, arguments.select)
    for outcome in Submission(copy, catalog, work).run(files, arguments.workers):
        outcomes.write(work / RESULTS, outcome)
    execution = Execution(copy, catalog, work, work / "venv" / "bin" / "python")
    for outcome in execution.run(notebooks, arguments.workers):
        outcomes.write(work / RESULTS, outcome)


if __name__ == "__main__":
    sys.exit(main())
