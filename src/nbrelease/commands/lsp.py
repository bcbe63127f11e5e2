"""``nbrelease lsp``: a language server for notebooks."""

from __future__ import annotations

import click


@click.command()
@click.option("--stdio", is_flag=True, help="Use standard input and output (the default).")
def command(stdio: bool) -> None:
    """Start the language server for notebooks on standard input and output.

    An editor starts it. It shows the diagnostics of nbrelease export in the cells, with quick fixes
    and hovers. Set-up of VS Code, Neovim and jupyterlab-lsp:
    https://github.com/nbrelease/nbrelease/blob/main/docs/editors.md
    """
    del stdio  # many clients pass it
    from nbrelease.language_server.server import create_server  # imports pygls

    create_server().start_io()
