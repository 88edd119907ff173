"""Search against loops over rows, and what must hold of any ranking."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from attrieve.errors import ConfigurationError, InputError, SchemaMismatchError, UnknownNameError
from attrieve.gallery.search import search
from attrieve.models.configuration import RetrieverKind
from attrieve.schema import AttributeQuery, Term, parse_query
from attrieve.scoring import cosine_distance, euclidean_distance, fuse
from attrieve.scoring.fusion import Fusion, Normalisation
from gallery.brute_force import brute_force_distances
from gallery.building import NAMES, everything, gallery_of, random_gallery, small_query_side, small_schema

SCHEMA = small_schema()
WIDTH = len(NAMES)
ATTRIBUTES_ONLY = Fusion(attribute_weight=1.0, embedding_weight=0.0)


@st.composite
def queries(draw: st.DrawFn) -> AttributeQuery:
    """Any mixture of wanted, unwanted and one-of terms, with any certainty."""
    named = draw(st.lists(st.integers(0, WIDTH - 1), min_size=1, max_size=WIDTH, unique=True))
    terms = []
    while named:
        size = draw(st.integers(1, min(3, len(named))))
        members, named = named[:size], named[size:]
        certainty = draw(st.sampled_from([1.0, 1.0, 0.5, 0.25, 0.8]))
        terms.append(Term(tuple(members), draw(st.booleans()), certainty))
    return AttributeQuery(SCHEMA, tuple(terms))


full_queries = st.lists(st.integers(0, 1), min_size=WIDTH, max_size=WIDTH).map(
    lambda values: AttributeQuery.from_values(SCHEMA, values)
)
fusions = st.builds(
    Fusion, st.sampled_from([0.2, 1.0]), st.sampled_from([0.0, 0.7, 1.0]), st.sampled_from(Normalisation)
)
sixteenths = st.integers(0, 16).map(lambda number: number / 16)
"""Probabilities whose squares and sums are exact in float32, so that equal means equal."""


@settings(max_examples=60, deadline=None)
@given(st.one_of(queries(), full_queries), fusions, st.integers(1, 40), st.integers(0, 5))
def test_search_equals_loops_over_rows(query: AttributeQuery, fusion: Fusion, top: int, seed: int) -> None:
    """Every hit has the distance of the slow twin, and nothing nearer was left out."""
    gallery = random_gallery(25, seed)
    expected = brute_force_distances(gallery, query, fusion)
    ranking = search(gallery, query, top=top, fusion=fusion)
    assert len(ranking) == min(top, 25)
    for hit in ranking.hits:
        assert hit.distance == pytest.approx(expected[hit.key], abs=2e-5)
    left_out = set(expected) - {hit.key for hit in ranking.hits}
    assert all(expected[key] >= ranking.hits[-1].distance - 2e-5 for key in left_out)


@settings(max_examples=40, deadline=None)
@given(
    queries(),
    st.lists(
        st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=WIDTH, max_size=WIDTH), min_size=1, max_size=12
    ),
    st.randoms(use_true_random=False),
)
def test_equal_distances_are_ordered_by_key(
    query: AttributeQuery, table: list[list[float]], shuffler: "np.random.Generator"
) -> None:
    """Whatever order rows came in, ties stand in the order of their keys."""
    halves = AttributeQuery(SCHEMA, tuple(Term(t.attributes, t.wanted, 0.5) for t in query.terms))
    keys = [f"{number:016x}" for number in range(len(table))]
    shuffler.shuffle(keys)
    gallery = gallery_of(np.array(table), None, small_query_side(), keys)
    hits = search(gallery, halves, top=99, fusion=ATTRIBUTES_ONLY).hits
    order = [(hit.distance, hit.key) for hit in hits]
    assert order == sorted(order)
    assert {hit.key for hit in hits} == set(keys)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.lists(sixteenths, min_size=WIDTH, max_size=WIDTH), min_size=2, max_size=10),
    st.lists(st.integers(0, WIDTH - 1), min_size=1, max_size=4, unique=True),
    st.integers(0, 9),
    st.integers(1, 16),
)
def test_more_of_what_is_wanted_never_moves_a_row_down(
    table: list[list[float]], wanted: list[int], row: int, gain: int
) -> None:
    """Raising the probability of a wanted attribute keeps or betters the row's rank."""
    query = AttributeQuery(SCHEMA, tuple(Term((index,)) for index in wanted))
    row %= len(table)
    raised = np.array(table)
    raised[row, wanted[0]] = min(1.0, raised[row, wanted[0]] + gain / 16)

    def rank(probability: np.ndarray) -> int:
        gallery = gallery_of(probability, None, small_query_side())
        hits = search(gallery, query, top=99, fusion=ATTRIBUTES_ONLY).hits
        return next(hit.rank for hit in hits if hit.key == f"{row:016x}")

    assert rank(raised) <= rank(np.array(table))


@settings(max_examples=40, deadline=None)
@given(queries(), st.integers(0, 1000))
def test_open_attributes_never_change_the_attribute_distance(query: AttributeQuery, seed: int) -> None:
    """Other probabilities of what is not named give the very same distances."""
    generator = np.random.default_rng(seed)
    before = generator.random((9, WIDTH))
    after = before.copy()
    still_open = [i for i in range(WIDTH) if all(i not in term.attributes for term in query.terms)]
    after[:, still_open] = generator.random((9, len(still_open)))
    first, second = (
        search(gallery_of(table, None, small_query_side()), query, top=9, fusion=ATTRIBUTES_ONLY)
        for table in (before, after)
    )
    assert [(h.key, h.attribute_distance) for h in first.hits] == [
        (h.key, h.attribute_distance) for h in second.hits
    ]


@pytest.mark.parametrize("normalisation", Normalisation)
def test_full_descriptions_have_the_evaluators_distance(normalisation: Normalisation) -> None:
    """A full description is scored by the very functions that evaluation uses, on its values."""
    gallery = random_gallery(50, 3)
    fusion = Fusion(0.2, 1.0, normalisation)
    values = [1, 0, 0, 1, 0, 0, 1, 1]
    keys, columns = everything(gallery)
    assert columns.probability is not None
    assert columns.embedding is not None
    vector = torch.tensor([values], dtype=torch.float32)
    embedded = gallery.query_side.embed_queries(vector)
    assert embedded is not None
    expected = fuse(
        euclidean_distance(vector, torch.from_numpy(columns.probability)),
        cosine_distance(embedded, torch.from_numpy(columns.embedding)),
        fusion,
        attribute_maximum=len(values) ** 0.5 if normalisation is Normalisation.STATIC else None,
    )[0]
    backwards = AttributeQuery(SCHEMA, AttributeQuery.from_values(SCHEMA, values).terms[::-1])
    for query in (AttributeQuery.from_values(SCHEMA, values), backwards):
        hits = search(gallery, query, top=50, fusion=fusion).hits
        found = {hit.key: hit.distance for hit in hits}
        assert found == pytest.approx(dict(zip(keys, expected.tolist(), strict=True)), abs=2e-6)


def test_one_of_takes_the_nearest_alternative() -> None:
    """With two ages asked, a row is as near as its better one."""
    table = np.zeros((3, WIDTH))
    table[0, 0], table[1, 1], table[2, :2] = 0.9, 0.8, 0.5
    gallery = gallery_of(table, None, small_query_side())
    hits = search(gallery, parse_query("age:young|adult", SCHEMA)).hits
    assert [hit.key for hit in hits] == [f"{row:016x}" for row in range(3)]
    assert [hit.attribute_distance for hit in hits] == pytest.approx([0.1, 0.2, 0.5])


def test_one_branch_alone_ranks() -> None:
    """Galleries of recognition-only and embedding-only models are searched by what they have."""
    query = parse_query("hat, !bag", SCHEMA)
    rows = np.random.default_rng(0).random((5, WIDTH))
    by_attribute = search(gallery_of(rows, None, small_query_side(0, RetrieverKind.ATTRIBUTES)), query)
    unit = rows[:, :6] / np.linalg.norm(rows[:, :6], axis=1, keepdims=True)
    by_embedding = search(gallery_of(None, unit, small_query_side()), query)
    assert len(by_attribute) == len(by_embedding) == 5
    assert all(hit.embedding_distance is None and hit.reasons for hit in by_attribute.hits)
    assert all(hit.attribute_distance is None and not hit.reasons for hit in by_embedding.hits)


def test_recognition_only_model_with_embedding_only_fusion_is_refused() -> None:
    """There is nothing to rank by if the only branch has weight 0."""
    gallery = gallery_of(np.zeros((1, WIDTH)), None, small_query_side(0, RetrieverKind.ATTRIBUTES))
    with pytest.raises(InputError):
        search(gallery, parse_query("hat", SCHEMA), fusion=Fusion(0.0, 1.0))
    with pytest.raises(ConfigurationError):
        Fusion(0.0, 0.0)


def test_more_hits_than_rows_gives_all_rows() -> None:
    """Asking for a thousand of four gives four."""
    assert len(search(random_gallery(4), parse_query("hat", SCHEMA), top=1000)) == 4


def test_a_gallery_where_nothing_matches_is_still_ranked() -> None:
    """No row shows what is asked: the ranking says how far each is."""
    gallery = gallery_of(np.zeros((3, WIDTH)), None, small_query_side())
    hits = search(gallery, parse_query("hat", SCHEMA)).hits
    assert [hit.attribute_distance for hit in hits] == [1.0, 1.0, 1.0]
    assert not any(reason.matches for hit in hits for reason in hit.reasons)


def test_perfect_rows_all_have_distance_zero() -> None:
    """A maximum of 0 divides nothing; distances are 0, never NaN."""
    gallery = gallery_of(np.ones((3, WIDTH)), None, small_query_side())
    assert [hit.distance for hit in search(gallery, parse_query("hat", SCHEMA)).hits] == [0.0, 0.0, 0.0]


def test_reasons_are_left_out_on_request() -> None:
    """Without reasons the ranking is the same."""
    gallery, query = random_gallery(6), parse_query("hat", SCHEMA)
    bare, told = search(gallery, query, explain=False), search(gallery, query)
    assert all(not hit.reasons for hit in bare.hits)
    assert [hit.key for hit in bare.hits] == [hit.key for hit in told.hits]


def test_wrong_requests_say_what_to_do() -> None:
    """No rows, no hits asked for, another vocabulary, an unknown name."""
    query = parse_query("hat", SCHEMA)
    with pytest.raises(InputError, match=r"no rows.*attrieve index"):
        search(gallery_of(None, None, small_query_side()), query)
    with pytest.raises(InputError, match="at least 1, got 0"):
        search(random_gallery(3), query, top=0)
    with pytest.raises(UnknownNameError, match="backpack"):
        parse_query("bakpack", SCHEMA)
    from attrieve.schema import load_vocabulary

    with pytest.raises(SchemaMismatchError, match=r"small.*peta35"):
        search(random_gallery(3), parse_query("hat", load_vocabulary("peta35")))
