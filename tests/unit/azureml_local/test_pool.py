"""The pool of a deployment's processes: each process is used, however its frames arrive."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import threading

import pytest

from azureml_local.errors import AzureError
from azureml_local.online import pool as pool_module
from azureml_local.online.limits import Limits
from azureml_local.online.pool import Pool
from azureml_local.online.worker import LaunchSettings
from azureml_local.scoring.frames import (
    ScoringRequest,
    ScoringResponse,
    pack_frame,
    pack_response,
    receive_request,
)


class FakeProcess:
    """Stands for a process of a deployment; a thread answers its socket."""

    alive, pid = True, 1

    async def end(self, grace):
        return 0

    async def wait_for_exit(self):
        return 0


class FakeProcesses:
    """Starts processes that are ready at once and answer with the path that they are asked."""

    def __init__(self, liveness_status=200):
        self.paths = []
        self._liveness_status = liveness_status

    async def spawn(self, command, *, stdin, **options):
        connection = stdin.dup()
        connection.sendall(pack_frame("ready", b""))

        def answer():
            with connection, contextlib.suppress(OSError):
                while (request := receive_request(connection)) is not None:
                    self.paths.append(request.path)
                    status = self._liveness_status if request.path == "/" else 200
                    connection.sendall(
                        pack_response(ScoringResponse(request.path.encode(), status))
                    )

        threading.Thread(target=answer, daemon=True).start()
        return FakeProcess()


class LateLoop(asyncio.SelectorEventLoop):
    """A loop whose callers see a connection only after its first bytes were read."""

    async def create_unix_connection(self, *args, **options):
        connection = await super().create_unix_connection(*args, **options)
        await asyncio.sleep(0.1)
        return connection


def run_pool(tmp_path, use, processes=None, loop=LateLoop):
    """Start a pool of one process, do what ``use`` does with it, and close it."""

    async def main():
        launch = LaunchSettings({}, tmp_path, tmp_path / "log", {})
        limits = Limits(timeout_seconds=60, ready_seconds=60)
        pool = Pool(launch, limits, asyncio.Semaphore(1), processes or FakeProcesses())
        try:
            await pool.start()
            return await use(pool)
        finally:
            await pool.close(0)

    with asyncio.Runner(loop_factory=loop) as runner:
        return runner.run(main())


def test_a_process_that_is_ready_before_spawn_returns_gets_requests(tmp_path):
    answer = run_pool(tmp_path, lambda pool: pool.send(ScoringRequest(b"")))
    assert (answer.status, answer.body) == (200, b"/score")
    assert not (tmp_path / "log").exists()


def test_a_deployment_has_started_when_it_has_answered_the_liveness_request(tmp_path):
    processes = FakeProcesses()
    run_pool(tmp_path, lambda pool: asyncio.sleep(0), processes)
    assert processes.paths == ["/"]
    with pytest.raises(AzureError) as refused:
        run_pool(tmp_path, lambda pool: asyncio.sleep(0), FakeProcesses(liveness_status=502))
    assert refused.value.code == "ContainerCrashed"


@pytest.mark.parametrize("log_is_full", [False, True])
def test_a_process_that_the_system_cannot_start_is_started_again(
    tmp_path, monkeypatch, log_is_full
):
    monkeypatch.setattr(pool_module, "MAX_PAUSE_SECONDS", 0.01)
    processes = FakeProcesses()
    spawn, errors = processes.spawn, [OSError(errno.EMFILE, "Too many open files")]

    async def spawn_later(*arguments, **options):
        if errors:
            raise errors.pop()
        return await spawn(*arguments, **options)

    async def use(pool):
        if log_is_full:
            (tmp_path / "log").mkdir()  # cannot be written
        processes.spawn = spawn_later
        [worker] = pool._workers
        worker._transport.close()
        async with asyncio.timeout(30):
            while errors or not pool.alive:
                await asyncio.sleep(0.005)
        return await pool.send(ScoringRequest(b""))

    assert run_pool(tmp_path, use, processes).status == 200
    if not log_is_full:
        assert len((tmp_path / "log").read_text().splitlines()) == 2


def test_a_worker_that_the_queue_has_lost_is_a_defect_and_gets_requests_again(tmp_path, caplog):
    async def use(pool):
        pool._idle.get_nowait()
        return await pool.send(ScoringRequest(b""))

    with caplog.at_level(logging.ERROR):
        assert run_pool(tmp_path, use).status == 200
    assert [record.name for record in caplog.records] == ["azureml_local.online.pool"]
    assert (tmp_path / "log").read_text().startswith("azureml-local: defect: ")
