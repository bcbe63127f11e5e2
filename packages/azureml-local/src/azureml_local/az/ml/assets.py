"""Models, data, environments and components."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from azureml_local.az.errors import AzError, NotSupported
from azureml_local.az.ml.clients import list_entities, to_json
from azureml_local.az.ml.generic_update import parse_overrides, parse_pairs, update_properties
from azureml_local.az.program import Arguments
from azureml_local.json_fields import JsonObject

Command = Callable[[Any, Arguments], Any]
"""Runs a command with an ``MLClient``."""

OPERATIONS = {
    "model": "models",
    "data": "data",
    "environment": "environments",
    "component": "components",
}
_NAMED = ("name", "version", "description", "type", "path", "stage")
_ASSET_CHANGES = ("description", "tags", "properties", "stage")
"""The properties of a version that can change."""


def _operations(client: Any, kind: str) -> Any:
    return getattr(client, OPERATIONS[kind])


def overrides(arguments: Arguments, names: tuple[str, ...] = _NAMED) -> list[JsonObject]:
    """``--set`` and the options that replace values of the file, as ``params_override``.

    Raises:
        NotSupported: the options of an update that change a list are combined with a file.
    """
    for name in ("add", "remove"):
        if getattr(arguments, name, None):
            raise NotSupported(f"--{name} with --file")
    values = parse_overrides(arguments.set)
    for name in names:
        value = getattr(arguments, name, None)
        if value is not None:
            values.append({name: value})
    tags = parse_pairs(getattr(arguments, "tags", None), "--tags")
    return values if tags is None else [*values, {"tags": {**tags}}]


def _create(kind: str) -> Command:
    def run(client: Any, arguments: Arguments) -> Any:
        from azure.ai import ml

        load = getattr(ml, f"load_{kind}")
        values = overrides(arguments)
        if kind == "environment":
            values += _environment_options(arguments)
        entity = load(source=arguments.file, params_override=values)
        if kind == "data":
            entity._skip_validation = arguments.skip_validation
        options = {}
        if kind == "component":
            options["skip_validation"] = arguments.skip_validation
        return to_json(_operations(client, kind).create_or_update(entity, **options))

    return run


def _environment_options(arguments: Arguments) -> list[JsonObject]:
    if arguments.image and arguments.build_context:
        raise AzError("--image/-i and --build-context/-b are mutually exclusive arguments.")
    if arguments.conda_file and not (arguments.image or arguments.file):
        raise AzError("--image/-i must be specified with --conda-file/-c.")
    values: list[JsonObject] = []
    if arguments.image:
        values.append({"image": arguments.image})
    if arguments.conda_file:
        values.append({"conda_file": arguments.conda_file})
    if arguments.build_context:
        path = arguments.dockerfile_path.lstrip("/")
        values.append({"build": {"path": arguments.build_context, "dockerfile_path": path}})
    if arguments.os_type:
        values.append({"os_type": arguments.os_type})
    return values


def _get(operations: Any, arguments: Arguments) -> Any:
    if bool(arguments.version) == bool(arguments.label):
        raise AzError("Must provide either version or label.")
    return operations.get(name=arguments.name, version=arguments.version, label=arguments.label)


def _show(kind: str) -> Command:
    def run(client: Any, arguments: Arguments) -> Any:
        return to_json(_get(_operations(client, kind), arguments))

    return run


def view_type(arguments: Arguments) -> Any:
    """Which entities a list has: active, archived or both."""
    from azure.ai.ml.constants import ListViewType

    if arguments.archived_only and arguments.include_archived:
        raise AzError("Cannot provide both archived-only and include-archived.")
    if arguments.archived_only:
        return ListViewType.ARCHIVED_ONLY
    return ListViewType.ALL if arguments.include_archived else ListViewType.ACTIVE_ONLY


def _list(kind: str) -> Command:
    def run(client: Any, arguments: Arguments) -> Any:
        options = {"stage": arguments.stage} if getattr(arguments, "stage", None) else {}
        entities = _operations(client, kind).list(
            name=arguments.name, list_view_type=view_type(arguments), **options
        )
        return list_entities(entities, arguments.max_results)

    return run


def _archive(kind: str, operation: str) -> Command:
    def run(client: Any, arguments: Arguments) -> None:
        run_operation = getattr(_operations(client, kind), operation)
        run_operation(name=arguments.name, version=arguments.version, label=arguments.label)

    return run


def _share(kind: str) -> Command:
    def run(client: Any, arguments: Arguments) -> Any:
        entity = _operations(client, kind).share(
            name=arguments.name,
            version=arguments.version,
            share_with_name=arguments.share_with_name,
            share_with_version=arguments.share_with_version,
            registry_name=arguments.registry_name,
        )
        return to_json(entity)

    return run


def changed_properties(entity: Any, arguments: Arguments, allowed: tuple[str, ...]) -> list[str]:
    """Apply ``--set``, ``--add`` and ``--remove`` to an entity; returns what changed.

    Raises:
        AzError: a property cannot change.
    """
    before = to_json(entity)
    after = update_properties(to_json(entity), arguments)
    changes = [key for key in {**before, **after} if before.get(key) != after.get(key)]
    for key in changes:
        if key not in allowed:
            raise AzError(f"{key} cannot be changed; these can: {', '.join(allowed)}")
        setattr(entity, key, after.get(key))
    return changes


def _update(kind: str) -> Command:
    def run(client: Any, arguments: Arguments) -> Any:
        operations = _operations(client, kind)
        entity = _get(operations, arguments)
        changed_properties(entity, arguments, _ASSET_CHANGES)
        if getattr(arguments, "stage", None):
            entity.stage = arguments.stage
        return to_json(operations.create_or_update(entity))

    return run


def _download_model(client: Any, arguments: Arguments) -> None:
    client.models.download(
        name=arguments.name,
        version=arguments.version,
        download_path=arguments.download_path or ".",
    )


COMMANDS: dict[str, Command] = {
    f"{kind} {verb}": command
    for kind in OPERATIONS
    for verb, command in {
        "create": _create(kind),
        "show": _show(kind),
        "list": _list(kind),
        "update": _update(kind),
        "archive": _archive(kind, "archive"),
        "restore": _archive(kind, "restore"),
        "share": _share(kind),
    }.items()
    if (kind, verb) != ("component", "share")
}
COMMANDS["model download"] = _download_model
