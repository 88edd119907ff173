"""A search for several witnesses at once, and how much hangs on each of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from attrieve.errors import QueryError
from attrieve.gallery.counterfactual import ranks_elsewhere
from attrieve.gallery.database.filters import Filter
from attrieve.gallery.feedback import Marks
from attrieve.gallery.search import AnyGallery, search
from attrieve.schema import Ranking
from attrieve.schema.witnesses import Pooled, Witness, pool
from attrieve.scoring.fusion import Fusion


@dataclass(frozen=True)
class WitnessRanking:
    """What several witnesses together find.

    Args:
        pooled: their descriptions as one.
        ranking: by the pooled description.
        without: for each witness, where each hit of ``ranking`` stands when that one is left out, see
            :func:`~attrieve.gallery.counterfactual.ranks_elsewhere`. Empty for a witness without whom
            nothing is left to ask.
    """

    pooled: Pooled
    ranking: Ranking
    without: Mapping[str, tuple[int | None, ...]]


def search_for_witnesses(
    gallery: AnyGallery,
    witnesses: Sequence[Witness],
    *,
    top: int = 20,
    fusion: Fusion | None = None,
    where: Filter | None = None,
    explain: bool = True,
    marks: Marks | None = None,
) -> WitnessRanking:
    """Search by what witnesses say together, and again without each of them.

    Args:
        gallery: where to look.
        witnesses: at least one, in the gallery's vocabulary.
        top: how many hits.
        fusion: how to join the distances, or None for the gallery's own way.
        where: only rows that meet this.
        explain: whether hits carry reasons.
        marks: rows judged right or wrong, see :func:`~attrieve.gallery.search.search`.

    Raises:
        QueryError: if the witnesses cannot be pooled; see :func:`~attrieve.schema.witnesses.pool`.
        InputError, UnknownNameError, ConfigurationError, ClusterError: as
            :func:`~attrieve.gallery.search.search`.
    """
    pooled = pool(witnesses)
    ranking = search(gallery, pooled.query, top=top, fusion=fusion, where=where, explain=explain, marks=marks)
    without: dict[str, tuple[int | None, ...]] = {}
    for left_out in witnesses if len(witnesses) > 1 else ():
        others = [witness for witness in witnesses if witness is not left_out]
        try:
            query = pool(others).query
        except QueryError:
            without[left_out.name] = ()
            continue
        without[left_out.name] = ranks_elsewhere(
            gallery, ranking, query, fusion=fusion, where=where, marks=marks
        )
    return WitnessRanking(pooled, ranking, without)
