"""One small file per job that tells how it ended."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from attrieve.errors import ConfigurationError, InputError
from attrieve.evaluation.distances import ATTRIBUTES, EMBEDDING, LIKELIHOOD, LIKELIHOOD_FUSED
from attrieve.evaluation.protocol import Protocol
from attrieve.evaluation.record import write_record
from attrieve.models.configuration import RetrieverKind
from attrieve.reproduction.jobs import Job
from attrieve.reproduction.measure import Measurement, average_precisions
from attrieve.reproduction.pace import read_pace
from attrieve.reproduction.rows import Budget
from attrieve.reproduction.starting_weights import same_but_for_spelling
from attrieve.training.config import Recipe, parse_recipe

_NATURAL = {
    RetrieverKind.ATTRIBUTES: ATTRIBUTES,
    RetrieverKind.EMBEDDING: EMBEDDING,
    RetrieverKind.MULTI_TASK: "fused",
}


class Status(StrEnum):
    """How a job ended."""

    DONE = "done"
    DIVERGED = "diverged"
    """A loss or weight became NaN or infinite: a result, told as such and not tried again."""
    FAILED = "failed"
    """Something went wrong that may go right next time."""


@dataclass(frozen=True)
class Outcome:
    """What a record says, as far as the reproduction needs it.

    Args:
        status: how the job ended.
        reason: why, if it is not done.
        map: percent, protocol ``unique``, by the model's own distance; None if it is not done.
        rank1: as ``map``.
        evaluation_seconds: how long measuring took; None if not known.
        recipe: what was trained, as a nested table.
        digest: of the file; another one tells that the job was tried again.
    """

    status: Status
    reason: str | None
    map: float | None
    rank1: float | None
    evaluation_seconds: float | None
    recipe: Mapping[str, Any]
    digest: str


def natural_distance(recipe: Recipe) -> str:
    """Return the distance a recipe ranks by: its own branch or both fused (paper), or likelihoods."""
    if recipe.retrieval.distance == "likelihood" and recipe.model.recognises:
        return LIKELIHOOD_FUSED if recipe.model.embeds else LIKELIHOOD
    return _NATURAL[recipe.model.kind]


def read_outcome(path: Path) -> Outcome | None:
    """Return what a record says, or None if there is none, or none of a reproduction."""
    try:
        content = path.read_bytes()
        document = json.loads(content)
        status = Status(document["status"])
        scores = _own_scores(document) if status is Status.DONE else {}
        return Outcome(
            status=status,
            reason=document.get("reason"),
            map=scores.get("map"),
            rank1=scores.get("rank1"),
            evaluation_seconds=document.get("evaluation_seconds"),
            recipe=document["recipe"],
            digest=hashlib.sha256(content).hexdigest(),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def require_same_recipe(outcome: Outcome, job: Job, path: Path) -> None:
    """Refuse a finished record of another recipe: it would be taken for this one's.

    Raises:
        ConfigurationError: naming the record.
    """
    if outcome.status is Status.FAILED:
        return
    try:
        same = same_but_for_spelling(parse_recipe(outcome.recipe), job.recipe)
    except InputError:  # a recipe of another version of attrieve
        same = False
    if not same:
        raise ConfigurationError(
            f"{path} holds the result of another recipe than {job.row.path} with these starting weights; "
            "remove it, or choose another --out or --record"
        )


def write_done(
    path: Path, job: Job, measurement: Measurement, *, run: Path, budget: Budget, seconds: float, command: str
) -> None:
    """Record a finished job.

    Args:
        path: of the record.
        job: what was done.
        measurement: of its run.
        run: the run folder.
        budget: of the reproduction.
        seconds: that measuring took.
        command: that did it.

    Raises:
        StorageError: if the disk refuses.
    """
    pace = read_pace(run, job.recipe)
    content = {
        **measurement.result,
        **_origin(job, budget),
        "status": Status.DONE.value,
        "distance": natural_distance(job.recipe),
        "training_seconds": pace and round(pace.seconds, 1),
        "images_per_second": pace and round(pace.images_per_second, 1),
        "evaluation_seconds": round(seconds, 1),
        "average_precision": average_precisions(measurement.report),
    }
    write_record(path, content, command=command)


def write_not_done(
    path: Path, job: Job, status: Status, reason: str, *, budget: Budget, command: str
) -> None:
    """Record a job that diverged or failed, so that it is not passed over in silence.

    Raises:
        StorageError: if the disk refuses.
    """
    content = {
        "name": job.recipe.name,
        "seed": job.seed,
        "recipe": job.recipe.model_dump(mode="json", exclude_none=True),
        "data": {"split": job.split},
        **_origin(job, budget),
        "status": status.value,
        "reason": reason,
    }
    write_record(path, content, command=command)


def _origin(job: Job, budget: Budget) -> dict[str, object]:
    paper = job.row.paper
    return {
        "row": job.row.name,
        "budget": budget.value,
        "paper": None if paper is None else asdict(paper),
    }


def _own_scores(document: Mapping[str, Any]) -> Mapping[str, Any]:
    distances = document["metrics"]["retrieval"][Protocol.UNIQUE.value]
    scores: Mapping[str, Any] = distances[document["distance"]]["overall"]
    return scores
