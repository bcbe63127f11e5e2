"""Parallel steps through the SDK: division of data, results, failures, retries and arguments."""

from __future__ import annotations

import pytest
from tests.functional.azureml_local.sdk_jobs import wait_for_end

pytestmark = pytest.mark.functional

ENVIRONMENT = "azureml:parallel-env:1"
SCRIPT = """\
import argparse, os, pathlib, time
from azureml_user.parallel_run import EntryScript

def init():
    global args
    parser = argparse.ArgumentParser()
    parser.add_argument("--word")
    parser.add_argument("--notes")
    args, _ = parser.parse_known_args()
    EntryScript().logger.debug("a debug line")
    EntryScript().logger.info("an info line")

def run(mini_batch, mini_batch_context):
    if hasattr(mini_batch, "columns"):
        key = mini_batch_context.partition_key_value
        return [f"{key} {len(mini_batch)} {list(mini_batch.columns)}"] * len(mini_batch)
    lines = []
    for path in mini_batch:
        path = pathlib.Path(path)
        tried = pathlib.Path(args.notes).with_name(path.name)  # its input is read-only
        text = "x" if tried.exists() else path.read_text().strip()
        if text == "once":  # fails in the first try
            tried.touch()
            raise ValueError("not yet")
        if text == "never":
            raise ValueError("never")
        if text == "slow":
            tried.touch()
            time.sleep(600)
        if text == "exit":
            os._exit(3)
        if text != "skip":
            lines.append(f"{args.word} {path.name} of {len(mini_batch)}")
    return lines

def shutdown():
    pathlib.Path(args.notes, f"{os.getpid()}.txt").write_text(os.environ["NOTE"])
"""


@pytest.fixture(scope="module")
def ml(client):
    from azure.ai.ml.entities import AmlCompute, Environment

    ml_client = client("parallel")
    ml_client.compute.begin_create_or_update(AmlCompute(name="cpu", max_instances=2)).result()
    ml_client.environments.create_or_update(
        Environment(name="parallel-env", version="1", image="a:1")
    )
    return ml_client


@pytest.fixture
def submit(ml, tmp_path):
    """Run a pipeline with one parallel step; returns the job and its outputs by file name."""
    from azure.ai.ml import Input, Output, dsl
    from azure.ai.ml.parallel import RunFunction, parallel_run_function

    code = tmp_path / "code"
    code.mkdir()
    (code / "entry.py").write_text(SCRIPT)

    def run(folder, kind="uri_folder", arguments="", append=True, **settings):
        step = parallel_run_function(
            name="score",
            inputs={"data": Input(type=kind), "word": Input(type="string")},
            outputs={"lines": Output(type="uri_file"), "notes": Output(type="uri_folder")},
            input_data="${{inputs.data}}",
            instance_count=2,
            max_concurrency_per_instance=1,
            environment_variables={"NOTE": "done"},
            task=RunFunction(
                code=str(code),
                entry_script="entry.py",
                environment=ENVIRONMENT,
                program_arguments="--word ${{inputs.word}} --notes ${{outputs.notes}} " + arguments,
                append_row_to="${{outputs.lines}}" if append else None,
            ),
            **settings,
        )

        @dsl.pipeline(compute="cpu")
        def pipeline(data):
            node = step(data=data, word="hello")
            return {"lines": node.outputs.lines, "notes": node.outputs.notes}

        job = ml.jobs.create_or_update(pipeline(data=Input(type=kind, path=str(folder))))
        job = wait_for_end(ml, job.name)
        outputs = {}
        if job.status == "Completed":
            target = tmp_path / "outputs"
            for name in ("lines", "notes") if append else ("notes",):
                ml.jobs.download(job.name, output_name=name, download_path=target)
            files = [path for path in target.rglob("*") if path.is_file()]
            outputs = {path.name: path.read_text() for path in files}
        return job, outputs

    return run


def write_files(folder, *texts):
    folder.mkdir()
    for number, text in enumerate(texts):
        (folder / f"{number}.txt").write_text(text)
    return folder


def error_of(ml, job):
    (step,) = ml.jobs.list(parent_job_name=job.name)
    return ml.jobs._runs_operations.get_run(step.name).error.error.message


def test_files_by_number(submit, tmp_path):
    folder = write_files(tmp_path / "data", "a", "b", "once", "d", "e")
    job, outputs = submit(folder, mini_batch_size="2", mini_batch_error_threshold=0)
    assert job.status == "Completed"
    lines = outputs.pop("lines").splitlines()
    assert lines == [f"hello {n}.txt of {2 if n < 4 else 1}" for n in range(5)]
    assert set(outputs.values()) == {"done"}  # each process has called shutdown()


@pytest.mark.parametrize(
    ("texts", "settings", "place"),
    [
        (["a", "never"], {"mini_batch_error_threshold": 0}, "mini_batch_error_threshold is 0"),
        (["a", "skip"], {"error_threshold": 0}, "error_threshold is 0"),
        (["a", "exit"], {"mini_batch_error_threshold": 0}, "mini_batch_error_threshold is 0"),
        (["a", "skip"], {"arguments": "--error_threshold 0"}, "error_threshold is 0"),
        (["a", "never"], {"arguments": "--allowed_failed_percent 40"}, "percent is 40"),
    ],
)
def test_thresholds(submit, ml, tmp_path, texts, settings, place):
    folder = write_files(tmp_path / "data", *texts)
    retry = {"max_retries": 0, "timeout": 60}
    job, _ = submit(folder, mini_batch_size="1", retry_settings=retry, **settings)
    assert job.status == "Failed"
    assert place in error_of(ml, job)


def test_failures_below_the_thresholds(submit, tmp_path):
    folder = write_files(tmp_path / "data", "a", "never", "skip", "slow")
    job, outputs = submit(
        folder,
        mini_batch_size="1",
        mini_batch_error_threshold=1,
        retry_settings={"max_retries": 1, "timeout": 2},
    )
    assert job.status == "Completed"
    lines = outputs["lines"].splitlines()
    assert lines == ["hello 0.txt of 1", "hello 3.txt of 1"]  # the timeout was retried


def test_partitions_of_a_table(submit, tmp_path):
    folder = tmp_path / "table"
    for store, rows in (("1", 3), ("2", 4)):
        (folder / store).mkdir(parents=True)
        (folder / store / "part.csv").write_text("x\n" + "5\n" * rows)
    (folder / "MLTable").write_text(
        "paths:\n- pattern: ./**/*.csv\ntransformations:\n- read_delimited: {}\n"
        "- extract_columns_from_partition_format: {partition_format: '{Store}/{f}.{e}'}\n"
        "- drop_columns: [f, e]\n"
    )
    job, outputs = submit(folder, "mltable", partition_keys=["Store"])
    assert job.status == "Completed"
    lines = outputs["lines"].splitlines()
    assert sorted(set(lines)) == [
        "{'Store': '1'} 3 ['x', 'Store']",
        "{'Store': '2'} 4 ['x', 'Store']",
    ]


def test_partition_keys_of_data_without_partitions(submit, ml, tmp_path):
    folder = write_files(tmp_path / "data", "a")
    job, _ = submit(folder, partition_keys=["Store"])
    assert job.status == "Failed"
    assert "partition_format" in error_of(ml, job)
