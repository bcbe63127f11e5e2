"""Pipelines of public repositories run unmodified, and fail where Azure would fail today.

The folders of the checkouts come from environment variables (see ``public_projects``). Without
them these drills are skipped. docs/az.md lists each place where Azure would fail.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

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


def run_taxi(taxi: PublicProject, name: str, *options: str) -> dict:
    return taxi.run(
        PIPELINES.format(name),
        "--repository",
        f"mlops-templates={taxi.root.parent / 'templates'}",
        "-v",
        "Build.SourceBranch=refs/heads/dev",
        *options,
        PIP_NO_DEPS="1",  # one step installs azure-cli nine times, which no step uses
    )


def train(taxi: PublicProject) -> None:
    document = run_taxi(taxi, "model-training", "--shared-az-config")
    assert document["result"] == "Succeeded", log_of(document)


@pytest.fixture(scope="module")
def trained(taxi) -> PublicProject:
    train(taxi)
    return taxi


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
    kind, path = trained.az(line).split()
    assert kind == "mlflow_model"
    assert path.endswith("/taxi-model")


def test_online_deployment(trained):
    """The scoring script of Azure needs two packages, which the model does not require."""
    document = run_taxi(trained, "online-endpoint", "--shared-az-config")
    assert document["result"] == "Failed"
    assert step_results(document)["Create deployment"] == "SucceededWithIssues"
    assert "azureml-ai-monitoring" in log_of(document)
    packages = '"azureml-inference-server-http", "azureml-ai-monitoring", "mlflow==2.22.2"'
    replace(trained.root / "data-science/src/register.py", '"mlflow==2.9.2"', packages)
    commit_all(trained.root)
    train(trained)
    line = f"ml online-endpoint delete -n taxi-online-mlopsv20001dev {WORKSPACE} --yes"
    trained.az(line)
    document = run_taxi(trained, "online-endpoint", "--shared-az-config")
    assert document["result"] == "Succeeded", log_of(document)
    assert step_results(document)["Test deployment"] == "Succeeded"


def test_batch_deployment(trained):
    """The scoring script loads AZUREML_MODEL_DIR; the model is in a folder of it."""
    document = run_taxi(trained, "batch-endpoint", "--shared-az-config")
    assert document["result"] == "Failed"
    assert step_results(document)["Test deployment"] == "Failed"
    assert "AZUREML_MODEL_DIR has: taxi-model" in log_of(document)
    script = trained.root / "mlops/azureml/deploy/batch/code/batch_driver.py"
    replace(script, "model_path = model_dir", 'model_path = os.path.join(model_dir, "taxi-model")')
    commit_all(trained.root)
    document = run_taxi(trained, "batch-endpoint", "--shared-az-config")
    assert document["result"] == "Succeeded", log_of(document)


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
MODELS = "ml model list -g rg -w article-prod --query [].name -o tsv"


def test_dev_and_prod(tmp_path):
    """The models of dev and prod are trained, approved, deployed and tested."""
    require(ARTICLE)
    article = create_article_project(tmp_path)
    dev = article.run(DEV, "--shared-az-config", "--open", "dev")
    assert dev["result"] == "Succeeded", log_of(dev)
    assert [stage["stage"] for stage in dev["stages"]] == ["build", "train", "deploy", "test"]
    options = ["--shared-az-config", "--pipeline", f"ciartifacts={dev['artifacts']}"]
    rejected = article.run(PROD, *options, "--reject", "prod", "--reject", "blue")
    assert rejected["result"] == "Rejected", log_of(rejected)
    assert article.az(MODELS) == ""
    approvals = ["--approve", "prod=Ada:first release", "--approve", "blue=Ada:all traffic"]
    prod = article.run(PROD, *options, *approvals)
    assert prod["result"] == "Succeeded", log_of(prod)
    assert {each["decision"] for each in prod["approvals"]} == {"approve"}
    assert article.az(MODELS) == "taxi-model"
    line = "ml online-endpoint show -n taxi-online-prod -g rg -w article-prod --query traffic"
    assert article.az(line).split() == ["{", '"taxi-online-dp":', "100", "}"]
