"""What a ranking hangs on: where its hits would stand if something asked were left out."""

from dataclasses import dataclass, replace

from attrieve.gallery.database.filters import Filter
from attrieve.gallery.search import search
from attrieve.gallery.store import Gallery
from attrieve.schema import AttributeQuery, Ranking, Term
from attrieve.scoring.fusion import Fusion

LOOKED_AT = 10
"""Hits are looked for among this many times as many rows as the ranking has."""


@dataclass(frozen=True)
class WithoutTerm:
    """A ranking's hits under a description that lacks one of its terms.

    Args:
        term: what is left out.
        ranks: where each hit of the ranking stands then; None if not among the rows looked at.
    """

    term: Term
    ranks: tuple[int | None, ...]


def ranks_without_terms(
    gallery: Gallery,
    query: AttributeQuery,
    ranking: Ranking,
    *,
    fusion: Fusion | None = None,
    where: Filter | None = None,
) -> tuple[WithoutTerm, ...]:
    """Search again without each term of a description: "without 'hat' this hit would rank 3".

    Args:
        gallery: where was searched.
        query: what was asked; a description of one term has nothing that could be left out.
        ranking: what was found.
        fusion: as in the search.
        where: as in the search.
    """
    if len(query.terms) < 2:
        return ()
    found = []
    for left_out in query.terms:
        others = replace(query, terms=tuple(term for term in query.terms if term is not left_out))
        ranks = ranks_elsewhere(gallery, ranking, others, fusion=fusion, where=where)
        found.append(WithoutTerm(left_out, ranks))
    return tuple(found)


def ranks_elsewhere(
    gallery: Gallery,
    ranking: Ranking,
    query: AttributeQuery,
    *,
    fusion: Fusion | None = None,
    where: Filter | None = None,
) -> tuple[int | None, ...]:
    """Return where each hit of a ranking stands under another description.

    None stands for "not among the nearest ``LOOKED_AT`` times as many rows as the ranking has".
    """
    if not ranking.hits:
        return ()
    top = LOOKED_AT * len(ranking)
    other = search(gallery, query, top=top, fusion=fusion, where=where, explain=False)
    ranks = {hit.key: hit.rank for hit in other.hits}
    return tuple(ranks.get(hit.key) for hit in ranking.hits)
