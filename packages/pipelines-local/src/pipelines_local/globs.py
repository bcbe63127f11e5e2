"""File patterns as the tasks of Azure Pipelines read them: several, in order, ``!`` takes away."""

from __future__ import annotations

import re
from functools import lru_cache


@lru_cache(maxsize=512)
def pattern(glob: str) -> re.Pattern[str]:
    """A pattern for whole paths: ``**`` is any folders, ``*`` and ``?`` stay within a name."""
    done, position = "", 0
    while position < len(glob):
        char = glob[position]
        if glob.startswith("**/", position) and (position == 0 or glob[position - 1] == "/"):
            done += "(?:[^/]+/)*"
            position += 3
        elif glob[position:] == "**" and (position == 0 or glob[position - 1] == "/"):
            done += ".+"
            position += 2
        elif char == "*":
            done += "[^/]*"
            position += 1
        elif char == "?":
            done += "[^/]"
            position += 1
        elif char == "[" and "]" in glob[position + 2 :]:
            end = glob.index("]", position + 2)
            inner = glob[position + 1 : end].replace("\\", "\\\\").replace("[", "\\[")
            done += "[" + ("^" + inner[1:] if inner[0] in "!^" else inner) + "]"
            position = end + 1
        else:
            done += re.escape(char)
            position += 1
    try:
        return re.compile(done + r"\Z", re.DOTALL)
    except re.error:  # a class such as [z-a]: the text itself
        return re.compile(re.escape(glob) + r"\Z")


def braces(glob: str) -> list[str]:
    """``a.{b,c}`` is ``a.b`` and ``a.c``."""
    found = re.search(r"\{([^{}]*,[^{}]*)\}", glob)
    if found is None or len(glob) > 1000:
        return [glob]
    before, after = glob[: found.start()], glob[found.end() :]
    return [one for part in found[1].split(",") for one in braces(before + part + after)][:256]


def select(paths: list[str], text: str) -> list[str]:
    """The paths that several patterns, one a line, leave; the last word on a path counts."""
    chosen: dict[str, None] = {}
    for raw in text.splitlines():
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        taken_away = line.startswith("!")
        globs = [pattern(one) for one in braces(line.lstrip("!").removeprefix("./"))]
        for path in paths:
            if any(glob.match(path) for glob in globs):
                if taken_away:
                    chosen.pop(path, None)
                else:
                    chosen[path] = None
    return [path for path in paths if path in chosen]
