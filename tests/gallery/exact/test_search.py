"""Exact search against loops in float64: the same rows, the same numbers, the same order, bit for bit."""

import itertools
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attrieve.errors import InputError
from attrieve.gallery.exact import (
    CompactColumns,
    ExactHits,
    FusedQuery,
    search_each,
    search_exact,
    start_search,
)
from attrieve.gallery.exact import scan as scan_module
from attrieve.gallery.exact import search as search_module
from attrieve.scoring.fusion import Fusion, Normalisation
from gallery.exact.directions import directions_first, with_directions
from reference.fused_search import fused_search

NORMALISATIONS = list(Normalisation)


def unit(vectors: np.ndarray) -> np.ndarray:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def draw_query(
    generator: np.random.Generator, attributes: int, dim: int, fusion: Fusion, *, plain: bool = False
) -> FusedQuery:
    count = attributes if plain else int(generator.integers(1, attributes + 1))
    named = generator.permutation(attributes)[:count]
    terms = [(int(attribute),) for attribute in named]
    if not plain and attributes > 1:
        terms.append(
            tuple(generator.permutation(attributes)[: generator.integers(1, attributes + 1)].tolist())
        )
    return FusedQuery(
        target=generator.integers(0, 2, len(terms)).astype(float) if plain else generator.random(len(terms)),
        certainty=generator.choice([0.0, 0.5, 0.8, 1.0], len(terms)),
        terms=tuple(terms),
        embedding=generator.standard_normal(dim),
        fusion=fusion,
    )


WAYS = (
    "all distances kept",
    "queries in turn",
    "queries side by side",
    "two queries together",
    "few directions first",
    "few directions first, queries side by side",
)


@contextmanager
def search_in(way: str) -> Iterator[None]:
    """Search in a way that the size of a test's gallery would not choose."""
    first = directions_first() if way.startswith("few directions first") else nullcontext()
    with first, pytest.MonkeyPatch.context() as patched:
        if way != "all distances kept":
            patched.setattr(search_module, "MOST_KEPT_DISTANCES", 0)
        if way == "two queries together":
            patched.setattr(search_module, "MOST_TOGETHER", 2)
            patched.setattr(scan_module, "TURN_ROWS", 64)
            patched.setattr(scan_module, "MOST_KEPT_ERRORS", 0)
        if way != "queries in turn":
            patched.setattr(scan_module, "MOST_RESCORED", 0)
        least = 1 if way.endswith("queries side by side") else 10**9
        patched.setattr(scan_module, "least_batch", lambda **_: least)
        yield


def assert_equal(
    columns: CompactColumns,
    queries: Sequence[FusedQuery],
    embedding: np.ndarray | None,
    probability: np.ndarray | None,
    k: int | Sequence[int],
    keep: np.ndarray | None = None,
    threads: int = 2,
    tie: np.ndarray | None = None,
) -> ExactHits:
    rows = np.arange(len(columns))
    if keep is not None:
        rows = rows[keep] if keep.dtype == bool else np.sort(keep)
    expected = fused_search(
        queries, embedding, probability, rows.tolist(), len(rows), None if tie is None else tie.tolist()
    )
    for way, most in itertools.product(WAYS, (k,) if isinstance(k, int) else k):
        with search_in(way):
            searched = with_directions(columns) if way.startswith("few directions first") else columns
            hits = search_exact(searched, queries, most, keep=keep, tie=tie, threads=threads)
        assert_hits(hits, [answer[:most] for answer in expected], most, len(rows))
    return hits


def assert_hits(hits: ExactHits, expected: list[list[tuple]], k: int, rows: int) -> None:
    assert hits.indices.shape == (len(expected), min(k, rows))
    for number, answer in enumerate(expected):
        assert hits.indices[number].tolist() == [hit[0] for hit in answer]
        for column, place in (
            (hits.distance, 1),
            (hits.attribute_distance, 2),
            (hits.embedding_distance, 3),
        ):
            assert column.dtype == np.float32
            assert column[number].tolist() == [float(hit[place]) for hit in answer]


@pytest.mark.parametrize("normalisation", NORMALISATIONS)
@pytest.mark.parametrize("seed", range(4))
def test_random_galleries(seed: int, normalisation: Normalisation) -> None:
    """Several queries, "one of these", open terms, weights from tiny to huge."""
    generator = np.random.default_rng(seed)
    rows, dim, attributes = int(generator.integers(1, 400)), int(generator.integers(1, 40)), 9
    embedding = unit(generator.standard_normal((rows, dim)))
    probability = generator.random((rows, attributes), dtype=np.float32)
    weights = 10.0 ** generator.uniform(-3, 3, 2)
    fusion = Fusion(float(weights[0]), float(weights[1]), normalisation)
    queries = [draw_query(generator, attributes, dim, fusion, plain=bool(n % 2)) for n in range(3)]
    columns = CompactColumns.from_float(embedding, probability)
    assert_equal(columns, queries, embedding, probability, int(generator.integers(1, 30)))


def adversarial(name: str) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(7)
    embedding = unit(generator.standard_normal((300, 16)))
    probability = generator.random((300, 5), dtype=np.float32)
    if name == "duplicates":
        return embedding[np.arange(300) % 7], probability[np.arange(300) % 7]
    if name == "all equal":
        return embedding[[3] * 300], probability[[3] * 300]
    if name == "near duplicates":
        # closer together than one step of a code, in an order that codes cannot tell
        nudge = generator.uniform(-1e-6, 1e-6, (300, 16))
        return unit(embedding[[3] * 300] + nudge), np.clip(
            probability[[3] * 300] + nudge[:, :5].astype(np.float32), 0, 1
        )
    if name == "last digits":
        steps = np.arange(300, dtype=np.float32)[::-1, None] * np.float32(2**-24)
        return embedding[[3] * 300], np.float32(0.5) + steps.repeat(5, axis=1)
    if name == "labels":
        return embedding[np.arange(300) % 3], generator.integers(0, 2, (300, 5)).astype(np.float32)
    if name == "zero probabilities":
        return embedding, np.zeros_like(probability)
    if name == "nearly nothing":
        return embedding, (probability * np.float32(1e-30)).astype(np.float32)
    if name == "axes":
        return np.eye(16, dtype=np.float32)[np.arange(300) % 16], probability.round()
    assert name == "one row stands out"
    embedding[:] = embedding[0]
    embedding[137] = -embedding[0]
    probability[:] = 0.25
    probability[201] = 1
    return embedding, probability


ADVERSARIAL = (
    "duplicates", "all equal", "near duplicates", "last digits", "labels", "zero probabilities",
    "nearly nothing", "axes", "one row stands out",
)  # fmt: skip


@pytest.mark.parametrize("normalisation", NORMALISATIONS)
@pytest.mark.parametrize("name", ADVERSARIAL)
def test_adversarial_galleries(name: str, normalisation: Normalisation) -> None:
    """Ties and rows that codes cannot tell apart, around the k-th place."""
    embedding, probability = adversarial(name)
    columns = CompactColumns.from_float(embedding, probability)
    fusion = Fusion(0.7, 0.3, normalisation)
    generator = np.random.default_rng(1)
    queries = [
        FusedQuery(np.array([1.0, 0, 0, 1, 1]), embedding=embedding[3], fusion=fusion),
        FusedQuery(np.zeros(5), embedding=-embedding[5], fusion=fusion),
        draw_query(generator, 5, 16, fusion),
    ]
    assert_equal(columns, queries, embedding, probability, (1, 10, 299, 300, 10**12))
    tie = generator.integers(2**64 - 40, 2**64, 300, dtype=np.uint64)
    assert_equal(columns, queries, embedding, probability, (1, 10, 299), tie=tie)


@pytest.mark.parametrize("normalisation", NORMALISATIONS)
@pytest.mark.parametrize(
    "weights", [(1e-300, 1.0), (1e300, 1.0), (1e-45, 1e-46), (1e38, 1e39), (0.0, 1.0), (1.0, 0.0)]
)
def test_extreme_weights(weights: tuple[float, float], normalisation: Normalisation) -> None:
    """Also where float32 cannot tell distances apart any more: rows in order, never NaN."""
    generator = np.random.default_rng(3)
    embedding = unit(generator.standard_normal((200, 8)))
    probability = generator.random((200, 4), dtype=np.float32)
    query = draw_query(generator, 4, 8, Fusion(*weights, normalisation))
    columns = CompactColumns.from_float(embedding, probability)
    assert not np.isnan(assert_equal(columns, [query], embedding, probability, 20).distance).any()


@pytest.mark.parametrize("certainty", [0.0, 1e-45, 1e-9, 1e9, 1e45])
def test_extreme_certainties(certainty: float) -> None:
    """Alone and beside an ordinary one; all open puts every row at distance 0."""
    generator = np.random.default_rng(4)
    probability = generator.random((200, 3), dtype=np.float32)
    columns = CompactColumns.from_float(probability=probability)
    for certainties in ([certainty] * 3, [certainty, 1.0, 0.5]):
        for normalisation in NORMALISATIONS:
            query = FusedQuery(
                np.array([1.0, 0, 1]), np.array(certainties), fusion=Fusion(1.0, 1.0, normalisation)
            )
            assert_equal(columns, [query], None, probability, 15)


@pytest.mark.parametrize("normalisation", NORMALISATIONS)
def test_one_column_alone(normalisation: Normalisation) -> None:
    """A query and columns need to share one side only, and a query may leave a side out."""
    generator = np.random.default_rng(5)
    embedding = unit(generator.standard_normal((150, 12)))
    probability = generator.random((150, 1), dtype=np.float32)
    fusion = Fusion(0.4, 0.9, normalisation)
    both = FusedQuery(np.array([1.0]), embedding=embedding[0], fusion=fusion)
    asked = [
        both,
        FusedQuery(np.array([0.0]), fusion=fusion),
        FusedQuery(embedding=embedding[1], fusion=fusion),
    ]
    assert_equal(CompactColumns.from_float(embedding, probability), asked, embedding, probability, 9)
    assert_equal(CompactColumns.from_float(embedding), [both], embedding, None, 9)
    assert_equal(CompactColumns.from_float(None, probability), [both], None, probability, 9)


@pytest.mark.parametrize("normalisation", NORMALISATIONS)
@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 1.0])
def test_filters(share: float, normalisation: Normalisation) -> None:
    """A mask and a list of rows in any order; maxima are those of the rows kept, also over segments."""
    generator = np.random.default_rng(6)
    embedding = unit(generator.standard_normal((500, 10)))
    probability = generator.random((500, 6), dtype=np.float32)
    columns = CompactColumns.from_float(embedding[:130], probability[:130])
    columns = columns.append(embedding[130:131], probability[130:131])
    columns = columns.append(embedding[131:131], probability[131:131])
    columns = columns.append(embedding[131:], probability[131:])
    queries = [draw_query(generator, 6, 10, Fusion(1.0, 1.0, normalisation)) for _ in range(2)]
    mask = generator.random(500) < share
    assert_equal(columns, queries, embedding, probability, 12, mask)
    assert_equal(columns, queries, embedding, probability, 12, generator.permutation(np.flatnonzero(mask)))


@settings(max_examples=40)
@given(data=st.data())
def test_any_small_gallery(data: st.DataObject) -> None:
    """Values from a few levels, so that ties are everywhere; cut into segments anywhere."""
    rows = data.draw(st.integers(1, 150))
    generator = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    dim, attributes = data.draw(st.integers(1, 9)), data.draw(st.integers(1, 4))
    embedding = unit(generator.integers(-2, 3, (rows, dim)) + 0.125)
    probability = (generator.integers(0, 4, (rows, attributes)) / 3).astype(np.float32)
    fusion = Fusion(
        data.draw(st.floats(0, 1e6)),
        data.draw(st.floats(1e-6, 1e6)),
        data.draw(st.sampled_from(NORMALISATIONS)),
    )
    queries = [draw_query(generator, attributes, dim, fusion) for _ in range(data.draw(st.integers(1, 3)))]
    cut = data.draw(st.integers(0, rows))
    columns = CompactColumns.from_float(embedding[:cut], probability[:cut])
    columns = columns.append(embedding[cut:], probability[cut:])
    keep = data.draw(st.one_of(st.none(), st.just(generator.random(rows) < 0.5)))
    tie = data.draw(st.one_of(st.none(), st.just(generator.integers(0, 50, rows, dtype=np.uint64))))
    assert_equal(columns, queries, embedding, probability, data.draw(st.integers(1, 200)), keep, tie=tie)


@settings(max_examples=40)
@given(data=st.data())
def test_shards_merged_are_the_whole(data: st.DataObject) -> None:
    """Any split of the rows, empty shards and filters included, under the maxima of all shards."""
    rows = data.draw(st.integers(1, 200))
    generator = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    embedding = unit(generator.integers(-2, 3, (rows, 4)) + 0.125)
    probability = (generator.integers(0, 4, (rows, 3)) / 3).astype(np.float32)
    fusion = Fusion(
        data.draw(st.floats(0, 1e6)),
        data.draw(st.floats(1e-6, 1e6)),
        data.draw(st.sampled_from(NORMALISATIONS)),
    )
    queries = [draw_query(generator, 3, 4, fusion) for _ in range(data.draw(st.integers(1, 3)))]
    mask = generator.random(rows) < data.draw(st.sampled_from([0.0, 0.3, 1.0]))
    tie = generator.permutation(rows).astype(np.uint64)
    k = data.draw(st.integers(1, 250))
    shard = generator.integers(0, data.draw(st.integers(1, 5)), rows)
    places = [np.flatnonzero(shard == number) for number in range(5)]
    started = [
        start_search(CompactColumns.from_float(embedding[own], probability[own]), queries, keep=mask[own])
        for own in places
    ]
    maxima = np.max([search.maxima for search in started], axis=0)
    hits = [search.finish(k, maxima, tie=tie[own]) for search, own in zip(started, places, strict=True)]
    whole = search_exact(CompactColumns.from_float(embedding, probability), queries, k, keep=mask, tie=tie)
    for query in range(len(queries)):
        merged = sorted(
            (float(distance), int(tie[own[row]]), int(own[row]), float(attribute), float(other))
            for found, own in zip(hits, places, strict=True)
            for row, distance, attribute, other in zip(
                found.indices[query],
                found.distance[query],
                found.attribute_distance[query],
                found.embedding_distance[query],
                strict=True,
            )
        )[:k]
        assert [hit[2] for hit in merged] == whole.indices[query].tolist()
        assert [hit[0] for hit in merged] == whole.distance[query].tolist()
        assert [hit[3] for hit in merged] == whole.attribute_distance[query].tolist()
        assert [hit[4] for hit in merged] == whole.embedding_distance[query].tolist()


def test_a_started_search_may_be_finished_again() -> None:
    """With its own maxima and with others; maxima that cannot be are refused."""
    generator = np.random.default_rng(10)
    probability = generator.random((100, 3), dtype=np.float32)
    columns = CompactColumns.from_float(probability=probability)
    queries = [FusedQuery(np.array(wanted), fusion=Fusion()) for wanted in ([1.0, 0, 0], [0.0, 1, 1])]
    started = start_search(columns, queries)
    once, again = started.finish(5), started.finish(5, started.maxima)
    assert once.distance.tolist() == again.distance.tolist()
    assert started.maxima[0].tolist() == started.maxima[1].tolist()  # "matrix": of all queries
    assert started.maxima[0, 0] == np.sqrt(((probability.astype(float) - [1, 0, 0]) ** 2).sum(1)).max() or (
        started.maxima[0, 0] == np.sqrt(((probability.astype(float) - [0, 1, 1]) ** 2).sum(1)).max()
    )
    larger = started.maxima * [[2], [4]]
    np.testing.assert_allclose(started.finish(5, larger).distance, once.distance / 4, rtol=1e-6)
    for maxima, told in (
        (started.maxima[:1], "a row for each query"),
        (started.maxima / 2, "not below"),
        (np.full((2, 2), np.inf), "finite"),
        (np.full((2, 2), np.nan), "finite"),
    ):
        with pytest.raises(InputError, match=told):
            started.finish(5, maxima)
    with pytest.raises(InputError, match="at least 1"):
        started.finish(0)


def test_more_blocks_than_one_step() -> None:
    """Many tasks, several threads, most blocks skipped; checked against one thread and plain arithmetic."""
    generator = np.random.default_rng(8)
    rows = scan_module.STEP_BLOCKS * 64 * 2 + 77
    embedding = unit(generator.standard_normal((rows, 8)))
    probability = generator.random((rows, 5), dtype=np.float32)
    columns = CompactColumns.from_float(embedding, probability)
    queries = [draw_query(generator, 5, 8, Fusion(1.0, 1.0, Normalisation.QUERY)) for _ in range(5)]
    hits = search_exact(columns, queries, 50, threads=3)
    alone = [search_exact(columns, [query], 50, threads=1) for query in queries]
    assert hits.indices.tolist() == [one.indices[0].tolist() for one in alone]
    assert hits.distance.tolist() == [one.distance[0].tolist() for one in alone]
    for query, found in zip(queries, hits.distance, strict=True):
        shown = np.stack([probability[:, term].max(axis=1) for term in query.terms], axis=1)
        a = np.sqrt((query.certainty * (query.target - shown.astype(float)) ** 2).sum(axis=1))
        e = 1 - embedding.astype(float) @ query.embedding
        np.testing.assert_allclose(found, np.sort(a / a.max() + e / e.max())[:50], rtol=1e-6)


def test_concurrent_callers() -> None:
    """Eight callers at once, each with threads of its own, get what one alone gets."""
    generator = np.random.default_rng(9)
    embedding = unit(generator.standard_normal((3000, 16)))
    probability = generator.random((3000, 7), dtype=np.float32)
    columns = CompactColumns.from_float(embedding, probability)
    queries = [draw_query(generator, 7, 16, Fusion()) for _ in range(24)]
    alone = [search_exact(columns, [query], 20, threads=1).indices.tolist() for query in queries]
    with ThreadPoolExecutor(8) as pool:
        together = list(
            pool.map(lambda query: search_exact(columns, [query], 20, threads=2).indices.tolist(), queries)
        )
    assert together == alone


def test_nothing_to_search() -> None:
    """No rows, no rows kept, or no queries give no hits."""
    empty = CompactColumns.from_float(np.empty((0, 4), np.float32), np.empty((0, 2), np.float32))
    query = FusedQuery(np.array([1.0, 0.0]), embedding=np.ones(4))
    assert search_exact(empty, [query], 3).indices.shape == (1, 0)
    one = CompactColumns.from_float(probability=np.array([[0.5, 0.5]], np.float32))
    assert search_exact(one, [query], 3, keep=np.array([False])).distance.shape == (1, 0)
    assert search_exact(one, [query], 3, keep=np.empty(0, np.int64)).distance.shape == (1, 0)
    assert search_exact(one, [], 3).indices.shape == (0, 0)


def test_what_does_not_fit_is_refused() -> None:
    """Each with what was expected and what came."""
    columns = CompactColumns.from_float(np.eye(4, dtype=np.float32), np.eye(4, dtype=np.float32))
    query = FusedQuery(np.ones(2))
    for call, told in (
        (lambda: search_exact(columns, [query], 0), "at least 1 nearest"),
        (
            lambda: search_exact(columns, [query, FusedQuery(np.ones(2), fusion=Fusion(1.0, 2.0))], 1),
            "same fusion",
        ),
        (lambda: search_exact(columns, [FusedQuery(np.ones(5))], 1), "attribute 4 was asked"),
        (lambda: search_exact(columns, [FusedQuery(embedding=np.ones(3))], 1), "3 were asked for"),
        (lambda: search_exact(columns, [FusedQuery()], 1), "nothing to search by"),
        (lambda: search_exact(columns, [query], 1, keep=np.ones(3, bool)), "all 4 rows"),
        (lambda: search_exact(columns, [query], 1, tie=np.ones(3, np.uint64)), "each of the 4 rows"),
        (lambda: search_exact(columns, [query], 1, keep=np.array([0, 4])), "0 to 3"),
        (lambda: search_exact(columns, [query], 1, keep=np.array([-1])), "0 to 3"),
        (lambda: search_exact(columns, [query], 1, keep=np.array([2, 2])), "twice"),
    ):
        with pytest.raises(InputError, match=told):
            call()


@given(st.integers(0, 10**6), st.integers(1, 9))
@settings(max_examples=10, deadline=None)
def test_each_of_many_is_searched_as_if_alone(seed: int, count: int) -> None:
    """Queries that share a pass, of several fusions and numbers of rows, get what each gets by itself."""
    generator = np.random.default_rng(seed)
    rows, dim, attributes = int(generator.integers(1, 300)), 8, 6
    columns = CompactColumns.from_float(
        unit(generator.standard_normal((rows, dim))), generator.random((rows, attributes), dtype=np.float32)
    )
    fusions = [Fusion(0.2, 1.0, normalisation) for normalisation in NORMALISATIONS] + [Fusion(3.0, 0.1)]
    queries = [
        draw_query(generator, attributes, dim, fusions[int(generator.integers(len(fusions)))])
        for _ in range(count)
    ]
    most = generator.integers(1, 40, count).tolist()
    keep = np.flatnonzero(generator.random(rows) < 0.7) if generator.random() < 0.5 else None
    tie = generator.permutation(rows).astype(np.uint64)
    for way in WAYS:
        with search_in(way):
            together = search_each(columns, queries, most, keep=keep, tie=tie, threads=2)
        for query, number, found in zip(queries, most, together, strict=True):
            alone = search_exact(columns, [query], number, keep=keep, tie=tie, threads=1)
            for column in ("indices", "distance", "attribute_distance", "embedding_distance", "maxima"):
                np.testing.assert_array_equal(getattr(found, column), getattr(alone, column))


def test_each_needs_a_number_of_rows() -> None:
    columns = CompactColumns.from_float(probability=np.ones((2, 1), np.float32))
    with pytest.raises(InputError, match="1 came"):
        search_each(columns, [FusedQuery(target=np.ones(1))] * 2, [1])
