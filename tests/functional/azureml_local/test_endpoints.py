"""Online endpoints: authentication, choice of the deployment, mirrored traffic and scale."""

from __future__ import annotations

import json
import time
from collections import Counter

import pytest
import requests

pytestmark = pytest.mark.functional

ECHO = """
import json, os
from pathlib import Path
def init():
    pass
def run(raw_data):
    with open(os.environ["SEEN"], "a") as file:
        file.write(raw_data + "\\n")
    return os.environ["NAME"]
"""


@pytest.fixture(scope="module")
def ml(client):
    from azure.ai.ml.entities import Environment

    ml_client = client("endpoints")
    ml_client.environments.create_or_update(Environment(name="e", image="none:1"))
    return ml_client


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    return tmp_path_factory.mktemp("seen")


@pytest.fixture(scope="module")
def deployed(ml, seen, tmp_path_factory):
    """An endpoint with three deployments that write down what they are asked."""
    from azure.ai.ml.entities import (
        CodeConfiguration,
        ManagedOnlineDeployment,
        ManagedOnlineEndpoint,
        OnlineRequestSettings,
    )

    folder = tmp_path_factory.mktemp("echo")
    (folder / "score.py").write_text(ECHO)
    ml.online_endpoints.begin_create_or_update(
        ManagedOnlineEndpoint(name="split", auth_mode="key")
    ).result()
    for name in ("blue", "green", "shadow"):
        ml.online_deployments.begin_create_or_update(
            ManagedOnlineDeployment(
                name=name, endpoint_name="split", instance_type="Standard_DS3_v2",
                instance_count=1, environment="azureml:e:1",
                code_configuration=CodeConfiguration(code=str(folder), scoring_script="score.py"),
                environment_variables={"NAME": name, "SEEN": str(seen / name)},
                request_settings=OnlineRequestSettings(
                    max_concurrent_requests_per_instance=8, request_timeout_ms=30_000
                ),
            )
        ).result()  # fmt: skip
    return ml.online_endpoints.get("split")


def update(ml, **maps):
    endpoint = ml.online_endpoints.get("split")
    for name, value in maps.items():
        setattr(endpoint, name, value)
    return ml.online_endpoints.begin_create_or_update(endpoint).result()


def session_of(ml, name: str) -> requests.Session:
    session = requests.Session()
    keys = ml.online_endpoints.get_keys(name)
    token = getattr(keys, "primary_key", None) or keys.access_token
    session.headers["Authorization"] = f"Bearer {token}"
    return session


@pytest.mark.parametrize(
    ("maps", "target"),
    [
        ({"mirror_traffic": {"shadow": 51}}, "mirrorTraffic"),
        ({"mirror_traffic": {"nobody": 10}}, "mirrorTraffic"),
        ({"mirror_traffic": {"blue": 10}}, "mirrorTraffic"),
        ({"mirror_traffic": {"green": 10, "shadow": 10}}, "mirrorTraffic"),
        ({"traffic": {"blue": 99}}, "traffic"),
    ],
)
def test_maps_follow_azures_rules(ml, deployed, maps, target):
    from azure.core.exceptions import HttpResponseError

    update(ml, traffic={"blue": 100}, mirror_traffic={})
    with pytest.raises(HttpResponseError) as refused:
        update(ml, **maps)
    assert (refused.value.status_code, refused.value.error.target) == (400, target)
    assert ml.online_endpoints.get("split").traffic == {"blue": 100, "green": 0, "shadow": 0}


def test_a_share_of_the_requests_is_mirrored_and_the_copys_answer_goes_nowhere(ml, deployed, seen):
    update(ml, traffic={"blue": 60, "green": 40}, mirror_traffic={"shadow": 30})
    assert ml.online_endpoints.get("split").mirror_traffic == {"shadow": 30}
    with session_of(ml, "split") as session:
        answered = Counter(
            session.post(deployed.scoring_uri, json={"n": n}, timeout=120).json()
            for n in range(400)
        )
        named = session.post(
            deployed.scoring_uri, json={"named": 1}, timeout=120,
            headers={"azureml-model-deployment": "shadow"},
        )  # fmt: skip
    assert set(answered) == {"blue", "green"}
    assert 190 < answered["blue"] < 290
    assert named.json() == "shadow"
    copies = [json.loads(line) for line in (seen / "shadow").read_text().splitlines()]
    mirrored = [each["n"] for each in copies if "n" in each]
    assert 70 < len(mirrored) < 180
    assert len(set(mirrored)) == len(mirrored)
    update(ml, mirror_traffic={})
    with session_of(ml, "split") as session:
        for n in range(30):
            body = {"not mirrored": n}
            assert session.post(deployed.scoring_uri, json=body, timeout=120).status_code == 200
    assert "not mirrored" not in (seen / "shadow").read_text()


def test_a_deployment_that_is_shown_copies_is_not_deleted(ml, deployed):
    from azure.core.exceptions import ResourceExistsError

    update(ml, traffic={"blue": 100}, mirror_traffic={"shadow": 10})
    with pytest.raises(ResourceExistsError):
        ml.online_deployments.begin_delete("shadow", "split").result()
    update(ml, mirror_traffic={})


def test_a_deployment_is_scaled(ml, deployed):
    deployment = ml.online_deployments.get("green", "split")
    deployment.instance_count = 2
    assert ml.online_deployments.begin_create_or_update(deployment).result().instance_count == 2
    assert ml.online_deployments.get("green", "split").instance_count == 2
    with session_of(ml, "split") as session:
        headers = {"azureml-model-deployment": "green"}
        answer = session.post(deployed.scoring_uri, json={}, headers=headers, timeout=120)
    assert answer.json() == "green"
    deployment.instance_count = 1000
    from azure.core.exceptions import HttpResponseError

    with pytest.raises(HttpResponseError) as refused:
        ml.online_deployments.begin_create_or_update(deployment).result()
    assert refused.value.error.target == "sku.capacity"


def test_keys_are_regenerated_one_at_a_time(ml, deployed):
    update(ml, traffic={"blue": 100})
    before = ml.online_endpoints.get_keys("split")
    ml.online_endpoints.begin_regenerate_keys("split", key_type="secondary").result()
    after = ml.online_endpoints.get_keys("split")
    assert after.primary_key == before.primary_key
    assert after.secondary_key != before.secondary_key
    for key, status in ((after.secondary_key, 200), (before.secondary_key, 401), ("", 401)):
        headers = {"Authorization": f"Bearer {key}"}
        answer = requests.post(deployed.scoring_uri, json={}, headers=headers, timeout=120)
        assert answer.status_code == status


@pytest.mark.parametrize("mode", ["aml_token", "aad_token"])
def test_tokens_let_in_and_open_nothing_else(ml, local, mode, tmp_path):
    from azure.ai.ml.entities import (
        CodeConfiguration,
        ManagedOnlineDeployment,
        ManagedOnlineEndpoint,
        OnlineRequestSettings,
    )

    name = mode.replace("_", "-")
    (tmp_path / "score.py").write_text("def init(): pass\ndef run(data): return 5\n")
    ml.online_endpoints.begin_create_or_update(
        ManagedOnlineEndpoint(name=name, auth_mode=mode)
    ).result()
    assert ml.online_endpoints.get(name).auth_mode == mode
    ml.online_deployments.begin_create_or_update(
        ManagedOnlineDeployment(
            name="one", endpoint_name=name, instance_type="Standard_DS3_v2", instance_count=1,
            environment="azureml:e:1",
            code_configuration=CodeConfiguration(code=str(tmp_path), scoring_script="score.py"),
            request_settings=OnlineRequestSettings(request_timeout_ms=30_000),
        )
    ).result()  # fmt: skip
    endpoint = ml.online_endpoints.get(name)
    endpoint.traffic = {"one": 100}
    ml.online_endpoints.begin_create_or_update(endpoint).result()
    keys = ml.online_endpoints.get_keys(name)
    (tmp_path / "asked.json").write_text("{}")
    assert ml.online_endpoints.invoke(name, request_file=str(tmp_path / "asked.json")) == "5"
    general = local.state()["env"]["MLFLOW_TRACKING_TOKEN"]
    for token, status in ((keys.access_token, 200), (general, 403), ("a.b.c", 401)):
        headers = {"Authorization": f"Bearer {token}"}
        assert (
            requests.post(endpoint.scoring_uri, json={}, headers=headers, timeout=120).status_code
            == status
        )
    if mode == "aml_token":
        assert 0 < keys.expiry_time_utc - time.time() <= 3600
        assert keys.refresh_after_time_utc < keys.expiry_time_utc
        headers = {"Authorization": f"Bearer {keys.access_token}"}
        url = f"{local.state()['url']}{endpoint.id}"
        assert requests.get(url, headers=headers, timeout=120).status_code == 403
    ml.online_endpoints.begin_delete(name).result()


@pytest.mark.parametrize("name", ["ab", "1st", "under_score", "x" * 33, "ends-"])
def test_names_follow_azures_rule(local, ml, name):
    env = local.state()["env"]
    url = f"{local.state()['url']}{ml.workspaces.get('endpoints').id}/onlineEndpoints/{name}"
    headers = {"Authorization": f"Bearer {env['MLFLOW_TRACKING_TOKEN']}"}
    answer = requests.put(url, json={"properties": {}}, headers=headers, timeout=120)
    assert (answer.status_code, answer.json()["error"]["target"]) == (400, "name")


def test_a_deployment_with_an_unknown_environment_is_refused(ml, deployed, tmp_path):
    from azure.ai.ml.entities import CodeConfiguration, ManagedOnlineDeployment
    from azure.core.exceptions import HttpResponseError

    (tmp_path / "score.py").write_text("def init(): pass\ndef run(data): return 5\n")
    deployment = ManagedOnlineDeployment(
        name="unknown", endpoint_name="split", instance_type="Standard_DS3_v2", instance_count=1,
        environment="azureml:absent:1",
        code_configuration=CodeConfiguration(code=str(tmp_path), scoring_script="score.py"),
    )  # fmt: skip
    with pytest.raises(HttpResponseError, match="absent") as caught:
        ml.online_deployments.begin_create_or_update(deployment).result()
    assert caught.value.status_code == 404
    names = [each.name for each in ml.online_deployments.list("split")]
    assert "unknown" not in names
