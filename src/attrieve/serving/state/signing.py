"""The installation's key: signs exports and the ledger's head, so that others can check where they are from.

Ed25519 (RFC 8032) by the library ``cryptography``. The private half is made on first use as
``signing-key.pem``, readable by its owner alone; the public half can be given to anyone.
Who can read the private half can sign in the installation's name: keep it off backups that others read.
"""

import os
import tempfile
import time
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from attrieve.data.file_lock import try_lock
from attrieve.errors import InputError, StorageError

KEY_FILE = "signing-key.pem"


class SigningKey:
    """The private key of an installation.

    >>> key = SigningKey(Ed25519PrivateKey.from_private_bytes(bytes(32)))
    >>> signature = key.sign(b"case 7")
    >>> key.verify(b"case 7", signature), key.verify(b"case 8", signature)
    (True, False)
    >>> verify_signature(key.public_key, b"case 7", signature)
    True
    """

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private

    @classmethod
    def open(cls, folder: Path | str, *, make: bool = True) -> "SigningKey":
        """Read the key of a state folder, or make it if there is none.

        Args:
            folder: of the state.
            make: whether it may be made.

        Raises:
            StorageError: if it cannot be read or written, or is no Ed25519 key.
        """
        path = Path(folder) / KEY_FILE
        try:
            if make and not path.exists():
                path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                _make(path)
            private = load_pem_private_key(path.read_bytes(), password=None)
        except OSError as error:
            raise StorageError(f"cannot read or make the signing key {path}: {error.strerror}") from error
        except (ValueError, TypeError) as error:
            raise StorageError(f"{path} is no private key in PEM: put a copy of it back") from error
        if not isinstance(private, Ed25519PrivateKey):
            raise StorageError(f"{path} holds a key of another kind, Ed25519 is needed")
        return cls(private)

    @property
    def public_key(self) -> str:
        """The public half: 64 hexadecimal digits."""
        return self._private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()

    @property
    def public_pem(self) -> str:
        """The public half in PEM, as ``openssl pkeyutl -verify`` reads it."""
        encoded = self._private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        return encoded.decode("ascii")

    def sign(self, message: bytes) -> str:
        """Return the signature of a message: 128 hexadecimal digits."""
        return self._private.sign(message).hex()

    def verify(self, message: bytes, signature: str) -> bool:
        """Whether a signature is this installation's, of exactly this message."""
        return verify_signature(self.public_key, message, signature)


def verify_signature(public_key: str, message: bytes, signature: str) -> bool:
    """Whether a signature belongs to a message and a public key, both in lower-case hexadecimal digits.

    Raises:
        InputError: if the public key is none.
    """
    try:
        public = Ed25519PublicKey.from_public_bytes(bytes.fromhex(public_key))
    except ValueError as error:
        raise InputError("a public key has 64 hexadecimal digits") from error
    try:
        decoded = bytes.fromhex(signature)
        # one spelling only: capitals and blanks would be read as the same bytes
        if decoded.hex() != signature:
            return False
        public.verify(decoded, message)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _make(path: Path) -> None:
    """Write a new key, whole or not at all; of two processes at once, one wins."""
    encoded = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")  # mode 0600
    part = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(encoded)
            file.flush()
            os.fsync(file.fileno())
        with try_lock(path.with_name(f".{path.name}.lock")) as mine:
            if mine and not path.exists():
                part.rename(path)
        _wait_for(path)
    finally:
        part.unlink(missing_ok=True)


def _wait_for(path: Path) -> None:
    """Wait for another process that is just putting its key there."""
    for _ in range(500):
        if path.exists():
            return
        time.sleep(0.01)
