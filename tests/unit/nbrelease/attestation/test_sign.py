"""Keys and envelopes, in the forms of their public specifications."""

from __future__ import annotations

import base64
import json
import shutil
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from nbrelease.attestation import manifest, sign
from nbrelease.cli import main
from nbrelease.verification import verify


def pem(key, password: bytes = b"") -> bytes:
    how = BestAvailableEncryption(password) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, how)


@pytest.fixture
def pack(tmp_path, english) -> Path:
    folder = english["full"].folder
    return Path(shutil.copytree(folder, tmp_path / folder.name))


def test_what_is_signed_is_encoded_as_dsse_has_it():
    actual = sign.encoding("http://example.com/HelloWorld", b"hello world")
    assert actual == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"


def test_the_envelope_is_an_in_toto_statement_of_the_manifest(pack, tmp_path, capfd):
    assert main(["evidence", "keygen", str(tmp_path / "k")]) == 0
    assert main(["evidence", "sign", str(pack), "--key", str(tmp_path / "k")]) == 0
    assert stat.S_IMODE((tmp_path / "k").stat().st_mode) == 0o600
    key = sign.public_key(str(tmp_path / "k.pub"))
    assert f"signed with {key.id}" in capfd.readouterr().out
    content = json.loads((pack / "signatures" / f"{key.id}.dsse.json").read_text())
    assert content["payloadType"] == "application/vnd.in-toto+json"
    payload = base64.b64decode(content["payload"])
    statement = json.loads(payload)
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["subject"] == [
        {"name": "manifest.json", "digest": {"sha256": manifest.digest(pack)}}
    ]
    assert statement["predicate"]["release_id"] == pack.name
    # by the library alone, as another program would
    signature = base64.b64decode(content["signatures"][0]["sig"])
    head = b"DSSEv1 28 application/vnd.in-toto+json %d " % len(payload)
    key.key.verify(signature, head + payload)


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1(), ec.SECP521R1()], ids=lambda c: c.name)  # fmt: skip
def test_ecdsa_keys_from_a_variable(pack, tmp_path, monkeypatch, curve, capfd):
    private_key = ec.generate_private_key(curve)
    monkeypatch.setenv("NBRELEASE_SIGNING_KEY", pem(private_key).decode().replace("\n", "\\n"))
    assert main(["evidence", "sign", str(pack)]) == 0
    public = private_key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    monkeypatch.setenv("PUBLIC", public.decode())
    assert main(["evidence", "verify", str(pack), "--key", "env:PUBLIC"]) == 0
    assert "level signed: " in capfd.readouterr().out


def test_a_signature_is_named_and_not_believed_without_a_key(pack, tmp_path):
    key = sign.generate(tmp_path / "k")
    sign.pack(pack, sign.private_key(str(tmp_path / "k")))
    report = verify(pack)
    actual = report.results["signature"]
    assert actual.state == "not applicable"
    assert key.id in actual.reason
    assert report.level == "consistent"


def test_two_keys_both_have_to_have_signed(pack, tmp_path):
    keys = [sign.generate(tmp_path / name) for name in "ab"]
    sign.pack(pack, sign.private_key(str(tmp_path / "a")))
    assert verify(pack, keys).results["signature"].state == "failed"
    sign.pack(pack, sign.private_key(str(tmp_path / "b")))
    assert verify(pack, keys).signers == [key.id for key in keys]


def test_a_pack_that_is_built_again_keeps_its_signature(pack, tmp_path):
    from nbrelease.pack import build_pack

    key = sign.generate(tmp_path / "k")
    sign.pack(pack, sign.private_key(str(tmp_path / "k")))
    build_pack(pack)
    assert verify(pack, [key]).level == "signed"


def test_an_encrypted_key_wants_its_password(pack, tmp_path, monkeypatch, capfd):
    path = tmp_path / "k"
    path.write_bytes(pem(ec.generate_private_key(ec.SECP256R1()), b"open"))
    assert main(["evidence", "sign", str(pack), "--key", str(path)]) == 2
    assert str(path) in capfd.readouterr().err
    monkeypatch.setenv("NBRELEASE_SIGNING_KEY_PASSWORD", "open")
    assert main(["evidence", "sign", str(pack), "--key", str(path)]) == 0


def test_keys_of_another_kind_and_a_key_that_is_there(pack, tmp_path, capfd):
    path = tmp_path / "rsa"
    path.write_bytes(pem(rsa.generate_private_key(65537, 2048)))
    assert main(["evidence", "sign", str(pack), "--key", str(path)]) == 2
    assert "Ed25519" in capfd.readouterr().err
    assert main(["evidence", "keygen", str(path)]) == 2
    assert str(path) in capfd.readouterr().err


def test_nothing_is_appended_to_a_broken_chain(pack, capfd):
    words = ["evidence", "append", str(pack), "--kind", "note", "--actor", "Ada", "--text"]
    assert main([*words, "one"]) == 0
    assert main([*words, "two"]) == 0
    first = pack / "later" / "0001.json"
    first.write_text(first.read_text().replace("one", "won"))
    capfd.readouterr()
    assert main([*words, "three"]) == 1
    assert "later/0002.json" in capfd.readouterr().err
    assert not (pack / "later" / "0003.json").exists()
