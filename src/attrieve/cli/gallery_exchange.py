"""``attrieve gallery export`` and ``import``: rows to and from other programs."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import pyarrow as pa
import typer
from rich.console import Console

from attrieve.cli.failure import exits_on_error
from attrieve.cli.gallery_options import AsJson, GalleryFolder, Where, print_json, size
from attrieve.errors import InputError
from attrieve.gallery.database.exporting import ExportKind, export_gallery
from attrieve.gallery.database.importing import (
    foreign_columns,
    foreign_model,
    import_foreign,
    read_foreign,
)
from attrieve.gallery.database.layout import THUMBNAIL
from attrieve.gallery.database.manifest import DatabaseManifest, GalleryModel
from attrieve.gallery.database.reading import GallerySnapshot
from attrieve.gallery.database.writing import open_database_writer
from attrieve.gallery.manifest_file import MANIFEST_NAME
from attrieve.schema import load_vocabulary

if TYPE_CHECKING:
    from attrieve.models.query_side import QuerySide


@exits_on_error
def export_command(
    gallery: GalleryFolder,
    file: Annotated[Path, typer.Argument(help="File to write; an old one is replaced.", show_default=False)],
    to: Annotated[
        ExportKind,
        typer.Option(
            help="parquet holds everything; csv all but embeddings and thumbnails; fiftyone is its JSON."
        ),
    ] = ExportKind.PARQUET,
    where: Where = None,
    as_json: AsJson = False,
) -> None:
    """Write rows to a file for another program, all or those that meet conditions.

    Example: attrieve gallery export gallery rows.parquet --to parquet --where camera=C1
    """
    snapshot = GallerySnapshot.open(gallery)
    count = export_gallery(snapshot, file, to, snapshot.parse(where) if where else None)
    if as_json:
        print_json({"gallery": str(gallery), "file": str(file), "to": to.value, "rows": count})
    else:
        told = f"{count:,} rows, {size(file.stat().st_size)}, in {file}"
        Console(highlight=False, soft_wrap=True).print(told, markup=False)


@exits_on_error
def import_command(
    gallery: Annotated[Path, typer.Argument(help="Gallery folder, new or to add to.", show_default=False)],
    file: Annotated[
        Path,
        typer.Argument(
            help="Parquet or Arrow with columns source and embedding or probability or both; or a NumPy "
            "matrix of embeddings.",
            show_default=False,
        ),
    ],
    details: Annotated[
        Path | None,
        typer.Option(
            help="Parquet, Arrow, CSV or JSON lines with the other columns, in the same order.",
            show_default=False,
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(help="For a new gallery: the program or model of the vectors.", show_default=False),
    ] = None,
    vocabulary: Annotated[
        str | None,
        typer.Option(help="For a new gallery: peta35 or peta105.", show_default=False),
    ] = None,
    like: Annotated[
        Path | None,
        typer.Option(
            help="For a new gallery: one whose export this is; its query side comes along.",
            show_default=False,
        ),
    ] = None,
    add_columns: Annotated[
        bool, typer.Option("--add-columns", help="Give the gallery the columns it lacks.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Add rows whose vectors another program made, or another gallery exported.

    Embeddings are brought to unit length; NaN and zeros are refused. Importing again changes nothing.

    Example: attrieve gallery import gallery vectors.npy --details images.csv --name dino --vocabulary peta35
    """
    table = read_foreign(file, details)
    is_new = not (gallery / MANIFEST_NAME).exists()
    model = _model(gallery, table, is_new, name, vocabulary, like)
    with open_database_writer(
        gallery,
        model=model,
        query_side=_query_side(like) if is_new and like is not None else None,
        thumbnails=THUMBNAIL in table.column_names,
        user_columns=foreign_columns(table) if is_new or add_columns else (),
    ) as writer:
        done = import_foreign(writer, table)
        count = len(writer)
    if as_json:
        print_json({"gallery": str(gallery), **asdict(done), "rows": count})
    else:
        Console(highlight=False).print(
            f"{done.added:,} added, {done.already_there:,} already there, {done.normalised:,} brought to "
            f"unit length; the gallery holds {count:,}"
        )


def _model(
    gallery: Path, table: pa.Table, is_new: bool, name: str | None, vocabulary: str | None, like: Path | None
) -> GalleryModel:
    if like is not None and (name or vocabulary):
        raise typer.BadParameter("give either --like, or --name and --vocabulary")
    if like is not None:
        return DatabaseManifest.read(like).model
    if name and vocabulary:
        return foreign_model(table, name, load_vocabulary(vocabulary))
    if name or vocabulary:
        raise typer.BadParameter("--name and --vocabulary go together")
    if is_new:
        raise InputError(
            f"{gallery} is no gallery yet; say whose vectors these are: --name and --vocabulary, or --like"
        )
    return DatabaseManifest.read(gallery).model


def _query_side(like: Path) -> "QuerySide | None":
    """Return what embeds descriptions in a gallery, or None if it has nothing that does."""
    snapshot = GallerySnapshot.open(like)
    return snapshot.query_side() if snapshot.model.query_side_path(like).is_dir() else None
