"""The keys of an installation for signing and encryption, all derived from its secret keys, which no database or backup holds.

The file of the secret key may hold several, one a line, newest first. The newest signs and encrypts; the others only check and
decrypt what they signed and encrypted. Signatures and encrypted values name their key by an id, which reveals nothing about it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

KEY_BYTES, NONCE_BYTES = 32, 12
KEY_ID = 16  # hexadecimal digits
FORMAT = "v1"  # of encrypted values: v1.KEY ID.BASE64URL(nonce and ciphertext)


class UnknownKey(ValueError):
    """Raised for what was encrypted with a key that is not among the secret keys of this installation."""

    code = "text.key_missing"


class DamagedValue(ValueError):
    """Raised for an encrypted value that was changed, or that belongs somewhere else."""

    code = "text.changed"


@dataclass(frozen=True)
class SigningKey:
    """An Ed25519 key (RFC 8032). ``public_key``: its 32 public bytes."""

    private_key: Ed25519PrivateKey

    @cached_property
    def public_key(self) -> bytes:
        """Return the 32 bytes of the public key."""
        return self.private_key.public_key().public_bytes_raw()

    @property
    def id(self) -> str:
        """Return the id by which signatures name this key: the first 16 digits of its fingerprint."""
        return fingerprint(self.public_key)[:KEY_ID]

    def sign(self, data: bytes) -> bytes:
        """Return the signature of some bytes, 64 bytes."""
        return self.private_key.sign(data)


def fingerprint(public_key: bytes) -> str:
    """Return the SHA-256 digest of a public key in hexadecimal, which two people can compare by telephone."""
    return hashlib.sha256(public_key).hexdigest()


def list_signing_keys(secret_keys: Sequence[bytes]) -> tuple[SigningKey, ...]:
    """Return the signing keys that belong to secret keys, in their order: the first signs, all of them are accepted."""
    return tuple(
        SigningKey(Ed25519PrivateKey.from_private_bytes(derive_key(secret, "signing key"))) for secret in secret_keys
    )


def is_signed(public_key: bytes, data: bytes, signature: bytes) -> bool:
    """Return whether a signature of some bytes was made with the private part of a public key."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, data)
    except (InvalidSignature, ValueError):  # ValueError: not 32 bytes
        return False
    return True


def encrypt(secret_keys: Sequence[bytes], data: bytes, purpose: str, belongs_to: str) -> str:
    """Return bytes encrypted with the newest secret key (AES-256-GCM), as text.

    ``purpose``: what kind of data it is; each has a key of its own. ``belongs_to``: the id of its row, without which it cannot be
    decrypted, so that nobody can move it to another row.
    """
    secret, nonce = secret_keys[0], os.urandom(NONCE_BYTES)
    sealed = AESGCM(derive_key(secret, purpose)).encrypt(nonce, data, belongs_to.encode())
    return f"{FORMAT}.{get_key_id(secret)}.{base64.urlsafe_b64encode(nonce + sealed).decode()}"


def decrypt(secret_keys: Sequence[bytes], value: str, purpose: str, belongs_to: str) -> bytes:
    """Return what was encrypted with any of the secret keys. Raises UnknownKey, DamagedValue."""
    secret = _find_secret(secret_keys, value)
    try:
        sealed = base64.urlsafe_b64decode(value.rpartition(".")[2])
        return AESGCM(derive_key(secret, purpose)).decrypt(
            sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], belongs_to.encode()
        )
    except (InvalidTag, ValueError, binascii.Error) as error:
        raise DamagedValue("an encrypted value was changed or moved") from error


def is_encrypted_with_newest(secret_keys: Sequence[bytes], value: str) -> bool:
    """Return whether a value was encrypted with the newest secret key, and so need not be encrypted again."""
    return value.split(".")[:2] == [FORMAT, get_key_id(secret_keys[0])]


def get_key_id(secret_key: bytes) -> str:
    """Return the id by which encrypted values name a secret key."""
    return hashlib.sha256(derive_key(secret_key, "key id")).hexdigest()[:KEY_ID]


def _find_secret(secret_keys: Sequence[bytes], value: str) -> bytes:
    version, _, rest = value.partition(".")
    if version != FORMAT:
        raise DamagedValue("a value is not encrypted in a known format")
    key_id = rest.partition(".")[0]
    for secret in secret_keys:
        if get_key_id(secret) == key_id:
            return secret
    raise UnknownKey(f"the secret key {key_id} is not in the secret key file")


@lru_cache(maxsize=64)
def derive_key(secret_key: bytes, purpose: str) -> bytes:
    """Return the key for a purpose (HKDF, RFC 5869)."""
    return HKDF(SHA256(), KEY_BYTES, salt=None, info=f"diligence {purpose}".encode()).derive(secret_key)
