"""The protocol between the server and a worker process, over a socket pair.

A frame is a JSON head and a body of bytes, each preceded by its length. HTTP between these two
processes would take longer than most models need to predict.
"""

from __future__ import annotations

import json
import socket
import struct
from dataclasses import dataclass, field
from typing import Any

LENGTHS = struct.Struct("!II")
CHUNK_BYTES = 1 << 16


@dataclass(frozen=True)
class ScoringRequest:
    """A request as a worker process gets it; header names are in lower case."""

    body: bytes
    method: str = "POST"
    path: str = "/score"
    query: str = ""
    headers: list[list[str]] = field(default_factory=list)

    def header(self, name: str) -> str:
        """The first header of that name, in lower case; empty without one."""
        return next((value for key, value in self.headers if key == name), "")


@dataclass
class ScoringResponse:
    """A response of a worker process; ``collected`` is what the script's data collector got."""

    body: bytes
    status: int = 200
    headers: list[list[str]] = field(default_factory=list)
    collected: list[list[Any]] = field(default_factory=list)

    @classmethod
    def json(cls, value: Any, status: int = 200) -> ScoringResponse:
        """A response with a JSON document."""
        return cls(json.dumps(value).encode(), status, [["content-type", "application/json"]])


def pack_frame(head: Any, body: bytes) -> bytes:
    """A frame as bytes."""
    text = json.dumps(head).encode()
    return LENGTHS.pack(len(text), len(body)) + text + body


def pack_request(request: ScoringRequest) -> bytes:
    """A request as a frame."""
    head = [request.method, request.path, request.query, request.headers]
    return pack_frame(head, request.body)


def pack_response(response: ScoringResponse) -> bytes:
    """A response as a frame."""
    head = [response.status, response.headers, response.collected]
    return pack_frame(head, response.body)


class FrameReader:
    """Collects bytes and returns whole frames."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def feed(self, data: bytes) -> tuple[Any, bytes] | None:
        """Add bytes; returns the head and the body of a frame when it is complete."""
        self._bytes += data
        if len(self._bytes) < LENGTHS.size:
            return None
        head_bytes, body_bytes = LENGTHS.unpack_from(self._bytes)
        body_start = LENGTHS.size + head_bytes
        end = body_start + body_bytes
        if len(self._bytes) < end:
            return None
        head = json.loads(self._bytes[LENGTHS.size : body_start])
        body = bytes(self._bytes[body_start:end])
        del self._bytes[:end]
        return head, body


def receive_request(connection: socket.socket) -> ScoringRequest | None:
    """Wait for the next request; None when the server has closed the socket."""
    reader = FrameReader()
    while chunk := connection.recv(CHUNK_BYTES):
        frame = reader.feed(chunk)
        if frame is not None:
            (method, path, query, headers), body = frame
            return ScoringRequest(body, method, path, query, headers)
    return None
