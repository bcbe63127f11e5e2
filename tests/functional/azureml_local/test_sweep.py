"""Sweep jobs through the SDK: trials, best outputs, early termination, limits and pipelines.

No annotations from the future here: ``dsl.pipeline`` reads those of its function.
"""

import json
import re
import sys
import textwrap
import time

import pytest
import requests
from tests.functional.azureml_local.sdk_jobs import wait_for_end
from tests.functional.azureml_local.streams import SignalOnText

pytestmark = pytest.mark.functional

ENVIRONMENT = "azureml:sweep-env:1"
# Logs a metric without the seconds that importing MLflow takes.
LOG_METRIC = """
import json, os, ssl, sys, time, urllib.request

def log_metric(value, key="score"):
    body = {"run_id": os.environ["MLFLOW_RUN_ID"], "key": key, "value": float(value),
            "timestamp": int(time.time() * 1000), "step": 0}
    request = urllib.request.Request(
        os.environ["MLFLOW_TRACKING_URI"].replace("azureml://", "https://")
        + "/api/2.0/mlflow/runs/log-metric",
        data=json.dumps(body).encode(),
        headers={"Authorization": "Bearer " + os.environ["MLFLOW_TRACKING_TOKEN"],
                 "Content-Type": "application/json"},
    )
    context = ssl.create_default_context(cafile=os.environ["SSL_CERT_FILE"])
    urllib.request.urlopen(request, context=context).read()

for value in sys.argv[1:]:
    log_metric(value)
"""


@pytest.fixture(scope="module")
def ml(client):
    from azure.ai.ml.entities import AmlCompute, Environment

    ml_client = client("sweeps")
    ml_client.environments.create_or_update(Environment(name="sweep-env", version="1", image="a:1"))
    ml_client.compute.begin_create_or_update(
        AmlCompute(name="wide", size="s", max_instances=4)
    ).result()
    return ml_client


@pytest.fixture(scope="module")
def code(tmp_path_factory):
    folder = tmp_path_factory.mktemp("code")
    (folder / "log_metric.py").write_text(LOG_METRIC)
    return str(folder)


def trials_of(ml, name):
    return {each.name: each.status for each in ml.jobs.list(parent_job_name=name)}


def sweep_of(line, space, code=None, *, policy=None, outputs=(), goal="maximize", **limits):
    """A sweep of a command with these hyperparameters; the algorithm is grid."""
    from azure.ai.ml import Output, command

    trial = command(
        command=line,
        inputs=dict.fromkeys(space, "") | {"fixed": "f"},
        outputs={name: Output(type="uri_folder") for name in outputs},
        environment=ENVIRONMENT,
        compute="wide",
        code=code,
    )
    sweep = trial(**space).sweep(
        sampling_algorithm="grid",
        primary_metric="score",
        goal=goal,
        early_termination_policy=policy,
    )
    sweep.set_limits(**{"max_total_trials": 10, **limits})
    return sweep


def test_a_sweep_has_the_outputs_of_its_best_trial(ml, code, tmp_path, monkeypatch):
    from azure.ai.ml.sweep import Choice

    # The trials end when the SDK has streamed the log of the sweep.
    output = SignalOnText("azureml-logs/hyperdrive.txt", tmp_path / "streamed")
    line = (
        f"timeout 120 sh -c 'until [ -e {output.signal} ]; do sleep 0.1; done'; "
        "echo ${{inputs.x}} ${{inputs.fixed}} $AZUREML_SWEEP_x > ${{outputs.out}}/x.txt; "
        "python log_metric.py 0.1 0.${{inputs.x}} 0.2"
    )
    sweep = sweep_of(line, {"x": Choice([3, 9, 5])}, code, outputs=["out"])
    sweep.outputs.out.name, sweep.outputs.out.version = "swept", "1"
    created = ml.jobs.create_or_update(sweep)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", output)
        ml.jobs.stream(created.name)
    assert output.signal.exists()
    actual = ml.jobs.get(created.name)
    assert (actual.status, actual.type) == ("Completed", "sweep")
    best = f"{created.name}_1"
    assert {
        key: actual.properties[key]
        for key in ("best_child_run_id", "score", "best_metric_status", "space_size")
    } == {
        "best_child_run_id": best,
        "score": "0.9",
        "best_metric_status": "Succeeded",
        "space_size": "3",
    }
    assert json.loads(actual.properties["primary_metric_config"]) == {
        "name": "score",
        "goal": "maximize",
    }
    assert trials_of(ml, created.name) == {f"{created.name}_{i}": "Completed" for i in range(3)}
    assert json.loads(ml.jobs.get(best).tags["hyperparameters"]) == {"x": 9}
    assert created.name in [each.name for each in ml.jobs.list()]
    assert best not in [each.name for each in ml.jobs.list()]
    ml.jobs.download(created.name, download_path=tmp_path / "all", all=True)
    assert (tmp_path / "all/named-outputs/out/x.txt").read_text() == "9 f 9\n"
    assert (tmp_path / "all/artifacts/user_logs/std_log.txt").is_file()
    assert (tmp_path / "all/hd-artifacts/azureml-logs/hyperdrive.txt").is_file()
    assert ml.data.get("swept", "1").path.rstrip("/").endswith(f"{created.name}/out")
    page = requests.get(actual.studio_url, timeout=60).text
    rows = re.findall(
        r'<th scope="row".*?/jobs/(\S+?)">.*?</th>\s*<td>.*?</td><td>(.*?)</td>', page
    )
    assert rows == [(f"{created.name}_{i}", score) for i, score in enumerate(("0.3", "0.9", "0.5"))]
    assert re.findall(r"/jobs/(\S+?)\">[^<]*</a> <strong>best</strong>", page) == [best]


def test_runs_of_trials_are_nested_in_the_run_of_the_sweep(ml, code):
    import mlflow
    from azure.ai.ml.sweep import Choice

    sweep = sweep_of("python log_metric.py ${{inputs.x}}", {"x": Choice([1, 2])}, code)
    created = ml.jobs.create_or_update(sweep)
    wait_for_end(ml, created.name)
    mlflow.set_tracking_uri(ml.workspaces.get("sweeps").mlflow_tracking_uri)
    run = mlflow.get_run(f"{created.name}_0")
    assert (run.data.metrics, run.data.tags["mlflow.parentRunId"]) == ({"score": 1.0}, created.name)
    assert mlflow.get_run(created.name).info.status == "FINISHED"


@pytest.mark.parametrize("rule", ["random", "sobol"])
def test_the_same_seed_gives_the_same_trials(ml, rule):
    from azure.ai.ml.sweep import Choice, RandomSamplingAlgorithm, Uniform

    def values():
        sweep = sweep_of("true", {"x": Uniform(0, 1), "y": Choice(["a", "b"])}, max_total_trials=2)
        sweep.sampling_algorithm = RandomSamplingAlgorithm(seed=7, rule=rule)
        created = ml.jobs.create_or_update(sweep)
        actual = wait_for_end(ml, created.name)
        assert actual.status == "Completed"  # without a metric there is no best trial
        assert "best_child_run_id" not in actual.properties
        return [actual.tags[f"{created.name}_{i}"] for i in range(2)]

    assert values() == values()


def test_trials_run_side_by_side_up_to_the_limit(ml, tmp_path):
    from azure.ai.ml.sweep import Choice

    # Trials 0 and 1 wait for each other; each notes how many are active.
    line = (
        f"cd {tmp_path}; touch active-${{{{inputs.x}}}}; ls active-* | wc -l >> counts; "
        "for i in $(seq 300); do "
        "test ${{inputs.x}} -gt 1 -o $(ls started-* 2>/dev/null | wc -l) -ge 2 && break; "
        "touch started-${{inputs.x}}; sleep 0.1; done; rm active-${{inputs.x}}"
    )
    sweep = sweep_of(line, {"x": Choice([0, 1, 2, 3])}, max_concurrent_trials=2)
    created = ml.jobs.create_or_update(sweep)
    assert wait_for_end(ml, created.name).status == "Completed"
    assert {path.name for path in tmp_path.glob("started-*")} == {"started-0", "started-1"}
    assert max(int(each) for each in (tmp_path / "counts").read_text().split()) <= 2


def test_a_policy_cancels_trials_that_are_worse_than_the_best(ml, code, tmp_path):
    from azure.ai.ml.sweep import BanditPolicy, Choice

    # The policy compares a trial with those that have as many values: the good trial logs first.
    line = (
        f"if [ ${{{{inputs.x}}}} = 9 ]; then "
        f"python log_metric.py $(seq -f 0.9%02g 25); touch {tmp_path}/logged; else "
        f"until [ -e {tmp_path}/logged ]; do sleep 0.1; done; "
        "for i in $(seq 300); do python log_metric.py 0.1; sleep 0.5; done; fi"
    )
    policy = BanditPolicy(slack_factor=0.2, evaluation_interval=1)
    sweep = sweep_of(line, {"x": Choice([1, 9])}, code, policy=policy)
    created = ml.jobs.create_or_update(sweep)
    actual = wait_for_end(ml, created.name)
    assert (actual.status, actual.properties["best_child_run_id"]) == (
        "Completed",
        f"{created.name}_1",
    )
    assert trials_of(ml, created.name) == {
        f"{created.name}_0": "Canceled",
        f"{created.name}_1": "Completed",
    }


def test_a_sweep_fails_after_three_failed_trials(ml):
    from azure.ai.ml.sweep import Choice

    sweep = sweep_of("echo broken; exit ${{inputs.x}}", {"x": Choice([1, 2, 3, 4, 0])})
    sweep.set_limits(max_concurrent_trials=1)
    created = ml.jobs.create_or_update(sweep)
    assert wait_for_end(ml, created.name).status == "Failed"
    assert trials_of(ml, created.name) == {f"{created.name}_{i}": "Failed" for i in range(3)}


def test_a_failed_trial_does_not_fail_the_sweep(ml, code):
    from azure.ai.ml.sweep import Choice

    line = "test ${{inputs.x}} = 2 && python log_metric.py 5"
    created = ml.jobs.create_or_update(sweep_of(line, {"x": Choice([1, 2])}, code, goal="minimize"))
    actual = wait_for_end(ml, created.name)
    assert (actual.status, actual.properties["best_child_run_id"]) == (
        "Completed",
        f"{created.name}_1",
    )


def test_cancel_and_timeouts(ml):
    from azure.ai.ml.sweep import Choice

    space = {"x": Choice([300, 301, 302])}
    slow = sweep_of("sleep ${{inputs.x}}", space, max_concurrent_trials=2)
    cancelled = ml.jobs.create_or_update(slow)
    slow = sweep_of("sleep ${{inputs.x}}", space, max_concurrent_trials=2)
    slow.limits._timeout = 1  # the SDK rounds up to a minute
    timed_out = ml.jobs.create_or_update(slow)
    short = sweep_of("sleep ${{inputs.x}}", space, max_total_trials=1)
    short.limits._trial_timeout = 1
    short_trial = ml.jobs.create_or_update(short)
    deadline = time.monotonic() + 180
    while len(trials_of(ml, cancelled.name)) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    ml.jobs.begin_cancel(cancelled.name).result()
    for created in (cancelled, timed_out):
        assert wait_for_end(ml, created.name).status == "Canceled"
        assert trials_of(ml, created.name) == dict.fromkeys(
            (f"{created.name}_0", f"{created.name}_1"), "Canceled"
        )
    assert wait_for_end(ml, short_trial.name).status == "Completed"
    assert trials_of(ml, short_trial.name) == {f"{short_trial.name}_0": "Canceled"}


def test_sweeps_that_are_refused(ml):
    from azure.ai.ml.sweep import Choice, Uniform
    from azure.core.exceptions import HttpResponseError

    def refused(sweep):
        with pytest.raises(HttpResponseError) as caught:
            ml.jobs.create_or_update(sweep)
        return caught.value.status_code, caught.value.error.code

    bayesian = sweep_of("true", {"x": Choice([1])})
    bayesian.sampling_algorithm = "bayesian"
    assert refused(bayesian) == (501, "NotSupportedLocally")
    assert refused(sweep_of("true", {"x": Uniform(0, 1)})) == (400, "UserError")
    assert refused(sweep_of("true", {"x": Choice([1])}, max_total_trials=2000))[0] == 400
    assert refused(sweep_of("echo ${{outputs.no}}", {"x": Choice([1])}))[0] == 400


def test_a_sweep_with_the_name_of_another_one_is_refused_unless_it_is_the_same(ml, code):
    from azure.ai.ml.sweep import Choice, MedianStoppingPolicy
    from azure.core.exceptions import HttpResponseError

    def submit(tags, *values):
        sweep = sweep_of("true", {"x": Choice(values)}, code, timeout=600)
        sweep.early_termination = MedianStoppingPolicy(evaluation_interval=2)
        sweep.name, sweep.tags = "submitted_again", tags
        return ml.jobs.create_or_update(sweep)

    submit({}, 1)
    assert wait_for_end(ml, "submitted_again").status == "Completed"
    assert submit({"changed": "yes"}, 1).tags["changed"] == "yes"
    with pytest.raises(HttpResponseError) as caught:
        submit({}, 1, 2)
    error = caught.value.error
    assert (caught.value.status_code, error.code, error.target) == (400, "UserError", "searchSpace")
    read = ml.jobs.get("submitted_again")
    read.description = "described"
    assert ml.jobs.create_or_update(read).description == "described"


def test_a_sweep_is_a_step_of_a_pipeline(ml, code, tmp_path):
    from azure.ai.ml import Input, Output, command, dsl
    from azure.ai.ml.sweep import Choice

    train = command(
        command="echo ${{inputs.x}} ${{inputs.fixed}} > ${{outputs.model}}/x.txt; "
        "python log_metric.py ${{inputs.x}}",
        inputs={"x": 0, "fixed": "f"},
        outputs={"model": Output(type="uri_folder")},
        environment=ENVIRONMENT,
        code=code,
    )
    use = command(
        command="cat ${{inputs.model}}/x.txt > ${{outputs.result}}/y.txt",
        inputs={"model": Input(type="uri_folder")},
        outputs={"result": Output(type="uri_folder")},
        environment=ENVIRONMENT,
    )

    @dsl.pipeline(default_compute="wide")
    def tune(trials: int, word: str):
        sweep = train(x=Choice([1, 4, 2, 3]), fixed=word).sweep(
            sampling_algorithm="grid", primary_metric="score", goal="maximize"
        )
        sweep.set_limits(max_total_trials=trials)
        used = use(model=sweep.outputs.model)
        return {"model": sweep.outputs.model, "result": used.outputs.result}

    job = tune(trials=3, word="w")
    job.outputs.model = Output(type="uri_folder", name="tuned", version="1")
    created = ml.jobs.create_or_update(job)
    assert wait_for_end(ml, created.name).status == "Completed"
    steps = {each.display_name: each for each in ml.jobs.list(parent_job_name=created.name)}
    assert {name: each.status for name, each in steps.items()} == {
        "sweep": "Completed",
        "used": "Completed",
    }
    sweep = steps["sweep"].name
    assert trials_of(ml, sweep) == {f"{sweep}_{i}": "Completed" for i in range(3)}
    assert steps["sweep"].properties["best_child_run_id"] == f"{sweep}_1"
    for output, file in (("model", "x.txt"), ("result", "y.txt")):
        ml.jobs.download(created.name, download_path=tmp_path / output, output_name=output)
        assert (tmp_path / output / "named-outputs" / output / file).read_text() == "4 w\n"
    assert ml.data.get("tuned", "1").path


def test_a_pipeline_with_a_sweep_from_yaml_files(ml, code, tmp_path):
    from azure.ai.ml import load_job

    (tmp_path / "train.yml").write_text(
        textwrap.dedent(f"""
        name: swept_train
        version: "1"
        type: command
        inputs:
          rate: {{type: number}}
          note: {{type: string, default: n}}
        outputs:
          model: {{type: uri_folder}}
        code: {code}
        environment: {ENVIRONMENT}
        command: >-
          python log_metric.py ${{{{inputs.rate}}}} &&
          echo ${{{{inputs.note}}}} > ${{{{outputs.model}}}}/${{{{inputs.rate}}}}
        """)
    )
    (tmp_path / "pipeline.yml").write_text(
        textwrap.dedent("""
        type: pipeline
        settings: {default_compute: azureml:wide}
        inputs: {low: 2}
        outputs: {best: {type: uri_folder}}
        jobs:
          tune:
            type: sweep
            trial: ./train.yml
            sampling_algorithm: grid
            search_space: {rate: {type: choice, values: [3, 2]}}
            objective: {goal: minimize, primary_metric: score}
            limits: {max_total_trials: 2, max_concurrent_trials: 2, timeout: 600}
            early_termination: {type: median_stopping, delay_evaluation: 5}
            outputs: {model: "${{parent.outputs.best}}"}
        """)
    )
    created = ml.jobs.create_or_update(load_job(tmp_path / "pipeline.yml"))
    assert wait_for_end(ml, created.name).status == "Completed"
    ml.jobs.download(created.name, download_path=tmp_path / "out", output_name="best")
    assert [path.name for path in (tmp_path / "out/named-outputs/best").iterdir()] == ["2"]
