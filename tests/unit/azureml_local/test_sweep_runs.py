"""Runs of sweeps, with trials that have no processes and an MLflow server that is a function."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
from dataclasses import dataclass, field
from functools import partial

import httpx
import pytest

from azureml_local.documents.jobs import JOBS
from azureml_local.errors import BadRequest, Conflict
from azureml_local.forked_workers import ForkedWorkers
from azureml_local.jobs import command_jobs, inputs, records
from azureml_local.jobs.records import Job
from azureml_local.jobs.runner import Cancelled, Runner
from azureml_local.jobs.sweep import runs, validation
from azureml_local.jobs.sweep.runs import BEST_TRIAL, run_sweep
from azureml_local.jobs.sweep.settings import SweepSettings
from azureml_local.jobs.sweep.trials import read_history
from azureml_local.state import State

METRIC = {"key": "m", "value": 0.5, "timestamp": 1, "step": 0}
ENVIRONMENT = "azureml:sweep-env:1"


@dataclass
class MlflowServer:
    """Answers requests for the metric with ``status``; the end of a run takes ``end_seconds``."""

    status: int = 200
    end_seconds: float = 0.0
    ended: dict[str, str] = field(default_factory=dict)

    async def client(self, workspace) -> httpx.AsyncClient:
        transport = httpx.MockTransport(
            lambda request: httpx.Response(self.status, json={"metrics": [METRIC]})
        )
        return httpx.AsyncClient(transport=transport, base_url="http://mlflow")

    async def create_job_run(self, *arguments) -> None:
        pass

    async def end_job_run(self, workspace, run, status) -> None:
        await asyncio.sleep(self.end_seconds)
        self.ended[run] = status


@dataclass
class Server:
    """State, runner and workspace of a local workspace without its HTTP server."""

    state: State
    mlflow: MlflowServer

    def __post_init__(self) -> None:
        workers = ForkedWorkers([], env={}, log=self.state.data / "preloaded.log")
        self.runner = Runner(self.state, self.mlflow, workers, {})
        self.workspace = self.state.workspace_by_name("s", "local", "dev")

    def add(self, name, status="NotStarted", **properties) -> None:
        body = {"properties": {"jobType": "Command", **properties}, "status": status}
        self.workspace.documents.put(JOBS, name, body)

    def job(self, name) -> Job:
        return Job(self.workspace, name)

    def status(self, name) -> str:
        return self.job(name).status

    def run_sweep(self, **changes):
        """Run a grid of two trials; return its document and its log."""
        self.add("sweep", **sweep(**changes))

        async def run() -> None:
            await asyncio.wait_for(run_sweep(self.runner, self.job("sweep")), timeout=60)
            await self.runner.cancel_all(self.workspace)  # waits for jobs that have not ended

        asyncio.run(run())
        log = self.job("sweep").log_file(records.SWEEP_LOG)
        return self.job("sweep").body, log.read_text()


def sweep(**changes):
    return {
        "jobType": "Sweep",
        "samplingAlgorithm": {"samplingAlgorithmType": "Grid"},
        "searchSpace": {"x": ["choice", [[1, 2]]]},
        "objective": {"goal": "maximize", "primaryMetric": "m"},
        "limits": {"maxTotalTrials": 2},
        "trial": {"command": "echo ${{search_space.x}}", "environmentId": ENVIRONMENT},
        "outputs": {"out": {"jobOutputType": "uri_folder", "assetName": "swept"}},
        **changes,
    }


@pytest.fixture
def server(tmp_path):
    server = Server(State(tmp_path, "https://localhost:1"), MlflowServer())
    yield server
    server.state.store.close()


@pytest.fixture
def trials(server, monkeypatch):
    """Replace the process of a trial by the coroutine function that the test adds for its name."""
    work = {}

    async def run_trial(runner, job) -> None:
        event = runner.cancel_event(job)

        async def run() -> int:
            output = inputs.resolve_output(job, "out", {"jobOutputType": "uri_folder"})
            await runner.create_run(job, {"out": output.uri})
            if job.name in work:
                await work[job.name](event)
            return 0

        log = partial(job.log_file, records.LOG)
        await runner.supervise(job, log, run, status="Running")

    monkeypatch.setattr(command_jobs, "run_command_job", run_trial)
    monkeypatch.setattr(runs, "POLICY_SECONDS", 0.01)
    return work


async def wait_for_cancellation(event) -> None:
    await asyncio.wait_for(event.wait(), timeout=60)
    raise Cancelled


def is_registered(server) -> bool:
    return bool(server.workspace.documents.entries("data", "swept"))


def test_a_sweep_registers_the_outputs_of_its_best_trial(server, trials):
    body, _ = server.run_sweep()
    assert (body["status"], body["properties"]["properties"][BEST_TRIAL]) == (
        "Completed",
        "sweep_0",
    )
    assert is_registered(server)


def test_only_a_missing_run_has_no_metric(server):
    def read(status):
        server.mlflow.status = status
        return asyncio.run(read_history(server.mlflow, server.workspace, "run", "m"))

    assert (read(200), read(404)) == ([0.5], [])
    with pytest.raises(httpx.HTTPStatusError) as caught:
        read(500)
    assert caught.value.response.status_code == 500


def test_an_error_of_mlflow_leaves_the_known_metric(server, trials):
    async def lose_mlflow(event) -> None:
        trial = "sweep_1"
        while "metric" not in server.job(trial).body["trial"]:
            await asyncio.sleep(0.01)  # until the policy has read it
        server.mlflow.status = 500

    trials["sweep_1"] = lose_mlflow
    policy = {"policyType": "MedianStopping", "delayEvaluation": 5}
    body, log = server.run_sweep(earlyTermination=policy)
    trial = server.job("sweep_1").body
    assert (body["status"], trial["status"], trial["trial"]["metric"]) == (
        "Completed",
        "Completed",
        0.5,
    )
    assert [line for line in log.splitlines() if "sweep_1" in line and "500" in line]


def test_an_error_of_early_termination_fails_the_sweep_and_cancels_its_trials(
    server, trials, monkeypatch
):
    def fail(self, *arguments):
        raise ZeroDivisionError("policy")

    monkeypatch.setattr("azureml_local.jobs.sweep.early_termination.Policy.intervals", fail)
    trials["sweep_0"] = trials["sweep_1"] = wait_for_cancellation
    body, log = server.run_sweep(earlyTermination={"policyType": "MedianStopping"})
    assert body["status"] == "Failed"
    assert "ZeroDivisionError" in log
    assert {server.status(f"sweep_{i}") for i in range(2)} == {"Canceled"}


def test_an_error_in_one_trial_ends_the_others(server, trials, monkeypatch):
    run_trial = command_jobs.run_command_job

    async def fail_first(runner, job) -> None:
        if job.name == "sweep_0":
            await asyncio.sleep(0.05)  # until the other trial runs
            raise OSError("no log")
        await run_trial(runner, job)

    monkeypatch.setattr(command_jobs, "run_command_job", fail_first)
    trials["sweep_1"] = wait_for_cancellation
    body, log = server.run_sweep()
    assert (body["status"], "no log" in log) == ("Failed", True)
    assert [server.status(f"sweep_{i}") for i in range(2)] == ["Canceled", "Canceled"]
    assert server.mlflow.ended["sweep_1"] == "KILLED"


def test_a_sweep_that_times_out_has_no_outputs(server, trials):
    trials["sweep_1"] = wait_for_cancellation
    body, log = server.run_sweep(limits={"maxTotalTrials": 2, "timeout": 0.2})
    assert (body["status"], "limits.timeout" in log) == ("Canceled", True)
    assert server.status("sweep_0") == "Completed"  # a trial with a metric
    assert BEST_TRIAL not in body["properties"]["properties"]
    assert not is_registered(server)


def test_a_job_with_the_name_of_a_trial_is_not_overwritten(server, trials):
    server.add("sweep_1", status="Completed", command="own")
    job = server.job("sweep_1").read()
    body, log = server.run_sweep()
    assert (body["status"], "sweep_1" in log) == ("Failed", True)
    after = server.job("sweep_1").read()
    assert (after.serial, after.body["properties"]) == (job.serial, job.body["properties"])


def test_names_of_trials_are_checked_at_submission(server):
    settings = SweepSettings.read(sweep())

    def check(name) -> None:
        validation.check_trial_names(server.job(name), settings)

    check("s" * 253)
    with pytest.raises(BadRequest):
        check("s" * 254)
    server.add("Taken_1")
    with pytest.raises(Conflict):
        check("taken")
    server.add("other_2")  # the number after that of the last trial
    check("other")


def test_an_unknown_hyperparameter_stays_in_the_command(server, trials):
    """Microsoft's test_sweep_job_builder submits such a command; the shell refuses it."""
    trial = {"command": "echo ${{search_space.typo}}", "environmentId": ENVIRONMENT}
    server.run_sweep(trial=trial)
    command = server.job("sweep_0").properties["command"]
    assert command == trial["command"]
    assert subprocess.run(["bash", "-c", command], check=False, stderr=subprocess.PIPE).returncode


def test_a_workspace_waits_for_a_job_that_is_cancelled_while_its_run_ends(server):
    server.mlflow.end_seconds = 0.2
    server.add("job")

    async def main() -> None:
        runner, job = server.runner, server.job("job")

        async def work() -> int:
            runner.cancel_event(job)
            await runner.create_run(job, {})
            ending.set()
            return 0

        ending = asyncio.Event()
        log = partial(job.log_file, records.LOG)
        task = asyncio.create_task(runner.supervise(job, log, work))
        await ending.wait()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(task), timeout=0.05)
        assert not task.done()
        await asyncio.wait_for(runner.cancel_all(server.workspace), timeout=30)
        await task

    asyncio.run(main())
    assert server.mlflow.ended == {"job": "FINISHED"}
