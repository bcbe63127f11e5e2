"""The socket of a worker process: its standard input, connected to the process that started it."""

from __future__ import annotations

import os
import socket


def take_over_stdin() -> socket.socket:
    """The socket on standard input, which is empty afterwards, as scoring scripts expect.

    Do not close it before the process ends: the other side must see the end only after the
    traceback has been written.
    """
    connection = socket.socket(fileno=os.dup(0))
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    return connection
