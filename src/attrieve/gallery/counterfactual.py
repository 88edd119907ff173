"""What a ranking hangs on: where its hits would stand if something asked were left out."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from attrieve.gallery.database.filters import Filter
from attrieve.gallery.feedback import Marks
from attrieve.gallery.search import AnyGallery, search
from attrieve.schema import AttributeQuery, AttributeSchema, Ranking, Term
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

    def text(self, schema: AttributeSchema) -> str:
        """Return the term as it would be typed."""
        return AttributeQuery(schema, (self.term,)).to_text()


def ranks_without_terms(
    gallery: AnyGallery,
    query: AttributeQuery,
    ranking: Ranking,
    *,
    fusion: Fusion | None = None,
    where: Filter | None = None,
    marks: Marks | None = None,
) -> tuple[WithoutTerm, ...]:
    """Search again without each term of a description: "without 'hat' this hit would rank 3".

    Args:
        gallery: where was searched.
        query: what was asked; a description of one term has nothing that could be left out.
        ranking: what was found.
        fusion: as in the search.
        where: as in the search.
        marks: as in the search.
    """
    if len(query.terms) < 2:
        return ()
    found = []
    for left_out in query.terms:
        others = replace(query, terms=tuple(term for term in query.terms if term is not left_out))
        ranks = ranks_elsewhere(gallery, ranking, others, fusion=fusion, where=where, marks=marks)
        found.append(WithoutTerm(left_out, ranks))
    return tuple(found)


def what_if_lines(
    ranking: Ranking, without: Sequence[WithoutTerm], schema: AttributeSchema
) -> tuple[str, ...]:
    """Say for each hit what would become of it, where it would rise most first.

    For example: "without 'hat' it would rank 3, without 'male' 12, without 'jeans' beyond 200". Terms
    without which it stays where it is are not named.

    Args:
        ranking: what was found.
        without: what :func:`ranks_without_terms` returned for it.
        schema: of the description.
    """
    lines = []
    for place, hit in enumerate(ranking.hits):
        moves = [(one.ranks[place], one.text(schema)) for one in without if one.ranks[place] != hit.rank]
        moves.sort(key=lambda move: math.inf if move[0] is None else move[0])
        beyond = f"beyond {LOOKED_AT * len(ranking):,}"
        told = [f"without '{term}' {beyond if rank is None else f'{rank:,}'}" for rank, term in moves]
        if told:
            rank, term = moves[0]
            where = f"rank {rank:,}" if rank is not None else f"fall {beyond}"
            told[0] = f"without '{term}' it would {where}"
        lines.append(", ".join(told) or f"rank {hit.rank:,} whichever one thing is left out")
    return tuple(lines)


def ranks_elsewhere(
    gallery: AnyGallery,
    ranking: Ranking,
    query: AttributeQuery,
    *,
    fusion: Fusion | None = None,
    where: Filter | None = None,
    marks: Marks | None = None,
) -> tuple[int | None, ...]:
    """Return where each hit of a ranking stands under another description, or without the marks.

    None stands for "not among the nearest ``LOOKED_AT`` times as many rows as the ranking has".

    Raises:
        AttrieveError: as :func:`~attrieve.gallery.search.search`.
    """
    if not ranking.hits:
        return ()
    top = LOOKED_AT * len(ranking)
    other = search(gallery, query, top=top, fusion=fusion, where=where, explain=False, marks=marks)
    ranks = {hit.key: hit.rank for hit in other.hits}
    return tuple(ranks.get(hit.key) for hit in ranking.hits)
