"""Security: credentials, path traversal, credentials of jobs, and secrets in the log."""

from __future__ import annotations

import http.client
import json
import os
import random
import re
import ssl
import stat
import uuid
from pathlib import Path
from urllib.parse import quote

import psutil
import pytest

from azureml_local.routing import ANY, WORKSPACE
from azureml_local.server import operations_table

pytestmark = pytest.mark.functional

REQUESTS_PER_ROUTE = int(os.environ.get("AZUREML_LOCAL_FUZZ", "2"))
NINE = "00000000-0000-0000-0000-000000000"
BASE = f"/subscriptions/{NINE}/resourceGroups/local/providers/Microsoft.MachineLearningServices/workspaces"


class Wire:
    """Sends requests without normalizing their paths."""

    def __init__(self, local):
        state = local.state()
        self.env = state["env"]
        self.host, self.port = "localhost", state["port"]
        self.tls = ssl.create_default_context(capath=self.env["REQUESTS_CA_BUNDLE"])
        self.token = self.env["MLFLOW_TRACKING_TOKEN"]
        self.connection = self._connect()

    def _connect(self):
        return http.client.HTTPSConnection(self.host, self.port, context=self.tls, timeout=120)

    def ask(self, method, path, body=None, headers=None, *, token=""):
        token = self.token if token == "" else token
        credentials = {"Authorization": f"Bearer {token}"} if token else {}
        for last in (False, True):
            try:
                self.connection.request(method, path, body, {**credentials, **(headers or {})})
                answer = self.connection.getresponse()
                return answer.status, answer.read()
            except (ConnectionError, http.client.RemoteDisconnected, ssl.SSLError):
                # The server closes idle connections, and those with unread content.
                self.connection.close()
                self.connection = self._connect()
                if last:
                    raise
        raise AssertionError


@pytest.fixture(scope="module")
def wire(local):
    return Wire(local)


@pytest.fixture(scope="module")
def ml(client):
    ml_client = client("security")
    ml_client.workspaces.get("security")
    return ml_client


@pytest.fixture(scope="module")
def container(ml):
    """The path of the default datastore's container, and its SAS token."""
    store = ml.datastores.get("workspaceblobstore", include_secrets=True)
    host = store.account_name.partition("/")[2]
    return f"/{host}.blob.core.windows.net/{store.container_name}", store.credentials.sas_token


# Credentials


def routes():
    for line in operations_table().splitlines()[2:]:
        _, operation, request, *_ = (part.strip() for part in line.split("|"))
        methods, _, pattern = request.strip("`").rpartition(" ")
        if methods == "any":
            methods = ANY.replace("|", ", ")
        for method in methods.replace(",", "").split():
            yield operation, method, pattern


def filled(pattern, draw=lambda name: f"some-{name}"):
    whole = pattern.replace("{W}", f"{BASE}/security")
    return re.sub(r"\{(\w+)\}", lambda match: draw(match[1]), whole)


def test_each_operation_requires_credentials(wire):
    own = ("/metadata/", "/discovery")  # requested before a client has a token
    request_count = 0
    for operation, method, pattern in routes():
        path = filled(pattern)
        if path.startswith(own):
            continue
        for headers in ({}, {"Authorization": "Bearer a.b.c"}, {"Authorization": "Basic eDp5"}):
            status, body = wire.ask(method, path, b"{}", headers, token=None)
            # Endpoints have their own keys, so a missing endpoint is 404.
            right = (401, 403) if not path.startswith("/online/") else (401, 403, 404)
            if operation == "MLflow tracking - Link to the pages":
                right = (303,)  # redirects to a studio page, which requires its key
            assert status in right, (operation, method, path, status, body[:200])
            request_count += 1
    assert request_count > 250


def test_a_sas_token_is_valid_for_its_account_only(wire, container, client):
    path, sas = container
    other = client("security-2").datastores.get("workspaceblobstore", include_secrets=True)
    assert wire.ask("PUT", f"{path}/mine?{sas}", b"x", token=None)[0] == 201
    assert wire.ask("GET", f"{path}/mine?{sas}", token=None) == (200, b"x")
    for wrong in (other.credentials.sas_token, sas[:-1], sas + "x", "sig=", "sv=1&sr=c"):
        assert wire.ask("GET", f"{path}/mine?{wrong}", token=None)[0] in (401, 403)


def test_the_server_listens_on_loopback_only(local):
    server = psutil.Process(local.process.pid)
    places = set()
    for process in [server, *server.children(recursive=True)]:
        try:
            sockets = process.net_connections("inet")
        except psutil.NoSuchProcess:
            continue  # it ended meanwhile
        places |= {each.laddr.ip for each in sockets if each.status == psutil.CONN_LISTEN}
    assert places == {"127.0.0.1"}


def test_only_the_owner_can_read_keys(local):
    for name in ("tls/server.key", "tls/server.pem", "tls/ca-bundle.pem", "server.json"):
        assert stat.S_IMODE((local.data / name).stat().st_mode) == 0o600, name
    database = stat.S_IMODE((local.data / "store.sqlite3").stat().st_mode)  # it contains the secret
    assert database & 0o077 == 0


# Paths

DOTS = (
    "..", "%2e%2e", "%2E%2E", ".%2e", "%2e.", "%252e%252e", "..%00", "..%20", "..;", "...", "....",
    "%c0%ae%c0%ae", "%e0%80%ae%e0%80%ae", "%uff0e%uff0e", ".%00.", "..%0a",
)  # fmt: skip
SLASHES = ("/", "%2f", "%2F", "%5c", "\\", "//", "%252f", "/./")
FORMS = [f"{dots}{slash}" * 4 + "secret" for dots in DOTS for slash in SLASHES]
assert len(FORMS) >= 100


def tree(folder):
    # Unlike rglob, walk leaves out folders that are deleted meanwhile.
    return {Path(parent) / name for parent, _, names in os.walk(folder) for name in names}


@pytest.fixture
def outside(local):
    """Files in the folders that a path with up to four ``..`` can reach."""
    folder, created = local.data / "blobs", []
    folder.mkdir(exist_ok=True)
    for place in (folder, local.data, local.data.parent):
        created.append(place / "secret")
        created[-1].write_text("SECRET of this machine")
    yield created
    for each in created:
        assert each.read_text() == "SECRET of this machine"
        each.unlink()


def test_blobs_stay_in_their_container(wire, local, outside, container):
    path, sas = container
    assert wire.ask("PUT", f"{path}/first?{sas}", b"x", token=None)[0] == 201
    inside = next((local.data / "blobs").glob(f"*/{path.rpartition('/')[2]}"))
    before = tree(local.data) - tree(inside)
    for form in FORMS:
        for prefix in ("", "LocalUpload/x/"):
            place = f"{path}/{prefix}{form}".replace(" ", "%20")
            status, _ = wire.ask("PUT", f"{place}?{sas}", b"overwritten", token=None)
            # A form that only looks like ".." is an ordinary name.
            assert status in (201, 400, 401, 404, 409, 501), (form, status)
            status, body = wire.ask("GET", f"{place}?{sas}", token=None)
            assert b"SECRET" not in body, form
            if form.startswith("../../../../"):
                assert status == 400, (form, status)
    left = tree(local.data) - tree(inside) - tree(local.data / "mlflow") - before
    left = {each for each in left if "sqlite3" not in each.name}
    assert not left


def test_artifacts_stay_in_their_run(wire, local, outside):
    api = f"/mlflow/v1.0{BASE}/security/api/2.0"
    status, body = wire.ask(
        "POST",
        f"{api}/mlflow/runs/create",
        json.dumps({"experiment_id": "0", "start_time": 1}),
        {"Content-Type": "application/json"},
    )
    assert status == 200, body
    run = json.loads(body)["run"]["info"]["run_id"]
    for form in FORMS:
        for place in (
            f"{api}/mlflow-artifacts/artifacts/{form}",
            f"{api}/mlflow-artifacts/artifacts/ExperimentRun/{form}",
            f"{api}/mlflow/artifacts/list?run_id={run}&path={form}",
        ):
            status, body = wire.ask("GET", place.replace(" ", "%20"))
            assert b"InternalServerError" not in body, (form, status, body)
            assert b"SECRET" not in body, form
        place = f"{api}/mlflow-artifacts/artifacts/{form}".replace(" ", "%20")
        # MLflow answers some invalid paths with 500; azureml-local must not.
        status, body = wire.ask("PUT", place, b"overwritten")
        assert b"InternalServerError" not in body, (form, status, body)


def test_names_of_code_data_and_outputs_stay_in_their_folder(wire, outside):
    workspace = f"{BASE}/security"
    put = {"Content-Type": "application/json"}
    store = "azureml://datastores/workspaceblobstore/paths"
    for form in FORMS:
        for kind in ("codes", "data", "models", "environments"):
            status, _ = wire.ask("PUT", f"{workspace}/{kind}/{form}/versions/1", b"{}", put)
            assert status in (400, 404, 501), (kind, form, status)
        text = form.replace("%2e", ".").replace("%2f", "/").replace("%5c", "\\")
        for address in (f"{store}/{text}", f"azureml://datastores/{text}/paths/x"):
            body = {"properties": {"modelUri": address, "modelType": "custom_model"}}
            status, answer = wire.ask(
                "PUT", f"{workspace}/models/m/versions/{uuid.uuid4()}", json.dumps(body), put
            )
            # A form that only looks like ".." can be the name of an existing blob.
            right = (400, 404) if ".." in re.split(r"[/\\]", text) else (201, 400, 404)
            assert status in right, (address, status, answer)
    job = {
        "jobType": "Command",
        "command": "echo hello",
        "environmentId": "azureml:AzureML-x@latest",
    }
    for name in ("../../../secret", "..", "a/b", "/etc/x", "a\0b", "", " "):
        for what, value in (("outputs", {}), ("inputs", {"jobInputType": "literal", "value": "1"})):
            body = {"properties": {**job, what: {name: value}}}
            status, answer = wire.ask(
                "PUT", f"{workspace}/jobs/{uuid.uuid4()}", json.dumps(body), put
            )
            assert status == 400, (name, what, status, answer)
    for uri in (f"{store}/../../secret", f"{store}/..", "azureml://datastores/../paths/x"):
        body = {"properties": {**job, "outputs": {"o": {"uri": uri, "jobOutputType": "uri_file"}}}}
        name = uuid.uuid4()
        status, _ = wire.ask("PUT", f"{workspace}/jobs/{name}", json.dumps(body), put)
        assert status in (201, 400)
        assert status == 400 or _ended(wire, f"{workspace}/jobs/{name}") == "Failed"


def _ended(wire, path):
    import time

    deadline = time.monotonic() + 180
    while time.monotonic() < deadline:
        status = json.loads(wire.ask("GET", path)[1])["properties"]["status"]
        if status in ("Completed", "Failed", "Canceled"):
            return status
        time.sleep(0.1)
    raise AssertionError(f"{path} does not end")


# Jobs


LOOK = """
import json, os, requests
base, ask = os.environ["IDENTITY_ENDPOINT"], {"resource": "x"}
mine = {"X-IDENTITY-HEADER": os.environ["IDENTITY_HEADER"]}
token = requests.get(base, params=ask, headers=mine).json()["access_token"]
said = {}
for kind, value in (("identity", token), ("mlflow", os.environ["MLFLOW_TRACKING_TOKEN"])):
    bearer = {"Authorization": f"Bearer {value}"}
    for path in PATHS:
        url = base.removesuffix("/msi/token") + path
        said[kind, path] = requests.get(url, headers=bearer).status_code
said = {f"{kind} {path}": status for (kind, path), status in said.items()}
others = requests.post(base.removesuffix("/msi/token") + OTHER + "/datastores/workspaceblobstore/listSecrets", headers=bearer)
said["secrets"] = others.status_code
print("SAID", json.dumps(said))
"""


def test_a_jobs_credentials_are_valid_for_its_workspace_only(ml, client, tmp_path):
    from azure.ai.ml import command

    client("security-2").workspaces.get("security-2")
    mine, other = f"{BASE}/security", f"{BASE}/security-2"
    paths = [
        mine,
        other,
        f"{other}/data",
        f"/history/v1.0{other}/runs/x",
        f"/mlflow/v1.0{other}/x",
        BASE,
    ]
    (tmp_path / "look.py").write_text(f"PATHS, OTHER = {paths!r}, {other!r}\n{LOOK}")
    created = ml.jobs.create_or_update(
        command(code=str(tmp_path), command="python look.py", environment="AzureML-any@latest")
    )
    ml.jobs.stream(created.name)
    ml.jobs.download(created.name, download_path=tmp_path / "out")
    (log,) = (tmp_path / "out").rglob("std_log.txt")
    statuses = json.loads(log.read_text().partition("SAID ")[2])
    assert statuses.pop("secrets") == 403
    for name, status in statuses.items():
        assert status == (200 if name.endswith(mine) else 403), name


# Random requests


VALUES = (
    None, True, -1, 0, 10**30, 1.5, float("inf"), "", "x", "x" * 3000, "\0", "\ud800", "../..", "ä b", [],
    [None], [[]], {}, {"a": None}, {"uri": "azureml://datastores/workspaceblobstore/paths/x"},
    {"value": {"a": []}}, "azureml:e:1", "PT0S", "Command", "AmlCompute", "${{inputs.x}}",
    {"referenceType": "Id", "assetId": "azureml:m:1"}, {"jobInputType": "uri_file", "uri": "http://x"},
)  # fmt: skip
FIELDS = (
    "properties", "tags", "dataUri", "dataType", "modelUri", "modelType", "image", "condaFile", "build", "codeUri",
    "componentSpec", "jobType", "command", "environmentId", "inputs", "outputs", "jobs", "limits",
    "resources", "computeId", "computeType", "scaleSettings", "traffic", "mirrorTraffic", "authMode", "model", "sku",
    "codeConfiguration", "environmentVariables", "isArchived", "datastoreType", "inputData", "experimentName", "runId",
    "values", "parameters", "tail", "keyType", "defaults", "settings", "distribution", "description", "schedule",
)  # fmt: skip


def document(draw, depth=0):
    actual = {}
    for name in draw.sample(FIELDS, draw.randrange(6)):
        nested = depth < 3 and draw.random() < 0.5
        actual[name] = document(draw, depth + 1) if nested else draw.choice(VALUES)
    return actual


def test_random_requests_never_cause_a_500(wire, local, ml):
    draw = random.Random(20)
    log = local.data / "serve.log"
    before = log.stat().st_size
    names = (
        "x",
        "e",
        "m",
        "a-b",
        "1",
        "ä",
        "x" * 300,
        "a%00b",
        "%2e%2e",
        "a%2fb",
        "'\"",
        "azureml:x",
        "%ff",
        "latest",
    )
    request_count = 0
    for operation, method, pattern in routes():
        if pattern.startswith("/msi"):
            continue
        for _ in range(REQUESTS_PER_ROUTE):
            path = filled(pattern, lambda _name: quote(draw.choice(names), safe="%"))
            if draw.random() < 0.5 and "{" in pattern:
                query = {
                    "$top": draw.choice(["1", "-1", "x", "9" * 30]),
                    "listViewType": draw.choice(["All", "?"]),
                }
                query |= {
                    "comp": draw.choice(["list", "block", "blocklist", "metadata", "x"]),
                    "prefix": "../",
                }
                path += "?" + "&".join(f"{key}={quote(value)}" for key, value in query.items())
            whole = {"properties": document(draw)} | document(draw)
            body = (
                json.dumps(whole)
                if draw.random() < 0.9
                else draw.choice(["", "[", "[]", "\xff", "null"])
            )
            headers = {
                "Content-Type": "application/json",
                "Range": draw.choice(["bytes=0-", "x", "bytes=5-1"]),
            }
            status, answer = wire.ask(method, path, body.encode("latin-1", "replace"), headers)
            assert status < 500 or status == 501, (operation, method, path, body, answer)
            request_count += 1
    assert request_count > 90 * REQUESTS_PER_ROUTE
    output = log.read_text(errors="replace")[before:]
    assert "Traceback" not in output, output
    assert local.process.poll() is None


def test_no_secret_is_in_the_log(local, ml, container):
    env = local.state()["env"]
    output = (local.data / "serve.log").read_text(errors="replace")
    for secret in (env["IDENTITY_HEADER"], env["MLFLOW_TRACKING_TOKEN"], container[1], WORKSPACE):
        assert secret not in output
