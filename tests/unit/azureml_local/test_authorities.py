"""OpenSSL finds the CA certificates in the folder by their names."""

from __future__ import annotations

import datetime
import shutil
import subprocess
from pathlib import Path

import certifi
import pytest

from azureml_local import authorities, certificates
from azureml_local.server import Server


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


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_certificates_of_the_user_are_trusted_too(tmp_path, monkeypatch, kind) -> None:
    other = certificates.ensure(tmp_path / "other").bundle.read_bytes()
    own = authorities.CERTIFICATE.findall(other)[0]
    broken = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    (tmp_path / "company").mkdir()
    bundle = tmp_path / "company" / "ca.pem"
    bundle.write_bytes(own + broken)
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
    before = certificates.ensure(tmp_path / "tls").bundle.read_bytes()
    assert own not in before
    assert certificates.ensure(tmp_path / "tls").bundle.read_bytes() == before
    named = bundle if kind == "file" else bundle.parent
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(named))
    files = certificates.ensure(tmp_path / "tls")
    assert own in files.bundle.read_bytes()
    assert any(path.read_bytes().strip() == own.strip() for path in files.authorities.iterdir())


def test_a_certificate_that_is_not_valid_yet_is_replaced(tmp_path, monkeypatch) -> None:
    class Later(datetime.datetime):
        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> datetime.datetime:
            return super().now(tz) + datetime.timedelta(days=2)

    with monkeypatch.context() as patch:
        patch.setattr(certificates.datetime, "datetime", Later)
        early = certificates.ensure(tmp_path).certificate.read_bytes()
    # the clock has gone back
    assert certificates.ensure(tmp_path).certificate.read_bytes() != early


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("NO_PROXY", "intranet, .example.org", "intranet,.example.org,localhost,127.0.0.1"),
        ("no_proxy", "localhost", "localhost,127.0.0.1"),
        ("OTHER", "", "localhost,127.0.0.1"),
    ],
)
def test_hosts_without_proxy_are_kept(tmp_path, monkeypatch, name, value, expected) -> None:
    for each in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(each, raising=False)
    monkeypatch.setenv(name, value)
    server = Server(tmp_path, 0, tmp_path)
    assert server.environment["NO_PROXY"] == server.environment["no_proxy"] == expected
    server.state.store.close()
    shutil.rmtree(server.state.sockets)
