"""A first look along few directions: what it leaves out is counted, and where it is not worth it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attrieve.gallery.exact import CompactColumns, FusedQuery, search_exact
from attrieve.gallery.exact import coarse as coarse_module
from attrieve.gallery.exact import scan as scan_module
from attrieve.gallery.exact.bounds import prepare
from attrieve.gallery.exact.coarse import LEAST_COARSE_ROWS, coarse_codes
from attrieve.gallery.exact.quantise import BLOCK_ROWS, CENTRE
from gallery.exact.directions import directions_first
from reference.fused_search import fused_search


def unit(vectors: np.ndarray) -> np.ndarray:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def close_to(directions: int, rows: int, dim: int, seed: int, away: float = 0.3) -> np.ndarray:
    """Draw vectors most of whose length lies along a few directions that are no axes."""
    generator = np.random.default_rng(seed)
    along = np.linalg.qr(generator.standard_normal((dim, dim)))[0][:, :directions]
    spread = away / np.sqrt(dim) * generator.standard_normal((rows, dim))
    return unit(generator.standard_normal((rows, directions)) / np.sqrt(directions) @ along.T + spread)


@settings(max_examples=30)
@given(
    seed=st.integers(0, 2**32 - 1),
    rows=st.integers(1, 200),
    dim=st.integers(1, 40),
    flat=st.booleans(),
)
def test_no_row_is_farther_than_its_block_says(seed: int, rows: int, dim: int, flat: bool) -> None:
    """The distance along the directions, from the codes in float64, against that of the whole vectors."""
    generator = np.random.default_rng(seed)
    embedding = unit(generator.standard_normal((rows, dim))) if flat else close_to(1, rows, dim, seed)
    with directions_first():
        coarse = coarse_codes(embedding)
    assert coarse is not None
    shown = coarse.scale[:, None].astype(float) * (coarse.codes.astype(float) - CENTRE)
    block = np.arange(rows) // BLOCK_ROWS
    for vector in (generator.standard_normal(dim), coarse.directions[:, 0], embedding[-1].astype(float)):
        query = prepare(FusedQuery(embedding=vector), dim, None)
        asked = query.along(coarse.directions)
        assert asked is not None
        about = 1 - float(asked.factor) * (shown @ asked.wanted.astype(float))
        truth = 1 - embedding.astype(float) @ query.exact.vector
        outside = asked.outside * coarse.row_left.astype(float)
        assert (np.abs(about - truth) <= asked.error(coarse.error)[block] + outside).all()
    assert (coarse.row_left <= coarse.left[block]).all()


def test_directions_are_orthonormal_and_hold_what_is_promised() -> None:
    """A quarter of the directions where that holds enough, else three eighths, else half, else none."""
    rows = LEAST_COARSE_ROWS + 70
    embedding = close_to(20, rows, 128, 0, away=0.1)
    quarter = coarse_codes(embedding)
    assert quarter is not None
    assert quarter.directions.shape == (128, 32)
    within = embedding.astype(float) @ quarter.directions @ quarter.directions.T
    outside = np.linalg.norm(embedding - within, axis=1)
    assert (quarter.row_left >= outside).all()
    np.testing.assert_allclose(quarter.row_left, outside, rtol=2**-7, atol=1e-6)
    fewer = coarse_codes(close_to(40, rows, 128, 1))
    half = coarse_codes(close_to(64, rows, 128, 2))
    assert fewer is not None
    assert half is not None
    assert fewer.directions.shape == (128, 48)
    assert half.directions.shape == (128, 64)
    np.testing.assert_allclose(fewer.directions.T @ fewer.directions, np.eye(48), atol=1e-12)
    assert fewer.left.max() < 0.6
    flat = unit(np.random.default_rng(3).standard_normal((rows, 128)))
    assert coarse_codes(flat) is None
    assert coarse_codes(close_to(30, LEAST_COARSE_ROWS, 128, 4)) is None


def test_most_rows_are_read_along_the_directions_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hits are those of a full scan, and the whole vectors of few blocks are looked at."""
    rows = LEAST_COARSE_ROWS + 70
    embedding = close_to(12, rows, 64, 5)
    probability = np.random.default_rng(6).random((rows, 20), dtype=np.float32)
    queries = [
        FusedQuery(target=(probability[row] > 0.5).astype(float), embedding=embedding[row].astype(float))
        for row in (3, rows - 1)
    ]
    looked_at = []
    fill = scan_module.fill_distances
    monkeypatch.setattr(
        scan_module,
        "fill_distances",
        lambda found, query: (looked_at.append(len(found.blocks)), fill(found, query)),
    )
    columns = CompactColumns.from_float(embedding, probability)
    assert columns.segments[0].coarse is not None
    hits = search_exact(columns, queries, 20)
    assert sum(looked_at) < columns.segments[0].rows // BLOCK_ROWS
    with monkeypatch.context() as patched:
        patched.setattr(coarse_module, "LEAST_COARSE_ROWS", rows)
        plain = search_exact(CompactColumns.from_float(embedding, probability), queries, 20)
    assert hits.indices.tolist() == plain.indices.tolist()
    assert hits.distance.tolist() == plain.distance.tolist()
    assert hits.maxima.tolist() == plain.maxima.tolist()
    [first, *_] = fused_search(queries[:1], embedding, probability, list(range(200)), 200)
    own = search_exact(columns, queries[:1], 200, keep=np.arange(200))
    assert own.indices[0].tolist() == [hit[0] for hit in first]
