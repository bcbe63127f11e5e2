"""Errors of the system in background work: clients get a final status, and other work continues.

The requests are sent to the server's ASGI application, which runs in the process of the test.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import subprocess
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from azureml_local import failures
from azureml_local.batch import routes as batch_routes
from azureml_local.forked_workers import ForkedWorkers
from azureml_local.identity import auth
from azureml_local.jobs.records import Job
from azureml_local.jobs.runner import Cancelled
from azureml_local.online import deployments
from azureml_local.online.serving import Serving
from azureml_local.operations import Operations
from azureml_local.schedules import service
from azureml_local.scoring.deployment_files import DeploymentFiles
from azureml_local.server import Server
from azureml_local.store import Store

URL = "https://localhost:1"
GROUP = "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices"
WORKSPACE = f"{GROUP}/workspaces/dev"
FULL = OSError(errno.ENOSPC, "No space left on device", "file")
Request = Callable[..., Awaitable[httpx.Response]]


class Door:
    """A server without processes of its own, and requests to it."""

    def __init__(self, tmp_path) -> None:
        self.data = tmp_path
        self.server = Server(tmp_path, 1, tmp_path)
        self.server.state.on_workspace_used = lambda workspace: None
        token, _ = auth.issue_token(self.server.state.secret, "https://management.azure.com")
        self.headers = {"Authorization": f"Bearer {token}"}

    def run(self, use: Callable[[Request], Awaitable[Any]]) -> Any:
        """Call ``use`` with a function that sends requests to paths of the workspace."""

        async def main() -> Any:
            await self.server.start()
            transport = httpx.ASGITransport(self.server)
            async with httpx.AsyncClient(
                transport=transport, base_url=URL, headers=self.headers
            ) as client:

                async def send(method: str, path: str, **properties: Any) -> httpx.Response:
                    address = path if path.startswith("https:") else f"{WORKSPACE}{path}"
                    body = {"properties": properties} if method != "GET" else None
                    return await client.request(method, address, json=body)

                try:
                    return await asyncio.wait_for(use(send), timeout=60)
                finally:
                    await self.server.stop()

        return asyncio.run(main())


@pytest.fixture
def door(tmp_path, monkeypatch):
    monkeypatch.setattr(ForkedWorkers, "preload", lambda self: None)
    monkeypatch.setattr(failures, "FULL_DISK_SECONDS", 0.01)
    return Door(tmp_path)


@pytest.fixture
def copies(monkeypatch):
    """Replace the copy of a deployment's files by an empty folder, after a function of the test."""
    before: list[Callable[[], object]] = []

    def copy(workspace, properties, folder):
        folder.mkdir(parents=True)
        for each in before:
            each()
        return DeploymentFiles()

    for module in (deployments, batch_routes):
        monkeypatch.setattr(module, "copy_deployment_files", copy)
    return before


async def wait_for(read: Callable[[], Awaitable[Any]], accepted: Callable[[Any], bool]) -> Any:
    while not accepted(value := await read()):
        await asyncio.sleep(0.01)
    return value


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (OSError(errno.EMFILE, "Too many open files"), "InternalServerError"),
        (subprocess.TimeoutExpired("python", 60), "InternalServerError"),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid"), "InternalServerError"),
        (FULL, "InsufficientStorage"),
    ],
)
def test_a_deployment_that_the_system_cannot_start_fails(
    door, copies, monkeypatch, capsys, error, code
):
    async def fail(*arguments):
        raise error

    finish, attempts = Operations.finish, []

    def finish_later(*arguments):
        attempts.append(arguments)
        if len(attempts) == 1:
            raise FULL
        finish(*arguments)

    monkeypatch.setattr(Serving, "start", fail)
    monkeypatch.setattr(Operations, "finish", finish_later)

    async def use(send: Request) -> None:
        assert (await send("PUT", "/onlineEndpoints/some-endpoint")).status_code == 201
        created = await send("PUT", "/onlineEndpoints/some-endpoint/deployments/blue")
        assert created.status_code == 201
        operation = (await send("GET", created.headers["Azure-AsyncOperation"])).json()
        assert (operation["status"], operation["error"]["code"]) == ("Failed", code)
        shown = (await send("GET", "/onlineEndpoints/some-endpoint/deployments/blue")).json()
        assert shown["properties"]["provisioningState"] == "Failed"

    door.run(use)
    assert len(attempts) == 2
    assert (type(error).__name__ in capsys.readouterr().err) == (code == "InternalServerError")


@pytest.mark.parametrize("kind", ["online", "batch"])
def test_one_of_two_simultaneous_requests_creates_a_deployment(door, copies, monkeypatch, kind):
    monkeypatch.setattr(Serving, "start", lambda *arguments: asyncio.sleep(0))
    copies.append(threading.Barrier(2).wait)

    async def use(send: Request) -> None:
        await send("PUT", f"/{kind}Endpoints/some-endpoint")
        path = f"/{kind}Endpoints/some-endpoint/deployments/blue"
        puts = await asyncio.gather(send("PUT", path, model="a"), send("PUT", path, model="b"))
        assert sorted(each.status_code for each in puts) == [201, 409]
        [folder] = (door.data / kind).glob("*/some-endpoint/blue/*/")
        assert folder.is_dir()

    door.run(use)


@pytest.mark.parametrize("kind", ["online", "batch"])
@pytest.mark.parametrize("recreated", [False, True])
def test_a_deployment_of_a_deleted_endpoint_is_not_created(door, copies, kind, recreated):
    async def use(send: Request) -> None:
        async def replace() -> None:
            await send("DELETE", f"/{kind}Endpoints/some-endpoint")
            if recreated:
                await send("PUT", f"/{kind}Endpoints/some-endpoint")

        loop = asyncio.get_running_loop()
        copies.append(lambda: asyncio.run_coroutine_threadsafe(replace(), loop).result(30))
        await send("PUT", f"/{kind}Endpoints/some-endpoint")
        refused = await send("PUT", f"/{kind}Endpoints/some-endpoint/deployments/blue")
        assert (refused.status_code, refused.json()["error"]["code"]) == (409, "Conflict")
        shown = await send("GET", f"/{kind}Endpoints/some-endpoint/deployments/blue")
        assert shown.status_code == 404
        assert list((door.data / kind).glob("*/some-endpoint/blue/*/")) == []

    door.run(use)


JOBS = {
    "Command": {"command": "true", "environmentId": "azureml:env:1"},
    "Pipeline": {
        "jobs": {"step": {"type": "command", "componentId": f"{WORKSPACE}/components/c/versions/1"}}
    },
    "Sweep": {
        "samplingAlgorithm": {"samplingAlgorithmType": "Grid"},
        "searchSpace": {"x": ["choice", [[1, 2]]]},
        "objective": {"goal": "maximize", "primaryMetric": "m"},
        "limits": {"maxTotalTrials": 2},
        "trial": {"command": "echo ${{search_space.x}}", "environmentId": "azureml:env:1"},
    },
}


@pytest.mark.parametrize("job_type", JOBS)
@pytest.mark.parametrize("number", [errno.EACCES, errno.ENOSPC])
def test_a_job_without_a_log_fails_and_its_workspace_can_be_deleted(
    door, monkeypatch, job_type, number
):
    calls = []

    def fail(self, path):
        calls.append(path)
        if number == errno.ENOSPC and len(calls) > 2:  # there is space again
            path = door.data / "log"
            path.touch()
            return path
        raise OSError(number, "cannot be written", path)

    monkeypatch.setattr(Job, "log_file", fail)

    async def use(send: Request) -> None:
        await send("PUT", "/environments/env/versions/1", image="ubuntu:22.04")
        spec = {"type": "command", "name": "c", "command": "true", "environment": "azureml:env:1"}
        await send("PUT", "/components/c/versions/1", componentSpec=spec)
        created = await send("PUT", "/jobs/j", jobType=job_type, **JOBS[job_type])
        assert created.status_code == 201, created.text

        async def status() -> str:
            return (await send("GET", "/jobs/j")).json()["properties"]["status"]

        assert await wait_for(status, ("Failed", "Completed").__contains__) == "Failed"
        assert (await send("DELETE", "")).status_code == 200

    door.run(use)


def test_the_children_of_a_job_end_with_it(door):
    state, runner = door.server.state, door.server._runner
    workspace = state.workspace_by_name("s", "g", "dev")
    parent, child, grandchild = (Job(workspace, name) for name in ("p", "c", "g"))

    async def fail() -> int:
        child.create(properties={"jobType": "Pipeline"}, parent="p")
        grandchild.create(properties={"jobType": "Command"}, parent="c", status="Running")
        raise ExceptionGroup("errors of steps", [OSError(errno.EACCES, "no", "file")])

    async def use(send: Request) -> None:
        parent.create(properties={"jobType": "Pipeline"})
        await runner.supervise(parent, lambda: parent.log_file("log"), fail)
        assert [job.status for job in (parent, child, grandchild)] == [
            "Failed",
            "Canceled",
            "Canceled",
        ]

    door.run(use)


def test_a_cancelled_job_has_no_message(door):
    job = Job(door.server.state.workspace_by_name("s", "g", "dev"), "j")

    async def cancel() -> int:
        job.update(cancel=True)
        raise Cancelled

    async def use(send: Request) -> None:
        job.create(properties={"jobType": "Command"})
        await door.server._runner.supervise(job, lambda: job.log_file("log"), cancel)
        assert job.status == "Canceled"
        assert job.log_file("log").read_bytes() == b""

    door.run(use)


def test_a_full_disk_does_not_stop_the_other_schedules(door, monkeypatch, capsys):
    submitted, put = asyncio.Event(), Store.put

    def submit_job(runner, job, properties, schedule):
        if schedule != "first":
            submitted.set()
        elif full:
            raise FULL

    def put_unless_full(self, workspace, kind, name, version, body):
        if full and (kind, name) == ("schedules", "first"):
            raise FULL
        return put(self, workspace, kind, name, version, body)

    full: list[bool] = []
    monkeypatch.setattr(service, "submit_job", submit_job)
    monkeypatch.setattr(Store, "put", put_unless_full)

    async def use(send: Request) -> None:
        await send("PUT", "/environments/env/versions/1", image="ubuntu:22.04")
        job = {"jobType": "Command", **JOBS["Command"]}
        action = {"actionType": "CreateJob", "jobDefinition": job}
        trigger = {"triggerType": "Recurrence", "frequency": "month", "interval": 1}
        # The clock runs after these requests: both schedules are due at once.
        for name in ("first", "second"):
            body = {"action": action, "trigger": trigger, "isEnabled": True}
            answer = await send("PUT", f"/schedules/{name}", **body)
            assert answer.status_code == 201
            full.append(True)
        await submitted.wait()
        await asyncio.sleep(0)

    door.run(use)
    assert "No space left on device" in capsys.readouterr().err


def test_the_traceback_of_background_work_is_in_the_log(door, capsys):
    async def fail() -> None:
        raise LookupError

    async def use(send: Request) -> None:
        task = door.server.state.background(asyncio.sleep(60))
        task.cancel()
        with contextlib.suppress(LookupError):
            await door.server.state.background(fail())
        await asyncio.sleep(0)

    door.run(use)
    err = capsys.readouterr().err
    assert ("LookupError" in err, "CancelledError" in err) == (True, False)


def test_the_logs_of_a_deployment_are_read_from_their_end(door, copies, monkeypatch):
    monkeypatch.setattr(Serving, "start", lambda *arguments: asyncio.sleep(0))
    monkeypatch.setattr(deployments, "SHOWN_LOG_BYTES", 100)

    async def use(send: Request) -> str:
        await send("PUT", "/onlineEndpoints/some-endpoint")
        await send("PUT", "/onlineEndpoints/some-endpoint/deployments/blue")
        [folder] = (door.data / "online").glob("*/some-endpoint/blue/*/")
        folder.with_name(f"{folder.name}.log").write_text("first\n" + "x" * 200 + "\nlast\n")
        answer = await send("POST", "/onlineEndpoints/some-endpoint/deployments/blue/getLogs")
        return answer.json()["content"]

    assert door.run(use) == "x" * 94 + "\nlast"


@pytest.mark.parametrize("name", ["a", "x" * 34, "-abc", "two words"])
def test_an_invalid_name_of_a_workspace_is_refused(door, name):
    async def use(send: Request) -> None:
        path = "subscriptions/s/resourceGroups/g/providers/Microsoft.Resources/deployments/d"
        refused = await send("PUT", f"{URL}/{path}", parameters={"workspaceName": {"value": name}})
        error = refused.json()["error"]
        assert (refused.status_code, error["target"]) == (400, "workspaceName")

    door.run(use)
