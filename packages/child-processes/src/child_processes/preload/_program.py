"""A program ``python`` on the PATH: ``_program.py ADDRESS PACKAGES PYTHON [ARGUMENT...]``.

It runs a script, or a module of the working folder, as a fork of the preloaded process at ADDRESS,
if its code imports the PACKAGES.
Everything else, and what the preloaded process refuses, it runs with the interpreter PYTHON. It
runs in isolated mode without the folder of installed packages, because it must start fast.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NoReturn

STREAMS = 3
IMPORT_SECONDS = 300.0
"""How long the imports may take on a busy machine."""


def main(argv: list[str]) -> NoReturn:
    """Run the command line, and exit as it does."""
    address, packages, python, *arguments = argv[1:]
    if arguments[:1] == ["-u"]:  # the preloaded process is unbuffered
        del arguments[0]
    if _is_own_code(arguments) and not _has_more_streams():
        code = _run_fork(address, packages.split(), [python, *arguments])
        if code is not None:
            sys.exit(code)
    os.execv(python, [python, *argv[4:]])  # noqa: S606 - this process becomes the interpreter


def _is_own_code(arguments: list[str]) -> bool:
    """Whether the arguments run a file of the caller, and no installed module."""
    if arguments[:1] == ["-m"]:
        path = Path(*arguments[1:2])
        return len(arguments) > 1 and (path.is_dir() or path.with_suffix(".py").is_file())
    return bool(arguments) and Path(arguments[0]).suffix == ".py" and Path(arguments[0]).is_file()


def _has_more_streams() -> bool:
    """Whether the caller passes more streams than the three that a fork gets."""
    numbers = [int(file.name) for file in Path("/proc/self/fd").iterdir()]
    return any(number >= STREAMS and _is_inherited(number) for number in numbers)


def _is_inherited(number: int) -> bool:
    try:
        return os.get_inheritable(number)
    except OSError:  # the folder that was listed
        return False


def _run_fork(address: str, packages: list[str], argv: list[str]) -> int | None:
    """Run a fork to its end; returns its exit code, None if it is refused."""
    sys.path.append(str(Path(__file__).parents[2]))
    from child_processes import preload

    try:
        return preload.run(address, argv, imports="all", requires=packages, timeout=IMPORT_SECONDS)
    except preload.Refused:  # its log has the reason
        return None


if __name__ == "__main__":
    main(sys.argv)
