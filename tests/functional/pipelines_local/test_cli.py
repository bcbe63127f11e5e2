"""Output and exit codes of the command line."""

import fcntl
import io
import json
import os
import pty
import subprocess
import sys
import termios
import time
from pathlib import Path
from typing import Any

import pytest

from pipelines_local import console_listener, run_pipeline
from pipelines_local.cli import main
from pipelines_local.console import PlainConsole

pytestmark = pytest.mark.functional

HELLO = "parameters: [{name: who, default: world}]\nsteps:\n- checkout: none\n- bash: echo hello ${{ parameters.who }} $(v) $S\n  env: {S: $(s)}\n"
DEPLOY = "jobs:\n- deployment: d\n  environment: prod\n  strategy: {runOnce: {deploy: {steps: [{bash: echo live}]}}}\n"


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("p.yml").write_text(HELLO)
    Path("d.yml").write_text(DEPLOY)
    Path("bad.yml").write_text("steps:\n- bash: x\n  strategy: {matrix: {}}\n")


def document(capsys: Any) -> Any:
    out = capsys.readouterr()
    assert out.err == ""
    return json.loads(out.out)


def test_validate(capsys: Any) -> None:
    assert main(["validate", "p.yml"]) == 0
    assert capsys.readouterr().out == "p.yml: 1 stages, 1 jobs, 2 steps\n"
    assert main(["validate", "bad.yml"]) == 2
    assert capsys.readouterr().err.startswith("pipelines-local: bad.yml:3:3: ")
    assert main(["validate", "bad.yml", "--format", "json"]) == 2
    error = document(capsys)
    assert (error["at"], error["code"]) == ("bad.yml:3:3", "unknown-key")


def test_validate_reports_all_problems(capsys: Any) -> None:
    Path("m.yml").write_text(
        "pool: {vmImage: windows-latest}\nsteps:\n- bash: ${{ parameters.x }}\n- task: No@1\n"
        "- bash: x\n  condition: eq(1\n- bash: y\n  enabled: maybe\n"
    )
    assert main(["validate", "m.yml", "--format", "json"]) == 2
    problems = [(d["at"], d["code"]) for d in document(capsys)["diagnostics"]]
    assert problems == [
        ("m.yml:3:9", "undeclared-parameter"),
        ("m.yml:1:17", "unsupported-image"),
        ("m.yml:4:9", "unsupported-task"),
        ("m.yml:6:14", "expression-syntax"),
        ("m.yml:8:12", "invalid-value"),
    ]
    assert main(["validate", "m.yml"]) == 2
    assert capsys.readouterr().err.count("\n") == 5
    assert main(["expand", "m.yml", "--format", "json"]) == 2
    assert [d["code"] for d in document(capsys)["diagnostics"]] == ["undeclared-parameter"]


def test_expand_accepts_what_cannot_run(capsys: Any) -> None:
    Path("w.yml").write_text("steps:\n- task: No@1\n- pwsh: ${{ 'x' }}\n")
    assert main(["expand", "w.yml", "--format", "json"]) == 0
    assert document(capsys)["steps"] == [{"task": "No@1"}, {"pwsh": "x"}]


def test_expand(capsys: Any) -> None:
    assert main(["expand", "p.yml", "-p", "who=you"]) == 0
    assert "- bash: echo hello you $(v) $S\n" in capsys.readouterr().out
    assert main(["expand", "p.yml", "--format", "json"]) == 0
    assert document(capsys)["steps"][0] == {"checkout": "none"}


def test_parameters_of_a_file_keep_their_types(capsys: Any) -> None:
    Path("o.yml").write_text(
        "parameters: [{name: o, type: object}, {name: t, type: string}, {name: l, type: object}]\n"
        "steps:\n- bash: ${{ replace(convertToJson(parameters), ' ', '') }}\n"
    )
    Path("v.yml").write_text("o: {n: 3, b: true, s: '3'}\nt: 1.10\nl: '[a, 1]'\n")
    Path("v.json").write_text('{"o": {"n": 3, "b": true, "s": "3"}, "t": "1.10", "l": ["a", 1]}')
    for file in ("v.yml", "v.json"):
        assert main(["expand", "o.yml", "--parameters-file", file, "--format", "json"]) == 0
        shown = json.loads(document(capsys)["steps"][0]["bash"])
        assert shown == {"o": {"n": 3, "b": True, "s": "3"}, "t": "1.10", "l": ["a", 1]}
    Path("v.yml").write_text("t: [a]\no: x\nl: x\n")
    assert main(["expand", "o.yml", "--parameters-file", "v.yml", "--format", "json"]) == 2
    assert document(capsys)["at"] == "v.yml:1:4"


def test_eval(capsys: Any) -> None:
    assert (
        main(["eval", "format('{0}!', variables.a)", "--context", '{"variables": {"A": "x"}}']) == 0
    )
    assert capsys.readouterr().out == "x!\n"
    assert main(["eval", "eq(1 2"]) == 2
    assert "character 6" in capsys.readouterr().err
    assert main(["eval", "split('a', ',')", "--format", "json"]) == 0
    assert document(capsys) == {"value": ["a"], "text": None}
    assert main(["eval", "always()", "--slot", "step-condition"]) == 0
    assert capsys.readouterr().out == "True\n"


def test_run_with_everything_from_flags_and_files(capsys: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("s", "hush-hush")
    Path("v.env").write_text("# comment\nv=from file\n")
    Path("p.json").write_text('{"who": "file"}')
    words = ["run", "p.yml", "--format", "json", "--variables-file", "v.env"]
    assert main([*words, "--parameters-file", "p.json", "--secret", "s"]) == 0
    run = document(capsys)
    assert run["stages"][0]["jobs"][0]["log"][1] == "hello file from file ***"
    assert main([*words, "-p", "who=me", "-v", "v=1", "--secret", "s=2"]) == 0
    assert document(capsys)["stages"][0]["jobs"][0]["log"][1] == "hello me 1 ***"


def test_refused_and_failed(capsys: Any) -> None:
    assert main(["run", "bad.yml", "--format", "json"]) == 2
    refused = document(capsys)
    assert refused["code"] == "unknown-key"
    assert refused["at"] == "bad.yml:3:3"
    Path("f.yml").write_text("steps: [{bash: exit 7}]")
    assert main(["run", "f.yml"]) == 1
    out = capsys.readouterr().out
    assert "[__default/Job] Bash: Failed" in out
    assert "    | ##[error]Bash exited with code '7'." in out


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["run", "nope.yml"], "unreadable-file"),
        (["run"], "missing-file"),
        (["run", "p.yml", "-v", "x"], "option-value"),
        (["run", "p.yml", "--secret", "NOT_SET_ANYWHERE"], "missing-secret"),
        (["run", "p.yml", "--resume", "x"], "unknown-run"),
        (["run", "p.yml", "--parameters-file", "nope"], "unreadable-file"),
        (["run", "p.yml", "--approve", "a", "--reject", "a"], "approval-conflict"),
        (["run", "p.yml", "-p", "nope=1"], "unknown-parameter"),
        (["run", "p.yml", "--work-dir", "/proc/x"], "work-dir"),
        (["eval"], "missing-expression"),
        (["eval", "1", "--context", "{"], "eval-request"),
        (["eval", "1", "--slot", "x"], "eval-slot"),
    ],
)
def test_wrong_usage(capsys: Any, words: list[str], code: str) -> None:
    assert main(words) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert main([*words, "--format", "json"]) == 2
    assert document(capsys)["code"] == code


TWICE = """
stages:
- stage: one
  jobs: [{deployment: d, environment: prod, strategy: {runOnce: {deploy: {steps: [{bash: echo 1}]}}}}]
- stage: two
  jobs: [{deployment: d, environment: prod, strategy: {runOnce: {deploy: {steps: [{bash: echo 2}]}}}}]
"""


def test_an_approval_for_one_stage_does_not_approve_a_later_stage(capsys: Any) -> None:
    Path("twice.yml").write_text(TWICE)
    assert main(["run", "twice.yml", "--approve", "One.prod=ann", "--format", "json"]) == 4
    waiting = document(capsys)
    assert waiting["waiting"] == [{"stage": "two", "environment": "prod"}]
    words = ["run", "--resume", waiting["run"], "--root", ".", "--reject", "two.prod=bob"]
    # The decision with the stage is preferred.
    assert main([*words, "--approve", "prod=ann", "--format", "json"]) == 5
    decisions = [(each["stage"], each["decision"]) for each in document(capsys)["approvals"]]
    assert decisions == [("one", "approved"), ("two", "rejected")]


def test_unknown_command(capsys: Any) -> None:
    assert main(["frobnicate"]) == 2
    assert "frobnicate" in capsys.readouterr().err


def test_waiting_then_resumed_then_rejected(capsys: Any) -> None:
    assert main(["run", "d.yml", "--format", "json"]) == 4
    run = document(capsys)["run"]
    assert main(["run", "--resume", run, "--root", ".", "--format", "json"]) == 4
    capsys.readouterr()
    words = ["run", "--resume", run, "--root", ".", "--approve", "prod=ann:fine: go"]
    assert main([*words, "--format", "json"]) == 0
    approval = document(capsys)["approvals"][0]
    assert (approval["name"], approval["comment"]) == ("ann", "fine: go")
    assert main(["run", "d.yml", "--reject", "prod", "--format", "json"]) == 5
    assert document(capsys)["result"] == "Rejected"
    assert main(["run", "d.yml", "--open", "prod"]) == 0
    Path("a.yml").write_text("prod: {decision: reject, name: bob, comment: no}\nother: open\n")
    capsys.readouterr()
    assert main(["run", "d.yml", "--approvals-file", "a.yml", "--format", "json"]) == 5
    assert document(capsys)["approvals"][0]["comment"] == "no"
    Path("a.yml").write_text("prod: maybe")
    assert main(["run", "d.yml", "--approvals-file", "a.yml"]) == 2


def test_an_internal_error_is_one_line_and_a_log(capsys: Any, monkeypatch: Any) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("pipelines_local.load.load_pipeline", broken)
    assert main(["validate", "p.yml"]) == 3
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "ZeroDivisionError" in Path(err.split()[-1]).read_text()


def in_terminal(words: list[str], answers: dict[str, str]) -> tuple[int, str]:
    """Run the command in a terminal; when a text appears, its answer is typed."""
    owner, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "pipelines_local", *words],
        stdin=follower, stdout=follower, stderr=follower, env={**os.environ, "TERM": "xterm", "COLUMNS": "100"},
        # Ctrl-C becomes a signal only in the terminal that controls the session
        start_new_session=True, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )  # fmt: skip
    os.close(follower)
    shown, left = "", dict(answers)
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        try:
            data = os.read(owner, 4096)
        except OSError:  # the other side is closed
            break
        if not data:
            break
        shown += data.decode(errors="replace")
        for text in [text for text in left if text in shown]:
            os.write(owner, left.pop(text).encode() + b"\n")
    os.close(owner)
    return process.wait(60), shown


def test_a_run_killed_at_its_prompt_can_be_resumed(capsys: Any) -> None:
    owner, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "pipelines_local", "run", "d.yml"],
        stdin=follower, stdout=follower, stderr=follower, env={**os.environ, "TERM": "xterm"},
    )  # fmt: skip
    os.close(follower)
    shown = ""
    while "decide later?" not in shown:
        shown += os.read(owner, 4096).decode(errors="replace")
    process.kill()
    process.wait(30)
    os.close(owner)
    run = next(path.name for path in Path(".pipelines-local").iterdir() if path.is_dir())
    assert main(["run", "--resume", run, "--root", ".", "--approve", "prod", "--format=json"]) == 0
    assert document(capsys)["result"] == "Succeeded"


def test_a_prompt_in_a_terminal() -> None:
    answers = {"decide later?": "approve", "Your name": "ann", "Comment": "go"}
    code, shown = in_terminal(["run", "d.yml"], answers)
    assert code == 0, shown
    assert "prod approved by ann: go" in shown
    assert main(["run", "d.yml"]) == 4


@pytest.mark.parametrize(("typed", "code"), [("\x03", 130), ("later", 4), ("", 4)])
def test_ctrl_c_and_later_at_the_prompt(typed: str, code: int) -> None:
    later = "- stage: after\n  jobs: [{job: j, steps: [{bash: echo}]}]\n"
    deploy = "".join(f"  {line}\n" for line in DEPLOY.splitlines())
    Path("d.yml").write_text(f"stages:\n- stage: live\n{deploy}{later}")
    actual, shown = in_terminal(["run", "d.yml"], {"decide later?": typed})
    assert actual == code, shown
    if code == 130:
        stored = next(Path(".pipelines-local").glob("*/run.json"))
        stages = json.loads(stored.read_text())["stages"]
        assert [stage["result"] for stage in stages] == ["Canceled", "Skipped"]


def test_a_live_table_in_a_terminal() -> None:
    Path("f.yml").write_text(
        "stages:\n- stage: one\n  jobs: [{job: good, steps: [{bash: echo}]}, {job: bad, steps: [{bash: 'echo boom; exit 1'}]}]\n- stage: two\n  jobs: [{job: never, steps: [{bash: echo}]}]"
    )
    code, shown = in_terminal(["run", "f.yml"], {})
    assert code == 1
    for text in (
        "stage, job, step",
        "one",
        "good",
        "Succeeded",
        "Failed",
        "boom",
        "Skipped",
        "never",
    ):
        assert text in shown, shown


def test_plain_lines_without_a_terminal() -> None:
    out = io.StringIO()
    Path("f.yml").write_text(
        "steps:\n- bash: echo quiet\n  displayName: Say [bold]it\n- bash: echo x; exit 1"
    )
    run_pipeline(Path("f.yml"), root=Path(), work_dir=Path("w"), listener=console_listener(out))
    text = out.getvalue()
    assert "[__default/Job] Say [bold]it: Succeeded (" in text
    assert "quiet" not in text
    assert "    | x\n" in text


class Announcements(io.StringIO):
    """An output that creates the file ``go`` when a step is announced."""

    def write(self, text: str) -> int:
        if " Long ..." in text:
            Path("go").touch()
        return super().write(text)


def test_a_step_that_takes_long_is_announced() -> None:
    Path("f.yml").write_text(
        "steps:\n- bash: timeout 60 sh -c 'until [ -e $GO ]; do sleep 0.05; done'\n"
        f"  displayName: Long\n  env: {{GO: {Path('go').resolve()}}}"
    )
    shown = {}
    for seconds in (0.2, 600):
        out = Announcements()  # the step ends when it was announced
        listener = PlainConsole(out, announce_after=seconds)
        run_pipeline(Path("f.yml"), root=Path(), work_dir=Path("w"), listener=listener)
        shown[seconds] = [line for line in out.getvalue().splitlines() if " Long" in line]
    announced, ended = shown[0.2]
    assert announced == "[__default/Job] Long ..."
    assert ended.startswith("[__default/Job] Long: Succeeded (")
    assert len(shown[600]) == 1
