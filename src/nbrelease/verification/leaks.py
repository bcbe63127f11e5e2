"""Checks that the pack contains neither secrets nor absolute paths of a machine."""

from __future__ import annotations

import re

from nbrelease.attestation import manifest
from nbrelease.attestation.problem import Problem
from nbrelease.attestation.sign import SUFFIX
from nbrelease.pack_code import CODE
from nbrelease.secrets import find_in_files, kinds
from nbrelease.secrets.lines import lines_with
from nbrelease.verification.pack import Pack
from nbrelease.verification.report import Result, passed_unless

# Home folders of users and build agents, and temporary folders.
FOLDERS = re.compile(
    r"(?<![\w./:~<>-])(?:"
    r"/(?:home|Users)/[\w.-]+/|/root/|/agent/_work/|/azp/|/__w/|/opt/hostedtoolcache/"
    r"|/(?:private/)?var/folders/|/(?:var/)?tmp/[\w.-]+"
    r"|[A-Za-z]:\\{1,2}(?:Users|agent|a|actions-runner)\\{1,2}[\w.-]+)"
)
FOLDER_HINTS = ("/home/", "/Users/", "/root/", "/agent/", "/azp/", "/__w/", "/opt/", "/var/",
                "/tmp/", ":\\")  # fmt: skip # noqa: S108


def _names(pack: Pack) -> list[str]:
    """All files, with those of later entries."""
    later = (pack.folder / manifest.LATER).rglob("*")
    names = [path.relative_to(pack.folder).as_posix() for path in later if path.is_file()]
    every = [*manifest.list_files(pack.folder), manifest.NAME, *sorted(names)]
    return [name for name in every if (pack.folder / name).is_file()]


def secrets(pack: Pack) -> Result:
    """No file contains text in the form of a key, a token or a password."""
    # A signature looks like a key; the check "signature" validates its form.
    names = [name for name in _names(pack) if not name.endswith(SUFFIX)]
    paths = {pack.folder / name: name for name in names}
    problems = [
        Problem("NBV601", f"{paths[path]}: contains {what}") for path, what in find_in_files(paths)
    ]
    return passed_unless(problems, f"none in {len(names)} files, of {len(kinds())} kinds")


def paths(pack: Pack) -> Result:
    """No absolute path of this machine, except one that is in the project's own code."""
    problems: list[Problem] = []
    count = 0
    code = _read_code(pack)
    for name in _names(pack):
        if name.startswith(f"{CODE}/"):
            continue
        text = (pack.folder / name).read_text(encoding="utf-8", errors="replace")
        count += 1
        matches = (
            match
            for place in lines_with(text, FOLDER_HINTS)
            for match in FOLDERS.finditer(text, *place)
        )
        match = next((each for each in matches if each.group() not in code), None)
        if match is not None:
            line = text.count("\n", 0, match.start()) + 1
            problems.append(Problem("NBV602", f"{name}:{line}: absolute path: {match.group()}"))
    return passed_unless(problems, f"none in {count} files")


def _read_code(pack: Pack) -> str:
    """The text of the project's own code in the pack."""
    files = sorted(path for path in (pack.folder / CODE).rglob("*") if path.is_file())
    return "\n".join(path.read_text(encoding="utf-8", errors="replace") for path in files)
