"""The data of the studio pages: graphs of pipelines, names, samples of requests, settings."""

from __future__ import annotations

import ast
import json
import shlex
from types import SimpleNamespace

import pytest
from tests.unit.azureml_local.models import save_model

from azureml_local.online.nocode import load_model_server
from azureml_local.scoring.frames import ScoringRequest
from azureml_local.scoring.model import Description
from azureml_local.state import State
from azureml_local.studio import endpoint_views, names, request_samples
from azureml_local.studio.asset_views import Port, ports
from azureml_local.studio.job_views import inputs_of
from azureml_local.studio.pages import page
from azureml_local.studio.pipeline_graph import MAX_NODES, component_graph, pipeline_graph
from azureml_local.studio.views import lineage

MARK = "<script>alert(1)</script>"
DIGEST = "f" * 64


@pytest.fixture
def workspace(tmp_path):
    state = State(tmp_path, "https://localhost:1")
    yield state.create_workspace("s", "g", "w", {})
    state.store.close()


def _step(component="azureml:c:1", kind="command", **inputs):
    values = {
        name: {"job_input_type": "literal", "value": value} if isinstance(value, str) else value
        for name, value in inputs.items()
    }
    return {"type": kind, "componentId": component, "inputs": values}


def _job(workspace, name, properties, **fields):
    body = {"properties": properties, "status": "Completed", **fields}
    return workspace.documents.put("jobs", name, body)


def _pipeline(workspace, jobs, inputs=None, children=()):
    job = _job(
        workspace, "p", {"jobType": "Pipeline", "jobs": jobs, "inputs": inputs or {}}, tracked=True
    )
    steps = [
        _job(
            workspace,
            f"job-{step}",
            {"displayName": title, "properties": {"azureml.pipelineStep": step}},
            parent="p",
            **fields,
        )
        for step, title, fields in children
    ]
    return pipeline_graph(workspace, job, steps)


def _labels(graph):
    return [node.text for node, _ in graph.nodes]


def _edges(graph):
    return [line.text for line in graph.lines]


DATA_ID = (
    "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w"
    "/data/rows/versions/1"
)


def test_the_graph_of_a_pipeline_has_steps_and_data_inputs(workspace):
    jobs = {
        "prepare": _step(rows="${{parent.inputs.rows}}", share="${{parent.inputs.share}}"),
        "train": _step(kind="pipeline", data="${{parent.jobs.prepare.outputs.clean}}"),
        "tune": _step(
            kind="sweep", data={"job_input_type": "uri_file", "uri": "azureml://d/x.csv"}
        ),
    }
    inputs = {
        "rows": {"jobInputType": "uri_file", "uri": DATA_ID},
        "share": {"jobInputType": "literal", "value": "0.5"},
    }
    children = [
        ("prepare", MARK, {"status": "Failed"}),
        ("train", "a very long display name of a step", {}),
    ]
    graph = _pipeline(workspace, jobs, inputs, children)
    assert _labels(graph) == [
        "rows, data, rows:1",
        f"{MARK}, Failed, uses rows",
        f"a very long display name of a step, pipeline, Completed, uses {MARK}",
        "tune, sweep, uses x.csv",
        "x.csv, data, data",
    ]
    assert _edges(graph) == [
        "input rows as rows",
        "output clean of prepare as data",
        "x.csv as input data",
    ]
    paths = [node.path for node, _ in graph.nodes]
    assert paths[:3] == ["assets/data/rows/1", "jobs/job-prepare", "jobs/job-train#graph"]
    assert graph.nodes[2][0].short_title == "a very long display na\N{HORIZONTAL ELLIPSIS}"
    assert graph.text == "Graph of 3 steps, 2 data inputs"


def test_branches_are_labelled(workspace):
    jobs = {
        "decide": _step(),
        "if_1": {
            "type": "if_else",
            "condition": "${{parent.jobs.decide.outputs.flag}}",
            "true_block": "${{parent.jobs.yes}}",
            "false_block": ["${{parent.jobs.no}}", "${{parent.jobs.never}}"],
        },
        "yes": _step(),
        "no": _step(),
        "never": _step(),
    }
    graph = _pipeline(workspace, jobs)
    assert "if, if/else, decide.flag, uses decide" in _labels(graph)
    assert {line.text: line.branch for line in graph.lines} == {
        "output flag of decide as condition": "",
        "if decide.flag is true": "true",
        "if decide.flag is false": "false",
    }
    assert [line.branch for line in graph.lines].count("false") == 2


def test_loops_are_one_node_and_have_a_graph_of_iterations(workspace):
    jobs = {
        "listed": _step(),
        "body": _step(),
        "loop": {
            "type": "parallel_for",
            "body": "${{parent.jobs.body}}",
            "items": "${{parent.jobs.listed.outputs.items}}",
        },
        "again": _step(),
        "until": {"type": "do_while", "body": "${{parent.jobs.again}}", "mapping": {}},
        "after": _step(a="${{parent.jobs.loop.outputs.o}}", b="${{parent.jobs.again.outputs.o}}"),
    }
    children = [
        ("loop", "loop", {"loop": "parallel_for"}),
        ("until", "until", {"loop": "do_while"}),
    ]
    graph = _pipeline(workspace, jobs, children=children)
    assert _labels(graph) == [
        "listed",
        "loop, parallel_for, Completed, uses listed",
        "until, do_while, Completed",
        "after, uses loop, until",
    ]
    loop = _job(workspace, "l", {"jobType": "Pipeline"}, loop="do_while")
    iterations = [
        _job(workspace, f"i{number}", {"displayName": f"body_{number}"}, parent="l")
        for number in (1, 2, 3)
    ]
    assert _labels(pipeline_graph(workspace, loop, iterations)) == [
        "body_1, Completed",
        "body_2, Completed, uses body_1",
        "body_3, Completed, uses body_2",
    ]
    loop = _job(workspace, "m", {"jobType": "Pipeline"}, loop="parallel_for")
    assert _edges(pipeline_graph(workspace, loop, iterations)) == []


def test_what_has_no_graph(workspace):
    many = {f"s{number}": _step() for number in range(MAX_NODES + 1)}
    assert _pipeline(workspace, many) is None
    assert _pipeline(workspace, {}) is None
    assert _pipeline(workspace, {"a": _step(x="${{parent.jobs.a.outputs.o}}")}) is not None
    cycle = {
        "a": _step(x="${{parent.jobs.b.outputs.o}}"),
        "b": _step(x="${{parent.jobs.a.outputs.o}}"),
    }
    assert _pipeline(workspace, cycle) is None
    missing = _job(workspace, "q", {"jobType": "Pipeline", "componentId": "azureml:gone:1"})
    assert pipeline_graph(workspace, missing, []) is None
    assert pipeline_graph(workspace, _job(workspace, "r", {"jobType": "Command"}), []) is None
    assert (
        component_graph(workspace, {"type": "command", "inputs": {"a": {"type": "uri_file"}}})
        is None
    )


@pytest.mark.parametrize("count", [1, 7, 60])
def test_a_page_with_a_graph_is_escaped(workspace, count):
    jobs = {f"s{number}": _step() for number in range(count)}
    children = [(name, f'"{MARK}', {}) for name in jobs]
    graph = _pipeline(workspace, jobs, children=children)
    assert len(graph.nodes) == count
    asset = workspace.documents.put("components", "c", {"componentSpec": {"command": MARK}}, "1")
    text = page(
        "asset", asset=asset, graph=graph, base="/studio/k", workspace=workspace, versions=[],
        lineage=lineage(workspace, asset), spec={"command": MARK, "description": MARK},
        inputs=[Port(MARK, MARK, MARK, True, MARK)], outputs=[], preview=None,
        asset_name=names.AssetNames(workspace), section="",
    ).body.decode()  # fmt: skip
    assert "<script>alert" not in text
    assert text.count('<a href="/studio/k/jobs/job-s') == count


def test_anonymous_assets_have_the_names_of_their_authors(workspace):
    put = workspace.documents.put
    put("components", "azureml_anonymous", {"componentSpec": {"display_name": "Train it"}}, "u-1")
    put("components", "azureml_anonymous", {"componentSpec": {"name": "train"}}, "u-2")
    conda = "# a\nname: 'sk-learn'\ndependencies: []\n"
    put("environments", "CliV2AnonymousEnvironment", {"condaFile": conda}, DIGEST)
    put("environments", "CliV2AnonymousEnvironment", {"image": "mcr.example/a/python:3"}, "b" * 64)
    name = names.AssetNames(workspace)
    base = f"{workspace.path}/"
    environment = "environments/CliV2AnonymousEnvironment/versions/"
    component = "components/azureml_anonymous/versions/"
    assert name(f"{base}{environment}{DIGEST}").title == "sk-learn (anonymous)"
    assert name(f"azureml:CliV2AnonymousEnvironment:{DIGEST}").title == "sk-learn (anonymous)"
    assert name(f"{base}{environment}{'b' * 64}").title == "python:3 (anonymous)"
    assert name(f"{base}{component}u-1").title == "Train it"
    assert name("azureml:azureml_anonymous:u-2").title == "train"
    assert name(f"{base}{component}u-1").path == "assets/components/azureml_anonymous/u-1"
    assert name(f"{base}{environment}{'c' * 64}") == names.AssetName(f"anonymous ({'c' * 16})")
    assert name(DATA_ID) == names.AssetName("rows:1", "assets/data/rows/1")
    assert name("https://example.org/x").path == ""
    assert name(None) == names.AssetName("")


def test_the_inputs_of_a_pipeline_include_the_data_of_its_steps(workspace):
    jobs = {"a": _step(d={"job_input_type": "uri_file", "uri": DATA_ID}, e="5"), "b": None}
    inputs = {"x": {"jobInputType": "literal", "value": "1"}, "y": None}
    job = _job(workspace, "p", {"jobType": "Pipeline", "jobs": jobs, "inputs": inputs})
    assert [(each.name, each.value, each.uri) for each in inputs_of(workspace, job)] == [
        ("x", "1", ""),
        ("a.d", "", DATA_ID),
    ]


def test_ports_of_components():
    declared = {
        "a": {"type": "integer", "default": 0, "min": 0, "max": 9, "optional": "True"},
        "b": {"type": "string", "enum": ["x", "y"], "description": MARK},
        "c": "odd",
    }
    assert ports(declared) == [
        Port("a", "integer (min 0, max 9)", "0", True),
        Port("b", "string (one of x, y)", description=MARK),
        Port("c", "odd"),
    ]
    assert ports(None) == []


def _endpoint(mode="Key"):
    return SimpleNamespace(name="e-1", properties={"authMode": mode})


@pytest.mark.parametrize(
    ("mode", "placeholder", "command"),
    [
        ("Key", "<key>", "--query primaryKey"),
        ("AMLToken", "<token>", "--query accessToken"),
        ("AADToken", "<token>", "get-access-token --resource https://ml.azure.com"),
    ],
)
@pytest.mark.parametrize("body", ['{\n "a": "it\'s <b>"\n}', "[1]", "'''\n", "a\\n\n", "\"\n'"])
def test_sample_code(mode, placeholder, command, body):
    code = request_samples.sample_code(_endpoint(mode), "https://h/score", "blue", body)
    words = shlex.split(code.curl.replace("\\\n", ""))
    assert words[:4] == ["curl", "--request", "POST", "https://h/score"]
    assert f"Authorization: Bearer {placeholder}" in words
    assert "azureml-model-deployment: blue" in words
    assert words[-1] == body
    values = {
        statement.targets[0].id: statement.value
        for statement in ast.parse(code.python).body
        if isinstance(statement, ast.Assign)
    }
    assert ast.literal_eval(values["body"]) == body
    assert ast.literal_eval(values["headers"])["Authorization"] == f"Bearer {placeholder}"
    assert command in code.credential
    without = request_samples.sample_code(_endpoint(mode), "https://h/score", "", body)
    assert "azureml-model-deployment" not in without.curl + without.python


def test_a_model_sample_is_its_example_or_a_row_of_its_signature(tmp_path):
    example = {"columns": ["x"], "data": [[1.5]]}
    folder = save_model(tmp_path / "a", None, ("x", "double"), example=example)
    sample = request_samples.model_sample(folder)
    assert json.loads(sample.body) == {"input_data": example}
    assert sample.source == "The input example of the model."
    columns = [("x", "double"), ("n", "long"), ("s", "string"), ("t", "datetime"), ("b", "boolean")]
    sample = request_samples.model_sample(save_model(tmp_path / "b", None, *columns))
    assert json.loads(sample.body)["input_data"]["columns"] == [name for name, _ in columns]
    assert sample.source == "A row with the types of the signature."
    assert request_samples.model_sample(save_model(tmp_path / "c", None)) is None
    large = {"columns": ["x"], "data": [[1.5]] * 20_000}
    sample = request_samples.model_sample(
        save_model(tmp_path / "d", None, ("x", "double"), example=large)
    )
    assert sample.source == "A row with the types of the signature."
    (tmp_path / "a" / "MLmodel").write_text("{")
    with pytest.raises(ValueError):
        request_samples.model_sample(tmp_path / "a")


class Count:
    """A model that returns the number of rows."""

    def predict(self, data):
        return [len(data)]


@pytest.mark.parametrize("example", [None, {"columns": ["x", "n"], "data": [[1.5, 1]]}])
def test_a_deployment_without_code_accepts_its_sample(tmp_path, example):
    columns = [("x", "double"), ("n", "long")] + (
        [] if example else [("s", "string"), ("b", "boolean")]
    )
    folder = save_model(tmp_path / "a", Count(), *columns, example=example)
    body = request_samples.model_sample(folder).body.encode()
    headers = [["content-type", "application/json"]]
    server = load_model_server(folder, "e-1")
    answer = server.answer(ScoringRequest(body, "POST", "/score", "", headers))
    assert (answer.status, answer.body) == (200, b"[1]")


def test_an_example_outside_of_the_model_is_not_read(tmp_path):
    folder = save_model(tmp_path / "a", None, example={"columns": ["x"], "data": [[1]]})
    (tmp_path / "secret.json").write_text('{"columns": ["secret"], "data": []}')
    text = (folder / "MLmodel").read_text().replace("input_example.json", "../secret.json")
    (folder / "MLmodel").write_text(text)
    assert Description.read(folder).example["artifact_path"] == "../secret.json"
    assert request_samples.model_sample(folder) is None


def test_a_sample_of_tensors():
    fields = [{"type": "tensor", "tensor-spec": {"dtype": "float32", "shape": [-1, 2]}}]
    assert request_samples._signature_input(fields) == [[0, 0]]
    named = [
        {"name": "a", **fields[0]},
        {"name": "b", "type": "tensor", "tensor-spec": {"shape": []}},
    ]
    assert request_samples._signature_input(named) == {"a": [[0, 0]], "b": 0}


@pytest.mark.parametrize(
    ("document", "example"),
    [
        ({"definitions": {"ServiceInput": {"example": {"rows": [1]}}}}, {"rows": [1]}),
        ({"components": {"schemas": {"ServiceInput": {"example": {"x": 0}}}}}, {"x": 0}),
        ({"definitions": {"ServiceInput": {"example": {"data": ""}}}}, None),
        ({"definitions": {"ServiceInput": {"type": "object"}}}, None),
        ({}, None),
    ],
)
def test_the_example_of_a_swagger_document(document, example):
    assert request_samples.swagger_example(document) == example


def test_batch_settings():
    settings = endpoint_views._batch_settings(
        {"miniBatchSize": 7, "resources": {"instanceCount": 3}, "outputAction": "SummaryOnly"}
    )
    assert settings["Mini-batch size"] == "7"
    assert settings["Instance count"] == "3"
    assert settings["Output action"] == "summary_only"
    assert "Output file" not in settings
    component = {"componentId": {"assetId": "azureml:c:1"}, "settings": {"default_compute": "c-1"}}
    assert endpoint_views._batch_settings({"deploymentConfiguration": component}) == {
        "Default compute": "c-1"
    }
