"""CmdLine@2, Bash@3 and PythonScript@0; bash runs without ``set -e``."""

from __future__ import annotations

import re
import shlex
import uuid
from collections.abc import Mapping
from pathlib import Path

from pipelines_local.tasks.context import TaskContext, TaskFailed

_QUOTED = re.compile(r'"((?:\\[\\"]|[^"])*)(?:"|\Z)')
_ARGUMENT = re.compile(rf'(?:[^ "]|{_QUOTED.pattern})+')
_BASH_WITHOUT_PROFILE = ["bash", "--noprofile", "--norc"]


def run_command_line(context: TaskContext) -> None:
    """Run CmdLine@2 (``script:``)."""
    script = write_script(context, context.text("script"))
    _run(context, [*_BASH_WITHOUT_PROFILE, str(script)], "failonstderr")


def run_bash(context: TaskContext) -> None:
    """Run Bash@3 (``bash:``) with an inline script, or a file with arguments.

    The task writes the arguments of a file to a script, so bash expands ``$HOME`` and ``*``.
    Source: ``bash.ts`` of azure-pipelines-tasks.
    """
    script = context.text("script")
    if "filepath" in context.inputs and context.text("targettype").lower() != "inline":
        path = _check_script(context.path("filepath", context.folders.sources))
        script = f"exec bash {shlex.quote(str(path))} {context.text('arguments')}"
    value = context.text("bashenvvalue")
    env = {"BASH_ENV": value} if value else None
    _run(context, ["bash", str(write_script(context, script))], "failonstderr", env)


def run_python_script(context: TaskContext) -> None:
    """Run PythonScript@0 with an inline script or a file."""
    if context.text("scriptsource", "filepath").lower() == "filepath":
        script = context.path("scriptpath", context.folders.sources)
    else:
        script = write_script(context, context.text("script"), ".py")
    arguments = split_arguments(context.text("arguments"))
    interpreter = context.text("pythoninterpreter", "python")
    # env finds the interpreter in the PATH of the step
    argv = ["/usr/bin/env", interpreter, str(_check_script(script)), *arguments]
    _run(context, argv, "failonstderr", program="Python")


def write_script(context: TaskContext, text: str, suffix: str = ".sh") -> Path:
    """Write the text of a script to a file in the temporary folder of the job."""
    script = context.folders.temp / f"{uuid.uuid4()}{suffix}"
    with script.open("w", encoding="utf-8", errors="surrogateescape") as file:
        file.write(text if text.endswith("\n") else text + "\n")
    return script


def run_script(
    context: TaskContext,
    script: Path,
    fail_on_stderr: str,
    env: Mapping[str, str] | None = None,
) -> None:
    """Run a script file of AzureCLI with bash and its arguments.

    Raises:
        TaskFailed: the script or the working directory is missing, or the exit code is not 0.
    """
    arguments = split_arguments(context.text("arguments"))
    _run(context, ["bash", str(_check_script(script)), *arguments], fail_on_stderr, env)


def split_arguments(text: str) -> list[str]:
    r"""Split arguments at blanks, as most tasks do: only double quotes group words.

    In double quotes, ``\"`` is a double quote; every other backslash and all single quotes are
    literal. Source: ``ToolRunner.line`` of azure-pipelines-task-lib.
    """
    arguments = [_QUOTED.sub(_unquote, match[0]) for match in _ARGUMENT.finditer(text)]
    return [*arguments[:-1], arguments[-1].strip()] if arguments else []


def _unquote(match: re.Match[str]) -> str:
    # A pair of backslashes is matched too, so that its second one does not escape a quote.
    return re.sub(r'\\([\\"])', lambda pair: '"' if pair[1] == '"' else pair[0], match[1])


def _check_script(path: Path) -> Path:
    if not path.is_file():
        raise TaskFailed("missing-path", f"no such script: {path}")
    return path


def _run(
    context: TaskContext,
    argv: list[str],
    fail_on_stderr: str,
    env: Mapping[str, str] | None = None,
    program: str = "Bash",
) -> None:
    folder = context.path("workingdirectory", context.folders.sources)
    if not folder.is_dir():
        raise TaskFailed("missing-path", f"the working directory does not exist: {folder}")
    strict = context.flag(fail_on_stderr)
    context.exit_code = context.run_process(argv, folder, env, fail_on_stderr=strict)
    if context.exit_code:
        raise TaskFailed("exit-code", f"{program} exited with code '{context.exit_code}'.")
