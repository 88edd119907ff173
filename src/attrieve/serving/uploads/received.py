"""What a request brought, written to one file as it comes; nothing is decoded yet."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from attrieve.errors import StorageError
from attrieve.serving.problems import Problem, ProblemError
from attrieve.serving.uploads.decoder import Part
from attrieve.serving.uploads.decoding_process import ZIP_STARTS
from attrieve.serving.uploads.verdict import FileVerdict, Verdict, shown_name

METADATA_BYTES_MOST = 4 << 20
FIELD_BYTES_MOST = 4096
FIELDS_MOST = 32


@dataclass(frozen=True)
class ReceivingLimits:
    """What one upload may bring.

    Args:
        request_bytes: of all files together; of an archive, too.
        file_bytes: of one picture.
        files: how many.
    """

    request_bytes: int
    file_bytes: int
    files: int


@dataclass
class Received:
    """What came.

    Args:
        path: file with the bytes of all parts.
        parts: what is to be decoded.
        refused: what is not; its bytes were not kept.
        fields: text that came along, such as ``camera``.
    """

    path: Path
    parts: list[Part] = field(default_factory=list)
    refused: list[FileVerdict] = field(default_factory=list)
    fields: dict[str, str] = field(default_factory=dict)


class Sink:
    """Takes files and fields one after the other; each method raises StorageError if the disk refuses.

    Args:
        folder: for this upload alone.
        limits: what it may bring.
    """

    def __init__(self, folder: Path, limits: ReceivingLimits) -> None:
        self._limits = limits
        self.received = Received(folder / "received")
        self._file: BinaryIO | None = None
        self._written = 0
        self._total = 0
        self._name = ""
        self._length = 0
        self._head = b""
        self._kept = True
        self._files = 0

    def __enter__(self) -> "Sink":
        with self._told():
            self._file = self.received.path.open("wb")
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            with self._told():
                self._file.close()

    def field(self, name: str, value: str) -> None:
        """Take a field; raises ProblemError if it is too long, or one too many."""
        most = METADATA_BYTES_MOST if name == "metadata" else FIELD_BYTES_MOST
        if len(value) > most or len(self.received.fields) >= FIELDS_MOST:
            told = f"the field {shown_name(name)!r} is too long, or one too many; at most {most:,} characters"
            raise ProblemError(Problem.TOO_LARGE, told)
        self.received.fields[name] = value

    def begin_file(self, name: str) -> None:
        """Begin a file, called so by the client."""
        self._name, self._length, self._head = shown_name(name), 0, b""
        self._files += 1
        self._kept = self._files <= self._limits.files

    def file_bytes(self, content: bytes) -> None:
        """Take the next bytes of the file; raises ProblemError if all together are too many."""
        self._total += len(content)
        self._length += len(content)
        if self._total > self._limits.request_bytes:
            told = (
                f"the files have more than {self._limits.request_bytes:,} bytes together; send fewer at once"
            )
            raise ProblemError(Problem.TOO_LARGE, told, headers={"Connection": "close"})
        if len(self._head) < 4:
            self._head = (self._head + content)[:4]
        if self._kept and self._length > self._limits.file_bytes and self._head not in ZIP_STARTS:
            self._kept = False
        if self._kept and self._file is not None:
            with self._told():
                self._file.write(content)

    def end_file(self) -> None:
        """End the file: it becomes a part, or is refused by itself."""
        if self._files > self._limits.files:
            told = f"more than {self._limits.files:,} files in one upload; send the rest in another"
            self.received.refused.append(FileVerdict(self._name, Verdict.TOO_MANY, told))
        elif not self._kept:
            told = f"the file has {self._length:,} bytes; at most {self._limits.file_bytes:,} are taken"
            self.received.refused.append(FileVerdict(self._name, Verdict.TOO_LARGE, told))
        else:
            self.received.parts.append(Part(self._name, self._written, self._length))
        if self._file is not None:
            with self._told():
                self._file.flush()
                self._written = self._file.tell()

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            told = f"cannot receive images in {self.received.path.parent}: {error.strerror or error}"
            raise StorageError(told) from error
