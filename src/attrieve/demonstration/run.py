"""The whole demonstration, step by step; what was finished before is not done again."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from attrieve.data.files import write_atomically
from attrieve.data.splits import category_labels
from attrieve.demonstration import people as drawn
from attrieve.demonstration.calibrating import calibrate
from attrieve.demonstration.chance import random_ranking
from attrieve.demonstration.comparison import COMPARED, FUSED, comparison_rows, verdict
from attrieve.demonstration.examples import choose_examples
from attrieve.demonstration.facts import data_facts, model_facts
from attrieve.demonstration.journals import Curve, read_curves
from attrieve.demonstration.machine import peak_memory_gib
from attrieve.demonstration.people import DemonstrationPeople
from attrieve.demonstration.progress import StepLog
from attrieve.demonstration.recipes import (
    FIRST_STAGE,
    MULTI_TASK,
    demonstration_recipes,
    first_stage_recipe,
)
from attrieve.demonstration.report import render_report
from attrieve.demonstration.settings import DemonstrationSettings
from attrieve.demonstration.showing import show_example
from attrieve.evaluation import EvaluationReport, Protocol, default_fusions, evaluate_predictions
from attrieve.evaluation.predict import predict
from attrieve.evaluation.record import code_commit, machine_facts, write_record
from attrieve.gallery.calibrating import calibrate_gallery
from attrieve.gallery.ingest import index_images
from attrieve.gallery.pipeline import PipelineSettings
from attrieve.gallery.store import Gallery
from attrieve.models.retriever import Retriever
from attrieve.scoring.fusion import Fusion, Normalisation
from attrieve.training.config import Recipe
from attrieve.training.run import Machine, train

DOCUMENT = "demo.json"
REPORT = "report.html"
REPORT_STEP = "write the report"
NOTE = "Drawn people: says nothing about real ones."


@dataclass(frozen=True)
class _Places:
    """Where everything of a demonstration lies."""

    out: Path

    @property
    def people(self) -> Path:
        return self.out / "people"

    @property
    def calibration(self) -> Path:
        return self.out / "calibration-people"

    @property
    def cache(self) -> Path:
        return self.out / "cache"

    @property
    def gallery(self) -> Path:
        return self.out / "gallery"

    def run(self, name: str) -> Path:
        return self.out / "runs" / name


def run_demonstration(
    settings: DemonstrationSettings,
    out: Path,
    *,
    threads: int = 1,
    console: Console | None = None,
    command: str = "attrieve demo",
) -> dict[str, Any]:
    """Draw, train, evaluate, index, search and report; go on where an earlier call was stopped.

    Args:
        settings: what to draw and how long to train.
        out: folder for everything: ``people``, ``runs``, ``gallery``, ``demo.json``, ``report.html``.
        threads: processor threads the caller lets PyTorch use; also processes that draw.
        console: where progress is shown, or None.
        command: for the result records.

    Returns:
        What ``demo.json`` holds.

    Raises:
        ConfigurationError: if ``out`` holds a demonstration of other settings, or something else.
        DatasetError: if too few people are drawn to hold out the test categories.
        StorageError: if the disk refuses.
    """
    places = _Places(out)
    recipes = demonstration_recipes(settings)
    log = StepLog(out, settings, console=console)
    if log.is_done(REPORT_STEP) and (out / REPORT).is_file() and (out / DOCUMENT).is_file():
        finished: dict[str, Any] = json.loads((out / DOCUMENT).read_bytes())
        return finished
    with log.step("draw people"):
        drawn.draw(places.people, settings.drawing(), workers=threads, console=console)
    with log.step("read and divide them"):
        recipe = recipes[MULTI_TASK]
        people = drawn.read(places.people, recipe, cache=places.cache, workers=threads, console=console)
    everything = {FIRST_STAGE: first_stage_recipe(settings), **recipes}
    models = _train(everything, people, places, log, console)
    del models[FIRST_STAGE]
    with log.step("evaluate by all protocols"):
        reports = {name: _evaluate(model, recipes[name], people) for name, model in models.items()}
        for name, report in reports.items():
            content = {"name": name, "seed": settings.seed, "metrics": report.to_json()}
            write_record(places.run(name) / "metrics.json", content, command=command)
        chance = random_ranking(reports[MULTI_TASK].tasks[COMPARED])
    with log.step("calibrate"):
        calibration = calibrate(
            models[MULTI_TASK],
            recipes[MULTI_TASK],
            settings,
            places.run(MULTI_TASK),
            places.calibration,
            cache=places.cache,
            workers=threads,
            console=console,
        )
    with log.step("index the test pictures"):
        index_images(
            models[MULTI_TASK],
            places.gallery,
            people.test_persons.persons,
            settings=PipelineSettings(workers=threads),
        )
        calibrate_gallery(places.gallery, calibration)
    with log.step("search"):
        gallery = Gallery.open(places.gallery)
        examples = [
            show_example(gallery, example, people.test_persons)
            for example in choose_examples(people.test_persons)
        ]
    document = {
        "note": NOTE,
        "command": command,
        "commit": code_commit(),
        "machine": {**machine_facts(), "threads": threads},
        "settings": settings.model_dump(mode="json"),
        "data": data_facts(people, reports[MULTI_TASK]),
        "comparison": {"protocol": COMPARED.value, "rows": comparison_rows(chance, reports)},
        "verdict": verdict(chance, reports),
        "models": {
            name: model_facts(models[name], recipes[name], reports[name], len(people.train))
            for name in models
        },
        "calibration": dict(calibration.facts),
        "examples": examples,
        "steps": [asdict(step) for step in log.steps.values() if step.name != REPORT_STEP],
        "seconds": log.seconds,
        "peak_memory_gib": peak_memory_gib(),
    }
    with log.step(REPORT_STEP):
        write_atomically(out / DOCUMENT, (json.dumps(document, indent=1) + "\n").encode())
        page = render_report(document, people.test_persons, _curves(document, places))
        write_atomically(out / REPORT, page.encode())
    return document


def _curves(document: Mapping[str, Any], places: _Places) -> dict[str, dict[str, Curve]]:
    return {
        name: read_curves(places.run(name) / "journal.csv", steps_per_epoch=facts["steps_per_epoch"])
        for name, facts in document["models"].items()
    }


def _train(
    recipes: Mapping[str, Recipe],
    people: DemonstrationPeople,
    places: _Places,
    log: StepLog,
    console: Console | None,
) -> dict[str, Retriever]:
    """Train every model on the same pictures; a run that was finished is loaded."""
    models = {}
    for name, recipe in recipes.items():
        with log.step(f"train: {name}"):
            models[name] = train(
                recipe, people.train, places.run(name), machine=Machine(accelerator="cpu"), console=console
            )
    return models


def _evaluate(model: Retriever, recipe: Recipe, people: DemonstrationPeople) -> EvaluationReport:
    retrieval = recipe.retrieval
    own = Fusion(
        attribute_weight=retrieval.attribute_weight,
        embedding_weight=retrieval.embedding_weight,
        normalisation=Normalisation(retrieval.normalisation),
    )
    return evaluate_predictions(
        predict(model, people.test.images),
        schema=people.test.schema,
        train_values=people.train.values.numpy(),
        test_values=people.test.values.numpy(),
        test_categories=category_labels(people.split.test.values)[0],
        protocols=list(Protocol),
        fusions={**default_fusions(), FUSED: own},
    )
