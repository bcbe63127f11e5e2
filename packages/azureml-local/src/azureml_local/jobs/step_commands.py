"""The commands of steps: the settings of a component, overridden by those of the step."""

from __future__ import annotations

from collections.abc import Callable

from azureml_local.documents.assets import ComponentSpec
from azureml_local.documents.jobs import (
    JobDistribution,
    JobLimits,
    JobProperties,
    JobResources,
    PipelineSettings,
    PipelineStep,
)
from azureml_local.jobs.references import replace_texts
from azureml_local.json_fields import as_document, camel_case, object_of, text_of


def command_properties(
    node: PipelineStep,
    spec: ComponentSpec,
    settings: PipelineSettings,
    replace: Callable[[str, str], str],
) -> JobProperties:
    """The properties of a command job: those of the component, overridden by the step.

    Args:
        node: the step.
        spec: its component.
        settings: of the pipeline, with the default compute.
        replace: replaces references to inputs of the pipeline in a text; its first argument is the
            name of the field.
    """
    variables = {
        **object_of(spec, "environment_variables"),
        **object_of(node, "environment_variables"),
    }
    compute = text_of(node, "computeId") or text_of(spec, "compute")
    compute = compute or str(find_setting(settings, "default_compute") or "")
    limits = {**object_of(spec, "limits"), **object_of(node, "limits")}
    timeout = limits.get("timeout")
    if isinstance(timeout, str):
        seconds = replace("limits.timeout", timeout)
        limits["timeout"] = float(seconds) if seconds.isdigit() else seconds
    resources = {**object_of(spec, "resources"), **object_of(node, "resources")}
    distribution = object_of(node, "distribution") or object_of(spec, "distribution")
    return {
        "command": text_of(spec, "command"),
        "codeId": text_of(spec, "code") or None,
        "environmentId": text_of(node, "environment") or text_of(spec, "environment"),
        "computeId": replace("compute", compute) or None,
        "environmentVariables": {key: str(value) for key, value in variables.items()},
        "limits": as_document(JobLimits, limits),
        "resources": as_document(JobResources, replace_texts("resources", resources, replace)),
        "distribution": as_document(
            JobDistribution, replace_texts("distribution", distribution, replace)
        ),
    }


def find_setting(settings: PipelineSettings, name: str) -> object:
    """A setting of a pipeline by its snake case name, also if it is written in camel case."""
    return settings.get(name, settings.get(camel_case(name)))
