"""The protocol between a client and a preloaded process: one packet each way, over a socket.

The client sends a :class:`Request` with its three standard streams as file descriptors; the
preloaded process answers ``{"pid": …}`` or ``{"refused": why}``, and later ``{"code": …}`` when
the copy has ended. When either end closes its socket, the copy is ended.
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
"""Beginnings of the variables that modules read while they are imported, not when they are used."""


@dataclass(frozen=True)
class Request:
    """A process that is wanted: ``argv`` is the interpreter, ``-m``, a module and its arguments."""

    argv: list[str]
    env: dict[str, str]
    cwd: str

    def packed(self) -> bytes:
        """As a packet."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def unpacked(cls, packet: bytes) -> Request:
        """From a packet."""
        return cls(**json.loads(packet))


def early(env: Mapping[str, str]) -> dict[str, str]:
    """The variables of an environment that count at import."""
    return {name: value for name, value in env.items() if name.startswith(READ_AT_IMPORT)}
