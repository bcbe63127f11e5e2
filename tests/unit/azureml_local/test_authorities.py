"""A folder of authorities is one that OpenSSL finds its way in."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import certifi
import pytest

from azureml_local import authorities


@pytest.mark.skipif(shutil.which("openssl") is None, reason="asks the openssl program")
def test_every_public_authority_is_named_as_openssl_names_it(tmp_path: Path) -> None:
    bundle = Path(certifi.where()).read_bytes()
    authorities.write(tmp_path, [bundle])
    files = sorted(tmp_path.iterdir())
    assert len(files) == bundle.count(b"BEGIN CERTIFICATE")
    for file in files:
        asked = ["openssl", "x509", "-noout", "-subject_hash", "-in", file]
        said = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
        assert file.stem == said


def test_two_of_one_name_stand_side_by_side(tmp_path: Path) -> None:
    one = authorities.CERTIFICATE.findall(Path(certifi.where()).read_bytes())[0]
    authorities.write(tmp_path, [one, one])
    assert sorted(file.suffix for file in tmp_path.iterdir()) == [".0", ".1"]
