"""``az ml`` in a local workspace: its output equals the results of the SDK."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from tests.functional.azureml_local.sdk_jobs import wait_for_end

pytestmark = pytest.mark.functional

ENVIRONMENT = """
name: az-env
image: mcr.microsoft.com/azureml/openmpi4.1.0-ubuntu20.04
conda_file: {dependencies: [python=3.11, pip]}
"""
JOB = """
$schema: https://azuremlschemas.azureedge.net/latest/commandJob.schema.json
command: python main.py --n ${{inputs.n}}
code: src
inputs: {n: 1}
environment: azureml:az-env@latest
compute: azureml:az-cpu
experiment_name: az
"""
ONLINE = """
$schema: https://azuremlschemas.azureedge.net/latest/managedOnlineDeployment.schema.json
name: blue
endpoint_name: overridden
model: azureml:az-model@latest
code_configuration: {code: score, scoring_script: score.py}
environment: azureml:az-env@latest
instance_type: Standard_DS3_v2
instance_count: 1
"""
BATCH = """
$schema: https://azuremlschemas.azureedge.net/latest/batchDeployment.schema.json
name: files
endpoint_name: az-batch
model: azureml:az-model@latest
code_configuration: {code: score, scoring_script: batch.py}
environment: azureml:az-env@latest
compute: azureml:az-cpu
resources: {instance_count: 1}
mini_batch_size: 1
"""
MODEL_BATCH = """
$schema: https://azuremlschemas.azureedge.net/latest/modelBatchDeployment.schema.json
name: files
endpoint_name: az-batch-types
type: model
model: azureml:az-model@latest
code_configuration: {code: score, scoring_script: batch.py}
environment: azureml:az-env@latest
compute: azureml:az-cpu
resources: {instance_count: 1}
settings: {mini_batch_size: 3}
"""
COMPONENT_BATCH = """
$schema: https://azuremlschemas.azureedge.net/latest/pipelineComponentBatchDeployment.schema.json
name: steps
endpoint_name: az-batch-types
type: pipeline
component: component.yml
settings: {default_compute: az-cpu}
"""
PIPELINE_COMPONENT = """
type: pipeline
name: az_batch_component
jobs: {one: {type: command, command: echo 1, environment: azureml:az-env@latest}}
"""
PIPELINE = """
type: pipeline
jobs: {one: {type: command, command: echo 1, environment: azureml:az-env@latest, compute: azureml:az-cpu}}
"""
SWEEP = """
$schema: https://azuremlschemas.azureedge.net/latest/sweepJob.schema.json
type: sweep
trial: {command: "echo ${{search_space.x}}", environment: azureml:az-env@latest}
compute: azureml:az-cpu
sampling_algorithm: random
search_space: {x: {type: uniform, min_value: 1, max_value: 2}}
objective: {goal: maximize, primary_metric: score}
limits: {max_total_trials: 2, max_concurrent_trials: 2, timeout: 600}
early_termination: {type: bandit, slack_factor: 0.1, evaluation_interval: 1}
"""
SCHEDULE = """
name: az-nightly
trigger: {type: cron, expression: "0 3 * * *"}
create_job: ./pipeline.yml
"""


class Call(NamedTuple):
    code: int
    out: str
    err: str

    @property
    def value(self) -> Any:
        assert self.out, self.err
        return json.loads(self.out.lstrip("."))  # the SDK prints dots while it waits


class Az:
    """Runs the file ``az`` of the workspace in a folder of a project."""

    def __init__(self, local: Any, folder: Path) -> None:
        self.folder = folder
        self.program = Path(local.state()["env"]["AZUREML_LOCAL_BIN"]) / "az"
        self.env = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "AZURE_CONFIG_DIR": str(folder / ".config"),
        }

    def __call__(self, line: str, **env: str) -> Call:
        result = subprocess.run(
            [self.program, *shlex.split(line)],
            cwd=self.folder, env={**self.env, **env}, capture_output=True, text=True, timeout=180,
        )  # fmt: skip
        return Call(result.returncode, result.stdout, result.stderr)


@pytest.fixture(scope="module")
def az(local, tmp_path_factory) -> Az:
    folder = tmp_path_factory.mktemp("project")
    files = {
        "env.yml": ENVIRONMENT,
        "job.yml": JOB,
        "online.yml": ONLINE,
        "batch.yml": BATCH,
        "model-batch.yml": MODEL_BATCH,
        "component-batch.yml": COMPONENT_BATCH,
        "component.yml": PIPELINE_COMPONENT,
        "pipeline.yml": PIPELINE,
        "sweep.yml": SWEEP,
        "schedule.yml": SCHEDULE,
        "src/main.py": "import sys\nprint('arguments', sys.argv[1:])\n",
        "score/score.py": "def init(): pass\ndef run(text): return [len(text)]\n",
        "score/batch.py": "def init(): pass\ndef run(files): return [len(files)]\n",
        "model/weights.txt": "1\n",
        "data/a.csv": "x\n1\n",
        "data/b.csv": "x\n2\n",
        "invoke.yml": "inputs: {rows: {type: uri_folder, path: data}}\nmini_batch_size: 2\n",
        "list.yml": "- data\n",
        "request.json": "[1]",
    }
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    run = Az(local, folder)
    for line in (
        "configure --defaults group=local workspace=az",
        "ml compute create -n az-cpu --type amlcompute --max-instances 2",
        "ml environment create -f env.yml",
        "ml model create -n az-model --path model",
    ):
        call = run(line)
        assert call.code == 0, call.err
    return run


def test_a_job(az, client):
    line = "ml job create -f job.yml --set inputs.n=7 tags.a=b --save-as saved.yml"
    name = az(f"{line} --query name -o tsv").out.strip()
    assert yaml.safe_load((az.folder / "saved.yml").read_text())["name"] == name
    assert az(f"ml job stream -n {name}").code == 0
    job, shown = client("az").jobs.get(name), az(f"ml job show -n {name}").value
    assert shown["status"] == "Completed" == job.status
    assert (shown["tags"], shown["experiment_name"]) == ({"a": "b"}, "az")
    assert (shown["inputs"], shown["command"]) == ({"n": "7"}, job.command)
    assert az(f"ml job show -n {name} --query status -o tsv --web").out == "Completed\n"
    assert az(f"ml job show-services -n {name}").value == {}
    assert az("ml job show-services -n missing").code == 3
    names = [each.name for each in client("az").jobs.list()]
    assert az("ml job list --query [].name").value == names
    assert az(f"ml job update -n {name} --set tags.a=c --query tags.a").value == "c"
    assert az(f"ml job update -n {name} --set experiment_name=other").code == 1
    assert az(f"ml job download -n {name} --all -p out").code == 0
    [log] = az.folder.glob("out/**/std_log.txt")
    assert "['--n', '7']" in log.read_text()
    assert az(f"ml job archive -n {name}").code == 0
    assert az("ml job list --archived-only --query [].name -o tsv").out == f"{name}\n"


def test_a_sweep(az):
    created = az("ml job create -f sweep.yml").value
    assert created["early_termination"]["slack_factor"] == 0.1
    az(f"ml job stream -n {created['name']}")
    ended = az(f"ml job show -n {created['name']}").value
    assert (ended["type"], ended["status"]) == ("sweep", "Completed")
    trials = az(f"ml job list --parent-job-name {created['name']}").value
    assert {each["name"] for each in trials} == {f"{created['name']}_{i}" for i in range(2)}


def test_a_failed_job(az):
    call = az("ml job create -f job.yml --stream --set command='exit 3'")
    assert call.code == 1
    assert "Execution Summary" in call.out


def test_cancel_a_job(az):
    line = "ml job create -f job.yml --set command='sleep 300' --query name -o tsv"
    name = az(line).out.strip()
    assert az(f"ml job cancel --name {name} -g local -w az").code == 0
    deadline = time.monotonic() + 90
    while (status := az(f"ml job show -n {name} --query status").value) == "CancelRequested":
        assert time.monotonic() < deadline
    assert status == "Canceled"


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("ml job show -n missing", 3),
        ("ml model show -n missing --version 1", 3),
        ("ml compute show -n missing", 3),
        ("ml online-endpoint show -n missing", 3),
        ("ml online-endpoint update -n missing --traffic a=100", 3),
        ("ml batch-deployment show -n missing -e missing", 3),
        ("ml job create -f missing.yml", 1),
        ("ml model show -n az-model", 1),
        ("ml model show -n az-model --version 1 --label latest", 1),
        ("ml model create -n empty --path nowhere", 1),
        ("ml environment create -n e --image i --build-context score", 1),
        ("ml compute create -n c", 1),
        ("ml online-endpoint create", 1),
        ("ml job create -f job.yml --set nothing", 1),
        ("ml batch-endpoint update -n x --defaults d", 3),
        ("ml online-deployment update -f online.yml --add tags.list x", 2),
        ("ml job list --include-archived --archived-only", 1),
        ("group show -n local --subscription nonsense", 1),
    ],
)
def test_failures(az, line, code):
    call = az(line)
    assert (call.code, call.out) == (code, "")
    assert "ERROR: " in call.err


def test_assets(az, client):
    call = az("ml data create -n az-data --path data --type uri_folder -v 3")
    assert client("az").data.get("az-data", "3").path == call.value["path"]
    assert az("ml data list -n az-data --query [].version -o tsv").out == "3\n"
    assert az("ml model list --query [].name -o tsv").out == "az-model\n"
    shown = az("ml model show -n az-model --label latest").value
    assert (shown["version"], shown["type"]) == ("1", "custom_model")
    assert az("ml model update -n az-model -v 1 --set tags.k=v --query tags.k").value == "v"
    assert client("az").models.get("az-model", "1").tags == {"k": "v"}
    assert az("ml model update -n az-model -v 1 --set path=x").code == 1
    assert az("ml model update -n az-model -v 1 --remove tags.k --query tags").value == {}
    assert az("ml model download -n az-model -v 1 -p downloads").code == 0
    assert (az.folder / "downloads" / "az-model" / "model" / "weights.txt").is_file()
    line = "ml environment create -n other --image i:1 --conda-file env.yml -v 9"
    assert az(f"{line} --query [name,version,image]").value == ["other", "9", "i:1"]
    assert az("ml environment archive -n other -v 9").code == 0
    assert az("ml environment list -n other").value == []


def test_online(az, client):
    assert az("ml online-endpoint create -n az-online").value["provisioning_state"] == "Succeeded"
    line = "ml online-deployment create --endpoint az-online -f online.yml --all-traffic"
    deployment = az(line).value
    assert (deployment["name"], deployment["endpoint_name"]) == ("blue", "az-online")
    assert client("az").online_endpoints.get("az-online").traffic == {"blue": 100}
    assert az(line).code == 1  # it exists
    assert az(f"{line} --set name=green --no-wait").code == 1
    assert az("ml online-deployment list -e az-online --query [].name").value == ["blue"]
    assert az("ml online-endpoint invoke -n az-online -r request.json").value == "[3]"
    line = "ml online-endpoint invoke -n az-online --deployment blue --request-file request.json"
    assert az(f"{line} -o tsv").out == "[3]\n"
    assert az('ml online-endpoint update -n az-online --traffic "blue=50"').code == 1
    line = "ml online-endpoint update -n az-online --set traffic.blue=0 tags.a=b --query tags"
    assert az(line).value == {"a": "b"}
    assert client("az").online_endpoints.get("az-online").traffic.get("blue", 0) == 0
    keys = client("az").online_endpoints.get_keys("az-online")
    line = "ml online-endpoint get-credentials -n az-online --query primaryKey -o tsv"
    assert az(line).out == f"{keys.primary_key}\n"
    assert az("ml online-endpoint regenerate-keys -n az-online --key-type primary").code == 0
    assert az(line).out != f"{keys.primary_key}\n"
    line = "ml online-deployment update -n blue -e az-online --set instance_count=2"
    assert az(f"{line} --query instance_count").value == 2
    line = "-o tsv --query \"[?name=='blue'][name]\""
    assert az(f"ml online-deployment list -e az-online {line}").out == "blue\n"
    assert "init() is done" in az("ml online-deployment get-logs -n blue -e az-online").value
    assert az("ml online-endpoint delete -n az-online").code == 1  # without --yes
    assert az("ml online-endpoint delete -n az-online --yes").code == 0
    assert az("ml online-endpoint list").value == []


def test_batch(az, client):
    assert az("ml batch-endpoint create -n az-batch").code == 0
    assert az("ml batch-deployment create -f batch.yml --set-default").code == 0
    shown = az("ml batch-endpoint show -n az-batch --query defaults.deployment_name -o tsv")
    assert shown.out == "files\n"
    line = "ml batch-endpoint invoke -n az-batch --input data --input-type uri_folder"
    name = az(f"{line} --query name -o tsv").out.strip()
    assert client("az").jobs.get(name).name == name
    assert az("ml batch-endpoint list-jobs -n az-batch --query [].name -o tsv").out == f"{name}\n"
    assert az(f"ml job stream -n {name}").code == 0
    _test_invocations(az, client)
    line = "ml batch-endpoint update -n az-batch --defaults deployment_name=files"
    assert az(line).code == 0
    assert az("ml batch-deployment list -e az-batch --query [].name").value == ["files"]


def test_batch_deployments_by_type(az):
    assert az("ml batch-endpoint create -n az-batch-types").code == 0
    created = az("ml batch-deployment create -f model-batch.yml --query mini_batch_size")
    assert (created.code, created.value) == (0, 3)
    assert az("ml batch-deployment create -f component-batch.yml").code == 0
    names = az("ml batch-deployment list -e az-batch-types --query [].name").value
    assert sorted(names) == ["files", "steps"]
    assert az("ml batch-endpoint delete -n az-batch-types --yes").code == 0


def _test_invocations(az, client):
    """Each mini-batch writes its number of files."""
    base, store = "ml batch-endpoint invoke -n az-batch", "azureml://datastores/workspaceblobstore"
    for number, (options, lines) in enumerate(
        [
            ("-f invoke.yml", "2"),
            ("-f invoke.yml -m 1", "1 1"),
            ("-f invoke.yml --set mini_batch_size=1 -c 2", "1 1"),
            ("--set inputs.rows.type=uri_folder inputs.rows.path=data -m 2", "2"),
            ('--inputs \'{"rows": {"type": "uri_file", "path": "data/a.csv"}}\'', "1"),
            (
                f"--input data --output-path {store}/paths/az/out --set output_file_name=o.csv",
                "1 1",
            ),
        ]
    ):
        name = az(f"{base} {options} --job-name invoked-{number} --query name -o tsv").out.strip()
        assert name == f"invoked-{number}"
        assert wait_for_end(client("az"), name).status == "Completed"
        client("az").jobs.download(name, download_path=az.folder / name, output_name="score")
        [file] = (path for path in (az.folder / name).rglob("*.csv"))
        assert file.read_text().split() == lines.split(), options
        assert file.name == ("o.csv" if "o.csv" in options else "predictions.csv")
    for options in (
        "-f missing.yml",
        "-f list.yml",
        "--inputs [1",
        "--inputs [1]",
        "--set inputs=1 inputs.rows=2",
        "-f invoke.yml --input data",
        "--set inputs.rows=data",
        '--inputs \'{"rows": {"kind": 1}}\'',
        "--set inputs.rows.type=table inputs.rows.path=data",
        "--input data --set outputs.score.type=table",
        "--input data --set nonsense.key=1",
    ):
        call = az(f"{base} {options}")
        assert (call.code, call.out) == (1, ""), options
        assert "unexpected error" not in call.err, call.err


def test_compute_schedules_datastores_workspaces(az, client):
    update = az("ml compute update -n az-cpu --max-instances 3 --query max_instances")
    assert (update.code, update.value) == (0, 3), update.err
    assert client("az").compute.get("az-cpu").max_instances == 3
    assert az("ml schedule create -f schedule.yml --query is_enabled").value is True
    assert az("ml schedule disable -n az-nightly").code == 0
    assert az("ml schedule list").value == []
    assert az("ml schedule list --include-disabled --query [].name").value == ["az-nightly"]
    names = [each.name for each in client("az").datastores.list()]
    assert az("ml datastore list --query [].name").value == names
    assert az("ml workspace create -n az-new -g local").code == 0
    line = "ml workspace list -g local --query [].name -o tsv"  # created on first use
    assert {"az", "az-new"} <= set(az(line).out.split())
    assert az("ml workspace show -n az --query mlflow_tracking_uri").value.startswith("https://")


def test_resource_groups_and_tokens(az, local):
    assert az("group exists -n local").value is True
    group = az("group create -n new -l 'West Europe' --tags a=b").value
    assert (group["name"], group["location"], group["tags"]) == ("new", "westeurope", {"a": "b"})
    token = az("account get-access-token").value
    assert token["tokenType"] == "Bearer"
    assert token["accessToken"].count(".") == 2


def test_defaults_come_from_the_folder_of_the_call(az):
    other = {"AZURE_CONFIG_DIR": str(az.folder / ".other")}
    assert az("ml job list", **other).code == 2
    names = {"AZURE_DEFAULTS_GROUP": "local", "AZURE_DEFAULTS_WORKSPACE": "elsewhere"}
    assert az("ml model list", **other, **names).value == []


def test_variables_and_modules_of_the_callers_python_have_no_effect(az, local):
    (az.folder / "json.py").write_text("raise RuntimeError")
    call = az("ml model list", PYTHONPATH=str(az.folder), PYTHONHOME="/nowhere", LANG="C")
    (az.folder / "json.py").unlink()
    assert call.code == 0, call.err
    if sys.platform == "linux":  # they do not keep it from being a fork either
        assert "refused" not in (local.data / "az.log").read_text()


@pytest.mark.skipif(sys.platform != "linux", reason="Linux only")
def test_a_deletion_asks_once(az, local):
    """The fork asks, or, if it has to be found first, the program that starts it."""
    assert az("ml batch-endpoint create -n az-asks").code == 0
    for answer, code in ((b"n", 1), (b"y", 0)):
        if answer == b"y":
            (local.data / "az.json").unlink()  # has the address
        terminal, its_terminal = os.openpty()
        process = subprocess.Popen(
            [az.program, "ml", "batch-endpoint", "delete", "-n", "az-asks"],
            cwd=az.folder, env=az.env, stdin=its_terminal, stdout=its_terminal, stderr=its_terminal,
        )  # fmt: skip
        os.close(its_terminal)
        os.write(terminal, answer + b"\n")
        assert process.wait(180) == code
        shown = b""
        while chunk := _read(terminal):
            shown += chunk
        os.close(terminal)
        assert shown.count(b"(y/n)") == 1, shown
    assert az("ml batch-endpoint show -n az-asks").code == 3


def _read(terminal: int) -> bytes:
    """What a terminal shows; empty after the last process that had it."""
    try:
        return os.read(terminal, 10_000)
    except OSError:
        return b""


def test_only_show_errors(az):
    quiet = az("ml job list --only-show-errors")
    assert (quiet.code, quiet.err) == (0, "")


def test_run_and_env_put_az_on_the_path(tmp_path):
    data = tmp_path / "data"
    base = [sys.executable, "-m", "azureml_local"]
    command = [*base, "run", "--data", data, "--", "sh", "-c", "command -v az; az version"]
    env = {key: value for key, value in os.environ.items() if not key.startswith("ARM_")}
    result = subprocess.run(command, env=env, capture_output=True, text=True, timeout=180)
    path, _, version = result.stdout.partition("\n")
    assert path == str(data / "bin" / "az")
    assert "azureml-local" in json.loads(version)
    subprocess.run([*base, "start", "--data", data], env=env, check=True, timeout=180)
    try:
        script = f'eval "$({shlex.join(map(str, base))} env --data {data})"; command -v az'
        shell = subprocess.run(["sh", "-c", script], env=env, capture_output=True, text=True)
        assert shell.stdout == f"{data}/bin/az\n"
        command = [*base, "az", "--data", data, "account", "show", "--query", "name", "-o", "tsv"]
        named = subprocess.run(command, env=env, capture_output=True, text=True)
        assert (named.returncode, named.stdout) == (0, "azureml-local\n")
        help_of_az = subprocess.run([*base, "az", "--data", data, "ml", "--help"], env=env)
        assert help_of_az.returncode == 0
    finally:
        subprocess.run([*base, "stop", "--data", data], env=env, check=True, timeout=180)
    stopped = subprocess.run(
        [data / "bin" / "az", "ml", "job", "list", "-g", "g", "-w", "w"],
        env=env, capture_output=True, text=True,
    )  # fmt: skip
    assert (stopped.returncode, stopped.stdout) == (1, "")
    assert "azureml-local start" in stopped.stderr
