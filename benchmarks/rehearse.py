"""Measure a rehearsal, and compare it with the same operations in one plain script.

    python benchmarks/rehearse.py [--data FILE.csv] [--estimator NAME] [--prod]

Both run in the same call, each with its own empty local workspace. The plain script is the code of
the release's runbooks, one after the other in one process, without papermill, kernels, pipeline and
evidence. The parts add up to more than the wall time, because the jobs batch and online run in
parallel.

With --prod, two rehearsals of prod with approvals follow: the first without a champion, the second
with a comparison and a rollout in steps. Both use the packages of nbrelease, as dev does
(isolation = none). The limit of each is three times the rehearsal of dev.
Exit code 1 if a rehearsal exceeds its limit. The limit of dev, 30 s, is for an idle machine.
Installed modules are compiled first. Otherwise the first rehearsal after make setup compiles them.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
SERVING = {"06_deploy_online": ["deploy"], "04_deploy_batch": ["deploy"]}
IMPORTS = ["connect"]
RELEASE = "0[1-8]_*.ipynb"
LIMIT_SECONDS, LIMIT_PROD = 30, 3


def copy_project(folder: Path) -> Path:
    """Copy the tracked and new files of the working tree to a new git repository."""
    listed = subprocess.run(
        ["git", "-C", ROOT, "ls-files", "-co", "--exclude-standard", "-z"],
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    subprocess.run(["git", "init", "-q", folder], check=True)
    subprocess.run(["git", "-C", folder, "add", "-A"], check=True)
    who = ["-c", "user.name=benchmark", "-c", "user.email=benchmark@example.org"]
    subprocess.run(["git", "-C", folder, *who, "commit", "-qm", "all"], check=True)
    return folder


def rehearse_prod(folder: Path, data: Path, estimator: str) -> float:
    """Wall time of a rehearsal of prod with its approvals, in seconds."""
    command = [sys.executable, "-m", "nbrelease", "rehearse", "prod"]
    command += ["--set", f"training_data={data}", "--set", f"estimator={estimator}"]
    command += ["--set", "isolation=none"]
    for environment in ("prod", "blue"):
        command += ["--approve", f"{environment}=Benchmark:measured"]
    begun = time.perf_counter()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stdout[-2000:] + done.stderr)
    return time.perf_counter() - begun


def rehearse(folder: Path, data: Path, estimator: str) -> tuple[float, dict[str, float]]:
    """Wall time of a rehearsal of dev and of its parts, in seconds."""
    command = [sys.executable, "-m", "nbrelease", "rehearse", "dev"]
    command += ["--set", f"training_data={data}", "--set", f"estimator={estimator}"]
    begun = time.perf_counter()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    wall = time.perf_counter() - begun
    if done.returncode:
        sys.exit(done.stdout[-2000:] + done.stderr)
    steps = step_seconds(done.stdout)
    record = json.loads(next(folder.glob("evidence/*/record.json")).read_text())
    parts = dict.fromkeys(
        ["install", "kernel starts", "imports", "cells", "serving", "rendering"], 0.0
    )
    runbooks = 0.0
    for runbook in record["runbooks"]:
        runbooks += runbook["seconds"]
        parts["kernel starts"] += runbook["seconds"]
        for cell in runbook["cells"]:
            seconds = cell["seconds"] or 0.0
            parts["kernel starts"] -= seconds
            if cell["id"] in IMPORTS:
                parts["imports"] += seconds
            elif cell["id"] in SERVING.get(runbook["name"], []):
                parts["serving"] += seconds
            else:
                parts["cells"] += seconds
    parts["install"] = sum(s for name, s in steps if name == "Install the tools")
    parts["rendering"] = sum(s for name, s in steps if name == "Build the evidence pack")
    # The rest of a step that runs runbooks: imports of papermill and others.
    parts["imports"] += sum(s for name, s in steps if name.startswith("Run ")) - runbooks
    return wall, parts


def step_seconds(output: str) -> list[tuple[str, float]]:
    """Name and duration in seconds of each step, from the output of pipelines-local."""
    steps = []
    for line in output.splitlines():
        if line.endswith("s)") and ": Succeeded (" in line:
            head, _, seconds = line.rpartition(": Succeeded (")
            steps.append((head.partition("] ")[2], float(seconds.removesuffix("s)"))))
    return steps


def run_plain_script(folder: Path, data: Path, estimator: str) -> float:
    """Wall time of the runbooks' code as one script, in seconds, with the workspace's start."""
    settings = subprocess.run(
        [sys.executable, "-m", "nbrelease", "settings", "dev"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    values = json.loads(settings.stdout)
    values |= {"training_data": str(data), "release_id": ""}
    values["train_parameters"] |= {"estimator": estimator}
    code = [
        "from IPython.display import display",
        "from pydantic_core import to_jsonable_python",
        f"given = {values!r}",
        "def record(**values):",
        "    given.update(to_jsonable_python(values))",
    ]
    for path in sorted((folder / "runbooks").glob(RELEASE)):
        for cell in json.loads(path.read_text())["cells"]:
            if cell["cell_type"] != "code":
                continue
            code.append("".join(cell["source"]).replace("from nbrelease import record", ""))
            if "parameters" in cell["metadata"].get("tags", []):
                code.append("globals().update({k: v for k, v in given.items() if k in globals()})")
    script = folder / "runbooks" / "plain.py"
    script.write_text("\n".join(code) + "\n")
    command = [sys.executable, "-m", "azureml_local", "run", "--data", folder / "plain-data", "--"]
    begun = time.perf_counter()
    done = subprocess.run(
        [*command, sys.executable, script], cwd=script.parent, capture_output=True, text=True
    )
    seconds = time.perf_counter() - begun
    if done.returncode:
        sys.exit(done.stdout[-2000:] + done.stderr[-3000:])
    return seconds


def compile_modules() -> None:
    """Compile the installed modules that are not compiled yet."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # as the Makefile does
    folder = sysconfig.get_path("purelib")
    # Exit code 1 if a package contains a file that is no valid Python; some do on purpose.
    subprocess.run([sys.executable, "-m", "compileall", "-qq", "-j", "0", folder], check=False)


def main() -> int:
    """Print the times; 1 if a rehearsal exceeds its limit."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, default=ROOT / "data" / "diabetes-sample.csv")
    parser.add_argument("--estimator", default="logistic")
    parser.add_argument("--prod", action="store_true")
    options = parser.parse_args()
    compile_modules()
    with tempfile.TemporaryDirectory() as name:
        folder = copy_project(Path(name))
        data = options.data.resolve()
        wall, parts = rehearse(folder, data, options.estimator)
        names = ("prod, no champion", "prod, with a champion") if options.prod else ()
        prod = {name: rehearse_prod(folder, data, options.estimator) for name in names}
        script = run_plain_script(folder, data, options.estimator)
    for part, seconds in parts.items():
        print(f"{part:24}{seconds:8.1f} s")
    print(f"{'rehearsal, wall':24}{wall:8.1f} s")
    print(f"{'plain script, wall':24}{script:8.1f} s")
    print(f"{'ratio':24}{wall / script:8.2f}")
    passed = [wall <= LIMIT_SECONDS]
    print(f"{f'limit {LIMIT_SECONDS} s':24}{'passed' if passed[0] else 'failed':>8}")
    for name, seconds in prod.items():
        passed.append(seconds <= LIMIT_PROD * wall)
        result = f"limit {LIMIT_PROD}: {'passed' if passed[-1] else 'failed'}"
        print(f"{name:24}{seconds:8.1f} s, {seconds / wall:.2f} times dev; {result}")
    return int(not all(passed))


if __name__ == "__main__":
    sys.exit(main())
