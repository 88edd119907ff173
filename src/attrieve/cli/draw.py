"""``attrieve data draw``: drawn people on disk, in the layout of PETA."""

import json
import re
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from attrieve.cli.failure import exits_on_error
from attrieve.data.synthetic import (
    DrawnPeopleConfig,
    draw_values,
    drawn_contact_sheet,
    write_peta_layout,
)
from attrieve.errors import ConfigurationError, StorageError

SHEET_IMAGES = 32
"""Most persons on a contact sheet; the first ones, one picture of each."""

SHEET_HEIGHT_PX = 256
"""Larger pictures are drawn this high on a contact sheet."""


@exits_on_error
def draw(
    out: Annotated[Path, typer.Argument(help="Folder to write PETA/images and PETA/PETA.mat to.")],
    images: Annotated[int, typer.Option(help="Number of pictures.")] = 3000,
    seed: Annotated[int, typer.Option(help="Same seed, same pictures.")] = 0,
    size: Annotated[str, typer.Option(help="Height x width in pixels.")] = "256x128",
    difficulty: Annotated[float, typer.Option(help="0 clean to 1 occluded, blurred, noisy.")] = 0.5,
    image_format: Annotated[str, typer.Option("--format", help="png or jpg.")] = "png",
    workers: Annotated[int | None, typer.Option(help="Processes; all processors if left out.")] = None,
    sheet: Annotated[
        Path | None, typer.Option(help="Also write a contact sheet (PNG) of the first persons.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON document and nothing else.")
    ] = False,
) -> None:
    """Draw people with known attributes: no real persons, for demos, tests and load.

    Example: attrieve data draw drawn --images 3000 --sheet drawn.png
    """
    height, width = read_size(size)
    config = DrawnPeopleConfig(
        images=images, seed=seed, height_px=height, width_px=width, difficulty=difficulty
    )
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("drawing people", total=images)
        folder = write_peta_layout(
            out,
            config,
            workers=workers,
            progress=lambda done, _: progress.update(task, completed=done),
            image_format=image_format,
        )
    if sheet is not None:
        write_sheet(sheet, config)
    persons = int(draw_values(config)[1].max())
    report = {
        "folder": str(folder),
        "images": images,
        "persons": persons,
        "seed": seed,
        "height_px": height,
        "width_px": width,
        "difficulty": difficulty,
        "format": image_format,
        "sheet": None if sheet is None else str(sheet),
    }
    if as_json:
        typer.echo(json.dumps(report, indent=2))
    else:
        typer.echo(f"{images:,} pictures of {persons:,} drawn people in {folder}")


def read_size(text: str) -> tuple[int, int]:
    """Return height and width from a text such as ``256x128``.

    Raises:
        ConfigurationError: if it does not read so.

    >>> read_size("256x128")
    (256, 128)
    """
    match = re.fullmatch(r"(\d+)[xX](\d+)", text.strip())
    if match is None:
        raise ConfigurationError(f"size is height x width in pixels, such as 256x128, got {text!r}")
    return int(match[1]), int(match[2])


def write_sheet(path: Path, config: DrawnPeopleConfig) -> None:
    """Write one picture of each of the first persons, captioned, on one sheet of 256 colours.

    Raises:
        StorageError: if the disk refuses.
    """
    height = min(config.height_px, SHEET_HEIGHT_PX)
    few = DrawnPeopleConfig(
        images=min(config.images, SHEET_IMAGES),
        seed=config.seed,
        height_px=height,
        width_px=max(16, config.width_px * height // config.height_px),
        images_per_person=(1, 1),
        difficulty=config.difficulty,
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        drawn_contact_sheet(few).quantize(256).save(path, "PNG", optimize=True)
    except OSError as error:
        raise StorageError(f"cannot write the contact sheet {path}: {error.strerror or error}") from error
