"""``attrieve index``: images to gallery rows."""

import json
import sys
from contextlib import closing, redirect_stdout
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import torch
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn

from attrieve.cli.failure import exits_on_error
from attrieve.gallery.distributed.indexing import WorkerSettings, index_with_ray
from attrieve.gallery.index_progress import IndexProgress
from attrieve.gallery.ingest import index_images
from attrieve.gallery.pipeline import IndexSummary, PipelineSettings
from attrieve.gallery.quarantine import QUARANTINE_NAME
from attrieve.gallery.sources import open_sources
from attrieve.models.retriever import Retriever
from attrieve.reproduction.pace import spoken_time


@exits_on_error
def index(
    run: Annotated[str, typer.Argument(help="Run folder or hub name of the model.", show_default=False)],
    gallery: Annotated[Path, typer.Argument(help="Gallery folder, new or to add to.", show_default=False)],
    sources: Annotated[
        list[str],
        typer.Argument(
            help="Folders, images, zip or tar archives, lists (.txt, .csv, .tsv, .jsonl), "
            "webdataset:PATTERN, hf:NAME[:SPLIT][:COLUMN].",
            show_default=False,
        ),
    ],
    batch: Annotated[int, typer.Option(min=1, help="Images described at once.")] = 64,
    workers: Annotated[int, typer.Option(min=1, help="Threads that read and decode.")] = 2,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1, mps, or auto.")] = "auto",
    thumbnails: Annotated[
        int | None,
        typer.Option(
            min=8,
            help="Keep little pictures of this height, in pixels, in a new gallery.",
            show_default=False,
        ),
    ] = None,
    ray: Annotated[
        str | None,
        typer.Option(
            help="Describe on the Ray cluster at this HOST:PORT (or that of this machine: 'auto'), whose "
            "machines must see the images at the same paths; --workers are threads of each worker then.",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document and nothing else.")
    ] = False,
) -> None:
    """Describe person images once and keep the result, so that they can be searched.

    Safe to run again: images already in the gallery are not described again, and a killed run goes on where
    it was. What cannot be read is listed in GALLERY/quarantine.jsonl with the reason. A list with columns
    camera, time, track, box or others of your own brings them along; search filters by them.

    Example: attrieve index runs/multi-task gallery crops/ more-crops.zip cameras.csv
    """
    chosen = None if ray is not None else choose_device(device)
    source = open_sources(sources)
    retriever = Retriever.from_pretrained(run)
    settings = PipelineSettings(batch=batch, workers=workers)
    bar = _ProgressBar()
    with closing(bar):
        if chosen is None:
            with redirect_stdout(sys.stderr):  # Ray tells of deaths there
                summary = index_with_ray(
                    retriever,
                    gallery,
                    source,
                    address=ray,
                    workers=WorkerSettings(gpus=accelerators(device)),
                    settings=settings,
                    thumbnail_px=thumbnails,
                    progress=bar.show,
                )
        else:
            summary = index_images(
                retriever,
                gallery,
                source,
                settings=settings,
                thumbnail_px=thumbnails,
                device=chosen,
                progress=bar.show,
            )
    if as_json:
        total = summary.added + summary.already_there + summary.quarantined
        typer.echo(json.dumps({"gallery": str(gallery), "sources": total, **asdict(summary)}, indent=2))
    else:
        print_summary(summary, gallery)


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


def accelerators(device: str) -> float | None:
    """Return how many accelerators a worker on a cluster needs; None for one if there are any.

    Raises:
        typer.BadParameter: for a device that means one machine's.

    >>> accelerators("auto"), accelerators("cpu"), accelerators("cuda")
    (None, 0.0, 1.0)
    """
    known = {"auto": None, "cpu": 0.0, "cuda": 1.0}
    if device not in known:
        raise typer.BadParameter(
            f"with --ray it is auto, cpu or cuda, got {device!r}; Ray chooses which of a machine's",
            param_hint="--device",
        )
    return known[device]


class _ProgressBar:
    """Counts, rate and time left on stderr."""

    def __init__(self) -> None:
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("indexing"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[told]}"),
            console=Console(stderr=True),
        )
        self._task = self._bar.add_task("indexing", total=None, told="")
        self._bar.start()

    def show(self, progress: IndexProgress) -> None:
        """Bring the bar up to date."""
        told = f"{progress.images_per_s:,.1f} images/s"
        if progress.quarantined:
            told += f", {progress.quarantined:,} in quarantine"
        if progress.seconds_left is not None:
            told += f", {spoken_time(progress.seconds_left)} left"
        self._bar.update(self._task, completed=progress.done, total=progress.total, told=told)

    def close(self) -> None:
        """Leave the last state on the screen."""
        self._bar.stop()


def print_summary(summary: IndexSummary, gallery: Path) -> None:
    """Tell people what became of the images."""
    console = Console(highlight=False, soft_wrap=True)
    console.print(
        f"{summary.added:,} added, {summary.already_there:,} already there, "
        f"{summary.quarantined:,} in quarantine; {summary.seconds:.1f} s"
    )
    if summary.quarantined:
        console.print(f"why: {gallery / QUARANTINE_NAME}", markup=False)
