"""Compact columns of a gallery, made once from the store and kept beside it.

::

    search/<fingerprint>/columns.json         segments in order, see attrieve.gallery.exact.files
    search/<fingerprint>/<segment>/           codes and floats of some rows, in the order of the store
    search/<fingerprint>/<segment>.rows.npy   key and row id of each of these rows
    search/<fingerprint>/<segment>.facts.arrow   what is known of them, all but vectors and pictures
    search/<fingerprint>/kept.npy             places of the rows that are still in the store
    search/<fingerprint>/made.json            the version of the table all this agrees with
    search/<fingerprint>/lock                 held while any of it is read or written

The store gives a row a new id whenever its bytes move, so ids alone tell what has to be read: new ones
become another segment, those that are gone are passed over, and if either grows too much all is made anew.
Deleting the folder ``search`` loses nothing but time.
"""

import json
import shutil
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
from jaxtyping import UInt64

from attrieve.data.file_lock import try_lock
from attrieve.data.files import write_atomically
from attrieve.errors import AttrieveError, StorageError
from attrieve.gallery.database.reading import GallerySnapshot, StoredRows
from attrieve.gallery.exact import CompactColumns
from attrieve.gallery.exact.segment import Segment
from attrieve.gallery.row_facts import RowFacts, fact_names, open_facts, write_facts
from attrieve.gallery.search_columns import SearchColumns

FOLDER_NAME = "search"
SEGMENT_ROWS = 1 << 18
"""Rows read into memory at once when columns are made: 171 MB at 128 entries and 35 attributes."""

_SPARE_SEGMENTS = 32
"""Small segments, one for each time rows were added, before all are put together anew."""

_MOST_GONE = 0.25
"""Share of rows that are no more in the store, above which the columns are made anew."""

_POLL_SECONDS = 0.02
_LIST, _KEPT, _MADE, _LOCK = "columns.json", "kept.npy", "made.json", "lock"
_ROWS, _FACTS = ".rows.npy", ".facts.arrow"


def open_search_columns(snapshot: GallerySnapshot) -> SearchColumns:
    """Return the columns of a snapshot: those kept beside the store, brought up to date.

    Where they cannot be written (a gallery that may only be read, a full disk), they are made in memory,
    with a warning.

    Raises:
        StorageError: if the gallery cannot be read.
    """
    folder = snapshot.folder / FOLDER_NAME / snapshot.model.fingerprint
    try:
        with _locked(folder):
            return _Cache(folder, snapshot).up_to_date()
    except StorageError as error:
        made = _in_memory(snapshot)  # says so itself if it is the gallery that cannot be read
        warnings.warn(f"searching from memory, which takes more of it: {error}", stacklevel=2)
        return made


def remake_search_columns(folder: Path | str) -> None:
    """Make columns that are kept anew, so that nothing of deleted rows is left in them.

    Raises:
        StorageError: if the gallery cannot be read.
    """
    kept = Path(folder) / FOLDER_NAME
    if kept.is_dir():
        for columns in kept.iterdir():
            if columns.is_dir():
                _empty(columns)
        open_search_columns(GallerySnapshot.open(folder))


def _empty(folder: Path) -> None:
    """Delete columns, but not the lock: whoever waits for it and whoever comes later must hold the same."""
    with suppress(StorageError), _locked(folder):  # what cannot be written is told when it is made anew
        for entry in folder.iterdir():
            if entry.is_dir():
                shutil.rmtree(entry, ignore_errors=True)
            elif entry.name != _LOCK:
                with suppress(OSError):
                    entry.unlink()


def cache_bytes(folder: Path) -> int:
    """Return how much disk a gallery's kept columns take, of all its models."""
    return sum(path.stat().st_size for path in (folder / FOLDER_NAME).rglob("*") if path.is_file())


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"cannot make {folder}: {error.strerror}") from error
    while True:
        with try_lock(folder / _LOCK) as mine:
            if mine:
                yield
                return
        time.sleep(_POLL_SECONDS)


def _in_memory(snapshot: GallerySnapshot) -> SearchColumns:
    parts = list(snapshot.stored_rows(at_once=SEGMENT_ROWS))
    return _columns(
        [_segment(part) for part in parts],
        [part.key for part in parts],
        [part.row_id for part in parts],
        snapshot.row_ids(),
    )


def _segment(part: StoredRows) -> Segment:
    return Segment.from_float(part.vectors.embedding, part.vectors.probability)


def _columns(
    segments: list[Segment],
    keys: list[np.ndarray],
    row_ids: list[np.ndarray],
    present: UInt64[np.ndarray, " row"],
) -> SearchColumns:
    nothing = np.zeros(0, dtype=np.uint64)
    key, row_id = np.concatenate([nothing, *keys]), np.concatenate([nothing, *row_ids])
    compact = CompactColumns(tuple(segments)) if segments else None
    there = np.isin(row_id, present, assume_unique=True)
    return SearchColumns(compact, key, row_id, None if there.all() else np.flatnonzero(there))


class _Cache:
    """Columns in a folder whose lock is held."""

    def __init__(self, folder: Path, snapshot: GallerySnapshot) -> None:
        self._folder = folder
        self._snapshot = snapshot

    def up_to_date(self) -> SearchColumns:
        here = self._read()
        if here is not None and self._agrees_with() == self._snapshot.version:
            return here
        present = self._snapshot.row_ids()
        if here is None or self._too_ragged(here, present):
            return self._extend(None, present, None)
        new = np.setdiff1d(present, here.row_id, assume_unique=True)
        return self._extend(here, present, new)

    def _read(self) -> SearchColumns | None:
        """Return what is kept, or None if nothing is, or it is damaged or of another version of attrieve."""
        try:
            compact = CompactColumns.open(self._folder)
            heads = [np.load(self._rows_path(segment.name)) for segment in compact.segments]
            key, row_id = np.concatenate(heads, axis=1)
            kept = np.load(self._folder / _KEPT)
            facts = self._facts(compact.segments, row_id)
        except (AttrieveError, OSError, ValueError, EOFError):
            return None
        if len(key) != len(compact):
            return None
        return SearchColumns(compact, key, row_id, kept if len(kept) < len(key) else None, facts)

    def _rows_path(self, segment: str) -> Path:
        return self._folder / f"{segment}{_ROWS}"

    def _facts(self, segments: Sequence[Segment], row_id: UInt64[np.ndarray, " row"]) -> RowFacts:
        ends = np.cumsum([segment.rows for segment in segments])
        parts = [
            open_facts(self._folder / f"{segment.name}{_FACTS}", row_id[end - segment.rows : end])
            for segment, end in zip(segments, ends.tolist(), strict=True)
        ]
        return RowFacts(parts, self._snapshot.arrow_schema)

    def _agrees_with(self) -> int | None:
        try:
            return int(json.loads((self._folder / _MADE).read_text("utf-8"))["version"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    @staticmethod
    def _too_ragged(here: SearchColumns, present: UInt64[np.ndarray, " row"]) -> bool:
        if here.compact is None:
            return True
        segments, rows = len(here.compact.segments), len(here.row_id)
        gone = rows - np.isin(here.row_id, present, assume_unique=True).sum()
        return bool(segments > _SPARE_SEGMENTS + 2 * rows // SEGMENT_ROWS or gone > _MOST_GONE * rows)

    def _extend(
        self,
        here: SearchColumns | None,
        present: UInt64[np.ndarray, " row"],
        new: UInt64[np.ndarray, " new"] | None,
    ) -> SearchColumns:
        """Read what is new (None: all rows), behind what is here."""
        (self._folder / _MADE).unlink(missing_ok=True)  # until all is in place, nothing is up to date
        segments = [] if here is None or here.compact is None else list(here.compact.segments)
        keys, row_ids = ([], []) if here is None else ([here.key], [here.row_id])
        if new is None or len(new):
            others = fact_names(self._snapshot.arrow_schema)
            for part in self._snapshot.stored_rows(new, at_once=SEGMENT_ROWS, others=others):
                segments.append(self._keep(part))
                keys.append(part.key)
                row_ids.append(part.row_id)
        whole = _columns(segments, keys, row_ids, present)
        self._commit(whole, complete=len(whole) == len(present))
        return replace(whole, facts=self._facts(segments, whole.row_id))

    def _keep(self, part: StoredRows) -> Segment:
        """Write a segment and return it mapped from its files, so that its floats need not stay in memory."""
        segment = _segment(part)
        write_atomically(self._rows_path(segment.name), _npy(np.stack([part.key, part.row_id])))
        write_facts(self._folder / f"{segment.name}{_FACTS}", part.others)
        CompactColumns((segment,)).save(self._folder)
        return CompactColumns.open(self._folder).segments[0]

    def _commit(self, whole: SearchColumns, *, complete: bool) -> None:
        if whole.compact is None:
            (self._folder / _LIST).unlink(missing_ok=True)
        else:
            whole.compact.save(self._folder)
        kept = np.arange(len(whole.key)) if whole.kept is None else whole.kept
        write_atomically(self._folder / _KEPT, _npy(kept))
        if complete:  # rows of damaged fragments are tried again next time
            made = {"version": self._snapshot.version}
            write_atomically(self._folder / _MADE, json.dumps(made).encode())
        self._tidy({segment.name for segment in whole.compact.segments} if whole.compact else set())

    def _tidy(self, named: set[str]) -> None:
        """Delete segments that are not listed; who has them mapped keeps them until done."""
        for entry in self._folder.iterdir():
            if entry.is_dir() and entry.name not in named:
                shutil.rmtree(entry, ignore_errors=True)
            for ending in (_ROWS, _FACTS):
                if entry.name.endswith(ending) and entry.name.removesuffix(ending) not in named:
                    entry.unlink(missing_ok=True)


def _npy(array: np.ndarray) -> bytes:
    buffer = BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()
