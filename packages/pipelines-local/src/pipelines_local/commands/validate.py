"""``pipelines-local validate``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from pipelines_local.commands import arguments, options
from pipelines_local.commands.output import print_json


@click.command()
@click.argument("file", type=options.FILE)
@options.TEMPLATE
@options.FORMAT
def validate(file: Path, output_format: str, **values: Any) -> int:
    """Expand FILE and report all problems without running it."""
    from pipelines_local.load import load_pipeline

    loaded = load_pipeline(
        *arguments.template_arguments(file, values), run_variables=arguments.read_variables(values)
    )
    stages = loaded.pipeline.stages
    jobs = [job for stage in stages for job in stage.jobs]
    steps = sum(len(job.steps) for job in jobs)
    if output_format == "json":
        counts = {"valid": True, "stages": len(stages), "jobs": len(jobs), "steps": steps}
        print_json({**counts, "warnings": [w.to_dict() for w in loaded.warnings]})
    else:
        for warning in loaded.warnings:
            click.echo(f"warning: {warning}")
        click.echo(f"{file}: {len(stages)} stages, {len(jobs)} jobs, {steps} steps")
    return 0
