"""The asset files of the runbooks, read as azure-ai-ml will read them.

A wrong key in ``online_deployment.yml`` is told by Azure when the deployment is made, half an hour
into a release. The SDK's own loaders tell it here, in the pull request, without a workspace.
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
    """Read one asset file.

    Args:
        path: a file in the YAML schema of the Azure ML CLI v2.

    Returns:
        What it describes: ``environment``, ``commandJob``, ...

    Raises:
        UsageError: it cannot be read, or Azure ML would not take it.
    """
    import azure.ai.ml
    from azure.ai.ml.exceptions import MlException
    from marshmallow import ValidationError

    try:
        found = _SCHEMA.search(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: {getattr(error, 'strerror', None) or error}") from None
    if found is None or found[1] not in _LOADERS:
        known = ", ".join(sorted(_LOADERS))
        raise UsageError(f"{path}: begin it with '$schema: .../NAME.schema.json', NAME of {known}")
    logging.getLogger("azure.ai.ml").setLevel(logging.ERROR)  # what is experimental in the SDK
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            getattr(azure.ai.ml, _LOADERS[found[1]])(path)
    except (ValidationError, MlException) as error:
        raise UsageError(f"{path}: {_short(str(error))}") from None
    return found[1]


def _short(message: str) -> str:
    """The SDK's page of text as one line: the first field that is wrong, and why."""
    plain = message.replace("\\n", "\n").replace('\\"', '"')
    field = _FIELD.search(plain)
    if field is not None:
        return f"{field[1]}: {' '.join(field[2].split())}"
    lines = [line for line in map(str.strip, plain.splitlines()) if line]
    return " ".join(" ".join(lines[:4]).split())[:300]
