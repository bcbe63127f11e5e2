"""Validate the YAML files of the runbooks with azure-ai-ml.

Azure reports a wrong key in ``online_deployment.yml`` when the deployment is created, half an hour
into a release. The SDK's loaders report it in the pull request, without a workspace.
"""

from __future__ import annotations

import logging
import re
import warnings
from pathlib import Path

from nbrelease.errors import UsageError

_SCHEMA = re.compile(r"^\$schema:\s*\S*?/?(\w+)\.schema\.json\s*$", re.MULTILINE)
_LOADERS = {
    "batchDeployment": "load_batch_deployment",
    "batchEndpoint": "load_batch_endpoint",
    "commandComponent": "load_component",
    "commandJob": "load_job",
    "data": "load_data",
    "environment": "load_environment",
    "managedOnlineDeployment": "load_online_deployment",
    "managedOnlineEndpoint": "load_online_endpoint",
    "model": "load_model",
    "pipelineJob": "load_job",
}
_FIELD = re.compile(r'"(\w+)": \[\s*"((?:[^"\\]|\\.)*)"')


def check(path: Path) -> str:
    """Validate one YAML file.

    Args:
        path: a file in the YAML schema of the Azure ML CLI v2.

    Returns:
        The name of its schema: ``environment``, ``commandJob``, ...

    Raises:
        UsageError: the file cannot be read, or it is invalid.
    """
    from child_processes.preload import import_jsonschema

    import_jsonschema()  # the SDK imports it, with its grammars
    import azure.ai.ml
    from azure.ai.ml.exceptions import MlException
    from marshmallow import ValidationError

    try:
        schema = _SCHEMA.search(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: {getattr(error, 'strerror', None) or error}") from None
    if schema is None or schema[1] not in _LOADERS:
        known = ", ".join(sorted(_LOADERS))
        raise UsageError(
            f"{path}: no known $schema; add a first line '$schema: .../NAME.schema.json' "
            f"with NAME one of {known}"
        )
    logging.getLogger("azure.ai.ml").setLevel(logging.ERROR)  # hide notes on experimental classes
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            getattr(azure.ai.ml, _LOADERS[schema[1]])(path)
    except (ValidationError, MlException) as error:
        raise UsageError(f"{path}: {_shorten(str(error))}") from None
    return schema[1]


def _shorten(message: str) -> str:
    """Shorten the SDK's message to one line: the first wrong field and the reason."""
    plain = message.replace("\\n", "\n").replace('\\"', '"')
    field = _FIELD.search(plain)
    if field is not None:
        return f"{field[1]}: {' '.join(field[2].split())}"
    lines = [line for line in map(str.strip, plain.splitlines()) if line]
    return " ".join(" ".join(lines[:4]).split())[:300]
