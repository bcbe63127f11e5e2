"""File patterns of Azure Pipelines tasks: minimatch patterns in order, ``!`` excludes."""

from __future__ import annotations

from wcmatch import glob

# The default options of azure-pipelines-task-lib: hidden files match, extended globs are on,
# braces are literal.
_FLAGS = glob.GLOBSTAR | glob.DOTGLOB | glob.EXTGLOB | glob.FORCEUNIX | glob.CASE


def select_paths(paths: list[str], patterns: str) -> list[str]:
    """Return the paths that the patterns select.

    Args:
        paths: relative paths with ``/``.
        patterns: one pattern per line, applied in order; a pattern that starts with ``!``
            excludes. Empty lines and lines that start with ``#`` are ignored.
    """
    selected: set[str] = set()
    for line in map(str.strip, patterns.splitlines()):
        if not line or line.startswith("#"):
            continue
        pattern = line.lstrip("!")
        excludes = (len(line) - len(pattern)) % 2 == 1
        matches = map(str, glob.globfilter(paths, pattern.removeprefix("./"), flags=_FLAGS))
        if excludes:
            selected.difference_update(matches)
        else:
            selected.update(matches)
    return [path for path in paths if path in selected]
