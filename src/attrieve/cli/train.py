"""``attrieve train``: from a recipe to a run folder."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from attrieve.cli.failure import exits_on_error


@exits_on_error
def train(
    data: Annotated[Path, typer.Option(help="Data folder (PETA in either layout, or drawn people).")],
    out: Annotated[Path, typer.Option(help="Run folder to write; an unfinished run there is continued.")],
    recipe: Annotated[
        Path | None,
        typer.Argument(
            help="Recipe file, e.g. recipes/peta-cpu/multi-task.toml; without one, the best known way."
        ),
    ] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", help="KEY=VALUE to change in the recipe, e.g. training.epochs=3."),
    ] = None,
    init: Annotated[
        str | None,
        typer.Option(help="Starting weights: none, imagenet (from the hub), or a safetensors file."),
    ] = None,
    init_run: Annotated[
        str | None, typer.Option(help="Finished run whose backbone to start from (two-stage training).")
    ] = None,
    cache: Annotated[
        Path | None, typer.Option(help="Folder for decoded images; a second run then starts at once.")
    ] = None,
    accelerator: Annotated[str, typer.Option(help="auto, cpu or gpu.")] = "auto",
    devices: Annotated[int, typer.Option(min=1, help="Devices; more than one trains with DDP.")] = 1,
    nodes: Annotated[int, typer.Option(min=1, help="Machines taking part.")] = 1,
    threads: Annotated[int | None, typer.Option(min=1, help="Processor threads for PyTorch.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document at the end.")] = False,
) -> None:
    """Train a retriever: by a recipe, or without one in the best way known.

    A run that was killed is continued by the same command, to the result it would have had. The run
    folder then holds the model, its configuration, the resolved recipe and the journal.

    Without a recipe two runs are made: recipes/best-attributes.toml in OUT/first-stage, then
    recipes/best.toml from it in OUT. --init is for the first; --init-run takes its place; --set changes
    both. Start from ImageNet where you can.

    Example: attrieve train --data PETA --init imagenet --out runs/best
    Example: attrieve train recipes/peta-cpu/attributes.toml --data PETA --out runs/attributes
    """
    import torch

    from attrieve.cli.people import decode, read_split
    from attrieve.training.config import load_recipe
    from attrieve.training.run import Machine, is_first_process
    from attrieve.training.run import train as run_training
    from attrieve.training.stages import Stage, best_stages

    if threads is not None:
        torch.set_num_threads(threads)
    console = Console(stderr=True)
    settings = list(changes or [])
    if recipe is None:
        stages = best_stages(out, settings, weights=init, run=init_run)
    else:
        settings += [f"initialisation.weights={json.dumps(init)}"] if init is not None else []
        settings += [f"initialisation.run={json.dumps(init_run)}"] if init_run is not None else []
        stages = (Stage(load_recipe(recipe, settings), out),)
    machine = Machine(accelerator=accelerator, devices=devices, nodes=nodes)
    for stage in stages:
        chosen = stage.recipe
        people = decode(read_split(chosen, data).train, chosen, cache=cache, console=console)
        retriever = run_training(chosen, people, stage.out, machine=machine, console=console)
    if not is_first_process():
        return
    summary = {
        "run": str(out),
        "name": retriever.name,
        "fingerprint": retriever.fingerprint,
        "images": len(people),
        "categories": len(people.categories),
        "epochs": chosen.training.epochs,
        "seed": chosen.training.seed,
    }
    if as_json:
        typer.echo(json.dumps(summary, indent=2))
    else:
        console.print(f"run {out}: {retriever.name}, trained on {len(people):,} images", highlight=False)
