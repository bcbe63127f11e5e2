"""The text of ``nbrelease --help``.

It is written without click, whose import takes longer than Python's start. ``nbrelease.cli`` reads
the same names and descriptions.
"""

from __future__ import annotations

DESCRIPTION = "Release models from notebooks to Azure ML, with the executed notebooks as evidence."
COMMANDS = {
    "check": "Compare executed notebooks with their committed outputs.",
    "clean": "Strip run outputs from notebooks. Also works as a git filter.",
    "doctor": "Check the development environment and fix what is missing.",
    "evidence": "Build, verify and sign evidence packs.",
    "export": "Export main.py and its tests from the tagged cells of notebooks.",
    "lsp": "Start the language server of notebooks, for editors.",
    "new": "Create a new project from the template.",
    "rehearse": "Run a pipeline of .ado/ on this machine.",
    "release": "Begin a release, compare its code, collect its parts.",
    "run": "Run runbooks and add the executed notebooks to the release.",
    "settings": "Show or check the settings of an environment.",
    "sync": "Copy edits of main.py and its tests back to the notebook.",
    "update": "Merge the template of the installed nbrelease into the project.",
}
OPTIONS = {
    "--version": "Show the version and exit.",
    "-h, --help": "Show this message and exit.",
}
WIDTH = 78
"""click's width in a terminal of 80 columns."""


def render() -> str:
    """The text as click renders it in a terminal of 80 columns."""
    lines = ["Usage: nbrelease [OPTIONS] COMMAND [ARGS]...", "", *_wrap(DESCRIPTION)]
    for title, entries in (("Options", OPTIONS), ("Commands", COMMANDS)):
        width = max(map(len, entries))
        lines += ["", f"{title}:"]
        lines += [f"  {name:{width}}  {text}" for name, text in sorted(entries.items())]
    return "\n".join(lines) + "\n"


def _wrap(text: str) -> list[str]:
    lines = [" "]
    for word in text.split():
        if len(f"{lines[-1]} {word}") > WIDTH:
            lines.append(" ")
        lines[-1] += f" {word}"
    return lines
