"""``attrieve train``: from a recipe to a run folder."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from attrieve.cli.failure import exits_on_error


@exits_on_error
def train(
    recipe: Annotated[Path, typer.Argument(help="Recipe file, e.g. recipes/peta-cpu/multi-task.toml.")],
    data: Annotated[Path, typer.Option(help="Data folder (PETA in either layout, or drawn people).")],
    out: Annotated[Path, typer.Option(help="Run folder to write; an unfinished run there is continued.")],
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
    """Train a retriever by a recipe.

    A run that was killed is continued by the same command, to the result it would have had. The run
    folder then holds the model, its configuration, the resolved recipe and the journal.

    Example: attrieve train recipes/peta-cpu/attributes.toml --data PETA --out runs/attributes
    """
    import torch

    from attrieve.cli.people import decode, read_split
    from attrieve.training.config import load_recipe
    from attrieve.training.run import Machine, is_first_process
    from attrieve.training.run import train as run_training

    if threads is not None:
        torch.set_num_threads(threads)
    console = Console(stderr=True)
    settings = list(changes or [])
    settings += [f"initialisation.weights={json.dumps(init)}"] if init is not None else []
    settings += [f"initialisation.run={json.dumps(init_run)}"] if init_run is not None else []
    chosen = load_recipe(recipe, settings)
    split = read_split(chosen, data)
    people = decode(split.train, chosen, cache=cache, console=console)
    machine = Machine(accelerator=accelerator, devices=devices, nodes=nodes)
    retriever = run_training(chosen, people, out, machine=machine, console=console)
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
