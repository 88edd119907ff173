"""``attrieve reproduce``: the paper's Tables 4.2 and 4.3 by one command."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from attrieve.cli.failure import exits_on_error
from attrieve.reproduction.rows import Budget


@exits_on_error
def reproduce(
    data: Annotated[Path, typer.Option(help="PETA in either layout, a folder or an archive.")],
    out: Annotated[
        Path, typer.Option(help="Folder for everything; a stopped reproduction there is continued.")
    ],
    seeds: Annotated[int, typer.Option(min=1, help="Seeds per row: 0, 1, 2 and so on.")] = 3,
    first_seed: Annotated[
        int, typer.Option(min=0, help="Begin with this seed, e.g. where another machine has the first ones.")
    ] = 0,
    splits: Annotated[
        list[str] | None,
        typer.Option("--split", help="Named split; may be given several times.", show_default="paper"),
    ] = None,
    rows: Annotated[
        list[str] | None,
        typer.Option(
            help="Row name, 4.2, 4.3, or a recipe file; several with commas or given several times.",
            show_default="all rows of both tables",
        ),
    ] = None,
    budget: Annotated[
        Budget, typer.Option(help="full: the paper's networks, for a GPU. cpu: small ones at 128x64.")
    ] = Budget.FULL,
    init: Annotated[
        list[str] | None,
        typer.Option(
            help="Starting weights of the PAR baselines: none, imagenet (from the hub), a safetensors file "
            "for the networks it fits, or BACKBONE= and one of these; may be given several times.",
            show_default="as the recipes say",
        ),
    ] = None,
    record: Annotated[
        Path | None, typer.Option(help="Folder for result records.", show_default="OUT/results")
    ] = None,
    cache: Annotated[
        Path | None, typer.Option(help="Folder for decoded images, shared by processes side by side.")
    ] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="Processor threads for PyTorch.")] = None,
    recipes: Annotated[
        Path | None,
        typer.Option(help="Folder of the rows' recipes.", show_default="those that come with attrieve"),
    ] = None,
    any_data: Annotated[
        bool, typer.Option("--any-data", help="Accept other data than PETA, e.g. drawn people.")
    ] = False,
    plan: Annotated[
        bool, typer.Option("--plan", help="Only say what would be done, and how long it would take.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document and nothing else.")
    ] = False,
) -> None:
    """Reproduce the paper's Tables 4.2 and 4.3: train and measure every row over several seeds.

    Each row, split and seed is a job of its own: a stopped call goes on where it was, finished jobs are
    kept, and several calls with the same OUT share the work, on one machine or on many that see the
    same folder. All rows but the PAR baselines start from the PAR baseline of their seed.

    Example: attrieve reproduce --data PETA --out runs/paper-cpu --budget cpu
    """
    import torch

    from attrieve.reproduction.run import Reproduction, ReproductionSettings
    from attrieve.reproduction.summary import summary_tables

    if threads is not None:
        torch.set_num_threads(threads)
    settings = ReproductionSettings(
        data=data,
        out=out,
        budget=budget,
        seeds=seeds,
        first_seed=first_seed,
        splits=tuple(dict.fromkeys(splits or ["paper"])),
        rows=tuple(name for part in rows or [] for name in part.split(",") if name),
        init=tuple(init or []),
        record=record,
        cache=cache,
        recipes=recipes,
        any_data=any_data,
    )
    console = Console(stderr=True)
    reproduction = Reproduction(settings, console=console, command="attrieve " + " ".join(sys.argv[1:]))
    # a table of many columns is unreadable at the 80 that a pipe gets by default
    told = Console(width=None if sys.stdout.isatty() else 140)
    if plan:
        if as_json:
            typer.echo(json.dumps(reproduction.plan(), indent=1))
        else:
            told.print(reproduction.board.table())
        return
    document = reproduction.run()
    if as_json:
        typer.echo(json.dumps(document, indent=1))
    else:
        for table in summary_tables(document):
            told.print(table)
    for job in document["not_done"]:
        console.print(
            f"{job['status']}: {job['job']}: {job['reason']}", style="red", markup=False, highlight=False
        )
    if document["jobs"]["failed"]:
        raise typer.Exit(1)
