"""``attrieve testimony``: how well a run's people are found by what witnesses say."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from attrieve.cli.failure import exits_on_error


@exits_on_error
def ask_witnesses(
    run: Annotated[Path, typer.Argument(help="Run folder, trained with validation categories.")],
    data: Annotated[Path, typer.Option(help="Data folder the run was trained from.")],
    seed: Annotated[int, typer.Option(min=0, help="Of all that is drawn.")] = 0,
    draws: Annotated[
        int, typer.Option(min=1, help="How often each question is asked with other words; averaged.")
    ] = 3,
    record: Annotated[
        Path | None, typer.Option(help="Also write a result record, e.g. results/queries/NAME.json.")
    ] = None,
    cache: Annotated[Path | None, typer.Option(help="Folder for decoded images.")] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1, mps, or auto.")] = "auto",
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document and nothing else.")
    ] = False,
) -> None:
    """Ask simulated witnesses about the test people, and measure how well each distance finds them.

    Witnesses name 1 to all attributes, err in 5, 10 and 20 % of their answers, doubt, and speak in groups;
    the same seed gives the same words. Calibrations and weights are fitted, and the best distance is chosen,
    on the categories that the run's recipe set aside (data.validation_categories); the test part is only
    measured on. What the model says of the images is kept in the run folder, so a second time takes less.

    Example: attrieve testimony runs/multi-task --data PETA --record results/queries/multi-task.json
    """
    from attrieve.cli.index import choose_device
    from attrieve.evaluation.record import write_record

    console = Console(stderr=True)
    result = answers_of_run(
        run, data, seed=seed, draws=draws, cache=cache, device=str(choose_device(device)), console=console
    )
    if record is not None:
        write_record(record, result, command="attrieve " + " ".join(sys.argv[1:]))
    if as_json:
        typer.echo(json.dumps(result, indent=1))
    else:
        _print(result)


def answers_of_run(
    run: Path,
    data: Path,
    *,
    seed: int = 0,
    draws: int = 3,
    counts: list[int] | None = None,
    cache: Path | None = None,
    device: str = "cpu",
    console: Console,
) -> dict[str, Any]:
    """Return the document of one run.

    Raises:
        AttrieveError: if the run or the data cannot be used, or the run set no categories aside.
    """
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from attrieve.cli.people import load_retriever_and_recipe
    from attrieve.evaluation.testimony_run import document_of_testimony
    from attrieve.reproduction.seen_people import people_of_run
    from attrieve.training.card import read_provenance

    retriever, recipe = load_retriever_and_recipe(run, device=device)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("reading", total=None)
        people = people_of_run(
            run,
            retriever,
            recipe,
            data,
            cache=cache,
            progress=lambda what, done, of: bar.update(task, description=what, completed=done, total=of),
        )
        bar.update(task, description="fitting and choosing", completed=0, total=None)
        asked = 0

        def advance(done: int, of: int) -> None:
            nonlocal asked
            asked += done
            bar.update(task, description="asking witnesses", completed=asked, total=of)

        found = document_of_testimony(
            people.validation,
            people.test,
            retriever.query.cpu(),
            shift=people.shift,
            train_values=people.train_values,
            seed=seed,
            draws=draws,
            counts=counts,
            progress=advance,
        )
    return {
        "name": retriever.name,
        "seed": recipe.training.seed,
        "seed_of_words": seed,
        "kind": retriever.kind,
        "recipe": recipe.model_dump(mode="json", exclude_none=True),
        "training": read_provenance(run),
        "data": {
            "split": people.split,
            "train_images": len(people.train_values),
            "validation_images": len(people.validation.values),
            "test_images": len(people.test.values),
        },
        **found,
    }


def _print(result: dict[str, Any]) -> None:
    from rich.table import Table

    from attrieve.evaluation.testimony_distances import DISTANCES
    from attrieve.evaluation.testimony_report import FEW

    few = [
        row
        for row in result["named"]
        if row["named"] == FEW and row["choice"] == "uniform" and row["relevance"] == "fulfils"
    ]
    table = Table(title=f"mAP, {result['queries']} descriptions, {result['persons']:,} test images")
    table.add_column("ranked by")
    table.add_column("all attributes named", justify="right")
    for row in few:
        table.add_column(f"{row['named']} named", justify="right")
    for name, words in DISTANCES.items():
        if name in result["full"]["distances"]:
            cells = [f"{row['distances'][name]['map'][0]:.1f}" for row in (result["full"], *few)]
            table.add_row(words, *cells)
    Console(width=None if sys.stdout.isatty() else 100).print(table)
    fit = result["fit"]
    typer.echo(
        f"chosen on validation people: {DISTANCES[fit['best_full']]} for full descriptions, "
        f"{DISTANCES[fit['best_partial']]} for partial ones"
    )
