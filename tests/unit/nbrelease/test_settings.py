"""settings.ini: valid values are typed, errors name file, section and key."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from urllib.parse import unquote

import pytest

from nbrelease import packages
from nbrelease.commands.settings import find_shared_endpoints
from nbrelease.errors import ExitCode, SettingsError
from nbrelease.export import layout
from nbrelease.settings import LOCAL_SUBSCRIPTION, Environment, Settings, load, reference

SHIPPED = Path(__file__).parents[3] / "settings.ini"


@pytest.fixture
def edited(tmp_path):
    """The shipped file with one text replaced, read."""

    def edit(old: str, new: str, **overrides: str) -> Settings:
        text = SHIPPED.read_text(encoding="utf-8")
        assert old in text
        if not (tmp_path / "exported").exists():
            shutil.copytree(SHIPPED.parent / "exported", tmp_path / "exported")
        path = tmp_path / "settings.ini"
        path.write_text(text.replace(old, new), encoding="utf-8")
        return Settings(path, overrides)

    return edit


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        ({"workspace": "local"}, (LOCAL_SUBSCRIPTION, "local", "dev")),
        ({"workspace": "local", "workspace_name": "own"}, (LOCAL_SUBSCRIPTION, "local", "own")),
        ({}, ("s", "g", "w")),
    ],
)
def test_a_local_workspace_instead_of_azure_has_not_its_names(edited, overrides, expected):
    """Evidence and telemetry would name the one on Azure."""
    azure = "workspace = azure\nsubscription_id = s\nresource_group = g\nworkspace_name = w"
    env = edited("[dev]\nworkspace = local", f"[dev]\n{azure}", **overrides).environment("dev")
    assert (env.subscription_id, env.resource_group, env.workspace_name) == expected
    assert env.workspace == overrides.get("workspace", "azure")


@pytest.mark.parametrize("key", ["training_notebook", "scoring_notebook"])
@pytest.mark.parametrize(
    ("value", "valid"),
    [("übung", True), ("売上", True), ("_a1", True), ("1a", False), ("a-b", False)],
)
def test_a_module_has_letters_of_any_language(edited, key, value, valid):
    default = SHIPPED.read_text("utf-8").partition(f"{key} = ")[2].partition("\n")[0]
    settings = edited(f"{key} = {default}", f"{key} = {value}")
    if valid:
        assert getattr(settings.environment("dev"), key) == value
    else:
        with pytest.raises(SettingsError):
            settings.environment("dev")


@pytest.mark.parametrize("name", ["dev", "prod"])
def test_the_shipped_file_is_valid(name):
    env = Settings(SHIPPED, {}).environment(name)
    assert (env.workspace_name, env.subscription_id) == (name, LOCAL_SUBSCRIPTION)
    assert env.model_name == "diabetes-classifier"
    assert env.isolation == {"dev": "none", "prod": "auto"}[name]
    assert Settings(SHIPPED, {}).training_parameters(name) == {
        "test_size": 0.3, "estimator": "logistic", "regularization_rate": 0.01, "random_state": 0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "place", "named"),
    [
        ("[dev]\nworkspace = local", "[dev]\nwrkspace = local", "settings.ini [dev] wrkspace:", "workspace?"),
        ("label_column = Diabetic\n", "", "settings.ini [dev] label_column:", "label_column = "),
        ("task = binary", "task = binry", "settings.ini [DEFAULT] task:", "(got binry)"),
        ("task = binary", "test_size = 0.2", "settings.ini [DEFAULT] test_size:", "[train]"),
        ("# the training", "[trian:dev]", "settings.ini [trian:dev]:", "[train:ENV]"),
        ("# the training", "[train:dve]", "settings.ini [train:dve]:", "dev?"),
        ("# the training", "[model:Bikes]", "settings.ini [model:Bikes]:", "(got Bikes)"),
        ("# the training", "[model:a:b:c]", "settings.ini [model:a:b:c]:", "[model:NAME:ENV]"),
        ("observe_seconds = 2\n", "observe_seconds = inf\n", "settings.ini [dev] observe_seconds:", "(got inf)"),
        ("traffic_steps = 100", "traffic_steps = 10, 50", "settings.ini [dev] traffic_steps:", "100 (got 10, 50)"),
        ("traffic_steps = 100", "traffic_steps = 50, 10, 100", "settings.ini [dev] traffic_steps:", "(got 50, 10, 100)"),
        ("[dev]\nworkspace = local", "[dev]\nworkspace = azure", "settings.ini [dev] subscription_id:", "workspace = azure"),
        ("%(project)s-train", "%(projekt)s-train", "settings.ini [DEFAULT] experiment_name:", "projekt"),
        ("%(project)s-train", "%(project)-train", "settings.ini [DEFAULT] experiment_name:", "%%"),
        ("project = diabetes", "project = 10%", "settings.ini [DEFAULT] project:", "(got 10%)"),
        ("training_data = ", "training_data = https://example.org/a%20b.csv#", "settings.ini [DEFAULT] training_data:", "%% for a percent sign"),
        ("project = diabetes", "project = %(project)s", "settings.ini [DEFAULT] project:", "itself"),
        ("[DEFAULT]", "DEFAULT", "settings.ini:", "DEFAULT"),
    ],
)  # fmt: skip
def test_errors_name_section_and_key(edited, old, new, place, named):
    with pytest.raises(SettingsError) as caught:
        edited(old, new).environment("dev")
    assert re.sub(r":\d+ ", " ", str(caught.value), count=1).startswith(place)
    assert named in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == ExitCode.USAGE


def test_a_doubled_percent_sign_is_one(edited):
    settings = edited("training_data = ", "training_data = https://example.org/a%%20b.csv#")
    assert settings.environment("dev").training_data.startswith("https://example.org/a%20b.csv")


def test_a_byte_order_mark_is_no_part_of_the_file(tmp_path):
    text = SHIPPED.read_text(encoding="utf-8").replace("notebooks = notebooks\n", "")
    text = text.replace("[DEFAULT]\n", "[DEFAULT]\nnotebooks = code\n", 1)
    (tmp_path / "settings.ini").write_text(text, encoding="utf-8-sig")
    assert Settings(tmp_path / "settings.ini", {}).environment("dev").notebooks == Path("code")
    assert layout.load(tmp_path).layout.notebooks == tmp_path / "code"
    assert packages.check(layout.load(tmp_path).layout) == []


@pytest.mark.parametrize(
    ("old", "new", "place", "named"),
    [
        ("estimator =", "estimater =", "settings.ini:{line} [train] estimater:", "estimator?"),
        ("test_size = 0.3", "test_size = half", "settings.ini:{line} [train] test_size:", "(got 'half')"),
        ("test_size = 0.3", "input_data = x", "settings.ini:{line} [train] input_data:", "training_data"),
        ("test_size = 0.3", "label_column = x", "settings.ini:{line} [train] label_column:", "[DEFAULT]"),
        ("test_size = 0.3", "compute = x", "settings.ini:{line} [train] compute:", "[DEFAULT]"),
        ("[dev]", "[train:dev]\nrandom_state = x\n[dev]", "settings.ini:{line} [train:dev] random_state:", "(got 'x')"),
    ],
)  # fmt: skip
def test_training_parameters_are_checked_with_the_contract(edited, old, new, place, named):
    settings = edited(old, new)
    assert settings.environment("dev").task == "binary"
    with pytest.raises(SettingsError) as caught:
        settings.training_parameters("dev")
    [key] = re.findall(r"\] (\w+):", place)
    lines = settings.path.read_text(encoding="utf-8").splitlines()
    last = max(n for n, line in enumerate(lines, start=1) if line.startswith(f"{key} "))
    assert str(caught.value).startswith(place.format(line=last))
    assert named in str(caught.value)
    assert caught.value.exit_code == ExitCode.USAGE


def test_training_parameters_per_environment(edited):
    more = "[train:prod]\nestimator = random_forest\ntest_size =\n[dev]"
    settings = edited("[dev]", more)
    assert settings.training_parameters("dev")["estimator"] == "logistic"
    assert settings.training_parameters("prod")["estimator"] == "random_forest"
    assert settings.training_parameters("prod")["test_size"] == 0.3  # the notebook's default


def test_without_an_export_parameters_are_an_error(edited):
    settings = edited("training_notebook = train", "training_notebook = other")
    settings.environment("dev")
    with pytest.raises(SettingsError, match=r"exported/other/contract\.json"):
        settings.training_parameters("dev")


def test_overrides_apply_to_every_section_and_are_named(edited):
    settings = edited("x", "x", estimator="pipeline", task="custom")
    assert settings.environment("prod").task == "custom"
    assert settings.training_parameters("prod")["estimator"] == "pipeline"
    with pytest.raises(SettingsError, match=r"^variable NBRELEASE_SET_TEST_SIZE: .*\(got 'big'\)"):
        edited("x", "x", test_size="big").training_parameters("dev")
    with pytest.raises(SettingsError, match=r"^variable NBRELEASE_SET_TESTSIZE: .*test_size\?"):
        edited("x", "x", testsize="0.2").environment("dev")
    with pytest.raises(SettingsError, match=r"^variable NBRELEASE_SET_WORKSPCE: .*workspace\?"):
        edited("x", "x", workspce="local").environment("dev")


def test_arguments_take_precedence_and_are_named():
    both = Settings(SHIPPED, {"test_size": "0.2"}, {"test_size": "0.1"})
    assert both.training_parameters("dev")["test_size"] == 0.1
    wrong = Settings(SHIPPED, {"test_size": "0.2"}, {"test_size": "big"})
    with pytest.raises(SettingsError, match=r"^--set test_size: .*\(got 'big'\)"):
        wrong.training_parameters("dev")


def test_a_notebook_parameter_with_the_name_of_a_key_has_its_value(edited):
    settings = edited("task = binary", "task = forecasting\ntime_column = when")
    path = settings.root / "exported" / "train" / "contract.json"
    content = json.loads(path.read_text())
    text = {"type": "str", "optional": False, "choices": [], "help": "", "group": ""}
    content["parameters"] += [
        {**text, "name": "time_column", "default": "day"},
        {**text, "name": "horizon_column", "default": "step"},
        {**text, "name": "zones", "type": "Path", "default": "../data/zones.csv"},
        {**text, "name": "output_model", "type": "Path", "default": "model"},
    ]
    path.write_text(json.dumps(content))
    values = settings.training_parameters("dev")
    assert (values["time_column"], values["horizon_column"]) == ("when", "step")
    assert not {"zones", "output_model", "label_column", "input_data"} & values.keys()
    zones = Settings(settings.path, {"zones": "azureml:zones:3"}).training_parameters("dev")
    assert zones["zones"] == "azureml:zones:3"
    with pytest.raises(SettingsError, match=r"^variable NBRELEASE_SET_OUTPUT_MODEL:"):
        Settings(settings.path, {"output_model": "x"}).environment("dev")


MODELS = """\
[model:rentals]
training_notebook = rentals
label_column = count
task = regression
depth = 3

[model:rentals:prod]
depth = 5
online_endpoint = bikes

[model:forest]
training_notebook = train
estimator = random_forest

[dev]"""
RENTALS = {
    "schema_version": 1, "notebook": "notebooks/rentals.ipynb", "metrics": [], "functions": [],
    "parameters": [
        {"name": "depth", "type": "int", "optional": False, "choices": [], "default": 2, "help": "", "group": ""},
    ],
}  # fmt: skip


@pytest.fixture
def two(edited):
    """The shipped file with two further models, one of them with a notebook of its own."""

    def edit(**overrides: str) -> Settings:
        settings = edited("[dev]", MODELS, **overrides)
        folder = settings.root / "exported" / "rentals"
        folder.mkdir(exist_ok=True)
        (folder / "contract.json").write_text(json.dumps(RENTALS))
        return settings

    return edit


def test_a_model_overrides_keys_and_parameters_and_has_its_own_names(two):
    settings = two()
    assert settings.names == ("dev", "prod")
    assert settings.models == ("rentals", "forest")
    env = settings.environment("dev", "rentals")
    assert (env.label_column, env.task, env.model_name) == ("count", "regression", "rentals")
    assert env.online_endpoint == "diabetes-online-rentals"
    assert env.batch_endpoint == "diabetes-batch-rentals"
    assert env.data_name == "diabetes-rentals"
    assert env.experiment_name == "diabetes-train-rentals"
    assert env.environment_name == "diabetes-train"
    assert settings.environment("prod", "rentals").online_endpoint == "bikes"
    assert settings.training_parameters("dev", "rentals") == {"depth": 3}
    assert settings.training_parameters("prod", "rentals") == {"depth": 5}
    assert settings.training_parameters("dev", "forest")["estimator"] == "random_forest"
    assert settings.training_parameters("dev", "forest")["test_size"] == 0.3
    base = settings.environment("dev")
    assert (base.label_column, base.model_name) == ("Diabetic", "diabetes-classifier")
    assert settings.training_parameters("dev")["estimator"] == "logistic"


def test_an_override_may_be_for_one_of_the_models(two):
    settings = two(depth="9")
    assert settings.training_parameters("prod", "rentals") == {"depth": 9}
    for name in ("", "rentals"):
        settings.environment("dev", name)
        settings.check_parameters("dev", name)
    with pytest.raises(SettingsError, match=r"^variable NBRELEASE_SET_DEPTH:"):
        settings.training_parameters("dev")
    with pytest.raises(SettingsError, match=r"^variable NBRELEASE_SET_DEPHT: .*depth\?"):
        two(depht="9").environment("dev", "rentals")


def test_an_unknown_model_gives_the_nearest_one(two, edited):
    with pytest.raises(SettingsError, match=r"\[model:rental\].* rentals\?"):
        two().environment("dev", "rental")
    with pytest.raises(SettingsError, match=r"\[model:rentals\]"):
        edited("x", "x").environment("dev", "rentals")


@pytest.mark.parametrize(
    ("new", "place", "named"),
    [
        ("depht = 3", "settings.ini:{line} [model:rentals] depht:", "depth?"),
        ("compte = x", "settings.ini:{line} [model:rentals] compte:", "compute?"),
        ("observe_seconds = x", "settings.ini:{line} [model:rentals] observe_seconds:", "(got x)"),
        ("evidence = mine", "settings.ini:{line} [model:rentals] evidence:", "[DEFAULT]"),
    ],
)
def test_errors_of_a_model_name_its_section(two, new, place, named):
    settings = two()
    text = settings.path.read_text(encoding="utf-8").replace("depth = 3", new)
    settings.path.write_text(text, encoding="utf-8")
    line = text.splitlines().index(new) + 1
    with pytest.raises(SettingsError) as caught:
        Settings(settings.path, {}).environment("dev", "rentals")
    assert str(caught.value).startswith(place.format(line=line))
    assert named in str(caught.value)


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


AZURE = "workspace = azure\nsubscription_id = s\nresource_group = g\nworkspace_name = "


@pytest.mark.parametrize(
    ("prod", "keys"),
    [
        ("prod-ws", ["online_endpoint", "batch_endpoint"]),
        ("prod-ws\nonline_endpoint = other", ["batch_endpoint"]),
        ("dev-ws", []),
    ],
)
def test_endpoints_of_one_name_in_two_azure_workspaces_are_reported(edited, tmp_path, prod, keys):
    text = SHIPPED.read_text(encoding="utf-8").replace(
        "[prod]\nworkspace = local", f"[prod]\n{AZURE}{prod}"
    )
    edited("x", "x")
    path = tmp_path / "settings.ini"
    path.write_text(
        text.replace("[dev]\nworkspace = local", f"[dev]\n{AZURE}dev-ws"), encoding="utf-8"
    )
    messages = find_shared_endpoints(Settings(path, {}))
    assert [message.split()[1] for message in messages] == keys
    assert find_shared_endpoints(Settings(SHIPPED, {})) == []


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


def test_package_checks_use_the_defaults_of_the_keys():
    fields = Environment.model_fields
    assert fields["training_notebook"].default == packages.TRAINING_NOTEBOOK
    assert fields["conda_file"].default.as_posix() == packages.CONDA_FILE
