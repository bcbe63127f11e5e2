"""Local files for public addresses: `sitecustomize.py` of the examples' virtual environment.

Notebooks read public data with pandas, which uses urllib. Inputs of jobs need no such help:
azureml-local has the option `--map`.
"""

from __future__ import annotations

import io
import json
import os
import urllib.request
import urllib.response
from email.message import Message
from pathlib import Path


class PublicFiles(urllib.request.HTTPSHandler):
    """Opens the addresses of EXAMPLES_PUBLIC_FILES, and others as usual."""

    def https_open(self, request: urllib.request.Request):  # type: ignore[no-untyped-def]
        for address, path in json.loads(os.environ["EXAMPLES_PUBLIC_FILES"]).items():
            file = Path(path) / request.full_url.removeprefix(address).lstrip("/")
            if request.full_url.startswith(address) and file.is_file():
                content = io.BytesIO(file.read_bytes())
                response = urllib.response.addinfourl(content, Message(), request.full_url, 200)
                response.msg = "OK"  # as http.client.HTTPResponse has it
                return response
        return super().https_open(request)


if "EXAMPLES_PUBLIC_FILES" in os.environ:
    urllib.request.install_opener(urllib.request.build_opener(PublicFiles))
