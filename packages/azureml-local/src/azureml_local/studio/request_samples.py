"""A request that fits a deployment, and code that sends it.

The body is the input example of an MLflow model, or a row with the types of its signature. For a
scoring script it is the example in its swagger document, which its decorators or its own file give.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from azureml_local.endpoints import Deployment, Endpoint
from azureml_local.json_fields import JsonObject, object_of
from azureml_local.online.access import auth_mode
from azureml_local.scoring.deployment_files import DeploymentFiles
from azureml_local.scoring.model import Description, SignatureField
from azureml_local.studio import scoring_form

MAX_BODY = 20_000
"""Larger examples are not shown."""
UNKNOWN = '{"input_data": [[1, 2]]}'
VALUES: dict[str, object] = {
    "double": 0.5,
    "float": 0.5,
    "long": 1,
    "integer": 1,
    "boolean": True,
    "string": "text",
    "binary": "AA==",
    "datetime": "2026-01-31T00:00:00",
}
"""A value of each of MLflow's types."""
PLACEHOLDERS = {"Key": "<key>", "AMLToken": "<token>", "AADToken": "<token>"}
COMMANDS = {
    "Key": "az ml online-endpoint get-credentials --name {name} --query primaryKey --output tsv",
    "AMLToken": (
        "az ml online-endpoint get-credentials --name {name} --query accessToken --output tsv"
    ),
    "AADToken": (
        "az account get-access-token --resource https://ml.azure.com --query accessToken "
        "--output tsv"
    ),
}
"""The commands that print the credential of each ``auth_mode``."""


@dataclass(frozen=True)
class RequestSample:
    """The body of a request, and where it comes from."""

    body: str
    source: str


@dataclass(frozen=True)
class SampleCode:
    """Code that sends a request, and the command that prints the credential for it."""

    curl: str
    python: str
    credential: str


async def request_sample(
    authorities: Path, endpoint: Endpoint, deployment: Deployment | None
) -> RequestSample:
    """A request that fits a deployment."""
    unknown = RequestSample(UNKNOWN, "The deployment does not describe its input: edit the body.")
    if deployment is None:
        return unknown
    files = DeploymentFiles(**deployment.body.get("files") or {})
    if files.script:
        if deployment.body.get("state") != "Succeeded":
            return unknown
        document = await scoring_form.read_swagger(authorities, endpoint, deployment.own_name)
        example = swagger_example(document)
        source = "The example of the swagger document of the scoring script."
        return _sample(example, source) or unknown
    try:
        return model_sample(deployment.folder / files.model) or unknown
    except (OSError, ValueError, KeyError, TypeError, AttributeError):  # an MLmodel of a user
        return unknown


def model_sample(folder: Path) -> RequestSample | None:
    """A request for an MLflow model; None if it has neither an example nor a signature.

    Raises:
        OSError: a file of the model cannot be read.
        ValueError: a file of the model is not valid.
    """
    import yaml

    try:
        model = Description.read(folder)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from None
    if model.example:
        file = model.folder / str(model.example["artifact_path"])
        inside = file.resolve().is_relative_to(model.folder.resolve())
        if inside and file.is_file() and file.stat().st_size <= MAX_BODY:
            content = json.loads(file.read_text(encoding="utf-8"))
            if model.example.get("type") == "ndarray":
                content = content["inputs"]
            sample = _sample({"input_data": content}, "The input example of the model.")
            if sample is not None:
                return sample
    if not model.inputs:
        return None
    return _sample(
        {"input_data": _signature_input(model.inputs)}, "A row with the types of the signature."
    )


def _signature_input(fields: Sequence[SignatureField]) -> object:
    """An input with the fields of a signature: a table in split form, or tensors of zeros."""
    if fields[0].get("type") == "tensor":
        tensors = [(field.get("name"), _zeros(field["tensor-spec"]["shape"])) for field in fields]
        return tensors[0][1] if tensors[0][0] is None else dict(tensors)
    names = [field.get("name", position) for position, field in enumerate(fields)]
    row = [VALUES.get(str(field.get("type"))) for field in fields]
    return {"columns": names, "index": [0], "data": [row]}


def _zeros(shape: list[int]) -> object:
    """Nested lists of zeros; a dimension of any length has one."""
    if not shape:
        return 0
    count = 1 if shape[0] == -1 else shape[0]
    return [_zeros(shape[1:]) for _ in range(min(count, MAX_BODY))]


def swagger_example(document: JsonObject) -> object:
    """The example of the input in a swagger document of version 2 or 3; None without one."""
    definitions = object_of(document, "definitions") or object_of(
        object_of(document, "components"), "schemas"
    )
    example = object_of(definitions, "ServiceInput").get("example")
    if isinstance(example, dict) and not any(
        each not in ("", None, {}) for each in example.values()
    ):
        return None  # a script without decorators
    return example


def _sample(content: object, source: str) -> RequestSample | None:
    if content is None:
        return None
    body = json.dumps(content, indent=2, ensure_ascii=False)
    if len(body) > 1000 or body.count("\n") > 20:
        body = json.dumps(content, ensure_ascii=False)
    return RequestSample(body, source) if len(body) <= MAX_BODY else None


def sample_code(endpoint: Endpoint, address: str, deployment: str, body: str) -> SampleCode:
    """Code that sends a request.

    Args:
        endpoint: the online endpoint.
        address: of its requests.
        deployment: that answers; empty: chosen by the traffic.
        body: of the request.
    """
    mode = auth_mode(endpoint)
    placeholder = PLACEHOLDERS[mode]
    headers = {"Authorization": f"Bearer {placeholder}", "Content-Type": "application/json"}
    if deployment:
        headers["azureml-model-deployment"] = deployment
    curl = [
        f"curl --request POST {shlex.quote(address)}",
        *(f"--header {shlex.quote(f'{name}: {value}')}" for name, value in headers.items()),
        f"--data {shlex.quote(body)}",
    ]
    lines = "".join(f"    {name!r}: {value!r},\n" for name, value in headers.items())
    python = f"""import requests

body = {_python_literal(body)}
headers = {{
{lines}}}
response = requests.post({address!r}, data=body.encode(), headers=headers, timeout=60)
response.raise_for_status()
print(response.json())
"""
    return SampleCode(" \\\n  ".join(curl), python, COMMANDS[mode].format(name=endpoint.name))


def _python_literal(text: str) -> str:
    """A text as a Python literal, with its lines if it has several."""
    plain = not text.endswith("'") and not any(each in text for each in ("'''", "\\", "\r"))
    if "\n" in text and plain:
        return f"'''{text}'''"
    return repr(text)
