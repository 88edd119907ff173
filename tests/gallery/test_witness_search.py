"""Searching for several witnesses."""

from attrieve.gallery.counterfactual import LOOKED_AT
from attrieve.gallery.search import search
from attrieve.gallery.witness_search import search_for_witnesses
from attrieve.schema.witnesses import pool, read_witness
from gallery.building import random_gallery, small_schema

SCHEMA = small_schema()


def test_the_ranking_is_that_of_the_pooled_description() -> None:
    """And the ranks without a witness are those of a search by the others."""
    gallery = random_gallery(300, 4)
    texts = ["A: hat, !bag, age:young|old", "B~0.6: !hat, scarf", "C: hat?, backpack"]
    witnesses = [read_witness(text, SCHEMA) for text in texts]
    found = search_for_witnesses(gallery, witnesses, top=8)
    assert found.ranking == search(gallery, pool(witnesses).query, top=8)
    assert set(found.without) == {"A", "B", "C"}
    for left_out in witnesses:
        others = [witness for witness in witnesses if witness is not left_out]
        everything = search(gallery, pool(others).query, top=300, explain=False).hits
        ranks = {hit.key: hit.rank for hit in everything}
        expected = tuple(ranks[hit.key] for hit in found.ranking.hits)
        told = tuple(rank if rank <= LOOKED_AT * 8 else None for rank in expected)
        assert found.without[left_out.name] == told


def test_a_single_witness_is_not_left_out() -> None:
    """Nothing to compare with; nor where the others cancel each other out."""
    gallery = random_gallery(20, 1)
    alone = search_for_witnesses(gallery, [read_witness("A: hat", SCHEMA)], top=3)
    assert dict(alone.without) == {}
    three = [read_witness(text, SCHEMA) for text in ("A: hat", "B: !hat", "C: bag")]
    assert search_for_witnesses(gallery, three, top=3).without["C"] == ()
