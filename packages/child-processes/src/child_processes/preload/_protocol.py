"""The protocol between a client and a preloaded process, with packets on a Unix socket.

The client sends a :class:`Request` with three standard streams as file descriptors. The preloaded
process responds with ``{"pid": ...}`` or ``{"refused": reason}``, and with ``{"code": ...}`` when
the fork has ended. If one side closes its socket, the fork is killed. A request without a command
starts no process: it changes what the preloaded process imports.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

LONGEST_PACKET = 1 << 20
LATER = "--"
"""The argument of the preloaded process before the modules that are imported on request."""

READ_AT_IMPORT = (
    "ARM_",
    "AZUREML_CURRENT_CLOUD",
    "AZUREML_DEV_",
    "AZURE_",
    "DO_NOT_TRACK",
    "HOME",
    "LANG",
    "LC_",
    "LD_",
    "MKL_",
    "MLFLOW_CONFIGURE_LOGGING",
    "MLFLOW_DISABLE_TELEMETRY",
    "MLFLOW_LOGGING_LEVEL",
    "MPL",
    "OMP_",
    "OPENBLAS_",
    "PYTHONDEVMODE",
    "PYTHONHASHSEED",
    "PYTHONHOME",
    "PYTHONIOENCODING",
    "PYTHONOPTIMIZE",
    "PYTHONPATH",
    "PYTHONSAFEPATH",
    "PYTHONUTF8",
    "PYTHONWARNINGS",
    "REQUESTS_",
    "SSL_",
    "TZ",
    "VECLIB_",
)
"""Prefixes of the variables that modules read at import."""
READ_LATER = ("AZURE_AUTHORITY_HOST", "AZURE_CONFIG_DIR", "AZURE_ML_INPUT_", "AZURE_ML_OUTPUT_")
"""Variables with such a prefix that are read when they are used. Each AzureCLI step, and each job
of Azure ML, has its own."""


Imports = Literal["some", "first", "all"]
"""The modules that a fork waits for: those that are imported already, the first ones, or all."""


@dataclass(frozen=True)
class Request:
    """A process to start.

    Attributes:
        argv: the interpreter, then ``-m`` and a module, or a script, then its arguments. Empty:
            start no process.
        env: its environment.
        cwd: its folder.
        imports: the modules that it waits for.
        requires: packages that its code must import itself.
        attributes: what a process inherits from its parent; see :func:`inherited_attributes`.
        unused_variables: prefixes of variables that only modules read that it does not use.
        modules: without a command: modules to import next, after ``env`` was added to the
            environment of the preloaded process.
    """

    argv: list[str]
    env: dict[str, str]
    cwd: str
    imports: Imports = "some"
    requires: list[str] = field(default_factory=list)
    attributes: dict[str, Any] = field(default_factory=dict)
    unused_variables: list[str] = field(default_factory=list)
    modules: list[str] = field(default_factory=list)

    def to_packet(self) -> bytes:
        """The packet of this request."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_packet(cls, packet: bytes) -> Request:
        """The request in a packet."""
        return cls(**json.loads(packet))


def import_time_variables(env: Mapping[str, str]) -> dict[str, str]:
    """The variables of an environment that modules read at import."""
    return {
        name: value
        for name, value in env.items()
        if name.startswith(READ_AT_IMPORT) and not name.startswith(READ_LATER)
    }


def inherited_attributes() -> dict[str, Any]:
    """This process's file mode mask, priority, processors and resource limits (Linux only)."""
    import resource  # Windows has none

    status = Path("/proc/self/status").read_text(encoding="utf-8")
    numbers = {name: value for name, value in vars(resource).items() if name.startswith("RLIMIT_")}
    return {
        "umask": next(line for line in status.splitlines() if line.startswith("Umask:")),
        "nice": os.getpriority(os.PRIO_PROCESS, 0),
        "processors": sorted(os.sched_getaffinity(0)),
        "limits": {name: list(resource.getrlimit(number)) for name, number in numbers.items()},
    }
