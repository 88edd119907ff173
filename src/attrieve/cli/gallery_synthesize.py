"""``attrieve gallery synthesize``: galleries for load tests."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from attrieve.cli.failure import exits_on_error
from attrieve.cli.gallery_options import AsJson, print_json
from attrieve.cli.progress import counting


@exits_on_error
def synthesize_command(
    gallery: Annotated[
        Path, typer.Argument(help="Gallery folder, new or drawn with the same settings.", show_default=False)
    ],
    rows: Annotated[
        int, typer.Option(min=0, help="How many rows it shall hold in the end.", show_default=False)
    ],
    seed: Annotated[int, typer.Option(min=0, help="Same seed, same rows.")] = 0,
    dim: Annotated[int, typer.Option(min=2, help="Width of the embeddings.")] = 128,
    vocabulary: Annotated[str, typer.Option(help="peta35 or peta105.")] = "peta35",
    threads: Annotated[
        int | None, typer.Option(min=1, help="That draw.", show_default="all processors")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Draw a gallery of any size, of people who do not exist, for load tests.

    Labels co-occur as in PETA, a make-believe model errs as real ones do, cameras, tracks and times are
    plausible; there are no images. A run that was stopped is continued by starting it again, and a gallery
    grows by asking for more rows. Searching works; the answers say nothing about real people.

    Example: attrieve gallery synthesize drawn-gallery --rows 1000000
    """
    from attrieve.gallery.synthesize import synthesize
    from attrieve.gallery.synthesize_rows import SyntheticSettings

    settings = SyntheticSettings(seed=seed, embedding_dim=dim, vocabulary=vocabulary)
    with counting("drawing", rows) as progress:
        summary = synthesize(gallery, rows, settings, threads=threads, progress=progress)
    if as_json:
        print_json({"gallery": str(gallery), **asdict(summary)})
    else:
        Console(highlight=False).print(
            f"{summary.added:,} rows drawn, {summary.already_there:,} already there; {summary.seconds:.1f} s"
        )
