"""The distances that are asked what witnesses say, by name, and what of them is fitted on other people."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float32, Int8, Int64
from numpy import ndarray
from torch import Tensor
from torch.nn import functional

from attrieve.errors import InputError
from attrieve.evaluation.testimony import Statements
from attrieve.models.calibration import Calibration
from attrieve.models.query_side import QuerySide
from attrieve.schema import GroupKind
from attrieve.scoring.calibration import fit_calibration
from attrieve.scoring.cosine import cosine_distance
from attrieve.scoring.erring_witness import erring_witness_likelihood
from attrieve.scoring.euclidean import euclidean_distance
from attrieve.scoring.fusion import Fusion, fuse
from attrieve.scoring.joint_calibration import JointCalibration, fit_joint_calibration
from attrieve.scoring.likelihood import ONE_OF_MANY, group_likelihood

DISAGREEMENT = 1e-3
"""How much of its weight a training category keeps per certain word it contradicts, as in gallery search."""

BASELINE = "euclidean"
"""The paper's recognition distance, restricted to what is named."""

SEARCH_BASELINE = "fused-no"
"""The paper's fused distance: recognition restricted to what is named, the embedding asked as if all else was
no."""

DISTANCES: Mapping[str, str] = {
    BASELINE: "Euclidean over what is named (paper)",
    "independent": "likelihood, every attribute by itself",
    "likelihood": "likelihood, group-structured",
    "calibrated": "group likelihood, a curve per attribute",
    "joint": "group likelihood, jointly calibrated",
    "joint-testimony": "jointly calibrated, witnesses who err",
    "embedding-no": "embedding, the rest filled with no",
    "embedding-half": "embedding, the rest filled with 1/2",
    "embedding-expected": "embedding, expected over completions",
    SEARCH_BASELINE: "fused (paper), the rest filled with no",
    "fused-half": "fused (paper), the rest filled with 1/2",
    "fused-expected": "fused (paper), expected over completions",
    "joint-fused": "jointly calibrated likelihood and expected embedding",
}
"""Every distance: name, and what it is in words."""

NATS = (0.0, 2.0, 5.0, 10.0, 20.0)
"""Evidence of one unit of cosine distance beside the jointly calibrated likelihood, as tried."""
POWERS = (0.0, 1.0, 2.0)
"""How the embedding's evidence falls with the share s of attributes named, ``nats * s^power``, as tried."""

DistanceOfWords = Callable[[Statements], Float32[ndarray, "query person"]]
"""Distances of all persons to what each witness says; smaller is nearer."""


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

    def of(self, chosen: Tensor) -> "SeenPeople":
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
        nats: see :data:`NATS`.
        power: see :data:`POWERS`.
    """

    shift: Float[Tensor, " attribute"]
    curves: Calibration
    joint: JointCalibration
    nats: float = 0.0
    power: float = 0.0


def fit_scores(people: SeenPeople, shift: Float[Tensor, " attribute"], *, seed: int = 0) -> FittedScores:
    """Fit both calibrations on validation people; how the branches join is left as it is.

    Raises:
        InputError: for too few categories.
    """
    curves = fit_calibration(people.logit, people.values, group=people.category, shift=shift, seed=seed)
    joint = fit_joint_calibration(people.logit, people.values, group=people.category, shift=shift, seed=seed)
    return FittedScores(shift, curves.calibration, joint)


def distances_of(people: SeenPeople, query: QuerySide, fitted: FittedScores) -> dict[str, DistanceOfWords]:
    """Return the distances of :data:`DISTANCES` that the model allows.

    Args:
        people: who is searched among.
        query: of the model: vocabulary, encoder and training categories.
        fitted: on other people.
    """
    probability = torch.sigmoid(people.logit)
    joint = fitted.joint.logits(people.logit)
    schema = query.schema

    def recognised(
        logit: Float[Tensor, "person attribute"], kinds: frozenset[GroupKind], moved: Tensor | None = None
    ) -> DistanceOfWords:
        def distance(words: Statements) -> Float32[ndarray, "query person"]:
            said, certainty = _tensors(words)
            found = group_likelihood(said, logit, schema, certainty, shift=moved, one_of_many=kinds)
            return found.numpy()

        return distance

    def euclidean(words: Statements) -> Float32[ndarray, "query person"]:
        said, certainty = _tensors(words)
        return euclidean_distance(said, probability, certainty).numpy()

    def testimony(words: Statements) -> Float32[ndarray, "query person"]:
        said, certainty = _tensors(words)
        return erring_witness_likelihood(said, torch.sigmoid(joint), certainty).numpy()

    found: dict[str, DistanceOfWords] = {
        BASELINE: euclidean,
        "independent": recognised(people.logit, frozenset(), fitted.shift),
        "likelihood": recognised(people.logit, ONE_OF_MANY, fitted.shift),
        "calibrated": recognised(fitted.curves.logits(people.logit), ONE_OF_MANY),
        "joint": recognised(joint, ONE_OF_MANY),
        "joint-testimony": testimony,
    }
    if people.embedding is None:
        return found
    return found | _with_embedding(people.embedding, query, fitted, euclidean, found["joint"])


def _with_embedding(
    person: Float32[Tensor, "person dim"],
    query: QuerySide,
    fitted: FittedScores,
    euclidean: DistanceOfWords,
    joint: DistanceOfWords,
) -> dict[str, DistanceOfWords]:
    expected = ExpectedEmbedding(query)

    def filled(value: float) -> DistanceOfWords:
        def distance(words: Statements) -> Float32[ndarray, "query person"]:
            said = np.where(words.said >= 0, words.said, value).astype(np.float32)
            return cosine_distance(_embedded(query, torch.from_numpy(said)), person).numpy()

        return distance

    def completed(words: Statements) -> Float32[ndarray, "query person"]:
        return cosine_distance(expected(words), person).numpy()

    def fused(embedding: DistanceOfWords) -> DistanceOfWords:
        def distance(words: Statements) -> Float32[ndarray, "query person"]:
            one, other = torch.from_numpy(euclidean(words)), torch.from_numpy(embedding(words))
            return fuse(one, other, Fusion()).numpy()

        return distance

    def evidence(words: Statements) -> Float32[ndarray, "query person"]:
        return joined_evidence(joint(words), completed(words), words, fitted.nats, fitted.power)

    no, half = filled(0.0), filled(0.5)
    return {
        "embedding-no": no,
        "embedding-half": half,
        "embedding-expected": completed,
        SEARCH_BASELINE: fused(no),
        "fused-half": fused(half),
        "fused-expected": fused(completed),
        "joint-fused": evidence,
    }


def joined_evidence(
    likelihood: Float32[ndarray, "query person"],
    cosine: Float32[ndarray, "query person"],
    words: Statements,
    nats: float,
    power: float,
) -> Float32[ndarray, "query person"]:
    """Return ``likelihood + nats * s^power * cosine``, s the share of attributes named, weighted by certainty.

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
