"""The top of the report for every way in which a release can end."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import packs
import pytest
from html_page import Page, words

from nbrelease.pack import build_pack
from nbrelease.report.timeline import timeline
from nbrelease.verification import verify

# For each pack: verdict, code of the reason, what headline and reason must name.
OUTCOMES = [
    ("full", "passed", "", ["diabetes-classifier", "2", "100 %", "prod"]),
    ("first", "passed", "", ["diabetes-classifier", "1", "100 %", "prod"]),
    ("refused", "failed", "gate", ["03_register", "0.0330", "0.03"]),
    ("rejected", "rejected", "rejected", ["Bob", "not before the audit"]),
    ("interrupted", "interrupted", "runbook interrupted", ["02_train"]),
    (
        "exceeded_limit",
        "rolled back",
        "gave traffic back",
        ["model-2", "50 %", "31 of 240 requests"],
    ),
    ("champion_deleted", "failed", "traffic left", ["model-2", "model-1 is gone"]),
    ("mirror_exceeded_limit", "failed", "no traffic given", ["model-2", "mirrored: drift"]),
    ("rolled_back", "rolled back", "rolled back", ["model-1", "wrong answers for children"]),
    ("checked", "failed", "runbook failed", ["01_prepare", "columns", "<Age>"]),
    ("crashed", "failed", "runbook failed", ["02_train · wait", "job crimson_neck_1 failed"]),
    ("waiting", "open", "", ["prod"]),
    ("empty", "interrupted", "killed before", []),
]
# For each pack: the code of each box's lead.
LEADS = {
    "full": ["model-replaced", "better", "tests", "approved", "to-previous", "kept-until"],
    "first": ["model-registered", "metrics", "tests", "approved", "no-previous", "nothing-replaced"],
    "refused": ["no-model", "better", "tests", "not-required", "not-needed", "nothing-replaced"],
    "rejected": ["no-model", "better", "tests", "rejected", "not-needed", "nothing-replaced"],
    "interrupted": [
        "no-model", "not-measured", "tests", "not-required", "not-needed", "nothing-replaced",
    ],
    "exceeded_limit": [
        "model-registered", "better", "tests", "not-required", "done", "nothing-replaced",
    ],
    "champion_deleted": ["model-replaced", "better", "tests", "not-required", "manual", "not-recorded"],
    "mirror_exceeded_limit": [
        "model-registered", "better", "tests", "not-required", "not-needed", "nothing-replaced",
    ],
    "rolled_back": ["rolled-back", "not-measured", "tests", "not-required", "done", "kept-until"],
    "checked": [
        "no-model", "not-measured", "tests", "not-required", "not-needed", "nothing-replaced",
    ],
    "crashed": [
        "no-model", "not-measured", "tests", "not-required", "not-needed", "nothing-replaced",
    ],
    "waiting": [
        "no-changes-yet", "better", "tests", "waiting", "not-needed", "nothing-replaced-yet",
    ],
    "empty": [
        "no-model", "not-measured", "no-tests", "not-required", "not-needed", "nothing-replaced",
    ],
}  # fmt: skip
BOXES = ["changes", "quality", "tests", "approvals", "rollback", "retention"]


def test_every_kind_of_release_is_tried():
    names = {make.__name__ for make in packs.ALL}
    assert {name for name, *_ in OUTCOMES} == names
    assert LEADS.keys() == names


@pytest.mark.parametrize(("name", "verdict", "reason", "named"), OUTCOMES)
def test_the_verdict_has_its_reason(english, name, verdict, reason, named):
    page = english[name].page()
    bar = page.html.find(id="verdict")
    assert (page.verdict, bar["data-reason"]) == (verdict, reason)
    text = words(bar)
    assert [each for each in named if each not in text] == []
    assert page.headline in page.html.title.get_text()


@pytest.mark.parametrize("name", LEADS)
def test_the_six_boxes(english, name):
    overview = english[name].page().overview
    assert list(overview) == BOXES
    assert [box.code for box in overview.values()] == LEADS[name]
    assert all(box.text for box in overview.values())


def test_the_labels_are_those_that_reviewers_expect(english):
    page = english["full"].page()
    labels = [words(each) for each in page.html.select("#overview h2")]
    assert labels == ["Changes", "Quality", "Tests", "Approvals", "Rollback", "Retention"]
    assert page.overview["approvals"].text == "Approved by Ada, Lin"
    assert page.overview["retention"].text == "Kept until 2026-12-08"
    assert english["empty"].page().overview["approvals"].text == "No approval required"
    matrix = page.html.select_one("table.confusion")
    assert words(matrix.thead.td) == "actual / predicted"
    assert [words(each) for each in matrix.find_all("th")] == ["0", "1", "0", "1"]


def test_a_release_over_a_champion(english):
    page = english["full"].page()
    overview = page.overview
    assert overview["changes"].text.endswith("1 → 2")
    assert "model-1" in overview["changes"].details["deployment-replaced"]
    quality = overview["quality"]
    assert "+0.0624" in quality.text
    assert "0.9202 → 0.9826" in quality.details["difference"]
    assert "+0.0624 [+0.0608, +0.0641]" in quality.details["difference"]
    assert "95 %" in quality.details["paired-intervals"]
    assert "4500" in quality.details["paired-intervals"]
    tests = overview["tests"]
    assert re.findall(r"\d+", tests.text) == ["9", "9"]
    assert re.findall(r"\d+", tests.details["criteria"]) == ["3", "3"]
    assert re.findall(r"\d+", tests.details["batch"]) == ["200", "200"]
    assert "better everywhere" in overview["approvals"].details["decision"].splitlines()[0]
    rollback = overview["rollback"]
    assert "model-1" in rollback.text
    assert rollback.details["command"] == "nbrelease run 09_rollback --env prod"
    assert "2.2 s" in rollback.details["tested"]
    assert "10 → 50 → 100 %" in rollback.details["traffic-steps"]
    assert "model-1" in overview["retention"].details["kept"]
    load_test = words(page.html.select_one("tr[data-endpoint=load-test]"))
    assert "4 connections" in load_test
    assert "1 \N{MULTIPLICATION SIGN} Standard_DS3_v2" in load_test


def test_a_first_release_has_no_champion(english):
    page = english["first"].page()
    quality = page.overview["quality"]
    assert quality.text == "ROC AUC 0.9826 · Accuracy 0.9342"
    assert list(quality.details) == ["no-champion", "interval", "intervals"]
    headings = [words(each) for each in page.html.select("#quality table")[0].select("thead th")]
    assert headings == ["Metric", "Challenger", "Confidence interval"]


def test_a_rejection_changes_nothing(english):
    page = english["rejected"].page()
    assert page.overview["approvals"].text == "Rejected by Bob"
    [row] = page.html.select("#approvals tbody tr")
    assert row["data-decision"] == "rejected"
    assert "not before the audit" in words(row)


def test_approvers_read_what_happens_on_approval(english):
    overview = english["waiting"].page().overview
    assert list(overview["changes"].details)[:2] == ["approval-registers", "champion"]
    assert "criteria-after-approval" in overview["tests"].details
    assert list(overview["approvals"].details) == ["nothing-without-approval", "earlier-approvals"]
    summary = (english["waiting"].folder / "summary.md").read_text(encoding="utf-8")
    assert summary.startswith("## 🟧 ")
    assert summary.count("\n| ") == len(BOXES) + 1


def test_approvers_read_which_deployments_callers_will_get(tmp_path):
    pack = packs.Pack(tmp_path)
    pack.prepare()
    pack.train()
    pack.register()
    pack.deploy()
    (pack.folder / "outcome.json").write_text(json.dumps({"waiting_for": "blue"}))
    build_pack(pack.folder)
    details = Page(pack.folder / "index.html").overview["changes"].details
    assert "approval-moves-traffic" in details
    assert "model-2" in details["approval-sets-batch-default"]


@pytest.mark.parametrize(
    ("environments", "code"), [([], "not-required"), (["prod"], "not-requested")]
)
def test_no_approval_is_required_only_if_the_settings_require_none(tmp_path, environments, code):
    rules = {"environments": environments}
    pack = packs.Pack(tmp_path, approval_rules=rules)
    pack.prepare()
    build_pack(pack.folder)
    page = Page(pack.folder / "index.html")
    assert page.overview["approvals"].code == code
    assert page.html.select_one("#approvals p")["data-code"] == code


def test_criteria_that_were_not_met_are_first(english):
    page = english["refused"].page()
    assert re.findall(r"\d+", page.overview["tests"].details["criteria"]) == ["2", "3"]
    rows = page.html.select("#quality tr[data-passed]")
    assert [row["data-passed"] for row in rows] == ["false", "true", "true"]
    assert rows[0]["data-metric"] == "accuracy_difference"
    assert [words(each) for each in rows[0].find_all("td")] == ["at most 0.03", "0.0330", "not met"]


def test_a_failed_cell_is_first_with_its_error(english):
    page = english["crashed"].page()
    assert page.link("02_train · wait") == "html/02_train.html#wait"  # at the top
    cause, consequence = page.html.select("#tests .cell.failed")
    assert cause.a["href"] == "html/02_train.html#wait"
    assert cause.pre.get_text() == "JobException: job crimson_neck_1 failed"
    assert consequence.a["href"] == "html/02_train.html#test-job-completed"
    assert page.html.select_one("#quality [data-code=not-measured]")


def test_a_compared_output_shows_both_sides(english):
    failed = english["checked"].page().html.select_one("#tests .cell.failed")
    expected, actual = [each.get_text() for each in failed.select("pre")]
    assert expected == "PatientID\nAge\nDiabetic"
    assert actual == "PatientID\n<Age>\nDiabetic"


def test_a_rollback_has_its_duration(english):
    page = english["rolled_back"].page()
    overview = page.overview
    assert overview["changes"].text == "model-2 → model-1"
    assert "model-1" in overview["rollback"].text
    assert "2.4 s" in overview["rollback"].details["duration"]
    assert "2026-12-08" in overview["retention"].text
    assert "model-2" in overview["retention"].details["kept"]
    rollback = words(page.html.select_one("#rollout .rollback"))
    assert "wrong answers for children" in rollback
    assert "model-2" in rollback


def test_a_rollback_during_the_rollout_shows_the_step(english):
    page = english["exceeded_limit"].page()
    details = page.overview["changes"].details
    assert next(iter(details)) == "deployment-without-traffic"
    assert "model-2" in details["deployment-without-traffic"]
    rows = page.html.select("#rollout tr[data-decision]")
    assert [row["data-decision"] for row in rows] == ["go on", "roll back"]
    assert "31 of 240 requests failed" in words(rows[1])
    final = words(page.html.select_one("#rollout .final-traffic"))
    assert "model-1 100 %, model-2 0 %" in final


def test_traffic_that_was_left_is_a_manual_rollback(english):
    page = english["champion_deleted"].page()
    details = page.overview["rollback"].details
    assert details["traffic"] == "model-2 100 %"
    assert "10 → 100 %" in details["traffic-steps"]
    last = page.html.select("#rollout tr[data-decision]")[-1]
    assert last["data-decision"] == "leave as it is"
    assert "model-1 is gone" in words(last)


def test_a_deployment_without_traffic_needs_no_rollback(english):
    page = english["mirror_exceeded_limit"].page()
    assert list(page.overview["rollback"].details) == ["no-traffic-moved"]
    [row] = page.html.select("#rollout tr[data-decision]")
    assert row["data-decision"] == "give no traffic"
    assert "mirrored: drift" in words(row)


def test_jobs_that_are_run_again_count_after_the_rollback(tmp_path):
    pack = packs.Pack(tmp_path)
    pack.prepare()
    pack.train()
    pack.register()
    pack.deploy()
    back = {"from": "model-2", "to": "model-1", "time": pack.clock.isoformat(), "reason": "killed"}
    values = {"traffic": {"model-1": 100, "model-2": 0}, "rollback": back}
    pack.runbook("09_rollback", [packs.cell("roll-back")], stage="release", values=values)
    pack.release()
    pack.outcome(*((name, "Succeeded") for name in ("train", "register", "deploy", "release")))
    record = build_pack(pack.folder, card=False)
    assert (record.verdict, record.rollback) == ("passed", None)
    assert record.endpoints.online.traffic == {"model-1": 0, "model-2": 100}
    assert record.sources["traffic"].startswith("html/08_release_online.html#")
    results = verify(pack.folder).results
    assert (results["order"].problems, results["versions"].problems) == ((), ())


def test_an_interrupted_release_shows_what_was_done(english):
    page = english["interrupted"].page()
    rows = page.html.select("#timeline tr[data-kind=runbook]")
    assert [(words(row.a), row["data-result"]) for row in rows] == [
        ("01_prepare", "passed"), ("02_train", "not run"),
    ]  # fmt: skip
    assert re.findall(r"\d+", page.overview["tests"].text) == ["2", "2"]
    assert "02_train" in page.overview["rollback"].details["interrupted"]


def test_a_release_without_runbooks_is_not_green(english):
    page = english["empty"].page()
    assert page.html.select_one("#timeline [data-code=no-runbooks]")
    assert page.html.select_one("#tests [data-code=no-tests]")
    assert page.html.select_one(".verdict.good") is None


def test_a_long_wait_for_an_approval_does_not_hide_the_work(tmp_path):
    pack = packs.Pack(tmp_path)
    pack.prepare()
    pack.clock += timedelta(days=2, hours=3)
    pack.decide("approved", "Ada", "register")
    pack.register()
    rows = timeline(build_pack(pack.folder).model_copy()).rows
    assert [(row.kind, row.name) for row in rows] == [
        ("stage", "train"),
        ("runbook", "01_prepare"),
        ("decision", "prod: Ada"),
        ("stage", "register"),
        ("runbook", "03_register"),
    ]
    bars = [
        re.findall(r'class="(\w+)"\s+x="([\d.]+)" width="([\d.]+)"', str(row.bar)) for row in rows
    ]
    widths = [float(bar[0][2]) for bar in bars]
    assert widths[0] + widths[2] + widths[3] == pytest.approx(100, abs=1)
    assert 5 < widths[2] < 10  # two days
    assert bars[2][0][0] == "hold"
    [row] = Page(pack.folder / "index.html").html.select("#timeline tr[data-kind=decision]")
    assert row["data-result"] == "approved"
    assert "prod: Ada" in words(row)
    assert "2 d 3 h" in words(row)
