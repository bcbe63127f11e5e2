"""``pipelines-local run``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from pipelines_local import approvals, option_values
from pipelines_local.commands import arguments, options
from pipelines_local.commands.output import print_json
from pipelines_local.errors import UsageError


@click.command()
@click.argument("file", type=options.FILE, required=False)
@options.TEMPLATE
@options.RUN
@options.FORMAT
def run(file: Path | None, output_format: str, **values: Any) -> int:
    """Run FILE, or resume a waiting run (--resume)."""
    from pipelines_local.console import console_listener
    from pipelines_local.engine import resume_pipeline, run_pipeline
    from pipelines_local.prompt import Prompt
    from pipelines_local.run.folders import DEFAULT_NAME

    is_text = output_format == "text"
    secrets_file = values["secrets_file"]
    secrets = option_values.read_strings(secrets_file) if secrets_file else {}
    can_prompt = is_text and sys.stdin.isatty() and sys.stdout.isatty()
    common: dict[str, Any] = {
        "secrets": {**secrets, **option_values.parse_secrets(values["secrets"])},
        "service_connections": option_values.read_named_files(
            values["connections"], "--service-connection"
        ),
        "approvals": approvals.PresetApprovals(
            arguments.read_decisions(values), Prompt() if can_prompt else None
        ),
        "listener": console_listener() if is_text else None,
        "jobs": values["jobs"],
        "shared_az_config": values["shared_az_config"],
        "host_python": values["host_python"],
        "id_token_seconds": values["id_token_seconds"],
    }
    root = arguments.find_root(file or Path("x"), values["root"])
    work = values["work_dir"] or root / DEFAULT_NAME
    if values["resume"]:
        result = resume_pipeline(values["resume"], work_dir=work, **common)
    elif file is None:
        raise UsageError("missing-file", "FILE or --resume RUN is required")
    else:
        folders = option_values.parse_pairs(values["pipelines"], "--pipeline")
        result = run_pipeline(
            file,
            root=root,
            work_dir=work,
            parameters=arguments.read_parameters(values),
            variables=arguments.read_variables(values),
            pipelines={alias: Path(folder) for alias, folder in folders.items()},
            groups=option_values.read_named_files(values["groups"], "--group"),
            repositories=arguments.parse_repositories(values),
            keep=values["keep"],
            **common,
        )
    if not is_text:
        print_json(result.to_dict())
    elif result.result == "Waiting":
        click.echo(f"to continue: --resume {result.run} --approve ENV (or --reject ENV)")
    return result.exit_code
