"""Steps of pipelines that are sweeps: their settings in the form of sweep jobs."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, cast

from azureml_local.jobs.documents import JobProperties
from azureml_local.jobs.references import replace_texts
from azureml_local.json_fields import camel_case, object_of, text_of

INPUT = re.compile(r"\$\{\{\s*inputs\.([\w.\-]+)\s*\}\}")
TRIAL_FIELDS = (
    "command",
    "codeId",
    "environmentId",
    "environmentVariables",
    "resources",
    "distribution",
)
TYPE_FIELDS = {"sampling_algorithm": "samplingAlgorithmType", "early_termination": "policyType"}
"""The field with the type of each setting, as sweep jobs have it."""


def is_sweep(node: dict[str, Any]) -> bool:
    """Whether a step is a sweep."""
    return node.get("type") == "sweep"


def component_id(node: dict[str, Any]) -> str:
    """The component of a step; in a sweep, it is that of the trials."""
    return text_of(object_of(node, "trial") if is_sweep(node) else node, "componentId")


def trial_spec(node: dict[str, Any], spec: dict[str, Any]) -> dict[str, Any]:
    """A component's specification without the inputs that the search space sets."""
    space = object_of(node, "search_space") if is_sweep(node) else {}
    declared = object_of(spec, "inputs")
    return {**spec, "inputs": {key: declared[key] for key in declared if key not in space}}


def sweep_properties(
    node: dict[str, Any], command: JobProperties, resolve: Callable[[str, str], str]
) -> JobProperties:
    """The properties of the sweep job of a step.

    Args:
        node: the step.
        command: the properties of a command job for it.
        resolve: replaces references to inputs of the pipeline in a text; its first argument is the
            name of the field.
    """
    space = replace_texts("search_space", object_of(node, "search_space"), resolve)
    trial: dict[str, Any] = {key: command.get(key) for key in TRIAL_FIELDS}
    trial["command"] = INPUT.sub(
        lambda match: f"${{{{search_space.{match[1]}}}}}" if match[1] in space else match[0],
        command["command"],
    )
    properties: dict[str, Any] = {
        "jobType": "Sweep",
        "trial": trial,
        "computeId": command.get("computeId"),
        "searchSpace": space,
    }
    for name in ("sampling_algorithm", "objective", "limits", "early_termination"):
        value = node.get(name)
        setting = {"type": value} if isinstance(value, str) else object_of(node, name)
        properties[camel_case(name)] = {
            TYPE_FIELDS.get(name, key) if key in ("type", "policy_type") else camel_case(key): each
            for key, each in replace_texts(name, setting, resolve).items()
        }
    return cast(JobProperties, properties)
