"""Every distance that a model's predictions allow, by name and by blocks of queries."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float, Float32
from torch import Tensor

from attrieve.errors import InputError, UnknownNameError
from attrieve.evaluation.protocol import RetrievalTask
from attrieve.evaluation.retrieval import BLOCK_BYTES, DistanceBlock
from attrieve.schema import AttributeSchema, GroupKind
from attrieve.scoring.cosine import cosine_distance
from attrieve.scoring.euclidean import euclidean_distance, manhattan_distance
from attrieve.scoring.fusion import Fusion, Normalisation, fuse
from attrieve.scoring.likelihood import ONE_OF_MANY, group_likelihood

ATTRIBUTES = "attributes"
"""Name of the recognition distance by itself."""
EMBEDDING = "embedding"
"""Name of the embedding distance by itself."""
INDEPENDENT_LIKELIHOOD = "independent-likelihood"
"""Recognition by itself: negative log-likelihood of the description, every attribute by itself."""
LIKELIHOOD = "likelihood"
"""Recognition by itself: negative log-likelihood with one choice per exclusive group."""
LIKELIHOOD_FUSED = "likelihood-fused"
"""``likelihood + embedding_nats * cosine distance``: both branches as evidence in nats."""
NAMES = frozenset({ATTRIBUTES, EMBEDDING, INDEPENDENT_LIKELIHOOD, LIKELIHOOD, LIKELIHOOD_FUSED})
"""Distances that are always reported under these names."""

EUCLIDEAN = "euclidean"
"""The paper's distance of recognition, as :func:`recognition_distance` names it."""
MANHATTAN = "manhattan"
"""Sum of absolute differences."""

RecognitionDistance = Callable[
    [Float[Tensor, "query attribute"], Float[Tensor, "person attribute"], Float[Tensor, "query attribute"]],
    Float32[Tensor, "query person"],
]
"""A distance of :mod:`attrieve.scoring` between descriptions and probabilities, with certainties last."""

_SMALLEST_STEP = 2.0**-24  # half of float32's at 1: probabilities of exactly 0 and 1 become finite logits


@dataclass(frozen=True)
class Predictions:
    """What a model says of a test set; None for a branch it lacks.

    Args:
        probability: shape (person, attribute), in [0, 1].
        image_embedding: shape (person, dim), any length.
        embed_queries: turns attribute vectors, shape (query, attribute), 1 wanted and 0 unwanted, into
            embeddings, shape (query, dim).
        logit_shift: shape (attribute,), added to the logits before they are read as evidence; undoes the
            weights of the training loss (:func:`~attrieve.scoring.likelihood.training_weight_shift`).
        embedding_nats: how much evidence one unit of cosine distance is, in nats, for the fused likelihood.

    Raises:
        InputError: if both branches are missing, one of the two embedding parts is, or they count
            other persons.
    """

    probability: Float32[Tensor, "person attribute"] | None
    image_embedding: Float32[Tensor, "person dim"] | None
    embed_queries: Callable[[Tensor], Tensor] | None
    logit_shift: Float[Tensor, " attribute"] | None = None
    embedding_nats: float = 20.0

    def __post_init__(self) -> None:
        if (self.image_embedding is None) != (self.embed_queries is None):
            raise InputError("the embedding branch needs both image_embedding and embed_queries, or neither")
        if self.probability is None and self.image_embedding is None:
            raise InputError("predictions need probabilities, embeddings, or both; both are missing")


def distance_blocks(
    predictions: Predictions, task: RetrievalTask, schema: AttributeSchema, fusions: Mapping[str, Fusion]
) -> dict[str, DistanceBlock]:
    """Return, by name, every distance the predictions allow, each computed by blocks of queries.

    Raises:
        InputError: if the predictions do not have as many attributes as the schema.
    """
    query = torch.from_numpy(task.query_values).to(torch.float32)
    blocks: dict[str, DistanceBlock] = {}
    if predictions.probability is not None:
        blocks[ATTRIBUTES] = _attribute_block(query, predictions.probability)
    if predictions.image_embedding is not None and predictions.embed_queries is not None:
        with torch.inference_mode():
            embedded = predictions.embed_queries(query).to(predictions.image_embedding)
        blocks[EMBEDDING] = _embedding_block(embedded, predictions.image_embedding)
    if len(blocks) == 2:
        maxima = _Maxima.static(len(query[0]))
        if any(fusion.normalisation is Normalisation.MATRIX for fusion in fusions.values()):
            matrix = _Maxima.of(blocks, len(query), len(task.person_values))
        for name, fusion in fusions.items():
            chosen = matrix if fusion.normalisation is Normalisation.MATRIX else maxima
            blocks[name] = _fused_block(blocks[ATTRIBUTES], blocks[EMBEDDING], fusion, chosen)
    return blocks | _likelihood_blocks(predictions, query, schema, blocks.get(EMBEDDING))


def _likelihood_blocks(
    predictions: Predictions,
    query: Float[Tensor, "query attribute"],
    schema: AttributeSchema,
    embedding: DistanceBlock | None,
) -> dict[str, DistanceBlock]:
    if predictions.probability is None:
        return {}
    probability = predictions.probability
    certainty = (query >= 0).to(torch.float32)  # an unknown value asks for nothing

    def block_of(name: str) -> DistanceBlock:
        distance = recognition_distance(name, schema, predictions.logit_shift)
        return lambda block: distance(query[block], probability, certainty[block])

    grouped = block_of(LIKELIHOOD)

    def fused(block: slice) -> Float32[Tensor, "query person"]:
        assert embedding is not None
        return grouped(block) + predictions.embedding_nats * embedding(block)

    blocks: dict[str, DistanceBlock] = {
        INDEPENDENT_LIKELIHOOD: block_of(INDEPENDENT_LIKELIHOOD),
        LIKELIHOOD: grouped,
    }
    return blocks if embedding is None else blocks | {LIKELIHOOD_FUSED: fused}


def recognition_distance(
    name: str, schema: AttributeSchema, shift: Float[Tensor, " attribute"] | None = None
) -> RecognitionDistance:
    """Return a distance between descriptions and attribute probabilities by its name.

    Args:
        name: ``euclidean``, ``manhattan``, ``independent-likelihood`` or ``likelihood`` (one choice per
            exclusive group).
        schema: whose groups the likelihood uses.
        shift: added to the logits that a likelihood reads; see :class:`Predictions`.

    Raises:
        UnknownNameError: with the nearest name.
    """
    kinds = {INDEPENDENT_LIKELIHOOD: frozenset[GroupKind](), LIKELIHOOD: ONE_OF_MANY}
    plain: dict[str, RecognitionDistance] = {EUCLIDEAN: euclidean_distance, MANHATTAN: manhattan_distance}
    if name in plain:
        return plain[name]
    if name not in kinds:
        raise UnknownNameError("recognition distance", name, [*plain, *kinds])

    def likelihood(
        query: Float[Tensor, "query attribute"],
        probability: Float[Tensor, "person attribute"],
        certainty: Float[Tensor, "query attribute"],
    ) -> Float32[Tensor, "query person"]:
        # on logits: a probability near 1 has lost, as float32, what it lacks to 1
        logit = torch.logit(probability.float(), eps=_SMALLEST_STEP)
        return group_likelihood(query, logit, schema, certainty, shift=shift, one_of_many=kinds[name])

    return likelihood


@dataclass(frozen=True)
class _Maxima:
    """The largest distance of each branch."""

    attribute: float
    embedding: float

    @classmethod
    def static(cls, attributes: int) -> "_Maxima":
        return cls(math.sqrt(attributes), 2.0)

    @classmethod
    def of(cls, blocks: Mapping[str, DistanceBlock], queries: int, persons: int) -> "_Maxima":
        step = max(1, BLOCK_BYTES // (4 * max(persons, 1)))
        starts = range(0, queries, step)

        def largest(block: DistanceBlock) -> float:
            return max(float(block(slice(start, min(start + step, queries))).amax()) for start in starts)

        return cls(largest(blocks[ATTRIBUTES]), largest(blocks[EMBEDDING]))


def _attribute_block(
    query: Float[Tensor, "query attribute"], probability: Float[Tensor, "person attribute"]
) -> DistanceBlock:
    return lambda block: euclidean_distance(query[block].to(probability), probability)


def _embedding_block(query: Float[Tensor, "query dim"], person: Float[Tensor, "person dim"]) -> DistanceBlock:
    return lambda block: cosine_distance(query[block], person)


def _fused_block(
    attributes: DistanceBlock, embedding: DistanceBlock, fusion: Fusion, maxima: _Maxima
) -> DistanceBlock:
    by_query = fusion.normalisation is Normalisation.QUERY
    return lambda block: fuse(
        attributes(block),
        embedding(block),
        fusion,
        attribute_maximum=None if by_query else maxima.attribute,
        embedding_maximum=None if by_query else maxima.embedding,
    )
