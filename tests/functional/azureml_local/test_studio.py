"""The studio pages over HTTP: content, filters, previews, sample code and access.

No annotations from the future here: ``dsl.pipeline`` reads those of its function.
"""

import html
import json
import os
import re
import shlex
import subprocess
import sys
import textwrap
from xml.etree import ElementTree

import pytest
import requests
from tests.functional.azureml_local.sdk_jobs import wait_for_end

pytestmark = pytest.mark.functional

MARK = "<script>alert(1)</script>"
SCORE = """
from inference_schema.parameter_types.standard_py_parameter_type import StandardPythonParameterType
from inference_schema.schema_decorators import input_schema, output_schema

def init():
    print("hello from <init>")

@input_schema("amount", StandardPythonParameterType(12.5))
@output_schema(StandardPythonParameterType(25.0))
def run(amount):
    return amount * 2
"""


class Pages:
    """The pages of a workspace, opened with the link of a job."""

    def __init__(self, link: str) -> None:
        self.session = requests.Session()
        self.session.get(link, timeout=60).raise_for_status()
        self.base = link.partition("/jobs/")[0]

    def get(self, path: str, status: int = 200) -> str:
        response = self.session.get(f"{self.base}/{path}", timeout=60)
        assert response.status_code == status, response.text[-2000:]
        return response.text

    def text(self, path: str) -> str:
        """A page without its tags; white space is one blank."""
        page = re.sub(r"(?s)<style.*?</style>", "", self.get(path))
        return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", page)).split())


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("studio")
    (folder / "rows.csv").write_text(f"name,amount\n{MARK},1\nb,2\n")
    (folder / "files" / "sub").mkdir(parents=True)
    (folder / "files" / "sub" / "page.html").write_text(f"<b>{MARK}</b>")
    (folder / "broken.parquet").write_text("no table")
    (folder / "table").mkdir()
    (folder / "table" / "MLTable").write_text("type: mltable\npaths:\n  - file: ./rows.csv\n")
    (folder / "table" / "rows.csv").write_text("a\n1\n")
    (folder / "code").mkdir()
    (folder / "code" / "score.py").write_text(SCORE)
    (folder / "dot.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    return folder


@pytest.fixture(scope="module")
def ml(client, folder):
    from azure.ai.ml.entities import Data, Environment

    ml_client = client("studio")
    ml_client.environments.create_or_update(
        Environment(name="env", version="1", image="a:1", tags={"team": "x"})
    )
    for name, path, kind in (
        ("rows", "rows.csv", "uri_file"),
        ("files", "files", "uri_folder"),
        ("broken", "broken.parquet", "uri_file"),
        ("table", "table", "mltable"),
        ("dot", "dot.png", "uri_file"),
    ):
        ml_client.data.create_or_update(
            Data(name=name, version="1", path=str(folder / path), type=kind)
        )
    return ml_client


@pytest.fixture(scope="module")
def pipeline(ml):
    from azure.ai.ml import Input, Output, dsl
    from azure.ai.ml.entities import Environment

    prepare = ml.components.create_or_update(
        _component(
            """
            name: prepare
            version: "1"
            display_name: Prepare <the> rows
            description: Copies rows.
            type: command
            inputs:
              rows: {type: uri_file, description: The rows}
              share: {type: number, default: 0.5, min: 0, max: 1}
              label: {type: string, optional: true}
            outputs:
              clean: {type: uri_folder, description: The clean rows}
            environment: azureml:env:1
            command: cp ${{inputs.rows}} ${{outputs.clean}}/rows.csv $[[&& echo ${{inputs.label}}]]
            """
        )
    )
    train = _component(
        """
        name: train
        type: command
        display_name: Train a model
        inputs: {data: {type: uri_folder}}
        outputs: {model: {type: uri_folder}}
        environment: azureml:env:1
        command: cp ${{inputs.data}}/rows.csv ${{outputs.model}}/model
        """
    )
    train.environment = Environment(
        image="registry.example/base/python:3", conda_file={"name": "training", "dependencies": []}
    )

    @dsl.pipeline(name="inner")
    def inner(data: Input(type="uri_folder")):
        step = train(data=data)
        return {"model": step.outputs.model}

    @dsl.pipeline(default_compute="c-1", display_name="The whole pipeline", experiment_name="flow")
    def whole(source: Input(type="uri_file"), share: float):
        first = prepare(rows=source, share=share)
        first.display_name = "Prepare <the> rows"
        nested = inner(data=first.outputs.clean)
        train(data=first.outputs.clean)
        return {"model": nested.outputs.model}

    job = whole(source=Input(type="uri_file", path="azureml:rows:1"), share=0.25)
    job.outputs.model = Output(type="uri_folder", name="trained", version="1")
    job = ml.jobs.create_or_update(job)
    return wait_for_end(ml, job.name)


def _component(text):
    from io import StringIO

    from azure.ai.ml import load_component

    return load_component(StringIO(textwrap.dedent(text)))


@pytest.fixture(scope="module")
def pages(pipeline):
    return Pages(pipeline.studio_url)


@pytest.fixture(scope="module")
def endpoints(ml, folder):
    from azure.ai.ml.entities import (
        BatchEndpoint,
        CodeConfiguration,
        ManagedOnlineDeployment,
        ManagedOnlineEndpoint,
        Model,
        ModelBatchDeployment,
        ModelBatchDeploymentSettings,
    )

    for mode in ("key", "aml_token", "aad_token"):
        name = f"on-{mode.replace('_', '-')}"
        ml.online_endpoints.begin_create_or_update(
            ManagedOnlineEndpoint(name=name, auth_mode=mode)
        ).result()
        ml.online_deployments.begin_create_or_update(
            ManagedOnlineDeployment(
                name="blue",
                endpoint_name=name,
                code_configuration=CodeConfiguration(str(folder / "code"), "score.py"),
                environment="azureml:env:1",
                instance_type="Standard_DS3_v2",
                instance_count=2,
            )
        ).result()
    ml.models.create_or_update(
        Model(name="any", version="1", path=str(folder / "code"), type="custom_model")
    )
    ml.batch_endpoints.begin_create_or_update(BatchEndpoint(name="batch-1")).result()
    ml.batch_deployments.begin_create_or_update(
        ModelBatchDeployment(
            name="nightly",
            endpoint_name="batch-1",
            model="azureml:any:1",
            compute="c-1",
            code_configuration=CodeConfiguration(str(folder / "code"), "score.py"),
            environment="azureml:env:1",
            settings=ModelBatchDeploymentSettings(
                mini_batch_size=7, instance_count=3, output_action="summary_only"
            ),
        )
    ).result()


def _graph(page: str) -> ElementTree.Element:
    [svg] = re.findall(r"(?s)<svg.*</svg>", page)
    return ElementTree.fromstring(svg)


def test_the_page_of_a_pipeline_has_its_graph(pages, pipeline):
    assert pipeline.status == "Completed"
    svg = _graph(pages.get(f"jobs/{pipeline.name}"))
    labels = {a.get("aria-label"): a.get("href") for a in svg.iter("a")}
    assert set(labels) == {
        "source, data, rows:1",
        "Prepare <the> rows, Completed, uses source",
        "nested, pipeline, Completed, uses Prepare <the> rows",
        "train, Completed, uses Prepare <the> rows",
    }
    nested = next(href for label, href in labels.items() if label.startswith("nested"))
    assert nested.endswith("#graph")
    assert labels["source, data, rows:1"].endswith("/assets/data/rows/1")
    titles = [edge.find("title").text for edge in svg.iter("g") if edge.get("class") == "edge"]
    assert "input source as rows" in titles
    assert "output clean of prepare as data" in [
        each.replace("first", "prepare") for each in titles
    ]
    path = nested.partition("/jobs/")[2].partition("#")[0]
    inner = _graph(pages.get(f"jobs/{path}"))
    assert "step, Completed, uses data" in [a.get("aria-label") for a in inner.iter("a")]


def test_the_page_of_a_pipeline_has_its_data_inputs_and_outputs(pages, pipeline):
    page = pages.get(f"jobs/{pipeline.name}")
    assert re.search(r'href="/studio/\w+/assets/data/rows/1">rows:1</a>', page)
    assert re.search(r'Registered as\s+<a href="/studio/\w+/assets/data/trained/1">', page)
    assert "<dt>share</dt><dd>0.25</dd>" in page


def test_a_component_page(pages, pipeline):
    text = pages.text("assets/components/prepare/1")
    assert "Display name Prepare <the> rows" in text
    assert "Environment env:1" in text
    assert "cp ${{inputs.rows}} ${{outputs.clean}}/rows.csv" in text
    assert "rows uri_file no The rows" in text
    assert "share number (min 0" in text
    assert "label string yes" in text
    assert "clean uri_folder The clean rows" in text
    assert "Used by jobs Prepare <the> rows" in text


def test_anonymous_assets_are_shown_by_their_names(pages, ml, pipeline):
    from tests.functional.azureml_local.sdk_jobs import children_of

    step = children_of(ml, pipeline.name)["train"]
    page = pages.get(f"jobs/{step.name}")
    assert ">training (anonymous)</a>" in page
    link = re.search(
        r'href="/studio/\w+/(assets/components/azureml_anonymous/[^"]+)">([^<]*)<', page
    )
    assert link[2] == "Train a model"
    text = pages.text(link[1])
    assert "Train a model" in text
    assert "data uri_folder" in text
    environment = re.search(r'href="/studio/\w+/(assets/environments/CliV2[^"]+)"', page)[1]
    assert "name: training" in pages.text(environment)


def test_the_page_of_a_pipeline_component_has_its_graph(pages, ml, pipeline):
    from tests.functional.azureml_local.sdk_jobs import children_of

    nested = pages.get(f"jobs/{children_of(ml, pipeline.name)['nested'].name}")
    link = re.search(
        r'href="/studio/\w+/(assets/components/azureml_anonymous/[^"]+)">inner<', nested
    )
    links = {a.get("aria-label"): a.get("href") for a in _graph(pages.get(link[1])).iter("a")}
    assert list(links) == ["step, uses data"]
    assert "Train a model" in pages.text(
        "assets" + links["step, uses data"].partition("/assets")[2]
    )


@pytest.mark.parametrize(
    ("address", "present", "missing"),
    [
        ("jobs?q=WHOLE", "The whole pipeline", "No jobs match"),
        ("jobs?q=missing", "No jobs match", "The whole pipeline"),
        ("jobs?status=Completed&type=Pipeline&experiment=flow", "The whole pipeline", "No jobs"),
        ("jobs?status=Failed", "No jobs match", "The whole pipeline"),
        ("assets/environments?tag=team%3Dx", "team=x", "No versions match"),
        ("assets/data?type=mltable", "table", "broken"),
        ("assets/data?newest=1&sort=name", "broken", "No versions match"),
        ("jobs?q=%3Cscript%3E&sort=%22%3E&page=%3C", "No jobs match", "The whole pipeline"),
    ],
)
def test_lists_can_be_searched_filtered_and_sorted(pages, address, present, missing):
    main = pages.text(address).partition("MLflow")[2]
    rows = main.partition("Apply")[2]
    assert present in rows
    assert missing not in rows
    assert "<script>" not in pages.get(address)


def test_heads_of_lists_sort(pages):
    page = pages.get("assets/data?sort=-name")
    assert re.search(
        r'<th scope="col" aria-sort="descending"><a href="[^"]*\?sort=name">Name', page
    )
    names = re.findall(r'assets/data/(\w+)/1">', page)
    assert names == sorted(names, reverse=True)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("rows", f"Preview name amount {MARK} 1 b 2"),
        ("broken", "No preview: it is not a valid Parquet file"),
        ("table", "type: mltable paths: - file: ./rows.csv Files MLTable"),
        ("files", "sub/page.html"),
    ],
)
def test_data_pages_have_a_preview(pages, name, expected):
    assert expected in pages.text(f"assets/data/{name}/1")
    assert MARK not in pages.get(f"assets/data/{name}/1")


def test_files_of_data_are_never_pages_and_stay_in_their_folder(pages):
    url = f"{pages.base}/assets/data/files/1/files/sub/page.html"
    response = pages.session.get(url, timeout=60)
    assert response.text == f"<b>{MARK}</b>"
    assert response.headers["content-type"].startswith("text/plain")
    assert "script-src 'nonce-" in response.headers["content-security-policy"]
    assert 'src="' in pages.get("assets/data/dot/1")
    image = pages.session.get(f"{pages.base}/assets/data/dot/1/files/image", timeout=60)
    assert image.headers["content-type"] == "image/png"
    for path in ("..%2f..%2fstore.sqlite3", "%2e%2e/%2e%2e/server.json", "missing"):
        request = requests.Request("GET", url, cookies=pages.session.cookies).prepare()
        request.url = f"{pages.base}/assets/data/files/1/files/{path}"
        answer = pages.session.send(request, timeout=60, verify=os.environ["REQUESTS_CA_BUNDLE"])
        assert answer.status_code in (400, 403, 404, 501), path


def test_new_addresses_need_the_key(pages, endpoints):
    for path in (
        "assets/data/rows/1/files/file",
        "endpoints/online/on-key/blue/log",
        "jobs?q=a",
        "assets/components/prepare/1",
    ):
        response = requests.get(f"{pages.base}/{path}", timeout=60)
        assert response.status_code == 403
        assert "name,amount" not in response.text


def test_the_list_of_endpoints(pages, endpoints):
    text = pages.text("endpoints?sort=-name")
    assert "on-key online Succeeded key blue (0 %, Succeeded)" in text
    assert "on-aml-token online Succeeded aml_token" in text
    assert "batch-1 batch Succeeded aad_token nightly" in text
    assert "batch-1" not in pages.text("endpoints?kind=online").partition("Apply")[2]
    assert "on-aad-token" in pages.text("endpoints?auth=aad_token").partition("Apply")[2]


@pytest.mark.parametrize("mode", ["key", "aml_token", "aad_token"])
def test_the_page_of_an_online_endpoint_and_its_sample_code(pages, ml, endpoints, mode, tmp_path):
    name = f"on-{mode.replace('_', '-')}"
    page = pages.get(f"endpoints/online/{name}")
    text = pages.text(f"endpoints/online/{name}")
    assert f"Authentication {mode}" in text
    assert ml.online_endpoints.get(name).scoring_uri in text
    assert "Standard_DS3_v2 2" in text
    assert "hello from <init>" in text
    assert "The example of the swagger document of the scoring script." in text
    body = html.unescape(re.search(r"(?s)<textarea[^>]*>\n(.*?)</textarea>", page)[1])
    assert json.loads(body) == {"amount": 12.5}
    credential, curl, python = (
        html.unescape(each)
        for each in re.findall(r"(?s)<pre tabindex=\"0\"(?: class=\"code\")?>(.*?)</pre>", page)[:3]
    )
    assert ("account get-access-token" in credential) == (mode == "aad_token")
    if mode == "aad_token":
        from azure.identity import DefaultAzureCredential

        secret = DefaultAzureCredential().get_token("https://ml.azure.com/.default").token
    else:
        keys = ml.online_endpoints.get_keys(name)
        secret = keys.primary_key if mode == "key" else keys.access_token
    assert secret not in page
    placeholder = "<key>" if mode == "key" else "<token>"
    for command in (
        ["bash", "-c", f"{curl} --silent --cacert {shlex.quote(os.environ['SSL_CERT_FILE'])}"],
        [sys.executable, "-c", python],
    ):
        assert placeholder in command[-1]
        command[-1] = command[-1].replace(placeholder, secret)
        result = subprocess.run(command, capture_output=True, text=True, timeout=60)
        assert float(result.stdout) == 25, result.stdout + result.stderr


def test_the_log_of_a_deployment(pages, endpoints):
    assert "hello from <init>" in pages.get("endpoints/online/on-key/blue/log")
    pages.get("endpoints/online/on-key/missing/log", 404)


def test_a_batch_endpoint_has_settings_and_no_traffic(pages, endpoints):
    text = pages.text("endpoints/batch/batch-1")
    assert "Mini-batch size 7" in text
    assert "Instance count 3" in text
    assert "Output action summary_only" in text
    assert "raffic" not in text.partition("MLflow")[2]
    assert "This endpoint was not invoked." in text
