"""Ask for an approval in the terminal."""

from __future__ import annotations

from pipelines_local.approvals import ApprovalRequest, Decision, user_name


class Prompt:
    """Lists the pages among the artifacts, then asks for a decision."""

    def decide(self, request: ApprovalRequest) -> Decision | None:
        """Return the decision; None for later."""
        import click

        click.echo(f"The stage {request.stage} needs an approval for {request.environment!r}.")
        if request.instructions:
            click.echo(request.instructions)
        for path in sorted(request.artifacts.glob("*/index.html")):
            click.echo(f"  {path}")
        choices = click.Choice(["approve", "reject", "later"])
        try:
            answer = click.prompt(
                "Approve, reject, or decide later?", type=choices, default="later"
            )
            if answer == "later":
                return None
            name = click.prompt("Your name", default=user_name())
            comment = click.prompt("Comment", default="", show_default=False)
        except click.Abort:  # Ctrl-C cancels the run
            raise KeyboardInterrupt from None
        return Decision("approve" if answer == "approve" else "reject", name, comment)
