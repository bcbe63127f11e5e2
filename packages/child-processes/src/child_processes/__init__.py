"""Processes that cannot outlive the one that started them.

A rehearsal starts a server, which starts jobs, which start whatever a notebook starts. When any of
them is killed with SIGKILL nothing of it can clean up after itself, so each owner has a *guardian*:
a small process that holds one end of a pipe. When the pipe closes, the owner has ended, however it
ended, and the guardian ends every process that still belongs to it.

What belongs to an owner is told by a mark in the environment, as the Azure Pipelines agent does
with ``VSTS_PROCESS_LOOKUP_ID``: the mark is inherited by children that leave their process group
or session, which a process group alone would lose.
"""

from child_processes._owner import Process, end_group, environment, follow_parent, run, spawn, strip

__all__ = ["Process", "end_group", "environment", "follow_parent", "run", "spawn", "strip"]
