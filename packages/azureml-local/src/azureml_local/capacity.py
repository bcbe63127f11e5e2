"""Virtual machine sizes (this machine is the only one) and the nodes of a compute."""

from __future__ import annotations

import os

import psutil
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from azureml_local import compute
from azureml_local.documents.jobs import JOBS, JobResource
from azureml_local.json_fields import text_of
from azureml_local.routing import SUBSCRIPTION, Routes
from azureml_local.state import State, Workspace

LOCATION = SUBSCRIPTION + "/providers/Microsoft.MachineLearningServices/locations/{location}"
SIZE = "local"


def register(routes: Routes, state: State) -> None:
    """Add the operations of this module."""

    @routes.add(
        "GET",
        LOCATION + "/vmSizes",
        "Virtual machine sizes - List",
        partly="this machine only; other sizes are accepted and have no effect",
    )
    async def sizes(request: Request) -> Response:
        machine = {
            "name": SIZE,
            "family": SIZE,
            "vCPUs": os.cpu_count() or 1,
            "gpus": 0,
            "memoryGB": round(psutil.virtual_memory().total / 2**30, 1),
            "osVhdSizeMB": 0,
            "maxResourceVolumeMB": psutil.disk_usage(str(state.data)).total // 2**20,
            "lowPriorityCapable": False,
            "premiumIO": False,
            "supportedComputeTypes": [compute.CLUSTER, compute.INSTANCE],
        }
        return JSONResponse({"value": [machine]})

    @routes.add("POST", compute.ONE + "/listNodes", "Compute - List nodes")
    async def nodes(request: Request) -> Response:
        workspace = state.workspace(request)
        target = workspace.require(compute.KIND, request.path_params["name"], "Compute")
        jobs = [each.name for each in jobs_on(workspace, target.name, "Running")]
        return JSONResponse(
            {
                "nodes": [
                    {
                        "nodeId": f"{target.name}-{number}",
                        "privateIpAddress": "127.0.0.1",
                        "nodeState": "running",
                        "runId": job,
                    }
                    for number, job in enumerate(jobs)
                ]
            }
        )

    routes.refuse(LOCATION + "/usages", "Usages - List", "a single machine has no quotas")


def jobs_on(workspace: Workspace, name: str, status: str) -> list[JobResource]:
    """The jobs of a compute with a status, oldest first."""
    return [
        each
        for each in workspace.documents.entries(JOBS)
        if each.body["status"] == status
        and compute.compute_name(text_of(each.body["properties"], "computeId")).lower()
        == name.lower()
    ]
