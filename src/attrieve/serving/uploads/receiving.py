"""From a request's body to one file on disk and a list of what lies where in it; nothing is decoded yet."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from anyio.to_thread import run_sync
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request

from attrieve.errors import StorageError
from attrieve.serving.problems import Problem, ProblemError
from attrieve.serving.uploads.decoder import Part
from attrieve.serving.uploads.decoding_process import ZIP_STARTS
from attrieve.serving.uploads.verdict import FileVerdict, Verdict, shown_name

IMAGE_TYPES = ("image/jpeg", "image/png", "image/webp")
ARCHIVE_TYPES = ("application/zip", "application/x-zip-compressed")
METADATA_BYTES_MOST = 4 << 20
FIELD_BYTES_MOST = 4096
FIELDS_MOST = 32
HEADER_BYTES_MOST = 16_384
"""Of one header of a part: names of files may be long."""

_FLUSH = 1 << 20


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


@contextmanager
def receiving_folder(uploads: Path) -> Iterator[Path]:
    """Make a folder for one upload, and delete it afterwards.

    Raises:
        StorageError: if the disk refuses.
    """
    try:
        uploads.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(dir=uploads))
    except OSError as error:
        raise StorageError(f"cannot receive images in {uploads}: {error.strerror}") from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def forget_left_uploads(uploads: Path) -> int:
    """Delete what uploads left that a killed process had begun; return how many there were.

    To be called when no upload is under way.
    """
    left = list(uploads.iterdir()) if uploads.is_dir() else []
    for folder in left:
        shutil.rmtree(folder, ignore_errors=True)
    return len(left)


async def receive(request: Request, folder: Path, limits: ReceivingLimits) -> Received:
    """Write what a request sends to disk as it comes.

    Args:
        request: with a body of ``multipart/form-data``, of one picture, or of one zip archive; a form that
            was read already is taken, too.
        folder: for this upload alone.
        limits: what it may bring.

    Raises:
        ProblemError: for another kind of body, one that cannot be read, or one that is too large.
        StorageError: if the disk refuses.
    """
    form = getattr(request, "_form", None)
    if isinstance(form, FormData):
        return await _from_form(form, folder, limits)
    kind, options = parse_options_header(request.headers.get("content-type", ""))
    content_type = kind.decode("latin-1")
    if content_type == "multipart/form-data" and options.get(b"boundary"):
        sink = _Sink(folder, limits)
        reader: _MultipartReader | _SingleReader = _MultipartReader(options[b"boundary"], sink)
    elif content_type in IMAGE_TYPES + ARCHIVE_TYPES:
        sink = _Sink(folder, limits)
        reader = _SingleReader(sink, request.query_params.get("name") or "image")
    else:
        taken = ", ".join(("multipart/form-data", *IMAGE_TYPES, ARCHIVE_TYPES[0]))
        told = f"the body is of type {shown_name(content_type) or 'unknown'!r}; expected one of {taken}"
        raise ProblemError(Problem.UNSUPPORTED_MEDIA_TYPE, told)
    with sink:
        waiting = bytearray()
        async for chunk in request.stream():
            waiting += chunk
            if len(waiting) >= _FLUSH:
                await run_sync(reader.feed, bytes(waiting))
                waiting.clear()
        await run_sync(reader.feed, bytes(waiting))
        await run_sync(reader.end)
    return sink.received


async def _from_form(form: FormData, folder: Path, limits: ReceivingLimits) -> Received:
    with _Sink(folder, limits) as sink:
        for name, value in form.multi_items():
            if isinstance(value, UploadFile):
                if not value.filename and not value.size:
                    continue  # what a browser sends for a field that was left empty
                sink.begin_file(value.filename or name)
                while piece := await value.read(_FLUSH):
                    await run_sync(sink.file_bytes, piece)
                sink.end_file()
            else:
                sink.field(name, value)
    return sink.received


class _Sink:
    """Takes files and fields one after the other."""

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

    def __enter__(self) -> "_Sink":
        with self._told():
            self._file = self.received.path.open("wb")
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            with self._told():
                self._file.close()

    def field(self, name: str, value: str) -> None:
        most = METADATA_BYTES_MOST if name == "metadata" else FIELD_BYTES_MOST
        if len(value) > most or len(self.received.fields) >= FIELDS_MOST:
            told = f"the field {shown_name(name)!r} is too long, or one too many; at most {most:,} characters"
            raise ProblemError(Problem.TOO_LARGE, told)
        self.received.fields[name] = value

    def begin_file(self, name: str) -> None:
        self._name, self._length, self._head = shown_name(name), 0, b""
        self._files += 1
        self._kept = self._files <= self._limits.files

    def file_bytes(self, content: bytes) -> None:
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


class _SingleReader:
    """The whole body is one file."""

    def __init__(self, sink: _Sink, name: str) -> None:
        self._sink = sink
        sink.begin_file(name)

    def feed(self, content: bytes) -> None:
        self._sink.file_bytes(content)

    def end(self) -> None:
        self._sink.end_file()


class _MultipartReader:
    """A form with files, read as it comes."""

    def __init__(self, boundary: bytes, sink: _Sink) -> None:
        self._sink = sink
        self._header = (bytearray(), bytearray())
        self._headers: dict[bytes, bytes] = {}
        self._is_file = False
        self._name = ""
        self._text = bytearray()
        self._complete = False
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._begin_part,
                    "on_header_field": lambda data, start, end: self._header[0].extend(data[start:end]),
                    "on_header_value": lambda data, start, end: self._header[1].extend(data[start:end]),
                    "on_header_end": self._end_header,
                    "on_headers_finished": self._end_headers,
                    "on_part_data": self._data,
                    "on_part_end": self._end_part,
                    "on_end": self._end,
                },
                max_header_size=HEADER_BYTES_MOST,
            )
        except FormParserError as error:
            raise _unreadable(str(error)) from error

    def feed(self, content: bytes) -> None:
        try:
            if content:
                self._parser.write(content)
        except FormParserError as error:
            raise _unreadable(str(error)) from error

    def end(self) -> None:
        try:
            self._parser.finalize()
        except FormParserError as error:
            raise _unreadable(str(error)) from error
        if not self._complete:
            raise _unreadable("it ends before its last boundary")

    def _begin_part(self) -> None:
        self._headers = {}
        self._text = bytearray()

    def _end_header(self) -> None:
        name, value = (bytes(part) for part in self._header)
        self._headers[name.strip().lower()] = value
        self._header = (bytearray(), bytearray())

    def _end_headers(self) -> None:
        disposition = self._headers.get(b"content-disposition", b"")
        try:
            kind, options = parse_options_header(disposition)
        except (ValueError, IndexError) as error:
            raise _unreadable("a Content-Disposition cannot be read") from error
        if kind != b"form-data" or b"name" not in options:
            raise _unreadable("a part is without Content-Disposition: form-data; name=...")
        self._name = options[b"name"].decode("utf-8", "replace")
        self._is_file = b"filename" in options
        if self._is_file:
            self._sink.begin_file(options[b"filename"].decode("utf-8", "replace") or self._name)

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._is_file:
            self._sink.file_bytes(data[start:end])
        elif len(self._text) <= METADATA_BYTES_MOST:
            self._text += data[start:end]

    def _end_part(self) -> None:
        if self._is_file:
            self._sink.end_file()
        else:
            try:
                self._sink.field(self._name, self._text.decode("utf-8"))
            except UnicodeDecodeError as error:
                raise _unreadable(f"the field {shown_name(self._name)!r} is not UTF-8") from error

    def _end(self) -> None:
        self._complete = True


def _unreadable(reason: str) -> ProblemError:
    return ProblemError(Problem.BAD_REQUEST, f"the form cannot be read: {shown_name(reason)}")
