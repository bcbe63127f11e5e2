"""Child processes that cannot outlive the process that started them.

A process that is killed with SIGKILL cannot stop its children. So each process that uses this
package (the *owner*) has a *guardian*: a small process with one end of a pipe. When the owner ends,
the pipe closes, and the guardian terminates all processes of the owner.

The guardian finds them by a mark in their environment, as the Azure Pipelines agent does with
``VSTS_PROCESS_LOOKUP_ID``. Children inherit the mark even if they leave the process group or
session.
"""

from child_processes._marks import end_marked
from child_processes._owner import Process, end_group, environment, follow_parent, run, spawn, strip

__all__ = [
    "Process",
    "end_group",
    "end_marked",
    "environment",
    "follow_parent",
    "run",
    "spawn",
    "strip",
]
