"""OpenSSL finds the CA certificates in the folder by their names."""

from __future__ import annotations

import datetime
import shutil
import ssl
import subprocess
from pathlib import Path

import certifi
import pytest

from azureml_local import authorities, certificates
from azureml_local.server import Server


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl program")
def test_file_names_are_the_hashes_of_openssl(tmp_path: Path) -> None:
    bundle = Path(certifi.where()).read_bytes()
    authorities.write(tmp_path, authorities.split(bundle))
    names = {path.stem: path.read_bytes() for path in tmp_path.iterdir()}
    assert len(names) == bundle.count(b"BEGIN CERTIFICATE")
    for path in tmp_path.iterdir():
        path.rename(tmp_path / f"of-{path.stem}.pem")
    subprocess.run(["openssl", "rehash", tmp_path], check=True)  # adds links with its names
    links = {path.stem: path.read_bytes() for path in tmp_path.iterdir() if path.is_symlink()}
    assert links == names


def test_two_certificates_with_the_same_name(tmp_path: Path) -> None:
    one = authorities.split(Path(certifi.where()).read_bytes())[0]
    authorities.write(tmp_path, [one, one])
    assert sorted(file.suffix for file in tmp_path.iterdir()) == [".0", ".1"]


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_certificates_of_the_user_are_trusted_too(tmp_path, monkeypatch, kind) -> None:
    other = certificates.ensure(tmp_path / "other").bundle.read_bytes()
    own = authorities.split(other)[0]
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


def test_a_restart_in_a_shell_with_the_client_variables_changes_nothing(
    tmp_path, monkeypatch
) -> None:
    company = authorities.split(certificates.ensure(tmp_path / "company").bundle.read_bytes())[0]
    (tmp_path / "company.pem").write_bytes(b"our proxy\r\n" + company)
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "company.pem"))
    files = certificates.ensure(tmp_path / "tls")
    before = {path: path.read_bytes() for path in (tmp_path / "tls").rglob("*") if path.is_file()}
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(files.authorities))
    monkeypatch.setenv("SSL_CERT_FILE", str(files.bundle))
    for _ in range(3):
        certificates.ensure(tmp_path / "tls")
    after = {path: path.read_bytes() for path in (tmp_path / "tls").rglob("*") if path.is_file()}
    assert after == before
    assert company in after[files.bundle]


def test_two_workspaces_that_trust_each_other_do_not_grow(tmp_path, monkeypatch) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    sizes = []
    for round_ in range(4):
        for name in ("one", "two"):
            other = {"one": "two", "two": "one"}[name]
            monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / other / "ca-bundle.pem"))
            files = certificates.ensure(tmp_path / name)
            if round_:
                sizes.append(len(files.bundle.read_bytes()))
    assert len(set(sizes)) == 1


@pytest.mark.parametrize("missing", ["server.pem", "server.key", "ca-bundle.pem", "ca"])
def test_an_interrupted_renewal_is_repeated(tmp_path, missing) -> None:
    files = certificates.ensure(tmp_path)
    (tmp_path / "ca-interrupted").mkdir()
    if missing == "ca":
        shutil.rmtree(files.authorities)
    else:
        (tmp_path / missing).unlink()
    certificates.ensure(tmp_path)
    context = ssl.create_default_context(capath=str(files.authorities))
    context.load_cert_chain(files.certificate, files.key)  # fails if they do not match
    assert not (tmp_path / "ca-interrupted").exists()
    assert authorities.split(files.bundle.read_bytes())[0] in {
        path.read_bytes().strip() for path in files.authorities.iterdir()
    }


def test_a_renewal_that_fails_leaves_no_certificate_with_another_key(tmp_path, monkeypatch) -> None:
    files = certificates.ensure(tmp_path)
    write = certificates._private

    def fail(path: Path, content: bytes) -> None:
        if path == files.key:
            raise OSError
        write(path, content)

    with monkeypatch.context() as patch:
        patch.setattr(certificates, "RENEW_DAYS", 1000)
        patch.setattr(certificates, "_private", fail)
        with pytest.raises(OSError):
            certificates.ensure(tmp_path)
    files = certificates.ensure(tmp_path)
    context = ssl.create_default_context(capath=str(files.authorities))
    context.load_cert_chain(files.certificate, files.key)


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
