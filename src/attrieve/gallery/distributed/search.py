"""A gallery whose rows lie in shards on many machines, searched as one: whole, exactly, or not at all."""

import math
import uuid
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Float64, UInt64

from attrieve.errors import InputError
from attrieve.gallery.database.filters import Filter
from attrieve.gallery.database.keys import KeysLike, key_numbers
from attrieve.gallery.database.manifest import GalleryModel
from attrieve.gallery.database.reading import DamagedGalleryWarning, GallerySnapshot
from attrieve.gallery.database.rows import GalleryRow
from attrieve.gallery.distributed.cluster import connected
from attrieve.gallery.distributed.shard import ShardFacts, ShardSearch
from attrieve.gallery.distributed.shards import SearchClusterSettings, Shards
from attrieve.gallery.feedback import Marks
from attrieve.gallery.found_rows import FoundRows
from attrieve.gallery.likelihood.asked import match_query
from attrieve.gallery.manifest_file import require_folder
from attrieve.gallery.search import prepare_search
from attrieve.models.query_side import QuerySide
from attrieve.schema import AttributeQuery, AttributeSchema, Ranking
from attrieve.scoring.fusion import Fusion


@dataclass(frozen=True, eq=False)
class ShardedGallery:
    """One version of a gallery, held by shards; made by :func:`open_sharded`.

    Args:
        folder: where it lies.
        model: whose vectors are searched.
        query_side: embeds descriptions as that model does.
        store: facts of the rows, of the same version.
        rows: how many are searched.
        shards: hold the rows.
    """

    folder: Path
    model: GalleryModel
    query_side: QuerySide
    store: GallerySnapshot = field(repr=False)
    rows: int
    shards: Shards = field(repr=False)

    def __len__(self) -> int:
        return self.rows

    @property
    def schema(self) -> AttributeSchema:
        """The vocabulary it is asked in."""
        return self.model.schema

    @property
    def fusion(self) -> Fusion:
        """How distances are joined unless a search says otherwise."""
        return self.model.fusion

    def search(
        self,
        query: AttributeQuery,
        *,
        top: int = 20,
        fusion: Fusion | None = None,
        where: Filter | None = None,
        explain: bool = True,
        marks: Marks | None = None,
    ) -> Ranking:
        """Rank all rows by a description; the result is that of :func:`attrieve.gallery.search.search`.

        Every shard is asked twice: for the largest distances it has, and, once the largest of all are
        known, for its nearest rows; by likelihood, which is divided by nothing, once. Before that, marked
        rows are looked up. A shard that died in between loads its rows again and answers.

        Raises:
            ClusterError: if a shard does not answer in time; nothing is answered from the others alone.
            InputError: if the gallery has no rows, or ``top`` is below 1.
            UnknownNameError: for a marked row the gallery does not hold.
            ConfigurationError: if the weights leave nothing to rank by.
            SchemaMismatchError: if the query is of another vocabulary.
            StorageError: if the version that is searched is gone; open the gallery anew.
        """
        prepared = prepare_search(self, query, top, fusion or self.fusion, marks)
        # P(match) may need embeddings, and models without attributes have nothing else.
        told = self.query_side.calibration is not None or self.model.attributes is None
        search = ShardSearch(uuid.uuid4().hex, prepared.wanted, where, prepared.likely, embedding=told)
        undivided = np.ones((1, 2))
        maxima = undivided if search.likely is not None else largest(self.shards.ask("start", search))
        found = nearest(self.shards.ask("finish", search, top, maxima), top)
        return prepared.ranking(found, found.vectors, self.facts_at, explain=explain)

    def facts_at(self, ids: UInt64[np.ndarray, " some"]) -> list[GalleryRow]:
        """Return the rows with these ids, in their order, without their thumbnails.

        Raises:
            StorageError: if one cannot be read.
        """
        return self.store.rows_at(ids, thumbnails=False)

    def seen(self, keys: Sequence[str]) -> Float32[np.ndarray, "row attribute"] | None:
        """Return the probabilities of the rows with some keys, as :meth:`attrieve.gallery.store.Gallery.seen`
        does.

        Raises:
            ClusterError: as :meth:`search`.
            UnknownNameError: for a row no shard holds, with the nearest keys.
            InputError: for what is no key, or a gallery without rows.
        """
        numbers = key_numbers(keys)
        answers = self.shards.ask("seen", numbers)
        found = np.zeros(len(keys), dtype=np.bool_)
        for here, _ in answers:
            found |= here
        if not found.all():
            key = keys[int(found.argmin())]
            raise KeysLike.together(self.shards.ask("keys_like", key)).unknown_row(key)
        if not self.rows:
            raise InputError("the gallery has no rows")
        width = self.model.attributes
        if width is None:
            return None
        together = np.empty((len(keys), width), dtype=np.float32)
        for here, probability in answers:
            together[here] = probability
        return together

    def expected_matches(self, query: AttributeQuery, *, where: Filter | None = None) -> float | None:
        """Return how many rows are expected to match, as
        :func:`attrieve.gallery.matches.expected_matches` does; None for a gallery that is not calibrated.

        Raises:
            ClusterError: as :meth:`search`.
        """
        asked = match_query(query, self.query_side)
        if asked is None or self.model.attributes is None:
            return None
        return math.fsum(self.shards.ask("matches", asked, where))


@contextmanager
def open_sharded(
    folder: Path | str,
    *,
    address: str | None,
    model: str | None = None,
    settings: SearchClusterSettings | None = None,
) -> Iterator[ShardedGallery]:
    """Open a gallery on a cluster: every shard loads its rows, and keeps them until the end.

    All shards hold the version of the gallery that is newest now; what is written later is not seen. A
    shard whose machine dies is loaded again on another. That needs the version to be there still:
    compaction keeps it for an hour unless told otherwise.

    Args:
        folder: the gallery, on storage that every machine sees at this path.
        address: see :func:`~attrieve.gallery.distributed.cluster.connected`.
        model: fingerprint of one of its models, or None for the one it is searched by.
        settings: number of shards, and what each needs.

    Raises:
        ClusterError: if there is no cluster, or a shard finds no place in it.
        ConfigurationError: if Ray is not installed.
        InputError: if the folder is no gallery, here or on another machine, or the model is being filled.
        StorageError: if it cannot be read.
        CheckpointError: if the query side cannot be read.
    """
    folder = require_folder(folder)
    settings = settings or SearchClusterSettings()
    with ExitStack() as stack:
        # Ray first: it may start processes, which Lance does not like to see once it has threads
        ray = stack.enter_context(connected(address))
        snapshot = GallerySnapshot.open(folder.absolute(), model=model)
        query_side = snapshot.query_side()
        shards = stack.enter_context(closing(Shards(ray, snapshot, settings)))
        facts: list[ShardFacts] = shards.ask("load")
        for problem in (problem for fact in facts for problem in fact.problems):
            warnings.warn(problem, DamagedGalleryWarning, stacklevel=3)
        rows = sum(fact.rows for fact in facts)
        yield ShardedGallery(snapshot.folder, snapshot.model, query_side, snapshot, rows, shards)


def largest(maxima: Sequence[Float64[np.ndarray, "query 2"]]) -> Float64[np.ndarray, "query 2"]:
    """Return the elementwise maximum over shards."""
    most: Float64[np.ndarray, "query 2"] = np.maximum.reduce(list(maxima))
    return most


def nearest(found: Sequence[FoundRows], k: int) -> FoundRows:
    """Return the ``k`` nearest of what the shards found, equal distances by key."""
    key = np.concatenate([part.key for part in found])
    distance = np.concatenate([part.distance for part in found])
    order = np.lexsort((key, distance))[:k]
    return FoundRows(
        key[order],
        np.concatenate([part.row_id for part in found])[order],
        distance[order],
        _joined([part.attribute_distance for part in found], order),
        _joined([part.embedding_distance for part in found], order),
        _joined([part.probability for part in found], order),
        found[0].factors,
        _joined([part.embedding for part in found], order),
    )


def _joined(parts: Sequence[np.ndarray | None], order: np.ndarray) -> np.ndarray | None:
    given = [part for part in parts if part is not None]
    return np.concatenate(given)[order] if given else None
