"""``attrieve index``: person images into a gallery."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import torch
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn
from rich.progress import TimeRemainingColumn as TimeLeftColumn
from rich.text import Text

from attrieve.cli.failure import exits_on_error
from attrieve.data.folder import read_folder
from attrieve.gallery.ingest import IndexSummary, index_images
from attrieve.gallery.quarantine import QUARANTINE_NAME
from attrieve.models.retriever import Retriever
from attrieve.schema import ImageSource


@exits_on_error
def index(
    run: Annotated[str, typer.Argument(help="Run folder or hub name of the model.", show_default=False)],
    gallery: Annotated[Path, typer.Argument(help="Gallery folder, new or to add to.", show_default=False)],
    sources: Annotated[
        list[Path],
        typer.Argument(help="Image folders, zip archives, text lists, images.", show_default=False),
    ],
    batch: Annotated[int, typer.Option(min=1, help="Images described at once.")] = 64,
    workers: Annotated[int, typer.Option(min=1, help="Threads that read and decode.")] = 2,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1, mps, or auto.")] = "auto",
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document and nothing else.")
    ] = False,
) -> None:
    """Describe person images once and keep the result, so that they can be searched.

    Images that are there already are skipped, so a run that was stopped is continued by starting it
    again. Images that cannot be read are listed with the reason in quarantine.jsonl.

    Example: attrieve index runs/multi-task gallery crops/ more-crops.zip
    """
    chosen = choose_device(device)
    images = list(dict.fromkeys(image for source in sources for image in read_folder(source)))
    retriever = Retriever.from_pretrained(run)
    summary = _index_with_progress(retriever, gallery, images, batch, workers, chosen)
    if as_json:
        typer.echo(json.dumps({"gallery": str(gallery), "sources": len(images), **asdict(summary)}, indent=2))
    else:
        _print_summary(summary, gallery)


def choose_device(name: str) -> torch.device:
    """Return the device of a name; ``auto`` is an accelerator if there is one.

    Raises:
        typer.BadParameter: for a name PyTorch does not know, or a device this machine lacks.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise typer.BadParameter(f"cannot compute on {name!r}: {reason}", param_hint="--device") from error
    return device


def _index_with_progress(
    retriever: Retriever,
    gallery: Path,
    images: list[ImageSource],
    batch: int,
    workers: int,
    device: torch.device,
) -> IndexSummary:
    columns = (
        TextColumn("indexing"),
        BarColumn(),
        MofNCompleteColumn(),
        _RateColumn(),
        TimeLeftColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("indexing", total=len(images))
        return index_images(
            retriever,
            gallery,
            images,
            batch=batch,
            workers=workers,
            device=device,
            progress=lambda done: bar.advance(task, done),
        )


class _RateColumn(ProgressColumn):
    """Images per second."""

    def render(self, task: Task) -> Text:
        """Return the speed as text, empty until it is known."""
        speed = task.finished_speed or task.speed
        return Text("" if speed is None else f"{speed:,.1f} images/s", style="progress.data.speed")


def _print_summary(summary: IndexSummary, gallery: Path) -> None:
    console = Console(highlight=False, soft_wrap=True)
    console.print(
        f"{summary.added:,} added, {summary.already_there:,} already there, "
        f"{summary.quarantined:,} in quarantine; {summary.seconds:.1f} s"
    )
    if summary.quarantined:
        console.print(f"why: {gallery / QUARANTINE_NAME}", markup=False)
