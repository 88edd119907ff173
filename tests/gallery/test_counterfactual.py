"""Where a hit would stand without one thing, in words."""

from attrieve.gallery.counterfactual import WithoutTerm, ranks_without_terms, what_if_lines
from attrieve.gallery.search import search
from attrieve.schema import Hit, Ranking, parse_query
from gallery.building import random_gallery, small_schema

SCHEMA = small_schema()


def test_ranks_are_those_of_searches_without_the_term() -> None:
    """One search per term left out."""
    gallery = random_gallery(8)
    query = parse_query("hat, !bag, scarf?", SCHEMA)
    ranking = search(gallery, query, top=4)
    found = ranks_without_terms(gallery, query, ranking)
    assert [one.text(SCHEMA) for one in found] == ["hat", "!bag", "scarf?"]
    other = search(gallery, parse_query("hat, scarf?", SCHEMA), top=8)
    ranks = {hit.key: hit.rank for hit in other.hits}
    assert found[1].ranks == tuple(ranks[hit.key] for hit in ranking.hits)


def test_lines_say_where_a_hit_would_stand() -> None:
    """Rises come first, what changes nothing is left out, far away is said so."""
    ranking = Ranking(tuple(Hit(rank, f"{rank}", 0.1 * rank, "somewhere") for rank in (1, 2, 3)))
    terms = parse_query("hat, !bag, scarf", SCHEMA).terms
    without = [
        WithoutTerm(terms[0], (1, 7, None)),
        WithoutTerm(terms[1], (1, 1, 3)),
        WithoutTerm(terms[2], (1, None, 3)),
    ]
    assert what_if_lines(ranking, without, SCHEMA) == (
        "rank 1 whichever one thing is left out",
        "without '!bag' it would rank 1, without 'hat' 7, without 'scarf' beyond 30",
        "without 'hat' it would fall beyond 30",
    )
    assert what_if_lines(Ranking(()), [], SCHEMA) == ()
