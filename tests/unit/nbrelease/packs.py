"""Releases as their runbooks leave them, before the pack is made: identity, notebooks, decisions."""

from __future__ import annotations

import json
import math
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from nbrelease.published_values import MEDIA_TYPE
from nbrelease.records import release_prefix
from nbrelease.records.criterion import CriterionResult

START = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
FEATURES = [
    "Pregnancies",
    "PlasmaGlucose",
    "DiastolicBloodPressure",
    "TricepsThickness",
    "SerumInsulin",
    "BMI",
    "DiabetesPedigree",
    "Age",
]


def metric(name: str, new: float, old: float | None, half: float) -> dict[str, Any]:
    known = old is not None
    return {
        "name": name,
        "challenger": new,
        "challenger_interval": [new - half, new + half],
        "champion": old,
        "champion_interval": [old - half, old + half] if known else None,
        "difference": new - old if known else None,
        "difference_interval": [new - old - half / 2, new - old + half / 2] if known else None,
    }


def curve(power: float, confusion: list[list[int]]) -> dict[str, Any]:
    points = [i / 40 for i in range(41)]
    return {
        "roc": [[x, math.pow(x, power)] for x in points],
        "calibration": [[x, min(1, x**1.15)] for x in points[2::4]],
        "confusion": confusion,
    }


def profile(champion: bool = True) -> dict[str, Any]:
    return {
        "rows": 15000,
        "duplicates": 0,
        "overlap": 0,
        "columns": [
            {
                "name": name,
                "type": "float64",
                "missing": 0,
                "min": 0.0,
                "max": 199.5,
                "mean": 31.2,
                "std": 9.81,
            }
            for name in FEATURES
        ],
        "checks": [criterion("least", 0.0, "at least", 0, slice=name) for name in FEATURES],
        "drift": [{"column": n, "psi": 0.3 / (i + 1)} for i, n in enumerate(FEATURES)]
        if champion
        else None,
    }


def comparison(champion: bool = True) -> dict[str, Any]:
    return {
        "task": "binary",
        "label": "Diabetic",
        "classes": ["0", "1"],
        "positive": "1",
        "rows": 4500,
        "champion": {"version": "1"} if champion else None,
        "confidence": 0.95,
        "metrics": [
            metric("roc_auc", 0.9826, 0.9202 if champion else None, 0.0033),
            metric("accuracy", 4204 / 4500, 3775 / 4500 if champion else None, 0.0071),
        ],
        "mcnemar": {"champion_only": 97, "challenger_only": 526, "p_value": 3.1e-70}
        if champion
        else None,
        "slices": [
            {
                "slice": f"Age {low} to {low + 15}",
                "column": "Age",
                "low": low,
                "high": low + 15,
                "rows": rows,
                "metrics": {"accuracy": 0.94, "roc_auc": auc},
                "champion_metrics": {"accuracy": 0.85, "roc_auc": 0.921} if champion else None,
            }
            for low, rows, auc in (
                (0, 2710, 0.981),
                (30, 1120, 0.977),
                (45, 602, 0.912),
                (60, 68, None),
            )
        ],
        "curves": {
            "challenger": curve(0.06, [[2840, 171], [125, 1364]]),
            "champion": curve(0.2, [[2711, 300], [425, 1064]]) if champion else None,
        },
    }


def criterion(
    metric: str, value: float, operator: str, threshold: float, **more: Any
) -> dict[str, Any]:
    passed = value >= threshold if operator == "at least" else value <= threshold
    fields = {"metric": metric, "value": value, "operator": operator, "threshold": threshold}
    return CriterionResult.model_validate({**fields, "passed": passed, **more}).model_dump()


def make_gate(verdict: str = "passed", **more: Any) -> dict[str, Any]:
    return {
        "verdict": verdict,
        "criteria": [
            criterion("rows", 4500, "at least", 300),
            criterion("roc_auc", 0.9826, "at least", 0.8),
            criterion("accuracy_difference", 0.033, "at most", 0.3)
            if verdict == "passed"
            else criterion("accuracy_difference", 0.033, "at most", 0.03),
        ],
        "criteria_commit": "4f1d2c7be1a0",
        "waiver": None,
        **more,
    }


FAIRNESS = {
    "sensitive": "Age",
    "groups": [
        {"group": g, "rows": r, "accuracy": a, "selection_rate": s, "false_negative_rate": f}
        for g, r, a, s, f in (
            ("0 to 30", 2710, 0.951, 0.21, 0.08),
            ("30 to 45", 1120, 0.918, 0.47, 0.06),
        )
    ],
    "differences": {"accuracy": 0.033, "selection_rate": 0.26, "false_negative_rate": 0.02},
}
LOAD = {
    "requests": 812,
    "errors": 0,
    "requests_per_second": 405.7,
    "p50_ms": 8.9,
    "p95_ms": 14.2,
    "p99_ms": 30.1,
    "connections": 4,
    "sku": "Standard_DS3_v2",
    "instances": 1,
}


def step(
    begun: datetime, second: int, share: int, decision: str, why: str = "", errors: int = 0
) -> dict[str, Any]:
    return {
        "time": (begun + timedelta(seconds=second)).isoformat(),
        "deployment": "model-2",
        "traffic": {"model-1": 100 - share, "model-2": share},
        "observed": {
            "requests": 240,
            "errors": errors,
            "p95_ms": 15.1,
            "drift": 0.04,
            "p50_ms": 9.0,
        },
        "decision": decision,
        "why": why,
    }


def output(name: str, data: Any) -> dict[str, Any]:
    scrap = {"name": name, "data": data, "encoder": "json", "version": 1}
    text = f"{name} = {json.dumps(data)}"
    return {
        "output_type": "display_data",
        "metadata": {},
        "data": {MEDIA_TYPE: scrap, "text/plain": text},
    }


def cell(id: str, source: str = "pass", state: str = "passed", **more: Any) -> dict[str, Any]:
    """A code cell with what is known of it; ``outputs``, ``tags``, ``error``, ``check``."""
    return {
        "id": id,
        "source": source,
        "state": state,
        "outputs": [],
        "tags": [],
        "error": None,
        "check": None,
        **more,
    }


class Pack:
    """A release in the making."""

    asset = "diabetes"
    model = "diabetes-classifier"
    rows = 15000

    def __init__(self, evidence: Path, env: str = "prod", hour: int = 0, **identity: Any) -> None:
        self.begun = START + timedelta(hours=hour)
        self.clock = self.begun + timedelta(seconds=3)
        prefix = release_prefix(env, identity.get("settings_model", ""))
        self.id = f"{prefix}-{self.begun:%Y%m%dT%H%M%SZ}-a1b2c3d4"
        self.env = env
        self.folder = evidence / self.id
        (self.folder / "notebooks").mkdir(parents=True)
        content = {
            "schema_version": "1.0",
            "release_id": self.id,
            "env": env,
            "started": self.begun.isoformat(),
            "actor": "Grace",
            "source": {"commit": "a1b2c3d4" * 5, "branch": "main", "dirty": False},
            "workspace": {
                "kind": "local",
                "subscription_id": "0" * 8,
                "resource_group": "local",
                "workspace_name": env,
            },
            "parameters": {"n_estimators": 100, "test_size": 0.3, "training_data": "diabetes.csv"},
            **identity,
        }
        (self.folder / "record.json").write_text(json.dumps(content))

    def runbook(
        self,
        name: str,
        cells: list[dict[str, Any]],
        *,
        stage: str = "train",
        values: dict[str, Any] | None = None,
        ended: bool = True,
        verdict: str | None = None,
        prose: str = "",
        parameters: dict[str, Any] | None = None,
    ) -> None:
        """An executed runbook; ``values`` are published by a cell ``record``."""
        if values is not None:
            outputs = [output(key, value) for key, value in values.items()]
            cells = [*cells, cell("record", "record(...)", outputs=outputs)]
        begun, notebook, results = self.clock, [], []
        if prose:
            notebook.append(
                {"cell_type": "markdown", "id": "title", "metadata": {}, "source": prose}
            )
        injected = {"tags": ["injected-parameters"]}
        notebook.append(
            {
                "cell_type": "code",
                "id": "injected",
                "metadata": injected,
                "source": "x = 1",
                "outputs": [],
                "execution_count": 1,
            }
        )
        for number, each in enumerate(cells):
            ran = each["state"] in ("passed", "failed", "check failed")
            notebook.append(
                {
                    "cell_type": "code",
                    "id": each["id"],
                    "metadata": {"tags": each["tags"]},
                    "source": each["source"],
                    "outputs": each["outputs"],
                    "execution_count": number + 2 if ran else None,
                }
            )
            self.clock += timedelta(seconds=4 if ran else 0)
            results.append(
                {
                    "id": each["id"],
                    "index": number + 2,
                    "tags": each["tags"],
                    "state": each["state"],
                    "seconds": 3.9 if ran else None,
                    "error": each["error"],
                    "check": each["check"],
                }
            )
        states = [each["state"] for each in cells]
        state = verdict or next(
            (s for s in ("failed", "check failed", "not run") if s in states), "passed"
        )
        meta = {
            "name": name,
            "source": f"runbooks/{name}.ipynb",
            "source_sha256": "0" * 64,
            "env": self.env,
            "release_id": self.id,
            "parameters": parameters or {"model_name": self.model, "online": 1},
            "started": begun.isoformat(),
            "ended": self.clock.isoformat() if ended else None,
            "seconds": (self.clock - begun).total_seconds() if ended else None,
            "verdict": state,
            "stage": stage,
            "job": stage,
            "cells": results,
            "values": values or {},
        }
        content = {
            "cells": notebook,
            "metadata": {"nbrelease": meta},
            "nbformat": 4,
            "nbformat_minor": 5,
        }
        (self.folder / "notebooks" / f"{name}.ipynb").write_text(json.dumps(content))

    def decide(self, decision: str, name: str, stage: str, comment: str = "") -> None:
        path = self.folder / "decisions.json"
        decisions = json.loads(path.read_text()) if path.exists() else []
        self.clock += timedelta(minutes=2)
        decisions.append(
            {
                "environment": self.env,
                "stage": stage,
                "decision": decision,
                "name": name,
                "comment": comment,
                "time": self.clock.isoformat(),
            }
        )
        path.write_text(json.dumps(decisions))

    def outcome(self, *stages: tuple[str, str], interrupted: bool = False) -> None:
        results = [{"name": name, "result": result} for name, result in stages]
        content = {"stages": results, "interrupted": interrupted}
        (self.folder / "outcome.json").write_text(json.dumps(content))

    # The example's runbooks, each as it goes well.

    def prepare(self) -> None:
        table = "<table><thead><tr><th>Age</th></tr></thead><tr><td>21</td></tr></table><script>alert(1)</script>"
        self.runbook(
            "01_prepare",
            [
                cell("parameters", "rows = 5", tags=["parameters"]),
                cell(
                    "columns",
                    "print(columns)  # NBVAL_CHECK_OUTPUT",
                    tags=["check"],
                    outputs=[{"output_type": "stream", "name": "stdout", "text": "PatientID, Age"}],
                    check={"passed": True},
                ),
                cell(
                    "head",
                    "data.head()",
                    outputs=[
                        {
                            "output_type": "execute_result",
                            "metadata": {},
                            "data": {"text/html": table, "text/plain": "Age"},
                        },
                    ],
                ),
                cell("test-no-ragged-rows", "assert True", tags=["test"]),
            ],
            prose="# 01 · Prepare\n\nData *as it is*. <b>Not raw</b> ![x](https://example.org/x.png)",
            values={
                "data_name": self.asset,
                "data_version": "3",
                "data_rows": self.rows,
                "data_sha256": "d4" * 32,
            },
        )

    def train(self, champion: bool = True, **more: Any) -> None:
        picture = {"image/png": PIXEL, "text/plain": "<Figure size 640x480>"}
        self.runbook(
            "02_train",
            [
                cell(
                    "wait",
                    "ml_client.jobs.stream(job.name)",
                    outputs=[
                        {
                            "output_type": "stream",
                            "name": "stdout",
                            "text": "\x1b[32mstep 1\x1b[0m\n10%\r100%\n",
                        },
                    ],
                ),
                cell(
                    "pictures",
                    "show()",
                    outputs=[{"output_type": "display_data", "metadata": {}, "data": picture}],
                ),
                cell("test-job-completed", "assert True", tags=["test"]),
                cell("test-better-than-chance", "assert True", tags=["test"]),
            ],
            values={
                "job_name": "crimson_neck_1",
                "metrics": {"accuracy": 0.9342, "roc_auc": 0.9826, "test_rows": 4500.0},
                "comparison": comparison(champion),
                "fairness": FAIRNESS,
                "data_profile": profile(champion),
                "importance": [
                    {"feature": f, "mean": 0.2 / (i + 1) - 0.03, "std": 0.01}
                    for i, f in enumerate(FEATURES)
                ],
                "importance_metric": "roc_auc",
                "job_parameters": {"n_estimators": "100", "test_size": "0.3", "max_depth": "None"},
                "package_list": {"scikit-learn": "1.9.1", "numpy": "2.4.6", "pandas": "2.3.3"},
                **more,
            },
        )

    def register(self, version: str = "2", gate: dict[str, Any] | None = None) -> None:
        self.runbook(
            "03_register",
            [cell("judge"), cell("test-the-gate", "assert passed", tags=["test"])],
            stage="register",
            values={
                "model_name": self.model,
                "model_version": version,
                "model_sha256": "ab" * 32,
                "gate": gate or make_gate(),
            },
        )

    def deploy(self, version: str = "2") -> None:
        name = f"model-{version}"
        self.runbook(
            "04_deploy_batch",
            [cell("deploy")],
            stage="deploy",
            values={"batch_endpoint": f"{self.asset}-batch", "batch_deployment": name},
        )
        self.runbook(
            "05_test_batch",
            [cell("test-rows", tags=["test"])],
            stage="deploy",
            values={"rows_in": 200, "rows_out": 200},
        )
        self.runbook(
            "06_deploy_online",
            [cell("deploy")],
            stage="deploy",
            values={
                "online_endpoint": f"{self.asset}-online",
                "online_deployment": name,
                "scoring_uri": "https://localhost:1/score",
            },
        )
        self.runbook(
            "07_test_online",
            [cell("test-same-predictions", tags=["test"])],
            stage="deploy",
            values={"parity_max_abs_diff": 0.0, "load_test": LOAD},
            parameters={"model_version": version, "online": 1},
        )

    def release(self, version: str = "2", first: bool = False) -> None:
        shares = enumerate([(10, "go on"), (50, "go on"), (100, "done")], start=1)
        steps = [step(self.clock, second, *share) for second, share in shares]
        self.runbook(
            "08_release_online",
            [cell("test-has-all-traffic", tags=["test"])],
            stage="release",
            values={
                "traffic": {f"model-{version}": 100} if first else {"model-1": 0, "model-2": 100},
                "rollout": [{**steps[2], "traffic": {f"model-{version}": 100}}] if first else steps,
                "previous_deployment": None if first else "model-1",
                "keep_previous_until": None if first else "2026-12-08",
            },
        )


def full(evidence: Path, hour: int = 1, **identity: Any) -> Path:
    """A release that replaces a champion, approved twice."""
    pack = Pack(evidence, hour=hour, **identity)
    pack.prepare()
    pack.train()
    pack.decide("approved", "Ada", "register", "better everywhere")
    pack.register()
    pack.deploy()
    pack.decide("approved", "Lin", "release")
    pack.release()
    drill = {"from": "model-2", "to": "model-1", "seconds": 2.18, "time": pack.clock.isoformat()}
    pack.runbook(
        "09_rollback",
        [cell("test-answers", tags=["test"])],
        stage="drill",
        values={"traffic": {"model-1": 0, "model-2": 100}, "rollback_drill": drill},
    )
    pack.outcome(*((name, "Succeeded") for name in ("train", "register", "deploy", "release")))
    return pack.folder


def first(evidence: Path, hour: int = 0, **identity: Any) -> Path:
    """The first release: no champion."""
    pack = Pack(evidence, hour=hour, **identity)
    pack.prepare()
    pack.train(champion=False)
    pack.decide("approved", "Ada", "register")
    pack.register("1")
    pack.deploy("1")
    pack.release("1", first=True)
    return pack.folder


def refused(evidence: Path, hour: int = 2, **identity: Any) -> Path:
    """The release criteria were not met."""
    pack = Pack(evidence, hour=hour, **identity)
    pack.prepare()
    pack.train()
    error = {"ename": "AssertionError", "evalue": "accuracy_difference: 0.033, at most 0.03"}
    outputs = [output("gate", make_gate("failed"))]
    pack.runbook(
        "03_register",
        [
            cell("judge", outputs=outputs),
            cell(
                "test-the-gate",
                tags=["test"],
                state="failed",
                error=error,
                outputs=[
                    {
                        "output_type": "error",
                        **error,
                        "traceback": ["\x1b[31mAssertionError\x1b[0m"],
                    },
                ],
            ),
            cell("register", state="not run"),
        ],
        stage="register",
    )
    path = pack.folder / "notebooks" / "03_register.ipynb"
    content = json.loads(path.read_text())
    content["metadata"]["nbrelease"]["values"] = {"gate": make_gate("failed")}
    path.write_text(json.dumps(content))
    pack.outcome(("train", "Succeeded"), ("register", "Failed"), ("deploy", "Skipped"))
    return pack.folder


def rejected(evidence: Path, hour: int = 3, **identity: Any) -> Path:
    """An approver rejected the release."""
    pack = Pack(evidence, hour=hour, **identity)
    pack.prepare()
    pack.train()
    pack.decide("rejected", "Bob", "register", "not before the audit")
    pack.outcome(("train", "Succeeded"), ("register", "Rejected"), ("deploy", "Skipped"))
    return pack.folder


def interrupted(evidence: Path, hour: int = 4, **identity: Any) -> Path:
    """The pipeline was killed during the training."""
    pack = Pack(evidence, hour=hour, **identity)
    pack.prepare()
    pack.runbook(
        "02_train", [cell("wait"), cell("metrics", state="not run")], ended=False, verdict="not run"
    )
    pack.outcome(interrupted=True)
    return pack.folder


def exceeded_limit(evidence: Path, hour: int = 5, **identity: Any) -> Path:
    """A limit was exceeded during the rollout: all traffic was rolled back."""
    why = "31 of 240 requests failed, at most a share of 0 asked"
    pack = Pack(evidence, hour=hour, **identity)
    return _broken_off(
        pack,
        f"all traffic went back: {why}",
        {"model-1": 100, "model-2": 0},
        (10, "go on"),
        (50, "roll back", why, 31),
    )


def champion_deleted(evidence: Path, hour: int = -2, **identity: Any) -> Path:
    """The champion was deleted during the rollout: the traffic was left unchanged."""
    why = "model-1 is gone, and the traffic stays where it is: {'model-2': 100}"
    pack = Pack(evidence, hour=hour, **identity)
    steps = (10, "go on"), (100, "leave as it is", why)
    return _broken_off(pack, why, {"model-2": 100}, *steps)


def mirror_exceeded_limit(evidence: Path, hour: int = -1, **identity: Any) -> Path:
    """Mirrored traffic exceeded a limit: the deployment received no traffic."""
    why = "mirrored: drift of the predictions 2.100, at most 1 asked"
    pack = Pack(evidence, hour=hour, **identity)
    traffic = {"model-1": 100, "model-2": 0}
    return _broken_off(pack, why, traffic, (0, "give no traffic", why))


def _broken_off(pack: Pack, reason: str, traffic: dict[str, int], *steps: tuple[Any, ...]) -> Path:
    """A release whose rollout stopped."""
    pack.prepare()
    pack.train()
    pack.register()
    pack.deploy()
    error = {"ename": "AssertionError", "evalue": reason}
    pack.runbook(
        "08_release_online",
        [
            cell(
                "test-no-limit-was-broken",
                tags=["test"],
                state="failed",
                error=error,
                outputs=[{"output_type": "error", **error, "traceback": [error["evalue"]]}],
            )
        ],
        stage="release",
        values={
            "traffic": traffic,
            "previous_deployment": "model-1",
            "keep_previous_until": None,
            "rollout": [step(pack.clock, second, *each) for second, each in enumerate(steps, 1)],
        },
    )
    pack.outcome(("train", "Succeeded"), ("release", "Failed"))
    return pack.folder


def rolled_back(evidence: Path, hour: int = 6, **identity: Any) -> Path:
    """A rollback by hand."""
    pack = Pack(evidence, hour=hour, **identity)
    pack.runbook(
        "09_rollback",
        [cell("test-answers", tags=["test"])],
        stage="",
        values={
            "traffic": {"model-1": 100, "model-2": 0},
            "rollback": {
                "from": "model-2",
                "to": "model-1",
                "seconds": 2.41,
                "reason": "wrong answers for children",
                "keep_until": "2026-12-08",
                "time": (pack.clock + timedelta(seconds=2)).isoformat(),
            },
        },
    )
    return pack.folder


def checked(evidence: Path, hour: int = 7, **identity: Any) -> Path:
    """An output differed from the committed one."""
    pack = Pack(evidence, env="dev", hour=hour, **identity)
    check = {
        "passed": False,
        "expected": "PatientID\nAge\nDiabetic",
        "found": "PatientID\n<Age>\nDiabetic",
    }
    pack.runbook(
        "01_prepare",
        [
            cell("columns", tags=["check"], state="check failed", check=check),
            cell("rest", state="not run"),
        ],
    )
    return pack.folder


def crashed(evidence: Path, hour: int = 9, **identity: Any) -> Path:
    """The training job failed."""
    pack = Pack(evidence, hour=hour, **identity)
    pack.prepare()
    raised = 'JobException: {"error": {"message": "job crimson_neck_1 failed"}}'
    error = {"ename": "JobException", "evalue": raised.partition(": ")[2]}
    failed = {"ename": "AssertionError", "evalue": "Failed != Completed"}
    pack.runbook(
        "02_train",
        [
            cell(
                "wait",
                "ml_client.jobs.stream(job.name)",
                state="failed",
                error=error,
                outputs=[{"output_type": "error", **error, "traceback": [raised]}],
            ),
            cell(
                "test-job-completed",
                tags=["test"],
                state="failed",
                error=failed,
                outputs=[{"output_type": "error", **failed, "traceback": ["AssertionError"]}],
            ),
            cell("metrics", state="not run"),
        ],
    )
    pack.outcome(("train", "Failed"), ("register", "Skipped"))
    return pack.folder


def empty(evidence: Path, hour: int = 8, **identity: Any) -> Path:
    """No runbook was run."""
    pack = Pack(evidence, env="dev", hour=hour, **identity)
    pack.outcome(interrupted=True)
    return pack.folder


def waiting(evidence: Path, hour: int = 10, **identity: Any) -> Path:
    """Trained, waiting for an approval."""
    pack = Pack(evidence, hour=hour, **identity)
    pack.prepare()
    pack.train()
    (pack.folder / "outcome.json").write_text(json.dumps({"waiting_for": "prod"}))
    return pack.folder


ALL = (
    first,
    full,
    refused,
    rejected,
    interrupted,
    exceeded_limit,
    champion_deleted,
    mirror_exceeded_limit,
    rolled_back,
    checked,
    crashed,
    empty,
    waiting,
)
