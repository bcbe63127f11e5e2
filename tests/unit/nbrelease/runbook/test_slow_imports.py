"""jsonschema checks all formats, although its grammars are imported late."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

CODE = """
import json, sys
{first}
import jsonschema
before = "rfc3987_syntax" in sys.modules
checker = jsonschema.Draft202012Validator.FORMAT_CHECKER
values = [("iri", "http://a/b"), ("iri", "::no"), ("iri-reference", "a b"), ("duration", "P1D"),
          ("duration", "x"), ("uri", "a b")]
print(json.dumps([before, [checker.conforms(text, name) for name, text in values]]))
"""


@pytest.mark.parametrize(
    ("first", "early"),
    [
        ("from nbrelease.runbook.slow_imports import import_papermill; import_papermill()", False),
        ("import jsonschema; from nbrelease.runbook.slow_imports import import_nbformat as i; i()",
         True),
    ],
)  # fmt: skip
def test_formats(first: str, early: bool) -> None:
    command = [sys.executable, "-c", CODE.format(first=first)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == [early, [True, False, False, True, False, False]]
