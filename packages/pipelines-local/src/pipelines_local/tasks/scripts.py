"""script, bash and AzureCLI: a file with the text, run by bash, without ``set -e``."""

from __future__ import annotations

import shlex
import uuid
from collections.abc import Mapping
from pathlib import Path

from pipelines_local.tasks.context import TaskContext, TaskFailed

PLAIN = ["bash", "--noprofile", "--norc"]


def command_line(context: TaskContext) -> None:
    """CmdLine@2: ``script:``."""
    _run_text(context, context.text("script"), [], PLAIN, "failonstderr")


def bash(context: TaskContext) -> None:
    """Bash@3: ``bash:``, or a file."""
    arguments = shlex.split(context.text("arguments"))
    if "filepath" in context.inputs and context.text("targettype").lower() != "inline":
        path = context.path("filepath", context.folders.sources)
        _run_file(context, path, arguments, "failonstderr")
    else:
        _run_text(context, context.text("script"), arguments, ["bash"], "failonstderr")


def azure_cli(context: TaskContext) -> None:
    """AzureCLI@2 with bash: the script sees the environment of the service connection."""
    env = context.connections[context.text("azuresubscription")]
    arguments = shlex.split(context.text("arguments"))
    if context.text("scriptlocation").lower() == "inlinescript":
        text = context.text("inlinescript")
        _run_text(context, text, arguments, ["bash"], "failonstandarderror", env)
    else:
        path = context.path("scriptpath", context.folders.sources)
        _run_file(context, path, arguments, "failonstandarderror", env)


def _run_text(
    context: TaskContext,
    text: str,
    arguments: list[str],
    shell: list[str],
    fail_on_stderr: str,
    env: Mapping[str, str] | None = None,
) -> None:
    script = context.folders.temp / f"{uuid.uuid4()}.sh"
    with script.open("w", encoding="utf-8", errors="surrogateescape") as file:
        file.write(text if text.endswith("\n") else text + "\n")
    _run(context, [*shell, str(script), *arguments], fail_on_stderr, env)


def _run_file(
    context: TaskContext,
    path: Path,
    arguments: list[str],
    fail_on_stderr: str,
    env: Mapping[str, str] | None = None,
) -> None:
    if not path.is_file():
        raise TaskFailed(f"no such script: {path}")
    _run(context, ["bash", str(path), *arguments], fail_on_stderr, env)


def _run(
    context: TaskContext, argv: list[str], fail_on_stderr: str, env: Mapping[str, str] | None
) -> None:
    folder = context.path("workingdirectory", context.folders.sources)
    if not folder.is_dir():
        raise TaskFailed(f"the working directory does not exist: {folder}")
    strict = context.flag(fail_on_stderr)
    context.exit_code = context.process(argv, folder, env, fail_on_stderr=strict)
    if context.exit_code:
        raise TaskFailed(f"Bash exited with code '{context.exit_code}'.")
