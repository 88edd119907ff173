"""Checking a case archive: whether every file is the one that was exported, and by which installation."""

import hashlib
import re
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from attrieve.errors import AttrieveError, InputError, StorageError
from attrieve.serving.cases.archive import MANIFEST, PUBLIC_KEY, SIGNATURE
from attrieve.serving.state.signing import verify_signature

FILE_BYTES_MOST = 1 << 30
MANIFEST_BYTES_MOST = 64 << 20

_LINE = re.compile(r"([0-9a-f]{64})  ([^\n]+)")


@dataclass(frozen=True)
class ArchiveCheck:
    """What was found.

    Args:
        signed: whether the manifest bears the signature of the key.
        public_key: that was checked against.
        key_given: whether that key came from elsewhere; one from the archive itself proves nothing of its
            origin.
        files: how many the manifest names.
        changed: files that are not what was exported.
        missing: files that are named and not there.
        added: files that are there and not named.
    """

    signed: bool
    public_key: str
    key_given: bool
    files: int
    changed: tuple[str, ...]
    missing: tuple[str, ...]
    added: tuple[str, ...]

    @property
    def clean(self) -> bool:
        """Whether everything is as it was exported."""
        return self.signed and not (self.changed or self.missing or self.added)


def check_archive(path: Path, public_key: str | None = None) -> ArchiveCheck:
    """Check an archive; nothing of it is written to disk.

    Args:
        path: of the archive.
        public_key: of the installation it should come from, 64 hexadecimal digits; None takes the one in the
            archive, which shows changes by accident and no more.

    Raises:
        InputError: if it is no case archive.
        StorageError: if it cannot be read.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return _check(archive, public_key)
    except FileNotFoundError as error:
        raise InputError(f"there is no file {path}") from error
    except OSError as error:
        raise StorageError(f"cannot read {path}: {error.strerror}") from error
    except AttrieveError:
        raise
    except Exception as error:  # zipfile and the decompressors raise many kinds on damage
        raise InputError(f"{path} is no zip archive that can be read: {error}") from error


def _check(archive: zipfile.ZipFile, public_key: str | None) -> ArchiveCheck:
    names = archive.namelist()
    manifest = _read(archive, MANIFEST)
    named = _read_manifest(manifest)
    signature = _read(archive, SIGNATURE).decode("ascii", "replace").strip()
    key = public_key or _own_key(archive)
    there = [name for name in names if name not in (MANIFEST, SIGNATURE)]
    twice = {name for name in names if names.count(name) > 1} if len(set(names)) < len(names) else set()
    changed = {
        name for name, digest in named.items() if name in there and _digest(archive, name) != digest
    } | twice
    return ArchiveCheck(
        signed=verify_signature(key, manifest, signature),
        public_key=key,
        key_given=public_key is not None,
        files=len(named),
        changed=tuple(sorted(changed)),
        missing=tuple(sorted(set(named) - set(there))),
        added=tuple(sorted(set(there) - set(named))),
    )


def _read_manifest(manifest: bytes) -> Mapping[str, str]:
    named = {}
    for line in manifest.decode("utf-8", "replace").splitlines():
        match = _LINE.fullmatch(line)
        if match is None:
            raise InputError(f"{MANIFEST} holds the line {line[:80]!r}; expected a SHA-256 and a name")
        named[match.group(2)] = match.group(1)
    return named


def _read(archive: zipfile.ZipFile, name: str) -> bytes:
    try:
        with archive.open(name) as file:
            content = file.read(MANIFEST_BYTES_MOST + 1)
    except KeyError:
        raise InputError(f"the archive holds no {name}; it is no export of a case") from None
    except Exception as error:
        raise InputError(f"{name} in the archive is damaged: {error}") from error
    if len(content) > MANIFEST_BYTES_MOST:
        raise InputError(f"{name} in the archive is too large to be one")
    return content


def _digest(archive: zipfile.ZipFile, name: str) -> str:
    """Return the SHA-256 of a member, or '' if it cannot be read or is absurdly large."""
    digest, size = hashlib.sha256(), 0
    try:
        with archive.open(name) as file:
            while piece := file.read(1 << 20):
                size += len(piece)
                if size > FILE_BYTES_MOST:
                    return ""
                digest.update(piece)
    except Exception:  # damage of any kind: it is not what was exported
        return ""
    return digest.hexdigest()


def _own_key(archive: zipfile.ZipFile) -> str:
    try:
        key = load_pem_public_key(_read(archive, PUBLIC_KEY))
    except ValueError as error:
        raise InputError(f"{PUBLIC_KEY} in the archive is no key: {error}") from error
    if not isinstance(key, Ed25519PublicKey):
        raise InputError(f"{PUBLIC_KEY} in the archive is a key of another kind; Ed25519 is expected")
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw).hex()
