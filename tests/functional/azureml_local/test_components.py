"""Components through the SDK: the form in which they are read back, versions, and labels."""

from __future__ import annotations

import re

import pytest

pytestmark = pytest.mark.functional

COMMAND = """
$schema: https://azuremlschemas.azureedge.net/latest/commandComponent.schema.json
name: {name}
display_name: {display_name}
type: command
inputs:
  rows: {{type: uri_folder}}
  rate: {{type: number, default: 0.5, optional: true}}
distribution: {{type: pytorch, process_count_per_instance: 4}}
environment: azureml:e:1
command: {command} ${{{{inputs.rows}}}} $[[--rate ${{{{inputs.rate}}}}]]
"""


@pytest.fixture(scope="module")
def ml(client):
    from azure.ai.ml.entities import Environment

    client = client("components")
    client.environments.create_or_update(Environment(name="e", version="1", image="i"))
    return client


def load(tmp_path, name, command="echo", display_name="Step", **overrides):
    from azure.ai.ml import load_component

    path = tmp_path / f"{name}.yml"
    path.write_text(COMMAND.format(name=name, command=command, display_name=display_name))
    return load_component(path, params_override=[overrides] if overrides else None)


def test_the_service_completes_a_specification(ml, tmp_path):
    created = ml.components.create_or_update(load(tmp_path, "complete", version="1"))
    assert created._to_dict()["inputs"]["rows"]["optional"] is False
    assert created._to_dict()["inputs"]["rate"]["optional"] is True
    assert created.resources.instance_count == 1
    assert created.distribution.process_count_per_instance == "4"


def test_the_default_compute_of_a_pipeline_component_has_no_prefix(ml, tmp_path):
    from azure.ai.ml import load_component

    load(tmp_path, "inner")
    path = tmp_path / "outer.yml"
    path.write_text(
        "name: outer\nversion: '1'\ntype: pipeline\ninputs:\n  where: {type: string, default: 'azureml:cpu'}\n"
        "  rows: {type: uri_folder}\njobs:\n  step:\n    type: command\n    component: ./inner.yml\n"
        "    compute: ${{parent.inputs.where}}\n    inputs: {rows: '${{parent.inputs.rows}}'}\n"
    )
    created = ml.components.create_or_update(load_component(path))
    assert created._to_dict()["inputs"]["where"]["default"] == "cpu"


def test_descriptive_fields_of_a_version_can_change_and_its_command_cannot(ml, tmp_path):
    from azure.core.exceptions import ResourceExistsError

    ml.components.create_or_update(load(tmp_path, "described", version="1"))
    changed = load(tmp_path, "described", display_name="Other", version="1", description="new")
    created = ml.components.create_or_update(changed)
    assert (created.display_name, created.description) == ("Other", "new")
    with pytest.raises(ResourceExistsError) as caught:
        ml.components.create_or_update(load(tmp_path, "described", command="ls", version="1"))
    assert caught.value.error.target == "componentSpec"


def test_automatic_versions_are_one_and_then_times(ml, tmp_path):
    versions = [ml.components.create_or_update(load(tmp_path, "timed")).version for _ in range(2)]
    assert versions[0] == "1"
    assert re.fullmatch(r"\d{4}(-\d\d){5}-\d{7}", versions[1])
    default = ml.components.get("timed")
    assert default.version == versions[1]
    assert default.id.endswith("/components/timed/labels/default")


def test_equal_anonymous_components_share_a_version_and_have_their_names(ml, tmp_path):
    def register(command):
        component = load(tmp_path, "unnamed", command=command)
        return ml.components.create_or_update(component, is_anonymous=True)

    created, again, other = register("echo"), register("echo"), register("ls")
    assert created.id == again.id != other.id
    name, _, version = created.id.split("/")[-3:]
    assert (name, created.name) == ("azureml_anonymous", "unnamed")
    assert ml.components.get(name, version).name == "unnamed"
