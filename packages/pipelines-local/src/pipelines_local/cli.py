"""The command line ``pipelines-local``; errors become exit codes here."""

from __future__ import annotations

import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

import click

from pipelines_local.commands.evaluate import evaluate
from pipelines_local.commands.expand import expand
from pipelines_local.commands.output import print_error, print_json
from pipelines_local.commands.run import run
from pipelines_local.commands.validate import validate
from pipelines_local.disk_space import describe, is_disk_full
from pipelines_local.errors import InvalidPipeline, PipelinesError


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="pipelines-local")
def group() -> None:
    """Run Azure Pipelines YAML on this machine."""


for _command in (validate, expand, run, evaluate):
    group.add_command(_command)


def main(argv: list[str] | None = None) -> int:
    """Run the command line.

    Args:
        argv: the arguments without the program name; by default those of the process.

    Returns:
        0 success; 1 the run failed; 2 wrong usage or invalid pipeline; 3 internal error;
        4 waiting for an approval; 5 rejected; 130 interrupted.
    """
    arguments = sys.argv[1:] if argv is None else argv
    try:
        result = group.main(args=arguments, prog_name="pipelines-local", standalone_mode=False)
    except PipelinesError as error:
        _report(error, arguments)
        return error.exit_code
    except click.ClickException as error:
        print_error(error.format_message())
        return 2
    except (KeyboardInterrupt, click.Abort):
        print_error("interrupted")
        return 130
    except BrokenPipeError:  # the reader of our output has ended, for example head
        sys.stderr.close()
        return 0
    except Exception as error:  # noqa: BLE001 - an internal error is written to a log
        if is_disk_full(error):
            place = error.filename if isinstance(error, OSError) else None
            print_error(describe(Path(place or ".")))
            return 1
        log = Path(tempfile.mkdtemp(prefix="pipelines-local-")) / "defect.log"
        log.write_text(f"{arguments}\n{sys.version}\n{traceback.format_exc()}", encoding="utf-8")
        print_error(f"internal error; please report it with this log: {log}")
        return 3
    return result if isinstance(result, int) else 0


def _report(error: PipelinesError, arguments: list[str]) -> None:
    """Print an error: one line for each diagnostic, or a JSON document."""
    is_json = any(
        argument == "--format=json"
        or (argument == "--format" and arguments[i + 1 : i + 2] == ["json"])
        for i, argument in enumerate(arguments)
    )
    if is_json:
        document: dict[str, Any] = {"refused": str(error), "at": None, "diagnostics": []}
        document["code"] = getattr(error, "code", "error")
        if isinstance(error, InvalidPipeline):
            document |= {"refused": error.message, "at": str(error.at)}
            document["diagnostics"] = [d.to_dict() for d in error.diagnostics]
        print_json(document)
    elif isinstance(error, InvalidPipeline):
        for diagnostic in error.diagnostics:
            print_error(str(diagnostic))
    else:
        print_error(str(error))
