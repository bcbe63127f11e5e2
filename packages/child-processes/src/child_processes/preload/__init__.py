"""Python processes that begin with their imports already done.

A process that imports azure-ai-ml, pandas and mlflow spends four seconds before its first line of
work, and a rehearsal starts a dozen of them. A *preloaded process* imports such modules once and
then waits; :func:`popen` has it fork a copy of itself, which runs ``python -m MODULE ARGS`` in
the caller's folder, with the caller's environment and output. What a process would see that was
started the ordinary way it sees here too, except that its imports are found done.

Where this cannot hold, :func:`popen` refuses, and the caller starts the process the ordinary way:
another interpreter, another value of a variable that modules read while they are imported
(:data:`READ_AT_IMPORT`), a system where forking after imports is not safe (everything but Linux).
"""

from child_processes.preload._client import Process, Refused, popen
from child_processes.preload._protocol import READ_AT_IMPORT
from child_processes.preload._start import Preloaded, start

__all__ = ["READ_AT_IMPORT", "Preloaded", "Process", "Refused", "popen", "start"]
