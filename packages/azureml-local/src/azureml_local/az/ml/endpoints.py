"""Online and batch endpoints and their deployments."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import yaml

from azureml_local.az.errors import AzError
from azureml_local.az.ml import batch_invocations
from azureml_local.az.ml.assets import Command, overrides
from azureml_local.az.ml.clients import finish, list_entities, to_json
from azureml_local.az.ml.generic_update import parse_pairs, parse_traffic, update_properties
from azureml_local.az.program import Arguments

_READ_ONLY = {
    "id", "creation_context", "provisioning_state", "scoring_uri", "openapi_uri", "kind",
    "location", "properties", "provisioning_details", "identity",
}  # fmt: skip
"""Properties that the service sets."""
BATCH_LOADERS = {
    "model": "load_model_batch_deployment",
    "pipeline": "load_pipeline_component_batch_deployment",
}
"""The SDK's function for the ``type`` of a batch deployment."""


def _load(kind: str, arguments: Arguments, names: tuple[str, ...]) -> Any:
    """An entity from ``--file``, ``--set`` and these options; the file is optional."""
    from azure.ai import ml

    load = getattr(ml, f"load_{kind}")
    return load(source=arguments.file, params_override=overrides(arguments, names))


def _load_deployment(kind: str, arguments: Arguments) -> Any:
    """A deployment; the ``type`` in the file of a batch deployment selects its schema."""
    from azure.ai.ml.entities import _load_functions  # azure.ai.ml exports one of them only

    names = ("name", "endpoint_name")
    if kind == "online" or not arguments.file:
        return _load(f"{kind}_deployment", arguments, names)
    loader = BATCH_LOADERS.get(_declared_type(Path(arguments.file)))
    if loader is None:
        return _load("batch_deployment", arguments, names)
    load = getattr(_load_functions, loader)
    return load(source=arguments.file, params_override=overrides(arguments, names))


def _declared_type(file: Path) -> str:
    """The ``type`` in a YAML file; empty if the file cannot be read, which the SDK reports."""
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError):
        return ""
    return str(content.get("type") or "") if isinstance(content, dict) else ""


def _apply_update(kind: str, entity: Any, arguments: Arguments) -> Any:
    """An entity with the changes of ``--set``, ``--add`` and ``--remove``."""
    from azure.ai import ml

    properties = update_properties(to_json(entity), arguments)
    changed = {name: value for name, value in properties.items() if name not in _READ_ONLY}
    load = getattr(ml, f"load_{kind}")
    values = [{name: value} for name, value in changed.items() if value is not None]
    updated = load(source=None, params_override=values)
    if getattr(entity, "identity", None) is not None:
        updated.identity = entity.identity
    if getattr(entity, "location", None) is not None:
        updated.location = entity.location
    return updated


def _require_name(arguments: Arguments) -> None:
    if not arguments.file and not arguments.name:
        raise AzError("the following arguments are required: --name/-n or --file/-f")


def _endpoints(client: Any, kind: str) -> Any:
    return getattr(client, f"{kind}_endpoints")


def _deployments(client: Any, kind: str) -> Any:
    return getattr(client, f"{kind}_deployments")


def _create_endpoint(kind: str) -> Command:
    def run(client: Any, arguments: Arguments) -> Any:
        _require_name(arguments)
        endpoint = _load(f"{kind}_endpoint", arguments, ("name", "auth_mode"))
        result = finish(_endpoints(client, kind).begin_create_or_update(endpoint), arguments)
        return to_json(result)

    return run


def _update_endpoint(kind: str) -> Command:
    def run(client: Any, arguments: Arguments) -> Any:
        _require_name(arguments)
        operations = _endpoints(client, kind)
        if arguments.file:
            loaded = _load(f"{kind}_endpoint", arguments, ("name",))
            operations.get(loaded.name)  # an endpoint that does not exist is not created
        else:
            current = operations.get(arguments.name)
            loaded = _apply_update(f"{kind}_endpoint", current, arguments)
        if kind == "online":
            if arguments.traffic is not None:
                loaded.traffic = parse_traffic(arguments.traffic)
            if arguments.mirror_traffic is not None:
                loaded.mirror_traffic = parse_traffic(arguments.mirror_traffic)
        elif arguments.defaults:
            loaded.defaults = _batch_defaults(arguments.defaults)
        return to_json(finish(operations.begin_create_or_update(loaded), arguments))

    return run


def _batch_defaults(text: str) -> dict[str, str]:
    pairs = parse_pairs(text, "--defaults") or {}
    if set(pairs) != {"deployment_name"}:
        raise AzError("usage error: --defaults deployment_name=NAME")
    return pairs


def _show_endpoint(kind: str) -> Command:
    def run(client: Any, arguments: Arguments) -> Any:
        return to_json(_endpoints(client, kind).get(arguments.name))

    return run


def _list_endpoints(kind: str) -> Command:
    def run(client: Any, _arguments: Arguments) -> Any:
        return list_entities(_endpoints(client, kind).list())

    return run


def _delete_endpoint(kind: str) -> Command:
    def run(client: Any, arguments: Arguments) -> None:
        finish(_endpoints(client, kind).begin_delete(name=arguments.name), arguments)

    return run


def _invoke_online(client: Any, arguments: Arguments) -> Any:
    return client.online_endpoints.invoke(
        endpoint_name=arguments.name,
        request_file=arguments.request_file,
        deployment_name=arguments.deployment_name,
    )


def _list_endpoint_jobs(client: Any, arguments: Arguments) -> Any:
    return list_entities(client.batch_endpoints.list_jobs(endpoint_name=arguments.name))


def _list_deployment_jobs(client: Any, arguments: Arguments) -> Any:
    jobs = client.batch_deployments.list_jobs(
        endpoint_name=arguments.endpoint_name, name=arguments.name
    )
    return list_entities(jobs)


def _get_credentials(client: Any, arguments: Arguments) -> Any:
    return client.online_endpoints.get_keys(name=arguments.name)


def _regenerate_keys(client: Any, arguments: Arguments) -> None:
    poller = client.online_endpoints.begin_regenerate_keys(
        name=arguments.name, key_type=arguments.key_type
    )
    finish(poller, arguments)


def _create_deployment(kind: str) -> Command:
    option = "all_traffic" if kind == "online" else "set_default"

    def run(client: Any, arguments: Arguments) -> Any:
        activates = getattr(arguments, option)
        if activates and arguments.no_wait:
            raise AzError(f"--{option.replace('_', '-')} does not work with --no-wait")
        deployment = _load_deployment(kind, arguments)
        operations = _deployments(client, kind)
        if kind == "online":
            _require_new(operations, deployment)
        poller = operations.begin_create_or_update(
            deployment, skip_script_validation=arguments.skip_script_validation
        )
        result = finish(poller, arguments)
        if activates:
            endpoint = _endpoints(client, kind).get(deployment.endpoint_name)
            if kind == "online":
                endpoint.traffic = {deployment.name: 100}
            else:
                endpoint.defaults = {"deployment_name": deployment.name}
            finish(_endpoints(client, kind).begin_create_or_update(endpoint), arguments)
        return to_json(result)

    return run


def _require_new(operations: Any, deployment: Any) -> None:
    """Refuse an online deployment that exists, as Azure does; a batch deployment is replaced."""
    from azure.core.exceptions import ResourceNotFoundError

    with contextlib.suppress(ResourceNotFoundError):
        operations.get(name=deployment.name, endpoint_name=deployment.endpoint_name)
        raise AzError(
            f"The deployment {deployment.name} of the endpoint {deployment.endpoint_name} exists. "
            "Change it with: az ml online-deployment update"
        )


def _update_deployment(kind: str) -> Command:
    def run(client: Any, arguments: Arguments) -> Any:
        operations = _deployments(client, kind)
        if arguments.file:
            loaded = _load_deployment(kind, arguments)
            operations.get(name=loaded.name, endpoint_name=loaded.endpoint_name)
        elif arguments.name and arguments.endpoint_name:
            current = operations.get(name=arguments.name, endpoint_name=arguments.endpoint_name)
            loaded = _apply_update(f"{kind}_deployment", current, arguments)
        else:
            raise AzError(
                "the following arguments are required: --file/-f or --name/-n, --endpoint-name/-e"
            )
        return to_json(finish(operations.begin_create_or_update(loaded), arguments))

    return run


def _show_deployment(kind: str) -> Command:
    def run(client: Any, arguments: Arguments) -> Any:
        deployment = _deployments(client, kind).get(
            name=arguments.name, endpoint_name=arguments.endpoint_name
        )
        return to_json(deployment)

    return run


def _list_deployments(kind: str) -> Command:
    def run(client: Any, arguments: Arguments) -> Any:
        deployments = _deployments(client, kind).list(endpoint_name=arguments.endpoint_name)
        return list_entities(deployments)

    return run


def _delete_deployment(kind: str) -> Command:
    def run(client: Any, arguments: Arguments) -> None:
        poller = _deployments(client, kind).begin_delete(
            name=arguments.name, endpoint_name=arguments.endpoint_name
        )
        finish(poller, arguments)

    return run


def _get_logs(client: Any, arguments: Arguments) -> Any:
    return client.online_deployments.get_logs(
        name=arguments.name,
        endpoint_name=arguments.endpoint_name,
        lines=arguments.lines,
        container_type=arguments.container,
    )


def _for_kind(kind: str) -> dict[str, Command]:
    return {
        f"{kind}-endpoint create": _create_endpoint(kind),
        f"{kind}-endpoint update": _update_endpoint(kind),
        f"{kind}-endpoint show": _show_endpoint(kind),
        f"{kind}-endpoint list": _list_endpoints(kind),
        f"{kind}-endpoint delete": _delete_endpoint(kind),
        f"{kind}-deployment create": _create_deployment(kind),
        f"{kind}-deployment update": _update_deployment(kind),
        f"{kind}-deployment show": _show_deployment(kind),
        f"{kind}-deployment list": _list_deployments(kind),
        f"{kind}-deployment delete": _delete_deployment(kind),
    }


COMMANDS: dict[str, Command] = {
    **_for_kind("online"),
    **_for_kind("batch"),
    "online-endpoint invoke": _invoke_online,
    "online-endpoint get-credentials": _get_credentials,
    "online-endpoint regenerate-keys": _regenerate_keys,
    "online-deployment get-logs": _get_logs,
    "batch-endpoint invoke": batch_invocations.invoke,
    "batch-endpoint list-jobs": _list_endpoint_jobs,
    "batch-deployment list-jobs": _list_deployment_jobs,
}
