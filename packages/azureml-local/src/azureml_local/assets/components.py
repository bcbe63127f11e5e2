"""Component versions: the form in which the service returns them, and anonymous components.

The service completes a specification: inputs say whether they are optional, a command runs on one
instance, and numbers of a distribution are texts. The version of an anonymous component is a digest
of its content, so equal components share one version.
"""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from datetime import UTC, datetime

from azureml_local.documents.assets import AssetVersion, ComponentSpec
from azureml_local.errors import NotSupported
from azureml_local.json_fields import JsonObject, as_document, object_of, text_of

ANONYMOUS = "azureml_anonymous"
"""The name under which the SDK registers components of steps."""
TYPES = ("command", "pipeline", "parallel")
CONTENT = ("type", "command", "code", "environment", "task", "jobs", "outputs")
"""The fields of a registered specification that a client cannot change."""
COMPUTE_INPUT = re.compile(r"\$\{\{\s*parent\.inputs\.([\w\-]+)\s*\}\}")


def complete_spec(name: str, properties: AssetVersion) -> ComponentSpec:
    """The specification in the properties of a component, as the service returns it.

    Name and version are not part of it, except those of an anonymous component: its resource has
    other ones.

    Raises:
        NotSupported: azureml-local does not support components of this type.
    """
    spec = {"type": "command", **object_of(properties, "componentSpec")}
    if spec["type"] not in TYPES:
        raise NotSupported(
            f"Component versions - Create: {spec['type']} components are not supported by "
            "azureml-local"
        )
    omitted = ("_source",) if name == ANONYMOUS else ("_source", "name", "version")
    spec = {key: value for key, value in spec.items() if key not in omitted}
    inputs = {
        key: {"optional": False, **value} if isinstance(value, dict) else value
        for key, value in object_of(spec, "inputs").items()
    }
    if spec["type"] == "pipeline":
        spec.setdefault("is_deterministic", False)
        for key in _compute_inputs(spec):
            declaration = inputs[key]
            if isinstance(declaration, dict) and isinstance(declaration.get("default"), str):
                declaration["default"] = text_of(declaration, "default").removeprefix("azureml:")
    elif spec["type"] == "command":
        resources = object_of(spec, "resources")
        spec["resources"] = {"instance_count": 1, **resources}
        distribution = object_of(spec, "distribution")
        if distribution:
            spec["distribution"] = {key: str(value) for key, value in distribution.items()}
    return as_document(ComponentSpec, {**spec, **({"inputs": inputs} if inputs else {})})


def _compute_inputs(spec: JsonObject) -> set[str]:
    """The inputs of a pipeline component that name the compute of a step."""
    jobs = object_of(spec, "jobs")
    matches = (
        COMPUTE_INPUT.fullmatch(text_of(step, "compute") or text_of(step, "computeId"))
        for step in (object_of(jobs, name) for name in jobs)
    )
    return {match[1] for match in matches if match and match[1] in object_of(spec, "inputs")}


def content_version(spec: ComponentSpec) -> str:
    """The version of an anonymous component, in the form of a UUID."""
    content = {key: value for key, value in spec.items() if key != "version"}
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).digest()
    return str(uuid.UUID(bytes=digest[:16]))


def unchangeable_content(spec: ComponentSpec) -> dict[str, object]:
    """The part of a specification that must be equal in each update of a version."""
    return {
        key: value.removeprefix("azureml:") if isinstance(value, str) else value
        for key, value in spec.items()
        if key in CONTENT
    }


def next_version() -> str:
    """The automatic version of a component that exists: the current time."""
    now = datetime.now(UTC)
    return f"{now:%Y-%m-%d-%H-%M-%S}-{now.microsecond:06d}0"
