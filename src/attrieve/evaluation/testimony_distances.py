"""The distances that are asked what witnesses say, by name, and what of them is fitted on other people."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32, Int8, Int64
from numpy import ndarray
from torch import Tensor
from torch.nn import functional

from attrieve.errors import InputError
from attrieve.evaluation.testimony import Statements
from attrieve.models.calibration import Calibration
from attrieve.models.query_side import QuerySide
from attrieve.schema import AttributeSchema, GroupKind
from attrieve.scoring.calibration import fit_calibration
from attrieve.scoring.cosine import cosine_distance
from attrieve.scoring.erring_witness import erring_witness_likelihood
from attrieve.scoring.euclidean import euclidean_distance
from attrieve.scoring.fusion import Fusion, fuse
from attrieve.scoring.joint_calibration import JointCalibration, fit_joint_calibration
from attrieve.scoring.likelihood import ONE_OF_MANY, group_likelihood
from attrieve.scoring.ranking_weights import RankingWeights, fit_ranking_weights
from attrieve.scoring.weighted import (
    ScoreDistributions,
    distribution_distance,
    fit_distributions,
    reliability_weights,
    weighted_distance,
)

DISAGREEMENT = 1e-3
"""How much of its weight a training category keeps per certain word it contradicts, as in gallery search."""

BASELINE = "euclidean"
"""The paper's recognition distance, restricted to what is named."""

SEARCH_BASELINE = "fused-no"
"""The paper's fused distance: recognition restricted to what is named, the embedding asked as if all else was
no."""

JOINED = "joined"
"""A likelihood and the embedding, both as evidence in nats."""

DISTANCES: Mapping[str, str] = {
    BASELINE: "Euclidean over what is named (paper)",
    "weighted": "calibrated Euclidean, attributes weighted by reliability",
    "distribution": "deviations from usual scores (distribution-based)",
    "independent": "likelihood, every attribute by itself",
    "likelihood": "likelihood, group-structured",
    "tempered": "group likelihood, one temperature",
    "calibrated": "group likelihood, a curve per attribute",
    "joint": "group likelihood, jointly calibrated",
    "ranked": "group likelihood, answers weighted by ranking",
    "joint-testimony": "jointly calibrated, witnesses who err",
    "embedding-no": "embedding, the rest filled with no",
    "embedding-half": "embedding, the rest filled with 1/2",
    "embedding-expected": "embedding, expected over completions",
    SEARCH_BASELINE: "fused (paper), the rest filled with no",
    "fused-half": "fused (paper), the rest filled with 1/2",
    "fused-expected": "fused (paper), expected over completions",
    JOINED: "likelihood and expected embedding as evidence",
}
"""Every distance: name, and what it is in words."""

TEMPERATURES = (0.5, 0.6, 0.7, 0.85, 1.0, 1.2, 1.5)
"""Factors of the logits, after the training weights were undone, as tried."""

NATS = (5.0, 10.0, 20.0, 40.0)
"""Evidence of one unit of cosine distance beside a likelihood, as tried."""
POWERS = (0.0, 0.5, 1.0, 2.0)
"""How the embedding's evidence falls with the share s of attributes named, ``nats * s^power``, as tried."""

Distances = dict[str, Float32[ndarray, "query person"]]
"""By name; smaller is nearer."""

LIKELIHOODS = ("independent", "likelihood", "tempered", "calibrated", "joint", "ranked", "joint-testimony")
"""Distances in nats, which the embedding may join."""

DistancesOfWords = Callable[[Statements], Distances]
"""All distances of all persons to what each witness says."""


@dataclass(frozen=True, eq=False)
class SeenPeople:
    """What a model says of people whose attributes are known.

    Args:
        logit: of the model, not calibrated.
        embedding: unit vectors, or None without an embedding branch.
        values: the truth, 0 or 1.
        category: number of each person's full description; whole categories are held out.
    """

    logit: Float32[Tensor, "person attribute"]
    embedding: Float32[Tensor, "person dim"] | None
    values: Int8[Tensor, "person attribute"]
    category: Int64[Tensor, " person"]

    def of(self, chosen: Bool[Tensor, " person"]) -> "SeenPeople":
        """Return some of them."""
        embedding = None if self.embedding is None else self.embedding[chosen]
        return SeenPeople(self.logit[chosen], embedding, self.values[chosen], self.category[chosen])


@dataclass(frozen=True, eq=False)
class FittedScores:
    """What is fitted on validation people.

    Args:
        shift: undoes the weights of the training loss; 0 where there were none.
        curves: one per attribute.
        joint: of all attributes together.
        weight: how much each attribute counts, by how reliably it is recognised.
        distributions: of the scores of each attribute, where it holds and where it does not.
        ranking: how much each answer counts, learnt by ranking.
        temperature: see :data:`TEMPERATURES`.
        base: likelihood that the embedding joins, one of :data:`LIKELIHOODS`.
        nats: see :data:`NATS`.
        power: see :data:`POWERS`.
    """

    shift: Float[Tensor, " attribute"]
    curves: Calibration
    joint: JointCalibration
    weight: Float[Tensor, " attribute"]
    distributions: ScoreDistributions
    ranking: RankingWeights
    temperature: float = 1.0
    base: str = "likelihood"
    nats: float = 20.0
    power: float = 0.0

    def mend(self, people: SeenPeople) -> "MendedPeople":
        """Return other people with their log-odds mended."""
        return MendedPeople(people, self.curves.logits(people.logit), self.joint.logits(people.logit))


@dataclass(frozen=True, eq=False)
class MendedPeople:
    """People who are searched among, and their log-odds after calibration.

    Args:
        people: as the model sees them.
        curved: log-odds by a curve per attribute.
        joint: log-odds by all attributes together.
    """

    people: SeenPeople
    curved: Float32[Tensor, "person attribute"]
    joint: Float32[Tensor, "person attribute"]


def fit_scores(
    people: SeenPeople,
    schema: AttributeSchema,
    shift: Float[Tensor, " attribute"],
    *,
    seed: int = 0,
) -> FittedScores:
    """Fit everything on validation people but how the branches join.

    Raises:
        InputError: for too few categories.
    """
    logit, values, group = people.logit, people.values, people.category
    return FittedScores(
        shift,
        fit_calibration(logit, values, group=group, shift=shift, seed=seed).calibration,
        fit_joint_calibration(logit, values, group=group, shift=shift, seed=seed),
        reliability_weights(torch.sigmoid(logit), values),
        fit_distributions(logit, values),
        fit_ranking_weights(logit, values, schema, shift=shift, seed=seed),
    )


def distances_of(searched: MendedPeople, query: QuerySide, fitted: FittedScores) -> DistancesOfWords:
    """Return what computes the distances of :data:`DISTANCES`, as far as the model allows them.

    Args:
        searched: who is searched among.
        query: of the model: vocabulary, encoder and training categories.
        fitted: on other people.
    """
    people = searched.people
    tempered = fitted.temperature * (people.logit + fitted.shift.to(people.logit))
    probability, mended = torch.sigmoid(people.logit), torch.sigmoid(searched.joint)
    curved = torch.sigmoid(searched.curved)
    expected = None if people.embedding is None else ExpectedEmbedding(query)
    alone: frozenset[GroupKind] = frozenset()

    def recognised(words: Statements) -> Distances:
        said, certainty = _tensors(words)

        weighted = fitted.ranking.certainty(said, certainty)

        def likelihood(
            logit: Tensor, kinds: frozenset[GroupKind], shift: Tensor | None, counts: Tensor = certainty
        ) -> Tensor:
            return group_likelihood(said, logit, query.schema, counts, shift=shift, one_of_many=kinds)

        found = {
            BASELINE: euclidean_distance(said, probability, certainty),
            "weighted": weighted_distance(said, curved, fitted.weight, certainty),
            "distribution": distribution_distance(said, people.logit, fitted.distributions, certainty),
            "independent": likelihood(people.logit, alone, fitted.shift),
            "likelihood": likelihood(people.logit, ONE_OF_MANY, fitted.shift),
            "tempered": likelihood(tempered, ONE_OF_MANY, None),
            "calibrated": likelihood(searched.curved, ONE_OF_MANY, None),
            "joint": likelihood(searched.joint, ONE_OF_MANY, None),
            "ranked": likelihood(people.logit, ONE_OF_MANY, fitted.shift, weighted),
            "joint-testimony": erring_witness_likelihood(said, mended, certainty),
        }
        return {name: distance.numpy() for name, distance in found.items()}

    if people.embedding is None or expected is None:
        return recognised
    person, completed = people.embedding, expected

    def both(words: Statements) -> Distances:
        found = recognised(words)
        for name, vector in (
            ("no", _filled(query, words, 0.0)),
            ("half", _filled(query, words, 0.5)),
            ("expected", completed(words)),
        ):
            cosine = cosine_distance(vector, person)
            found[f"embedding-{name}"] = cosine.numpy()
            found[f"fused-{name}"] = fuse(torch.from_numpy(found[BASELINE]), cosine, Fusion()).numpy()
        cosines = found["embedding-expected"]
        found[JOINED] = joined_evidence(found[fitted.base], cosines, words, fitted.nats, fitted.power)
        return {name: found[name] for name in DISTANCES}

    return both


def _filled(query: QuerySide, words: Statements, value: float) -> Float32[Tensor, "query dim"]:
    said = np.where(words.said >= 0, words.said, value).astype(np.float32)
    return _embedded(query, torch.from_numpy(said))


def joined_evidence(
    likelihood: Float32[ndarray, "query person"],
    cosine: Float32[ndarray, "query person"],
    words: Statements,
    nats: float,
    power: float,
) -> Float32[ndarray, "query person"]:
    """Return ``likelihood + nats * s^power * cosine``, s the share of attributes named times their certainty.

    The less is said, the more the expected embedding is a guess, and the less it should count.
    """
    share = words.certainty.mean(axis=1, keepdims=True)
    return np.asarray(likelihood + nats * share**power * cosine, dtype=np.float32)


class ExpectedEmbedding:
    """Where a person of a partial description is expected: the mean of training people who agree with it.

    ``normalise( sum_k n_k prod_a (1 - (1 - DISAGREEMENT) c_a m_ak) e(k) )`` over training categories k with
    n_k images, m_ak whether k contradicts what is said of a, e the encoder. As gallery search has it
    (:mod:`attrieve.gallery.completion`), but categories stay as they are where the description overrides
    them there: their embeddings are computed once, and many descriptions are one matrix product.

    Raises:
        InputError: if the model has no encoder or knows no training categories.
    """

    def __init__(self, query: QuerySide) -> None:
        categories: Tensor = query.training_categories.cpu()
        if not len(categories):
            raise InputError("the model knows no training categories, by which words could be completed")
        rate = query.positive_rate.cpu()
        self._query = query
        self._values = torch.where(categories >= 0, categories.float(), rate)
        self._log_count = query.training_category_counts.cpu().float().clamp_min(1e-9).log()
        self._embedded = _embedded(query, self._values)

    def __call__(self, words: Statements) -> Float32[Tensor, "query dim"]:
        """Return one unit vector per description; complete and certain ones are embedded as they are."""
        said, certainty = _tensors(words)
        named = torch.from_numpy(words.named)
        cost = torch.log1p(-(1 - DISAGREEMENT) * certainty)
        agreement = (cost * (said == 1) * named) @ (1 - self._values).T
        agreement += (cost * (said == 0) * named) @ self._values.T
        weight = torch.softmax(agreement + self._log_count, dim=1)
        vector = functional.normalize(weight @ self._embedded, dim=-1)
        whole = (certainty == 1).all(dim=1)
        if bool(whole.any()):
            vector[whole] = _embedded(self._query, said[whole])
        return vector


def _tensors(
    words: Statements,
) -> tuple[Float32[Tensor, "query attribute"], Float32[Tensor, "query attribute"]]:
    said = torch.from_numpy(np.maximum(words.said, 0).astype(np.float32))
    return said, torch.from_numpy(words.certainty)


def _embedded(query: QuerySide, values: Float32[Tensor, "query attribute"]) -> Float32[Tensor, "query dim"]:
    with torch.inference_mode():
        found = query.embed_queries(values)
    if found is None:
        raise InputError("the model has no attribute encoder")
    return found.clone()
