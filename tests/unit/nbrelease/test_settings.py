"""settings.ini: valid values are typed, errors name file, section and key."""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import unquote

import pytest

from nbrelease.errors import ExitCode, SettingsError
from nbrelease.settings import LOCAL_SUBSCRIPTION, Environment, Settings, load, reference

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
def test_the_shipped_file_is_valid(name):
    env = Settings(SHIPPED, {}).environment(name)
    assert (env.workspace_name, env.subscription_id) == (name, LOCAL_SUBSCRIPTION)
    assert env.model_name == "diabetes-classifier"
    assert env.test_size == 0.3


@pytest.mark.parametrize(
    ("old", "new", "place", "named"),
    [
        ("estimator =", "estimater =", "settings.ini [DEFAULT] estimater:", "estimator?"),
        ("[dev]\nworkspace = local", "[dev]\nwrkspace = local", "settings.ini [dev] wrkspace:", "workspace?"),
        ("label_column = Diabetic\n", "", "settings.ini [dev] label_column:", "label_column = "),
        ("test_size = 0.3", "test_size = half", "settings.ini [DEFAULT] test_size:", "(got half)"),
        ("test_size = 0.3", "test_size = 1.5", "settings.ini [DEFAULT] test_size:", "less than 1 (got 1.5)"),
        ("observe_seconds = 2\n", "observe_seconds = inf\n", "settings.ini [dev] observe_seconds:", "(got inf)"),
        ("traffic_steps = 100", "traffic_steps = 10, 50", "settings.ini [dev] traffic_steps:", "100 (got 10, 50)"),
        ("traffic_steps = 100", "traffic_steps = 50, 10, 100", "settings.ini [dev] traffic_steps:", "(got 50, 10, 100)"),
        ("[dev]\nworkspace = local", "[dev]\nworkspace = azure", "settings.ini [dev] subscription_id:", "workspace = azure"),
        ("%(project)s-train", "%(projekt)s-train", "settings.ini:", "projekt"),
        ("[DEFAULT]", "DEFAULT", "settings.ini:", "DEFAULT"),
    ],
)  # fmt: skip
def test_errors_name_section_and_key(edited, old, new, place, named):
    with pytest.raises(SettingsError) as caught:
        edited(old, new).environment("dev")
    assert str(caught.value).startswith(place)
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == ExitCode.USAGE


def test_overrides_apply_to_every_section_and_are_named(edited):
    assert edited("x", "x", estimator="pipeline").environment("prod").estimator == "pipeline"
    with pytest.raises(SettingsError, match=r"^variable NBRELEASE_SET_TEST_SIZE: .*\(got big\)"):
        edited("x", "x", test_size="big").environment("dev")
    with pytest.raises(SettingsError, match=r"^variable NBRELEASE_SET_TESTSIZE: .*test_size\?"):
        edited("x", "x", testsize="0.2").environment("dev")


def test_arguments_take_precedence_and_are_named():
    both = Settings(SHIPPED, {"test_size": "0.2"}, {"test_size": "0.1"})
    assert both.environment("dev").test_size == 0.1
    wrong = Settings(SHIPPED, {"test_size": "0.2"}, {"test_size": "big"})
    with pytest.raises(SettingsError, match=r"^--set test_size: .*\(got big\)"):
        wrong.environment("dev")


def test_an_unknown_environment_gives_the_nearest_one(edited):
    with pytest.raises(SettingsError, match=r"\[prd\].* prod\?"):
        edited("x", "x").environment("prd")


def test_the_file_is_found_from_a_subfolder(tmp_path, monkeypatch):
    (tmp_path / "settings.ini").write_text("[dev]\n", encoding="utf-8")
    (tmp_path / "notebooks").mkdir()
    monkeypatch.chdir(tmp_path / "notebooks")
    assert load().root == tmp_path
    monkeypatch.setenv("NBRELEASE_SET_ESTIMATOR", "pipeline")
    assert load().overrides == {"estimator": "pipeline"}


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(SettingsError, match=r"settings\.ini"):
        load(tmp_path)


@pytest.mark.parametrize("file", ["azuredeploy", "autoscale"])
def test_the_parameters_of_the_arm_templates_match_the_settings(file):
    template = json.loads((SHIPPED.parent / "infra" / f"{file}.json").read_text())
    env = Settings(SHIPPED, {}).environment("prod")
    methods = {"azuredeploy": env.arm_parameters, "autoscale": env.arm_autoscale_parameters}
    parameters = methods[file]()["parameters"]
    declared = dict(template["parameters"])
    declared.pop("onlineDeployment", None)  # set by hand for each release
    assert set(parameters) == set(declared)
    types = {str: "string", int: "int"}
    for name, schema in declared.items():
        value = parameters[name]["value"]
        assert types[type(value)] == schema["type"]
        assert schema.get("minValue", 0) <= (value if isinstance(value, int) else 0)
        if isinstance(value, str):
            assert schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", 99)
    assert parameters["workspaceName"]["value"] == "prod"


def test_the_deploy_button_in_the_readme_links_to_the_template():
    text = (SHIPPED.parent / "README.md").read_text(encoding="utf-8")
    [address] = re.findall(r"portal\.azure\.com/#create/Microsoft\.Template/uri/([^)]+)\)", text)
    path = unquote(address).partition("/main/")[2]
    assert (SHIPPED.parent / path).is_file(), path


def test_promotion_from_another_environment(edited):
    assert edited("x", "x").source("prod") == {}
    source = edited("promotion = code", "promotion = model").source("prod")
    assert source["from_workspace_name"] == "dev"
    assert source["from_online_endpoint"] == "diabetes-online"
    with pytest.raises(SettingsError, match=r"\[prod\] promote_from: .*\(got dve\).* dev\?"):
        edited("promotion = code", "promotion = model\npromote_from = dve").source("prod")
    with pytest.raises(SettingsError, match=r"\[prod\] promote_from: .*\(got prod\)"):
        edited("promotion = code", "promotion = model\npromote_from = prod").source("prod")


def test_autoscale_needs_a_maximum_above_the_instance_count(edited):
    with pytest.raises(SettingsError, match=r"ONLINE_MAX_INSTANCES: .*\(got 1\)"):
        edited("x", "x", online_max_instances="1", online_instance_count="2").environment("dev")


def test_the_docs_list_all_keys():
    text = (SHIPPED.parent / "docs" / "settings.md").read_text(encoding="utf-8")
    hint = "run: python -m nbrelease.settings.reference docs/settings.md"
    assert reference.update(text) == text, hint
    for key in Environment.model_fields:
        assert f"| `{key}` |" in text


def test_each_key_has_a_description():
    assert not [key for key, field in Environment.model_fields.items() if not field.description]
