"""The command line: parses, dispatches, and turns errors into exit codes. Nothing else.

A verb lives in ``nbrelease.commands.<verb>`` as a click command named ``command`` and is imported
only when it is called: half of what the verbs need takes seconds to import.
"""

from __future__ import annotations

import importlib
import signal
import sys
from types import FrameType

import click

from nbrelease import console
from nbrelease.errors import ExitCode, NbreleaseError

VERBS = {
    "check": "Hold executed notebooks against the outputs committed with their sources.",
    "clean": "Take out of notebooks what a run left in them; also as a filter of git.",
    "doctor": "Tell what is missing here, and repair it.",
    "evidence": "Build what a release leaves behind, and verify it.",
    "export": "Write main.py and its tests out of the tagged cells of notebooks.",
    "new": "Write a new project out of the example.",
    "rehearse": "Run a pipeline of .ado/ on this machine.",
    "release": "Begin a release, or bring its parts together.",
    "run": "Run one runbook and put the executed notebook into the release.",
    "settings": "Show what settings.ini says for an environment, or check all of it.",
    "sync": "Carry edits of main.py and its tests back to the notebook.",
}


class _Verbs(click.Group):
    """The verbs by name, each imported when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(VERBS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in VERBS:
            return None
        command = importlib.import_module(f"nbrelease.commands.{name}").command
        assert isinstance(command, click.Command)  # noqa: S101 - our own modules
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of verbs without importing any of them."""
        with formatter.section("Verbs"):
            formatter.write_dl(sorted(VERBS.items()))


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="nbrelease")
def group() -> None:
    """From notebook to released model, with the executed notebooks as the evidence."""


def _terminated(signum: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main(argv: list[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: the arguments after the program's name; ``sys.argv``'s by default.

    Returns:
        The exit code; the table is in :class:`nbrelease.errors.ExitCode`.
    """
    signal.signal(signal.SIGTERM, _terminated)  # end in order, as with Ctrl-C
    try:
        result = group.main(args=argv, prog_name="nbrelease", standalone_mode=False)
    except NbreleaseError as error:
        console.error(str(error))
        return error.exit_code
    except click.ClickException as error:
        console.error(error.format_message().rstrip("."), hint=_usage(error))
        return ExitCode.USAGE
    except (KeyboardInterrupt, click.Abort):
        console.error("interrupted")
        return ExitCode.INTERRUPTED
    except BrokenPipeError:  # the reader of our output went away: head, less
        sys.stderr.close()
        return ExitCode.DONE
    except Exception:  # noqa: BLE001 - the last line of defence: a defect of ours
        console.error(f"a defect of nbrelease; please report it with this log: {_write_log()}")
        return ExitCode.DEFECT
    return result if isinstance(result, int) else ExitCode.DONE


def _usage(error: click.ClickException) -> str | None:
    context = getattr(error, "ctx", None)
    return f"see: {context.command_path} --help" if context else None


def _write_log() -> str:
    import tempfile
    import traceback
    from pathlib import Path

    log = Path(tempfile.mkdtemp(prefix="nbrelease-")) / "defect.log"
    log.write_text(f"{sys.argv}\n{sys.version}\n{traceback.format_exc()}", encoding="utf-8")
    return str(log)


if __name__ == "__main__":
    sys.exit(main())
