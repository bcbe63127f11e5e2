"""Pipeline jobs through the SDK: data flow, concurrency, failures and cancellation.

No annotations from the future here: ``dsl.pipeline`` reads those of its function.
"""

import sys
import textwrap
import time

import pytest
from tests.functional.azureml_local.sdk_jobs import children_of, wait_for_end
from tests.functional.azureml_local.streams import SignalOnText

pytestmark = pytest.mark.functional

ENVIRONMENT = "azureml:pipe-env:1"


@pytest.fixture(scope="module")
def ml(client):
    from azure.ai.ml.entities import AmlCompute, Environment

    ml_client = client("pipelines")
    ml_client.environments.create_or_update(Environment(name="pipe-env", version="1", image="a:1"))
    ml_client.compute.begin_create_or_update(
        AmlCompute(name="wide", size="s", max_instances=4)
    ).result()
    return ml_client


def step(line, inputs=(), **about):
    """A component with folders in and a folder ``out``."""
    from azure.ai.ml import Input, Output, command

    return command(
        command=line,
        inputs={name: Input(type="uri_folder") for name in inputs} | about.pop("literals", {}),
        outputs={"out": Output(type="uri_folder")},
        environment=ENVIRONMENT,
        compute="wide",
        **about,
    )


def download(ml, name, output, folder):
    ml.jobs.download(name, download_path=folder, output_name=output)
    return {path.name: path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_step_outputs_are_inputs_and_pipeline_outputs(ml, tmp_path, monkeypatch):
    from azure.ai.ml import Input, Output, dsl

    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.txt").write_text("given\n")
    # The SDK streams the log of a job only while it runs: the first step ends when its line was read.
    output = SignalOnText("step first submitted", tmp_path / "streamed")
    wait = f"timeout 120 sh -c 'until [ -e {output.signal} ]; do sleep 0.1; done'"
    copy = step(f"{wait} && cat ${{{{inputs.d}}}}/*.txt > ${{{{outputs.out}}}}/b.txt", ["d"])
    add = step(
        "(cat ${{inputs.d}}/b.txt; echo ${{inputs.word}} $LETTER) > ${{outputs.out}}/c.txt",
        ["d"],
        literals={"word": "default"},
        environment_variables={"LETTER": "x"},
    )

    @dsl.pipeline(default_compute="wide", experiment_name="chains", tags={"kind": "chain"})
    def chain(source: Input(type="uri_folder"), word: str = "unset"):
        first = copy(d=source)
        second = add(d=first.outputs.out, word=word)
        third = add(d=first.outputs.out)
        return {"final": second.outputs.out, "other": third.outputs.out}

    job = chain(source=Input(type="uri_folder", path=str(tmp_path / "in")), word="said")
    job.outputs.final = Output(type="uri_folder", name="chained", version="3", mode="upload")
    created = ml.jobs.create_or_update(job)
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", output)
        ml.jobs.stream(created.name)
    assert output.signal.exists()
    assert "step second Completed" in output.getvalue()
    actual = ml.jobs.get(created.name)
    assert (actual.status, actual.type, actual.tags) == ("Completed", "pipeline", {"kind": "chain"})
    assert set(actual.jobs) == {"first", "second", "third"}
    steps = children_of(ml, created.name)
    assert {name: each.status for name, each in steps.items()} == dict.fromkeys(
        ("first", "second", "third"), "Completed"
    )
    assert download(ml, created.name, "final", tmp_path / "o") == {"c.txt": "given\nsaid x\n"}
    assert download(ml, created.name, "other", tmp_path / "p") == {"c.txt": "given\ndefault x\n"}
    assert ml.data.get("chained", "3").path.endswith(f"{steps['second'].name}/out/")
    assert created.name in [each.name for each in ml.jobs.list()]
    assert not {each.name for each in ml.jobs.list()} & {each.name for each in steps.values()}


def test_runs_of_steps_are_nested_in_the_run_of_the_pipeline(ml, tmp_path):
    import mlflow
    from azure.ai.ml import dsl

    # With both imports it starts with its imports done.
    (tmp_path / "log.py").write_text("import mlflow, sklearn\nmlflow.log_metric('m', 2.5)\n")
    log = step("python log.py && touch ${{outputs.out}}/x", code=tmp_path)

    @dsl.pipeline(experiment_name="nested-runs")
    def one():
        log()

    created = ml.jobs.create_or_update(one())
    assert wait_for_end(ml, created.name).status == "Completed"
    mlflow.set_tracking_uri(ml.workspaces.get("pipelines").mlflow_tracking_uri)
    (child,) = children_of(ml, created.name).values()
    run = mlflow.get_run(child.name)
    assert run.data.metrics == {"m": 2.5}
    assert run.data.tags["mlflow.parentRunId"] == created.name
    assert mlflow.get_run(created.name).info.status == "FINISHED"


def test_the_output_artifacts_is_the_folder_of_the_run(ml):
    """As in hello-pipeline-default-artifacts.yml of Azure/azureml-examples."""
    from azure.ai.ml import Input, Output, command, dsl

    write = command(
        command="echo world > outputs/world.txt",
        outputs={"artifacts": Output(type="uri_folder")},
        environment=ENVIRONMENT,
        compute="wide",
    )
    read = command(
        command="grep world ${{inputs.run}}/outputs/world.txt",
        inputs={"run": Input(type="uri_folder")},
        environment=ENVIRONMENT,
        compute="wide",
    )

    @dsl.pipeline
    def through_artifacts():
        read(run=write().outputs.artifacts)

    created = ml.jobs.create_or_update(through_artifacts())
    assert wait_for_end(ml, created.name).status == "Completed"


def test_the_path_of_an_output_names_the_default_datastore_and_the_job(ml):
    from azure.ai.ml import Output, dsl

    writes = step("echo 1 > ${{outputs.out}}/n.txt")
    path = "azureml://datastores/${{default_datastore}}/paths/own/${{name}}/${{output_name}}/"

    @dsl.pipeline
    def own_path():
        node = writes()
        node.outputs.out = Output(type="uri_folder", path=path, name="own-path", version="1")

    created = ml.jobs.create_or_update(own_path())
    assert wait_for_end(ml, created.name).status == "Completed"
    (child,) = children_of(ml, created.name).values()
    uri = ml.data.get("own-path", "1").path
    assert uri.endswith(f"datastores/workspaceblobstore/paths/own/{child.name}/out/")


BINDS = f"""
type: pipeline
settings: {{default_compute: "azureml:wide"}}
outputs:
  best: {{type: uri_folder, name: bound-pipeline, version: "1"}}
jobs:
  writes:
    type: command
    command: echo 1 > ${{{{outputs.out}}}}/n.txt
    environment: {ENVIRONMENT}
    outputs:
      out: {{path: "${{{{parent.outputs.best}}}}", name: bound-step, version: "1"}}
"""


def test_a_bound_output_is_registered_as_the_output_of_the_pipeline(ml, tmp_path):
    """As Microsoft's test_register_output_yaml_succeed expects."""
    from azure.ai.ml import load_job

    (tmp_path / "job.yml").write_text(BINDS)
    created = ml.jobs.create_or_update(load_job(tmp_path / "job.yml"))
    assert created.jobs["writes"].outputs.out.name == "bound-step"
    assert wait_for_end(ml, created.name).status == "Completed"
    assert ml.data.get("bound-pipeline", "1").version == "1"
    assert "bound-step" not in [each.name for each in ml.data.list()]


PATHS = f"""
type: command
name: paths
inputs:
  data: {{type: path}}
outputs:
  out: {{type: path}}
command: cp ${{{{inputs.data}}}}/MLTable ${{{{outputs.out}}}}/
environment: {ENVIRONMENT}
"""


def test_data_of_any_type_is_an_input_of_the_legacy_type_path(ml, tmp_path):
    from azure.ai.ml import Input, dsl, load_component

    (tmp_path / "table").mkdir()
    (tmp_path / "table" / "MLTable").write_text("paths: [{file: ./a.csv}]\n")
    (tmp_path / "table" / "a.csv").write_text("a\n1\n")
    (tmp_path / "paths.yml").write_text(PATHS)
    component = load_component(tmp_path / "paths.yml")

    @dsl.pipeline(default_compute="wide")
    def copies(data):
        component(data=data)

    data = Input(type="mltable", path=str(tmp_path / "table"), mode="ro_mount")
    made = ml.jobs.create_or_update(copies(data))
    assert wait_for_end(ml, made.name).status == "Completed"
    (child,) = children_of(ml, made.name).values()
    assert list(download(ml, child.name, "out", tmp_path / "out")) == ["MLTable"]


def test_a_pipeline_from_yaml_files(ml, tmp_path):
    from azure.ai.ml import load_job

    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "say.py").write_text(
        "import sys, pathlib\n"
        "pathlib.Path(sys.argv[-1], 'said.txt').write_text(' '.join(sys.argv[1:-1]))\n"
    )
    (tmp_path / "say.yml").write_text(
        textwrap.dedent("""
        name: say
        version: "1"
        type: command
        inputs:
          rate: {type: number, default: 0.5}
          note: {type: string, optional: true}
        outputs:
          out: {type: uri_folder}
        code: ./src
        environment: azureml:pipe-env:1
        command: python say.py ${{inputs.rate}} $[[--note ${{inputs.note}}]] ${{outputs.out}}
        """)
    )
    (tmp_path / "pipeline.yml").write_text(
        textwrap.dedent("""
        type: pipeline
        settings: {default_compute: azureml:wide}
        inputs: {k: 3}
        outputs: {result: {type: uri_folder}}
        jobs:
          one: {type: command, component: ./say.yml, inputs: {rate: "${{parent.inputs.k}}"}}
          two:
            type: command
            command: cat ${{inputs.x}}/said.txt > ${{outputs.o}}/t; echo ${{inputs.t}} >> ${{outputs.o}}/t
            environment: azureml:pipe-env:1
            inputs: {x: "${{parent.jobs.one.outputs.out}}", t: "pre-${{parent.inputs.k}}"}
            outputs: {o: "${{parent.outputs.result}}"}
        """)
    )
    created = ml.jobs.create_or_update(load_job(tmp_path / "pipeline.yml"))
    assert wait_for_end(ml, created.name).status == "Completed"
    assert download(ml, created.name, "result", tmp_path / "out") == {"t": "3pre-3\n"}


def test_compute_and_timeout_of_a_step_are_inputs_of_the_pipeline(ml):
    from azure.ai.ml import dsl

    waits = step("sleep 300")

    @dsl.pipeline
    def pipe(cluster: str, seconds: int):
        slow = waits()
        slow.compute = cluster
        slow.set_limits(timeout=seconds)

    created = ml.jobs.create_or_update(pipe(cluster="wide", seconds=1))
    assert wait_for_end(ml, created.name).status == "Failed"
    assert children_of(ml, created.name)["slow"].status == "Canceled"
    assert not [each.name for each in ml.compute.list() if "parent.inputs" in each.name]


def test_independent_steps_run_at_the_same_time(ml, tmp_path):
    from azure.ai.ml import dsl

    # Each step waits for a file of the other, so they can only end if they run at the same time.
    meet = (
        "touch {here}; for i in $(seq 300); do test -e {there} && exit 0; sleep 0.1; done; exit 1"
    )
    one = step(meet.format(here=tmp_path / "1", there=tmp_path / "2"))
    two = step(meet.format(here=tmp_path / "2", there=tmp_path / "1"))

    @dsl.pipeline
    def both():
        one()
        two()

    created = ml.jobs.create_or_update(both())
    assert wait_for_end(ml, created.name).status == "Completed"


@pytest.mark.parametrize(
    ("keep_going", "statuses"),
    [
        (False, {"bad": "Failed", "after": "Canceled", "slow": "Canceled"}),
        (True, {"bad": "Failed", "after": "Canceled", "quick": "Completed"}),
    ],
)
def test_a_failed_step(ml, keep_going, statuses):
    from azure.ai.ml import dsl
    from azure.ai.ml.exceptions import JobException

    fails = step("echo no rows left >&2; exit 3")
    takes = step("true", ["d"])
    waits = step("sleep 0.2" if keep_going else "sleep 300")

    @dsl.pipeline(continue_on_step_failure=keep_going)
    def pipe():
        bad = fails()
        after = takes(d=bad.outputs.out)  # noqa: F841 - names the step
        if keep_going:
            quick = waits()  # noqa: F841 - names the step
        else:
            slow = waits()  # noqa: F841 - names the step

    created = ml.jobs.create_or_update(pipe())
    with pytest.raises(JobException, match=r"bad.*no rows left"):
        ml.jobs.stream(created.name)
    assert ml.jobs.get(created.name).status == "Failed"
    assert {name: each.status for name, each in children_of(ml, created.name).items()} == statuses


def test_a_pipeline_is_cancelled_with_its_steps(ml):
    from azure.ai.ml import dsl

    waits, takes = step("sleep 300"), step("true", ["d"])

    @dsl.pipeline
    def pipe():
        first = waits()
        takes(d=first.outputs.out)

    created = ml.jobs.create_or_update(pipe())
    deadline = time.monotonic() + 180
    while "Running" not in {each.status for each in children_of(ml, created.name).values()}:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    ml.jobs.begin_cancel(created.name).result()
    assert wait_for_end(ml, created.name).status == "Canceled"
    assert {each.status for each in children_of(ml, created.name).values()} == {"Canceled"}


def test_a_pipeline_in_a_pipeline(ml, tmp_path):
    from azure.ai.ml import dsl

    writes = step("echo ${{inputs.n}} > ${{outputs.out}}/n.txt", literals={"n": 1})
    reads = step("cat ${{inputs.d}}/n.txt > ${{outputs.out}}/m.txt", ["d"])

    @dsl.pipeline
    def inner(n: int):
        created = writes(n=n)
        return {"numbers": created.outputs.out}

    @dsl.pipeline
    def outer():
        first = inner(n=7)
        last = reads(d=first.outputs.numbers)
        return {"result": last.outputs.out, "direct": first.outputs.numbers}

    created = ml.jobs.create_or_update(outer())
    assert wait_for_end(ml, created.name).status == "Completed"
    assert download(ml, created.name, "result", tmp_path / "r") == {"m.txt": "7\n"}
    assert download(ml, created.name, "direct", tmp_path / "d") == {"n.txt": "7\n"}
    steps = children_of(ml, created.name)
    assert set(steps) == {"first", "last"}
    assert set(children_of(ml, steps["first"].name)) == {"created"}


def test_child_jobs_through_the_sdk(ml):
    """As on Azure, the status of a child job can be read, but its log only on its page."""
    from azure.ai.ml import dsl
    from azure.ai.ml.exceptions import PipelineChildJobError

    one = step("echo said in a step")

    @dsl.pipeline
    def pipe():
        one()

    created = ml.jobs.create_or_update(pipe())
    wait_for_end(ml, created.name)
    (child,) = children_of(ml, created.name).values()
    assert ml.jobs.get(child.name).status == "Completed"
    with pytest.raises(PipelineChildJobError):
        ml.jobs.stream(child.name)
