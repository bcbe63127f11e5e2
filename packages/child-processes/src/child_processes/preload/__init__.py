"""Python processes that start with their modules already imported.

The imports of azure-ai-ml, pandas and mlflow take four seconds, and a rehearsal starts a dozen such
processes. A *preloaded process* imports the modules once. :func:`popen` lets it fork a process that
runs ``python -m MODULE ARGS`` or ``python SCRIPT ARGS`` with the caller's folder, environment and
output. The fork differs from an ordinary process only in that its imports are done.
:func:`write_programs` writes programs ``python`` and ``python3`` that do this for a command line.

:func:`popen` refuses if that is not possible, and the caller starts an ordinary process: for
another interpreter, for another value of a variable that modules read at import
(:data:`READ_AT_IMPORT`), and on systems where a fork after imports is not safe (all but Linux).
"""

from child_processes.preload._client import (
    Process,
    Refused,
    import_all,
    import_next,
    popen,
    run,
)
from child_processes.preload._jsonschema import import_jsonschema
from child_processes.preload._protocol import READ_AT_IMPORT, Imports
from child_processes.preload._start import Preloaded, start, write_programs

__all__ = [
    "READ_AT_IMPORT",
    "Imports",
    "Preloaded",
    "Process",
    "Refused",
    "import_all",
    "import_jsonschema",
    "import_next",
    "popen",
    "run",
    "start",
    "write_programs",
]
