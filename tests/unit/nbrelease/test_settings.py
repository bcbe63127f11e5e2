"""settings.ini: what is right comes typed, what is wrong is named to the key."""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import unquote

import pytest

from nbrelease.errors import ExitCode, SettingsError
from nbrelease.settings import LOCAL_SUBSCRIPTION, Settings, load

SHIPPED = Path(__file__).parents[3] / "settings.ini"


@pytest.fixture
def edited(tmp_path):
    """The shipped file with one text replaced, read."""

    def edit(old: str, new: str, **overrides: str) -> Settings:
        text = SHIPPED.read_text(encoding="utf-8")
        assert old in text
        path = tmp_path / "settings.ini"
        path.write_text(text.replace(old, new), encoding="utf-8")
        return Settings(path, overrides)

    return edit


@pytest.mark.parametrize("name", ["dev", "prod"])
def test_the_shipped_file_is_right(name):
    env = Settings(SHIPPED, {}).environment(name)
    assert (env.workspace_name, env.subscription_id) == (name, LOCAL_SUBSCRIPTION)
    assert env.model_name == "diabetes-classifier"
    assert env.test_size == 0.3


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("estimator =", "estimater =", "settings.ini:[DEFAULT] estimater: no such key; did you mean estimator?"),
        ("[dev]\nworkspace = local", "[dev]\nwrkspace = local", "settings.ini:[dev] wrkspace: no such key; did you mean workspace?"),
        ("label_column = Diabetic\n", "", "settings.ini:[dev] label_column: missing; add a line «label_column = …»"),
        ("test_size = 0.3", "test_size = half", "settings.ini:[DEFAULT] test_size = half: input should be a valid number"),
        ("test_size = 0.3", "test_size = 1.5", "settings.ini:[DEFAULT] test_size = 1.5: input should be less than 1"),
        ("[dev]\nworkspace = local", "[dev]\nworkspace = azure", "settings.ini:[dev]: workspace = azure needs subscription_id, resource_group, workspace_name"),
        ("%(project)s-train", "%(projekt)s-train", "projekt"),
        ("[DEFAULT]", "DEFAULT", "File contains no section headers"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(edited, old, new, message):
    with pytest.raises(SettingsError) as caught:
        edited(old, new).environment("dev")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == ExitCode.USAGE


def test_an_override_counts_in_every_section_and_is_named_as_such(edited):
    assert edited("x", "x", estimator="pipeline").environment("prod").estimator == "pipeline"
    with pytest.raises(SettingsError, match="NBRELEASE_SET_TEST_SIZE in the environment = big"):
        edited("x", "x", test_size="big").environment("dev")
    with pytest.raises(SettingsError, match="NBRELEASE_SET_TESTSIZE in the environment: no such"):
        edited("x", "x", testsize="0.2").environment("dev")


def test_what_the_command_line_gives_comes_first_and_is_named():
    both = Settings(SHIPPED, {"test_size": "0.2"}, {"test_size": "0.1"})
    assert both.environment("dev").test_size == 0.1
    wrong = Settings(SHIPPED, {"test_size": "0.2"}, {"test_size": "big"})
    with pytest.raises(SettingsError, match=r"^--set test_size = big: "):
        wrong.environment("dev")


def test_an_unknown_environment_is_answered_with_the_nearest(edited):
    with pytest.raises(SettingsError, match=r"no section \[prd\]; did you mean prod\?"):
        edited("x", "x").environment("prd")


def test_the_file_is_found_from_a_subfolder(tmp_path, monkeypatch):
    (tmp_path / "settings.ini").write_text("[dev]\n", encoding="utf-8")
    (tmp_path / "notebooks").mkdir()
    monkeypatch.chdir(tmp_path / "notebooks")
    assert load().root == tmp_path
    monkeypatch.setenv("NBRELEASE_SET_ESTIMATOR", "pipeline")
    assert load().overrides == {"estimator": "pipeline"}


def test_no_file_is_one_line(tmp_path):
    with pytest.raises(SettingsError, match=r"no settings\.ini in"):
        load(tmp_path)


@pytest.mark.parametrize("file", ["azuredeploy", "autoscale"])
def test_the_templates_of_infra_take_exactly_what_settings_give(file):
    template = json.loads((SHIPPED.parent / "infra" / f"{file}.json").read_text())
    env = Settings(SHIPPED, {}).environment("prod")
    prints = {"azuredeploy": env.arm_parameters, "autoscale": env.arm_autoscale_parameters}
    given = prints[file]()["parameters"]
    declared = dict(template["parameters"])
    declared.pop("onlineDeployment", None)  # differs by release: given by hand
    assert set(given) == set(declared)
    types = {str: "string", int: "int"}
    for name, wanted in declared.items():
        value = given[name]["value"]
        assert types[type(value)] == wanted["type"]
        assert wanted.get("minValue", 0) <= (value if isinstance(value, int) else 0)
        if isinstance(value, str):
            assert wanted.get("minLength", 0) <= len(value) <= wanted.get("maxLength", 99)
    assert given["workspaceName"]["value"] == "prod"


def test_the_button_in_the_readme_leads_to_the_template():
    text = (SHIPPED.parent / "README.md").read_text(encoding="utf-8")
    [address] = re.findall(r"portal\.azure\.com/#create/Microsoft\.Template/uri/([^)]+)\)", text)
    path = unquote(address).partition("/main/")[2]
    assert (SHIPPED.parent / path).is_file(), path


def test_the_model_of_another_environment(edited):
    assert edited("x", "x").source("prod") == {}
    found = edited("promotion = code", "promotion = model").source("prod")
    assert found["from_workspace_name"] == "dev"
    assert found["from_online_endpoint"] == "diabetes-online"
    with pytest.raises(
        SettingsError, match=r"promote_from = dve: no other env.* did you mean dev\?"
    ):
        edited("promotion = code", "promotion = model\npromote_from = dve").source("prod")
    with pytest.raises(SettingsError, match="promote_from = prod: no other environment"):
        edited("promotion = code", "promotion = model\npromote_from = prod").source("prod")


def test_autoscale_that_begins_above_its_end_is_refused(edited):
    with pytest.raises(SettingsError, match="online_max_instances = 1: less than the 2"):
        edited("x", "x", online_max_instances="1", online_instance_count="2").environment("dev")
