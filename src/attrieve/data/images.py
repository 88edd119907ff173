"""Many images at once: a pool of threads to load them, and a cache on disk to load them once.

Decoding and resizing themselves are in :mod:`attrieve.data.decoding`, whose names are offered here too.
"""

import hashlib
import json
import os
import shutil
import tempfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Literal

import numpy as np
from jaxtyping import UInt8

from attrieve.data.archives import ArchiveHandles, list_members
from attrieve.data.decoding import (
    IMAGE_EXTENSIONS,
    IMAGE_FORMATS,
    PIXEL_LIMIT,
    decode_image,
    open_rgb,
    require_size,
    resize_image,
    resize_rgb,
)
from attrieve.errors import DatasetError, ImageError, StorageError
from attrieve.schema.person import ImageSource

__all__ = [
    "IMAGE_EXTENSIONS",
    "IMAGE_FORMATS",
    "PIXEL_LIMIT",
    "Failure",
    "OnError",
    "cached_images",
    "decode_image",
    "load_images",
    "resize_image",
]

OnError = Literal["raise", "collect"]
Failure = tuple[int, str]
"""Position in the list of sources, and why it could not be loaded."""

_BLOCK = 32  # images per task: large enough to hide the pool's cost, small enough for smooth progress
_CACHE_BLOCK = 1024  # images held in memory while a cache is written
_CHECKED_ROWS = 64  # rows whose checksum is kept with a cache
_CACHE_VERSION = 1  # raise it when decoding or resizing changes, so that old caches are not used


def load_images(
    sources: Sequence[ImageSource],
    height_px: int,
    width_px: int,
    *,
    workers: int = 2,
    on_error: OnError = "raise",
    progress: Callable[[int], None] | None = None,
    pixel_limit: int = PIXEL_LIMIT,
) -> tuple[UInt8[np.ndarray, "person height width 3"], list[Failure]]:
    """Decode and resize many images with a pool of threads (Pillow frees the interpreter lock).

    Args:
        sources: what to load, in order.
        height_px: height of every row of the result.
        width_px: width of every row of the result.
        workers: number of threads, at least 1; the result does not depend on it.
        on_error: ``"raise"`` stops at the first image that fails, in order of the sources;
            ``"collect"`` leaves such an image black and reports it.
        progress: called in the calling thread with the number of images done so far.
        pixel_limit: see :func:`decode_image`.

    Returns:
        Images, uint8 RGB, shape (person, height, width, 3), and the failures as (index, message),
        by index; empty with ``"raise"``.

    Raises:
        ImageError: for the first image that cannot be decoded, if ``on_error`` is ``"raise"``.
    """
    require_size(height_px, width_px)
    images = np.zeros((len(sources), height_px, width_px, 3), dtype=np.uint8)
    with ArchiveHandles() as archives:
        failures = _fill(images, sources, workers, on_error, progress, pixel_limit, archives)
    return images, failures


def cached_images(
    sources: Sequence[ImageSource],
    height_px: int,
    width_px: int,
    cache_folder: Path,
    *,
    workers: int = 2,
    on_error: OnError = "raise",
    progress: Callable[[int], None] | None = None,
    pixel_limit: int = PIXEL_LIMIT,
) -> tuple[UInt8[np.ndarray, "person height width 3"], list[Failure]]:
    """As :func:`load_images`, but kept on disk, so that a second call starts at once.

    The cache is a plain ``.npy`` file, returned memory-mapped and read-only, with a small ``.json``
    beside it. Its name is a hash over every source (path, size, time of change; in archives the
    checksum) and the image size, so changed sources make a new one. It is written under another
    name and moved into place; a damaged one is built anew. Old ones are not removed.

    Raises:
        ImageError: as :func:`load_images`.
        StorageError: if the folder cannot be written or the disk is full; nothing half-written stays.
    """
    require_size(height_px, width_px)
    shape = (len(sources), height_px, width_px, 3)
    if not sources:
        return np.zeros(shape, dtype=np.uint8), []
    base = Path(cache_folder) / f"images-{_cache_key(sources, height_px, width_px, pixel_limit)}"
    ready = _open_cache(base, shape)
    if ready is None or (ready[1] and on_error == "raise"):
        _require_space(base, shape)
        with ArchiveHandles() as archives:

            def fill(images: UInt8[np.ndarray, "person height width 3"], start: int) -> list[Failure]:
                part = sources[start : start + len(images)]
                shifted = None if progress is None else lambda done: progress(start + done)
                found = _fill(images, part, workers, on_error, shifted, pixel_limit, archives)
                return [(start + index, message) for index, message in found]

            _write_cache(base, shape, fill)
        ready = _open_cache(base, shape)
        if ready is None:
            raise StorageError(f"the image cache {base}.npy reads back other than written; check the disk")
    elif progress is not None:
        progress(len(sources))
    return ready


def _fill(
    images: UInt8[np.ndarray, "person height width 3"],
    sources: Sequence[ImageSource],
    workers: int,
    on_error: OnError,
    progress: Callable[[int], None] | None,
    pixel_limit: int,
    archives: ArchiveHandles,
) -> list[Failure]:
    """Load every source into its row; failures by index."""
    height_px, width_px = images.shape[1:3]

    def load_block(start: int) -> list[Failure]:
        failures: list[Failure] = []
        for index in range(start, min(start + _BLOCK, len(sources))):
            try:
                decoded = open_rgb(sources[index], pixel_limit, archives)
                images[index] = np.asarray(resize_rgb(decoded, height_px, width_px))
            except ImageError as error:
                if on_error == "raise":
                    raise
                failures.append((index, str(error)))
        return failures

    failures: list[Failure] = []
    with ThreadPoolExecutor(max(1, workers)) as pool:
        starts = range(0, len(sources), _BLOCK)
        for start, found in zip(starts, pool.map(load_block, starts), strict=True):
            failures.extend(found)
            if progress is not None:
                progress(min(start + _BLOCK, len(sources)))
    return failures


def _cache_key(sources: Sequence[ImageSource], height_px: int, width_px: int, pixel_limit: int) -> str:
    checksums: dict[Path, dict[str, tuple[int, int]]] = {}
    digest = hashlib.sha256(f"{_CACHE_VERSION} {height_px}x{width_px} {pixel_limit}".encode())
    for source in sources:
        state = _archive_state(source, checksums) if source.member else _file_state(source.path)
        digest.update(
            f"\n{source.path.absolute()}!{source.member} {state}".encode("utf-8", "surrogateescape")
        )
    return digest.hexdigest()[:24]


def _file_state(path: Path) -> str:
    try:
        state = path.stat()
    except OSError:
        return "missing"  # loading reports it, naming the source
    return f"{state.st_size} {state.st_mtime_ns}"


def _archive_state(source: ImageSource, checksums: dict[Path, dict[str, tuple[int, int]]]) -> str:
    if source.path not in checksums:
        checksums[source.path] = {}
        with suppress(DatasetError):
            members = list_members(source.path)
            checksums[source.path] = {info.filename: (info.file_size, info.CRC) for info in members}
    return str(checksums[source.path].get(source.member, "missing"))


def _require_space(base: Path, shape: tuple[int, int, int, int]) -> None:
    needed = int(np.prod(shape, dtype=np.int64))
    try:
        base.parent.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(base.parent).free
    except OSError as error:
        raise StorageError(
            f"cannot keep an image cache in {base.parent}: {error}; name another folder"
        ) from error
    if free < needed:
        raise StorageError(
            f"the image cache needs {needed / 1e9:.2f} GB in {base.parent}, {free / 1e9:.2f} GB are free; "
            "make room or name another folder"
        )


def _write_cache(
    base: Path,
    shape: tuple[int, int, int, int],
    fill: Callable[[UInt8[np.ndarray, "person height width 3"], int], list[Failure]],
) -> None:
    """Write both files of a cache, each moved into place when complete, the .json last.

    Blocks go through ordinary writes: a full disk then is an error, where a memory map would crash.
    """
    failures: list[Failure] = []
    with _replacing(_with_ending(base, ".npy")) as file:
        header = {"descr": "|u1", "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(file, header)
        for start in range(0, shape[0], _CACHE_BLOCK):
            block = np.zeros((min(_CACHE_BLOCK, shape[0] - start), *shape[1:]), dtype=np.uint8)
            failures.extend(fill(block, start))
            file.write(block.data)
    written = np.load(_with_ending(base, ".npy"), mmap_mode="r")
    note = {"failures": failures, "checksum": _checksum(written)}
    with _replacing(_with_ending(base, ".json")) as file:
        file.write(json.dumps(note).encode())


def _open_cache(
    base: Path, shape: tuple[int, int, int, int]
) -> tuple[UInt8[np.ndarray, "person height width 3"], list[Failure]] | None:
    """Return the cached images and failures, or None if they are missing or damaged."""
    try:
        note = json.loads(_with_ending(base, ".json").read_text("utf-8"))
        images = np.load(_with_ending(base, ".npy"), mmap_mode="r", allow_pickle=False)
        failures = [(int(index), str(message)) for index, message in note["failures"]]
        intact = images.shape == shape and images.dtype == np.uint8 and _checksum(images) == note["checksum"]
    except (OSError, ValueError, KeyError, TypeError, EOFError):
        return None
    return (images, failures) if intact else None


def _checksum(images: UInt8[np.ndarray, "person height width 3"]) -> int:
    """CRC-32 over a spread of rows: finds holes and shifts without reading gigabytes."""
    checksum = 0
    for row in np.unique(np.linspace(0, len(images) - 1, _CHECKED_ROWS).astype(np.int64)):
        checksum = zlib.crc32(images[row].tobytes(), checksum)
    return checksum


def _with_ending(base: Path, ending: str) -> Path:
    return base.with_name(base.name + ending)


@contextmanager
def _replacing(path: Path) -> Iterator[BinaryIO]:
    """Write to a temporary file that takes the place of ``path`` when all went well."""
    temporary: Path | None = None
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
        temporary = Path(name)
        with os.fdopen(handle, "wb") as file:
            yield file
        temporary.replace(path)
    except OSError as error:
        raise StorageError(
            f"cannot write {path}: {error.strerror or error}; make room or name another folder"
        ) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
