"""A release's folder, and the parts that jobs bring to it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import nbformat
import pytest
from click.testing import CliRunner

from nbrelease import release
from nbrelease.commands.release import command
from nbrelease.errors import NotebookError, UsageError
from nbrelease.records import RunbookResult
from nbrelease.rehearsal import build_interrupted_packs, copy_evidence
from nbrelease.settings import load
from pipelines_local import RunResult

SETTINGS = Path(__file__).parents[3] / "settings.ini"
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def begun(tmp_path, monkeypatch):
    shutil.copy(SETTINGS, tmp_path)
    shutil.copytree(SETTINGS.parent / "exported", tmp_path / "exported")
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "x"]):
        identity = ["-c", "user.name=Ada", "-c", "user.email=a@example.org"]
        subprocess.run(["git", "-C", tmp_path, *identity, *words], check=True)
    monkeypatch.chdir(tmp_path)
    settings = load()
    return settings, release.begin(settings, "dev")


def put(
    folder: Path, begun: release.Release, name: str, started=NOON, first=None, **values
) -> None:
    """An executed runbook in a part of the release."""
    (folder / "notebooks").mkdir(parents=True, exist_ok=True)
    shutil.copy(begun.folder / "record.json", folder) if folder != begun.folder else None
    result = RunbookResult(
        name=name, source=f"runbooks/{name}.ipynb", source_sha256="0", env="dev",
        release_id=begun.id, parameters={}, started=started, first_started=first, values=values,
    )  # fmt: skip
    notebook = nbformat.v4.new_notebook(metadata={"nbrelease": result.model_dump(mode="json")})
    nbformat.write(notebook, folder / "notebooks" / f"{name}.ipynb")


def test_the_identity_stands_from_the_first_moment(begun):
    settings, new = begun
    assert release.ID.match(new.id)
    content = json.loads((new.folder / "record.json").read_text())
    assert content["release_id"] == new.id == new.folder.name
    assert len(content["source"]["commit"]) == 40
    assert content["source"]["dirty"] is False
    assert content["workspace"]["kind"] == "local"
    actual = release.find(settings.root, settings.environment("dev"), new.id)
    assert actual == new


@pytest.mark.parametrize("wrong", ["dev-20260101T000000Z-abc", "../../etc", "", "dev"])
def test_no_other_release_is_found(begun, wrong):
    settings, _ = begun
    with pytest.raises(UsageError, match=re.escape(wrong)):
        release.find(settings.root, settings.environment("dev"), wrong)


def test_the_newest_without_a_verdict_is_open(begun):
    settings, new = begun
    env = settings.environment("dev")
    assert release.newest_open(settings.root, "dev", env) == new
    assert release.newest_open(settings.root, "prod", env) is None
    (new.folder / "manifest.json").write_text("{}")
    assert release.newest_open(settings.root, "dev", env) is None


def test_later_runbooks_win_and_none_is_fed_its_own_results(begun):
    _, new = begun
    put(new.folder, new, "01_a", x=1, y=1)
    put(new.folder, new, "02_b", x=2)
    assert new.values() == {"x": 2, "y": 1}
    assert new.values(before="02_b") == {"x": 1, "y": 1}
    assert new.values(before="01_a") == {}


@pytest.mark.parametrize(
    "names",
    [("9_train", "10_register", "11_deploy"), ("train", "register", "deploy")],
)
def test_a_runbook_gets_the_values_of_those_that_ran_before_it(begun, names):
    _, new = begun
    for minute, name in enumerate(names):
        assert new.values(before=name) == dict.fromkeys(names[:minute], 1)
        assert new.first_start(name) is None
        put(new.folder, new, name, NOON + timedelta(minutes=minute), **{name: 1})
    # All run again: each gets the values of the runbooks before it, of their newest run.
    for minute, name in enumerate(names):
        assert new.values(before=name) == dict.fromkeys(names[:minute], 2)
        first = new.first_start(name)
        assert first == NOON + timedelta(minutes=minute)
        later = NOON + timedelta(hours=1, minutes=minute)
        put(new.folder, new, name, later, first, **{name: 2})
    assert new.first_start(names[0]) == NOON


def test_a_number_counts_after_a_run_in_another_order(begun):
    """03 was run without 02 by mistake: after 02 it gets its values."""
    _, new = begun
    put(new.folder, new, "03_register", NOON)
    put(new.folder, new, "02_train", NOON + timedelta(minutes=1), x=1)
    put(new.folder, new, "09_rollback", NOON + timedelta(minutes=2), x=2)
    assert new.values(before="03_register") == {"x": 1}


def test_a_retried_rollout_wins_over_the_rollback_before_it(begun):
    """08 was rolled back by 09, then its job was run again: its name sorts before 09."""
    _, new = begun
    minutes = {n: NOON + timedelta(minutes=n) for n in (1, 2, 3)}
    put(new.folder, new, "08_release_online", minutes[1], traffic={"new": 100})
    put(new.folder, new, "09_rollback", minutes[2], traffic={"old": 100})
    assert new.values()["traffic"] == {"old": 100}
    put(new.folder, new, "08_release_online", minutes[3], traffic={"new": 100})
    assert new.values()["traffic"] == {"new": 100}
    assert new.values(before="10_clean")["traffic"] == {"new": 100}
    words = ["value", "traffic", "--env", "dev", "--release", new.id]
    assert json.loads(CliRunner().invoke(command, words).output) == {"new": 100}


def test_parts_come_together_and_the_later_execution_counts(begun, tmp_path):
    settings, new = begun
    parts = tmp_path / "parts"
    put(parts / "evidence-one-1", new, "01_a", x=1)
    put(parts / "evidence-two-1", new, "02_b", NOON + timedelta(minutes=2), x=2)
    put(parts / "evidence-two-2" / "deep", new, "02_b", NOON + timedelta(minutes=9), x=3)
    put(parts / "evidence-zero-1", new, "02_b", NOON, x=0)
    folder = settings.root / "kept"
    assert release.collect(folder, [parts]) == [folder / new.id]
    there = release.Release(folder / new.id, new.identity)
    assert there.values() == {"x": 3}
    assert there.values(before="02_b") == {"x": 1}
    assert release.collect(folder, [parts]) == [folder / new.id]
    assert there.values() == {"x": 3}
    assert release.collect(folder, [folder]) == []


@pytest.mark.parametrize(
    "text", ["[1, 2]", "{bad", "3", '{"release_id": 1}', '{"id": "a"}', "\xff"]
)
def test_other_files_of_the_name_are_not_parts_of_a_release(begun, tmp_path, text):
    settings, new = begun
    parts = tmp_path / "parts"
    put(parts / "evidence-one-1", new, "01_a", x=1)
    (parts / "code" / "data").mkdir(parents=True)
    (parts / "code" / "data" / "record.json").write_text(text, encoding="latin-1")
    folder = settings.root / "kept"
    assert release.collect(folder, [parts]) == [folder / new.id]
    done = CliRunner().invoke(command, ["collect", "--env", "dev", str(parts)])
    assert (done.exit_code, done.exception) == (0, None)


@pytest.mark.parametrize("text", ["[1, 2]", "{bad", "3", "\xff"])
def test_an_invalid_record_is_an_error(begun, text):
    settings, new = begun
    (new.folder / "record.json").write_text(text, encoding="latin-1")
    with pytest.raises(NotebookError):
        release.find(settings.root, settings.environment("dev"), new.id)


def test_old_packs_in_the_checkouts_of_a_run_are_not_built_again(begun, tmp_path):
    """The evidence folder is committed, so each job works beside a copy of it."""
    settings, old = begun
    env = settings.environment("dev")
    put(old.folder, old, "01_a", x=1)
    (old.folder / "manifest.json").write_text("{}")
    new = release.begin(settings, "dev")
    run = settings.root / ".pipelines-local" / "20260101T000000.000Z-abcdef"
    for checkout in (run / "build.code" / "s", run / "artifacts" / "code"):
        shutil.copytree(old.folder, checkout / "evidence" / old.id)
    shutil.move(new.folder, run / "build.code" / "s" / "evidence" / new.id)
    (run / "build.code" / "s" / "data").mkdir()
    (run / "build.code" / "s" / "data" / "record.json").write_text("{bad")
    (run / "lock").touch()
    before = {path: path.read_bytes() for path in old.folder.rglob("*") if path.is_file()}
    assert build_interrupted_packs(settings, env) == [new.folder]
    assert json.loads((new.folder / "record.json").read_text())["verdict"] == "interrupted"
    assert before == {path: path.read_bytes() for path in old.folder.rglob("*") if path.is_file()}


def test_old_packs_are_not_the_evidence_of_a_run_that_failed(begun):
    settings, old = begun
    (old.folder / "manifest.json").write_text("{}")
    run = settings.root / ".pipelines-local" / "20260101T000000.000Z-abcdef"
    shutil.copytree(old.folder, run / "build.code" / "s" / "evidence" / old.id)
    result = RunResult(run.name, "dev-1", "Failed", run, run / "artifacts", Path("a.yml"), NOON)
    before = {path: path.read_bytes() for path in old.folder.rglob("*") if path.is_file()}
    assert copy_evidence(result, settings.root, settings.environment("dev")) is None
    assert before == {path: path.read_bytes() for path in old.folder.rglob("*") if path.is_file()}


def test_a_run_of_the_monitor_is_no_open_release(begun):
    settings, new = begun
    env = settings.environment("dev")
    look = release.begin(settings, "dev", kind="monitor")
    assert json.loads((look.folder / "record.json").read_text())["kind"] == "monitor"
    assert release.find(settings.root, env, look.id) == look
    assert release.newest_open(settings.root, "dev", env) == new


def test_a_published_value_by_its_name(begun):
    _, new = begun
    put(new.folder, new, "01_a", monitor_verdict="drift", windows=[1, 2])

    def value(name: str):
        return CliRunner().invoke(
            command, ["value", name, "--env", "dev", "--release", new.id], env={"TF_BUILD": "True"}
        )

    assert value("monitor_verdict").output.splitlines() == [
        "drift",
        "##vso[task.setvariable variable=monitor_verdict;isOutput=true]drift",
    ]
    assert "[1, 2]" in value("windows").output
    with pytest.raises(UsageError, match=r"monitor_verdit.*monitor_verdict"):
        raise value("monitor_verdit").exception
    with pytest.raises(UsageError, match="quite_else"):
        raise value("quite_else").exception


@pytest.mark.parametrize(
    ("name", "warns"),
    [
        ("dev-20990101T000000Z-abcdef01", True),
        ("dev-20200101T000000Z-abcdef01", False),
        ("prod-20990101T000000Z-abcdef01", False),
    ],
)
def test_a_clock_that_went_back_is_reported_when_a_release_begins(begun, capsys, name, warns):
    settings, first = begun
    (first.folder.parent / name).mkdir()
    release.begin(settings, "dev")
    message = capsys.readouterr().err
    assert ("clock of this machine went back" in message) is (name in message) is warns
