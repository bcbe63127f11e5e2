"""Several models in one project: --model, and files of their own."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
import yaml

from nbrelease.cli import main
from nbrelease.pack import build_pack, load_record
from nbrelease.records import read_identity, result_of
from nbrelease.verification import verify
from pipelines_local.load import load_pipeline

pytestmark = pytest.mark.functional
ROOT = Path(__file__).parents[3]
MODELS = """
[train]
rate = 0.5

[model:rentals]
training_notebook = rentals
label_column = count
task = regression
depth = 3

[model:rentals:prod]
depth = 5
"""
PARAMETERS = """\
model: str = "?"
task: str = ""
label_column: str = ""
positive_class: str = ""
training_notebook: str = ""
criteria_file: str = ""
scoring_notebook: str = ""
conda_file: str = ""
train_parameters: dict = {}
model_name: str = ""
online_endpoint: str = ""
"""


@pytest.fixture
def two(project):
    """A project with two models, and a runbook that publishes the parameters."""
    with (project.root / "settings.ini").open("a", encoding="utf-8") as file:
        file.write(MODELS)
    for name, parameter in {
        "train": ("rate", "float", 0.1),
        "rentals": ("depth", "int", 2),
    }.items():
        contract = {
            "schema_version": 1, "notebook": f"notebooks/{name}.ipynb", "metrics": [], "functions": [],
            "parameters": [
                {**dict(zip(("name", "type", "default"), parameter, strict=True)),
                 "optional": False, "choices": [], "help": "", "group": ""}
            ],
        }  # fmt: skip
        folder = project.root / "exported" / name
        folder.mkdir(parents=True)
        (folder / "contract.json").write_text(json.dumps(contract))
    project.runbook("01_a", ("p", ["parameters"], PARAMETERS))
    return project


def releases(project, model: str) -> list:
    """The folders of a model's releases, oldest first."""
    folders = sorted((project.root / "evidence").iterdir())
    return [folder for folder in folders if read_identity(folder).settings_model == model]


def parameters(folder) -> dict:
    return result_of(folder / "notebooks" / "01_a.ipynb").parameters


def test_each_model_has_its_own_releases_and_parameters(two):
    assert main(["run", "01_a", "--env", "dev", "--model", "rentals"]) == 0
    assert main(["run", "01_a", "--env", "dev", "--set", "rate=0.25"]) == 0
    assert main(["run", "01_a", "--env", "dev", "--model", "rentals"]) == 0  # in the open release
    [rentals], [other] = releases(two, "rentals"), releases(two, "")
    assert rentals.name.startswith("dev-rentals-2")
    assert other.name.startswith("dev-2")
    values = parameters(rentals)
    assert (values["model"], values["task"]) == ("rentals", "regression")
    assert values["train_parameters"] == {"depth": 3}
    assert values["training_notebook"] == "rentals"
    assert values["criteria_file"] == "criteria.yml"
    assert values["conda_file"] == "conda/train.yml"
    assert (values["positive_class"], values["scoring_notebook"]) == ("", "score")
    assert (values["model_name"], values["online_endpoint"]) == (
        "rentals", "diabetes-online-rentals",
    )  # fmt: skip
    values = parameters(other)
    assert (values["model"], values["task"]) == ("", "binary")
    assert values["train_parameters"] == {"rate": 0.25}
    assert values["online_endpoint"] == "diabetes-online"
    assert read_identity(rentals).parameters["depth"] == 3
    assert read_identity(other).parameters["rate"] == 0.25


def test_a_release_knows_its_model(two, capsys):
    assert main(["release", "begin", "--env", "prod", "--model", " rentals "]) == 0
    release_id = capsys.readouterr().out.strip()
    words = ["run", "01_a", "--env", "prod", "--release", release_id]
    assert main(words) == 0
    [folder] = releases(two, "rentals")
    assert folder.name == release_id
    assert parameters(folder)["train_parameters"] == {"depth": 5}
    assert main([*words, "--model", "rentals"]) == 0
    assert main(["release", "begin", "--env", "prod", "--model", " "]) == 0
    other = capsys.readouterr().out.strip().splitlines()[-1]
    assert main(["run", "01_a", "--env", "prod", "--release", other, "--model", "rentals"]) == 2
    assert main(["evidence", "build", "--env", "prod", release_id]) == 0
    assert verify(folder).results["identity"].state == "passed"


def test_packages_are_compared_with_the_same_model(two):
    for words in (["--model", "rentals"], [], ["--model", "rentals"]):
        assert main(["run", "01_a", "--env", "dev", *words]) == 0
        newest = max(releases(two, words[-1] if words else ""))
        build_pack(newest)
    first, second = releases(two, "rentals")
    assert load_record(second).since_last.since == first.name
    [other] = releases(two, "")
    assert load_record(other).since_last is None


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--model", "rental"], "rentals?"),
        (["--set", "raet=1"], "rate?"),
        (["--set", "rate=fast"], "(got 'fast')"),
        (["--set", "depth=1"], "rate"),
        (["--set", "rate"], "NAME=VALUE"),
    ],
)
def test_wrong_models_and_parameters_run_nothing(two, capsys, words, named):
    assert main(["run", "01_a", "--env", "dev", *words]) == 2
    error = capsys.readouterr().err
    assert named in error
    assert error.count("\n") == 1
    assert not (two.root / "evidence").exists()


def test_settings_show_a_model(two, capsys):
    assert main(["settings"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"[{env}]{model} is valid" for env in ("dev", "prod") for model in ("", " [model:rentals]")
    ]
    assert main(["settings", "prod", "--model", "rentals"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert values["model_name"] == "rentals"
    assert values["train_parameters"] == {"depth": 5}
    text = (two.root / "settings.ini").read_text()
    (two.root / "settings.ini").write_text(text.replace("depth = 5", "depth = five"))
    assert main(["settings"]) == 2
    line = text.splitlines().index("depth = 5") + 1
    assert f"settings.ini:{line} [model:rentals:prod] depth:" in capsys.readouterr().err


def test_a_model_can_have_the_pipeline_of_the_docs(tmp_path):
    shutil.copytree(ROOT / ".ado", tmp_path / ".ado")
    page = (ROOT / "docs" / "azure-devops.md").read_text(encoding="utf-8")
    [text] = re.findall(r"```yaml\n# \.ado/weather-dev\.yml\n(.*?)```", page, re.DOTALL)
    (tmp_path / ".ado" / "weather-dev.yml").write_text(text)
    loaded = load_pipeline(tmp_path / ".ado" / "weather-dev.yml", tmp_path)
    assert loaded.warnings == ()
    pipeline = yaml.safe_load(text)
    template = yaml.safe_load((tmp_path / ".ado" / pipeline["extends"]["template"]).read_text())
    passed = pipeline["extends"]["parameters"].keys()
    assert passed == {each["name"] for each in template["parameters"]}
    assert 'release begin --env dev --model "weather"' in repr(loaded)
