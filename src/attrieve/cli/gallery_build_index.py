"""``attrieve gallery build-index``: makes approximate search possible, and says how good it is."""

from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console

from attrieve.cli.failure import exits_on_error
from attrieve.cli.gallery_options import AsJson, GalleryFolder, print_json, size


@exits_on_error
def build_index_command(
    gallery: GalleryFolder,
    recall: Annotated[
        int,
        typer.Option(min=0, help="Descriptions, drawn from its rows, to measure recall with; 0 for none."),
    ] = 20,
    named: Annotated[
        int | None,
        typer.Option(min=1, help="Attributes each of them names.", show_default="all"),
    ] = None,
    top: Annotated[int, typer.Option(min=1, help="How many of the nearest rows recall counts.")] = 100,
    as_json: AsJson = False,
) -> None:
    """Index a gallery for approximate search, and measure what share of the exact answer it finds.

    Worth it for galleries whose search columns do not fit memory; otherwise exact search is faster. Others
    may search meanwhile. Compacting takes new rows in; index anew when much has changed.

    Example: attrieve gallery build-index gallery --recall 50 --named 5
    """
    from attrieve.gallery.approximate import build_index

    covered = build_index(gallery)
    found = None
    if recall:
        from attrieve.gallery.approximate_recall import measure_recall, sample_descriptions
        from attrieve.gallery.store import Gallery

        opened = Gallery.open(gallery)
        found = measure_recall(opened, sample_descriptions(opened, recall, named=named), top=top)
    if as_json:
        print_json(
            {
                "gallery": str(gallery),
                "columns": [asdict(index) for index in covered],
                "recall": None if found is None else asdict(found),
            }
        )
        return
    console = Console(highlight=False)
    for index in covered:
        console.print(f"{index.column}: {index.indexed_rows:,} rows, {size(index.size_bytes)}")
    if found is not None:
        console.print(str(found), soft_wrap=True)
