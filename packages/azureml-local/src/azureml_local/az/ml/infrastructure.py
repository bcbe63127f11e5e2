"""Compute, datastores, workspaces and registries."""

from __future__ import annotations

import contextlib
from typing import Any

from knack.log import get_logger

from azureml_local.az.errors import AzError
from azureml_local.az.ml.assets import Command, changed_properties, overrides
from azureml_local.az.ml.clients import finish, list_entities, to_json
from azureml_local.az.ml.generic_update import parse_pairs
from azureml_local.az.program import Arguments

logger = get_logger(__name__)

_COMPUTE_OPTIONS = (
    "name", "type", "size", "tier", "location", "description", "min_instances", "max_instances",
    "idle_time_before_scale_down",
)  # fmt: skip
_COMPUTE_CHANGES = (
    "min_instances", "max_instances", "idle_time_before_scale_down", "tags", "description",
)  # fmt: skip
_WORKSPACE_OPTIONS = ("name", "display_name", "description", "location")
_DATASTORE_CHANGES = ("description", "tags")


def _create_compute(client: Any, arguments: Arguments) -> Any:
    from azure.ai.ml import load_compute

    if not arguments.file and not (arguments.name and arguments.type):
        raise AzError("--name/-n and --type/-t are required if --file/-f is not provided.")
    compute = load_compute(
        source=arguments.file, params_override=overrides(arguments, _COMPUTE_OPTIONS)
    )
    return to_json(finish(client.compute.begin_create_or_update(compute), arguments))


def _update_compute(client: Any, arguments: Arguments) -> Any:
    compute = client.compute.get(arguments.name)
    changed_properties(compute, arguments, _COMPUTE_CHANGES)
    for name in ("min_instances", "max_instances", "idle_time_before_scale_down"):
        value = getattr(arguments, name)
        if value is not None:
            setattr(compute, name, value)
    tags = parse_pairs(arguments.tags, "--tags")
    if tags is not None:
        compute.tags = tags
    return to_json(finish(client.compute.begin_update(compute), arguments))


def _compute_operation(operation: str) -> Command:
    def run(client: Any, arguments: Arguments) -> None:
        finish(getattr(client.compute, operation)(arguments.name), arguments)

    return run


def _show(operations: str) -> Command:
    def run(client: Any, arguments: Arguments) -> Any:
        return to_json(getattr(client, operations).get(arguments.name))

    return run


def _list_in_scope(operations: str) -> Command:
    """Lists the resources of ``--resource-group``, else of the subscription."""

    def run(client: Any, arguments: Arguments) -> Any:
        scope = "resource_group" if arguments.resource_group else "subscription"
        resources = getattr(client, operations).list(scope=scope)
        return list_entities(resources, arguments.max_results)

    return run


def _list_compute(client: Any, arguments: Arguments) -> Any:
    computes = client.compute.list(compute_type=arguments.type)
    return list_entities(computes, arguments.max_results)


def _list_nodes(client: Any, arguments: Arguments) -> Any:
    return list_entities(client.compute.list_nodes(arguments.name))


def _list_sizes(client: Any, arguments: Arguments) -> Any:
    sizes = client.compute.list_sizes(location=arguments.location, compute_type=arguments.type)
    return list_entities(sizes)


def _create_datastore(client: Any, arguments: Arguments) -> Any:
    from azure.ai.ml import load_datastore

    datastore = load_datastore(
        source=arguments.file, params_override=overrides(arguments, ("name",))
    )
    return to_json(client.datastores.create_or_update(datastore))


def _update_datastore(client: Any, arguments: Arguments) -> Any:
    if arguments.file:
        return _create_datastore(client, arguments)
    if not arguments.name:
        raise AzError("the following arguments are required: --name/-n or --file/-f")
    datastore = client.datastores.get(arguments.name)
    changed_properties(datastore, arguments, _DATASTORE_CHANGES)
    return to_json(client.datastores.create_or_update(datastore))


def _list_datastores(client: Any, arguments: Arguments) -> Any:
    return list_entities(client.datastores.list(), arguments.max_results)


def _delete_datastore(client: Any, arguments: Arguments) -> None:
    client.datastores.delete(arguments.name)


def _create_workspace(client: Any, arguments: Arguments) -> Any:
    from azure.ai.ml import load_workspace
    from azure.core.exceptions import ResourceNotFoundError

    if not arguments.file and not arguments.name:
        raise AzError("the following arguments are required: --name/-n or --file/-f")
    workspace = load_workspace(
        source=arguments.file, params_override=overrides(arguments, _WORKSPACE_OPTIONS)
    )
    # Without --strict a workspace exists on its first use, and azure-ai-ml 1.35 updates one that
    # exists; its update fails: it sets attributes of a dict.
    with contextlib.suppress(ResourceNotFoundError):
        existing = client.workspaces.get(workspace.name)
        logger.warning("The workspace %s exists and was not changed.", workspace.name)
        return to_json(existing)
    return to_json(finish(client.workspaces.begin_create(workspace), arguments))


def _delete_workspace(client: Any, arguments: Arguments) -> None:
    poller = client.workspaces.begin_delete(
        name=arguments.name,
        delete_dependent_resources=arguments.all_resources,
        permanently_delete=arguments.permanently_delete,
    )
    finish(poller, arguments)


def _create_registry(client: Any, arguments: Arguments) -> Any:
    from azure.ai.ml import load_registry

    options = ("name", "display_name", "location")
    registry = load_registry(source=arguments.file, params_override=overrides(arguments, options))
    return to_json(finish(client.registries.begin_create(registry), arguments))


def _delete_registry(client: Any, arguments: Arguments) -> None:
    finish(client.registries.begin_delete(name=arguments.name), arguments)


COMMANDS: dict[str, Command] = {
    "compute create": _create_compute,
    "compute update": _update_compute,
    "compute show": _show("compute"),
    "compute list": _list_compute,
    "compute list-nodes": _list_nodes,
    "compute list-sizes": _list_sizes,
    "compute delete": _compute_operation("begin_delete"),
    "compute start": _compute_operation("begin_start"),
    "compute stop": _compute_operation("begin_stop"),
    "compute restart": _compute_operation("begin_restart"),
    "datastore create": _create_datastore,
    "datastore update": _update_datastore,
    "datastore show": _show("datastores"),
    "datastore list": _list_datastores,
    "datastore delete": _delete_datastore,
    "workspace create": _create_workspace,
    "workspace show": _show("workspaces"),
    "workspace list": _list_in_scope("workspaces"),
    "workspace delete": _delete_workspace,
    "registry create": _create_registry,
    "registry show": _show("registries"),
    "registry list": _list_in_scope("registries"),
    "registry delete": _delete_registry,
}
