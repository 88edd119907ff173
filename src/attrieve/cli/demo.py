"""``attrieve demo``: everything once, from nothing, on drawn people."""

import json
import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from attrieve.cli.failure import exits_on_error


@exits_on_error
def demo(
    out: Annotated[
        Path, typer.Option(help="Folder for everything; a stopped demo there is continued.")
    ] = Path("demo-output"),
    seed: Annotated[int, typer.Option(min=0, help="Of the drawing and of the training.")] = 0,
    images: Annotated[int | None, typer.Option(min=20, help="Pictures to draw.", show_default="3200")] = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Second-stage epochs of each model.", show_default="6")
    ] = None,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Processor threads.", show_default="all processors")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document and nothing else.")
    ] = False,
) -> None:
    """Draw people, train, evaluate, index, search, and write a report with pictures.

    Needs no data, no network and no accelerator; takes some minutes on two processor cores. Nobody is
    depicted, so the scores say nothing about real people. The report is OUT/report.html, its numbers
    are in OUT/demo.json.

    Example: attrieve demo --out demo-output
    """
    import torch

    from attrieve.demonstration import DemonstrationSettings, run_demonstration

    console = Console(stderr=True)
    count = threads or os.cpu_count() or 1
    torch.set_num_threads(count)
    given = {"seed": seed, "images": images, "epochs": epochs}
    settings = DemonstrationSettings.model_validate(
        {name: value for name, value in given.items() if value is not None}
    )
    command = "attrieve " + " ".join(sys.argv[1:])
    document = run_demonstration(settings, out, threads=count, console=console, command=command)
    if as_json:
        typer.echo(json.dumps(document, indent=1))
        return
    console.print(document["verdict"]["sentence"], highlight=False, markup=False)
    console.print(document["note"], highlight=False, markup=False)
    console.print(f"report: {out / 'report.html'}", highlight=False, markup=False, soft_wrap=True)
