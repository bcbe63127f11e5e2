"""``nbrelease evidence``: what a release leaves behind."""

from __future__ import annotations

import os

import click

from nbrelease import console, release
from nbrelease.settings import load


@click.group()
def command() -> None:
    """Build what a release leaves behind."""


@command.command()
@click.option("--env", "name", required=True, help="The section of settings.ini.")
@click.argument("release_id", metavar="RELEASE")
def build(name: str, release_id: str) -> None:
    """Build the pack of RELEASE: record, pages, test reports, manifest."""
    from nbrelease import evidence

    settings = load()
    found = release.find(settings.root, settings.environment(name), release_id)
    record = evidence.build(found.folder)
    reason = f": {record.reason}" if record.reason else ""
    console.out(f"{record.verdict}{reason}")
    console.out(f"{os.path.relpath(found.folder)}/index.html")
