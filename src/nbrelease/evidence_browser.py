"""Open evidence pages in a browser, also from a remote machine.

On a remote machine (a dev container, a compute instance) the browser is elsewhere: the pages are
served on loopback, and VS Code forwards the port and opens the address. The address contains a key,
because other users of the machine can reach loopback too.
"""

from __future__ import annotations

import functools
import os
import secrets
import sys
import webbrowser
from http import HTTPStatus
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from nbrelease import console
from nbrelease.errors import UsageError


def find_page(evidence: Path, release: str | None) -> Path:
    """The first page of a release.

    Args:
        evidence: the folder of the releases.
        release: id of a release; None: the newest page.

    Raises:
        UsageError: there is no such page.
    """
    if release is not None:
        page = evidence / release / "index.html"
        if not page.is_file():
            raise UsageError(f"{evidence.name}/{release}: no page; run nbrelease evidence build")
        return page
    newest = find_newest_page(evidence)
    if newest is None:
        raise UsageError(f"{evidence.name}/: no releases; run nbrelease rehearse")
    return newest


def find_newest_page(evidence: Path) -> Path | None:
    """The first page of the newest release in a folder; None without releases."""
    pages = evidence.glob("*/index.html")
    # File systems may give the same time to files that are written at about the same time.
    return max(pages, key=lambda path: (path.stat().st_mtime_ns, path.parent.name), default=None)


def has_desktop() -> bool:
    """Whether a browser of this machine can show a file to the user."""
    if sys.platform != "linux":
        return "SSH_CONNECTION" not in os.environ
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def serve(evidence: Path, page: Path, port: int) -> None:
    """Serve the pages on loopback, print the address and open it. Runs until interrupted.

    Args:
        evidence: the folder to serve.
        page: the page to open.
        port: 0: any free port.

    Raises:
        UsageError: the port is in use.
    """
    key = secrets.token_urlsafe(16)
    handler = functools.partial(_Handler, key=key, directory=str(evidence))
    try:
        server = ThreadingHTTPServer(("127.0.0.1", port), handler)
    except OSError as error:
        raise UsageError(f"--port {port}: {error.strerror}") from None
    with server:
        path = page.relative_to(evidence).as_posix()
        address = f"http://127.0.0.1:{server.server_port}/{key}/{path}"
        console.out(f"{address} (stop with Ctrl-C)")
        webbrowser.open(address)
        server.serve_forever()


class _Handler(SimpleHTTPRequestHandler):
    """Sends files below a folder to requests that know the key."""

    def __init__(self, *arguments: object, key: str, directory: str) -> None:
        self.prefix = f"/{key}/"
        super().__init__(*arguments, directory=directory)  # type: ignore[arg-type]

    def send_head(self):  # type: ignore[no-untyped-def]
        if not self.path.startswith(self.prefix):
            self.send_error(HTTPStatus.NOT_FOUND)
            return None
        self.path = self.path[len(self.prefix) - 1 :]
        return super().send_head()

    def log_message(self, format: str, *arguments: object) -> None:
        """Log nothing: the address contains the key."""
