"""OpenSSL finds the CA certificates in the folder by their names."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import certifi
import pytest

from azureml_local import authorities, certificates


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl program")
def test_file_names_are_the_hashes_of_openssl(tmp_path: Path) -> None:
    bundle = Path(certifi.where()).read_bytes()
    authorities.write(tmp_path, [bundle])
    files = sorted(tmp_path.iterdir())
    assert len(files) == bundle.count(b"BEGIN CERTIFICATE")
    for file in files:
        command = ["openssl", "x509", "-noout", "-subject_hash", "-in", file]
        expected = subprocess.run(
            command, capture_output=True, text=True, check=True
        ).stdout.strip()
        assert file.stem == expected


def test_two_certificates_with_the_same_name(tmp_path: Path) -> None:
    one = authorities.CERTIFICATE.findall(Path(certifi.where()).read_bytes())[0]
    authorities.write(tmp_path, [one, one])
    assert sorted(file.suffix for file in tmp_path.iterdir()) == [".0", ".1"]


def test_certificates_of_the_user_are_trusted_too(tmp_path, monkeypatch) -> None:
    other = certificates.ensure(tmp_path / "other").bundle.read_bytes()
    own = authorities.CERTIFICATE.findall(other)[0]
    broken = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    bundle = tmp_path / "company.pem"
    bundle.write_bytes(own + broken)
    for name in ("CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(bundle))
    files = certificates.ensure(tmp_path / "tls")
    assert own in files.bundle.read_bytes()
    assert any(path.read_bytes().strip() == own.strip() for path in files.authorities.iterdir())
