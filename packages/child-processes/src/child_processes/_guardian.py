"""The guardian: waits for the end of its owner, then terminates the owner's processes.

It runs as a file (``python -I -S _guardian.py OWNER GRACE [PARENT]``) without site-packages, so it
starts in about 15 ms. Standard input is the pipe. PARENT is the process id of the owner's parent;
the owner is terminated when that process ends.
"""

from __future__ import annotations

import os
import select
import signal
import sys
from pathlib import Path

POLL_SECONDS = 0.5


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def main(argv: list[str]) -> int:
    """Wait for the end of the owner, then terminate its processes."""
    owner, grace = argv[1], float(argv[2])
    follow = int(argv[3]) if len(argv) > 3 else 0
    owner_pid = os.getppid()
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(signum, signal.SIG_IGN)  # the guardian must outlive the owner
    while True:
        ready, _, _ = select.select([0], [], [], POLL_SECONDS if follow else None)
        if ready and not os.read(0, 1):
            break
        if follow and not _exists(follow):
            follow = 0
            os.kill(owner_pid, signal.SIGTERM)  # the pipe closes when the owner has ended
    sys.path.insert(0, str(Path(__file__).parent))
    import _marks  # type: ignore[import-not-found]  # in this folder, which -I leaves out of sys.path

    _marks.end_marked(owner, grace)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
