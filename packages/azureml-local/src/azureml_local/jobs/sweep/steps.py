"""Steps of pipelines that are sweeps: their settings in the form of sweep jobs."""

from __future__ import annotations

import re
from collections.abc import Callable

from azureml_local.documents.assets import ComponentSpec
from azureml_local.documents.jobs import JobProperties, PipelineStep, SweepTrial
from azureml_local.jobs.references import replace_texts
from azureml_local.json_fields import JsonObject, camel_case, object_of, text_of, with_fields

INPUT = re.compile(r"\$\{\{\s*inputs\.([\w.\-]+)\s*\}\}")
TYPE_FIELDS = {"sampling_algorithm": "samplingAlgorithmType", "early_termination": "policyType"}
"""The field with the type of each setting, as sweep jobs have it."""


def is_sweep(node: PipelineStep) -> bool:
    """Whether a step is a sweep."""
    return node.get("type") == "sweep"


def component_id(node: PipelineStep) -> str:
    """The component of a step; in a sweep, it is that of the trials."""
    return text_of(object_of(node, "trial") if is_sweep(node) else node, "componentId")


def trial_spec(node: PipelineStep, spec: ComponentSpec) -> ComponentSpec:
    """A component's specification without the inputs that the search space sets."""
    space = object_of(node, "search_space") if is_sweep(node) else {}
    declared = object_of(spec, "inputs")
    inputs = {key: each for key, each in declared.items() if key not in space}
    return with_fields(spec, {"inputs": inputs})


def sweep_properties(
    node: PipelineStep, command: JobProperties, resolve: Callable[[str, str], str]
) -> JobProperties:
    """The properties of the sweep job of a step.

    Args:
        node: the step.
        command: the properties of a command job for it.
        resolve: replaces references to inputs of the pipeline in a text; its first argument is the
            name of the field.
    """
    space = replace_texts("search_space", object_of(node, "search_space"), resolve)
    trial: SweepTrial = {
        "command": INPUT.sub(
            lambda match: f"${{{{search_space.{match[1]}}}}}" if match[1] in space else match[0],
            command["command"],
        ),
        "codeId": command.get("codeId"),
        "environmentId": command.get("environmentId", ""),
        "environmentVariables": command.get("environmentVariables", {}),
        "resources": command.get("resources", {}),
        "distribution": command.get("distribution"),
    }
    settings: dict[str, JsonObject] = {}
    for name in ("sampling_algorithm", "objective", "limits", "early_termination"):
        value = node.get(name)
        setting: JsonObject = {"type": value} if isinstance(value, str) else object_of(node, name)
        settings[camel_case(name)] = {
            TYPE_FIELDS.get(name, key) if key in ("type", "policy_type") else camel_case(key): each
            for key, each in replace_texts(name, setting, resolve).items()
        }
    sweep: JobProperties = {
        "jobType": "Sweep",
        "trial": trial,
        "computeId": command.get("computeId"),
    }
    return with_fields(sweep, {"searchSpace": space, **settings})
