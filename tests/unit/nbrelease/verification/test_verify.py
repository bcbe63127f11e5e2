"""Packs of all verdicts verify; the report names the checks that do not apply."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import packs
import pytest

from nbrelease.attestation import manifest
from nbrelease.cli import main
from nbrelease.pack import build_pack
from nbrelease.verification import CHECKS, verify

# What a release that came to this has nothing to be checked for.
BEYOND = {
    "first": set(),
    "full": set(),
    "refused": {"parity", "versions", "approvals"},
    "rejected": {"parity", "versions", "gate"},
    "interrupted": {"rows", "comparison", "parity", "versions", "gate", "approvals"},
    "exceeded_limit": {"approvals"},
    "champion_deleted": {"approvals"},
    "mirror_exceeded_limit": {"approvals"},
    "rolled_back": {"rows", "comparison", "parity", "versions", "gate", "approvals"},
    "checked": {"rows", "comparison", "parity", "versions", "gate", "approvals"},
    "waiting": {"parity", "versions", "gate", "approvals"},
    "crashed": {"rows", "comparison", "parity", "versions", "gate", "approvals"},
    "empty": {
        "cells", "reports", "tests", "rows", "comparison", "parity", "versions", "gate", "approvals",
    },
}  # fmt: skip
# These packs have no code, no signature and no later entries.
BARE = {"export", "runbooks", "signature", "later"}


@pytest.mark.parametrize("make", packs.ALL, ids=lambda make: make.__name__)
def test_a_pack_verifies_and_what_it_has_not_got_is_named(english, japanese, make):
    name = make.__name__
    for built in (english[name], japanese[name]):
        report = verify(built.folder)
        states = {check: result.state for check, result in report.results.items()}
        assert not report.failed, report.text()
        missing = {check for check, state in states.items() if state == "not applicable"}
        assert missing == BEYOND[name] | BARE
        assert all(result.reason for result in report.results.values())
        assert report.outcome.startswith(built.record.verdict)
        assert report.level == "consistent"


def test_the_reason_has_the_verdict(english):
    result = verify(english["exceeded_limit"].folder).results["tests"]
    assert result.state == "passed"
    assert "test-no-limit-was-broken" in result.reason
    assert "rolled back" in result.reason
    result = verify(english["crashed"].folder).results["parity"]
    assert (result.state, result.reason.split(":")[0]) == ("not applicable", "failed")


def test_a_good_release_without_tests_does_not_verify(tmp_path):
    pack = packs.Pack(tmp_path)
    pack.runbook("01_prepare", [packs.cell("a")])
    assert build_pack(pack.folder).verdict == "passed"
    actual = verify(pack.folder).results["tests"]
    assert (actual.state, [each.code for each in actual.problems]) == ("failed", ["NBV301"])


@pytest.mark.parametrize(
    ("states", "counts", "codes"),
    [
        (["passed", "skipped"], (2, 1, 0, 1), []),
        (["passed", "skipped", "failed"], (3, 1, 1, 1), ["NBV302"]),
        (["skipped"], (1, 0, 0, 1), ["NBV301"]),
    ],
)
def test_a_test_with_the_tag_skip_has_not_failed(tmp_path, states, counts, codes):
    pack = packs.Pack(tmp_path)
    cells = [packs.cell(f"test-{n}", state=s, tags=["test"]) for n, s in enumerate(states)]
    pack.runbook("01_prepare", [packs.cell("a"), *cells], verdict="passed")
    tests = build_pack(pack.folder).tests
    assert (tests.total, tests.passed, tests.failed, tests.skipped) == counts
    actual = verify(pack.folder).results["tests"]
    assert [each.code for each in actual.problems] == codes


@pytest.mark.parametrize(
    ("rules", "decisions", "code", "name"),
    [
        ({"environments": ["prod"]}, [], "NBV431", "prod"),
        ({"environments": ["prod", "blue"]}, [("approved", "Ada")], "NBV431", "blue"),
        ({"approver_is_not_author": True}, [("approved", " grace ")], "NBV435", "grace"),
        ({"approver_is_not_author": True}, [("approved", "Linus")], "NBV435", "Linus"),
        ({}, [("approved", " ")], "NBV434", "prod"),
        ({"environments": ["prod"], "approver_is_not_author": True}, [("approved", "Ada")], "", ""),
    ],
)  # fmt: skip
def test_the_rules_for_approvers(tmp_path, rules, decisions, code, name):
    source = {"commit": "a1b2c3d4" * 5, "branch": "main", "dirty": False, "author": "Linus"}
    pack = packs.Pack(tmp_path, approval_rules=rules, source=source)
    pack.prepare()
    for decision in decisions:
        pack.decide(*decision, "register")
    build_pack(pack.folder, card=False)
    actual = verify(pack.folder).results["approvals"]
    assert [each.code for each in actual.problems] == ([code] if code else []), actual
    assert all(name in each.message for each in actual.problems)


def test_a_model_that_was_registered_before_the_approval(tmp_path):
    pack = packs.Pack(tmp_path, approval_rules={"environments": ["prod"]})
    pack.prepare()
    pack.train()
    pack.register()
    pack.runbook("04_deploy_batch", [packs.cell("deploy", state="not run")], ended=False)
    build_pack(pack.folder, card=False)
    actual = verify(pack.folder).results["approvals"]
    assert [each.code for each in actual.problems] == ["NBV433"]


@pytest.mark.parametrize(
    ("judged", "state"), [(45, "passed"), (44, "failed"), (None, "failed")], ids=str
)
def test_rows_in_training_and_test_have_to_be_judged_by_a_criterion(tmp_path, judged, state):
    pack = packs.Pack(tmp_path)
    pack.prepare()
    pack.train(data_profile={**packs.profile(), "overlap": 45})
    gate = packs.make_gate()
    if judged is not None:
        gate["criteria"].append(packs.criterion("overlap", judged / 4500, "at most", 0.02))
    pack.register(gate=gate)
    build_pack(pack.folder, card=False)
    result = verify(pack.folder).results["rows"]
    assert result.state == state, result


@pytest.fixture
def broken(tmp_path, english) -> Path:
    folder = packs.checked(tmp_path)
    build_pack(folder)
    (folder / "surplus.txt").write_text("x")
    return folder


def test_the_command_in_its_formats(english, broken, capfd, tmp_path):
    good = str(english["full"].folder)
    assert main(["evidence", "verify", good]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert lines[0] == f"{english['full'].record.release_id}: passed"
    assert [line.split()[1] for line in lines[1 : 1 + len(CHECKS)]] == list(CHECKS)
    assert lines[-1].split()[:2] == ["level", "consistent:"]

    assert main(["evidence", "verify", good, str(broken), "--format", "json"]) == 1
    shown = capfd.readouterr()
    first, second = json.loads(shown.out)
    assert [first["verified"], second["verified"]] == [True, False]
    check = second["checks"][0]
    assert (check["name"], check["state"]) == ("manifest", "failed")
    [problem] = check["problems"]
    assert problem["code"] == "NBV103"
    assert problem["message"].startswith("surplus.txt: ")
    assert check["reason"] == f"NBV103 {problem['message']}"
    assert broken.name in shown.err
    assert "manifest" in shown.err

    files = tmp_path / "out" / "verify.xml", tmp_path / "out" / "verify.md"
    words = ["--junit", str(files[0]), "--summary", str(files[1])]
    assert main(["evidence", "verify", str(broken), "--format", "junit", *words]) == 1
    out = capfd.readouterr().out
    assert out == files[0].read_text()
    suite = ElementTree.fromstring(out).find("testsuite")
    assert suite.get("failures") == "1"
    assert [case.get("name") for case in suite] == list(CHECKS)
    assert suite.find("testcase/failure").get("message") == check["reason"]
    assert f"| manifest | failed | {check['reason']} |" in files[1].read_text()


def test_what_is_left_out_is_said(broken, capfd):
    assert main(["evidence", "verify", str(broken), "--without", "manifest"]) == 0
    assert "left out manifest" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("collection", "state"),
    [("https://localhost/", "left out"), ("https://dev.azure.com/o/", "FAILED")],
)
def test_decisions_follow_in_a_rehearsal_alone(tmp_path, monkeypatch, capfd, collection, state):
    pack = packs.Pack(tmp_path, approval_rules={"environments": ["prod"]})
    pack.prepare()
    build_pack(pack.folder, card=False)
    monkeypatch.setenv("SYSTEM_COLLECTIONURI", collection)
    code = main(["evidence", "verify", str(pack.folder), "--decisions-follow"])
    assert code == (0 if state == "left out" else 1)
    line = next(line for line in capfd.readouterr().out.splitlines() if " approvals " in line)
    assert line.strip().startswith(state)


def test_the_summary_is_attached_where_a_pipeline_listens(english, tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("TF_BUILD", "True")
    summary = tmp_path / "verified.md"
    words = [str(english["full"].folder), "--summary", str(summary)]
    assert main(["evidence", "verify", *words]) == 0
    assert f"##vso[task.uploadsummary]{summary}" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("words", "place"),
    [
        (["verify", "nowhere/at/all"], "nowhere/at/all"),
        (["verify", "."], "record.json"),
        (["verify"], "PACK"),
        (["verify", "PACK", "--without", "tets"], "tets"),
        (["verify", "PACK", "--key", "none.pub"], "none.pub"),
        (["verify", "PACK", "--key", "env:NONE"], "env:NONE"),
        (["verify", "PACK", "--format", "xml"], "xml"),
        (["sign", "PACK", "--key", "PACK/record.json"], "record.json"),
        (["sign", "PACK"], "env:NBRELEASE_SIGNING_KEY"),
        (["append", "PACK", "--kind", "drift", "--text", "x"], "--kind drift"),
    ],
)  # fmt: skip
def test_a_wrong_word_is_one_line_and_exit_code_2(
    english, tmp_path, monkeypatch, capfd, words, place
):
    monkeypatch.chdir(tmp_path)
    pack = str(english["full"].folder)
    assert main(["evidence", *(word.replace("PACK", pack) for word in words)]) == 2
    [line] = capfd.readouterr().err.strip().splitlines()
    assert place in line


HEAVY = {
    "azure", "mlflow", "pandas", "numpy", "sklearn", "matplotlib", "nbconvert", "nbformat", "nbval",
    "papermill", "IPython", "jsonschema", "skops", "scipy",
}  # fmt: skip


def test_verifying_imports_nothing_heavy(english):
    code = (
        "import sys; from nbrelease.cli import main; code = main(['evidence', 'verify', sys.argv[1]]);"
        "print(sorted({name.partition('.')[0] for name in sys.modules}), file=sys.stderr);"
        "sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(english["full"].folder)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    imported = set(json.loads(done.stderr.replace("'", '"')))
    assert not imported & HEAVY


def test_the_renderer_covers_every_module_that_writes_a_pack():
    for pattern in manifest.WRITERS:
        assert list(manifest.PACKAGE.glob(pattern)), pattern


def test_a_pack_of_another_version_may_word_its_reason_differently(english, tmp_path):
    folder = tmp_path / english["rejected"].folder.name
    shutil.copytree(english["rejected"].folder, folder)
    record = json.loads((folder / "record.json").read_text(encoding="utf-8"))
    (folder / "record.json").write_text(json.dumps({**record, "reason": "in other words"}))
    listed = json.loads((folder / manifest.NAME).read_text(encoding="utf-8"))
    for renderer, state in ((listed["renderer"], "failed"), ("0" * 64, "passed")):
        (folder / manifest.NAME).write_text(json.dumps({**listed, "renderer": renderer}))
        assert verify(folder).results["record"].state == state


@pytest.mark.parametrize(
    ("names", "problems"),
    [
        (["03_publish", "09_use"], 0),
        (["09_use", "03_publish"], 1),
        (["03_publish", "09_use", "08_retried"], 0),
        (["09_use", "03_publish", "08_retried"], 1),
    ],
)
def test_a_runbook_starts_after_one_that_published_its_value(tmp_path, names, problems):
    """08 was perhaps retried after 09; then 03 had published the value before."""
    pack = packs.Pack(tmp_path)
    pack.prepare()
    for name in names:
        use = {"parameters": {"port": "a"}} if name == "09_use" else {"values": {"port": "a"}}
        pack.runbook(name, [packs.cell("x")], **use)
    build_pack(pack.folder, card=False)
    assert len(verify(pack.folder).results["order"].problems) == problems


def test_a_runbook_may_start_before_one_that_publishes_a_name_of_the_settings(tmp_path):
    """The monitor runs before 01_prepare; it has the environment's name from settings.ini."""
    pack = packs.Pack(tmp_path)
    pack.prepare()
    value = {"environment_name": "train"}
    pack.runbook("11_monitor", [packs.cell("x")], parameters=value)
    pack.runbook("01_prepare", [packs.cell("x")], values=value)
    build_pack(pack.folder, card=False)
    assert not verify(pack.folder).results["order"].problems
