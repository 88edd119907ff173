"""Galleries of any size whose rows nobody photographed, for load tests and demonstrations."""

import hashlib
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from attrieve.errors import InputError
from attrieve.gallery.database.manifest import GalleryModel
from attrieve.gallery.database.vectors import Vectors
from attrieve.gallery.database.writing import open_database_writer
from attrieve.gallery.row_writers import join_vectors
from attrieve.gallery.synthesize_rows import BLOCK_ROWS, SyntheticSettings, SyntheticWorld, block_keys

BLOCKS_PER_COMMIT = 8
"""131,072 rows, 85 MB at 128 entries and 35 attributes: what is in memory a few times over."""

_VERSION = 1
"""Goes up when the same settings draw other rows."""


@dataclass(frozen=True)
class SynthesisSummary:
    """What was done.

    Args:
        added: new rows.
        already_there: rows an earlier run had written.
        seconds: it took.
    """

    added: int
    already_there: int
    seconds: float


def synthetic_model(world: SyntheticWorld) -> GalleryModel:
    """Return the make-believe model of a synthetic gallery; its name says what it is."""
    settings = world.settings
    text = f"synthetic {_VERSION} {settings.seed} {settings.embedding_dim} {settings.schema.fingerprint}"
    fingerprint = hashlib.sha256(text.encode()).hexdigest()[:16]
    return GalleryModel.of_query_side(world.query_side, f"synthetic-seed-{settings.seed}", fingerprint)


def synthesize(
    folder: Path | str,
    rows: int,
    settings: SyntheticSettings | None = None,
    *,
    threads: int | None = None,
    progress: Callable[[int], object] | None = None,
) -> SynthesisSummary:
    """Fill a gallery with drawn rows until it holds the first ``rows`` of these settings.

    Rows and their bits depend on the settings alone; those that are there already stay, so that a run that
    was stopped is continued by running it again, and a gallery grows by asking for more rows.

    Args:
        folder: new, empty, or a gallery drawn with the same settings.
        rows: at least 0.
        settings: seed, width and vocabulary.
        threads: that draw, or None for all cores.
        progress: called with the number of rows done since its last call.

    Raises:
        InputError: for a negative number of rows.
        SchemaMismatchError: if the gallery is a real one, or drawn with other settings.
        StorageError: if the disk refuses; what was committed stays.
    """
    if rows < 0:
        raise InputError(f"a gallery has at least 0 rows, asked for {rows}")
    began = time.monotonic()
    world = SyntheticWorld(settings or SyntheticSettings())
    model = synthetic_model(world)
    added = 0
    with (
        open_database_writer(folder, model=model, query_side=world.query_side) as writer,
        ThreadPoolExecutor(threads or os.cpu_count() or 1, "attrieve-draw") as pool,
    ):
        known = writer.known_keys()
        for count, commit in _ahead(_commits(world, rows, known.contains, pool)):
            if commit:
                drawn = [future.result() for future in commit]
                table = pa.concat_tables([described for described, _ in drawn])
                added += writer.add(table, join_vectors([vectors for _, vectors in drawn])).added
            if progress is not None:
                progress(count)
    return SynthesisSummary(added, rows - added, time.monotonic() - began)


Drawn = tuple[pa.Table, Vectors]


def _commits(
    world: SyntheticWorld,
    rows: int,
    known: Callable[[np.ndarray], np.ndarray],
    pool: ThreadPoolExecutor,
) -> Iterator[tuple[int, list[Future[Drawn]]]]:
    """Yield how many rows a commit completes, and the blocks being drawn for it, which lack rows."""
    step = BLOCKS_PER_COMMIT * BLOCK_ROWS
    for first in range(0, rows, step):
        count = min(step, rows - first)
        drawn = []
        for block in range(first // BLOCK_ROWS, -(-(first + count) // BLOCK_ROWS)):
            here = min(BLOCK_ROWS, rows - block * BLOCK_ROWS)
            if not known(block_keys(world.settings.seed, block)[:here]).all():
                drawn.append(pool.submit(_draw, world, block, here))
        yield count, drawn


def _draw(world: SyntheticWorld, block: int, rows: int) -> Drawn:
    described, vectors = world.draw(block)
    return described.slice(0, rows), vectors.select(np.arange(rows)) if rows < BLOCK_ROWS else vectors


def _ahead(
    commits: Iterator[tuple[int, list[Future[Drawn]]]],
) -> Iterator[tuple[int, list[Future[Drawn]]]]:
    """Yield one item late, so that the next is drawn while one is written."""
    waiting = None
    for commit in commits:
        if waiting is not None:
            yield waiting
        waiting = commit
    if waiting is not None:
        yield waiting
