"""Literals that look like secrets: a notebook is committed, and so is what is written from it.

All code cells are looked at, the untagged ones too: they are committed just the same.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from nbrelease.export import diagnostic as rules
from nbrelease.export.source import CodeCell, Source

# The forms that the issuers document, each with what it is.
FORMS = {
    "an access key of AWS": r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    "a token of GitHub": r"\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_\w{50,})",
    "a key of an Azure storage account": r"AccountKey=[A-Za-z0-9+/=]{20,}",
    "a shared access signature of Azure": r"[?&]sig=[A-Za-z0-9%+/=]{20,}",
    "a key of Azure Service Bus or Event Hubs": r"SharedAccessKey=[A-Za-z0-9+/=]{20,}",
    "a JSON web token": r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}",
    "a private key": r"-----BEGIN [A-Z ]*PRIVATE KEY-----",
    "an API key": r"\bsk-[A-Za-z0-9_-]{20,}",
    "a password within an address": r"\b[a-z][a-z0-9+.-]*://[^\s:/@]+:[^\s:/@{}]{3,}@",
}
ANY = re.compile("|".join(f"(?:{form})" for form in FORMS.values()))
NAME = re.compile(
    r"(?:^|_)(?:password|passwd|pwd|secret|api_?key|access_?key|account_?key|auth_?token|"
    r"access_?token|connection_?string|client_?secret)$",
    re.IGNORECASE,
)
# One of these stands in every text that the expressions match; looking for them is far cheaper.
HINTS = ("AKIA", "ASIA", "gh", "Key=", "sig=", "eyJ", "PRIVATE KEY", "sk-", "://")
NAME_HINTS = ("pass", "pwd", "secret", "key", "token", "connection")
PLACEHOLDER = re.compile(
    r"^(?:|<.*>|\{.*\}|\*+|x+|\.+|…|changeme|your[-_ ].*|none|null|todo)$", re.I
)


def check(source: Source) -> None:
    """Report literals that look like secrets."""
    for cell in source.cells:
        lower = cell.code.lower()
        form = any(hint in cell.code for hint in HINTS) and ANY.search(cell.code)
        if not form and not any(hint in lower for hint in NAME_HINTS):
            continue
        for node, what in _found(cell):
            source.report(
                rules.SECRET,
                cell.cell,
                node,
                f"this looks like {what}",
                "read it where it is needed: from the environment, or from Key Vault",
            )


def _found(cell: CodeCell) -> Iterator[tuple[ast.AST, str]]:
    for node in ast.walk(cell.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
            for what, form in FORMS.items():
                if re.search(form, _text(node.value)):
                    yield node, what
                    break
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(NAME.search(_name(target)) for target in targets) and _is_secret(node.value):
                yield node, f"the value of a secret: {_name(targets[0])}"
        elif isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                name = str(key.value) if isinstance(key, ast.Constant) else ""
                if NAME.search(name) and _is_secret(value):
                    yield value, f"the value of a secret: {name}"
        elif (
            isinstance(node, ast.keyword) and NAME.search(node.arg or "") and _is_secret(node.value)
        ):
            yield node.value, f"the value of a secret: {node.arg}"


def _name(node: ast.AST) -> str:
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant):
        return str(node.slice.value)
    return ""


def _is_secret(node: ast.expr | None) -> bool:
    return (
        isinstance(node, ast.Constant)
        and isinstance(node.value, str | bytes)
        and len(node.value) >= 6
        and not PLACEHOLDER.match(_text(node.value))
        and ANY.search(_text(node.value)) is None  # reported by its form
    )


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value
