"""The SDK's client of a call, and the JSON output of entities and operations."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Iterable
from enum import Enum
from itertools import islice
from typing import Any

from knack.log import get_logger

from azureml_local.az.errors import AzError
from azureml_local.az.profile import Profile
from azureml_local.az.program import Arguments
from azureml_local.az.server_client import ServerClient

logger = get_logger(__name__)


def connect(profile: Profile, arguments: Arguments) -> Any:
    """The ``MLClient`` of a call.

    Raises:
        AzError: the call names neither a workspace nor a registry.
    """
    os.environ.update(ServerClient.from_folder(profile.data).env)
    if arguments.only_show_errors:
        warnings.simplefilter("ignore")
        logging.getLogger("azure.ai.ml").setLevel(logging.ERROR)
    try:
        from azure.ai.ml import MLClient
        from azure.identity import ManagedIdentityCredential
    except ModuleNotFoundError as error:
        raise AzError(f'{error}; install the SDK: pip install "azureml-local[az]"') from None

    subscription = profile.subscription(arguments.subscription)
    group = getattr(arguments, "resource_group", None)
    workspace = getattr(arguments, "workspace_name", None)
    registry = getattr(arguments, "registry_name", None)
    names: dict[str, object] = {}
    if registry and not hasattr(arguments, "share_with_name"):
        names["registry_name"] = registry
    elif hasattr(arguments, "workspace_name"):
        required = {"--resource-group/-g": group, "--workspace-name/-w": workspace}
        missing = [name for name, value in required.items() if not value]
        if missing:
            raise AzError(f"the following arguments are required: {', '.join(missing)}")
        names["workspace_name"] = workspace
    return MLClient(
        ManagedIdentityCredential(),
        subscription,
        group,
        enable_telemetry=False,
        show_progress=sys.stderr.isatty(),
        **names,
    )


def to_json(entity: Any) -> Any:
    """An entity as the CLI prints it; other objects are returned unchanged."""
    if not hasattr(entity, "_to_dict"):
        return entity
    if hasattr(entity, "_to_job"):  # the SDK returns command jobs as nodes of a pipeline
        entity = entity._to_job()
    return _plain(entity._to_dict(), entity)


def _plain(value: Any, source: Any) -> Any:
    """A value with plain dicts and lists, and the values of enumerations.

    Args:
        value: a part of the result of ``_to_dict``.
        source: the object that the SDK converted to ``value``. The schemas of the SDK write the
            names of some enumerations instead of their values.
    """
    if isinstance(source, Enum):
        return source.value
    if isinstance(value, dict):
        return {
            str(key): _plain(each, getattr(source, str(key), None)) for key, each in value.items()
        }
    if isinstance(value, list | tuple):
        return [_plain(each, None) for each in value]
    return value


def list_entities(entities: Iterable[Any], limit: int | str | None = None) -> list[Any]:
    """The first entities of an operation as the CLI prints them."""
    return [to_json(each) for each in islice(entities, int(limit) if limit else None)]


def finish(poller: Any, arguments: Arguments) -> Any:
    """The result of a long-running operation; None with ``--no-wait``."""
    if getattr(arguments, "no_wait", False):
        logger.info("The operation continues on the server.")
        return None
    return poller.result() if hasattr(poller, "result") else poller
