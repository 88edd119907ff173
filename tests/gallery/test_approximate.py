"""Approximate search against the exact one, and that it says so whenever it is exact."""

from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from attrieve.errors import InputError, SchemaMismatchError
from attrieve.gallery.approximate import (
    build_index,
    expected_values,
    find_candidates,
    opposite,
    search_approximately,
)
from attrieve.gallery.approximate_recall import measure_recall, sample_descriptions
from attrieve.gallery.database.vectors import Vectors
from attrieve.gallery.database.writing import open_database_writer
from attrieve.gallery.exact import start_search
from attrieve.gallery.feedback import Marks
from attrieve.gallery.likelihood import Distance, LikelihoodFusion
from attrieve.gallery.search import checked_query, search
from attrieve.gallery.store import Gallery
from attrieve.gallery.synthesize import synthesize
from attrieve.schema import AttributeQuery, Term, parse_query
from attrieve.scoring.fusion import Fusion, Normalisation
from gallery.brute_force import slow_completion
from gallery.building import NAMES, random_gallery, small_query_side, small_schema

ROWS, CANDIDATES = 4000, 400
PAPER = Fusion(0.2, 1.0, Normalisation.QUERY)
STATIC = Fusion(0.2, 1.0, Normalisation.STATIC)


@pytest.fixture(scope="module")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> Gallery:
    folder = tmp_path_factory.mktemp("indexed") / "gallery"
    synthesize(folder, ROWS, threads=1)
    covered = build_index(folder)
    assert {index.column: index.indexed_rows for index in covered} == {
        "embedding": ROWS,
        "probability": ROWS,
    }
    return Gallery.open(folder)


@pytest.fixture
def growing(tmp_path: Path) -> Path:
    """A gallery of its own, with an index, for a test that changes it."""
    synthesize(tmp_path / "gallery", 1000, threads=1)
    build_index(tmp_path / "gallery")
    return tmp_path / "gallery"


@pytest.mark.parametrize(("named", "least"), [(None, 0.95), (12, 0.9), (4, 0.7)])
def test_most_of_the_exact_answer_is_found(indexed: Gallery, named: int | None, least: float) -> None:
    descriptions = sample_descriptions(indexed, 12, named=named, seed=1)
    recall = measure_recall(indexed, descriptions, top=30, fusion=PAPER, candidates=CANDIDATES)
    assert recall.answered_exactly == 0
    assert recall.looked_at < 0.5
    assert least <= recall.mean <= 1.0
    assert "recall of the exact top 30" in str(recall)


def test_static_distances_are_those_of_the_exact_search(indexed: Gallery) -> None:
    for query in sample_descriptions(indexed, 3, seed=2):
        found = search_approximately(
            indexed, query, top=30, fusion=STATIC, candidates=CANDIDATES, explain=False
        )
        exact = search(indexed, query, top=60, fusion=STATIC, explain=False)
        distance = {hit.key: hit.distance for hit in exact.hits}
        common = [hit for hit in found.ranking.hits if hit.key in distance]
        assert found.exact_because is None
        assert len(common) >= 25
        assert all(hit.distance == distance[hit.key] for hit in common)


@pytest.mark.parametrize("distance", [Distance.GROUP, Distance.INDEPENDENT])
def test_likelihoods_are_those_of_the_exact_search(indexed: Gallery, distance: Distance) -> None:
    """Candidates are rated as a full scan rates them; most of the nearest are among them."""
    fusion = LikelihoodFusion(embedding_weight=10.0, distance=distance)
    found_of_all = []
    for query in sample_descriptions(indexed, 8, seed=6):
        near = search_approximately(
            indexed, query, top=30, fusion=fusion, candidates=CANDIDATES, explain=False
        )
        exact = search(indexed, query, top=300, fusion=fusion, explain=False)
        truth = {hit.key: hit.distance for hit in exact.hits}
        common = [hit for hit in near.ranking.hits if hit.key in truth]
        assert near.exact_because is None
        assert near.looked_at < ROWS / 2
        assert len(common) >= 25
        assert all(hit.distance == truth[hit.key] for hit in common)
        first = {hit.key for hit in exact.hits[:30]}
        found_of_all.append(len(first & {hit.key for hit in near.ranking.hits}) / 30)
    assert sum(found_of_all) / len(found_of_all) >= 0.9


def test_marks_change_an_approximate_search_as_an_exact_one(indexed: Gallery) -> None:
    """Distances are the same, and most of the nearest are found."""
    [query] = sample_descriptions(indexed, 1, named=12, seed=7)
    plain = search(indexed, query, top=10, fusion=STATIC)
    marks = Marks.of(wrong=[hit.key for hit in plain.hits[:4]])
    exact = search(indexed, query, top=200, fusion=STATIC, marks=marks)
    near = search_approximately(indexed, query, top=30, fusion=STATIC, candidates=CANDIDATES, marks=marks)
    assert exact.hits[:10] != plain.hits
    truth = {hit.key: hit.distance for hit in exact.hits}
    common = [hit for hit in near.ranking.hits if hit.key in truth]
    assert near.exact_because is None
    assert len(common) >= 25
    assert all(hit.distance == truth[hit.key] for hit in common)


def test_maxima_are_never_overestimated_and_nearly_right(indexed: Gallery) -> None:
    """Rows near the opposite of a description are among those looked at."""
    compact = indexed.columns.compact
    assert compact is not None
    for query in sample_descriptions(indexed, 6, seed=3):
        wanted = checked_query(indexed, query, 10, PAPER)
        places = find_candidates(indexed, query, wanted, top=10, candidates=100).places
        estimated, exact = (start_search(compact, [wanted], keep=keep).maxima for keep in (places, None))
        assert (estimated <= exact).all()
        assert (estimated >= 0.95 * exact).all()


def test_only_rows_that_meet_a_filter_are_found(indexed: Gallery) -> None:
    where = indexed.store.parse(["camera=camera-01,camera-02,camera-03,camera-04,camera-05,camera-06"])
    [query] = sample_descriptions(indexed, 1, seed=4)
    found = search_approximately(indexed, query, top=20, where=where, candidates=100)
    exact = search(indexed, query, top=20, where=where)
    assert found.exact_because is None
    assert {hit.camera for hit in found.ranking.hits} <= {f"camera-0{number}" for number in range(1, 7)}
    assert len({hit.key for hit in found.ranking.hits} & {hit.key for hit in exact.hits}) >= 18


@pytest.mark.parametrize(
    ("text", "fusion", "candidates", "reason"),
    [
        ("backpack, !hat", Fusion(1.0, 0.0), CANDIDATES, "no open attributes"),
        ("backpack, !hat", PAPER, ROWS // 2, "hardly more than"),
    ],
)
def test_what_an_index_cannot_answer_is_answered_exactly(
    indexed: Gallery, text: str, fusion: Fusion, candidates: int, reason: str
) -> None:
    query = parse_query(text, indexed.schema)
    found = search_approximately(indexed, query, fusion=fusion, candidates=candidates)
    assert reason in str(found.exact_because)
    assert found.looked_at == ROWS
    assert found.ranking == search(indexed, query, fusion=fusion)


def test_without_an_index_the_answer_is_exact_and_says_why(tmp_path: Path) -> None:
    """A gallery opened before its index was built does not see it either."""
    synthesize(tmp_path / "gallery", 1000, threads=1)
    before = Gallery.open(tmp_path / "gallery")
    build_index(tmp_path / "gallery")
    [query] = sample_descriptions(before, 1)
    found = search_approximately(before, query, candidates=50)
    assert str(found.exact_because).startswith("column 'embedding' has no index; build it with")
    assert found.ranking == search(before, query)
    assert search_approximately(Gallery.open(before.folder), query, candidates=50).exact_because is None


def test_rows_in_memory_are_searched_exactly() -> None:
    gallery = random_gallery(40)
    query = parse_query("hat, !bag", gallery.schema)
    found = search_approximately(gallery, query)
    assert "in memory" in str(found.exact_because)
    assert found.ranking == search(gallery, query)
    assert measure_recall(gallery, [query], top=5).answered_exactly == 1


def test_new_rows_are_found_and_many_of_them_make_the_index_out_of_date(growing: Path) -> None:
    synthesize(growing, 1020, threads=1)
    few = Gallery.open(growing)
    newest = _described_row(few, 1019)
    found = search_approximately(few, newest, candidates=50)
    assert found.exact_because is None
    assert found.ranking.hits[0].key == search(few, newest).hits[0].key

    synthesize(growing, 1200, threads=1)
    stale = search_approximately(Gallery.open(growing), newest, candidates=50)
    assert "200 rows came after the index" in str(stale.exact_because)

    with open_database_writer(growing) as writer:
        writer.compact(keep_versions=timedelta(0))
    assert search_approximately(Gallery.open(growing), newest, candidates=50).exact_because is None


def test_deleted_rows_are_not_found(growing: Path) -> None:
    gallery = Gallery.open(growing)
    [query] = sample_descriptions(gallery, 1)
    gone = [hit.key for hit in search_approximately(gallery, query, top=10, candidates=50).ranking.hits]
    with open_database_writer(growing) as writer:
        writer.delete(gone)
    found = search_approximately(Gallery.open(growing), query, top=10, candidates=50)
    assert found.exact_because is None
    assert len(found.ranking) == 10
    assert not {hit.key for hit in found.ranking.hits} & set(gone)


def _described_row(gallery: Gallery, place: int) -> AttributeQuery:
    vectors: Vectors = gallery.columns.vectors(np.array([place]))
    assert vectors.probability is not None
    return AttributeQuery.from_values(gallery.schema, (vectors.probability[0] > 0.5).astype(int).tolist())


def test_nonsense_is_refused(indexed: Gallery) -> None:
    query = parse_query("hat", indexed.schema)
    with pytest.raises(InputError, match="top must be at least 1"):
        search_approximately(indexed, query, top=0)
    with pytest.raises(InputError, match="candidates must be at least 1"):
        search_approximately(indexed, query, candidates=0)
    with pytest.raises(SchemaMismatchError):
        search_approximately(indexed, parse_query("hat", small_schema()))
    with pytest.raises(InputError, match="has no rows"):
        search_approximately(random_gallery(0), parse_query("hat", small_schema()))
    with pytest.raises(InputError, match="at least one description"):
        measure_recall(indexed, [])
    with pytest.raises(InputError, match="name 1 to 35 attributes, asked for 36"):
        sample_descriptions(indexed, 1, named=36)


def test_descriptions_drawn_name_as_much_as_asked(indexed: Gallery) -> None:
    assert all(query.is_full for query in sample_descriptions(indexed, 3))
    partial = sample_descriptions(indexed, 5, named=7, seed=8)
    assert [len(query.terms) for query in partial] == [7] * 5
    assert partial == sample_descriptions(indexed, 5, named=7, seed=8)


@given(st.lists(st.sampled_from([-1, 0, 1]), min_size=len(NAMES), max_size=len(NAMES)))
def test_the_opposite_of_the_opposite_is_the_description(values: list[int]) -> None:
    assume(set(values) != {-1})
    query = AttributeQuery.from_values(small_schema(), values)
    assert opposite(query).values().tolist() == [value if value < 0 else 1 - value for value in values]
    assert opposite(opposite(query)) == query


def test_the_opposite_of_one_of_these_is_none_of_them() -> None:
    query = AttributeQuery(small_schema(), (Term((0, 1), certainty=0.5), Term((3, 4), wanted=False)))
    assert opposite(query).terms == (Term((0, 1), wanted=False, certainty=0.5), Term((3,)), Term((4,)))


@settings(max_examples=20, deadline=None)
@given(st.sets(st.integers(0, len(NAMES) - 1), min_size=1), st.integers(0, 3))
def test_expected_values_are_a_weighted_mean_of_completions(named: set[int], seed: int) -> None:
    query_side = small_query_side(seed)
    query = AttributeQuery(
        small_schema(),
        tuple(Term((index,), bool(index % 2), 0.5 + index / 20) for index in sorted(named)),
    )
    rate = query_side.positive_rate.tolist()
    categories = [
        [rate[index] if value < 0 else float(value) for index, value in enumerate(row)]
        for row in query_side.training_categories.tolist()
    ]
    total, weights = np.zeros(len(NAMES)), 0.0
    for category, count in zip(categories, query_side.training_category_counts.tolist(), strict=True):
        weight = float(count)
        for term in query.terms:
            holds = category[term.attributes[0]]
            weight *= 1 - 0.999 * term.certainty * (1 - holds if term.wanted else holds)
        total += weight * np.array(slow_completion(query, category, categories))
        weights += weight
    assert expected_values(query, query_side) == pytest.approx(total / weights, abs=1e-6)


def test_a_gallery_without_rows_draws_no_descriptions() -> None:
    with pytest.raises(InputError, match="the gallery has none"):
        sample_descriptions(random_gallery(0), 1)
