"""One report of a model on a test set: recognition, and retrieval by protocol and distance."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass

import torch
from jaxtyping import Float, Float32, Int8, Int64
from numpy import ndarray
from rich.table import Table
from torch import Tensor

from attrieve.errors import ConfigurationError, InputError
from attrieve.evaluation.attribute_accuracy import AttributeAccuracy, attribute_accuracy
from attrieve.evaluation.protocol import Protocol, RetrievalTask, build_task
from attrieve.evaluation.retrieval import (
    BLOCK_BYTES,
    DistanceBlock,
    RetrievalMetrics,
    RetrievalScores,
    evaluate_retrieval,
)
from attrieve.schema import AttributeSchema
from attrieve.scoring.cosine import cosine_distance
from attrieve.scoring.euclidean import euclidean_distance
from attrieve.scoring.fusion import Fusion, Normalisation, fuse

ATTRIBUTES = "attributes"
"""Name of the recognition distance by itself."""
EMBEDDING = "embedding"
"""Name of the embedding distance by itself."""


@dataclass(frozen=True)
class Predictions:
    """What a model says of a test set; None for a branch it lacks.

    Args:
        probability: shape (person, attribute), in [0, 1].
        image_embedding: shape (person, dim), any length.
        embed_queries: turns attribute vectors, shape (query, attribute), 1 wanted and 0 unwanted, into
            embeddings, shape (query, dim).

    Raises:
        InputError: if both branches are missing, one of the two embedding parts is, or they count
            other persons.
    """

    probability: Float32[Tensor, "person attribute"] | None
    image_embedding: Float32[Tensor, "person dim"] | None
    embed_queries: Callable[[Tensor], Tensor] | None

    def __post_init__(self) -> None:
        if (self.image_embedding is None) != (self.embed_queries is None):
            raise InputError("the embedding branch needs both image_embedding and embed_queries, or neither")
        if self.probability is None and self.image_embedding is None:
            raise InputError("predictions need probabilities, embeddings, or both; both are missing")


@dataclass(frozen=True)
class EvaluationReport:
    """What was measured; :meth:`to_json` gives the same as plain values under stable names.

    Args:
        schema: the model's vocabulary.
        recognition: None for a model without recognition.
        tasks: the queries of each protocol.
        retrieval: metrics by protocol, then by distance.
    """

    schema: AttributeSchema
    recognition: AttributeAccuracy | None
    tasks: Mapping[Protocol, RetrievalTask]
    retrieval: Mapping[Protocol, Mapping[str, RetrievalMetrics]]

    def to_json(self) -> dict[str, object]:
        """Return recognition, protocols and retrieval as nested tables; null where nothing is defined."""
        return {
            "vocabulary": {"name": self.schema.name, "fingerprint": self.schema.fingerprint},
            "recognition": None
            if self.recognition is None
            else _recognition_json(self.recognition, self.schema),
            "protocols": {protocol.value: _task_json(task) for protocol, task in self.tasks.items()},
            "retrieval": {
                protocol.value: {name: _metrics_json(metrics) for name, metrics in by_distance.items()}
                for protocol, by_distance in self.retrieval.items()
            },
        }


def default_fusions() -> dict[str, Fusion]:
    """Return the paper's fusion, and the same weights by per-query and by static maxima."""
    return {
        "fused": Fusion(),
        "fused-query": Fusion(normalisation=Normalisation.QUERY),
        "fused-static": Fusion(normalisation=Normalisation.STATIC),
    }


def evaluate_predictions(
    predictions: Predictions,
    *,
    schema: AttributeSchema,
    train_values: Int8[ndarray, "train attribute"],
    test_values: Int8[ndarray, "person attribute"],
    test_categories: Int64[ndarray, " person"] | None,
    protocols: Sequence[Protocol],
    fusions: Mapping[str, Fusion],
    graded: bool = True,
) -> EvaluationReport:
    """Measure recognition, and retrieval for every protocol by every distance there is.

    The distances are ``attributes`` (recognition alone), ``embedding`` (alone), and, for a model with
    both branches, each of ``fusions`` by its name.

    Args:
        predictions: for the test images, in the order of ``test_values``.
        schema: names the attribute columns.
        train_values: of the training images, to tell seen from unseen queries.
        test_values: 1 yes, 0 no, -1 unknown.
        test_categories: one label per test image, equal for equal full vectors; see
            :func:`~attrieve.evaluation.protocol.build_task`.
        protocols: at least one, unless only recognition is wanted.
        fusions: by name; see :func:`default_fusions`.
        graded: whether to compute mADM.

    Raises:
        InputError: if predictions, values and vocabulary do not fit together, or as for the parts.
        ConfigurationError: if a fusion is called ``attributes`` or ``embedding``.
    """
    _require_fit(predictions, schema, test_values)
    taken = sorted({ATTRIBUTES, EMBEDDING} & set(fusions))
    if taken:
        raise ConfigurationError(f"a fusion must not be called {taken[0]!r}, the name of a single distance")
    recognition = None
    if predictions.probability is not None:
        recognition = attribute_accuracy(predictions.probability, test_values)
    tasks = {
        protocol: build_task(
            protocol, train_values=train_values, test_values=test_values, test_categories=test_categories
        )
        for protocol in protocols
    }
    retrieval = {
        protocol: {
            name: evaluate_retrieval(block, task, graded=graded)
            for name, block in distance_blocks(predictions, task, fusions).items()
        }
        for protocol, task in tasks.items()
    }
    return EvaluationReport(schema, recognition, tasks, retrieval)


def distance_blocks(
    predictions: Predictions, task: RetrievalTask, fusions: Mapping[str, Fusion]
) -> dict[str, DistanceBlock]:
    """Return, by name, every distance the predictions allow, each computed by blocks of queries."""
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
    return blocks


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


def _require_fit(
    predictions: Predictions, schema: AttributeSchema, test_values: Int8[ndarray, "person attribute"]
) -> None:
    persons, attributes = test_values.shape
    if not persons:
        raise InputError("the test set has no images; nothing to evaluate")
    if attributes != len(schema):
        raise InputError(
            f"vocabulary {schema.name!r} has {len(schema)} attributes, the test set {attributes}"
        )
    probability, embedding = predictions.probability, predictions.image_embedding
    if probability is not None and tuple(probability.shape) != (persons, attributes):
        raise InputError(
            f"probabilities of shape {(persons, attributes)} expected, got {tuple(probability.shape)}"
        )
    if embedding is not None and len(embedding) != persons:
        raise InputError(f"embeddings of {persons} images expected, got {len(embedding)}")


def _recognition_json(recognition: AttributeAccuracy, schema: AttributeSchema) -> dict[str, object]:
    document = asdict(recognition)
    document["attributes"] = {
        name: {**asdict(row), "recall": row.recall}
        for name, row in zip(schema.names, recognition.attributes, strict=True)
    }
    return document


def _task_json(task: RetrievalTask) -> dict[str, int]:
    return {
        "queries": len(task.seen),
        "unseen_queries": int((~task.seen).sum()),
        "left_out": task.left_out,
        "persons": int((task.person_category >= 0).sum()),
        "masked_persons": int((task.person_category < 0).sum()),
    }


def _metrics_json(metrics: RetrievalMetrics) -> dict[str, dict[str, object] | None]:
    parts = {"overall": metrics.overall, "seen": metrics.seen, "unseen": metrics.unseen}
    return {name: None if part is None else asdict(part) for name, part in parts.items()}


def report_table(report: EvaluationReport) -> Table:
    """Return the retrieval metrics as a table for people, one row per protocol and distance."""
    title = None
    if report.recognition is not None:
        title = f"recognition: mA {report.recognition.mean_accuracy:.1f}, F1 {report.recognition.f1:.1f}"
    table = Table(title=title, caption="percent; left of the queries: mAP of seen and unseen ones")
    table.add_column("protocol")
    table.add_column("distance")
    for heading in ("mAP", "mAP trapezoid", "R1", "R5", "R10", "mINP", "mADM", "seen", "unseen", "queries"):
        table.add_column(heading, justify="right")
    for protocol, by_distance in report.retrieval.items():
        for name, metrics in by_distance.items():
            table.add_row(protocol.value, name, *_cells(metrics))
    return table


def _cells(metrics: RetrievalMetrics) -> list[str]:
    whole = metrics.overall
    numbers = [
        whole.map,
        whole.map_trapezoid,
        whole.rank1,
        whole.rank5,
        whole.rank10,
        whole.minp,
        whole.madm,
        _map_of(metrics.seen),
        _map_of(metrics.unseen),
    ]
    return ["-" if number is None else f"{number:.1f}" for number in numbers] + [str(whole.queries)]


def _map_of(part: RetrievalScores | None) -> float | None:
    return None if part is None else part.map
