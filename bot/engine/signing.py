"""Signs checkpoints of the record, and verifies them: Ed25519, by `cryptography`.

Used by `checkpoints`, `proof` and the command line. The key itself never leaves a `Signer`.
"""

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from bot.domain.anchors import Anchor, SignedAnchor
from bot.domain.checkpoints import Checkpoint, Signed, key_id, written_key


class KeyFault(Exception):  # noqa: N818 - it is said, not raised through
    """The signing key can't be used; the sentence says why, and never what it holds."""


class Signer:
    """Holds the private key of AUDIT_SIGNING_KEY. Raises KeyFault for what is none."""

    def __init__(self, pem: str) -> None:
        try:
            key = serialization.load_pem_private_key(pem.encode(), password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm):
            raise KeyFault("AUDIT_SIGNING_KEY holds no private key in PEM without a password.")  # noqa: B904 - the cause may quote it
        if not isinstance(key, Ed25519PrivateKey):
            raise KeyFault("AUDIT_SIGNING_KEY holds a key of another kind than Ed25519.")
        self._key = key

    @property
    def public(self) -> bytes:
        """Give the public key's 32 bytes."""
        return self._key.public_key().public_bytes_raw()

    def sign(self, checkpoint: Checkpoint) -> Signed:
        """Sign a checkpoint."""
        signature = self._key.sign(checkpoint.text().encode())
        return Signed(
            checkpoint=checkpoint,
            key_id=key_id(self.public),
            signature=signature,
            where="the database",
        )

    def sign_anchor(self, anchor: Anchor) -> SignedAnchor:
        """Sign what says that entries were removed."""
        signature = self._key.sign(anchor.text().encode())
        return SignedAnchor(anchor=anchor, key_id=key_id(self.public), signature=signature)


def verify(key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether a signature holds."""
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def new_pair() -> tuple[str, str]:
    """Make a key pair: the private key in PEM, the public key in its line."""
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()
    return pem, written_key(key.public_key().public_bytes_raw())
