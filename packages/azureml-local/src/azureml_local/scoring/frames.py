"""What the server and a scorer's process say to each other, over a socket that both hold an end of.

A frame is a JSON head and a body of bytes, each with its length before it. HTTP once more between
two processes of our own would cost more than most models take to predict.
"""

from __future__ import annotations

import json
import socket
import struct
from dataclasses import dataclass, field
from typing import Any

LENGTHS = struct.Struct("!II")
PIECE = 1 << 16


@dataclass(frozen=True)
class Asked:
    """A request as a scorer gets it."""

    body: bytes
    method: str = "POST"
    path: str = "/score"
    query: str = ""
    headers: list[list[str]] = field(default_factory=list)

    def header(self, name: str) -> str:
        """The first header of that name, which is in small letters; empty without one."""
        return next((value for key, value in self.headers if key == name), "")


@dataclass
class Answer:
    """What a scorer says to it; ``collected`` is what a script wants to have kept."""

    body: bytes
    status: int = 200
    headers: list[list[str]] = field(default_factory=list)
    collected: list[list[Any]] = field(default_factory=list)

    @classmethod
    def json(cls, value: Any, status: int = 200) -> Answer:
        """An answer that is a JSON document."""
        return cls(json.dumps(value).encode(), status, [["content-type", "application/json"]])


def pack(head: Any, body: bytes) -> bytes:
    """A frame as it goes over the socket."""
    text = json.dumps(head).encode()
    return LENGTHS.pack(len(text), len(body)) + text + body


def pack_asked(asked: Asked) -> bytes:
    """A request as a frame."""
    return pack([asked.method, asked.path, asked.query, asked.headers], asked.body)


def pack_answer(answer: Answer) -> bytes:
    """An answer as a frame."""
    return pack([answer.status, answer.headers, answer.collected], answer.body)


class Buffer:
    """Bytes as they come in, given out as frames."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def feed(self, more: bytes) -> tuple[Any, bytes] | None:
        """Add what came; gives the frame's head and body when one is whole."""
        self._bytes += more
        if len(self._bytes) < LENGTHS.size:
            return None
        head, body = LENGTHS.unpack_from(self._bytes)
        end = LENGTHS.size + head + body
        if len(self._bytes) < end:
            return None
        found = (
            json.loads(self._bytes[LENGTHS.size : LENGTHS.size + head]),
            bytes(self._bytes[LENGTHS.size + head : end]),
        )
        del self._bytes[:end]
        return found


def receive(connection: socket.socket) -> Asked | None:
    """Wait for the next request; None when the server has gone."""
    buffer = Buffer()
    while True:
        piece = connection.recv(PIECE)
        if not piece:
            return None
        found = buffer.feed(piece)
        if found is not None:
            (method, path, query, headers), body = found
            return Asked(body, method, path, query, headers)
