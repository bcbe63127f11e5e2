"""Files of jobs and data as responses, and the parts of a log."""

from __future__ import annotations

import mimetypes
from pathlib import Path
from urllib.parse import unquote

from starlette.responses import FileResponse, Response

from azureml_local.errors import NotFound
from azureml_local.files import LOG_BYTES, read_part
from azureml_local.studio import access

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
    return ("", 0) if log is None else read_part(log, LOG_BYTES, start)
