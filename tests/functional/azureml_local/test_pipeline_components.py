"""Jobs of components through the SDK: completed fields, references, values and reuse of steps."""

from __future__ import annotations

import pytest
from tests.functional.azureml_local.sdk_jobs import children_of, wait_for_end

pytestmark = pytest.mark.functional


@pytest.fixture(scope="module")
def ml(client):
    from azure.ai.ml.entities import Environment

    client = client("pipeline-components")
    client.environments.create_or_update(Environment(name="e", version="1", image="i"))
    return client


def step(command_line, **fields):
    from azure.ai.ml import command

    return command(command=command_line, environment="azureml:e:1", **fields)


def write_component(tmp_path, name, command, inputs="", outputs="out: {type: uri_folder}"):
    from azure.ai.ml import load_component

    path = tmp_path / f"{name}.yml"
    path.write_text(
        f"name: {name}\nversion: '1'\ntype: command\nenvironment: azureml:e:1\n"
        f"inputs: {{{inputs}}}\noutputs: {{{outputs}}}\ncommand: {command}\n"
    )
    return load_component(path)


def test_inputs_and_outputs_have_default_modes(ml):
    from azure.ai.ml import Input, Output

    job = step(
        "echo ${{inputs.rows}} ${{outputs.out}}",
        inputs={"rows": Input(type="uri_file", path="https://example.org/a.csv")},
        outputs={"out": Output(type="uri_folder")},
    )
    created = ml.jobs.create_or_update(job)
    assert (created.inputs["rows"].mode, created.outputs["out"].mode) == ("ro_mount", "rw_mount")
    ml.jobs.begin_cancel(created.name).result()


def test_interactive_services_are_refused(ml):
    from azure.ai.ml.entities import JupyterLabJobService
    from azure.core.exceptions import HttpResponseError

    with pytest.raises(HttpResponseError) as caught:
        ml.jobs.create_or_update(step("true", services={"lab": JupyterLabJobService()}))
    assert (caught.value.status_code, caught.value.error.code) == (501, "NotSupportedLocally")


def test_equal_steps_are_reused_unless_a_rerun_is_forced(ml, tmp_path):
    from azure.ai.ml import Input, dsl

    rows = tmp_path / "rows"
    rows.mkdir()
    (rows / "a.csv").write_text("1\n")
    count = tmp_path / "count"
    first = write_component(
        tmp_path,
        "first",
        f"echo x >> {count}; cp -r ${{{{inputs.rows}}}}/. ${{{{outputs.out}}}}",
        "rows: {type: uri_folder}",
    )
    second = write_component(
        tmp_path,
        "second",
        "cat ${{inputs.rows}}/a.csv > ${{outputs.out}}/b.csv",
        "rows: {type: uri_folder}",
    )

    @dsl.pipeline(default_compute="cpu")
    def chain(rows):
        before = first(rows=rows)
        before.name = "first"
        second(rows=before.outputs.out)

    def run(force_rerun=False):
        pipeline = chain(Input(type="uri_folder", path=data.id))
        pipeline.settings.force_rerun = force_rerun
        created = ml.jobs.create_or_update(pipeline)
        assert wait_for_end(ml, created.name).status == "Completed"
        return children_of(ml, created.name)

    from azure.ai.ml.entities import Data

    data = ml.data.create_or_update(Data(name="rows", path=rows, type="uri_folder"))
    one, two, three = run(), run(), run(force_rerun=True)
    reused = [
        {name: job.properties.get("azureml.reusedrunid", "") for name, job in jobs.items()}
        for jobs in (one, two, three)
    ]
    assert reused == [
        {"first": "", "second": ""},
        {name: one[name].name for name in one},
        {"first": "", "second": ""},
    ]
    assert {job.properties.get("azureml.isreused") for job in two.values()} == {"true"}
    assert count.read_text() == "x\nx\n"
    ml.jobs.download(two["second"].name, download_path=tmp_path / "d", output_name="out")
    assert next((tmp_path / "d").rglob("b.csv")).read_text() == "1\n"


def test_a_pipeline_component_is_a_job_and_a_label_names_its_component(ml, tmp_path):
    from azure.ai.ml import load_component, load_job

    write_component(
        tmp_path, "inner", "echo ${{inputs.word}} > ${{outputs.out}}/a", "word: {type: string}"
    )
    (tmp_path / "outer.yml").write_text(
        "name: outer\nversion: '1'\ntype: pipeline\ninputs: {word: {type: string, default: hello}}\n"
        "outputs: {out: {type: uri_folder}}\njobs:\n  say:\n    type: command\n    component: ./inner.yml\n"
        "    inputs: {word: '${{parent.inputs.word}}'}\n    outputs: {out: '${{parent.outputs.out}}'}\n"
    )
    ml.components.create_or_update(load_component(tmp_path / "outer.yml"))
    (tmp_path / "job.yml").write_text(
        "type: pipeline\ncomponent: azureml:outer:1\nsettings: {default_compute: azureml:cpu}\noutputs: {out: {type: uri_folder}}\n"
    )
    created = ml.jobs.create_or_update(load_job(tmp_path / "job.yml"))
    assert wait_for_end(ml, created.name).status == "Completed"
    ml.jobs.download(created.name, download_path=tmp_path / "d", output_name="out")
    assert next((tmp_path / "d").rglob("a")).read_text() == "hello\n"

    (tmp_path / "label.yml").write_text(
        "type: pipeline\nsettings: {default_compute: azureml:cpu}\njobs:\n  say:\n    type: pipeline\n    component: azureml:outer@default\n"
    )
    created = ml.jobs.create_or_update(load_job(tmp_path / "label.yml"))
    assert ml.jobs.get(created.name).jobs["say"].component == "outer@default"
    assert wait_for_end(ml, created.name).status == "Completed"


def test_values_of_steps_and_relative_paths_of_outputs(ml, tmp_path):
    from azure.ai.ml import Output, dsl

    size = write_component(
        tmp_path, "size", "echo 3 > ${{outputs.rows}}", outputs="rows: {type: integer}"
    )
    use = write_component(
        tmp_path, "use", "echo rows=${{inputs.rows}} > ${{outputs.out}}/a", "rows: {type: integer}"
    )

    @dsl.pipeline(default_compute="cpu")
    def values():
        used = use(rows=size().outputs.rows)
        used.outputs.out = Output(type="uri_folder", path="/relative/folder")
        return {"result": used.outputs.out}

    created = ml.jobs.create_or_update(values())
    assert wait_for_end(ml, created.name).status == "Completed"
    ml.jobs.download(created.name, download_path=tmp_path / "d", output_name="result")
    assert next((tmp_path / "d").rglob("a")).read_text() == "rows=3\n"


def test_a_file_may_be_given_for_a_folder(ml, tmp_path):
    """Microsoft's example 1c_pipeline_with_hyperparameter_sweep does."""
    from azure.ai.ml import Input, dsl

    command = "cat ${{inputs.rows}} > ${{outputs.out}}/b.csv"
    read = write_component(tmp_path, "read", command, "rows: {type: uri_folder}")
    (tmp_path / "a.csv").write_text("1\n")

    @dsl.pipeline(default_compute="cpu")
    def pipeline(rows):
        return {"out": read(rows=rows).outputs.out}

    created = ml.jobs.create_or_update(pipeline(Input(type="uri_file", path=tmp_path / "a.csv")))
    assert wait_for_end(ml, created.name).status == "Completed"
    ml.jobs.download(created.name, download_path=tmp_path / "d", output_name="out")
    assert next((tmp_path / "d").rglob("b.csv")).read_text() == "1\n"
