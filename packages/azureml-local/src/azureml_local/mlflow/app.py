"""The MLflow server of one workspace: MLflow's own application over a store of its own.

Run as ``python -m azureml_local.mlflow.app DATABASE EMPTY ARTIFACTS SOCKET``, a fork of a process
that has imported MLflow (:mod:`azureml_local.forked_workers`). It listens on a Unix socket of this
user; the workspace's server stands in front of it. Two things are ours: a run's
artifacts lie where Azure ML keeps them, and the run of a job can be made under the job's own name.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from pathlib import Path
from typing import Any

ROOT = "mlflow-artifacts:/ExperimentRun/dcid."
ARTIFACTS_AT = "X-Azureml-Artifacts-At"
"""A header of the front door: the address below which the client looks for runs' artifacts."""

ENVIRONMENT = {
    "_MLFLOW_SERVER_ARTIFACT_ROOT": "mlflow-artifacts:/",
    "_MLFLOW_SERVER_SERVE_ARTIFACTS": "true",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SERVER_DISABLE_SECURITY_MIDDLEWARE": "true",  # only the front door is reached
}
"""What MLflow's server reads, some of it while it is imported."""


def _store_class() -> type[Any]:
    from mlflow.entities import RunStatus, SourceType
    from mlflow.store.tracking.dbmodels.models import SqlRun, SqlTag
    from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

    class WorkspaceStore(SqlAlchemyStore):  # type: ignore[misc]
        """MLflow's store with Azure ML's artifact paths."""

        def create_run(self, *args: Any, **kwargs: Any) -> Any:
            run = super().create_run(*args, **kwargs)
            run_id = run.info.run_id
            with self.ManagedSessionMaker(read_only=False) as session:
                session.query(SqlRun).filter(SqlRun.run_uuid == run_id).update(
                    {SqlRun.artifact_uri: f"{ROOT}{run_id}"}
                )
            return self.get_run(run_id)

        def adopt_run(
            self, run_id: str, experiment: str, name: str, user: str, tags: dict[str, str]
        ) -> None:
            """Make the run of a job, under the job's name; nothing where it exists."""
            found = self.get_experiment_by_name(experiment)
            number = found.experiment_id if found else self.create_experiment(experiment)
            with self.ManagedSessionMaker(read_only=False) as session:
                if session.query(SqlRun).filter(SqlRun.run_uuid == run_id).count():
                    return
                run = SqlRun(
                    name=name,
                    artifact_uri=f"{ROOT}{run_id}",
                    run_uuid=run_id,
                    experiment_id=int(number),
                    source_type=SourceType.to_string(SourceType.UNKNOWN),
                    source_name="",
                    entry_point_name="",
                    user_id=user,
                    status=RunStatus.to_string(RunStatus.RUNNING),
                    start_time=int(time.time() * 1000),
                    end_time=None,
                    deleted_time=None,
                    source_version="",
                    lifecycle_stage="active",
                )
                kept = {**tags, "mlflow.runName": name}
                run.tags = [SqlTag(key=key, value=value) for key, value in kept.items()]
                session.add(run)

        def close_run(self, run_id: str, status: str) -> None:
            """Give a job's run its last status, where the job's own code did not."""
            run = self.get_run(run_id)
            if run.info.status == "RUNNING":
                self.update_run_info(
                    run_id, RunStatus.from_string(status), int(time.time() * 1000), None
                )

    return WorkspaceStore


def _readdressed(found: Any, base: str) -> Any:
    """An answer with the addresses of runs' artifacts as azureml-mlflow needs them."""
    if isinstance(found, list):
        return [_readdressed(each, base) for each in found]
    if not isinstance(found, dict):
        return found
    found = {key: _readdressed(value, base) for key, value in found.items()}
    if str(found.get("artifact_uri", "")).startswith(ROOT):
        experiment, run = found.get("experiment_id"), found["artifact_uri"].removeprefix(ROOT)
        found["artifact_uri"] = f"{base}/experiments/{experiment}/runs/{run}/artifacts"
    return found


def main(argv: list[str]) -> None:
    """Serve a workspace until the process is ended."""
    database, empty, artifacts, socket = argv[1:5]
    _made(Path(database), Path(empty))
    uri = f"sqlite:///{database}"
    os.environ.update(
        {
            **ENVIRONMENT,
            "_MLFLOW_SERVER_FILE_STORE": uri,
            "_MLFLOW_SERVER_REGISTRY_STORE": uri,
            "_MLFLOW_SERVER_ARTIFACT_DESTINATION": Path(artifacts).as_uri(),
        }
    )
    import flask
    from mlflow.server import app, handlers
    from werkzeug.serving import WSGIRequestHandler, make_server

    store = _store_class()(uri, "mlflow-artifacts:/")
    handlers._tracking_store = store  # its registry of stores has no public door

    def adopt(run_id: str) -> Any:
        body = flask.request.get_json()
        store.adopt_run(run_id, body["experiment"], body["name"], body["user"], body["tags"])
        return {}

    def close(run_id: str) -> Any:
        store.close_run(run_id, flask.request.get_json()["status"])
        return {}

    def readdressed(answer: Any) -> Any:
        base = flask.request.headers.get(ARTIFACTS_AT)
        if base and answer.is_json and ROOT in (text := answer.get_data(as_text=True)):
            answer.set_data(json.dumps(_readdressed(json.loads(text), base)))
        return answer

    app.after_request(readdressed)
    app.add_url_rule("/azureml-local/runs/<run_id>", view_func=adopt, methods=["POST"])
    app.add_url_rule("/azureml-local/runs/<run_id>/close", view_func=close, methods=["POST"])

    class Quiet(WSGIRequestHandler):
        """Keep connections open, and write no line for each request."""

        protocol_version = "HTTP/1.1"

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            return

        def address_string(self) -> str:
            return "local"  # a Unix socket has no peer address

    make_server(f"unix://{socket}", 0, app, threaded=True, request_handler=Quiet).serve_forever()


def _made(database: Path, empty: Path) -> None:
    """Make a workspace's database, a copy of an empty one: making that takes a second."""
    if not empty.is_file():
        beside = empty.with_name(f"{empty.name}.{os.getpid()}")
        _store_class()(f"sqlite:///{beside}", "mlflow-artifacts:/").engine.dispose()
        beside.replace(empty)
    if not database.is_file():
        beside = database.with_suffix(".part")
        shutil.copyfile(empty, beside)
        beside.rename(database)


if __name__ == "__main__":
    main(sys.argv)
