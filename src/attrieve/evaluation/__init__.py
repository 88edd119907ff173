"""How good is it: protocols, retrieval metrics on ranks, recognition metrics, intervals, reports.

Recognition by itself is :func:`attrieve.evaluation.attribute_accuracy.attribute_accuracy`.
"""

from attrieve.evaluation.attribute_accuracy import AttributeAccuracy, AttributeRow
from attrieve.evaluation.protocol import Protocol, RetrievalTask, build_task
from attrieve.evaluation.report import (
    EvaluationReport,
    Predictions,
    default_fusions,
    evaluate_predictions,
    report_table,
)
from attrieve.evaluation.retrieval import (
    QueryScores,
    RetrievalMetrics,
    RetrievalScores,
    evaluate_retrieval,
)
from attrieve.evaluation.significance import (
    Interval,
    PairedDifference,
    bootstrap_interval,
    mean_interval,
    paired_difference,
)

__all__ = [
    "AttributeAccuracy",
    "AttributeRow",
    "EvaluationReport",
    "Interval",
    "PairedDifference",
    "Predictions",
    "Protocol",
    "QueryScores",
    "RetrievalMetrics",
    "RetrievalScores",
    "RetrievalTask",
    "bootstrap_interval",
    "build_task",
    "default_fusions",
    "evaluate_predictions",
    "evaluate_retrieval",
    "mean_interval",
    "paired_difference",
    "report_table",
]
