"""Everything a model's calibration holds, from what it says of people it did not learn from."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int8, Int64
from torch import Tensor

from attrieve.errors import InputError
from attrieve.models.calibration import AnswerWeights, MatchCorrection, ModelCalibration, logits_of
from attrieve.models.query_side import QuerySide
from attrieve.schema import AttributeQuery, AttributeSchema
from attrieve.scoring.calibration import CalibrationMethod, FittedCalibration, fit_calibration
from attrieve.scoring.likelihood import training_weight_shift
from attrieve.scoring.match_fit import (
    DESCRIPTIONS,
    MatchSample,
    fit_match,
    halves,
    simulate_matches,
    simulated_descriptions,
)
from attrieve.scoring.ranking_weights import fit_ranking_weights
from attrieve.scoring.reliability import Binning, calibration_errors, reliability

LEAST_GAIN = 0.005
"""Share of its log loss by which the embedding must improve P(match) on held-out people to take part."""


@dataclass(frozen=True, eq=False)
class CalibrationPeople:
    """What a model says of people it did not learn from.

    Args:
        probability: of the model, not calibrated.
        values: 1 yes, 0 no, -1 unknown.
        category: number of each person's category; whole categories are held out.
        embedding: unit vectors, or None without an embedding branch.
        expected_embedding: the unit vector that a description asks for, or None.

    Raises:
        InputError: for tables that do not fit each other.
    """

    probability: Float[Tensor, "person attribute"]
    values: Int8[Tensor, "person attribute"]
    category: Int64[Tensor, " person"]
    embedding: Float[Tensor, "person dim"] | None = None
    expected_embedding: Callable[[AttributeQuery], Float[Tensor, " dim"]] | None = None

    def __post_init__(self) -> None:
        lengths = {len(self.probability), len(self.values), len(self.category)}
        if self.embedding is not None:
            lengths.add(len(self.embedding))
        if len(lengths) > 1 or self.probability.shape != self.values.shape:
            raise InputError(
                f"probabilities, values, categories and embeddings must be of the same people; got "
                f"{tuple(self.probability.shape)}, {tuple(self.values.shape)}, {len(self.category)}"
                + ("" if self.embedding is None else f" and {len(self.embedding)}")
            )


@dataclass(frozen=True, eq=False)
class Calibrated:
    """A model's calibration with what reports show of it.

    Args:
        kept: what is stored with the model.
        fitted: how the attributes' curves were chosen.
        before: probabilities of the model.
        after: calibrated, each by curves that were fitted without the person's category.
    """

    kept: ModelCalibration
    fitted: FittedCalibration
    before: Float[Tensor, "person attribute"]
    after: Float[Tensor, "person attribute"]


def calibrate_model(
    people: CalibrationPeople,
    query: QuerySide,
    fingerprint: str,
    *,
    undo_weights: bool = True,
    methods: tuple[CalibrationMethod, ...] = tuple(CalibrationMethod),
    descriptions: int = DESCRIPTIONS,
    seed: int = 0,
) -> Calibrated:
    """Fit the attributes' curves and P(match).

    Args:
        people: that the model did not learn from; some dozens of categories at least.
        query: of the model: vocabulary, training categories and rates.
        fingerprint: of the model.
        undo_weights: the model was trained with weights by attribute and label (paper, Eq. 3.1).
        methods: see :func:`~attrieve.scoring.calibration.fit_calibration`.
        descriptions: how many are simulated.
        seed: of folds and descriptions.

    Raises:
        InputError: for a model that does not recognise attributes, or too few people.
    """
    shift = training_weight_shift(query.positive_rate.cpu()) if undo_weights else None
    logit = logits_of(people.probability)
    fitted = fit_calibration(
        logit, people.values, group=people.category, shift=shift, methods=methods, seed=seed
    )
    after = torch.sigmoid(fitted.held_out)
    sample = _simulate(people, fitted.held_out, query, descriptions, seed)
    attributes_only, both, told = _match(sample, people)
    facts = {
        "people": len(people.values),
        "categories": len(set(people.category.tolist())),
        "seed": seed,
        "undo_weights": undo_weights,
        "deviation": fitted.deviation,
        "log_loss": {method.value: _mean(loss) for method, loss in fitted.losses.items()},
        "calibration_error": {
            "before": _errors(people.probability, people.values),
            "after": _errors(after, people.values),
        },
        "match": told | {"descriptions": descriptions},
    }
    kept = ModelCalibration(
        fitted.calibration,
        attributes_only,
        both,
        fingerprint,
        query.schema.fingerprint,
        facts,
        _answers(logit, people.values, query.schema, shift, seed),
    )
    return Calibrated(kept, fitted, people.probability, after)


def _answers(
    logit: Tensor, values: Tensor, schema: AttributeSchema, shift: Tensor | None, seed: int
) -> AnswerWeights | None:
    """Return how much each answer counts; None for people who are not known in full or all alike."""
    if bool((values < 0).any()) or len(torch.unique(values, dim=0)) < 2:
        return None
    weights = fit_ranking_weights(logit, values, schema, shift=shift, seed=seed)
    moved = torch.zeros(len(schema)) if shift is None else shift
    return AnswerWeights(
        tuple(moved.tolist()), tuple(weights.wanted.tolist()), tuple(weights.unwanted.tolist())
    )


def _mean(loss: Float[np.ndarray, " attribute"]) -> float | None:
    known = loss[np.isfinite(loss)]
    return float(known.mean()) if len(known) else None


def _errors(probability: Tensor, values: Tensor) -> dict[str, float]:
    return {
        "mean_of_attributes": float(calibration_errors(probability, values).mean()),
        "mean_of_attributes_equal_mass": float(
            calibration_errors(probability, values, binning=Binning.MASS).mean()
        ),
        "all_answers": reliability(probability, values).error,
    }


def _simulate(
    people: CalibrationPeople, logit: Tensor, query: QuerySide, descriptions: int, seed: int
) -> MatchSample:
    """Describe people of the sample, who are there to be found, and of training, who mostly are not."""
    categories = query.training_categories.cpu()
    sources = [people.values] if not len(categories) else [people.values, categories]
    asked: list[AttributeQuery] = []
    for number, source in enumerate(sources):
        share = descriptions // len(sources)
        asked += simulated_descriptions(query.schema, source, count=share, seed=seed + number)
    return simulate_matches(
        asked,
        logit,
        people.values,
        categories=categories,
        counts=query.training_category_counts.cpu(),
        embedding=people.embedding,
        expected_embedding=people.expected_embedding,
    )


def _match(
    sample: MatchSample, people: CalibrationPeople
) -> tuple[MatchCorrection, MatchCorrection | None, dict[str, Any]]:
    """Fit both corrections, and tell how they do on the half of the categories they did not see."""
    embeds = people.embedding is not None and people.expected_embedding is not None
    found = {"product": np.empty(len(sample.odds)), "attributes": np.empty(len(sample.odds))}
    if embeds:
        found["with_embedding"] = np.empty(len(sample.odds))
    for half in halves(people.category):
        learn, check = sample.of_people(half), sample.where(~half)
        rest = sample.of_people(~half)
        found["product"][check] = rest.probability(MatchCorrection())
        found["attributes"][check] = rest.probability(fit_match(learn))
        if embeds:
            found["with_embedding"][check] = rest.probability(fit_match(learn, with_embedding=True))
    told: dict[str, Any] = {name: _told(probability, sample) for name, probability in found.items()}
    helps = embeds and told["with_embedding"]["log_loss"] < (1 - LEAST_GAIN) * told["attributes"]["log_loss"]
    told["answers"], told["fulfilled"] = len(sample.odds), int(sample.fulfilled.sum())
    return fit_match(sample), fit_match(sample, with_embedding=True) if helps else None, told


def _told(probability: Float[np.ndarray, " answer"], sample: MatchSample) -> dict[str, float]:
    right = np.clip(np.where(sample.fulfilled, probability, 1 - probability), 1e-12, 1.0)
    values = torch.from_numpy(sample.fulfilled.astype(np.int8))
    return {
        "log_loss": float(-np.log(right).mean()),
        "calibration_error": reliability(torch.from_numpy(probability), values, binning=Binning.MASS).error,
        "expected_matches": float(probability.sum()),
    }
