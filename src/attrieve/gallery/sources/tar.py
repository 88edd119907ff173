"""Images in a tar archive, plain or compressed, read from front to end."""

import io
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from attrieve.data.archives import BYTE_LIMIT
from attrieve.errors import DatasetError
from attrieve.gallery.sources.item import SourceItem
from attrieve.gallery.sources.naming import is_visible_image
from attrieve.schema import ImageSource

TAR_ENDINGS = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
"""Endings, in lower case, of names taken for tar archives."""


class TarSource:
    """The images of a tar archive, in the archive's own order, without unpacking it anywhere.

    What it holds is known at its end only. An archive that breaks off gives what it has and then one
    item that says so.

    Args:
        path: the archive; made absolute. The compression is told from its content.

    Raises:
        DatasetError: if the file cannot be opened.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path).absolute()
        if not self.path.is_file():
            raise DatasetError(f"expected a tar archive at {self.path}; nothing is there")

    @property
    def name(self) -> str:
        """The archive."""
        return str(self.path)

    def __iter__(self) -> Iterator[SourceItem]:
        """Yield the images, each with its bytes."""
        try:
            with self.path.open("rb") as file:
                for member in stream_members(file):
                    if member.name is None or is_visible_image(member.name):
                        yield _item(self.path, member)
        except OSError as error:
            problem = (
                f"{self.path}: cannot be read ({error.strerror or error}); check the disk and the rights"
            )
            yield SourceItem(ImageSource(self.path), problem=problem)

    def count(self) -> None:
        """Return None: only reading all of it would tell."""
        return


def _item(path: Path, member: "Member") -> SourceItem:
    source = ImageSource(path, member.name or "")
    problem = None if member.problem is None else f"{source}: {member.problem}"
    return SourceItem(source, content=member.content, problem=problem)


@dataclass(frozen=True)
class Member:
    """One file of a tar archive, or what is wrong with it.

    Args:
        name: path inside the archive, or None where the problem is the archive's.
        content: its bytes, or None where there is a problem.
        problem: why it could not be read, and what to do.
    """

    name: str | None
    content: bytes | None = None
    problem: str | None = None


def stream_members(file: io.BufferedIOBase) -> Iterator[Member]:
    """Yield the files of a tar archive as they come; damage is the last member, without a name.

    Unlike :mod:`tarfile` alone, an archive that breaks off or turns into something else in the middle is
    noticed, also between two files. Folders are left out; links come with a problem, since a stream
    cannot go back to what they point at.
    """
    seen = 0
    try:
        with tarfile.open(fileobj=cast(IO[bytes], file), mode="r|*", tarinfo=_StrictHeader) as archive:
            for info in archive:
                archive.members = []  # type: ignore[attr-defined]  # tarfile keeps them all: endless memory
                if not info.isdir():
                    yield _read(archive, info)
                    seen += 1
    except (tarfile.TarError, EOFError, ValueError) as error:
        problem = f"the archive is damaged or breaks off after {seen:,} files ({error}); copy it anew"
        yield Member(None, problem=problem)


def _read(archive: tarfile.TarFile, info: tarfile.TarInfo) -> Member:
    if not info.isreg():
        return Member(info.name, problem="is a link or device, not a file; pack archives with --dereference")
    if info.size > BYTE_LIMIT:
        return Member(info.name, problem=f"holds {info.size:,} bytes; at most {BYTE_LIMIT:,} are read")
    opened = archive.extractfile(info)
    content = b"" if opened is None else opened.read()
    if len(content) != info.size:
        raise tarfile.ReadError("unexpected end of data")
    return Member(info.name, content)


class _StrictHeader(tarfile.TarInfo):
    """A header that is missing or wrong is an error; tarfile takes it for the end of the archive."""

    @classmethod
    def fromtarfile(cls, tarfile_: tarfile.TarFile) -> "_StrictHeader":
        try:
            return super().fromtarfile(tarfile_)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]  # the two empty blocks at the end
            raise
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(str(error)) from error
