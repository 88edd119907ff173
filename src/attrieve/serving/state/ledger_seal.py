"""What is signed of a ledger: its head after every entry, and a tombstone for what retention removed."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attrieve.errors import InputError, StorageError
from attrieve.serving.state.ledger_entry import canonical_json
from attrieve.serving.state.signing import SigningKey, verify_signature

HEAD_FILE = "ledger-head.json"
"""Beside the database: the head as it lately was, so that putting an older database back is noticed."""


@dataclass(frozen=True)
class SignedHead:
    """Where the ledger ended at some moment; kept elsewhere, it proves later what was there then.

    Args:
        sequence: of the last entry, or 0.
        hash: of the last entry.
        signature: by the installation's key, over both.
    """

    sequence: int
    hash: str
    signature: str

    @classmethod
    def signed(cls, sequence: int, digest: str, key: SigningKey) -> "SignedHead":
        """Sign where a ledger ends now."""
        return cls(sequence, digest, key.sign(_head_message(sequence, digest)))

    def genuine(self, public_key: str) -> bool:
        """Whether it was signed by this key."""
        try:
            message = _head_message(self.sequence, self.hash)
        except InputError:  # not what the types say: read from a file somebody changed
            return False
        return verify_signature(public_key, message, self.signature)

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON knows it."""
        return {"sequence": self.sequence, "hash": self.hash, "signature": self.signature}

    @classmethod
    def read(cls, path: Path) -> "SignedHead":
        """Read a head kept in a file.

        Raises:
            StorageError: if the file cannot be read.
            InputError: if it holds no head.
        """
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            return cls(int(content["sequence"]), str(content["hash"]), str(content["signature"]))
        except OSError as error:
            raise StorageError(f"cannot read {path}: {error.strerror}") from error
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"{path} holds no head of a ledger: sequence, hash and signature") from error


def _head_message(sequence: int, digest: str) -> bytes:
    return canonical_json({"is": "ledger head", "sequence": sequence, "hash": digest}).encode("ascii")


@dataclass(frozen=True)
class Tombstone:
    """What stands in the place of entries that retention removed.

    Args:
        number: 1, 2, 3, ...
        first: sequence of the first entry removed.
        through: sequence of the last entry removed.
        hash: of that entry, which the first one left names as its predecessor's.
        newest: the newest time among the entries removed.
        removed: when.
    """

    number: int
    first: int
    through: int
    hash: str
    newest: str
    removed: str

    @property
    def statement(self) -> str:
        """The text that is signed."""
        return canonical_json({"is": "ledger tombstone", **self.__dict__})

    @classmethod
    def from_statement(cls, statement: str) -> "Tombstone":
        """Read the text that is signed.

        Raises:
            ValueError: if it is none.
        """
        content = json.loads(statement)
        if not isinstance(content, dict) or content.pop("is", None) != "ledger tombstone":
            raise ValueError("not a tombstone")
        if set(content) != set(cls.__dataclass_fields__):
            raise ValueError("not the fields of a tombstone")
        return cls(**content)
