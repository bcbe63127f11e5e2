"""The pinned versions exist for each supported Python and platform. Needs the Python registry."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PLATFORMS = ("x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu", "aarch64-apple-darwin")


@pytest.mark.drill
@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13", "3.14"])
def test_pins_resolve_from_wheels_without_further_packages(tmp_path, version, platform):
    files = [ROOT / "requirements.txt", ROOT / "tests" / "requirements.txt"]
    output = tmp_path / "resolved.txt"
    done = subprocess.run(
        [
            *(
                sys.executable,
                "-m",
                "uv",
                "pip",
                "compile",
                "--quiet",
                "--no-header",
                "--no-annotate",
            ),
            *("--only-binary", ":all:", "--python-version", version, "--python-platform", platform),
            *("--output-file", output, *files),
        ],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    lines = [line for file in files for line in file.read_text().splitlines()]
    pinned = {normalize(line) for line in lines if "==" in line}
    resolved = {normalize(line) for line in output.read_text().splitlines()}
    assert resolved - pinned == set()


def normalize(line: str) -> str:
    return line.partition(";")[0].strip().lower().replace("_", "-").replace(".", "-")
