"""A folder of CA certificates with the file names by which OpenSSL finds them.

The SDK opens a new TLS session for nearly every kind of call. With all public CAs in one file,
each session parses 140 certificates, which takes 17 ms. From a folder, OpenSSL reads only the one
that it needs. The file names are the hashes of ``openssl rehash``, computed here because the
openssl program may not be installed.
"""

from __future__ import annotations

import hashlib
import re
import warnings
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography import x509

OID, UTF8, SEQUENCE, SET = 0x06, 0x0C, 0x30, 0x31
CERTIFICATE = re.compile(
    rb"-----BEGIN ((?:TRUSTED )?CERTIFICATE)-----.+?-----END \1-----", re.DOTALL
)


def split(bundle: bytes) -> list[bytes]:
    """The PEM blocks of the certificates in a bundle, without the text around them."""
    return [block[0].replace(b"\r\n", b"\n") for block in CERTIFICATE.finditer(bundle)]


def write(folder: Path, certificates: Iterable[bytes]) -> None:
    """Write certificates, each a PEM block, into an empty folder."""
    from cryptography import x509
    from cryptography.utils import CryptographyDeprecationWarning

    numbers: Counter[str] = Counter()
    for pem in certificates:
        with warnings.catch_warnings():
            # The serial number of one public root is not valid by current rules.
            warnings.simplefilter("ignore", CryptographyDeprecationWarning)
            try:
                name = subject_hash(x509.load_pem_x509_certificate(pem).subject)
            except ValueError:
                continue  # invalid, from a bundle of the user; OpenSSL ignores it, too
        (folder / f"{name}.{numbers[name]}").write_bytes(pem + b"\n")
        numbers[name] += 1


def subject_hash(name: x509.Name) -> str:
    """The eight hexadecimal digits by which OpenSSL (1.0 and later) finds a CA of this name.

    They are from the SHA-1 of the name in canonical form: UTF-8, lower case, single spaces
    (X509_NAME_hash(3), RFC 5280 section 7.1).
    """
    content = b"".join(
        _der(SET, b"".join(sorted(_attribute(each) for each in part))) for part in name.rdns
    )
    digest = hashlib.sha1(content, usedforsecurity=False).digest()
    return f"{int.from_bytes(digest[:4], 'little'):08x}"


def _attribute(attribute: x509.NameAttribute[str | bytes]) -> bytes:
    value = attribute.value
    text = value if isinstance(value, str) else value.decode("latin-1")
    canonical = " ".join(re.split(r"[ \t\n\v\f\r]+", text.strip(" \t\n\v\f\r"))).encode()
    return _der(
        SEQUENCE, _der(OID, _oid(attribute.oid.dotted_string)) + _der(UTF8, canonical.lower())
    )


def _oid(dotted: str) -> bytes:
    first, second, *rest = map(int, dotted.split("."))
    encoded = bytearray()
    for number in (40 * first + second, *rest):
        digits = [number & 0x7F]
        while number := number >> 7:
            digits.append(0x80 | number & 0x7F)
        encoded += bytes(reversed(digits))
    return bytes(encoded)


def _der(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content
