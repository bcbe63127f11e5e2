"""The operations on batch endpoints and deployments, and their invocation."""

from __future__ import annotations

import asyncio
import shutil
import uuid

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from azureml_local.arm import ArmResource
from azureml_local.assets.versions import Assets
from azureml_local.batch.invocation import Invocations
from azureml_local.batch.invocation_data import component_of
from azureml_local.batch.settings import parse_settings
from azureml_local.documents.assets import COMPONENTS
from azureml_local.documents.endpoints import (
    ComponentDeployment,
    DeploymentDocument,
    DeploymentProperties,
    EndpointDocument,
    EndpointProperties,
    FileNames,
)
from azureml_local.documents.jobs import JOBS
from azureml_local.endpoints import (
    BATCH,
    Deployment,
    Endpoint,
    read_properties,
    read_tags,
    validate_name,
)
from azureml_local.errors import BadRequest
from azureml_local.identity import auth
from azureml_local.jobs import records
from azureml_local.json_fields import as_document, json_of, object_of, text_of
from azureml_local.operations import Operations
from azureml_local.routing import WORKSPACE, Routes
from azureml_local.scoring.deployment_files import copy_deployment_files, model_id
from azureml_local.state import State

BASE = WORKSPACE + "/batchEndpoints/{endpoint}"
ONE = BASE + "/deployments/{deployment}"


def register(
    routes: Routes, state: State, invocations: Invocations, operations: Operations
) -> None:
    """Add the operations of this module."""

    @routes.add("PUT|PATCH", BASE, "Batch endpoints - Create or update")
    async def put_endpoint(request: Request) -> Response:
        workspace = state.workspace(request)
        name = validate_name("Endpoint", request.path_params["endpoint"])
        BATCH.require_unique_name(workspace, name)
        body = await json_of(request)
        old = BATCH.get(workspace, name)
        properties = as_document(EndpointProperties, read_properties(request, body, old))
        new_defaults = object_of(object_of(body, "properties"), "defaults")
        default = text_of(new_defaults, "deploymentName")
        if default:
            BATCH.require_deployment(workspace, name, default)
        document: EndpointDocument = {"tags": read_tags(body, old), "properties": properties}
        endpoint = BATCH.put(workspace, name, document)
        return JSONResponse(
            _endpoint_document(endpoint),
            status_code=200 if old else 201,
            headers=operations.completed_headers(workspace),
        )

    @routes.add("GET", BASE, "Batch endpoints - Get")
    async def get_endpoint(request: Request) -> Response:
        workspace = state.workspace(request)
        endpoint = BATCH.find(workspace, request.path_params["endpoint"])
        return JSONResponse(_endpoint_document(endpoint))

    @routes.add("GET", WORKSPACE + "/batchEndpoints", "Batch endpoints - List")
    async def list_endpoints(request: Request) -> Response:
        workspace = state.workspace(request)
        endpoints = BATCH.all_in(workspace)
        return JSONResponse({"value": [_endpoint_document(each) for each in endpoints]})

    @routes.add("DELETE", BASE, "Batch endpoints - Delete")
    async def delete_endpoint(request: Request) -> Response:
        workspace, name = state.workspace(request), request.path_params["endpoint"]
        with state.store.transaction():
            deployments = BATCH.deployments_in(workspace, name)
            for each in deployments:
                each.delete()
            there = workspace.documents.delete(BATCH.endpoints, name)
        await invocations.remove_files(deployments)
        return Response(status_code=200 if there else 204)

    @routes.add("PUT|PATCH", ONE, "Batch deployments - Create or update")
    async def put_deployment(request: Request) -> Response:
        workspace, params = state.workspace(request), request.path_params
        endpoint = BATCH.find(workspace, params["endpoint"])
        own_name = validate_name("Deployment", params["deployment"])
        body = await json_of(request)
        old = BATCH.deployment(workspace, params["endpoint"], own_name)
        properties = as_document(DeploymentProperties, read_properties(request, body, old))
        parse_settings(properties)
        document: DeploymentDocument = {"tags": read_tags(body, old), "properties": properties}
        component = component_of(properties)
        if component:
            spec = Assets(workspace, COMPONENTS).find_by_id(component).body["componentSpec"]
            if spec["type"] != "pipeline":
                raise BadRequest(
                    f"a batch deployment takes a pipeline component; {component} has type "
                    f"{spec['type']}",
                    "UserError",
                    target="componentId",
                )
        else:
            name = "{endpoint}/{deployment}".format(**params)
            folder = state.data / "batch" / workspace.key / name / uuid.uuid4().hex[:8]
            files = await asyncio.to_thread(copy_deployment_files, workspace, properties, folder)
            document["folder"] = str(folder.relative_to(state.data))
            document["files"] = as_document(FileNames, vars(files))
            if not files.script:
                invocations.import_modules()  # an invocation will follow
        try:
            with state.store.transaction():
                endpoint.require_unchanged(own_name, old)
                deployment = BATCH.put_deployment(workspace, params["endpoint"], own_name, document)
        except BaseException:
            if "folder" in document:
                folder = state.data / document["folder"]
                await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
            raise
        await invocations.remove_files([old] if old else [])
        return JSONResponse(
            _deployment_document(deployment),
            status_code=200 if old else 201,
            headers=operations.completed_headers(workspace),
        )

    @routes.add("GET", ONE, "Batch deployments - Get")
    async def get_deployment(request: Request) -> Response:
        workspace, params = state.workspace(request), request.path_params
        deployment = BATCH.require_deployment(workspace, params["endpoint"], params["deployment"])
        return JSONResponse(_deployment_document(deployment))

    @routes.add("GET", BASE + "/deployments", "Batch deployments - List")
    async def list_deployments(request: Request) -> Response:
        workspace = state.workspace(request)
        deployments = BATCH.deployments_in(workspace, request.path_params["endpoint"])
        return JSONResponse({"value": [_deployment_document(each) for each in deployments]})

    @routes.add("DELETE", ONE, "Batch deployments - Delete")
    async def delete_deployment(request: Request) -> Response:
        workspace, params = state.workspace(request), request.path_params
        deployment = BATCH.deployment(workspace, params["endpoint"], params["deployment"])
        if deployment is None:
            return Response(status_code=204)
        deployment.delete()
        await invocations.remove_files([deployment])
        return Response(status_code=200)

    @routes.add("POST", "/batch/{key}/{endpoint}/jobs", "Batch endpoints - Invoke")
    async def invoke(request: Request) -> Response:
        auth.require_token(state.secret, request)
        workspace = state.workspace_by_key(request.path_params["key"])
        name = request.path_params["endpoint"]
        # First: without a wait after it, nothing replaces the deployment before the job uses it.
        call = object_of(await json_of(request), "properties")
        endpoint = BATCH.find(workspace, name)
        named = request.headers.get("azureml-model-deployment")
        chosen = named or (endpoint.properties.get("defaults") or {}).get("deploymentName")
        if not chosen:
            raise BadRequest(f"endpoint {name} has no default deployment; name one", "UserError")
        deployment = BATCH.require_deployment(workspace, name, chosen)
        job = invocations.submit(endpoint.name, deployment, call)
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
            for each in workspace.documents.entries(JOBS)
            if each.body.get("endpoint") == endpoint and not each.body.get("parent")
        ]
        return JSONResponse({"value": jobs})


def _endpoint_document(endpoint: Endpoint) -> ArmResource:
    workspace = endpoint.workspace
    return endpoint.show(
        {
            "authMode": "AADToken",
            **endpoint.properties,
            # The SDK assigns into it, so it has to be an object.
            "defaults": endpoint.properties.get("defaults") or {"deploymentName": None},
            "scoringUri": f"{workspace.state.url}/batch/{workspace.key}/{endpoint.name}/jobs",
            "provisioningState": "Succeeded",
        }
    )


def _deployment_document(deployment: Deployment) -> ArmResource:
    properties: DeploymentProperties = {**deployment.properties}
    if component_of(properties):  # the SDK requires the settings
        configuration = object_of(properties, "deploymentConfiguration")
        properties["deploymentConfiguration"] = as_document(
            ComponentDeployment, {"settings": {}, **configuration}
        )
    model = properties.get("model")
    if model:
        properties["model"] = {"referenceType": "Id", "assetId": model_id(model)}
    return deployment.show({**properties, "provisioningState": "Succeeded"})
