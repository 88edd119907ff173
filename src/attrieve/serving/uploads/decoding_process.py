"""The confined process: reads files from standard input, writes pixels to standard output.

Started by :mod:`attrieve.serving.uploads.decoder` as ``python -I -m ... LIMITS``, with the received bytes as
standard input. First comes a line of JSON with the files to decode, each a place in that input; then, for
each picture, a frame that says it is begun and one with its verdict, followed by the raw pixels. Only pixels
leave it, so that whatever a file may do to its decoder ends here.
"""

import io
import json
import os
import sys
import warnings
import zipfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from PIL import Image

from attrieve.gallery.rows import content_key
from attrieve.serving.uploads.confinement import confine
from attrieve.serving.uploads.picture import FORMATS, RefusedPictureError, decode
from attrieve.serving.uploads.verdict import Verdict

ZIP_STARTS = (b"PK\x03\x04", b"PK\x05\x06")
_PASSED_OVER = ("__MACOSX/",)


@dataclass(frozen=True)
class Limits:
    """What the process may use.

    Args:
        file_bytes: of one picture, unpacked.
        unpacked_bytes: of all pictures of one archive together.
        pixels: of one picture.
        pictures: of one archive.
        memory_bytes: of address space.
        cpu_s: of processor time.
    """

    file_bytes: int
    unpacked_bytes: int
    pixels: int
    pictures: int
    memory_bytes: int
    cpu_s: int

    def to_json(self) -> str:
        """Write them as the process reads them."""
        return json.dumps(asdict(self))


@dataclass(frozen=True)
class Task:
    """One received file.

    Args:
        number: its place among the files.
        offset: where it begins in the input.
        length: of it, in bytes.
        skip: members of an archive that were dealt with before.
    """

    number: int
    offset: int
    length: int
    skip: int = 0


class _Window(io.RawIOBase):
    """Part of standard input as a file of its own; opens nothing."""

    def __init__(self, offset: int, length: int) -> None:
        self._offset, self._length, self._at = offset, length, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._length}[whence]
        self._at = max(0, base + offset)
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: "bytearray | memoryview") -> int:  # type: ignore[override]
        wanted = min(len(buffer), max(0, self._length - self._at))
        got = os.pread(0, wanted, self._offset + self._at) if wanted else b""
        buffer[: len(got)] = got
        self._at += len(got)
        return len(got)


def _say(header: dict[str, object], pixels: bytes = b"") -> None:
    text = json.dumps(header).encode("ascii")
    sys.stdout.buffer.write(len(text).to_bytes(4, "big") + text + pixels)
    sys.stdout.buffer.flush()


def _warm_up() -> None:
    """Load every decoder now: nothing can be loaded later."""
    Image.init()
    "".encode("cp437")  # of old archives' names
    content_key(b"")
    for kind in FORMATS:
        buffer = io.BytesIO()
        Image.new("RGB", (8, 8), (10, 20, 30)).save(buffer, kind)
        decode(buffer.getvalue(), 64)
        grown = io.BytesIO()
        Image.new("L", (8, 8)).save(grown, kind)
        decode(grown.getvalue(), 64)


def _judge(place: dict[str, object], content: bytes, limits: Limits) -> None:
    try:
        picture, note = decode(content, limits.pixels)
        pixels = picture.tobytes()
        header = {
            "verdict": Verdict.ACCEPTED,
            "reason": note,
            "size": list(picture.size),
            "key": content_key(content),
        }
        _say(place | header, pixels)
    except RefusedPictureError as refused:
        _say(place | {"verdict": refused.verdict, "reason": refused.reason})
    except MemoryError:
        told = "decoding the picture needs more memory than a picture may take"
        _say(place | {"verdict": Verdict.BROKE_THE_DECODER, "reason": told})


def _members(archive: zipfile.ZipFile) -> Iterator[zipfile.ZipInfo]:
    for info in archive.infolist():
        base = info.filename.rsplit("/", 1)[-1]
        system = info.filename.startswith(_PASSED_OVER) or base.startswith("._") or base == ".DS_Store"
        if not info.is_dir() and not system:
            yield info


def _unpack(task: Task, limits: Limits) -> None:
    """Judge the members of an archive; what they claim of their size is not believed."""
    whole = {"task": task.number, "member": None, "name": None}
    try:
        archive = zipfile.ZipFile(io.BufferedReader(_Window(task.offset, task.length)))
        members = list(_members(archive))
    except Exception as error:  # zipfile raises many kinds on damage
        _say(whole | {"verdict": Verdict.DAMAGED, "reason": f"the archive cannot be read ({error})"})
        return
    if not members:
        _say(whole | {"verdict": Verdict.EMPTY, "reason": "the archive holds no files"})
        return
    unpacked = 0
    for place, info in enumerate(members):
        if place < task.skip:
            continue
        named = {"task": task.number, "member": place, "name": info.filename}
        if place >= limits.pictures:
            told = f"{len(members):,} files in one upload; at most {limits.pictures:,} are taken"
            _say(named | {"verdict": Verdict.TOO_MANY, "reason": told, "rest": len(members) - place})
            return
        _say(named | {"begun": True})
        if info.flag_bits & 1:
            _say(named | {"verdict": Verdict.ENCRYPTED, "reason": "the file is encrypted; pack it without"})
            continue
        try:
            with archive.open(info) as file:
                content = file.read(limits.file_bytes + 1)
        except MemoryError:
            content = bytes(0)
        except Exception as error:
            told = f"the file cannot be unpacked ({error})"
            _say(named | {"verdict": Verdict.DAMAGED, "reason": told})
            continue
        unpacked += len(content)
        if len(content) > limits.file_bytes:
            told = f"the file has more than {limits.file_bytes:,} bytes when unpacked"
            _say(named | {"verdict": Verdict.TOO_LARGE, "reason": told})
        elif unpacked > limits.unpacked_bytes:
            told = f"the archive has more than {limits.unpacked_bytes:,} bytes when unpacked"
            _say(named | {"verdict": Verdict.TOO_LARGE, "reason": told, "rest": len(members) - place})
            return
        else:
            _judge(named, content, limits)


def main() -> None:
    """Decode what the tasks name."""
    limits = Limits(**json.loads(sys.argv[1]))
    tasks = [Task(*one) for one in json.loads(sys.argv[2])]
    warnings.simplefilter("ignore")
    Image.MAX_IMAGE_PIXELS = None  # the limit is ours, and lower
    _warm_up()
    confine(memory_bytes=limits.memory_bytes, cpu_s=limits.cpu_s)
    _say({"ready": True})
    for task in tasks:
        content = os.pread(0, 4, task.offset) if task.length >= 4 else b""
        place: dict[str, object] = {"task": task.number, "member": None, "name": None}
        if content in ZIP_STARTS:
            _unpack(task, limits)
        else:
            _say(place | {"begun": True})
            _judge(place, os.pread(0, task.length, task.offset), limits)
    _say({"end": True})


if __name__ == "__main__":
    main()
