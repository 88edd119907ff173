"""What a scan keeps of a block: never farther from the truth in float64 than it says."""

from contextlib import nullcontext

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from attrieve.gallery.exact import CompactColumns, FusedQuery
from attrieve.gallery.exact import scan as scan_module
from attrieve.gallery.exact.bounds import prepare
from attrieve.gallery.exact.parts import select_parts
from attrieve.gallery.exact.quantise import BLOCK_ROWS
from attrieve.gallery.exact.scan import Scanner
from gallery.exact.directions import directions_first
from reference.fused_search import attribute_distances, embedding_distances


def draw_query(generator: np.random.Generator, attributes: int, dim: int, *, near: np.ndarray) -> FusedQuery:
    """Ask for a row nearly as it is, so that squares cancel, with certainties far apart."""
    terms = [(int(attribute),) for attribute in generator.permutation(attributes)[: generator.integers(0, 5)]]
    terms += [tuple(generator.permutation(attributes)[: generator.integers(1, 4)].tolist()) for _ in range(2)]
    shown = np.array([near[list(term)].max() for term in terms])
    target = np.where(generator.random(len(terms)) < 0.5, shown, shown.round())
    return FusedQuery(
        target=target.astype(float),
        certainty=10.0 ** generator.integers(-6, 3, len(terms)),
        terms=tuple(terms),
        embedding=generator.standard_normal(dim),
    )


@settings(max_examples=40)
@given(
    seed=st.integers(0, 2**32 - 1),
    rows=st.integers(1, 150),
    dim=st.sampled_from([1, 7, 16, 33]),
    queries=st.integers(1, 18),
    together=st.booleans(),
    few_directions=st.booleans(),
)
def test_summaries_keep_their_word(
    seed: int, rows: int, dim: int, queries: int, together: bool, few_directions: bool
) -> None:
    """Largest, smallest and mixed distances of each block, of queries in turn and side by side."""
    with (
        directions_first() if few_directions else nullcontext(),
        pytest.MonkeyPatch.context() as patched,
    ):
        patched.setattr(scan_module, "least_batch", lambda **_: 1 if together else 10**9)
        check_summaries(seed, rows, dim, queries)


def check_summaries(seed: int, rows: int, dim: int, queries: int) -> None:
    generator = np.random.default_rng(seed)
    embedding = generator.standard_normal((rows, dim))
    embedding = (embedding / np.linalg.norm(embedding, axis=1, keepdims=True)).astype(np.float32)
    probability = (generator.random((rows, 6)) ** 4).astype(np.float32)
    columns = CompactColumns.from_float(embedding, probability)
    asked = [
        draw_query(generator, 6, dim, near=probability[generator.integers(rows)]) for _ in range(queries)
    ]
    prepared = [prepare(query, dim, 6) for query in asked]
    mixes = [(np.float32(generator.uniform(0.1, 1)), np.float32(1)) for _ in asked]
    scanner = Scanner(select_parts(columns, None), 1)
    for query, ready, mix, summary in zip(
        asked, prepared, mixes, scanner.summarise(prepared, mixes), strict=True
    ):
        by_attribute, by_embedding, outside = scanner.summary_errors(ready, summary)
        assert ready.attribute is not None
        a = np.array(attribute_distances(query, probability, range(rows))) / ready.attribute.unit
        e = np.array(embedding_distances(query, embedding, range(rows)))
        mixed = float(mix[0]) * a + float(mix[1]) * e
        for block in range(scanner.blocks):
            own = slice(block * BLOCK_ROWS, (block + 1) * BLOCK_ROWS)
            assert abs(summary.most_attribute[block] - a[own].max()) <= by_attribute[block]
            too_large = summary.most_embedding[block] - e[own].max()
            assert -by_embedding[block] <= too_large <= by_embedding[block] + outside[block]
            error = float(mix[0]) * by_attribute[block] + float(mix[1]) * by_embedding[block]
            error += 1e-6 * mixed[own].min()
            too_small = mixed[own].min() - summary.least_mix[block]
            assert -error <= too_small <= error + float(mix[1]) * outside[block]
