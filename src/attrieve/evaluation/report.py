"""One report of a model on a test set: recognition, and retrieval by protocol and distance."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

from jaxtyping import Int8, Int64
from numpy import ndarray
from rich.table import Table

from attrieve.errors import ConfigurationError, InputError
from attrieve.evaluation.attribute_accuracy import AttributeAccuracy, attribute_accuracy
from attrieve.evaluation.distances import ATTRIBUTES, EMBEDDING, NAMES, Predictions, distance_blocks
from attrieve.evaluation.protocol import Protocol, RetrievalTask, build_task
from attrieve.evaluation.retrieval import (
    RetrievalMetrics,
    RetrievalScores,
    evaluate_retrieval,
)
from attrieve.schema import AttributeSchema
from attrieve.scoring.fusion import Fusion, Normalisation

__all__ = [
    "ATTRIBUTES",
    "EMBEDDING",
    "EvaluationReport",
    "Predictions",
    "default_fusions",
    "evaluate_predictions",
    "report_table",
]


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

    The distances are those of :data:`~attrieve.evaluation.distances.NAMES` that the model's branches allow
    and, for a model with both branches, each of ``fusions`` by its name.

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
        ConfigurationError: if a fusion is called as one of the other distances.
    """
    _require_fit(predictions, schema, test_values)
    taken = sorted(NAMES & set(fusions))
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
            for name, block in distance_blocks(predictions, task, schema, fusions).items()
        }
        for protocol, task in tasks.items()
    }
    return EvaluationReport(schema, recognition, tasks, retrieval)


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
