"""The verifier that goes with an export: Ed25519 in the standard library, and what it finds."""

import ast
import secrets
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from bot import verify_export
from bot.engine import signing

RFC_8032 = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
]
"""Section 7.1, tests 1 to 3: public key, message, signature."""


@pytest.mark.parametrize(("key", "message", "signature"), RFC_8032)
def test_the_vectors_of_rfc_8032(key: str, message: str, signature: str) -> None:
    raw = [bytes.fromhex(part) for part in (key, message, signature)]
    assert verify_export.verify(*raw)
    assert signing.verify(*raw)
    assert not verify_export.verify(raw[0], raw[1] + b"x", raw[2])


@settings(max_examples=40)
@given(st.binary(max_size=200), st.integers(0, 63), st.integers(0, 7))
def test_it_agrees_with_cryptography(message: bytes, at: int, bit: int) -> None:
    private = Ed25519PrivateKey.generate()
    key = private.public_key().public_bytes_raw()
    signature = private.sign(message)
    assert verify_export.verify(key, message, signature)
    flipped = bytes(byte ^ (1 << bit if n == at else 0) for n, byte in enumerate(signature))
    for bad in ((key, message, flipped), (key, message + b"x", signature)):
        assert verify_export.verify(*bad) is signing.verify(*bad) is False
    assert not verify_export.verify(secrets.token_bytes(32), message, signature)


def test_what_is_no_key_or_signature_is_refused() -> None:
    key, message, signature = (bytes.fromhex(part) for part in RFC_8032[1])
    high = int.from_bytes(signature[32:], "little") + verify_export.L
    malleable = signature[:32] + high.to_bytes(32, "little")
    for bad in (
        (key, message, signature[:-1]),
        (key[:-1], message, signature),
        (key, message, malleable),
        (b"\xff" * 32, message, signature),
        (key, message, b"\xff" * 32 + signature[32:]),
    ):
        assert not verify_export.verify(*bad)


def test_it_needs_nothing_but_an_old_python() -> None:
    tree = ast.parse(Path(verify_export.__file__).read_text(), feature_version=(3, 8))
    named = {
        name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else [a.name for a in node.names]
        )
    }
    assert named == {
        *("__future__", "argparse", "base64", "hashlib", "json", "pathlib", "re", "sys", "typing")
    }
