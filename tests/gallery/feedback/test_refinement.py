"""What marks change in a search: bounded, reversible, as loops say, and nothing of anybody's appearance."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from attrieve.errors import ConfigurationError, InputError, SchemaMismatchError, UnknownNameError
from attrieve.gallery.feedback import FeedbackLimits, Mark, Marks, rank_changes, with_feedback
from attrieve.gallery.feedback.changes import moved
from attrieve.gallery.feedback.direction import AWAY, FEW, TOWARDS, turned_at_most
from attrieve.gallery.feedback.weights import PULL, SLOPE, weight_factors
from attrieve.gallery.likelihood import Distance, LikelihoodFusion
from attrieve.gallery.search import search
from attrieve.gallery.store import Gallery
from attrieve.models.configuration import RetrieverKind
from attrieve.schema import AttributeQuery, load_vocabulary, parse_query
from attrieve.scoring.fusion import Fusion, Normalisation
from gallery.brute_force import slow_completion, slow_cosine_distance
from gallery.building import (
    NAMES,
    everything,
    gallery_of,
    random_gallery,
    small_query_side,
    small_schema,
)

SCHEMA = small_schema()
ROWS = 25
QUERIES = ("hat", "hat, !bag?", "age:young|old, !scarf~0.8, backpack", "!hat, !scarf")
queries = st.sampled_from(QUERIES).map(lambda text: parse_query(text, SCHEMA))


@st.composite
def marks_of(draw: st.DrawFn, gallery: Gallery) -> Marks:
    keys = [f"{key:016x}" for key in sorted(gallery.columns.key.tolist())]
    judged = draw(st.lists(st.sampled_from(keys), unique=True, max_size=12))
    return Marks(tuple(Mark(key, draw(st.booleans())) for key in judged))


@settings(max_examples=15, deadline=None)
@given(st.data(), queries, st.integers(0, 3))
def test_changes_stay_within_their_limits(data: st.DataObject, query: AttributeQuery, seed: int) -> None:
    """Half to twice the certainty; an angle of at most so many degrees, measured anew."""
    gallery = random_gallery(ROWS, seed)
    limits = FeedbackLimits(
        weight_ratio=data.draw(st.sampled_from([1.0, 1.2, 2.0])),
        angle_degrees=data.draw(st.sampled_from([0.0, 1.0, 20.0])),
    )
    feedback = with_feedback(gallery, query, data.draw(marks_of(gallery)), limits=limits)
    for change in feedback.weights:
        ratio = change.after / change.before
        assert 1 / limits.weight_ratio <= ratio * (1 + 1e-12)
        assert ratio <= limits.weight_ratio * (1 + 1e-12)
    assert feedback.described is not None
    assert feedback.embedding is not None
    assert feedback.angle_degrees is not None
    start, end = feedback.described / np.linalg.norm(feedback.described), feedback.embedding
    end = end / np.linalg.norm(end)
    angle = math.degrees(2 * math.asin(min(1.0, float(np.linalg.norm(end - start)) / 2)))
    assert angle == pytest.approx(feedback.angle_degrees, abs=1e-4)
    assert angle <= limits.angle_degrees + 1e-4


@settings(max_examples=9, deadline=None)
@given(st.data(), queries, st.integers(0, 3))
def test_marks_taken_back_restore_the_ranking(data: st.DataObject, query: AttributeQuery, seed: int) -> None:
    """Bit for bit, and the order in which marks were made plays no part."""
    gallery = random_gallery(ROWS, seed)
    marks = data.draw(marks_of(gallery))
    plain = search(gallery, query, top=ROWS)
    marked = search(gallery, query, top=ROWS, marks=marks)
    assert search(gallery, query, top=ROWS, marks=marks.without(marks.right + marks.wrong)) == plain
    assert search(gallery, query, top=ROWS, marks=Marks(marks.marks[::-1])) == marked
    if len(marks):
        last = marks.marks[-1]
        before = search(gallery, query, top=ROWS, marks=Marks(marks.marks[:-1]))
        assert search(gallery, query, top=ROWS, marks=marks.without([last.key])) == before


@settings(max_examples=9, deadline=None)
@given(st.data(), queries, st.sampled_from(Normalisation), st.integers(0, 3))
def test_a_search_with_marks_equals_loops(
    data: st.DataObject, query: AttributeQuery, normalisation: Normalisation, seed: int
) -> None:
    """Distances by loops over rows with the changed weights and the changed embedding; parts sum to them."""
    gallery = random_gallery(ROWS, seed, Fusion(normalisation=normalisation))
    marks = data.draw(marks_of(gallery))
    feedback = with_feedback(gallery, query, marks)
    keys, columns = everything(gallery)
    assert columns.probability is not None
    assert columns.embedding is not None
    assert feedback.embedding is not None
    by_attribute, by_embedding = [], []
    for seen, vector in zip(columns.probability.tolist(), columns.embedding.tolist(), strict=True):
        squared = 0.0
        for change in feedback.weights:
            best = max(seen[NAMES.index(name)] for name in change.attributes)
            squared += change.after * (float(change.wanted) - best) ** 2
        by_attribute.append(math.sqrt(squared))
        by_embedding.append(slow_cosine_distance(feedback.embedding.tolist(), vector))
    most = [max(by_attribute), max(by_embedding)]
    if normalisation is Normalisation.STATIC:
        most = [math.sqrt(sum(change.after for change in feedback.weights)), 2.0]
    expected = {
        key: 0.2 * one / most[0] + two / most[1]
        for key, one, two in zip(keys, by_attribute, by_embedding, strict=True)
    }
    hits = search(gallery, query, top=ROWS, marks=marks).hits
    for hit in hits:
        assert hit.distance == pytest.approx(expected[hit.key], abs=2e-5)
        parts = [reason.contribution or 0.0 for reason in hit.reasons]
        assert hit.embedding_contribution is not None
        assert math.fsum(parts) + hit.embedding_contribution == pytest.approx(hit.distance, abs=2e-5)
    assert [hit.distance for hit in hits] == sorted(hit.distance for hit in hits)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 9), st.integers(2, 30), st.sampled_from([1.3, 2.0, 50.0]))
def test_weights_are_where_no_small_step_betters_them(seed: int, terms: int, rows: int, ratio: float) -> None:
    """The penalised likelihood by loops; it is convex, so no better neighbour means none at all."""
    generator = np.random.default_rng(seed)
    cost = generator.random((rows, terms))
    certainty = generator.uniform(0.1, 1.0, terms)
    right = generator.random(rows) < 0.5
    right[0], right[1] = True, False
    found = weight_factors(cost, certainty, right, ratio=ratio)

    def best_loss(factors: list[float]) -> float:
        sums = [
            SLOPE * sum(c * f * e for c, f, e in zip(certainty, factors, row, strict=True))
            for row in cost.tolist()
        ]
        low, high = min(sums) - 40, max(sums) + 40  # the offset, by bisection of a falling derivative
        for _ in range(200):
            middle = (low + high) / 2
            slope = sum(1 / (1 + math.exp(s - middle)) - float(y) for s, y in zip(sums, right, strict=True))
            low, high = (middle, high) if slope < 0 else (low, middle)
        fit = sum(
            math.log1p(math.exp((s - low) if y else (low - s))) for s, y in zip(sums, right, strict=True)
        )
        return fit + PULL / 2 * sum((f - 1) ** 2 for f in factors)

    reached = best_loss(found.tolist())
    for term in range(terms):
        for step in (-1e-3, 1e-3):
            other = found.tolist()
            other[term] = min(ratio, max(1 / ratio, other[term] + step))
            assert best_loss(other) >= reached - 1e-9


def test_what_tells_right_from_wrong_counts_more() -> None:
    """The hat is there in all right rows only; the scarf misses in right rows only; the bag tells nothing."""
    seen = np.full((6, len(NAMES)), 0.5)
    seen[:3, NAMES.index("hat")], seen[3:, NAMES.index("hat")] = 0.95, 0.05
    seen[:3, NAMES.index("scarf")], seen[3:, NAMES.index("scarf")] = 0.05, 0.95
    gallery = gallery_of(seen, None, small_query_side())
    keys = [f"{row:016x}" for row in range(6)]
    marks = Marks.of(right=keys[:3], wrong=keys[3:])
    weights = with_feedback(gallery, parse_query("hat, scarf, bag", SCHEMA), marks).weights
    after = {change.label: change.after for change in weights}
    assert after["hat"] > 1.3
    assert after["scarf"] < 0.7
    assert after["bag"] == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("kind", ["right", "wrong"])
def test_marks_of_one_kind_leave_weights_alone(kind: str) -> None:
    """They cannot tell what separates right from wrong; the embedding may turn."""
    gallery = random_gallery(ROWS)
    keys = everything(gallery)[0][:5]
    feedback = with_feedback(gallery, parse_query("hat, bag", SCHEMA), Marks.of(**{kind: keys}))
    assert feedback.factors.tolist() == [1.0, 1.0]
    assert feedback.angle_degrees is not None
    assert feedback.angle_degrees > 0


@settings(max_examples=9, deadline=None)
@given(st.data(), queries, st.integers(0, 3))
def test_the_embedding_turns_as_loops_say(data: st.DataObject, query: AttributeQuery, seed: int) -> None:
    """Rocchio's rule over descriptions completed by what each marked row shows, one row after the other."""
    gallery = random_gallery(ROWS, seed)
    marks = data.draw(marks_of(gallery))
    feedback = with_feedback(gallery, query, marks, limits=FeedbackLimits(angle_degrees=90.0))
    keys, columns = everything(gallery)
    assert columns.probability is not None
    assert feedback.described is not None
    assert feedback.embedding is not None
    seen = {key: columns.probability[keys.index(key)].astype(np.float64).tolist() for key in keys}
    judged = [seen[mark.key] for mark in sorted(marks.marks, key=lambda mark: mark.key)]
    total = feedback.described.tolist()
    for kept, weight in ((marks.right, TOWARDS), (marks.wrong, -AWAY)):
        for key in kept:
            completed = torch.tensor([slow_completion(query, seen[key], judged)], dtype=torch.float32)
            with torch.no_grad():
                vector = gallery.query_side.embed_queries(completed)
            assert vector is not None
            share = weight / (len(kept) + FEW)
            total = [old + share * new for old, new in zip(total, vector[0].tolist(), strict=True)]
    if float(feedback.described @ np.array(total)) > 0.05:  # else the limit of 90 degrees takes part
        assert slow_cosine_distance(total, feedback.embedding.tolist()) == pytest.approx(0.0, abs=1e-6)


def test_nobodys_appearance_plays_a_part() -> None:
    """Other vectors of the same rows give the very same feedback: no query by picture can come of marks."""
    first = random_gallery(ROWS)
    keys, columns = everything(first)
    others = np.random.default_rng(9).normal(size=(ROWS, first.query_side.settings.embedding_dim))
    others /= np.linalg.norm(others, axis=1, keepdims=True)
    second = gallery_of(columns.probability, others, first.query_side, keys)
    query = parse_query("hat, !bag", SCHEMA)
    marks = Marks.of(right=keys[:3], wrong=keys[3:9])
    one, other = with_feedback(first, query, marks), with_feedback(second, query, marks)
    assert one.embedding is not None
    assert other.embedding is not None
    assert one.embedding.tolist() == other.embedding.tolist()
    assert one.weights == other.weights


def test_a_full_description_stays_where_it_is() -> None:
    """Nothing is open that marks could complete: the embedding is the described one, weights may change."""
    gallery = random_gallery(ROWS)
    keys = everything(gallery)[0]
    query = AttributeQuery.from_values(SCHEMA, [1, 0, 0, 1, 0, 0, 1, 0])
    feedback = with_feedback(gallery, query, Marks.of(right=keys[:2], wrong=keys[2:6]))
    assert feedback.angle_degrees == 0.0
    assert feedback.embedding is not None
    assert feedback.described is not None
    assert feedback.embedding.tolist() == feedback.described.tolist()
    assert feedback.factors.tolist() != [1.0] * len(NAMES)


def test_open_attributes_stay_open() -> None:
    """Whatever marks say, what is not named does not enter the attribute distance of other rows."""
    generator = np.random.default_rng(4)
    before = generator.random((9, len(NAMES)))
    after = before.copy()
    still_open = [index for index, name in enumerate(NAMES) if name not in ("hat", "bag")]
    after[5:, still_open] = generator.random((4, len(still_open)))
    marks = Marks.of(right=[f"{0:016x}"], wrong=[f"{1:016x}"])
    query = parse_query("hat, !bag", SCHEMA)
    one, other = (
        search(gallery_of(seen, None, small_query_side()), query, top=9, marks=marks, fusion=Fusion(1.0, 0.0))
        for seen in (before, after)
    )
    assert [(hit.key, hit.attribute_distance) for hit in one.hits] == [
        (hit.key, hit.attribute_distance) for hit in other.hits
    ]


@pytest.mark.parametrize("distance", [Distance.INDEPENDENT, Distance.GROUP])
def test_marks_count_in_a_search_by_likelihood(distance: Distance) -> None:
    """Contributions are those of the plain search times the factors; taken back, all is as it was."""
    gallery = random_gallery(ROWS)
    keys = everything(gallery)[0]
    query = parse_query("hat, !bag, scarf~0.6", SCHEMA)
    marks, fusion = Marks.of(right=keys[:3], wrong=keys[3:9]), LikelihoodFusion(distance=distance)
    factors = with_feedback(gallery, query, marks).factors.tolist()
    assert len(set(factors)) == 3
    plain = {hit.key: hit for hit in search(gallery, query, top=ROWS, fusion=fusion).hits}
    for hit in search(gallery, query, top=ROWS, fusion=fusion, marks=marks).hits:
        before = [reason.contribution or 0.0 for reason in plain[hit.key].reasons]
        after = [reason.contribution or 0.0 for reason in hit.reasons]
        assert after == pytest.approx([f * c for f, c in zip(factors, before, strict=True)])
        assert hit.embedding_contribution is not None
        assert math.fsum(after) + hit.embedding_contribution == pytest.approx(hit.distance, rel=1e-5)
        assert [reason.certainty for reason in hit.reasons] == [1.0, 0.6, 1.0]
    again = search(gallery, query, top=ROWS, fusion=fusion, marks=marks.without(keys[:9]))
    assert {hit.key: hit for hit in again.hits} == plain


def test_marks_weigh_refused_members_of_a_group_one_by_one() -> None:
    """The event "neither is it" counts the mean of certainty times factor, in plain numbers."""
    gallery = random_gallery(ROWS)
    keys = everything(gallery)[0]
    query = parse_query("!young, !adult~0.2, hat", SCHEMA)
    marks, fusion = Marks.of(right=keys[:3], wrong=keys[3:9]), LikelihoodFusion()
    young, adult, _ = with_feedback(gallery, query, marks).factors.tolist()
    assert young != pytest.approx(adult, rel=0.01)
    ratio = (1.0 * young + 0.2 * adult) / (1.0 + 0.2)
    plain = {hit.key: hit for hit in search(gallery, query, top=ROWS, fusion=fusion).hits}
    for hit in search(gallery, query, top=ROWS, fusion=fusion, marks=marks).hits:
        before, after = (
            math.fsum(reason.contribution or 0.0 for reason in one.reasons if not reason.wanted)
            for one in (plain[hit.key], hit)
        )
        assert after == pytest.approx(ratio * before)


def test_how_a_ranking_moved_is_told() -> None:
    """Each hit with the rank it had."""
    gallery = random_gallery(ROWS)
    query = parse_query("hat, !bag, scarf?", SCHEMA)
    plain = search(gallery, query, top=ROWS)
    keys = [hit.key for hit in plain.hits]
    now = search(gallery, query, top=ROWS, marks=Marks.of(right=keys[10:14], wrong=keys[:6]))
    changes = rank_changes(plain, now)
    assert [change.rank for change in changes] == list(range(1, ROWS + 1))
    assert [keys.index(change.key) + 1 for change in changes] == [change.before for change in changes]
    assert 0 < moved(changes) <= ROWS
    assert rank_changes(search(gallery, query, top=1), now)[-1].before is None


def test_what_cannot_be_marked_is_refused() -> None:
    """Unknown rows with the nearest key; models without attributes; other vocabularies; absurd limits."""
    gallery = random_gallery(ROWS)
    key = everything(gallery)[0][7]
    slip = key[:-1] + ("0" if key[-1] != "0" else "1")
    with pytest.raises(UnknownNameError, match=key):
        with_feedback(gallery, parse_query("hat", SCHEMA), Marks.of(right=[slip]))
    with pytest.raises(UnknownNameError, match="unknown row"):
        search(gallery, parse_query("hat", SCHEMA), marks=Marks.of(wrong=["0" * 16]))
    with pytest.raises(SchemaMismatchError):
        with_feedback(gallery, parse_query("hat", load_vocabulary("peta35")), Marks())
    embeds = small_query_side(kind=RetrieverKind.EMBEDDING)
    blind = gallery_of(None, np.eye(6), embeds)
    with pytest.raises(InputError, match="recognises no attributes"):
        search(blind, parse_query("hat", SCHEMA), marks=Marks.of(right=[f"{1:016x}"]))
    for wrong in (
        {"weight_ratio": 0.5},
        {"weight_ratio": math.inf},
        {"angle_degrees": 91.0},
        {"angle_degrees": -1.0},
    ):
        with pytest.raises(ConfigurationError):
            FeedbackLimits(**wrong)


def test_all_rows_may_be_marked() -> None:
    """A ranking of them all still comes."""
    gallery = random_gallery(6)
    keys = everything(gallery)[0]
    assert len(search(gallery, parse_query("hat, bag", SCHEMA), marks=Marks.of(keys[:3], keys[3:]))) == 6


def test_a_turn_without_a_side_is_none() -> None:
    """Nothing to turn to, or straight away."""
    start = np.array([1.0, 0.0, 0.0])
    for end in (start, -start, np.zeros(3)):
        vector, angle = turned_at_most(start, end, 30.0)
        assert (vector.tolist(), angle) == (start.tolist(), 0.0)
