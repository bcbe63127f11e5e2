"""Signatures of a pack: an in-toto Statement that names the manifest's digest, in a DSSE envelope.

Both formats are public (in-toto Attestation Framework v1, Dead Simple Signing Envelope), so other
tools can verify them. A signature proves that the holder of the key signed exactly these bytes. It
proves neither the time nor the identity of the holder.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nbrelease import files
from nbrelease.attestation import manifest
from nbrelease.errors import UsageError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import (
        EllipticCurvePrivateKey,
        EllipticCurvePublicKey,
    )
    from cryptography.hazmat.primitives.asymmetric.ed25519 import (
        Ed25519PrivateKey,
        Ed25519PublicKey,
    )
    from cryptography.hazmat.primitives.hashes import HashAlgorithm

STATEMENT = "https://in-toto.io/Statement/v1"
PAYLOAD = "application/vnd.in-toto+json"
PREDICATE = "urn:nbrelease:evidence:1"
SUFFIX = ".dsse.json"
KEY_VARIABLE = "NBRELEASE_SIGNING_KEY"
PASSWORD_VARIABLE = "NBRELEASE_SIGNING_KEY_PASSWORD"  # noqa: S105 - a variable's name
ID_DIGITS = 16


class NoEnvelope(ValueError):
    """A file is not a DSSE envelope of an in-toto Statement."""


@dataclass(frozen=True)
class PublicKey:
    """A key to verify signatures with."""

    key: Ed25519PublicKey | EllipticCurvePublicKey

    @property
    def id(self) -> str:
        """The first digits of the sha256 of the key's SubjectPublicKeyInfo."""
        from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

        der = self.key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return hashlib.sha256(der).hexdigest()[:ID_DIGITS]

    def verifies(self, signature: bytes, message: bytes) -> bool:
        """Whether the signature is by this key, over this message."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric import ec, ed25519

        try:
            if isinstance(self.key, ed25519.Ed25519PublicKey):
                self.key.verify(signature, message)
            else:
                self.key.verify(signature, message, ec.ECDSA(_hash(self.key.curve.key_size)))
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True)
class PrivateKey:
    """A key to sign with."""

    key: Ed25519PrivateKey | EllipticCurvePrivateKey

    @property
    def public(self) -> PublicKey:
        """The key to verify with."""
        return PublicKey(self.key.public_key())

    def sign(self, message: bytes) -> bytes:
        """The signature over a message."""
        from cryptography.hazmat.primitives.asymmetric import ec, ed25519

        if isinstance(self.key, ed25519.Ed25519PrivateKey):
            return self.key.sign(message)
        return self.key.sign(message, ec.ECDSA(_hash(self.key.curve.key_size)))


def _hash(bits: int) -> HashAlgorithm:
    """The hash for a curve of this size (FIPS 186-5)."""
    from cryptography.hazmat.primitives import hashes

    return hashes.SHA256() if bits <= 256 else hashes.SHA384() if bits <= 384 else hashes.SHA512()


def private_key(word: str) -> PrivateKey:
    """Load a private key from a PEM file, or from a variable given as ``env:NAME``.

    Raises:
        UsageError: it is missing, of another kind, or its password is missing.
    """
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    password = os.environ.get(PASSWORD_VARIABLE)
    try:
        key = load_pem_private_key(_pem(word), password.encode() if password else None)
    except (ValueError, TypeError) as error:
        raise UsageError(f"{word}: not a private key in PEM format: {_line(error)}") from None
    if not isinstance(key, ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey):
        raise UsageError(f"{word}: not an Ed25519 or ECDSA key; see nbrelease evidence keygen")
    return PrivateKey(key)


def public_key(word: str) -> PublicKey:
    """Load a public key, as :func:`private_key`; a private key is accepted too.

    Raises:
        UsageError: it is missing, or of another kind.
    """
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    pem = _pem(word)
    if b"PRIVATE KEY" in pem:
        return private_key(word).public
    try:
        key = load_pem_public_key(pem)
    except (ValueError, TypeError) as error:
        raise UsageError(f"{word}: not a public key in PEM format: {_line(error)}") from None
    if not isinstance(key, ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey):
        raise UsageError(f"{word}: not an Ed25519 or ECDSA key")
    return PublicKey(key)


def _pem(word: str) -> bytes:
    scheme, _, name = word.partition(":")
    if scheme == "env":
        value = os.environ.get(name, "")
        if not value.strip():
            raise UsageError(f"{word}: the variable {name} is not set")
        # Secret variables of pipelines hold one line.
        return value.replace("\\n", "\n").encode()
    try:
        return Path(word).read_bytes()
    except OSError as error:
        raise UsageError(f"{word}: {error.strerror}") from None


def _line(error: Exception) -> str:
    return str(error).partition("\n")[0].rstrip(".")


def generate(path: Path) -> PublicKey:
    """Create an Ed25519 key pair: ``path`` to sign with, ``path.pub`` to verify with.

    Raises:
        UsageError: one of the files exists.
    """
    from cryptography.hazmat.primitives.asymmetric import ed25519
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
        PublicFormat,
    )

    public = path.with_name(f"{path.name}.pub")
    if existing := next((each for each in (path, public) if each.exists()), None):
        raise UsageError(f"{existing}: already exists")
    key = ed25519.Ed25519PrivateKey.generate()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    files.write_bytes(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    files.write_bytes(public, pem)
    return PublicKey(key.public_key())


def pack(folder: Path, key: PrivateKey) -> Path:
    """Sign a pack: an envelope under ``signatures/``, named by the key.

    Raises:
        UsageError: the pack has no manifest yet.
    """
    if not (folder / manifest.NAME).is_file():
        raise UsageError(f"{folder}: no {manifest.NAME}; build the pack: nbrelease evidence build")
    record = json.loads((folder / "record.json").read_text(encoding="utf-8"))
    predicate = {name: record.get(name) for name in ("release_id", "env", "verdict")}
    predicate["commit"] = record.get("source", {}).get("commit")
    target = folder / manifest.SIGNATURES / f"{key.public.id}{SUFFIX}"
    subject = {manifest.NAME: manifest.digest(folder)}
    files.write_text(target, envelope(subject, predicate, key))
    return target


def envelope(subjects: Mapping[str, str], predicate: Mapping[str, Any], key: PrivateKey) -> str:
    """A signed envelope.

    Args:
        subjects: sha256 by name.
        predicate: describes them; only the digests are verified.
        key: to sign with.
    """
    statement = {
        "_type": STATEMENT,
        "subject": [{"name": n, "digest": {"sha256": sha256}} for n, sha256 in subjects.items()],
        "predicateType": PREDICATE,
        "predicate": dict(predicate),
    }
    payload = json.dumps(statement, sort_keys=True, separators=(",", ":")).encode()
    signature = key.sign(encoding(PAYLOAD, payload))
    content = {
        "payloadType": PAYLOAD,
        "payload": base64.b64encode(payload).decode(),
        "signatures": [
            {"keyid": key.public.id, "sig": base64.b64encode(signature).decode()},
        ],
    }
    return json.dumps(content, indent=2) + "\n"


def encoding(kind: str, payload: bytes) -> bytes:
    """DSSE's pre-authentication encoding: the bytes that are signed."""
    return b"DSSEv1 %d %s %d %s" % (len(kind.encode()), kind.encode(), len(payload), payload)


@dataclass(frozen=True)
class Envelope:
    """The content of an envelope: the digests in its statement, and its signatures."""

    payload: bytes
    digests: frozenset[str]
    signatures: tuple[tuple[str, bytes], ...]

    @property
    def key_ids(self) -> list[str]:
        """The key ids in the envelope; they are not verified."""
        return [id for id, _ in self.signatures]

    def signed_by(self, key: PublicKey) -> bool:
        """Whether one of the signatures is valid for this key, whatever the key ids say."""
        message = encoding(PAYLOAD, self.payload)
        return any(key.verifies(signature, message) for _, signature in self.signatures)

    def signature_problems(self, key: PublicKey) -> list[str]:
        """A problem where the envelope has the key's id but no valid signature of it."""
        if key.id in self.key_ids and not self.signed_by(key):
            return [f"invalid signature for key {key.id}"]
        return []


def read(path: Path) -> Envelope:
    """Read an envelope, without verifying its signatures.

    Raises:
        NoEnvelope: the file is not an envelope.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        payload = base64.b64decode(content["payload"], validate=True)
        statement = json.loads(payload)
        digests = [each["digest"]["sha256"] for each in statement["subject"]]
        signed = [
            (str(each["keyid"]), base64.b64decode(each["sig"], validate=True))
            for each in content["signatures"]
        ]
        kinds = (content["payloadType"], statement["_type"], statement["predicateType"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise NoEnvelope(f"not a DSSE envelope of an in-toto Statement: {error!r}") from None
    if kinds != (PAYLOAD, STATEMENT, PREDICATE):
        raise NoEnvelope(f"unsupported types: {', '.join(map(str, kinds))}")
    if not signed:
        raise NoEnvelope("no signature")
    return Envelope(payload, frozenset(digests), tuple(signed))
