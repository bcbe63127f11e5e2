"""A job's interpreter: this server's, or one that is built from the environment's conda file.

No image is built. A job uses the packages of this server's interpreter, and its log warns about
those that its environment names and the interpreter lacks. With ``--isolation uv`` the job gets the
packages of its conda file instead.
"""

from __future__ import annotations

from pathlib import Path

from azureml_local import interpreters, packages
from azureml_local.assets.environments import Environment, find_environment
from azureml_local.jobs.records import Job
from azureml_local.jobs.runner import Runner


async def prepare_interpreter(runner: Runner, job: Job, log: Path) -> Path:
    """The ``bin`` folder of the job's interpreter; warnings about its packages go to the log."""
    reference = job.properties.get("environmentId") or ""
    environment = find_environment(job.workspace, reference)
    conda_file = environment.conda_file if environment else None
    interpreter = await runner.build_interpreter(job, conda_file)
    if interpreter is not None:
        return interpreter.folder / "bin"
    lines = _environment_warnings(reference, environment)
    if runner.interpreters is not None and conda_file is None:
        lines.append(f"{packages.PREFIX} the environment has no conda file to build from")
    with log.open("a", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in lines)
    return interpreters.SERVER_BIN


def interpreter_variables(bin_folder: Path) -> dict[str, str]:
    """The variables of a built interpreter, which must not see this server's modules."""
    if bin_folder == interpreters.SERVER_BIN:
        return {}
    variables = {"VIRTUAL_ENV": str(bin_folder.parent), "PYTHONPATH": ""}
    return variables | interpreters.WRITES_BYTECODE


def _environment_warnings(reference: str, environment: Environment | None) -> list[str]:
    """Lines for the job's log: how this interpreter differs from the job's environment."""
    if environment is None:
        name = reference.removeprefix("azureml:")
        return [
            f"{packages.PREFIX} {name} is an environment of Microsoft, its packages are unknown; "
            "the job uses this interpreter's packages"
        ]
    name = environment.name or "the job's environment"
    return packages.package_warnings(f"{name}:{environment.version[:8]}", environment.conda_file)
