"""Pipelines of public repositories run unmodified, and fail where Azure would fail today.

The folders of the checkouts come from environment variables (see ``public_projects``). Without
them these drills are skipped. public_pipelines.md lists each place where Azure would fail.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.public_projects import (
    ARTICLE,
    PROJECT_TEMPLATE,
    TEMPLATES,
    PublicProject,
    commit_all,
    create_article_project,
    create_taxi_project,
    jobs_of,
    log_of,
    replace,
    step_results,
)

pytestmark = [pytest.mark.e2e, pytest.mark.drill]

PIPELINES = "mlops/devops-pipelines/deploy-{}-pipeline.yml"
WORKSPACE = "-g rg-mlopsv2-0001dev -w mlw-mlopsv2-0001dev"


def require(*names: str) -> None:
    missing = [name for name in names if not os.environ.get(name)]
    if missing:
        pytest.skip(f"no checkout: {', '.join(missing)}")


@pytest.fixture(scope="module")
def taxi(tmp_path_factory) -> PublicProject:
    require(PROJECT_TEMPLATE, TEMPLATES)
    return create_taxi_project(tmp_path_factory.mktemp("public"))


def run_taxi(taxi: PublicProject, name: str, *options: str) -> dict[str, Any]:
    return taxi.run(
        PIPELINES.format(name),
        "--repository",
        f"mlops-templates={taxi.root.parent / 'templates'}",
        "-v",
        "Build.SourceBranch=refs/heads/dev",
        *options,
        PIP_NO_DEPS="1",  # one step installs azure-cli nine times, which no step uses
    )


def train(taxi: PublicProject) -> PublicProject:
    document = run_taxi(taxi, "model-training", "--shared-az-config")
    assert document["result"] == "Succeeded", log_of(document)
    return taxi


@pytest.fixture(scope="module")
def trained(taxi) -> PublicProject:
    """A project with a model, before the edits that its deployments need on Azure."""
    return train(taxi)


@pytest.fixture(scope="module")
def edited(tmp_path_factory) -> PublicProject:
    """A project with a model, with the edits of the table in public_pipelines.md."""
    require(PROJECT_TEMPLATE, TEMPLATES)
    taxi = create_taxi_project(tmp_path_factory.mktemp("edited"))
    packages = '"azureml-inference-server-http", "azureml-ai-monitoring", "mlflow==2.22.2"'
    replace(taxi.root / "data-science/src/register.py", '"mlflow==2.9.2"', packages)
    script = taxi.root / "mlops/azureml/deploy/batch/code/batch_driver.py"
    replace(script, "model_path = model_dir", 'model_path = os.path.join(model_dir, "taxi-model")')
    commit_all(taxi.root)
    return train(taxi)


def test_az_configure_does_not_reach_the_next_step(taxi):
    """Since version 2.277 of the task."""
    document = run_taxi(taxi, "online-endpoint")
    assert document["result"] == "Failed"
    codes = {code for job in jobs_of(document) for code in job["issues"]["codes"]}
    assert "az-config-not-shared" in codes
    warnings = {each["code"] for each in document["warnings"]}
    assert {"az-config-not-shared", "retired-image"} <= warnings


def test_train(trained):
    line = f"ml model show -n taxi-model --label latest {WORKSPACE} --query [type,path] -o tsv"
    kind, path = trained.az(line)[0].split()
    assert kind == "mlflow_model"
    assert path.endswith("/taxi-model")


def test_online_deployment_without_the_packages_of_its_scoring_script(trained):
    document = run_taxi(trained, "online-endpoint", "--shared-az-config")
    assert document["result"] == "Failed"
    assert step_results(document)["Create deployment"] == "SucceededWithIssues"
    assert "azureml-ai-monitoring" in log_of(document)


def test_batch_deployment_that_loads_the_wrong_folder(trained):
    """The scoring script loads AZUREML_MODEL_DIR; the model is in a folder of it."""
    document = run_taxi(trained, "batch-endpoint", "--shared-az-config")
    assert document["result"] == "Failed"
    assert step_results(document)["Test deployment"] == "Failed"
    assert "AZUREML_MODEL_DIR has: taxi-model" in log_of(document)


def test_online_deployment(edited):
    document = run_taxi(edited, "online-endpoint", "--shared-az-config")
    assert document["result"] == "Succeeded", log_of(document)
    assert step_results(document)["Test deployment"] == "Succeeded"


def test_batch_deployment(edited):
    document = run_taxi(edited, "batch-endpoint", "--shared-az-config")
    assert document["result"] == "Succeeded", log_of(document)
    assert step_results(document)["Test deployment"] == "Succeeded"


@pytest.fixture
def article(tmp_path) -> PublicProject:
    require(ARTICLE)
    root = tmp_path / "article"
    shutil.copytree(Path(os.environ[ARTICLE]), root, ignore=shutil.ignore_patterns(".git"))
    commit_all(root)
    return PublicProject(root, tmp_path / "data", ("azure-devops-service-connection",))


QA = ".ado/mlops-qa-ci-pipeline.yml"
TESTS_TEMPLATE = ".ado/templates/jobs/run-code-tests.template.yml"


def test_qa_requires_a_python_that_the_images_of_azure_do_not_have(article):
    folders = os.environ["PATH"].split(os.pathsep)
    without = [each for each in folders if not (Path(each) / "python3.7").exists()]
    document = article.run(QA, PATH=os.pathsep.join(without))
    assert document["result"] == "Failed"
    assert jobs_of(document)[0]["issues"]["codes"][0] == "missing-python"


def test_qa_with_a_newer_python(article):
    replace(article.root / TESTS_TEMPLATE, "versionSpec: '3.7'", "versionSpec: '3.11'")
    replace(article.root / TESTS_TEMPLATE, r"flake8==3\.7\.\*", "flake8==6.*")
    replace(
        article.root / TESTS_TEMPLATE,
        r"flake8_formatter_junit_xml==0\.0\.\*",
        "flake8-formatter-junit-xml==0.0.*",
    )
    (article.root / "requirements.txt").write_text("numpy\n")
    commit_all(article.root)
    document = article.run(QA)
    assert document["result"] in ("Succeeded", "SucceededWithIssues"), log_of(document)


DEV = ".ado/mlops-deploy-dev-ci-pipeline.yml"
PROD = ".ado/mlops-deploy-prod-ct-cd-pipeline.yml"
ARTICLE_PROD = "-g rg -w article-prod"


@pytest.fixture(scope="module")
def dev(tmp_path_factory) -> tuple[PublicProject, dict[str, Any]]:
    """The article's project with a run of its dev pipeline, whose artifacts prod uses."""
    require(ARTICLE)
    article = create_article_project(tmp_path_factory.mktemp("article"))
    return article, article.run(DEV, "--shared-az-config", "--open", "dev")


def test_dev(dev):
    """A model is trained, registered, deployed to both endpoints, and tested."""
    _, document = dev
    assert document["result"] == "Succeeded", log_of(document)
    assert [stage["stage"] for stage in document["stages"]] == ["build", "train", "deploy", "test"]
    results = step_results(document)
    assert set(results.values()) == {"Succeeded"}
    assert {"Test batch deployment", "Test online deployment"} <= set(results)
    assert "taxi-batch.csv: 2 rows in, 2 predictions out" in log_of(document)


def run_prod(dev: tuple[PublicProject, dict[str, Any]], *decisions: str) -> dict[str, Any]:
    article, document = dev
    options = ["--shared-az-config", "--pipeline", f"ciartifacts={document['artifacts']}"]
    return article.run(PROD, *options, *decisions)


def test_prod_waits_and_a_rejection_leaves_nothing(dev):
    article, _ = dev
    waiting = run_prod(dev)
    assert waiting["result"] == "Waiting", log_of(waiting)
    assert waiting["waiting"] == [{"stage": "deploy", "environment": "prod"}]
    rejected = article.resume(waiting["run"], "--reject", "prod=Ada:not yet")
    assert rejected["result"] == "Rejected", log_of(rejected)
    assert [stage["result"] for stage in rejected["stages"]] == ["Succeeded", "Rejected", "Skipped"]
    [approval] = rejected["approvals"]
    assert (approval["environment"], approval["decision"]) == ("prod", "rejected")
    assert (approval["name"], approval["comment"]) == ("Ada", "not yet")
    names = "--query [].name -o tsv"
    kinds = ("model", "online-endpoint", "batch-endpoint")
    commands = [f"ml {kind} list {ARTICLE_PROD} {names}" for kind in kinds]
    assert article.az(*commands) == ["", "", ""]


def test_prod(dev):
    """After both approvals the model is registered, deployed, and receives all traffic."""
    article, _ = dev
    approvals = ["--approve", "prod=Ada:first release", "--approve", "blue=Ada:all traffic"]
    document = run_prod(dev, *approvals)
    assert document["result"] == "Succeeded", log_of(document)
    assert set(step_results(document).values()) == {"Succeeded"}
    decisions = [(each["environment"], each["decision"]) for each in document["approvals"]]
    assert decisions == [("prod", "approved"), ("blue", "approved")]
    models, traffic, batch = article.az(
        f"ml model list {ARTICLE_PROD} --query [].name -o tsv",
        f"ml online-endpoint show -n taxi-online-prod {ARTICLE_PROD} --query traffic",
        f"ml batch-deployment list -e taxi-batch-prod {ARTICLE_PROD} --query [].name -o tsv",
    )
    assert models == "taxi-model"
    assert json.loads(traffic) == {"taxi-online-dp": 100}
    assert batch == "taxi-batch-dp"
