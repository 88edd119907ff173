"""``attrieve calibrate``: make a run's probabilities mean what they say."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from attrieve.cli.failure import exits_on_error

PICTURE_FILE = "calibration.svg"


class Part(StrEnum):
    """Whose images a run is calibrated on."""

    VALIDATION = "validation"
    TEST_HALF = "test-half"


@exits_on_error
def calibrate(
    run: Annotated[Path, typer.Argument(help="Run folder.", show_default=False)],
    data: Annotated[Path, typer.Option(help="Data folder the run was trained from.", show_default=False)],
    part: Annotated[
        Part,
        typer.Option(
            help="validation: the categories the run's recipe set aside; test-half: a fixed half of the test "
            "categories, which may then take no part in any measurement."
        ),
    ] = Part.VALIDATION,
    miss: Annotated[
        float, typer.Option(help="Cost of not seeing an attribute that is there, for the thresholds.")
    ] = 1.0,
    false_alarm: Annotated[
        float, typer.Option(help="Cost of seeing an attribute that is not there, for the thresholds.")
    ] = 1.0,
    descriptions: Annotated[
        int, typer.Option(min=2, help="How many partial descriptions are simulated for P(match).")
    ] = 600,
    seed: Annotated[int, typer.Option(help="Of folds and simulated descriptions.")] = 0,
    cache: Annotated[Path | None, typer.Option(help="Folder for decoded images.", show_default=False)] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1, mps, or auto.")] = "auto",
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document and nothing else.")
    ] = False,
) -> None:
    """Fit what turns a run's scores into probabilities, on people it did not learn from.

    Writes calibration.json into the run, which every later use of it reads, and the picture calibration.svg.
    Galleries made from it afterwards have it; `attrieve gallery calibrate` brings it to those made before.

    Example: attrieve calibrate runs/multi-task --data PETA
    """
    from rich.progress import Progress

    from attrieve.cli.index import choose_device
    from attrieve.cli.people import decode, load_retriever_and_recipe, people_to_calibrate_on, read_split
    from attrieve.data.files import write_atomically
    from attrieve.evaluation.reliability_figure import reliability_figure
    from attrieve.gallery.calibrating import calibrate_run
    from attrieve.models.checkpoint import CALIBRATION_FILE, save_calibration

    console = Console(stderr=True)
    retriever, recipe = load_retriever_and_recipe(run, device=str(choose_device(device)))
    persons = people_to_calibrate_on(read_split(recipe, data), recipe, part.value)
    people = decode(persons, recipe, cache=cache, console=console)
    with Progress(console=console, transient=True) as progress:
        task = progress.add_task("describing images", total=len(people))
        found = calibrate_run(
            retriever,
            people.images,
            people.values,
            people.category,
            part=part.value,
            undo_weights=recipe.loss.attributes.weighting == "attribute_and_label",
            descriptions=descriptions,
            seed=seed,
            progress=lambda done: progress.update(task, completed=done),
        )
    thresholds = found.kept.attributes.thresholds(miss=miss, false_alarm=false_alarm).tolist()
    save_calibration(found.kept, run, retriever.schema)
    labels = retriever.schema.labels
    picture = reliability_figure(found.before, found.after, people.values, labels)
    write_atomically(run / PICTURE_FILE, picture.encode())
    if as_json:
        named = dict(zip(retriever.schema.names, thresholds, strict=True))
        told = {"run": str(run), "file": str(run / CALIBRATION_FILE), "picture": str(run / PICTURE_FILE)}
        costs = {"miss": miss, "false_alarm": false_alarm, "thresholds": named}
        methods = dict(zip(retriever.schema.names, found.kept.attributes.methods, strict=True))
        typer.echo(json.dumps(told | {"facts": found.kept.facts, "methods": methods, **costs}, indent=1))
        return
    table = Table(title=f"{run}: calibrated on {len(people.values):,} images", title_justify="left")
    for heading in ("expected calibration error", "before", "after"):
        table.add_column(heading, justify="left" if heading.startswith("expected") else "right")
    errors = found.kept.facts["calibration_error"]
    for key, name in (
        ("mean_of_attributes", "mean over attributes"),
        ("mean_of_attributes_equal_mass", "the same, bins of equal mass"),
        ("all_answers", "all answers together"),
    ):
        table.add_row(name, f"{errors['before'][key]:.4f}", f"{errors['after'][key]:.4f}")
    match = found.kept.facts["match"]
    table.add_row(
        "P(match) of descriptions",
        f"{match['product']['calibration_error']:.4f}",
        f"{match['attributes']['calibration_error']:.4f}",
    )
    Console().print(table)
    typer.echo(f"kept in {run / CALIBRATION_FILE}; picture in {run / PICTURE_FILE}")
