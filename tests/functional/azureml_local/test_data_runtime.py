"""The data runtime's services, as azureml-fsspec and mltable request them.

The packages themselves are not dependencies: `tests/conformance` has mltable in its environment.
"""

from __future__ import annotations

import os

import pytest
import requests

pytestmark = pytest.mark.functional


def test_a_datastore_and_a_version_of_data_lead_to_the_files(client, local, tmp_path):
    from azure.ai.ml.entities import Data
    from azure.identity import DefaultAzureCredential

    ml = client("runtime")
    (tmp_path / "t").mkdir()
    (tmp_path / "t" / "MLTable").write_text("type: mltable\npaths:\n  - file: ./a.csv\n")
    data = ml.data.create_or_update(
        Data(name="t", version="1", path=str(tmp_path / "t"), type="mltable")
    )
    endpoint = os.environ["AZUREML_SERVICE_ENDPOINT"]
    workspace = data.id.partition("/data/")[0]
    token = DefaultAzureCredential().get_token("https://management.azure.com/.default").token

    def get(path):
        headers = {"Authorization": f"Bearer {token}"}
        answer = requests.get(f"{endpoint}{path}", headers=headers, timeout=30)
        assert answer.status_code == 200
        return answer.json()

    version = get(f"/data/v1.0{workspace}/dataversion/t/versions/1")["dataVersion"]
    assert (version["dataUri"], version["dataType"]) == (data.path, "MLTable")
    store = get(f"/datastore/v1.0{workspace}/datastores/workspaceblobstore")["azureStorageSection"]
    path = data.path.partition("/paths/")[2]
    url = f"https://{store['accountName']}.blob.core.windows.net/{store['containerName']}/{path}"
    assert requests.get(f"{url}MLTable?{store['credential']}", timeout=30).text.startswith("type:")
