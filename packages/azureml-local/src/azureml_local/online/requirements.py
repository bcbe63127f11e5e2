"""The packages that Azure's inference server needs in a no-code deployment's environment.

Azure builds the environment from the model's ``conda.yaml``. Without the server or the data
collector, which the generated scoring script imports, the container crashes at its start. Locally
the deployment runs in the server's own interpreter, so the file is only checked.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import yaml
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from azureml_local.packages import conda_packages, package_warnings, pip_lines

SERVER_PACKAGES = {
    "azureml-inference-server-http": ("azureml_inference_server_http", ("azureml-defaults",)),
    "azureml-ai-monitoring": ("azureml.ai", ()),
}
"""Each package with the module that is imported, and the packages that depend on it."""
UNSPECIFIC = frozenset({"python", "pip", "mlflow", "mlflow-skinny"})
"""A file that names nothing else does not describe an environment that could serve a model."""


@dataclass(frozen=True)
class RequirementsCheck:
    """The result of a check.

    Attributes:
        differences: one line for each package that the interpreter has not in this version.
        log_lines: these, and what Azure's log would say.
        missing: the server packages that are missing.
    """

    differences: list[str]
    log_lines: list[str]
    missing: list[str]


def check_requirements(source: str, conda_file: str) -> RequirementsCheck:
    """Check the conda file of a no-code deployment.

    Args:
        source: the name of the file, for the log.
        conda_file: its text.
    """
    differences = [
        line.removeprefix("azureml-local: ") for line in package_warnings(source, conda_file)
    ]
    lines = list(differences)
    try:
        names = _package_names(yaml.safe_load(conda_file))
    except yaml.YAMLError:
        return RequirementsCheck(differences, lines, [])  # one of the lines has the error
    if names is None or names <= UNSPECIFIC:
        lines.append(f"{source} does not name all packages; the server packages are not checked")
        return RequirementsCheck(differences, lines, [])
    missing = [
        package
        for package, (_, providers) in SERVER_PACKAGES.items()
        if not names & {package, *providers}
    ]
    for package in missing:
        lines.append(f"ModuleNotFoundError: No module named '{SERVER_PACKAGES[package][0]}'")
        lines.append(f"add {package} to the pip dependencies of {source}")
    return RequirementsCheck(differences, lines, missing)


def _package_names(content: Any) -> set[str] | None:
    """The packages that a conda file names; None if pip options or URLs add others."""
    names: set[str] = {canonicalize_name(each.name) for each in conda_packages(content)}
    for line in pip_lines(content):
        text = line.partition(" #")[0].strip()
        if text:
            try:
                names.add(canonicalize_name(Requirement(text).name))
            except InvalidRequirement:
                return None
    return names
