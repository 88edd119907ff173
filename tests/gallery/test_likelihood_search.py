"""Search by likelihood equals loops over rows in float64, and P(match) of all rows its slow twin."""

from unittest.mock import patch

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import strategies
from attrieve.errors import ConfigurationError, InputError
from attrieve.gallery.exact import CompactColumns
from attrieve.gallery.likelihood import (
    Distance,
    LikelihoodQuery,
    likelihood_query,
    match_sum,
    search_likelihood,
)
from attrieve.gallery.likelihood import search as search_module
from attrieve.gallery.likelihood.asked import EventArrays, MatchQuery, match_query
from attrieve.gallery.likelihood.explain import likelihood_reasons
from attrieve.gallery.likelihood.tables import FLOAT32_SLACK, EventTables, look_up_distances
from attrieve.models.calibration import (
    AnswerWeights,
    Calibration,
    Curve,
    MatchCorrection,
    ModelCalibration,
    logits_of,
)
from attrieve.models.configuration import RetrieverKind
from attrieve.schema import AttributeQuery, parse_query
from attrieve.scoring import group_likelihood
from attrieve.scoring.factors import event_log_probabilities, events_of
from attrieve.scoring.match import AskedMatch, match_probability
from attrieve.scoring.ranking_weights import RankingWeights
from gallery.building import small_query_side, small_schema
from reference import likelihood as slow

SCHEMA = small_schema()
QUERIES = (
    "young, hat?",
    "!young, !old~0.4, bag",
    "age:young|old~0.7, !scarf",
    "young, old, any:hat|scarf",
    "carrying:backpack|bag, !nothing?",
)


def curves(seed: int, attributes: int) -> Calibration:
    """Return curves of one to four knots."""
    draw = np.random.default_rng(seed)
    made = []
    for _ in range(attributes):
        knots = draw.integers(1, 5)
        at, mended = np.sort(draw.normal(0, 2, (2, knots)), axis=1).tolist()
        made.append(Curve("drawn", tuple(at), tuple(mended), float(draw.uniform(0.3, 2))))
    return Calibration(tuple(made))


def people(seed: int, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Return probabilities, some of exactly 0 and 1 and some rows twice, and unit vectors."""
    draw = np.random.default_rng(seed)
    probability = draw.random((rows, len(SCHEMA))).astype(np.float32)
    probability[draw.random(probability.shape) < 0.1] = 0
    probability[draw.random(probability.shape) < 0.1] = 1
    vector = draw.normal(size=(rows, 6))
    vector = (vector / np.linalg.norm(vector, axis=1, keepdims=True)).astype(np.float32)
    probability[rows // 2 :], vector[rows // 2 :] = (
        probability[: rows - rows // 2],
        vector[: rows - rows // 2],
    )
    return probability, vector


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 10_000),
    st.sampled_from(QUERIES),
    st.booleans(),
    st.sampled_from([0.0, 7.5]),
    st.booleans(),
    st.sampled_from([0, 4096]),
)
def test_search_equals_loops_in_float64(
    seed: int, text: str, structured: bool, nats: float, filtered: bool, least_pruned: int
) -> None:
    """Distances of float32, ties by key, whatever is filtered, over several segments.

    With ``least_pruned`` 0 only rows are rated that can be among the nearest by what is looked up.
    """
    probability, embedding = people(seed, 90)
    draw = np.random.default_rng(seed)
    key = draw.permutation(90).astype(np.uint64)
    keep = np.flatnonzero(draw.random(90) < 0.4) if filtered else np.arange(90)
    query, calibration = parse_query(text, SCHEMA), curves(seed, len(SCHEMA))
    asked = draw.normal(size=6)
    asked /= np.linalg.norm(asked)
    columns = CompactColumns.from_float(embedding[:50], probability[:50]).append(
        embedding[50:], probability[50:]
    )
    events = events_of(query, structured=structured)
    wanted = LikelihoodQuery(events, EventArrays.of(events, calibration), asked, nats)
    with patch.object(search_module, "LEAST_PRUNED", least_pruned):
        found = search_likelihood(columns, wanted, 15, keep=keep if filtered else None, tie=key, threads=2)
    truth = [
        slow.distance(query, probability[row].tolist(), calibration.curves, structured=structured)
        + nats * slow.cosine_distance(asked.tolist(), embedding[row].tolist())
        for row in keep
    ]
    order = sorted(zip(np.float32(truth).tolist(), key[keep].tolist(), keep.tolist(), strict=True))[:15]
    np.testing.assert_allclose(found.distance[0], [row[0] for row in order], rtol=2e-6, atol=1e-6)
    if np.diff(sorted(np.unique(np.float32(truth))), prepend=-1).min() > 1e-5:
        assert found.indices[0].tolist() == [row[2] for row in order]


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(QUERIES), st.booleans())
def test_match_sum_equals_slow_sum(seed: int, text: str, embeds: bool) -> None:
    """The kernel, the PyTorch function and a loop in plain Python agree."""
    probability, embedding = people(seed, 40)
    query, calibration = parse_query(text, SCHEMA), curves(seed, len(SCHEMA))
    draw = np.random.default_rng(seed)
    asked = draw.normal(size=6)
    asked /= np.linalg.norm(asked)
    correction = MatchCorrection(0.3, 0.8, 0.5, -0.4, 0.6, 1.5, 0.7)
    categories = torch.from_numpy(draw.integers(-1, 2, (9, len(SCHEMA))).astype(np.int8))
    counts = torch.from_numpy(draw.integers(1, 5, 9))
    match = AskedMatch.of(query, categories, counts)
    line = correction.line(match.asked, match.attributes, match.lift)
    wanted = MatchQuery(EventArrays.of(match.events, calibration), asked if embeds else None, *line)
    columns = CompactColumns.from_float(embedding, probability)
    truth = [
        slow.match_probability(
            query,
            probability[row].tolist(),
            calibration.curves,
            line,
            slow.cosine_distance(asked.tolist(), embedding[row].tolist()) if embeds else None,
        )
        for row in range(40)
    ]
    logit = calibration.logits(torch.logit(torch.from_numpy(probability).double(), eps=2.0**-24))
    cosine = torch.from_numpy(embedding).double() @ torch.from_numpy(asked) if embeds else None
    np.testing.assert_allclose(
        match_probability(match, logit, correction, cosine), truth, rtol=1e-6, atol=1e-6
    )
    # kinks of the drawn curves lie between entries of the tables
    assert match_sum(columns, wanted) == pytest.approx(sum(truth), rel=3e-3)
    some = match_sum(columns, wanted, keep=np.array([3, 8]))
    assert some == pytest.approx(truth[3] + truth[8], rel=1e-2, abs=1e-9)


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_events_of_any_vocabulary_have_probabilities(data: st.DataObject) -> None:
    """Whatever the groups and the description: every event of every row costs a finite amount, at least 0."""
    schema = data.draw(strategies.schemas())
    query = data.draw(strategies.queries(schema))
    probability = np.random.default_rng(0).random((5, len(schema))).astype(np.float32)
    probability[0], probability[1] = 0, 1
    identity = Calibration.identity(len(schema))
    columns = CompactColumns.from_float(None, probability)
    for structured in (False, True):
        events = events_of(query, structured=structured)
        wanted = LikelihoodQuery(events, EventArrays.of(events, identity), None, 0.0)
        found = search_likelihood(columns, wanted, 5)
        truth = [
            slow.distance(query, row, identity.curves, structured=structured) for row in probability.tolist()
        ]
        assert np.isfinite(found.distance).all()
        assert (found.distance >= 0).all()
        np.testing.assert_allclose(found.distance[0], sorted(truth), rtol=2e-6, atol=1e-6)


def test_plain_descriptions_are_the_evaluators_likelihood() -> None:
    """What the gallery is searched by is what evaluation reports under the same name."""
    from attrieve.scoring import group_likelihood

    probability, _ = people(5, 30)
    query = parse_query("young~0.5, !hat, scarf, !bag~0.3, !nothing", SCHEMA)
    side = small_query_side(0, RetrieverKind.ATTRIBUTES)
    found = search_likelihood(
        CompactColumns.from_float(None, probability), likelihood_query(query, side, Distance.GROUP), 30
    )
    logit = torch.logit(torch.from_numpy(probability).double(), eps=2.0**-24)
    values = torch.from_numpy(query.values()).float()[None].clamp_min(0)
    truth = group_likelihood(values, logit, SCHEMA, torch.from_numpy(query.certainties())[None])[0]
    np.testing.assert_allclose(found.distance[0], truth[torch.from_numpy(found.indices[0])], rtol=1e-5)


def test_a_model_that_only_embeds_has_no_likelihood() -> None:
    """The message says what to search by."""
    side = small_query_side(0, RetrieverKind.EMBEDDING)
    with pytest.raises(ConfigurationError, match="only embeds"):
        likelihood_query(parse_query("hat", SCHEMA), side, Distance.GROUP)
    with pytest.raises(ConfigurationError, match="at least 0, got -1"):
        likelihood_query(parse_query("hat", SCHEMA), small_query_side(), Distance.GROUP, nats=-1.0)


@pytest.mark.parametrize("k", [0, -3])
def test_at_least_one_row_is_asked_for(k: int) -> None:
    """As in every other search."""
    probability, _ = people(0, 4)
    wanted = likelihood_query(parse_query("hat", SCHEMA), small_query_side(), Distance.INDEPENDENT)
    with pytest.raises(InputError, match="at least 1"):
        search_likelihood(CompactColumns.from_float(None, probability), wanted, k)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(QUERIES))
def test_ranked_is_the_group_likelihood_with_weighted_answers(seed: int, text: str) -> None:
    """Loops in float64 over shifted logits, each event times the mean weight of its attributes, refused ones
    by their certainties; calibrated curves take no part.
    """
    probability, _ = people(seed, 30)
    side, query = small_query_side(), parse_query(text, SCHEMA)
    draw = np.random.default_rng(seed)
    shift, wanted, unwanted = draw.normal(size=len(SCHEMA)), *draw.uniform(0.3, 2, (2, len(SCHEMA)))
    answers = AnswerWeights(tuple(shift), tuple(wanted), tuple(unwanted))
    bent = curves(seed, len(SCHEMA))
    side.calibration = ModelCalibration(
        bent, MatchCorrection(), None, "0" * 16, SCHEMA.fingerprint, answers=answers
    )
    asked = likelihood_query(query, side, Distance.RANKED, nats=0.0)
    found = search_likelihood(CompactColumns.from_float(None, probability), asked, 30)
    logit = logits_of(torch.from_numpy(probability)) + torch.from_numpy(shift)
    truth = np.zeros(30)
    said = {index: term.certainty for term in query.terms for index in term.attributes}
    for event in events_of(query):
        weight = np.mean([(wanted if event.wanted else unwanted)[i] * said[i] for i in event.attributes])
        truth -= weight * event_log_probabilities([event], logit)[:, 0].numpy()
    np.testing.assert_allclose(found.distance[0], np.sort(truth), rtol=2e-6, atol=1e-6)
    explained = likelihood_reasons(query, asked)(probability[found.indices[0, 0]].tolist())
    assert sum(reason.contribution for reason in explained) == pytest.approx(truth.min(), rel=1e-6)


@pytest.mark.parametrize(
    "text", ["hat, !bag, young, !scarf", "!young~0.9, !adult~0.2, hat?", "!young?, !bag?"]
)
def test_ranked_equals_what_evaluation_weights(text: str) -> None:
    """The weights are learnt and compared by the evaluator's likelihood; a gallery ranks by the same."""
    probability = people(5, 40)[0].clip(0.01, 0.99)
    side, query = small_query_side(), parse_query(text, SCHEMA)
    weights = RankingWeights(*torch.rand(2, len(SCHEMA), generator=torch.Generator().manual_seed(1)) + 0.5)
    shift = torch.linspace(-1, 1, len(SCHEMA))
    answers = AnswerWeights(*(tuple(one.tolist()) for one in (shift, weights.wanted, weights.unwanted)))
    side.calibration = ModelCalibration(
        Calibration.identity(len(SCHEMA)),
        MatchCorrection(),
        None,
        "0" * 16,
        SCHEMA.fingerprint,
        answers=answers,
    )
    asked = likelihood_query(query, side, Distance.RANKED, nats=0.0)
    found = search_likelihood(CompactColumns.from_float(None, probability), asked, 40)
    values = torch.from_numpy(query.values().astype(np.float32))[None]
    certainty = torch.from_numpy(query.certainties().astype(np.float32))[None]
    expected = group_likelihood(
        values,
        torch.logit(torch.from_numpy(probability)),
        SCHEMA,
        weights.certainty(values, certainty),
        shift=shift,
    )[0].numpy()
    np.testing.assert_allclose(found.distance[0], np.sort(expected), rtol=1e-4, atol=1e-4)


def test_ranked_wants_weights_that_were_learnt() -> None:
    """Neither without a calibration nor with one that has none."""
    side, query = small_query_side(), parse_query("hat", SCHEMA)
    for known in (
        None,
        ModelCalibration(
            Calibration.identity(len(SCHEMA)), MatchCorrection(), None, "0" * 16, SCHEMA.fingerprint
        ),
    ):
        side.calibration = known
        with pytest.raises(ConfigurationError, match="attrieve gallery calibrate"):
            likelihood_query(query, side, Distance.RANKED)


def test_an_uncalibrated_model_has_no_probability_of_a_match() -> None:
    """Without calibration there is none; with one there is."""
    side, query = small_query_side(), parse_query("hat", SCHEMA)
    assert match_query(query, side) is None
    identity = Calibration.identity(len(SCHEMA))
    side.calibration = ModelCalibration(identity, MatchCorrection(), None, "0" * 16, SCHEMA.fingerprint)
    asked = match_query(query, side)
    assert asked is not None
    probability, embedding = people(3, 50)
    columns = CompactColumns.from_float(embedding, probability)
    hat = probability[:, AttributeQuery(SCHEMA, query.terms).terms[0].attributes[0]].astype(np.float64)
    assert match_sum(columns, asked) == pytest.approx(np.clip(hat, 2**-24, 1 - 2**-24).sum(), rel=1e-5)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(QUERIES), st.booleans())
def test_what_is_looked_up_errs_no_more_than_told(seed: int, text: str, structured: bool) -> None:
    """The bound that decides which rows are rated holds for every row, kinks of curves included."""
    probability, _ = people(seed, 80)
    probability[:20] = np.float32(10.0) ** -np.random.default_rng(seed).uniform(0, 9, (20, len(SCHEMA)))
    query, calibration = parse_query(text, SCHEMA), curves(seed, len(SCHEMA))
    events = EventArrays.of(events_of(query, structured=structured), calibration)
    tables = EventTables.of(events, matching=False)
    about = np.empty(80, dtype=np.float32)
    nothing = np.empty((0, 0), dtype=np.float32), np.empty(0, dtype=np.float32)
    look_up_distances(
        0, 80, np.empty(0, np.int64), False, probability, *tables.arrays(), *nothing, 0.0, about
    )
    truth = [
        slow.distance(query, row, calibration.curves, structured=structured) for row in probability.tolist()
    ]
    slack = FLOAT32_SLACK * (1 + np.abs(truth))
    assert (np.abs(about - truth) <= tables.error + slack).all()
