"""Files of jobs and data as responses, and the parts of a log."""

from __future__ import annotations

import codecs
import mimetypes
from pathlib import Path
from urllib.parse import unquote

from starlette.responses import FileResponse, Response

from azureml_local.errors import NotFound
from azureml_local.studio import access

LOG_BYTES = 200_000
"""The maximum size of a log on a page; the beginning of a longer log is left out."""
IMAGES = ("image/png", "image/jpeg", "image/gif")


def text_response(text: str, **headers: str) -> Response:
    """A text, which a browser never shows as a page."""
    return Response(
        text,
        media_type="text/plain; charset=utf-8",
        headers=access.headers(access.new_nonce()) | headers,
    )


def file_response(path: Path) -> Response:
    """A file of a job or of data: the browser displays text and images, and saves other files."""
    if not path.is_file():
        raise NotFound(f"File {unquote(path.name)} was not found.")
    kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    text = kind.startswith("text/") or kind == "application/json" or _is_text(path)
    # Files of a job must never run as a page of this server.
    media_type = kind if kind in IMAGES else "text/plain; charset=utf-8" if text else kind
    headers = access.headers(access.new_nonce())
    disposition = "inline" if media_type.startswith(("text/plain", *IMAGES)) else "attachment"
    return FileResponse(
        path,
        media_type=media_type,
        headers=headers,
        filename=path.name,
        content_disposition_type=disposition,
    )


def _is_text(path: Path) -> bool:
    with path.open("rb") as file:
        start = file.read(4096)
    return b"\0" not in start and bool(start.decode("utf-8", "ignore"))


def read_log(log: Path | None, start: int | None) -> tuple[str, int]:
    """A log from byte ``start``, or its end; also returns the position after it."""
    if log is None:
        return "", 0
    # An incomplete multi-byte character is read the next time.
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    with log.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - LOG_BYTES) if start is None else min(start, size))
        text = decoder.decode(file.read(LOG_BYTES))
        return text, file.tell() - len(decoder.getstate()[0])
