"""Counts and sizes a demonstration tells of its people and its models."""

from typing import Any

from attrieve.demonstration.comparison import COMPARED
from attrieve.demonstration.people import DemonstrationPeople
from attrieve.evaluation import EvaluationReport
from attrieve.models.retriever import Retriever
from attrieve.training.config import Recipe


def data_facts(people: DemonstrationPeople, report: EvaluationReport) -> dict[str, Any]:
    """Return what was drawn and how it was divided."""
    split = people.split
    everybody = (*split.train.persons, *split.test.persons)
    task = report.tasks[COMPARED]
    return {
        "split": split.name,
        "vocabulary": people.test.schema.name,
        "attributes": len(people.test.schema),
        "pictures": len(everybody),
        "persons": len({person.identity for person in everybody}),
        "train_pictures": len(split.train),
        "test_pictures": len(split.test),
        "train_categories": len(people.train.categories),
        "queries": len(task.query_values),
        "unseen_queries": int((~task.seen).sum()),
    }


def model_facts(
    model: Retriever, recipe: Recipe, report: EvaluationReport, train_pictures: int
) -> dict[str, Any]:
    """Return a model's size, its budget and everything that was measured of it."""
    training = recipe.training
    steps = train_pictures // training.batch
    return {
        "about": recipe.about,
        "kind": recipe.model.kind.value,
        "backbone": recipe.model.backbone.name,
        "height_px": recipe.model.height_px,
        "width_px": recipe.model.width_px,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "fingerprint": model.fingerprint,
        "epochs": training.epochs,
        "batch": training.batch,
        "steps_per_epoch": steps,
        "pictures_seen": steps * training.batch * training.epochs,
        "fusion": recipe.retrieval.model_dump(mode="json"),
        "recipe": recipe.model_dump(mode="json", exclude_none=True),
        "metrics": report.to_json(),
    }
