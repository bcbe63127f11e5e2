"""The protocol between a client and a preloaded process, with packets on a Unix socket.

The client sends a :class:`Request` with three standard streams as file descriptors. The preloaded
process responds with ``{"pid": ...}`` or ``{"refused": reason}``, and with ``{"code": ...}`` when
the fork has ended. If one side closes its socket, the fork is killed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass

LONGEST_PACKET = 1 << 20

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
READ_LATER = {"AZURE_AUTHORITY_HOST", "AZURE_CONFIG_DIR"}
"""Variables with such a prefix that are read when they are used. Each AzureCLI step has its own."""


@dataclass(frozen=True)
class Request:
    """A process to start.

    ``argv`` is the interpreter, ``-m``, a module and its arguments. ``all_modules``: whether it
    needs all of the modules, and not only those that are imported first.
    """

    argv: list[str]
    env: dict[str, str]
    cwd: str
    all_modules: bool = False

    def to_packet(self) -> bytes:
        """The packet of this request."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_packet(cls, packet: bytes) -> Request:
        """The request in a packet."""
        return cls(**json.loads(packet))


def import_time_variables(env: Mapping[str, str]) -> dict[str, str]:
    """The variables of an environment that modules read at import."""
    names = {name for name in env if name.startswith(READ_AT_IMPORT)} - READ_LATER
    return {name: env[name] for name in names}
