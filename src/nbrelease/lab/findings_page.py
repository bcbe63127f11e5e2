"""The page for a notebook that cannot be exported, opened by its address and not in JupyterLab."""

from __future__ import annotations

from html import escape

from nbrelease.lab.notebook_state import Finding

STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; }
td, th { padding: .3rem .8rem .3rem 0; text-align: left; vertical-align: top; }
code { font-family: ui-monospace, monospace; }
"""


def render(name: str, findings: list[Finding], message: str = "") -> str:
    """The page as HTML.

    Args:
        name: the file name of the notebook.
        findings: its diagnostics.
        message: why it cannot be exported, where that is no diagnostic.
    """
    rows = "".join(
        f'<tr><td><a href="{escape(each.link)}">{escape(each.code)}</a> {each.level}</td>'
        f"<td><code>{escape(f'{each.cell}:{each.line}:{each.column}')}</code></td>"
        f"<td>{escape(each.message)}<br>Fix: {escape(each.fix)}</td></tr>"
        for each in findings
    )
    table = (
        f"<table><thead><tr><th>Code</th><th>Cell, line and column</th><th>Problem</th></tr>"
        f"</thead><tbody>{rows}</tbody></table>"
        if findings
        else ""
    )
    title = f"{escape(name)}: not exported"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{STYLE}</style></head><body><main><h1>{title}</h1>"
        f"<p>{escape(message)}</p>{table}</main></body></html>"
    )
