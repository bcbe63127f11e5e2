"""The server: all services on one loopback listener with TLS, and its start and stop."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import random
import signal
import socket
import tempfile
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from types import FrameType

import uvicorn
import uvloop
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

from azureml_local import capacity, certificates, compute, operations, unsupported, workspaces
from azureml_local.assets import registries
from azureml_local.assets import routes as asset_routes
from azureml_local.az import BIN_VARIABLE
from azureml_local.az.service import AzService, write_program
from azureml_local.batch import routes as batch_routes
from azureml_local.batch.invocation import Invocations
from azureml_local.endpoints import ONLINE
from azureml_local.errors import LocalError
from azureml_local.files import write_text
from azureml_local.folder_lock import lock_folder
from azureml_local.forked_workers import (
    FIRST_MODULES,
    JOB_MODULES,
    SCORING_MODULES,
    TRACKING_MODULES,
    ForkedWorkers,
)
from azureml_local.identity import auth, cloud_metadata, pipeline_logins
from azureml_local.jobs import routes as job_routes
from azureml_local.jobs.runner import JOB_VARIABLES, Runner
from azureml_local.mlflow import app, artifacts, tracking
from azureml_local.mlflow import routes as mlflow_routes
from azureml_local.online.routes import OnlineEndpoints
from azureml_local.online.serving import Serving
from azureml_local.public_files import PublicFiles
from azureml_local.routing import ANY, WORKSPACE, Routes
from azureml_local.schedules.service import Schedules
from azureml_local.server_file import FILE, ServerFile, describe_process
from azureml_local.server_options import ServerOptions
from azureml_local.state import State, Workspace
from azureml_local.storage import blobs, data_lake, data_runtime, datastores
from azureml_local.studio import access as studio_access
from azureml_local.studio import routes as studio_routes
from child_processes import preload

HOST = "127.0.0.1"
PORTS = range(20_000, 32_768)
"""Free ports are chosen here. Outgoing connections get ports from 32,768 on, so they cannot
take the port of a server that restarts."""
SERVICES = (
    pipeline_logins,
    cloud_metadata,
    blobs,
    data_lake,
    workspaces,
    registries,
    datastores,
    asset_routes,
    data_runtime,
)
DEFAULT_OPTIONS = ServerOptions()
# Paths without a token: those that give a client its first token, and those with their own keys.
PATHS_WITHOUT_TOKEN = (
    cloud_metadata.METADATA,
    cloud_metadata.TOKEN,
    "/discovery",
    "/online/",
    "/studio/",
)


class Server:
    """The ASGI application with its state, jobs and deployments."""

    def __init__(
        self,
        data: Path,
        port: int,
        authorities: Path,
        options: ServerOptions = DEFAULT_OPTIONS,
    ) -> None:
        self.state = State(
            data,
            f"https://localhost:{port}",
            strict=options.strict,
            public_files=PublicFiles.parse(data, options.allow_download, options.mappings),
            azureml_tracking=_uses_azureml_tracking(options.mlflow_uri),
        )
        self.environment = cloud_metadata.client_environment(self.state, authorities)
        self.routes = Routes(data)
        variables = _worker_environment(self.environment)
        self._workers = ForkedWorkers(
            FIRST_MODULES,
            JOB_MODULES,
            env=variables,
            log=data / "jobs.log",
            programs=data / "preloaded" if options.fork_jobs else None,
        )
        has_interpreters = options.isolation != "none" or options.interpreter is not None
        self._scoring_workers = ForkedWorkers(
            SCORING_MODULES,
            env=variables,
            log=data / "scoring.log",
            imports_early=not has_interpreters,  # most deployments have another interpreter
        )
        self._tracking_workers = ForkedWorkers(
            TRACKING_MODULES,
            env={**variables, **app.ENVIRONMENT},
            log=data / "mlflow.log",
            parent=self._workers,
        )
        self._tracking = tracking.Tracking(self.state, self._tracking_workers)
        self._runner = Runner(
            self.state,
            self._tracking,
            self._workers,
            self.environment,
            isolation=options.isolation,
            interpreter=options.interpreter,
        )
        self._serving = Serving(self._scoring_workers)
        self.state.on_workspace_used = self._tracking.start_server
        # A deployment or a job will follow: its imports are done before it is created.
        self.state.on_model_stored = self._scoring_workers.import_all
        if self._runner.interpreters is None and options.fork_jobs:
            self.state.on_environment_registered = self._workers.import_all
        self.state.before_workspace_delete = self._stop_workspace
        self._operations = operations.Operations(self.state)
        self._online = OnlineEndpoints(
            self.state,
            self._serving,
            self._operations,
            self._runner.interpreters,
        )
        self._online.register_scoring(self.routes)
        for service in SERVICES:
            service.register(self.routes, self.state)
        compute.register(self.routes, self.state, self._operations)
        capacity.register(self.routes, self.state)
        operations.register(self.routes, self.state, self._operations)
        mlflow_routes.register(self.routes, self.state, self._tracking)
        artifacts.register(self.routes, self.state)
        job_routes.register(self.routes, self.state, self._runner)
        self._batch = Invocations(self.state, self._runner, self._scoring_workers)
        batch_routes.register(self.routes, self.state, self._batch, self._operations)
        self._online.register(self.routes)
        self._schedules = Schedules(self.state, self._runner)
        self._schedules.register(self.routes)
        studio_routes.register(self.routes, self.state, self._tracking, authorities)
        self._az = AzService(data, self.environment)
        self._az.register(self.routes)
        unsupported.register(self.routes)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Respond to one request."""
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        response = await self.routes.dispatch(request, self._guard)
        await response(scope, receive, send)

    def _guard(self, request: Request) -> None:
        """Refuse requests without credentials; endpoints and pages check their own kinds."""
        path = request.scope["path"].lower()  # request.url depends on the Host header
        if "account" in request.path_params:
            auth.require_signature(self.state.secret, request.path_params["account"], request)
        elif not (
            path.startswith(PATHS_WITHOUT_TOKEN)
            or pipeline_logins.is_login(request)
            or mlflow_routes.is_link(path)
        ):
            auth.require_token(self.state.secret, request)

    async def start(self) -> None:
        """Recover jobs, deployments, operations and schedules of the previous server."""
        self._runner.recover()
        self._online.recover()
        self._operations.recover()
        self._schedules.recover()

    async def _stop_workspace(self, workspace: Workspace) -> None:
        """Stop all processes of a workspace before it is deleted."""
        await self._runner.cancel_all(workspace)
        for deployment in ONLINE.deployments_in(workspace):
            await self._serving.stop(deployment.key)
        await self._tracking.stop_server(workspace)

    async def stop(self) -> None:
        """Stop all processes and close the store."""
        for task in list(self.state.tasks):
            task.cancel()
        await self._serving.stop_all()
        self._online.stop()
        self._az.stop()
        await self._tracking.stop()
        self._tracking_workers.stop()
        self._workers.stop()
        self._scoring_workers.stop()
        self.state.store.close()
        self.state.remove_sockets()


def operations_table() -> str:
    """The table of operations as Markdown, from the route table."""
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder), 0, Path(folder))
        lines = ["| operation | request | support |", "|---|---|---|"]
        for route in server.routes.table:
            path = route.pattern.replace(WORKSPACE, "{W}").replace(":path", "")
            method = "any" if route.method == ANY else route.method.replace("|", ", ")
            note = f": {route.note}" if route.note else ""
            lines.append(f"| {route.operation} | `{method} {path}` | {route.support}{note} |")
        server.state.store.close()
    return "\n".join(lines)


def _worker_environment(client: Mapping[str, str]) -> dict[str, str]:
    """The variables of MLflow servers and deployments, and of the process they are forks of.

    They include those that modules read at import, with their values in jobs, and no credentials.
    azureml-mlflow requests the cloud's description from this server while it is imported.
    """
    names = (*preload.READ_AT_IMPORT, "NO_PROXY", "no_proxy")
    read_at_import = {name: value for name, value in client.items() if name.startswith(names)}
    return {**os.environ, **read_at_import, **JOB_VARIABLES}


def _uses_azureml_tracking(mlflow_uri: str) -> bool:
    installed = importlib.util.find_spec("azureml") and importlib.util.find_spec("azureml.mlflow")
    return mlflow_uri == "azureml" or (mlflow_uri == "auto" and installed is not None)


def serve(data: Path, port: int | None, options: ServerOptions = DEFAULT_OPTIONS) -> None:
    """Serve until SIGTERM or SIGINT.

    Args:
        data: the data folder.
        port: the port; None: the port of the last server if it is free, else any free one.
        options: how the server behaves.

    Raises:
        LocalError: the port is in use, or another server uses the data folder.
    """
    data = data.resolve()
    with lock_folder(data):
        listener = _listen(data, port)
        # Most of a scoring request's time is spent in sockets and TLS: uvloop's are faster.
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(data, listener, options))


def _listen(data: Path, port: int | None) -> socket.socket:
    candidates = [port] if port else [*_last_port(data), *random.sample(PORTS, 20), 0]
    for number in candidates:
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, number))
            listener.listen(2048)
        except OSError as error:
            listener.close()
            if port:
                raise LocalError(
                    f"port {port}: {error.strerror}; choose another port, or none"
                ) from None
            continue
        return listener
    raise LocalError("no free port on the loopback interface")


def _last_port(data: Path) -> list[int]:
    try:
        return [int((data / "port").read_text(encoding="utf-8"))]
    except (FileNotFoundError, ValueError):
        return []


async def _serve(data: Path, listener: socket.socket, options: ServerOptions) -> None:
    port = int(listener.getsockname()[1])
    (data / "port").write_text(str(port), encoding="utf-8")
    files = certificates.ensure(data / "tls")
    server = Server(data, port, files.authorities, options)
    config = uvicorn.Config(
        server,
        ssl_certfile=str(files.certificate),
        ssl_keyfile=str(files.key),
        log_level="warning",
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=3,
        http="httptools",
        proxy_headers=False,
    )
    loop = asyncio.get_running_loop()

    def exit_soon() -> None:
        if not http_server.should_exit:
            http_server.should_exit = True
            _remove_server_file(data)
            server.state.background(_close_idle_connections(http_server))

    http_server = _HttpServer(config, exit_soon)
    for signum in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(signum, exit_soon)
    try:
        await server.start()
        serving = asyncio.create_task(http_server.serve([listener]))
        while not http_server.started and not serving.done():
            await asyncio.sleep(0.005)
        _write_server_file(data, server, port, options)
        await serving
    finally:
        _remove_server_file(data)
        await server.stop()


class _HttpServer(uvicorn.Server):
    """uvicorn's server; after SIGINT or SIGTERM this process stops its children, then exits."""

    def __init__(self, config: uvicorn.Config, exit_soon: Callable[[], None]) -> None:
        super().__init__(config)
        self._exit_soon = exit_soon

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Let ``serve`` return after the current requests; the signal is not raised again."""
        self._exit_soon()


async def _close_idle_connections(http_server: uvicorn.Server) -> None:
    """Let a server that exits wait for current requests, but not for idle connections."""
    await asyncio.sleep(0.1)
    while http_server.server_state.tasks:
        await asyncio.sleep(0.02)
    http_server.force_exit = True


def _write_server_file(data: Path, server: Server, port: int, options: ServerOptions) -> None:
    """Publish that the server is ready, and its address and client environment."""
    bin_folder = write_program(data)
    content: ServerFile = {
        **describe_process(),
        "url": server.state.url,
        "port": port,
        "started": datetime.now(UTC).isoformat(),
        "version": version("azureml-local"),
        "isolation": options.isolation,
        "options": options.document(),
        "env": {**server.environment, BIN_VARIABLE: str(bin_folder)},
        "studio": studio_access.link(server.state),
    }
    write_text(data / FILE, json.dumps(content, indent=2))


def _remove_server_file(data: Path) -> None:
    """Publish that the server accepts no more requests. Its folder is locked until its end."""
    (data / FILE).unlink(missing_ok=True)
