"""What the first screen says of each way in which a release can end."""

from __future__ import annotations

import re
from datetime import timedelta

import packs
import pytest
from html_page import Page

from nbrelease.pack import build_pack
from nbrelease.report.timeline import timeline
from nbrelease.verification import verify

OUTCOMES = [
    ("full", "passed", "diabetes-classifier version 2 has 100 % of the traffic of prod", ""),
    ("first", "passed", "diabetes-classifier version 1 has 100 % of the traffic of prod", ""),
    ("refused", "failed", "The gate said no in 03_register", "Largest difference of accuracy between groups: 0.4100, at most 0.3 asked"),
    ("rejected", "rejected", "Bob said no", "Bob said no to prod: not before the audit"),
    ("interrupted", "interrupted", "Interrupted before its end", "02_train was interrupted"),
    ("gave_back", "rolled back", "Rolled back: a limit was not kept during the rollout", "model-2 gave all traffic back at 50 %: 31 of 240 requests failed"),
    ("left", "failed", "Broken off in the rollout; the traffic was left as it is", "The rollout of model-2 was broken off, its traffic left: model-1 is gone"),
    ("given_none", "failed", "Stopped before it had any traffic", "model-2 was given no traffic: mirrored: drift"),
    ("rolled_back", "rolled back", "Traffic is back on model-1", "wrong answers for children"),
    ("checked", "failed", "Failed in 01_prepare", "cell columns: expected 'PatientID Age Diabetic', found 'PatientID <Age> Diabetic'"),
    ("crashed", "failed", "Failed in 02_train", "JobException: job crimson_neck_1 failed The cell that said no: 02_train · wait"),
    ("waiting", "open", "Waits for a yes to prod", ""),
    ("empty", "interrupted", "Interrupted before its end", "The pipeline was killed before its first runbook"),
]  # fmt: skip


def test_every_kind_of_release_is_tried():
    assert {name for name, *_ in OUTCOMES} == {make.__name__ for make in packs.ALL}


@pytest.mark.parametrize(("name", "verdict", "headline", "reason"), OUTCOMES)
def test_the_top_says_what_became_of_it(english, name, verdict, headline, reason):
    built = english[name]
    page = built.page()
    assert built.record.verdict == verdict
    assert page.verdict == verdict.capitalize()
    assert page.headline == headline
    bar = page.html.select_one(".verdict").get_text(" ")
    assert reason in " ".join(bar.split())
    assert page.html.title.get_text().startswith(f"{verdict.capitalize()}: {headline}")


@pytest.mark.parametrize("name", [name for name, *_ in OUTCOMES])
def test_the_six_questions_are_always_answered(english, name):
    answers = english[name].page().answers
    assert list(answers) == [
        "What changes?",
        "Is it better, and how sure?",
        "What was tested?",
        "Who said yes or no?",
        "How to go back?",
        "Until when?",
    ]
    assert all(lead for lead, _ in answers.values())


def test_a_release_over_a_champion(english):
    answers = english["full"].page().answers
    assert answers["What changes?"][0] == "diabetes-classifier version 1 → 2"
    better, lines = answers["Is it better, and how sure?"]
    assert better == "Better: ROC AUC +0.0624"
    assert "ROC AUC 0.9202 → 0.9826, difference +0.0624 [+0.0608, +0.0641]" in lines
    assert "95 % intervals, paired on the same 4500 rows" in lines
    tested, lines = answers["What was tested?"]
    assert tested == "9 of 9 tests passed"
    assert "Gate passed: 3 of 3 criteria met" in lines
    assert "Batch: 200 rows in, 200 predictions out" in lines
    who, lines = answers["Who said yes or no?"]
    assert who == "Ada, Lin said yes"
    assert "«better everywhere»" in lines[0]
    assert answers["How to go back?"][0] == "All traffic back to model-1"
    assert answers["How to go back?"][1][0] == "nbrelease run 09_rollback --env prod"
    assert answers["How to go back?"][1][1].endswith("UTC: it took 2.2 s")
    assert answers["Until when?"] == ("Until 2026-12-08", ["model-1 stays deployed at 0 %"])
    assert "4 connections, 1 \N{MULTIPLICATION SIGN} Standard_DS3_v2" in english[
        "full"
    ].page().section("tests")


def test_a_first_release_has_nothing_to_be_compared_with(english):
    answers = english["first"].page().answers
    assert answers["What changes?"][0] == "diabetes-classifier version 1"
    better, lines = answers["Is it better, and how sure?"]
    assert better == "ROC AUC 0.9826 · Accuracy 0.9342"
    assert "Nothing was live to compare with." in lines
    assert answers["How to go back?"][0] == "There is nothing earlier to go back to"
    assert "Nothing was live" in english["first"].page().section("model")


def test_what_was_rejected_changed_nothing(english):
    page = english["rejected"].page()
    assert page.answers["What changes?"][0] == "Nothing was registered"
    assert page.answers["Who said yes or no?"][0] == "Bob said no"
    assert page.answers["How to go back?"][0] == "Nothing to undo"
    assert "not before the audit" in page.section("decisions")
    assert "Better: ROC AUC" in page.answers["Is it better, and how sure?"][0]


def test_who_is_asked_reads_what_a_yes_does(english):
    answers = english["waiting"].page().answers
    assert answers["What changes?"][0] == "Nothing yet"
    assert answers["What changes?"][1][:2] == [
        "With a yes a new model is judged and registered.", "Live is version 1",
    ]  # fmt: skip
    assert "Better: ROC AUC" in answers["Is it better, and how sure?"][0]
    assert "The gate judges after the yes" in answers["What was tested?"][1][0]
    assert answers["Who said yes or no?"][0] == "prod waits for a yes"
    summary = (english["waiting"].folder / "summary.md").read_text(encoding="utf-8")
    assert summary.startswith("## 🟧 Open: Waits for a yes to prod")


def test_the_gate_shows_what_was_not_met_first(english):
    page = english["refused"].page()
    assert page.answers["What was tested?"][1][0] == "Gate failed: 2 of 3 criteria met"
    heading = next(each for each in page.html.find_all("h3") if "The gate" in each.get_text())
    first = " ".join(heading.find_next("tbody").tr.get_text(" ").split())
    assert first.startswith("Largest difference of accuracy between groups")
    assert first.endswith("not met")


def test_a_failing_cell_comes_first_with_what_it_raised(english):
    page = english["crashed"].page()
    assert page.link("02_train · wait") == "html/02_train.html#wait"  # in the bar at the top
    cause, consequence = page.html.select("#tests ~ .cell.bad")
    assert cause.a["href"] == "html/02_train.html#wait"
    assert cause.pre.get_text() == "JobException: job crimson_neck_1 failed"
    assert consequence.a["href"] == "html/02_train.html#test-job-completed"
    assert "Nothing was measured." in page.section("model")


def test_a_compared_output_shows_both_sides(english):
    page = english["checked"].page()
    failing = page.html.select_one("#tests ~ .cell.bad")
    expected, found = [each.get_text() for each in failing.select("pre")]
    assert expected == "PatientID\nAge\nDiabetic"
    assert found == "PatientID\n<Age>\nDiabetic"


def test_a_rollback_says_how_long_it_took(english):
    page = english["rolled_back"].page()
    assert page.answers["What changes?"][0] == "model-2 → model-1"
    back, lines = page.answers["How to go back?"]
    assert back == "Done: traffic is back on model-1"
    assert "It took 2.4 s" in lines
    assert page.answers["Until when?"] == ("Until 2026-12-08", ["model-2 stays deployed at 0 %"])
    assert "Rolled back from model-2 to model-1" in page.section("rollout")


def test_traffic_that_was_given_back_changes_nothing(english):
    lead, lines = english["gave_back"].page().answers["What changes?"]
    assert lead == "diabetes-classifier version 2"  # registered, and no more
    assert lines[0] == "Deployment model-2 has no traffic, model-1 has it as before"


def test_traffic_that_was_given_back_shows_the_step(english):
    rollout = english["gave_back"].page().section("rollout")
    assert "roll back : 31 of 240 requests failed" in rollout.replace("roll back:", "roll back :")
    assert "Traffic at the end: model-1 100 %, model-2 0 %." in rollout.replace(" .", ".")


def test_traffic_that_nobody_could_give_back_is_not_said_to_be_back(english):
    page = english["left"].page()
    assert page.answers["How to go back?"] == (
        "By hand: nothing was given back",
        ["model-2 100 %", "Traffic moved in steps: 10 → 100 %"],
    )
    assert "leave as it is: model-1 is gone" in page.section("rollout")


def test_a_deployment_that_never_had_traffic_leaves_nothing_to_undo(english):
    page = english["given_none"].page()
    assert page.answers["How to go back?"] == ("Nothing to undo", ["No traffic was moved."])
    assert "give no traffic: mirrored: drift" in page.section("rollout")


def test_jobs_that_are_run_again_come_after_what_took_them_back(tmp_path):
    pack = packs.Pack(tmp_path)
    pack.prepare()
    pack.train()
    pack.register()
    pack.deploy()
    back = {"from": "model-2", "to": "model-1", "time": pack.clock.isoformat(), "reason": "killed"}
    values = {"traffic": {"model-1": 100, "model-2": 0}, "rollback": back}
    before = {"previous_deployment": "model-1"}  # published by 08, which was run again since
    pack.runbook(
        "09_rollback", [packs.cell("roll-back")], stage="release", values=values, parameters=before
    )
    pack.release()
    pack.outcome(*((name, "Succeeded") for name in ("train", "register", "deploy", "release")))
    record = build_pack(pack.folder, card=False)
    assert (record.verdict, record.rollback) == ("passed", None)
    assert record.endpoints.online.traffic == {"model-1": 0, "model-2": 100}
    assert record.sources["traffic"].startswith("html/08_release_online.html#")
    results = verify(pack.folder).results
    assert (results["order"].problems, results["versions"].problems) == ((), ())


def test_interruption_leaves_what_was_done(english):
    page = english["interrupted"].page()
    timeline = page.section("timeline")
    assert "01_prepare passed" in timeline
    assert "02_train not run" in timeline
    assert page.answers["What was tested?"][0] == "2 of 2 tests passed"


def test_nothing_run_is_said_and_not_green(english):
    page = english["empty"].page()
    assert page.answers["What was tested?"][0] == "No test was run"
    assert "No runbook was run." in page.section("timeline")
    assert page.html.select_one(".verdict.good") is None


def test_a_long_wait_for_an_approval_does_not_hide_the_work(tmp_path):
    pack = packs.Pack(tmp_path)
    pack.prepare()
    pack.clock += timedelta(days=2, hours=3)
    pack.decide("approved", "Ada", "register")
    pack.register()
    rows = timeline(build_pack(pack.folder).model_copy())
    assert [(row.kind, row.name) for row in rows] == [
        ("stage", "train"),
        ("runbook", "01_prepare"),
        ("decision", "prod: Ada"),
        ("stage", "register"),
        ("runbook", "03_register"),
    ]
    bars = [
        re.findall(r'class="(\w+)"\s+x="([\d.]+)" width="([\d.]+)"', str(row.span)) for row in rows
    ]
    widths = [float(found[0][2]) for found in bars]
    assert widths[0] + widths[2] + widths[3] == pytest.approx(100, abs=1)
    assert 5 < widths[2] < 10  # two days
    assert bars[2][0][0] == "hold"
    page = Page(pack.folder / "index.html")
    assert "prod: Ada approved" in page.section("timeline")
    assert "after 2 d 3 h" in page.section("timeline")
