"""The command line: parses, dispatches, and maps errors to exit codes.

A command is in ``nbrelease.commands.<name>`` as a click command named ``command``. It is imported
when it is called: the imports of some commands take seconds.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
import threading
from types import FrameType

import click

from nbrelease import console
from nbrelease.errors import ExitCode, NbreleaseError
from nbrelease.help_text import COMMANDS, DESCRIPTION


class _LazyGroup(click.Group):
    """A group that imports a command when it is called, not for the list of commands."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        command = importlib.import_module(f"nbrelease.commands.{name}").command
        assert isinstance(command, click.Command)  # noqa: S101 - our own modules
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(sorted(COMMANDS.items()))


@click.group(
    cls=_LazyGroup, help=DESCRIPTION, context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(package_name="nbrelease")
def group() -> None:
    """The command line, without the handling of errors."""


def _raise_interrupt(signum: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _interrupt_again(ignored: sys.UnraisableHookArgs) -> None:
    """Send an interrupt again that Python ignored in a destructor or in a callback of an import."""
    if isinstance(ignored.exc_value, KeyboardInterrupt):
        # Not at once: that would be in this hook, where Python ignores it too.
        threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGTERM)).start()
    else:
        sys.__unraisablehook__(ignored)


def main(argv: list[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: the arguments after the program's name; by default those of ``sys.argv``.

    Returns:
        The exit code; see :class:`nbrelease.errors.ExitCode`.
    """
    signal.signal(signal.SIGTERM, _raise_interrupt)  # clean up as on Ctrl-C
    sys.unraisablehook = _interrupt_again
    try:
        result = group.main(args=argv, prog_name="nbrelease", standalone_mode=False)
    except NbreleaseError as error:
        console.error(str(error))
        return error.exit_code
    except click.ClickException as error:
        console.error(error.format_message().rstrip("."), hint=_help_hint(error))
        return ExitCode.USAGE
    except (KeyboardInterrupt, click.Abort):
        console.error("interrupted")
        return ExitCode.INTERRUPTED
    except BrokenPipeError:  # the reader of our output, such as head, has ended
        sys.stderr.close()
        return ExitCode.DONE
    except Exception as error:  # noqa: BLE001 - anything else is a defect
        if full := _describe_full_disk(error):
            console.error(full)
            return ExitCode.FAILED
        console.error(f"defect of nbrelease; report it with this log: {_write_log()}")
        return ExitCode.DEFECT
    return result if isinstance(result, int) else ExitCode.DONE


def _describe_full_disk(error: Exception) -> str | None:
    """One line about the disk if it was full, else None."""
    from pathlib import Path

    from pipelines_local.disk_space import describe, is_disk_full

    if not is_disk_full(error):
        return None
    return describe(Path(getattr(error, "filename", None) or "."))


def _help_hint(error: click.ClickException) -> str | None:
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
