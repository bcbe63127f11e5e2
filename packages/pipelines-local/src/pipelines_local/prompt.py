"""Asks the person at the terminal for an approval."""

from __future__ import annotations

import getpass
from collections.abc import Callable
from typing import Any

from pipelines_local.approvals import Decision, Request


class Prompt:
    """Shows what there is to look at, then asks: approve, reject, or later."""

    def decide(self, request: Request) -> Decision | None:
        """The person's word; None for later."""
        import click

        click.echo(f"The stage {request.stage} wants to go to {request.environment!r}.")
        for path in sorted(request.artifacts.glob("*/index.html")):
            click.echo(f"  {path}")
        try:
            return _asked(click.prompt, click.Choice(["approve", "reject", "later"]))
        except click.Abort:  # Ctrl-C: the run is cancelled
            raise KeyboardInterrupt from None


def _asked(prompt: Callable[..., str], words: Any) -> Decision | None:
    word = prompt("Approve, reject, or decide later?", type=words, default="later")
    if word == "later":
        return None
    name = prompt("Your name", default=getpass.getuser())
    comment = prompt("Comment", default="", show_default=False)
    return Decision("approve" if word == "approve" else "reject", name, comment)
