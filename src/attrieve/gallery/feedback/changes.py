"""How a ranking moved."""

from collections.abc import Sequence
from dataclasses import dataclass

from attrieve.schema import Ranking


@dataclass(frozen=True)
class RankChange:
    """Where a hit stands, and where it stood.

    Args:
        key: of the row.
        rank: now, from 1.
        before: before, or None if it was not among the hits looked at.
    """

    key: str
    rank: int
    before: int | None


def rank_changes(before: Ranking, now: Ranking) -> tuple[RankChange, ...]:
    """Return for every hit of a ranking where it stood in another one.

    >>> rank_changes(Ranking(()), Ranking(()))
    ()
    """
    ranks = {hit.key: hit.rank for hit in before.hits}
    return tuple(RankChange(hit.key, hit.rank, ranks.get(hit.key)) for hit in now.hits)


def moved(changes: Sequence[RankChange]) -> int:
    """Return how many hits stand elsewhere than before."""
    return sum(change.rank != change.before for change in changes)
