"""A stand-in for the approvals API of Azure DevOps, on loopback.

The answers have the shape of its REST API 7.1: builds' timeline, pipelines' approvals, check runs.
"""

from __future__ import annotations

import json
import threading
import urllib.parse
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

TOKEN = "the-token-of-this-run-0123456789"
REGISTER, BLUE = "11111111-0000-4000-8000-000000000001", "22222222-0000-4000-8000-000000000002"
SUITES = {"c1": "prod", "c2": "blue"}


def person(name: str) -> dict[str, str]:
    """An identity as every answer has it."""
    return {
        "displayName": name, "uniqueName": f"{name.lower()}@example.org", "descriptor": "aad.x",
        "id": "6f2e0d3c-0000-4000-8000-00000000000a", "url": "https://example.org/_apis/Identities/1",
    }  # fmt: skip


def step(
    approver: str, status: str, comment: str = "", who: str = "", time: str = ""
) -> dict[str, object]:
    """An approval step of one approver, as Azure DevOps answers it."""
    created: dict[str, object] = {
        "assignedApprover": person(approver), "status": status, "comment": comment, "order": 1,
        "initiatedOn": "2026-11-24T10:00:00.1234567Z", "history": [], "permissions": "view",
        "lastModifiedOn": time or "2026-11-24T10:00:00.1234567Z", "lastModifiedBy": person(who or approver),
    }  # fmt: skip
    if who:
        created["actualApprover"] = person(who)
    return created


def timeline() -> dict[str, object]:
    """A run whose stages ``register`` and ``release`` had an approval before them."""
    records = []
    for number, (stage, approval) in enumerate((("register", REGISTER), ("release", BLUE)), 1):
        common = {"attempt": 1, "state": "completed", "result": "succeeded", "issues": []}
        records += [
            {"id": f"s{number}", "type": "Stage", "parentId": None, "identifier": stage, "name": stage.title(), **common},
            {"id": f"c{number}", "type": "Checkpoint", "parentId": f"s{number}", "identifier": "Checkpoint", "name": "Checkpoint", **common},
            {"id": approval, "type": "Checkpoint.Approval", "parentId": f"c{number}", "identifier": None, "name": "Checkpoint.Approval", **common},
            {"id": f"a{number}", "type": "Checkpoint.Authorization", "parentId": f"c{number}", "identifier": None, "name": "Checkpoint.Authorization", **common},
            {"id": f"j{number}", "type": "Job", "parentId": f"s{number}", "identifier": f"{stage}.job", "name": "Job", **common},
        ]  # fmt: skip
    return {"records": records, "changeId": 7, "id": "t", "url": "https://example.org/t"}


class DevOps:
    """A stand-in of Azure DevOps whose answers can be changed."""

    def __init__(self) -> None:
        self.approvals: dict[str, list[dict[str, object]]] = {}
        self.status = 200
        self.broken = False
        self.paths: list[str] = []
        self.url = ""

    def answer(self, path: str, query: dict[str, list[str]]) -> object:
        """The JSON of one address; None where there is nothing."""
        if path == "/org/a%20project/_apis/build/builds/77/timeline":
            return timeline()
        if path == "/org/a%20project/_apis/pipelines/approvals":
            ids = query["approvalIds"][0].split(",")
            assert query["$expand"] == ["steps"]
            value = [
                {"id": each, "steps": self.approvals.get(each, []), "status": "approved",
                 "createdOn": "2026-11-24T10:00:00Z", "executionOrder": "anyOrder",
                 "minRequiredApprovers": 1, "blockedApprovers": [], "_links": {}}
                for each in ids
            ]  # fmt: skip
            return {"count": len(value), "value": value}
        suite = path.removeprefix("/org/a%20project/_apis/pipelines/checks/runs/")
        if suite in SUITES:
            resource = {"type": "environment", "id": "3", "name": SUITES[suite]}
            return {"id": suite, "status": "approved", "resources": [resource], "checkRuns": []}
        return None


@contextmanager
def serve():
    """The stand-in, answering on a free port of loopback."""
    devops = DevOps()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = urllib.parse.urlsplit(self.path)
            devops.paths.append(url.path)
            status = devops.status
            if status == 200 and self.headers["Authorization"] != f"Bearer {TOKEN}":
                status = 203
            body = devops.answer(url.path, urllib.parse.parse_qs(url.query))
            if status == 200 and body is None:
                status = 404
            body = json.dumps({"records": 3} if devops.broken else body).encode()
            self.send_response(status)
            if status == 302:
                self.send_header("Location", f"{devops.url}elsewhere")
            self.send_header("Content-Type", "application/json; api-version=7.1")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    devops.url = f"http://127.0.0.1:{server.server_port}/"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield devops
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
