"""The MLflow server of one workspace: MLflow's application with a database of the workspace.

Run as ``python -m azureml_local.mlflow.app DATABASE EMPTY ARTIFACTS SOCKET``, as a fork of a
process that has imported MLflow. It listens on a Unix socket that only this user can open;
azureml-local's server forwards requests to it. It differs from MLflow's server in two ways:
artifacts of runs have Azure ML's paths, and the run of a job has the job's name as id.
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
ARTIFACT_ROOT_HEADER = "X-Azureml-Artifacts-At"
"""The header with the root of the artifact addresses for this client."""

ENVIRONMENT = {
    "_MLFLOW_SERVER_ARTIFACT_ROOT": "mlflow-artifacts:/",
    "_MLFLOW_SERVER_SERVE_ARTIFACTS": "true",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SERVER_DISABLE_SECURITY_MIDDLEWARE": "true",  # only azureml-local's server can connect
}
"""The variables of MLflow's server; it reads some of them at import."""


def _store_class() -> type[Any]:
    from mlflow.entities import RunStatus, SourceType
    from mlflow.exceptions import MlflowException
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

        def _find_or_create_experiment(self, name: str) -> str:
            existing = self.get_experiment_by_name(name)
            if existing is None:
                try:
                    return str(self.create_experiment(name))
                except MlflowException:  # another job has created it in the meantime
                    existing = self.get_experiment_by_name(name)
                    if existing is None:
                        raise
            return str(existing.experiment_id)

        def adopt_run(
            self, run_id: str, experiment: str, name: str, user: str, tags: dict[str, str]
        ) -> None:
            """Create the run of a job with the job's name as id, unless it exists."""
            experiment_id = self._find_or_create_experiment(experiment)
            with self.ManagedSessionMaker(read_only=False) as session:
                if session.query(SqlRun).filter(SqlRun.run_uuid == run_id).count():
                    return
                run = SqlRun(
                    name=name,
                    artifact_uri=f"{ROOT}{run_id}",
                    run_uuid=run_id,
                    experiment_id=int(experiment_id),
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
                all_tags = {**tags, "mlflow.runName": name}
                run.tags = [SqlTag(key=key, value=value) for key, value in all_tags.items()]
                session.add(run)

        def close_run(self, run_id: str, status: str) -> None:
            """Set the final status of a job's run, unless the job has set it."""
            run = self.get_run(run_id)
            if run.info.status == "RUNNING":
                self.update_run_info(
                    run_id, RunStatus.from_string(status), int(time.time() * 1000), None
                )

    return WorkspaceStore


def _replace_artifact_uris(value: Any, base: str) -> Any:
    """Replace the artifact addresses in a response by those that azureml-mlflow needs."""
    if isinstance(value, list):
        return [_replace_artifact_uris(each, base) for each in value]
    if not isinstance(value, dict):
        return value
    value = {key: _replace_artifact_uris(value, base) for key, value in value.items()}
    if str(value.get("artifact_uri", "")).startswith(ROOT):
        experiment, run = value.get("experiment_id"), value["artifact_uri"].removeprefix(ROOT)
        value["artifact_uri"] = f"{base}/experiments/{experiment}/runs/{run}/artifacts"
    return value


def main(argv: list[str]) -> None:
    """Serve a workspace until the process is terminated."""
    database, empty, artifacts, socket = argv[1:5]
    _create_database(Path(database), Path(empty))
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
    handlers._tracking_store = store  # MLflow has no public way to set its store

    def adopt(run_id: str) -> Any:
        body = flask.request.get_json()
        store.adopt_run(run_id, body["experiment"], body["name"], body["user"], body["tags"])
        return {}

    def close(run_id: str) -> Any:
        store.close_run(run_id, flask.request.get_json()["status"])
        return {}

    def replace_artifact_uris(answer: Any) -> Any:
        base = flask.request.headers.get(ARTIFACT_ROOT_HEADER)
        if base and answer.is_json and ROOT in (text := answer.get_data(as_text=True)):
            answer.set_data(json.dumps(_replace_artifact_uris(json.loads(text), base)))
        return answer

    app.after_request(replace_artifact_uris)
    app.add_url_rule("/azureml-local/runs/<run_id>", view_func=adopt, methods=["POST"])
    app.add_url_rule("/azureml-local/runs/<run_id>/close", view_func=close, methods=["POST"])

    class QuietRequestHandler(WSGIRequestHandler):
        """Keep connections open, and do not log requests."""

        protocol_version = "HTTP/1.1"

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            return

        def address_string(self) -> str:
            return "local"  # a Unix socket has no peer address

    make_server(
        f"unix://{socket}", 0, app, threaded=True, request_handler=QuietRequestHandler
    ).serve_forever()


def _create_database(database: Path, empty: Path) -> None:
    """Create a workspace's database as a copy of an empty one, whose creation takes a second."""
    if not empty.is_file():
        temporary = empty.with_name(f"{empty.name}.{os.getpid()}")
        try:
            _store_class()(f"sqlite:///{temporary}", "mlflow-artifacts:/").engine.dispose()
            temporary.replace(empty)
        finally:
            temporary.unlink(missing_ok=True)
    if not database.is_file():
        temporary = database.with_suffix(".part")
        shutil.copyfile(empty, temporary)
        temporary.rename(database)


if __name__ == "__main__":
    main(sys.argv)
