"""Asks the person at the terminal for an approval."""

from __future__ import annotations

import getpass

from pipelines_local.approvals import Decision, Request


class Prompt:
    """Shows what there is to look at, then asks: approve, reject, or later."""

    def decide(self, request: Request) -> Decision | None:
        """The person's word; None for later."""
        import click

        click.echo(f"The stage {request.stage} wants to go to {request.environment!r}.")
        for path in sorted(request.artifacts.glob("*/index.html")):
            click.echo(f"  {path}")
        word = click.prompt(
            "Approve, reject, or decide later?",
            type=click.Choice(["approve", "reject", "later"]),
            default="later",
        )
        if word == "later":
            return None
        name = click.prompt("Your name", default=getpass.getuser())
        comment = click.prompt("Comment", default="", show_default=False)
        return Decision("approve" if word == "approve" else "reject", name, comment)
