"""The operations on batch endpoints and deployments, and their invocation."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from azureml_local import assets, auth
from azureml_local.batch.invocation import Invocations
from azureml_local.batch.invocation_data import component_of
from azureml_local.batch.settings import parse_settings
from azureml_local.endpoint_names import require_unique_name
from azureml_local.errors import BadRequest, NotFound
from azureml_local.jobs import records
from azureml_local.operations import Operations
from azureml_local.routing import WORKSPACE, Routes
from azureml_local.scoring.deployment_files import copy_deployment_files, model_id
from azureml_local.state import LOCATION, State, Workspace, json_of, object_of, text_of
from azureml_local.store import Resource

ENDPOINTS = "batchEndpoints"
DEPLOYMENTS = "batchDeployments"
BASE = WORKSPACE + "/batchEndpoints/{endpoint}"
ONE = BASE + "/deployments/{deployment}"


def register(
    routes: Routes, state: State, invocations: Invocations, operations: Operations
) -> None:
    """Add the operations of this module."""

    @routes.add("PUT|PATCH", BASE, "Batch endpoints - Create or update")
    async def put_endpoint(request: Request) -> Response:
        workspace, name = state.workspace(request), request.path_params["endpoint"]
        require_unique_name(workspace, ENDPOINTS, name)
        body = await json_of(request)
        properties = object_of(body, "properties")
        default = text_of(object_of(properties, "defaults"), "deploymentName")
        if default:
            _deployment(workspace, name, default)
        document = {"tags": object_of(body, "tags"), "properties": properties}
        endpoint = workspace.documents.put(ENDPOINTS, name, document)
        return JSONResponse(
            _endpoint_document(workspace, endpoint),
            status_code=201,
            headers=operations.completed_headers(workspace),
        )

    @routes.add("GET", BASE, "Batch endpoints - Get")
    async def get_endpoint(request: Request) -> Response:
        workspace = state.workspace(request)
        endpoint = _find(workspace, request.path_params["endpoint"])
        return JSONResponse(_endpoint_document(workspace, endpoint))

    @routes.add("GET", WORKSPACE + "/batchEndpoints", "Batch endpoints - List")
    async def list_endpoints(request: Request) -> Response:
        workspace = state.workspace(request)
        endpoints = workspace.documents.entries(ENDPOINTS)
        return JSONResponse({"value": [_endpoint_document(workspace, each) for each in endpoints]})

    @routes.add("DELETE", BASE, "Batch endpoints - Delete")
    async def delete_endpoint(request: Request) -> Response:
        workspace, name = state.workspace(request), request.path_params["endpoint"]
        with state.store.transaction():
            for each in _deployments(workspace, name):
                workspace.documents.delete(DEPLOYMENTS, each.name)
            there = workspace.documents.delete(ENDPOINTS, name)
        return Response(status_code=200 if there else 204)

    @routes.add("PUT|PATCH", ONE, "Batch deployments - Create or update")
    async def put_deployment(request: Request) -> Response:
        workspace, params = state.workspace(request), request.path_params
        _find(workspace, params["endpoint"])
        body = await json_of(request)
        properties = object_of(body, "properties")
        name = _key(params["endpoint"], params["deployment"])
        old = workspace.documents.get(DEPLOYMENTS, name)
        if old is not None and request.method == "PATCH":
            properties = {**old.body["properties"], **properties}
        parse_settings(properties)
        document: dict[str, Any] = {"tags": object_of(body, "tags"), "properties": properties}
        component = component_of(properties)
        if component:
            spec = assets.find_by_id(workspace, "components", component).body["componentSpec"]
            if spec["type"] != "pipeline":
                raise BadRequest(
                    f"a batch deployment takes a pipeline component; {component} has type "
                    f"{spec['type']}",
                    "UserError",
                    target="componentId",
                )
        else:
            folder = state.data / "batch" / workspace.key / name / uuid.uuid4().hex[:8]
            files = await asyncio.to_thread(copy_deployment_files, workspace, properties, folder)
            document |= {"folder": str(folder.relative_to(state.data)), "files": vars(files)}
            if not files.script:
                invocations.processes.preload()  # an invocation will follow
        deployment = workspace.documents.put(DEPLOYMENTS, name, document)
        return JSONResponse(
            _deployment_document(workspace, deployment),
            status_code=201,
            headers=operations.completed_headers(workspace),
        )

    @routes.add("GET", ONE, "Batch deployments - Get")
    async def get_deployment(request: Request) -> Response:
        workspace, params = state.workspace(request), request.path_params
        deployment = _deployment(workspace, params["endpoint"], params["deployment"])
        return JSONResponse(_deployment_document(workspace, deployment))

    @routes.add("GET", BASE + "/deployments", "Batch deployments - List")
    async def list_deployments(request: Request) -> Response:
        workspace = state.workspace(request)
        deployments = _deployments(workspace, request.path_params["endpoint"])
        return JSONResponse(
            {"value": [_deployment_document(workspace, each) for each in deployments]}
        )

    @routes.add("DELETE", ONE, "Batch deployments - Delete")
    async def delete_deployment(request: Request) -> Response:
        workspace, params = state.workspace(request), request.path_params
        name = _key(params["endpoint"], params["deployment"])
        there = workspace.documents.delete(DEPLOYMENTS, name)
        return Response(status_code=200 if there else 204)

    @routes.add("POST", "/batch/{key}/{endpoint}/jobs", "Batch endpoints - Invoke")
    async def invoke(request: Request) -> Response:
        auth.require_token(state.secret, request)
        workspace = state.workspace_by_key(request.path_params["key"])
        name = request.path_params["endpoint"]
        endpoint = _find(workspace, name)
        named = request.headers.get("azureml-model-deployment")
        chosen = named or (endpoint.body["properties"].get("defaults") or {}).get("deploymentName")
        if not chosen:
            raise BadRequest(f"endpoint {name} has no default deployment; name one", "UserError")
        deployment = _deployment(workspace, name, chosen)
        call = object_of(await json_of(request), "properties")
        job = invocations.submit(workspace, endpoint.name, deployment, call)
        return JSONResponse(records.document(workspace, job), status_code=201)

    @routes.add(
        "GET",
        f"/mferp/managementfrontend{WORKSPACE}/batchEndpoints/{{endpoint}}/jobs",
        "Batch endpoints - List jobs",
    )
    async def list_jobs(request: Request) -> Response:
        workspace, endpoint = state.workspace(request), request.path_params["endpoint"]
        jobs = [
            records.document(workspace, each)
            for each in workspace.documents.entries(records.KIND)
            if each.body.get("endpoint") == endpoint and not each.body.get("parent")
        ]
        return JSONResponse({"value": jobs})


def _key(endpoint: str, deployment: str) -> str:
    return f"{endpoint}/{deployment}"


def _find(workspace: Workspace, name: str) -> Resource:
    endpoint = workspace.documents.get(ENDPOINTS, name)
    if endpoint is None:
        raise NotFound(f"Batch endpoint {name} was not found in workspace {workspace.name}.")
    return endpoint


def _deployment(workspace: Workspace, endpoint: str, name: str) -> Resource:
    deployment = workspace.documents.get(DEPLOYMENTS, _key(endpoint, name))
    if deployment is None:
        raise NotFound(f"Deployment {name} was not found under batch endpoint {endpoint}.")
    return deployment


def _deployments(workspace: Workspace, endpoint: str) -> list[Resource]:
    deployments = workspace.documents.entries(DEPLOYMENTS)
    return [each for each in deployments if each.name.startswith(f"{endpoint}/")]


def _endpoint_document(workspace: Workspace, endpoint: Resource) -> dict[str, Any]:
    return {
        "id": f"{workspace.path}/batchEndpoints/{endpoint.name}",
        "name": endpoint.name,
        "type": "Microsoft.MachineLearningServices/workspaces/batchEndpoints",
        "location": LOCATION,
        "systemData": endpoint.system_data,
        "tags": endpoint.body["tags"],
        "properties": {
            "properties": {},
            "authMode": "AADToken",
            **endpoint.body["properties"],
            # The SDK assigns into it, so it has to be an object.
            "defaults": endpoint.body["properties"].get("defaults") or {"deploymentName": None},
            "scoringUri": f"{workspace.state.url}/batch/{workspace.key}/{endpoint.name}/jobs",
            "provisioningState": "Succeeded",
        },
    }


def _deployment_document(workspace: Workspace, deployment: Resource) -> dict[str, Any]:
    endpoint, _, name = deployment.name.partition("/")
    properties = deployment.body["properties"]
    model = properties.get("model")
    if component_of(properties):  # the SDK requires the settings
        configuration = {"settings": {}, **object_of(properties, "deploymentConfiguration")}
        properties = {**properties, "deploymentConfiguration": configuration}
    return {
        "id": f"{workspace.path}/batchEndpoints/{endpoint}/deployments/{name}",
        "name": name,
        "type": "Microsoft.MachineLearningServices/workspaces/batchEndpoints/deployments",
        "location": LOCATION,
        "systemData": deployment.system_data,
        "tags": deployment.body["tags"],
        "properties": {
            "properties": {},
            **properties,
            **({"model": {"referenceType": "Id", "assetId": model_id(model)}} if model else {}),
            "provisioningState": "Succeeded",
        },
    }
