"""The workspace of a command."""

from __future__ import annotations

import json
import signal
import stat
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from azureml_local.folder_lock import use_server
from azureml_local.server_file import read_server_file
from nbrelease.errors import UsageError
from nbrelease.file_lock import UsageLock
from nbrelease.rehearsal import lock_checkout
from nbrelease.settings import load
from nbrelease.workspace import open_workspace, read_variables


def write_server_file(data: Path, **more: object) -> None:
    process = psutil.Process()
    state = {"pid": process.pid, "pid_started": process.create_time(), "env": {"A": "1"}}
    (data / "server.json").write_text(json.dumps(state | more))


@pytest.mark.parametrize("running", ["none", "uv", "auto"])
def test_a_running_workspace_without_isolation_is_not_used_if_settings_need_it(
    tmp_path, running, capsys
):
    write_server_file(tmp_path, isolation=running)
    assert read_variables(tmp_path) == {"A": "1"}
    if running == "none":
        with pytest.raises(UsageError, match="isolation"):
            read_variables(tmp_path, isolation="uv")
    else:
        assert read_variables(tmp_path, isolation="uv") == {"A": "1"}
    assert capsys.readouterr().err == ""
    assert read_variables(tmp_path, isolation="auto") == {"A": "1"}
    assert ("isolation" in capsys.readouterr().err) == (running == "none")


@pytest.mark.parametrize("known", [True, False])
def test_the_users_authorities_are_kept_if_the_server_does_not_know_them(
    tmp_path, monkeypatch, known
):
    own, bundle = tmp_path / "own.pem", tmp_path / "bundle.pem"
    certificate = "-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n"
    own.write_text("Our proxy\n" + certificate.format("own"))
    public = certificate.format("public")
    bundle.write_text(public + certificate.format("own") if known else public)
    monkeypatch.setenv("SSL_CERT_FILE", str(own))
    write_server_file(tmp_path, env={"SSL_CERT_FILE": str(bundle)})
    assert read_variables(tmp_path) == {"SSL_CERT_FILE": str(bundle if known else own)}


def test_the_users_hosts_without_proxy_are_added(tmp_path, monkeypatch):
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("NO_PROXY", "intranet, localhost")
    write_server_file(tmp_path, env={"NO_PROXY": "old,localhost", "no_proxy": "old,localhost"})
    expected = "intranet,localhost,old"
    assert read_variables(tmp_path) == {"NO_PROXY": expected, "no_proxy": expected}


def test_another_process_with_the_id_of_the_server_is_not_the_server(tmp_path):
    write_server_file(tmp_path, pid_started=psutil.Process().create_time() - 3600)
    assert read_variables(tmp_path) is None


@pytest.mark.parametrize("seconds", [3600, -3600])
def test_a_server_is_recognized_after_the_clock_was_set(tmp_path, capsys, seconds):
    started = psutil.Process().create_time()
    after_boot = started - psutil.boot_time()
    times = {"pid_started": started + seconds, "pid_started_after_boot": after_boot}
    write_server_file(tmp_path, **times)
    assert read_variables(tmp_path) == {"A": "1"}
    assert read_server_file(tmp_path) is not None
    assert f"clock of this machine went {'back' if seconds > 0 else 'forward'} 3600 s" in (
        capsys.readouterr().err
    )
    write_server_file(tmp_path, **times | {"pid_started_after_boot": after_boot - 60})
    assert read_variables(tmp_path) is None  # another process with its id
    assert read_server_file(tmp_path) is None


HOLD = """
import sys, time
from contextlib import ExitStack
from pathlib import Path
from nbrelease.file_lock import UsageLock, lock
path = Path(sys.argv[2])
with lock(path) if sys.argv[1] == "lock" else UsageLock(path).use():
    print("held", flush=True)
    time.sleep(float(sys.argv[3]))
"""


def hold(kind: str, path: Path, seconds: float) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, kind, path, str(seconds)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_rehearsal_in_a_checkout_is_refused(tmp_path):
    path = tmp_path / ".pipelines-local" / "rehearsal.lock"
    with hold("lock", path, 60) as other:
        with pytest.raises(UsageError, match=f"pid {other.pid}"), lock_checkout(tmp_path):
            pass
        other.kill()
        other.wait()
        with lock_checkout(tmp_path):  # a killed one has left no lock
            pass


def test_the_last_user_is_waited_for(tmp_path):
    path, waited = tmp_path / "users.lock", []
    lock = UsageLock(path)
    with lock.change(), lock.use() as wait_for_others, hold("use", path, 60) as other:

        def end_other() -> None:
            waited.append(other.poll())
            other.terminate()

        wait_for_others(end_other)
        assert other.wait() == -signal.SIGTERM
    assert waited == [None]
    with lock.use() as wait_for_others:
        wait_for_others(lambda: waited.append(0))
    assert waited == [None]


def test_a_server_of_azureml_local_run_waits_for_rehearsals(tmp_path):
    with hold("use", tmp_path / "users.lock", 60) as other, use_server(tmp_path) as is_alone:
        assert not is_alone()
        other.terminate()
        other.wait()
        assert is_alone()


LOCAL = "https://localhost:4711/metadata/endpoints"


@pytest.mark.parametrize(
    ("workspace", "metadata", "step", "refused"),
    [
        ("azure", LOCAL, "", True),
        ("azure", LOCAL, "True", False),  # a pipeline with the settings for Azure
        ("azure", "https://management.usgovcloudapi.net/metadata/endpoints", "", False),
        ("local", LOCAL, "", False),
    ],
)
def test_an_environment_on_azure_does_not_use_a_local_workspace(
    tmp_path, monkeypatch, workspace, metadata, step, refused
):
    azure = "workspace = azure\nsubscription_id = s\nresource_group = g\nworkspace_name = w"
    text = (Path(__file__).parents[3] / "settings.ini").read_text()
    if workspace == "azure":
        text = text.replace("workspace = local", azure)
    (tmp_path / "settings.ini").write_text(text)
    monkeypatch.setenv("ARM_CLOUD_METADATA_URL", metadata)
    monkeypatch.setenv("TF_BUILD", step)
    environment = load(tmp_path / "settings.ini").environment("dev")
    with ExitStack() as stack:
        if refused:
            error = stack.enter_context(pytest.raises(UsageError))
        with open_workspace(environment, tmp_path) as variables:
            assert variables == {}
    if refused:
        assert "localhost:4711" in str(error.value)
        assert error.value.exit_code == 2


@pytest.mark.functional
def test_the_folder_of_the_workspace_is_its_owners_alone(tmp_path, monkeypatch):
    monkeypatch.delenv("ARM_CLOUD_METADATA_URL", raising=False)
    settings = (Path(__file__).parents[3] / "settings.ini").read_text()
    (tmp_path / "settings.ini").write_text(settings)
    data = tmp_path / ".azureml-local"
    data.mkdir(mode=0o755)
    environment = load(tmp_path / "settings.ini").environment("dev")
    with open_workspace(environment, tmp_path) as variables:
        assert variables == read_variables(data)
        with open_workspace(environment, tmp_path) as same:
            assert same == variables
    assert read_variables(data) is None
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
