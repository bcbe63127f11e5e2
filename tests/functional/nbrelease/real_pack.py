"""A whole release of small runbooks, executed by real kernels: a pack to verify and to tamper with."""

from __future__ import annotations

import json
import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output

from nbrelease.attestation import sign
from nbrelease.cli import main

# (cell, tag, source) of the training notebook: a small one, because each check of a pack exports it.
TRAINING = [
    ("parameters", "parameters", "test_size: float = 0.3\nrandom_state: int = 0"),
    ("split", "export", "def held_out(rows: int, test_size: float) -> int:\n    return round(rows * test_size)"),
    ("test-held-out", "test", "assert held_out(200, 0.3) == 60"),
    ("train", "main", "print(held_out(200, test_size), random_state)"),
]  # fmt: skip

PREPARE = """\
from nbrelease import record
record(data_name="rows", data_version="3", data_rows=200, data_sha256="d4" * 32,
       data_profile={"rows": 200, "overlap": 0})"""
TRAIN = """\
from nbrelease import record
metrics = {"accuracy": 0.8125, "roc_auc": 0.9, "test_rows": 80.0}
comparison = {"rows": 80, "metrics": [{"name": "roc_auc", "challenger": 0.9}]}
record(job_name="calm_pea_1", metrics=metrics, comparison=comparison)"""
REGISTER = """\
from nbrelease import record
criteria = [{"metric": "roc_auc", "operator": "at least", "threshold": 0.8,
             "value": comparison["metrics"][0]["challenger"], "passed": True}]
record(gate={"verdict": "passed", "criteria": criteria},
       model_name=model_name, model_version="2", model_sha256="ab" * 32)"""
BATCH = """\
from nbrelease import record
folder = "/tmp/rows-of-the-batch"  # a folder in the project's own code
record(batch_endpoint="rows-batch", batch_deployment=f"model-{model_version}",
       rows_in=40, rows_out=40)"""
ONLINE = """\
from nbrelease import record
record(online_endpoint="rows-online", online_deployment=f"model-{model_version}",
       scoring_uri="https://localhost/score", parity_max_abs_diff=0.0)"""
RELEASE = """\
from datetime import UTC, datetime
from nbrelease import record
rollout = [{"time": datetime.now(UTC).isoformat(), "decision": decision,
            "traffic": {"model-1": 100 - share, online_deployment: share}}
           for share, decision in ((50, "go on"), (100, "done"))]
record(rollout=rollout, previous_deployment="model-1", keep_previous_until="2027-01-31",
       traffic={"model-1": 0, online_deployment: 100})"""

# (stage, runbook, parameters, code).
RUNBOOKS = [
    ("train", "01_prepare", "release_id: str = ''", PREPARE),
    ("train", "02_train", "data_version: str = '0'", TRAIN),
    ("register", "03_register", "model_name: str = ''\njob_name: str = ''\ncomparison: dict = {}", REGISTER),
    ("deploy", "05_test_batch", "model_version: str = '0'", BATCH),
    ("deploy", "07_test_online", "model_version: str = '0'", ONLINE),
    ("release", "08_release_online", "model_version: str = '0'\nonline_deployment: str = ''", RELEASE),
]  # fmt: skip
ASKED = {"03_register": ("prod", "Ada", "better"), "08_release_online": ("blue", "Lin", "")}


def make(project) -> Path:
    """Run the release in a project's folder, sign its pack, append two entries.

    The key is ``key`` beside the project, another one ``other``.
    """
    root = project.root
    settings = root / "settings.ini"
    settings.write_text(settings.read_text("utf-8").replace("scoring_notebook = score\n", ""))
    cells = [
        new_code_cell(source, id=name, metadata={"tags": [tag]}) for name, tag, source in TRAINING
    ]
    (root / "notebooks").mkdir()
    nbformat.write(new_notebook(cells=cells), root / "notebooks" / "train.ipynb")
    assert main(["export"]) == 0
    for _, name, parameters, code in RUNBOOKS:
        project.runbook(
            name,
            ("parameters", ["parameters"], parameters),
            ("shown", ["check"], "print('rows', 40)"),
            ("record", [], code),
            ("test-something", ["test"], "assert True"),
            outputs={"shown": [new_output("stream", name="stdout", text="rows 40\n")]},
        )
    git(root, "add", "-A")
    git(root, "-c", "user.name=Grace", "-c", "user.email=g@example.org", "commit", "-qm", "all")
    assert main(["release", "begin", "--env", "prod"]) == 0
    [pack] = (root / "evidence").iterdir()
    decisions = []
    for stage, name, _, _ in RUNBOOKS:
        if name in ASKED:
            environment, person, comment = ASKED[name]
            decisions.append({
                "environment": environment, "stage": stage, "decision": "approved",
                "name": person, "comment": comment, "time": datetime.now(UTC).isoformat(),
            })  # fmt: skip
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("SYSTEM_STAGENAME", stage)
            assert main(["run", name, "--env", "prod", "--release", pack.name]) == 0
    (pack / "decisions.json").write_text(json.dumps(decisions))
    stages = " ".join(f"{stage}=Succeeded" for stage in dict.fromkeys(each[0] for each in RUNBOOKS))
    assert main(["evidence", "build", "--env", "prod", "--results", stages, pack.name]) == 0
    for name in ("key", "other"):
        sign.generate(root / name)
    key = ["--key", str(root / "key")]
    assert main(["evidence", "sign", pack.name, *key]) == 0
    (root / "drift.json").write_text('{"psi": 0.31}')
    drift = ["--kind", "drift report", "--text", "Age drifts", "--attach", "drift.json"]
    assert main(["evidence", "append", pack.name, *drift, *key]) == 0
    words = ["--kind", "incident", "--text", "slow answers", "--actor", "Ada"]
    assert main(["evidence", "append", pack.name, *words, *key]) == 0
    words = ["--kind", "rollback", "--text", "back to model-1", "--about", pack.name]
    assert main(["evidence", "append", pack.name, *words, *key]) == 0
    return pack


def git(root: Path, *words: str) -> None:
    subprocess.run(["git", "-C", root, *words], check=True, env={**os.environ})
