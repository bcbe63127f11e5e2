"""``pipelines-local expand``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from pipelines_local.commands import arguments, options
from pipelines_local.commands.output import print_json
from pipelines_local.errors import InvalidPipeline


@click.command()
@click.argument("file", type=options.FILE)
@options.TEMPLATE
@options.FORMAT
def expand(file: Path, output_format: str, **values: Any) -> int:
    """Print FILE without templates and ${{ }}."""
    from pipelines_local.load import expand_pipeline
    from pipelines_local.yamltree import to_data, to_yaml

    expanded = expand_pipeline(*arguments.template_arguments(file, values))
    if expanded.problems:
        raise InvalidPipeline.from_diagnostics(expanded.problems)
    if output_format == "json":
        print_json(to_data(expanded.document))
    else:
        click.echo(to_yaml(expanded.document), nl=False)
    return 0
