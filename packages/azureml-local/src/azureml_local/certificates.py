"""TLS on loopback: a CA for this data folder, and a server certificate for ``localhost``.

The SDK refuses to send tokens over plain http and builds storage addresses with https. Nothing is
installed on the machine: ``REQUESTS_CA_BUNDLE`` names a folder with this CA and the public CAs, so
other https connections in the same shell still work.
"""

from __future__ import annotations

import datetime
import ipaddress
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from azureml_local import authorities

if TYPE_CHECKING:
    from cryptography import x509

VALID_DAYS = 397
RENEW_DAYS = 30


@dataclass(frozen=True)
class Certificates:
    """Files: the server's certificate and key; the trusted CAs, as one file and as a folder."""

    certificate: Path
    key: Path
    bundle: Path
    authorities: Path


def ensure(folder: Path) -> Certificates:
    """The certificates in ``folder``; renewed if missing or valid for less than 30 days."""
    files = Certificates(
        folder / "server.pem", folder / "server.key", folder / "ca-bundle.pem", folder / "ca"
    )
    authority = _read_authority(files)
    others = _other_authorities(files, authority)
    if authority is None or not _is_valid(files.certificate):
        # Without a bundle, an incomplete renewal is repeated: certificate and key must match.
        files.bundle.unlink(missing_ok=True)
        authority = _make(folder, files)
    elif files.authorities.is_dir() and _read_blocks(files.bundle) == {authority, *others}:
        return files
    _write_authorities(files, [authority, *others])
    return files


def _read_authority(files: Certificates) -> bytes | None:
    """The authority of this folder, the first of its bundle; None if a file is missing."""
    if not all(map(Path.exists, (files.certificate, files.key, files.bundle))):
        return None
    return next(iter(authorities.split(files.bundle.read_bytes())), None)


def _is_valid(certificate: Path) -> bool:
    from cryptography import x509

    leaf = x509.load_pem_x509_certificate(certificate.read_bytes())
    now = datetime.datetime.now(datetime.UTC)
    # The clock may have gone back since then.
    is_valid = leaf.not_valid_before_utc <= now
    return is_valid and leaf.not_valid_after_utc - now > datetime.timedelta(days=RENEW_DAYS)


def _make(folder: Path, files: Certificates) -> bytes:
    """Write a new certificate of the server with its key; return the authority that signed it."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    now = datetime.datetime.now(datetime.UTC)
    authority_key = ec.generate_private_key(ec.SECP256R1())
    leaf_key = ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "azureml-local authority")])

    def begin(subject: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(minutes=5))
            .not_valid_after(now + datetime.timedelta(days=VALID_DAYS))
        )

    identifier = x509.SubjectKeyIdentifier.from_public_key(authority_key.public_key())
    authority = (
        begin(issuer, authority_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(identifier, critical=False)
        .add_extension(_usage(signs=True), critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    names = [
        x509.DNSName("localhost"),
        x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
    ]
    leaf = (
        begin(
            x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")]), leaf_key.public_key()
        )
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier),
            critical=False,
        )
        .add_extension(_usage(signs=False), critical=True)
        .sign(authority_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    _private(files.certificate, leaf.public_bytes(pem))
    # The CA's key is not stored, so that no other certificate can be signed with it.
    _private(
        files.key,
        leaf_key.private_bytes(
            pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
    )
    return authority.public_bytes(pem).strip()


def _write_authorities(files: Certificates, trusted: list[bytes]) -> None:
    """Write the trusted authorities as a folder, and then as a bundle."""
    folder = files.bundle.parent
    for interrupted in folder.glob("ca-*/"):
        shutil.rmtree(interrupted)
    staging = Path(tempfile.mkdtemp(prefix="ca-", dir=folder))
    authorities.write(staging, trusted)
    shutil.rmtree(files.authorities, ignore_errors=True)
    staging.rename(files.authorities)
    bundle = folder / f".{files.bundle.name}"
    _private(bundle, b"".join(block + b"\n" for block in trusted))
    bundle.replace(files.bundle)


def _other_authorities(files: Certificates, authority: bytes | None) -> list[bytes]:
    """The public CAs, and those of the user: for example the CA of a company's proxy.

    The client environment replaces the user's ``REQUESTS_CA_BUNDLE``. Without these CAs, pip could
    not reach a package index behind the proxy. A bundle is a file or a folder. In a shell that has
    the client environment, it is the one of this folder: then the CAs that it had remain.
    """
    import certifi

    names = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
    paths = sorted({Path(os.environ[name]) for name in names if os.environ.get(name)})
    bundles = [Path(certifi.where()), *(path for path in paths if path.is_file())]
    for folder in (path for path in paths if path.is_dir()):
        bundles += [path for path in sorted(folder.iterdir()) if path.is_file()]
    blocks = [block for path in bundles for block in authorities.split(path.read_bytes())]
    return [block for block in dict.fromkeys(blocks) if block != authority]


def contains(bundle: Path, authorities_file: Path) -> bool:
    """Whether a bundle has all authorities of a file; True for a file that cannot be read."""
    try:
        return _read_blocks(authorities_file) <= _read_blocks(bundle)
    except OSError:
        return True


def _read_blocks(bundle: Path) -> set[bytes]:
    return set(authorities.split(bundle.read_bytes()))


def _usage(*, signs: bool) -> x509.KeyUsage:
    from cryptography import x509

    return x509.KeyUsage(
        digital_signature=not signs,
        key_cert_sign=signs,
        crl_sign=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _private(path: Path, content: bytes) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
