"""Curves, calibration errors and P(match) against closed forms, loops and scikit-learn."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from attrieve.errors import CheckpointError, InputError
from attrieve.models.calibration import (
    AnswerWeights,
    Calibration,
    Curve,
    MatchCorrection,
    ModelCalibration,
    logits_of,
)
from attrieve.schema import load_vocabulary
from attrieve.scoring.calibration import CalibrationMethod, fit_calibration, fit_curves, log_loss
from attrieve.scoring.curves import fit_isotonic, fit_platt
from attrieve.scoring.match_fit import fit_match, simulate_matches, simulated_descriptions
from attrieve.scoring.reliability import Binning, calibration_errors, reliability

SCHEMA = load_vocabulary("peta35")


def drawn(people: int, attributes: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Return true log-odds and values drawn by them."""
    generator = torch.Generator().manual_seed(seed)
    truth = 2 * torch.randn(people, attributes, generator=generator).double() - 0.5
    values = (torch.rand(people, attributes, generator=generator) < torch.sigmoid(truth)).to(torch.int8)
    return truth, values


def test_logistic_fit_without_a_prior_is_scikit_learns() -> None:
    """Slope and bias of an unpenalised logistic regression."""
    truth, values = drawn(400, 1)
    z, y = (truth[:, 0] * 1.7 + 0.4).numpy(), values[:, 0].numpy()
    weight = np.random.default_rng(0).uniform(0.5, 2, 400)
    log_slope, bias = fit_platt(z, y, weight, (0.0, 0.0), (np.inf, np.inf))
    judge = LogisticRegression(C=np.inf, tol=1e-8).fit(z[:, None], y, sample_weight=weight)
    assert math.exp(log_slope) == pytest.approx(judge.coef_[0, 0], rel=1e-3)
    assert bias == pytest.approx(judge.intercept_[0], abs=1e-3)


def test_rising_fit_is_isotonic_regression_shrunk() -> None:
    """Where blocks are large, shrinkage hardly shows and scikit-learn's values come out."""
    truth, values = drawn(4000, 1, seed=1)
    z, y = truth[:, 0].numpy(), values[:, 0].numpy()
    at, mended = fit_isotonic(z, y, np.ones(4000), 1.0, 0.0)
    assert (np.diff(at) > 0).all()
    assert (np.diff(mended) > 0).all()
    judge = IsotonicRegression(out_of_bounds="clip").fit(z, y)
    inside = (at > -2) & (at < 2)
    np.testing.assert_allclose(1 / (1 + np.exp(-mended[inside])), judge.predict(at[inside]), atol=0.05)


def test_a_model_too_sure_of_itself_is_mended() -> None:
    """Of logits 2.5 times too large and shifted, temperature and bias are found; the error falls."""
    truth, values = drawn(1500, 6, seed=2)
    logit = truth * 2.5 + 1.3
    fitted = fit_calibration(logit, values, folds=3)
    before = calibration_errors(torch.sigmoid(logit), values).mean()
    after = calibration_errors(torch.sigmoid(fitted.held_out), values).mean()
    assert after < before / 3
    assert set(fitted.calibration.methods) <= {"shared-platt", "platt", "isotonic"}
    np.testing.assert_allclose(fitted.calibration.logits(logit), truth, atol=1.2)


def test_calibrated_logits_are_left_alone() -> None:
    """Where nothing can be gained, the simplest method is taken for nearly all."""
    truth, values = drawn(800, 5, seed=3)
    methods = (CalibrationMethod.NONE, CalibrationMethod.ISOTONIC)
    fitted = fit_calibration(truth, values, methods=methods, folds=3)
    assert fitted.calibration.methods.count("none") >= 4


def test_training_weights_are_undone_by_name() -> None:
    """The shift alone, nothing fitted."""
    truth, values = drawn(50, 3)
    shift = torch.tensor([0.5, -1.0, 0.0])
    found = fit_curves(truth, values, CalibrationMethod.UNDO_WEIGHTS, shift=shift)
    np.testing.assert_allclose(found.logits(truth), truth + shift)


def test_people_of_one_category_stay_in_one_fold() -> None:
    """Copies of a person teach nothing about that person: the held-out loss is that without copies."""
    truth, values = drawn(60, 2, seed=4)
    group = torch.arange(60).repeat_interleave(5)
    one = fit_calibration(truth, values, methods=(CalibrationMethod.PLATT,), folds=4)
    five = fit_calibration(
        truth.repeat_interleave(5, 0),
        values.repeat_interleave(5, 0),
        group=group,
        methods=(CalibrationMethod.PLATT,),
        folds=4,
    )
    copies = five.held_out.reshape(60, 5, 2)
    np.testing.assert_allclose(copies[:, 0], copies[:, 4])
    assert np.nanmean(five.losses[CalibrationMethod.PLATT]) > 0.8 * np.nanmean(
        one.losses[CalibrationMethod.PLATT]
    )


def test_unknown_values_and_single_sides_are_borne() -> None:
    """An attribute of which nothing is known, and one nobody has, get finite curves."""
    truth, values = drawn(40, 3, seed=5)
    values[:, 0], values[:, 1] = -1, 0
    fitted = fit_calibration(truth, values, folds=2)
    assert fitted.calibration.logits(truth).isfinite().all()
    assert np.isnan(fitted.losses[CalibrationMethod.NONE][0])
    assert fitted.calibration.logits(truth)[:, 1].mean() < truth[:, 1].mean()


@pytest.mark.parametrize(
    ("logit", "values", "folds", "told"),
    [
        (torch.zeros(0, 2), torch.zeros(0, 2, dtype=torch.int8), 2, "at least one person"),
        (torch.full((3, 1), math.nan), torch.zeros(3, 1, dtype=torch.int8), 2, "finite"),
        (torch.zeros(3, 1), torch.zeros(3, 1, dtype=torch.int8), 4, "4 folds need at least as many groups"),
    ],
)
def test_what_cannot_be_calibrated_is_refused(
    logit: torch.Tensor, values: torch.Tensor, folds: int, told: str
) -> None:
    """With what was expected and what to do."""
    with pytest.raises(InputError, match=told):
        fit_calibration(logit, values, folds=folds)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 6))
def test_curves_rise_and_lead_back(seed: int, knots: int) -> None:
    """The inverse undoes the curve; numpy's interpolation agrees between the knots."""
    draw = np.random.default_rng(seed)
    at, mended = np.sort(draw.normal(0, 3, (2, knots)), axis=1)
    curve = Curve("drawn", tuple(at.tolist()), tuple(mended.tolist()), float(draw.uniform(0.2, 3)))
    there, back = Calibration((curve,)), Calibration((curve.inverse(),))
    z = torch.from_numpy(np.sort(draw.normal(0, 5, (40, 1)), axis=0))
    found = there.logits(z)
    assert (found.diff(dim=0) > 0).all()
    np.testing.assert_allclose(back.logits(found), z, atol=1e-6, rtol=1e-6)
    inside = (z[:, 0] >= at[0]) & (z[:, 0] <= at[-1])
    np.testing.assert_allclose(found[inside, 0], np.interp(z[inside, 0], at, mended), atol=1e-9)


def test_thresholds_follow_from_costs() -> None:
    """A miss that costs four times a false alarm: yes from a calibrated 0.2 on, wherever that lies."""
    curve = Curve("platt", (0.0,), (-1.0,), 2.0)
    calibration = Calibration((curve, Curve("none", (0.0,), (0.0,), 1.0)))
    found = calibration.thresholds(miss=4.0, false_alarm=1.0)
    assert found[1].item() == pytest.approx(0.2)
    assert calibration.probabilities(found[None].double())[0].tolist() == pytest.approx([0.2, 0.2])
    with pytest.raises(InputError, match="above 0"):
        calibration.thresholds(miss=0.0, false_alarm=1.0)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 20), st.sampled_from(Binning))
def test_calibration_error_equals_a_loop_over_bins(seed: int, bins: int, binning: Binning) -> None:
    """Bin by bin, answer by answer; unknown values are left out."""
    draw = np.random.default_rng(seed)
    stated = draw.random(60).round(1 if seed % 2 else 6)
    values = draw.integers(-1, 2, 60).astype(np.int8)
    known = sorted((p, v) for p, v in zip(stated.tolist(), values.tolist(), strict=True) if v >= 0)
    members: dict[int, list[tuple[float, int]]] = {}
    for p, v in known:
        rank = [q for q, _ in known].index(p)
        place = min(int(p * bins), bins - 1) if binning is Binning.WIDTH else rank * bins // len(known)
        members.setdefault(place, []).append((p, v))
    truth = sum(abs(sum(p - v for p, v in each)) for each in members.values()) / max(len(known), 1)
    found = reliability(torch.from_numpy(stated), torch.from_numpy(values), bins=bins, binning=binning)
    assert found.error == pytest.approx(truth, abs=1e-12)


def test_log_loss_is_the_mean_of_logarithms() -> None:
    """Of known values, weighted."""
    logit, values = np.array([[1.0], [-2.0], [5.0]]), np.array([[1], [1], [-1]], dtype=np.int8)
    p = [1 / (1 + math.exp(-1)), 1 / (1 + math.exp(2))]
    truth = -(3 * math.log(p[0]) + math.log(p[1])) / 4
    assert log_loss(logit, values, np.array([3.0, 1.0, 1.0]))[0] == pytest.approx(truth)


def test_simulated_descriptions_are_true() -> None:
    """Each is what some person has and has not; from one thing to all."""
    values = drawn(20, 35, seed=6)[1]
    asked = simulated_descriptions(SCHEMA, values, count=60, seed=1)
    sizes = [len(query.terms) for query in asked]
    assert min(sizes) == 1
    assert max(sizes) > 20
    for query in asked:
        wanted = torch.from_numpy(query.values())
        assert ((values == wanted) | (wanted < 0)).all(dim=1).any()


def test_independent_attributes_need_no_correction() -> None:
    """Where the product is the truth, what is learnt is the product; expected and true matches agree."""
    schema = load_vocabulary("peta35")
    truth, values = drawn(600, 35, seed=7)
    for members in schema.group_indices:
        if len(members) > 1:
            values[:, list(members[1:])] = -1  # groups hold one at a time; left out, the rest is independent
    nobody = torch.zeros(0, 35, dtype=torch.int8)
    asked = simulated_descriptions(schema, values, count=120)
    sample = simulate_matches(
        asked, truth, values, categories=nobody, counts=torch.zeros(0, dtype=torch.int64)
    )
    correction = fit_match(sample)
    assert correction.slope_few == pytest.approx(1, abs=0.15)
    found = sample.probability(correction)
    assert found.sum() == pytest.approx(sample.fulfilled.sum(), rel=0.05)
    assert MatchCorrection().line(1, 35, 0.7) == (0.0, 1.0, 0.0)


def test_calibration_travels_as_json() -> None:
    """Written and read back it is the same; what is damaged is refused."""
    curve = Curve("isotonic", (-1.0, 0.5), (-2.0, 1.0), 0.75)
    kept = ModelCalibration(
        Calibration((curve,)),
        MatchCorrection(0.1),
        MatchCorrection(cosine_few=2.0),
        "ab",
        "cd",
        {"people": 3},
        AnswerWeights((0.5,), (1.25,), (0.75,)),
    )
    document = json.loads(json.dumps(kept.to_json(("hat",))))
    assert ModelCalibration.from_json(document) == kept
    older = {name: value for name, value in document.items() if name != "answers"}
    assert ModelCalibration.from_json(older) == replace(kept, answers=None)
    answers = document["answers"]
    for spoilt in (
        {},
        [],
        document | {"format": 2},
        document | {"attributes": [{"knots": []}]},
        document | {"answers": answers | {"wanted": [0.0]}},
        document | {"answers": answers | {"wanted": [float("nan")]}},
        document | {"answers": answers | {"wanted": [1.0, 1.0]}},
        document | {"answers": {name: [1.0, 1.0] for name in answers}},
        document | {"answers": {"shift": [0.0]}},
        document | {"answers": [1.0]},
        document | {"answers": answers | {"wanted": 1.0}},
        document | {"match": []},
    ):
        with pytest.raises(CheckpointError, match="attrieve calibrate"):
            ModelCalibration.from_json(spoilt)


def test_probabilities_of_0_and_1_have_finite_logits() -> None:
    """As far out as float32 can tell."""
    found = logits_of(torch.tensor([[0.0, 0.25, 1.0]]))
    assert found.isfinite().all()
    assert found[0, 1].item() == pytest.approx(math.log(1 / 3))
