"""A drill: a release in environments of its own, served by Microsoft's own inference server.

The job and the deployments get interpreters from the packages that they name, as on Azure. The
packages come from the package index.
"""

from __future__ import annotations

import json

import pytest
from tests.e2e.packs import check_pack, newest, read_record, read_values
from tests.e2e.projects import checkout, left_behind, rehearse

pytestmark = [pytest.mark.e2e, pytest.mark.drill]


def output(pack, runbook: str) -> str:
    """The text that an executed runbook printed."""
    notebook = json.loads((pack / "notebooks" / f"{runbook}.ipynb").read_text())
    outputs = [each for cell in notebook["cells"] for each in cell.get("outputs", ())]
    return "".join("".join(each.get("text", ())) for each in outputs)


@pytest.mark.parametrize(
    ("scoring", "script"), [("score", "code/main.py"), ("", "mlflow_score.py")]
)
def test_a_release_is_served_by_microsofts_server_in_its_environment(tmp_path, scoring, script):
    project = checkout(tmp_path / "project")
    done = rehearse(project, "--set", "isolation=uv", "--set", f"scoring_notebook={scoring}")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    pack = newest(project)
    assert read_record(pack)["verdict"] == "passed"
    check_pack(project, pack)
    log = output(pack, "06_deploy_online")
    assert "Azure ML inference server 1.5" in log
    assert script in log  # Microsoft's server has found the scoring script
    tested = read_values(pack, "07_test_online")
    assert tested["online_rows_tested"] == 50
    assert tested["load_test"]["requests"] > 0
    interpreters = project / ".azureml-local" / "interpreters"
    built = sorted(path.parent for path in interpreters.glob("*/complete"))
    packages = [
        {
            each.name.partition("-")[0]
            for each in folder.glob("lib/python*/site-packages/*.dist-info")
        }
        for folder in built
    ]
    # One for the training job and the scoring script, one for the model deployed without code.
    assert ["azureml_inference_server_http" in each for each in packages] == [True, True]
    assert not left_behind(project)
