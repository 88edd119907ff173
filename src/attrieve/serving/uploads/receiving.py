"""From a request's body to one file on disk and a list of what lies where in it; nothing is decoded yet."""

import secrets
import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from anyio.to_thread import run_sync
from python_multipart.multipart import parse_options_header
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request

from attrieve.data.file_lock import try_lock
from attrieve.errors import StorageError
from attrieve.serving.problems import Problem, ProblemError
from attrieve.serving.uploads.multipart import MultipartReader, SingleReader
from attrieve.serving.uploads.received import Received, ReceivingLimits, Sink
from attrieve.serving.uploads.verdict import shown_name

IMAGE_TYPES = ("image/jpeg", "image/png", "image/webp")
ARCHIVE_TYPES = ("application/zip", "application/x-zip-compressed")

_FLUSH = 1 << 20


@contextmanager
def receiving_folder(uploads: Path) -> Iterator[Path]:
    """Make a folder for one upload, and delete it afterwards.

    A lock beside it is held from before it is made until it is gone; by that, what a killed process left is
    told from what is under way.

    Raises:
        StorageError: if the disk refuses.
    """
    folder = uploads / secrets.token_hex(8)
    with ExitStack() as held:
        try:
            uploads.mkdir(mode=0o700, parents=True, exist_ok=True)
            held.enter_context(try_lock(_lock_of(folder)))
            folder.mkdir(mode=0o700)
        except OSError as error:
            raise StorageError(f"cannot receive images in {uploads}: {error.strerror}") from error
        try:
            yield folder
        finally:
            _remove(folder)


def forget_left_uploads(uploads: Path) -> int:
    """Delete what uploads left whose process was killed; return how many there were.

    Those under way, of this or another process, are left alone. On Windows, where no lock tells them apart,
    nothing is deleted.
    """
    if sys.platform == "win32" or not uploads.is_dir():
        return 0
    count = 0
    for folder in [entry for entry in uploads.iterdir() if entry.is_dir()]:
        with try_lock(_lock_of(folder)) as left:
            if left:
                _remove(folder)
                count += 1
    return count


def _lock_of(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.lock")


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    with suppress(OSError):
        _lock_of(folder).unlink(missing_ok=True)


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
        sink = Sink(folder, limits)
        reader: MultipartReader | SingleReader = MultipartReader(options[b"boundary"], sink)
    elif content_type in IMAGE_TYPES + ARCHIVE_TYPES:
        sink = Sink(folder, limits)
        reader = SingleReader(sink, request.query_params.get("name") or "image")
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
    with Sink(folder, limits) as sink:
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
